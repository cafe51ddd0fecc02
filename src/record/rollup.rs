//! The rollups of the SQLite file, brought up to date beside the requests.
//!
//! Entries are added up in the order of their writing, a few at a time, and the last one that is in the rollups is
//! remembered in the same transaction. A report adds what comes after it, so it is exact at every moment, and an old
//! ledger of millions of entries is added up while requests are served.

use std::sync::LazyLock;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::cell::{self, Cells, DAY, DIMENSIONS, HOUR, Place};
use super::file::LedgerError;
use super::meta;
use super::sums::{ADDED_UP, AMOUNTS, COUNTS, Sums};

/// The rollups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Table {
    /// `rollup_hours`.
    Hours,
    /// `rollup_days`.
    Days,
}

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
    let (mut hours, mut days) = (Cells::new(), Cells::new());
    let Some((last, entries)) = read(&transaction, mark, at_most, &mut hours, &mut days)? else { return Ok(0) };
    add(&transaction, Table::Hours, hours)?;
    add(&transaction, Table::Days, days)?;
    meta::set_mark(&transaction, meta::ROLLED, last)?;
    transaction.commit()?;
    Ok(entries)
}

/// The last of the next entries, and how many there were.
fn read(
    connection: &Connection,
    mark: i64,
    at_most: usize,
    hours: &mut Cells,
    days: &mut Cells,
) -> Result<Option<(i64, usize)>, LedgerError> {
    let columns: Vec<&str> = DIMENSIONS.into_iter().map(cell::in_file).chain(ADDED_UP).collect();
    let sql = format!("SELECT seq, at_millis, {} FROM entries WHERE seq > ? ORDER BY seq LIMIT ?", columns.join(", "));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((mark, at_most as i64))?;
    let mut found = None;
    while let Some(row) = rows.next()? {
        let (seq, at_millis) = (row.get(0)?, row.get(1)?);
        let dimensions = cell::dimensions(row, 2)?;
        put(hours, days, at_millis, &dimensions, &Sums::of(row, 2 + DIMENSIONS.len())?);
        found = Some((seq, found.map_or(0, |(_, entries)| entries) + 1));
    }
    Ok(found)
}

/// Adds sums to the cells of the hour and of the day of a moment.
pub fn put(hours: &mut Cells, days: &mut Cells, at_millis: i64, dimensions: &[Option<Box<str>>], sums: &Sums) {
    let cell = cell::digest(None, dimensions);
    for (cells, span) in [(hours, HOUR), (days, DAY)] {
        cell::add(cells, Place { start: cell::start_of(span, at_millis), cell }, dimensions, sums);
    }
}

/// Adds to the cells of a table.
///
/// # Errors
/// What SQLite says. Some of them may have been added to then, until the transaction ends.
pub fn add(connection: &Connection, table: Table, cells: Cells) -> Result<(), LedgerError> {
    let statements = match table {
        Table::Hours => &*OF_HOURS,
        Table::Days => &*OF_DAYS,
    };
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
