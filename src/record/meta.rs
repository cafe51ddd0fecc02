//! What a ledger's file knows of itself: which replica it belongs to, and how far it has been added up and shipped.

use rusqlite::{Connection, OptionalExtension};

/// The last entry (`seq`) that is in the rollups.
pub const ROLLED: &str = "rolled";
/// The last entry that is in PostgreSQL.
pub const SHIPPED: &str = "shipped";
/// Entries before this moment, in milliseconds since 1970, were deleted; their sums stay.
pub const KEPT_SINCE: &str = "kept_since";

/// A whole number that the file remembers; 0 if it does not.
pub fn mark(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    let mut find = connection.prepare_cached("SELECT value FROM ledger_meta WHERE name = ?")?;
    Ok(find.query_row([name], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// Remembers it.
pub fn set_mark(connection: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    let mut set = connection.prepare_cached("INSERT OR REPLACE INTO ledger_meta (name, value) VALUES (?, ?)")?;
    set.execute((name, value)).map(drop)
}

/// The name of the replica that this file belongs to: made once, at random.
pub fn replica(connection: &Connection) -> rusqlite::Result<String> {
    let find = |connection: &Connection| {
        connection.query_row("SELECT value FROM ledger_meta WHERE name = 'replica'", [], |row| row.get(0)).optional()
    };
    if let Some(found) = find(connection)? {
        return Ok(found);
    }
    // Two processes may open a new file at the same time: the one that comes second takes the first one's name.
    let made = "INSERT OR IGNORE INTO ledger_meta (name, value) VALUES ('replica', lower(hex(randomblob(6))))";
    connection.execute(made, [])?;
    find(connection)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}
