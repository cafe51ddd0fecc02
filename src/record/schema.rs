//! The file's shape: numbered migrations, each run once and in a transaction of its own.
//!
//! A file remembers which migrations made it and the checksum of each, so that a migration edited after it ran is
//! noticed. A binary that is older than the file refuses it: it would not know what the newer columns mean.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, TransactionBehavior};
use sha2::{Digest as _, Sha256};

struct Migration {
    name: &'static str,
    sql: &'static str,
}

/// In order; the first is number 1. Never edit one that was released: add the next.
const MIGRATIONS: &[Migration] = &[
    Migration { name: "entries", sql: include_str!("migrations/0001_entries.sql") },
    Migration { name: "held", sql: include_str!("migrations/0002_held.sql") },
    Migration { name: "money", sql: include_str!("migrations/0003_money.sql") },
    Migration { name: "rollups", sql: include_str!("migrations/0004_rollups.sql") },
    Migration { name: "verification", sql: include_str!("migrations/0005_verification.sql") },
];

/// The number of the newest migration that this binary knows.
pub const VERSION: u32 = MIGRATIONS.len() as u32;

/// Why a file's shape is not one we can use.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The file was written by a newer version.
    #[error("the ledger has schema version {found}, and this binary knows none above {VERSION}: use a newer binary")]
    Newer {
        /// The file's version.
        found: u32,
    },
    /// It is an SQLite file with other people's tables.
    #[error("the file is an SQLite database but no ledger: name another file")]
    Foreign,
    /// A migration is not the one that made this file.
    #[error("migration {version} ({name}) was changed after it had made this ledger: use the binary that made it")]
    Changed {
        /// Its number.
        version: u32,
        /// Its name.
        name: &'static str,
    },
    /// The database said no.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

/// Brings the file up to date.
///
/// # Errors
/// If the file is newer than this binary, or is no ledger, or cannot be written. It is then as it was.
pub fn migrate(connection: &mut Connection) -> Result<(), SchemaError> {
    migrate_with(connection, MIGRATIONS)
}

fn migrate_with(connection: &mut Connection, migrations: &[Migration]) -> Result<(), SchemaError> {
    loop {
        // Another process may migrate the same file at this moment, so the version is read under the write lock.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = version(&transaction)?;
        check_history(&transaction, version, migrations)?;
        let Some(next) = migrations.get(version as usize) else { return Ok(()) };
        transaction.execute_batch(next.sql)?;
        let (number, at) = (version + 1, unix_millis());
        let row = (number, next.name, checksum(next.sql), at);
        transaction.execute("INSERT INTO migrations (version, name, checksum, at_millis) VALUES (?, ?, ?, ?)", row)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
}

/// Refuses a file that this binary must not read.
///
/// # Errors
/// See [`migrate`].
pub fn check(connection: &Connection) -> Result<(), SchemaError> {
    match version(connection)? {
        0 => Err(SchemaError::Foreign),
        found if found > VERSION => Err(SchemaError::Newer { found }),
        _ => Ok(()),
    }
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn check_history(connection: &Connection, version: u32, migrations: &[Migration]) -> Result<(), SchemaError> {
    if version as usize > migrations.len() {
        return Err(SchemaError::Newer { found: version });
    }
    let known = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'migrations'), \
                 EXISTS (SELECT 1 FROM sqlite_schema)";
    let (ours, any): (bool, bool) = connection.query_row(known, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if ours != (version > 0) || ours != any {
        return Err(SchemaError::Foreign);
    }
    if version == 0 {
        let table = "CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, \
                     checksum TEXT NOT NULL, at_millis INTEGER NOT NULL) STRICT";
        connection.execute_batch(table)?;
    }
    for (number, migration) in (1..).zip(&migrations[..version as usize]) {
        let find = "SELECT checksum FROM migrations WHERE version = ?";
        let found: String = connection.query_row(find, [number], |row| row.get(0))?;
        if found != checksum(migration.sql) {
            return Err(SchemaError::Changed { version: number, name: migration.name });
        }
    }
    Ok(())
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Migration = Migration { name: "first", sql: "CREATE TABLE a (x INTEGER) STRICT" };
    const SECOND: Migration = Migration { name: "second", sql: "CREATE TABLE b (x INTEGER) STRICT" };

    fn memory() -> Connection {
        Connection::open_in_memory().unwrap()
    }

    #[test]
    fn migrations_run_once_and_in_order() {
        let mut connection = memory();
        migrate_with(&mut connection, &[FIRST]).unwrap();
        connection.execute_batch("INSERT INTO a VALUES (7)").unwrap();
        migrate_with(&mut connection, &[FIRST, SECOND]).unwrap();
        migrate_with(&mut connection, &[FIRST, SECOND]).unwrap();
        let kept: i64 = connection.query_row("SELECT x FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!((kept, version(&connection).unwrap()), (7, 2));
    }

    #[test]
    fn a_failed_migration_leaves_the_file_as_it_was() {
        let mut connection = memory();
        let broken = Migration { name: "broken", sql: "CREATE TABLE c (x INTEGER) STRICT; CREATE NONSENSE" };
        migrate_with(&mut connection, &[FIRST]).unwrap();
        assert!(matches!(migrate_with(&mut connection, &[FIRST, broken]), Err(SchemaError::Database(_))));
        assert_eq!(version(&connection).unwrap(), 1);
        assert!(connection.prepare("SELECT x FROM c").is_err());
    }

    #[test]
    fn a_newer_file_is_refused() {
        let mut connection = memory();
        migrate_with(&mut connection, &[FIRST, SECOND]).unwrap();
        let refused = migrate_with(&mut connection, &[FIRST]).unwrap_err();
        assert!(matches!(refused, SchemaError::Newer { found: 2 }));
        connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
        assert!(check(&connection).unwrap_err().to_string().contains("use a newer binary"));
    }

    #[test]
    fn an_edited_migration_is_noticed() {
        let mut connection = memory();
        migrate_with(&mut connection, &[FIRST]).unwrap();
        let edited = Migration { name: "first", sql: "CREATE TABLE a (x INTEGER, y INTEGER) STRICT" };
        assert!(matches!(migrate_with(&mut connection, &[edited]), Err(SchemaError::Changed { version: 1, .. })));
    }

    #[test]
    fn somebody_elses_database_is_refused() {
        let mut connection = memory();
        connection.execute_batch("CREATE TABLE bookmarks (x INTEGER)").unwrap();
        assert!(matches!(migrate(&mut connection), Err(SchemaError::Foreign)));
        connection.pragma_update(None, "user_version", 1).unwrap();
        assert!(matches!(migrate(&mut connection), Err(SchemaError::Foreign)));
    }
}
