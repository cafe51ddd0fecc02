//! Questions to the ledger, over a connection that only reads: they never make the writer wait.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Map, Value};

use super::file::{self, LedgerError};

use crate::domain::{Dimension, EndpointName, KeyName, Mark, Pico, RequestId};

/// What an endpoint holds for later requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Of its id.
    pub mark: Mark,
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The key that it was given to.
    pub key: Option<KeyName>,
    /// Whether its usage has not been told yet.
    pub is_open: bool,
}

/// Whose it is, the hour, and what was spent in it.
pub type SpentInHour = (Option<String>, u64, Pico);

/// The ledger, open for reading.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

impl Reader {
    /// Opens the file.
    ///
    /// # Errors
    /// If there is none, or it is no ledger, or one that a newer version wrote.
    pub fn open(path: &Path) -> Result<Reader, LedgerError> {
        file::connect_to_read(path).map(|connection| Reader { connection })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// One entry with its attempts, as a JSON object: the columns of `docs/ledger.md`, with `cost_usd` and
    /// `baseline_usd` as exact decimal text beside the pico-dollars. `None`: there is no such entry.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn by_id(&self, id: RequestId) -> Result<Option<Value>, LedgerError> {
        let find = "SELECT * FROM entries WHERE id = ?";
        let mut statement = self.connection.prepare_cached(find)?;
        let Some(mut entry) = statement.query_row([id.as_bytes()], object).optional()? else {
            return Ok(None);
        };
        add_dollars(&mut entry);
        let seq = entry.remove("seq");
        entry.insert("id".into(), id.to_string().into());
        let seq = seq.as_ref().and_then(Value::as_i64);
        entry.insert("attempts".into(), self.lines_of("attempts", seq)?.into());
        let discarded = self.lines_of("discarded", seq)?;
        if !discarded.is_empty() {
            entry.insert("discarded".into(), discarded.into());
        }
        Ok(Some(entry.into()))
    }

    /// What endpoints hold for later requests, the newest last. Names that are none any more are left out.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn held(&self, at_most: usize) -> Result<Vec<Held>, LedgerError> {
        let find = "SELECT mark, endpoint, key, open FROM held ORDER BY at_millis DESC LIMIT ?";
        let mut statement = self.connection.prepare(find)?;
        let read = |row: &Row<'_>| {
            let (mark, is_open) = (row.get::<_, i64>(0)?.unsigned_abs(), row.get(3)?);
            Ok((mark, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?, is_open))
        };
        let rows = statement.query_map([at_most as i64], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
        let named = rows.into_iter().rev().filter_map(|(mark, endpoint, key, is_open)| {
            let key = key.map(|key| KeyName::parse(&key)).transpose().ok()?;
            Some(Held { mark: Mark::from_u64(mark), endpoint: EndpointName::parse(&endpoint).ok()?, key, is_open })
        });
        Ok(named.collect())
    }

    /// What requests that arrived in each hour cost, by a column that says whose they are; the hour by its beginning.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn spent_by_hour(&self, since_millis: u64, whose: Dimension) -> Result<Vec<SpentInHour>, LedgerError> {
        let column = if whose == Dimension::All { "NULL" } else { whose.as_str() };
        let find = format!(
            "SELECT {column}, at_millis / 3600000 * 3600000, sum(cost_pico / 1000000000), sum(cost_pico % 1000000000) \
             FROM entries WHERE at_millis >= ? AND cost_pico IS NOT NULL GROUP BY 1, 2"
        );
        let mut statement = self.connection.prepare(&find)?;
        let rows = statement.query_map([i64::try_from(since_millis).unwrap_or(i64::MAX)], |row| {
            let (billions, rest): (i64, i64) = (row.get(2)?, row.get(3)?);
            let cost = Pico::new(i128::from(billions) * 1_000_000_000 + i128::from(rest));
            Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs(), cost))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn lines_of(&self, table: &str, seq: Option<i64>) -> Result<Vec<Value>, LedgerError> {
        let find = format!("SELECT * FROM {table} WHERE entry = ? ORDER BY place");
        let mut statement = self.connection.prepare_cached(&find)?;
        let rows = statement.query_map([seq], object)?;
        let without_seq = rows.map(|row| {
            row.map(|mut attempt| {
                attempt.remove("entry");
                attempt.into()
            })
        });
        Ok(without_seq.collect::<rusqlite::Result<_>>()?)
    }
}

/// Adds amounts as exact decimal text beside the pico-dollars.
pub(super) fn add_dollars(entry: &mut Map<String, Value>) {
    for (column, name) in [("cost_pico", "cost_usd"), ("baseline_pico", "baseline_usd")] {
        let dollars = entry.get(column).and_then(Value::as_i64).map(|pico| Pico::new(pico.into()).to_string());
        entry.insert(name.into(), dollars.into());
    }
}

/// Words with commas between them.
pub(super) fn words(text: &str) -> Value {
    text.split(',').filter(|word| !word.is_empty()).collect()
}

/// A row as JSON: what a newer schema adds is shown too. Bytes other than an id are shown by their number.
fn object(row: &Row<'_>) -> rusqlite::Result<Map<String, Value>> {
    let columns = row.as_ref().column_names();
    let named = columns.into_iter().enumerate().map(|(place, name)| {
        let value = match row.get_ref(place)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(whole) => flag_or_whole(name, whole),
            ValueRef::Real(real) => real.into(),
            ValueRef::Text(text) => text_or_json(name, &String::from_utf8_lossy(text)),
            ValueRef::Blob(bytes) => bytes.len().into(),
        };
        Ok((name.to_owned(), value))
    });
    named.collect()
}

fn flag_or_whole(column: &str, whole: i64) -> Value {
    if column == "streamed" { (whole != 0).into() } else { whole.into() }
}

fn text_or_json(column: &str, text: &str) -> Value {
    match column {
        "facts" | "evidence" | "decision" => serde_json::from_str(text).unwrap_or(Value::Null),
        "tags" | "content" => words(text),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::{Ledger, Settings, sample};
    use super::*;

    async fn reader(entries: Vec<super::super::entry::Entry>) -> (tempfile::TempDir, Reader) {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::at(folder.path().join("ledger.db"));
        let ledger = Ledger::open(&settings).unwrap();
        for receipt in entries.into_iter().map(|entry| ledger.append(entry)).collect::<Vec<_>>() {
            receipt.await;
        }
        ledger.close(Duration::from_secs(10)).unwrap();
        let reader = Reader::open(&settings.path).unwrap();
        (folder, reader)
    }

    #[tokio::test]
    async fn an_entry_is_read_as_it_was_written() {
        let (_folder, reader) = reader(vec![sample::full(1), sample::full(2)]).await;
        let kept = reader.by_id(sample::id(1)).unwrap().unwrap();
        let check = |pointer: &str, expected: Value| assert_eq!(kept.pointer(pointer), Some(&expected), "{pointer}");
        check("/id", json!(sample::id(1).to_string()));
        check("/day", json!("2026-11-22"));
        check("/at_millis", json!(sample::MIDNIGHT + 1));
        check("/engineer", json!("ana"));
        check("/key", json!("payments-ci"));
        check("/app", json!("openai-python"));
        check("/requested_model", json!("auto"));
        check("/rule", json!("everything-else"));
        check("/tier", json!("cheap"));
        check("/endpoint", json!("mini"));
        check("/tags", json!(["money"]));
        check("/content", json!(["has_pii"]));
        check("/tokens_low", json!(1900));
        check("/tokens_high", json!(2100));
        check("/cache_read", json!(800));
        check("/reasoning", json!(50));
        check("/usage_source", json!("provider"));
        check("/cost_pico", json!(910_000_001));
        check("/cost_usd", json!("0.000910000001"));
        check("/baseline_usd", json!("0.0044"));
        check("/status", json!(200));
        check("/ending", json!("complete"));
        check("/failure", Value::Null);
        check("/streamed", json!(true));
        check("/first_byte_us", json!(310_000));
        check("/overhead_us", json!(180));
        check("/response_bytes", json!(2_048));
        check("/facts/turn", json!("human"));
        check("/evidence/0/offset", json!(12));
        check("/decision/reasons/0/why", json!("Most traffic is boilerplate."));
        check("/attempts/0/outcome", json!("status_5xx"));
        check("/attempts/1/place", json!(2));
        check("/attempts/1/provider_request_id", json!("req_0123456789"));
    }

    #[tokio::test]
    async fn what_is_not_known_is_null_and_never_0() {
        let (_folder, reader) = reader(vec![sample::refused(1)]).await;
        let kept = reader.by_id(sample::id(1)).unwrap().unwrap();
        for column in
            ["dialect", "engineer", "tier", "tags", "input", "cost_pico", "cost_usd", "first_byte_us", "facts"]
        {
            assert_eq!(kept.get(column), Some(&Value::Null), "{column}");
        }
        assert_eq!((kept["attempts"].clone(), kept["fault"].clone()), (json!([]), json!("caller")));
        assert!(reader.by_id(sample::id(9)).unwrap().is_none());
    }

    #[test]
    fn a_file_that_is_no_ledger_is_told_apart_from_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        assert!(matches!(Reader::open(&path), Err(LedgerError::Missing(_))));
        std::fs::write(&path, "not a database, but long enough to be taken for one".repeat(99)).unwrap();
        assert!(matches!(Reader::open(&path), Err(LedgerError::Schema { .. })));
    }
}
