//! Restating what entries cost, with their sums, a few at a time.
//!
//! What was recorded first stays beside it: `first_cost_pico` and `first_price_version` are set by the first restatement
//! and never again.

use std::collections::HashMap;
use std::path::Path;

use deadpool_postgres::Transaction;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use uuid::Uuid;

use super::cell::{self, Cells, DAY, DIMENSIONS, HOUR, Place};
use super::fields::Fields;
use super::file::{self, LedgerError};
use super::meta;
use super::rollup::{self, Table};
use super::ship;
use super::sums::{Money, Sums};
use crate::domain::{Pico, RequestId};
use crate::store::postgres::{self, Pool};

/// What an entry costs by other prices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restated {
    /// The entry.
    pub id: RequestId,
    /// What it costs; `None`: the price is not known.
    pub cost: Option<Pico>,
    /// By which prices.
    pub price_version: String,
}

/// The most in one transaction: whoever writes entries waits for it.
const FEW: usize = 200;

/// What is read of an entry; the dimensions come after it.
const READ: &str = "at_millis, cost_pico, baseline_pico, provider_cost_pico, input, price_version";

/// An entry as it is.
struct Found {
    at_millis: i64,
    money: Money,
    price_version: Option<String>,
    dimensions: Vec<Option<Box<str>>>,
}

impl Found {
    /// The columns [`READ`] and the dimensions begin at `first`.
    fn of(row: &impl Fields, first: usize) -> Result<Self, LedgerError> {
        let whole = |place: usize| row.whole(first + place);
        Ok(Self {
            at_millis: whole(0)?.unwrap_or(0),
            money: Money { cost: whole(1)?, baseline: whole(2)?, provider_cost: whole(3)?, used: whole(4)?.is_some() },
            price_version: row.text(first + 5)?.map(str::to_owned),
            dimensions: cell::dimensions(row, first + 6)?,
        })
    }

    /// What is added to its sums; `None`: it says so already.
    fn change(&self, new: &Restated) -> Option<Sums> {
        let cost = new.cost.map(Pico::saturating_i64);
        let is_same = cost == self.money.cost && self.price_version.as_deref() == Some(&new.price_version);
        (!is_same).then(|| self.money.replaced_by(Money { cost, ..self.money }))
    }
}

/// Restates entries of the file. How many changed; those that are not there any more are left out.
pub fn in_file(path: &Path, all: &[Restated]) -> Result<u64, LedgerError> {
    let mut connection = file::connect_to_change(path)?;
    let mut changed = 0;
    for few in all.chunks(FEW) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        changed += few_in_file(&transaction, few)?;
        transaction.commit()?;
    }
    Ok(changed)
}

fn few_in_file(connection: &Connection, few: &[Restated]) -> Result<u64, LedgerError> {
    let rolled = meta::mark(connection, meta::ROLLED)?;
    let dimensions: Vec<&str> = DIMENSIONS.into_iter().map(cell::in_file).collect();
    let find = format!("SELECT seq, {READ}, {} FROM entries WHERE id = ?", dimensions.join(", "));
    let update = "UPDATE entries SET cost_pico = ?2, price_version = ?3, \
                    first_cost_pico = CASE WHEN first_price_version IS NULL THEN cost_pico ELSE first_cost_pico END, \
                    first_price_version = coalesce(first_price_version, price_version, '') WHERE seq = ?1";
    let (mut find, mut update) = (connection.prepare_cached(&find)?, connection.prepare_cached(update)?);
    let (mut hours, mut days, mut changed) = (Cells::new(), Cells::new(), 0);
    for new in few {
        let found = find.query_row([new.id.as_bytes()], |row| Ok((row.get::<_, i64>(0)?, Found::of(row, 1))));
        let Some((seq, found)) = found.optional()? else { continue };
        let found = found?;
        let Some(change) = found.change(new) else { continue };
        changed += update.execute((seq, new.cost.map(Pico::saturating_i64), &new.price_version))? as u64;
        if seq <= rolled {
            rollup::put(&mut hours, &mut days, found.at_millis, &found.dimensions, &change);
        }
    }
    rollup::add(connection, Table::Hours, hours)?;
    rollup::add(connection, Table::Days, days)?;
    Ok(changed)
}

/// Restates entries in PostgreSQL, as [`in_file`].
pub async fn in_database(pool: &Pool, all: &[Restated]) -> Result<u64, LedgerError> {
    let mut changed = 0;
    for few in all.chunks(FEW) {
        let mut connection = postgres::connection(pool).await?;
        let transaction = connection.transaction().await?;
        changed += few_in_database(&transaction, few).await?;
        transaction.commit().await?;
    }
    Ok(changed)
}

async fn few_in_database(transaction: &Transaction<'_>, few: &[Restated]) -> Result<u64, LedgerError> {
    let by_id: HashMap<Uuid, &Restated> = few.iter().map(|new| (Uuid::from_bytes(*new.id.as_bytes()), new)).collect();
    let ids: Vec<Uuid> = by_id.keys().copied().collect();
    let dimensions: Vec<&str> = DIMENSIONS.into_iter().map(cell::in_database).collect();
    let find = format!(
        "SELECT {READ}, {}, id, replica FROM entries WHERE id = ANY ($1) AND {} ORDER BY id FOR UPDATE",
        dimensions.join(", "),
        ship::NEAR_THEIR_IDS
    );
    let (first_day, last_day) = ship::days_of(&ids);
    let rows = transaction.query(&find, &[&ids, &first_day, &last_day]).await?;
    let (mut hours, mut days): (HashMap<String, Cells>, Cells) = (HashMap::new(), Cells::new());
    let (mut changed, mut costs, mut versions) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let found = Found::of(row, 0)?;
        let (id, replica): (Uuid, String) = (row.try_get(6 + DIMENSIONS.len())?, row.try_get(7 + DIMENSIONS.len())?);
        let Some((new, change)) = by_id.get(&id).and_then(|new| Some((new, found.change(new)?))) else { continue };
        let Found { at_millis, dimensions, .. } = &found;
        let hour = Place { start: cell::start_of(HOUR, *at_millis), cell: cell::digest(Some(&replica), dimensions) };
        let day = Place { start: cell::start_of(DAY, *at_millis), cell: cell::digest(None, dimensions) };
        cell::add(hours.entry(replica).or_default(), hour, dimensions, &change);
        cell::add(&mut days, day, dimensions, &change);
        changed.push(id);
        costs.push(new.cost.map(Pico::saturating_i64));
        versions.push(new.price_version.as_str());
    }
    let update = format!(
        "UPDATE entries e SET cost_pico = n.cost, price_version = n.version, \
           first_cost_pico = CASE WHEN first_price_version IS NULL THEN cost_pico ELSE first_cost_pico END, \
           first_price_version = coalesce(first_price_version, price_version, '') \
         FROM unnest($1::uuid[], $4::bigint[], $5::text[]) AS n (id, cost, version) \
         WHERE e.id = n.id AND {}",
        ship::NEAR_THEIR_IDS
    );
    let done = transaction.execute(&update, &[&changed, &first_day, &last_day, &costs, &versions]).await?;
    ship::add_to_cells(transaction, hours, days).await?;
    Ok(done)
}
