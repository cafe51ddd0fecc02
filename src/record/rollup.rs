//! The rollups of the SQLite file, brought up to date beside the requests.
//!
//! Entries are added up in the order of their writing, a few at a time, and the last one that is in the rollups is
//! remembered in the same transaction. A report adds what comes after it, so it is exact at every moment, and an old
//! ledger of millions of entries is added up while requests are served.

use std::sync::LazyLock;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::cell::{self, Both, Cells, DIMENSIONS};
use super::file::LedgerError;
use super::meta;
use super::sums::{self, ADDED_UP, AMOUNTS, COUNTS, MOVED, Sums};

struct Statements {
    find: String,
    put: String,
}

impl Statements {
    fn of(table: &str) -> Self {
        let sums: Vec<&str> = COUNTS.iter().chain(&AMOUNTS).chain(&["latency"]).copied().collect();
        let all: Vec<&str> = ["start", "cell"].into_iter().chain(DIMENSIONS).chain(sums.iter().copied()).collect();
        let places = vec!["?"; all.len()].join(", ");
        Self {
            find: format!("SELECT {} FROM {table} WHERE start = ? AND cell = ?", sums.join(", ")),
            put: format!("INSERT OR REPLACE INTO {table} ({}) VALUES ({places})", all.join(", ")),
        }
    }
}

static OF_HOURS: LazyLock<Statements> = LazyLock::new(|| Statements::of("rollup_hours"));
static OF_DAYS: LazyLock<Statements> = LazyLock::new(|| Statements::of("rollup_days"));

/// Adds up the next entries, in a transaction of its own. How many there were.
///
/// # Errors
/// What SQLite says; then nothing was added.
pub fn add_next(connection: &mut Connection, at_most: usize) -> Result<usize, LedgerError> {
    // The lock comes first: an entry that another process restates meanwhile is in the rollups as it was or as it is.
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mark = meta::mark(&transaction, meta::ROLLED)?;
    let mut both = Both::default();
    let Some((last, entries)) = read(&transaction, mark, at_most, &mut both)? else { return Ok(0) };
    add_both(&transaction, both)?;
    meta::set_mark(&transaction, meta::ROLLED, last)?;
    transaction.commit()?;
    Ok(entries)
}

/// The last of the next entries, and how many there were.
fn read(
    connection: &Connection,
    mark: i64,
    at_most: usize,
    both: &mut Both,
) -> Result<Option<(i64, usize)>, LedgerError> {
    let columns: Vec<&str> = DIMENSIONS.into_iter().map(cell::in_file).chain(ADDED_UP).collect();
    let sql = format!("SELECT seq, at_millis, {} FROM entries WHERE seq > ? ORDER BY seq LIMIT ?", columns.join(", "));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((mark, at_most as i64))?;
    let mut found = None;
    while let Some(row) = rows.next()? {
        let (seq, at_millis) = (row.get(0)?, row.get(1)?);
        let dimensions = cell::dimensions(row, 2)?;
        both.add(at_millis, &dimensions, &Sums::of(row, 2 + DIMENSIONS.len())?);
        found = Some((seq, found.map_or(0, |(_, entries)| entries) + 1));
    }
    if let Some((last, _)) = found {
        move_discarded(connection, mark, last, both)?;
    }
    Ok(found)
}

/// Moves what answers cost that were thrown away to the endpoints that gave them; of the entries after `mark` up to `last`.
///
/// # Errors
/// What SQLite says.
pub fn move_discarded(connection: &Connection, mark: i64, last: i64, both: &mut Both) -> Result<(), LedgerError> {
    let from = DIMENSIONS.into_iter().map(cell::in_file);
    let to = DIMENSIONS.into_iter().map(cell::discarded_in_file);
    let columns: Vec<&str> = from.chain(to).chain(MOVED).collect();
    let sql = format!(
        "SELECT at_millis, {} FROM discarded d JOIN entries e ON e.seq = d.entry WHERE d.entry > ? AND d.entry <= ?",
        columns.join(", ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((mark, last))?;
    while let Some(row) = rows.next()? {
        let (taken, own) = sums::moved(row, 1 + 2 * DIMENSIONS.len())?;
        let at_millis = row.get(0)?;
        both.add(at_millis, &cell::dimensions(row, 1)?, &taken);
        both.add(at_millis, &cell::dimensions(row, 1 + DIMENSIONS.len())?, &own);
    }
    Ok(())
}

/// Adds to the cells of both tables.
///
/// # Errors
/// What SQLite says. Some of them may have been added to then, until the transaction ends.
pub fn add_both(connection: &Connection, both: Both) -> Result<(), LedgerError> {
    add(connection, &OF_HOURS, both.hours)?;
    add(connection, &OF_DAYS, both.days)
}

fn add(connection: &Connection, statements: &Statements, cells: Cells) -> Result<(), LedgerError> {
    let mut find = connection.prepare_cached(&statements.find)?;
    let mut put = connection.prepare_cached(&statements.put)?;
    for (place, mut cell) in cells {
        let found = find.query_row((place.start, place.cell), |row| Ok(Sums::read(row, 0))).optional()?;
        if let Some(before) = found.transpose()? {
            cell.sums.merge(&before);
        }
        let key = [Value::Integer(place.start), Value::Blob(place.cell.to_vec())];
        let dimensions =
            cell.dimensions.iter().map(|text| text.as_deref().map_or(Value::Null, |text| text.to_owned().into()));
        let counts = cell.sums.counts.iter().map(|count| Value::Integer(*count));
        let amounts = cell.sums.amounts.iter().map(|amount| written(*amount));
        let latency = Value::Blob(cell.sums.latencies.written());
        let values = key.into_iter().chain(dimensions).chain(counts).chain(amounts).chain([latency]);
        put.execute(params_from_iter(values))?;
    }
    Ok(())
}

/// A sum as it is kept: a number where 64 bits hold it, else its digits.
fn written(amount: i128) -> Value {
    i64::try_from(amount).map_or_else(|_| Value::Text(amount.to_string()), Value::Integer)
}
