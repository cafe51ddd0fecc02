//! The ledger for those who look: PostgreSQL where entries are shipped there, the file otherwise. Same questions, same
//! answers.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::file::LedgerError;
use super::query::{self, Reader};
use super::report::{Filter, GroupBy, Report, database};
use super::restate::{self, Restated};
use super::settings::Settings;
use super::ship;
use crate::domain::{Pico, RequestId};
use crate::store::postgres::{self, Pool};

/// The ledger, for those who look. Clones look at the same one.
#[derive(Clone, Debug)]
pub struct Archive {
    path: PathBuf,
    database: Option<Pool>,
}

impl Archive {
    /// The ledger of these settings. Nothing is opened yet.
    ///
    /// # Errors
    /// If the address of the database is none.
    pub fn of(settings: &Settings) -> Result<Self, LedgerError> {
        let pool = settings.ship.as_ref().map(|ship| postgres::pool(ship.address.expose())).transpose()?;
        Ok(Self { path: settings.path.clone(), database: pool })
    }

    /// The ledger in this file alone.
    pub fn in_file(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), database: None }
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        let path = self.path.display();
        if self.database.is_some() { format!("PostgreSQL, by way of {path}") } else { path.to_string() }
    }

    /// Adds up the entries that count, by all of `by` together; with none, in one line. Of entries that have not been
    /// shipped yet, those of this replica are part of it.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn report(&self, filter: &Filter, by: &[GroupBy]) -> Result<Report, LedgerError> {
        let (its_filter, its_by) = (filter.clone(), by.to_vec());
        let Some(pool) = &self.database else {
            return self.in_the_file(move |reader| reader.report(&its_filter, &its_by)).await;
        };
        // First the file: an entry that is shipped between the two questions is found twice, which can be told, and not
        // missed, which could not.
        let unshipped = match self.in_the_file(move |reader| reader.unshipped(&its_filter, &its_by)).await {
            // Whoever asks from another machine has no file of a replica.
            Err(LedgerError::Missing(_)) => Vec::new(),
            otherwise => otherwise?,
        };
        database::report(pool, filter, by, unshipped).await
    }

    /// What was spent in a period, by one thing; of requests whose cost is known.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn spent(
        &self,
        filter: &Filter,
        by: Option<GroupBy>,
    ) -> Result<Vec<(Option<String>, Pico)>, LedgerError> {
        let report = self.report(filter, by.as_slice()).await?;
        let spent =
            report.lines.into_iter().filter_map(|mut line| Some((line.keys.pop().flatten(), line.totals.cost?)));
        Ok(spent.collect())
    }

    /// One entry with its attempts, as [`Reader::by_id`].
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn by_id(&self, id: RequestId) -> Result<Option<Value>, LedgerError> {
        let here = match self.in_the_file(move |reader| reader.by_id(id)).await {
            Err(LedgerError::Missing(_)) if self.database.is_some() => None,
            otherwise => otherwise?,
        };
        let Some(pool) = &self.database else { return Ok(here) };
        // What was shipped may have been restated there.
        match by_id(pool, id).await {
            Ok(Some(there)) => Ok(Some(there)),
            Err(error) if here.is_none() => Err(error),
            _ => Ok(here),
        }
    }

    /// Restates what entries cost, with their sums. How many changed; entries that are not there any more are left out.
    ///
    /// # Errors
    /// If the ledger cannot be written. What was restated before stays so, and may be restated again.
    pub async fn restate(&self, all: Vec<Restated>) -> Result<u64, LedgerError> {
        if let Some(pool) = &self.database {
            return restate::in_database(pool, &all).await;
        }
        let path = self.path.clone();
        let done = tokio::task::spawn_blocking(move || restate::in_file(&path, &all)).await;
        done.map_err(|_| LedgerError::BrokenOff)?
    }

    async fn in_the_file<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let path = self.path.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&Reader::open(&path)?)).await;
        asked.map_err(|_| LedgerError::BrokenOff)?
    }
}

/// The entry in PostgreSQL: its id begins with the moment of its arrival, which is on its day or beside it.
async fn by_id(pool: &Pool, id: RequestId) -> Result<Option<Value>, LedgerError> {
    let connection = postgres::connection(pool).await?;
    let uuid = Uuid::from_bytes(*id.as_bytes());
    let (first_day, last_day) = ship::days_of(&[uuid]);
    let near = ship::NEAR_THEIR_IDS;
    let entry = format!("SELECT row_to_json(e) FROM entries e WHERE id = $1 AND {near}");
    let Some(row) = connection.query_opt(&entry, &[&uuid, &first_day, &last_day]).await? else { return Ok(None) };
    let Json(mut entry): Json<Map<String, Value>> = row.try_get(0)?;
    let attempts = format!("SELECT row_to_json(a) FROM attempts a WHERE entry = $1 AND {near} ORDER BY place");
    let rows = connection.query(&attempts, &[&uuid, &first_day, &last_day]).await?;
    let attempts = rows.iter().map(|row| {
        let Json(mut attempt): Json<Map<String, Value>> = row.try_get(0)?;
        attempt.remove("entry");
        attempt.remove("day");
        Ok(attempt.into())
    });
    let attempts: Vec<Value> = attempts.collect::<Result<_, tokio_postgres::Error>>()?;
    for words in ["tags", "content"] {
        let split = entry.get(words).and_then(Value::as_str).map(query::words);
        entry.insert(words.into(), split.unwrap_or(Value::Null));
    }
    query::add_dollars(&mut entry);
    entry.remove("seq");
    entry.insert("attempts".into(), json!(attempts));
    Ok(Some(entry.into()))
}
