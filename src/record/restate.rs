//! Restating what entries cost, with their sums, a few at a time.
//!
//! What was recorded first stays beside it: `first_cost_pico` and `first_price_version` are set by the first restatement
//! and never again.

use std::collections::HashMap;
use std::path::Path;

use deadpool_postgres::Transaction;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use uuid::Uuid;

use super::cell::{self, Both, DIMENSIONS};
use super::fields::Fields;
use super::file::{self, LedgerError};
use super::latency::Latencies;
use super::meta;
use super::rollup;
use super::ship;
use super::sums::{self, ADDED_UP, MOVED, Money, Sums};
use super::used::ANSWER;
use crate::domain::{Pico, RequestId};
use crate::store::postgres::{self, Pool};

/// What an entry costs by other prices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restated {
    /// The entry.
    pub id: RequestId,
    /// Which part of it, as in [`Used::place`](super::used::Used::place).
    pub place: Option<i64>,
    /// What it costs; `None`: the price is not known.
    pub cost: Option<Pico>,
    /// By which prices.
    pub price_version: String,
}

/// The most in one transaction: whoever writes entries waits for it.
const FEW: usize = 200;

/// What is read of an entry; the dimensions come after it.
const READ: &str = "at_millis, cost_pico, baseline_pico, provider_cost_pico, input, price_version, straight_pico";

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
            money: Money {
                cost: whole(1)?,
                baseline: whole(2)?,
                provider_cost: whole(3)?,
                straight: whole(6)?,
                used: whole(4)?.is_some(),
            },
            price_version: row.text(first + 5)?.map(str::to_owned),
            dimensions: cell::dimensions(row, first + 7)?,
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
    let (mut both, mut changed) = (Both::default(), 0);
    for new in few {
        if let Some(place) = new.place {
            changed += part_in_file(connection, new, place, rolled, &mut both)?;
            continue;
        }
        let found = find.query_row([new.id.as_bytes()], |row| Ok((row.get::<_, i64>(0)?, Found::of(row, 1))));
        let Some((seq, found)) = found.optional()? else { continue };
        let found = found?;
        let Some(change) = found.change(new) else { continue };
        changed += update.execute((seq, new.cost.map(Pico::saturating_i64), &new.price_version))? as u64;
        if seq <= rolled {
            both.add(found.at_millis, &found.dimensions, &change);
        }
    }
    rollup::add_both(connection, both)?;
    Ok(changed)
}

/// What an entry adds to the rollups, durations left aside: its own sums, and what moves with answers thrown away.
type Contribution = (i64, Vec<Option<Box<str>>>, Sums);

/// Restates one part of a request that was charged for several answers. What it adds to the rollups is taken from them as
/// it was, and added as it is then.
fn part_in_file(
    connection: &Connection,
    new: &Restated,
    place: i64,
    rolled: i64,
    both: &mut Both,
) -> Result<u64, LedgerError> {
    let find = "SELECT seq FROM entries WHERE id = ?";
    let seq = connection.prepare_cached(find)?.query_row([new.id.as_bytes()], |row| row.get::<_, i64>(0)).optional()?;
    let Some(seq) = seq else { return Ok(0) };
    let before = contributions(connection, seq)?;
    let cost = new.cost.map(Pico::saturating_i64);
    let mut costs = costs_in_file(connection, seq)?;
    let Some(known) = costs.iter_mut().find(|(known, _)| *known == place) else { return Ok(0) };
    if known.1 == cost {
        return Ok(0);
    }
    known.1 = cost;
    if place != ANSWER {
        let update = format!("UPDATE discarded SET {} WHERE entry = ?1 AND place = ?4", set("?2", "?3"));
        connection.prepare_cached(&update)?.execute((seq, cost, &new.price_version, place))?;
    }
    let update = format!("UPDATE entries SET {} WHERE seq = ?1", set("?2", "?3"));
    connection.prepare_cached(&update)?.execute((seq, together(&costs), &new.price_version))?;
    if seq <= rolled {
        for (at_millis, dimensions, sums) in before {
            both.add(at_millis, &dimensions, &sums.negated());
        }
        for (at_millis, dimensions, sums) in contributions(connection, seq)? {
            both.add(at_millis, &dimensions, &sums);
        }
    }
    Ok(1)
}

/// What is set where a cost is restated, from these parameters.
fn set(cost: &str, version: &str) -> String {
    format!(
        "cost_pico = {cost}, price_version = {version}, \
         first_cost_pico = CASE WHEN first_price_version IS NULL THEN cost_pico ELSE first_cost_pico END, \
         first_price_version = coalesce(first_price_version, price_version, '')"
    )
}

/// The sum of all parts, if each is known.
fn together(costs: &[(i64, Option<i64>)]) -> Option<i64> {
    costs.iter().try_fold(0_i64, |sum, (_, cost)| Some(sum.saturating_add((*cost)?)))
}

/// What each part costs: the answers that were thrown away by their places, and as [`ANSWER`] the one that the caller got.
fn costs_of(whole: Option<i64>, answered: bool, discarded: Vec<(i64, Option<i64>)>) -> Vec<(i64, Option<i64>)> {
    let own = whole.zip(together(&discarded)).map(|(whole, discarded)| whole.saturating_sub(discarded));
    answered.then_some((ANSWER, own)).into_iter().chain(discarded).collect()
}

fn costs_in_file(connection: &Connection, seq: i64) -> rusqlite::Result<Vec<(i64, Option<i64>)>> {
    let find = "SELECT cost_pico, endpoint IS NOT NULL FROM entries WHERE seq = ?";
    let (whole, answered) = connection.prepare_cached(find)?.query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let find = "SELECT place, cost_pico FROM discarded WHERE entry = ? ORDER BY place";
    let mut statement = connection.prepare_cached(find)?;
    let discarded = statement.query_map([seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(costs_of(whole, answered, discarded.collect::<rusqlite::Result<_>>()?))
}

fn contributions(connection: &Connection, seq: i64) -> Result<Vec<Contribution>, LedgerError> {
    let mut found = Vec::new();
    let columns: Vec<&str> = DIMENSIONS.into_iter().map(cell::in_file).chain(ADDED_UP).collect();
    let sql = format!("SELECT at_millis, {} FROM entries WHERE seq = ?", columns.join(", "));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([seq])?;
    while let Some(row) = rows.next()? {
        found.push(own(row)?);
    }
    let sql = format!(
        "SELECT at_millis, {} FROM discarded d JOIN entries e ON e.seq = d.entry WHERE d.entry = ?",
        both_sides(cell::in_file, cell::discarded_in_file)
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([seq])?;
    while let Some(row) = rows.next()? {
        found.extend(moved(row)?);
    }
    Ok(found)
}

/// The columns that [`moved`] reads, after the moment.
fn both_sides(of_entry: fn(&'static str) -> &'static str, of_part: fn(&'static str) -> &'static str) -> String {
    let columns = DIMENSIONS.into_iter().map(of_entry).chain(DIMENSIONS.into_iter().map(of_part)).chain(MOVED);
    columns.collect::<Vec<_>>().join(", ")
}

fn own(row: &impl Fields) -> Result<Contribution, LedgerError> {
    let mut sums = Sums::of(row, 1 + DIMENSIONS.len())?;
    sums.latencies = Latencies::default();
    Ok((row.whole(0)?.unwrap_or(0), cell::dimensions(row, 1)?, sums))
}

fn moved(row: &impl Fields) -> Result<[Contribution; 2], LedgerError> {
    let at_millis = row.whole(0)?.unwrap_or(0);
    let (taken, own) = sums::moved(row, 1 + 2 * DIMENSIONS.len())?;
    let (from, to) = (cell::dimensions(row, 1)?, cell::dimensions(row, 1 + DIMENSIONS.len())?);
    Ok([(at_millis, from, taken), (at_millis, to, own)])
}

/// As [`part_in_file`], in PostgreSQL.
async fn part_in_database(
    transaction: &Transaction<'_>,
    new: &Restated,
    place: i64,
    both: &mut Both,
) -> Result<u64, LedgerError> {
    let id = Uuid::from_bytes(*new.id.as_bytes());
    let (first_day, last_day) = ship::days_of(&[id]);
    let find = format!(
        "SELECT cost_pico, endpoint IS NOT NULL FROM entries WHERE id = $1 AND {} FOR UPDATE",
        ship::NEAR_THEIR_IDS
    );
    let Some(row) = transaction.query_opt(&find, &[&id, &first_day, &last_day]).await? else { return Ok(0) };
    let (whole, answered) = (row.try_get(0)?, row.try_get(1)?);
    let find = "SELECT place, cost_pico FROM discarded WHERE entry = $1 ORDER BY place";
    let rows = transaction.query(find, &[&id]).await?;
    let discarded = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let mut costs = costs_of(whole, answered, discarded.collect::<Result<_, tokio_postgres::Error>>()?);
    let cost = new.cost.map(Pico::saturating_i64);
    let Some(known) = costs.iter_mut().find(|(known, _)| *known == place) else { return Ok(0) };
    if known.1 == cost {
        return Ok(0);
    }
    known.1 = cost;
    let before = contributions_in_database(transaction, id).await?;
    if place != ANSWER {
        let update = format!("UPDATE discarded SET {} WHERE entry = $1 AND place = $4", set("$2", "$3"));
        transaction.execute(&update, &[&id, &cost, &new.price_version, &place]).await?;
    }
    let update = format!("UPDATE entries SET {} WHERE id = $1 AND {}", set("$4", "$5"), ship::NEAR_THEIR_IDS);
    transaction.execute(&update, &[&id, &first_day, &last_day, &together(&costs), &new.price_version]).await?;
    for (at_millis, dimensions, sums) in before {
        both.add(at_millis, &dimensions, &sums.negated());
    }
    for (at_millis, dimensions, sums) in contributions_in_database(transaction, id).await? {
        both.add(at_millis, &dimensions, &sums);
    }
    Ok(1)
}

async fn contributions_in_database(transaction: &Transaction<'_>, id: Uuid) -> Result<Vec<Contribution>, LedgerError> {
    let (first_day, last_day) = ship::days_of(&[id]);
    let columns: Vec<&str> = DIMENSIONS.into_iter().map(cell::in_database).chain(ADDED_UP).collect();
    let near = ship::NEAR_THEIR_IDS;
    let sql = format!("SELECT at_millis, {} FROM entries WHERE id = $1 AND {near}", columns.join(", "));
    let rows = transaction.query(&sql, &[&id, &first_day, &last_day]).await?;
    let mut found = rows.iter().map(own).collect::<Result<Vec<_>, _>>()?;
    let sql = format!(
        "SELECT at_millis, {} FROM discarded d JOIN entries e ON e.day = d.entry_day AND e.id = d.entry WHERE e.id = $1 \
         AND e.{near}",
        both_sides(cell::in_database, cell::discarded_in_database)
    );
    for row in &transaction.query(&sql, &[&id, &first_day, &last_day]).await? {
        found.extend(moved(row)?);
    }
    Ok(found)
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
    let (parts, few): (Vec<&Restated>, Vec<&Restated>) = few.iter().partition(|new| new.place.is_some());
    let mut both = Both::default();
    let mut restated = 0;
    for new in parts {
        restated += part_in_database(transaction, new, new.place.unwrap_or(ANSWER), &mut both).await?;
    }
    let by_id: HashMap<Uuid, &Restated> =
        few.into_iter().map(|new| (Uuid::from_bytes(*new.id.as_bytes()), new)).collect();
    let ids: Vec<Uuid> = by_id.keys().copied().collect();
    let dimensions: Vec<&str> = DIMENSIONS.into_iter().map(cell::in_database).collect();
    let find = format!(
        "SELECT {READ}, {}, id FROM entries WHERE id = ANY ($1) AND {} ORDER BY id FOR UPDATE",
        dimensions.join(", "),
        ship::NEAR_THEIR_IDS
    );
    let (first_day, last_day) = ship::days_of(&ids);
    let rows = transaction.query(&find, &[&ids, &first_day, &last_day]).await?;
    let (mut changed, mut costs, mut versions) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let found = Found::of(row, 0)?;
        let id: Uuid = row.try_get(7 + DIMENSIONS.len())?;
        let Some((new, change)) = by_id.get(&id).and_then(|new| Some((new, found.change(new)?))) else { continue };
        both.add(found.at_millis, &found.dimensions, &change);
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
    ship::add_to_cells(transaction, both).await?;
    Ok(done + restated)
}
