//! The ledger for those who look: PostgreSQL where entries are shipped there, the file otherwise. Same questions, same
//! answers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::file::LedgerError;
use super::period::Period;
use super::query::{self, Reader};
use super::report::gather::Tentative;
use super::report::stages::{Staged, Stages};
use super::report::{Filter, GroupBy, Line, Report, Spent, database};
use super::restate::{self, Restated};
use super::settings::Settings;
use super::ship;
use super::used::{self, Used};
use crate::domain::{Dimension, Pico, RequestId};
use crate::store::StoreError;
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

    /// The file of this replica.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn database(&self) -> Option<&Pool> {
        self.database.as_ref()
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
        match &self.database {
            None => self.in_the_file(move |reader| reader.report(&its_filter, &its_by)).await,
            Some(pool) => database::report(pool, filter, by, self.unshipped(filter, by).await?, None).await,
        }
    }

    /// As [`report`](Archive::report), for where blocking is allowed.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn report_blocking(&self, filter: &Filter, by: &[GroupBy]) -> Result<Report, LedgerError> {
        wait(|| self.report(filter, by))
    }

    /// What was spent, put together by the stages of each work, by what names that work, and by all of `by` besides. Each
    /// line's keys are its branch, pull request, feature and engineer, and then those of `by`.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn by_stage(
        &self,
        filter: &Filter,
        by: &[GroupBy],
        stages: &Arc<Stages>,
    ) -> Result<Vec<Staged>, LedgerError> {
        let by: Vec<GroupBy> = Stages::NAMED_BY.into_iter().chain(by.iter().copied()).collect();
        if let Some(pool) = &self.database {
            let unshipped = self.unshipped(filter, &by).await?;
            return database::by_stage(pool, filter, &by, stages, unshipped).await;
        }
        let (filter, stages) = (filter.clone(), Arc::clone(stages));
        self.in_the_file(move |reader| reader.by_stage(&filter, &by, &stages)).await
    }

    /// What requests that arrived from `since_millis` on cost, by whose they are; all together for everybody. Only entries
    /// that ended before `ended_before_micros` count. Blocks, for a database that does not answer no longer than `patience`.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn spent_since_blocking(
        &self,
        since_millis: u64,
        ended_before_micros: u64,
        whose: Dimension,
        patience: Duration,
    ) -> Result<Vec<(Option<String>, Pico)>, LedgerError> {
        let bound = |moment: u64| i64::try_from(moment).unwrap_or(i64::MAX);
        let spent = Spent { since_millis: bound(since_millis), ended_before_micros: bound(ended_before_micros) };
        let by = Spent::by(whose);
        let report = wait(|| async {
            match &self.database {
                None => self.spent(spent, by.as_slice()).await,
                Some(_) => tokio::time::timeout(patience, self.spent(spent, by.as_slice()))
                    .await
                    .unwrap_or_else(|_| Err(StoreError::Unreachable("it does not answer in time".to_owned()).into())),
            }
        })?;
        let line = |mut line: Line| Some((line.keys.pop().flatten(), line.totals.cost?));
        Ok(report.lines.into_iter().filter_map(line).collect())
    }

    async fn spent(&self, spent: Spent, by: &[GroupBy]) -> Result<Report, LedgerError> {
        let (filter, its_by) = (spent.filter(), by.to_vec());
        match &self.database {
            None => self.in_the_file(move |reader| reader.spent(spent, &its_by)).await,
            Some(pool) => database::report(pool, &filter, by, self.unshipped(&filter, by).await?, Some(spent)).await,
        }
    }

    /// What waits in the file. It is asked before the database: an entry that is shipped between the two questions is found
    /// twice, which can be told, and not missed, which could not.
    async fn unshipped(&self, filter: &Filter, by: &[GroupBy]) -> Result<Vec<Tentative>, LedgerError> {
        let (filter, by) = (filter.clone(), by.to_vec());
        match self.in_the_file(move |reader| reader.unshipped(&filter, &by)).await {
            // Whoever asks from another machine has no file of a replica.
            Err(LedgerError::Missing(_)) => Ok(Vec::new()),
            otherwise => otherwise,
        }
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

    /// The next entries after `after` of those that used anything in the period. With PostgreSQL, of what was shipped.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn used(
        &self,
        period: Period,
        model: Option<&str>,
        after: Option<&Used>,
        most: usize,
    ) -> Result<Vec<Used>, LedgerError> {
        if let Some(pool) = &self.database {
            return used::in_database(pool, period, model, after, most).await;
        }
        let (model, after) = (model.map(str::to_owned), after.cloned());
        self.in_the_file(move |reader| reader.used(period, model.as_deref(), after.as_ref(), most)).await
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

    pub(super) async fn in_the_file<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let path = self.path.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&Reader::open(&path)?)).await;
        asked.map_err(|_| LedgerError::BrokenOff)?
    }
}

/// Waits for an answer on a thread and a runtime of its own: whoever calls may be on a thread that runs futures, where no
/// other runtime may be entered.
fn wait<T, F>(ask: impl FnOnce() -> F + Send) -> Result<T, LedgerError>
where
    T: Send,
    F: Future<Output = Result<T, LedgerError>>,
{
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(LedgerError::Thread)?.block_on(ask())
    };
    std::thread::scope(|scope| scope.spawn(work).join()).map_err(|_| LedgerError::BrokenOff)?
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
    let discarded = "SELECT row_to_json(d) FROM discarded d WHERE entry = $1 ORDER BY place";
    let rows = connection.query(discarded, &[&uuid]).await?;
    let discarded = rows.iter().map(|row| {
        let Json(mut discarded): Json<Map<String, Value>> = row.try_get(0)?;
        discarded.remove("entry");
        discarded.remove("entry_day");
        Ok(discarded.into())
    });
    let discarded: Vec<Value> = discarded.collect::<Result<_, tokio_postgres::Error>>()?;
    for words in ["tags", "content"] {
        let split = entry.get(words).and_then(Value::as_str).map(query::words);
        entry.insert(words.into(), split.unwrap_or(Value::Null));
    }
    query::add_dollars(&mut entry);
    entry.remove("seq");
    entry.insert("attempts".into(), json!(attempts));
    if !discarded.is_empty() {
        entry.insert("discarded".into(), json!(discarded));
    }
    Ok(Some(entry.into()))
}
