//! A small relational store for what operators and code hosts tell us: keys, tokens, the audit log, outcomes, alerts.
//!
//! It is an SQLite file beside the ledger, or the ledger's PostgreSQL database where there is one, and both understand
//! the statements of the rooms above: parameters are `$1`, `$2` … in the order of their first use, types are `BIGINT`,
//! `TEXT` and `DOUBLE PRECISION`. The request path never asks it. Entries do not go through here: `record` writes those.

pub mod migration;
pub mod postgres;
mod sqlite;
mod value;

use std::path::PathBuf;
use std::sync::Arc;

pub use migration::Migration;
pub use value::{Row, Value};

/// Where a store is.
#[derive(Clone, Debug)]
pub enum Place {
    /// An SQLite file, created if need be.
    File(PathBuf),
    /// A PostgreSQL database.
    Postgres(postgres::Pool),
}

/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite said no.
    #[error("the store: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL said no.
    #[error("the store: {}", postgres::words(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// There is no connection to PostgreSQL at present.
    #[error("PostgreSQL cannot be reached: {0}")]
    Unreachable(String),
    /// The file or its folder cannot be created.
    #[error("`{path}` cannot be created: {source}")]
    Create {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A newer version made these tables.
    #[error(
        "the tables of `{room}` have version {found}, and this binary knows none above {known}: use a newer binary"
    )]
    Newer {
        /// Whose tables.
        room: &'static str,
        /// Their version.
        found: u32,
        /// The newest that is known.
        known: u32,
    },
    /// A migration is not the one that made these tables.
    #[error("migration {version} of `{room}` was changed after it had been run: use the binary that ran it")]
    Changed {
        /// Whose tables.
        room: &'static str,
        /// The migration's number.
        version: u32,
    },
    /// A statement changed another number of rows than it had to, so nothing was done.
    #[error("somebody else changed the same thing at the same time: look again, then try again")]
    Conflict,
    /// A value has another type than was asked for: a fault of ours.
    #[error("column {0} of the store holds something else than expected")]
    Shape(usize),
    /// The thread that asked SQLite broke off: a fault of ours.
    #[error("the question to the store broke off")]
    BrokenOff,
}

/// One statement of several that are done together or not at all.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What to do.
    pub sql: &'static str,
    /// With which values.
    pub parameters: Vec<Value>,
    /// How many rows it has to change; `None`: any number.
    pub expect: Option<u64>,
}

impl Statement {
    /// A statement that may change any number of rows.
    pub fn new(sql: &'static str, parameters: Vec<Value>) -> Self {
        Self { sql, parameters, expect: None }
    }

    /// One that must change exactly one row.
    pub fn one(sql: &'static str, parameters: Vec<Value>) -> Self {
        Self { sql, parameters, expect: Some(1) }
    }
}

#[derive(Debug)]
enum Backend {
    Sqlite(sqlite::File),
    Postgres(postgres::Pool),
}

/// The store, open. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Arc<Backend>,
}

impl Store {
    /// Opens the store.
    ///
    /// # Errors
    /// If the file cannot be created or is no SQLite file. A PostgreSQL database is not asked yet.
    pub async fn open(place: Place) -> Result<Self, StoreError> {
        let backend = match place {
            Place::File(path) => Backend::Sqlite(sqlite::File::open(path).await?),
            Place::Postgres(pool) => Backend::Postgres(pool),
        };
        Ok(Self { backend: Arc::new(backend) })
    }

    /// Brings the tables of one room up to date. Two processes may do so at the same time.
    ///
    /// # Errors
    /// If the tables are newer than this binary, or a migration fails: they are then as they were before it.
    pub async fn migrate(&self, room: &'static str, migrations: &'static [Migration]) -> Result<(), StoreError> {
        match &*self.backend {
            Backend::Sqlite(file) => {
                file.with(move |connection| migration::of_sqlite(connection, room, migrations)).await
            }
            Backend::Postgres(pool) => migration::of_postgres(pool, room, migrations).await,
        }
    }

    /// The rows that a question finds.
    ///
    /// # Errors
    /// What the database says.
    pub async fn query(&self, sql: &'static str, parameters: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(file) => file.with(move |connection| sqlite::query(connection, sql, &parameters)).await,
            Backend::Postgres(pool) => postgres::query(pool, sql, &parameters).await,
        }
    }

    /// Does one statement; how many rows it changed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn execute(&self, sql: &'static str, parameters: Vec<Value>) -> Result<u64, StoreError> {
        let changed = self.transact(vec![Statement::new(sql, parameters)]).await?;
        Ok(changed.first().copied().unwrap_or(0))
    }

    /// Does all of the statements or none; how many rows each changed.
    ///
    /// # Errors
    /// `Conflict` if one changes another number of rows than it expects, else what the database says.
    pub async fn transact(&self, statements: Vec<Statement>) -> Result<Vec<u64>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(file) => file.with(move |connection| sqlite::transact(connection, &statements)).await,
            Backend::Postgres(pool) => postgres::transact(pool, &statements).await,
        }
    }

    /// Whether other processes on other machines see what is stored here.
    pub fn is_shared(&self) -> bool {
        matches!(*self.backend, Backend::Postgres(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &[Migration] = &[
        Migration {
            name: "fruit",
            sql: "CREATE TABLE fruit (name TEXT PRIMARY KEY, weight BIGINT, ripe DOUBLE PRECISION);",
        },
        Migration { name: "colour", sql: "ALTER TABLE fruit ADD COLUMN colour TEXT;" },
    ];

    async fn filled() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Place::File(folder.path().join("deep/store.db"))).await.unwrap();
        store.migrate("fruit", &TABLES[..1]).await.unwrap();
        store.migrate("fruit", TABLES).await.unwrap();
        store.migrate("fruit", TABLES).await.unwrap();
        (folder, store)
    }

    fn insert(name: &str, weight: i64) -> Statement {
        let sql = "INSERT INTO fruit (name, weight, ripe, colour) VALUES ($1, $2, $3, $4)";
        Statement::one(sql, vec![name.into(), weight.into(), Value::Real(0.5), Value::Null])
    }

    #[tokio::test]
    async fn what_is_written_is_found_with_its_types() {
        let (_folder, store) = filled().await;
        store.transact(vec![insert("pear", i64::MAX)]).await.unwrap();
        let sql = "SELECT name, weight, ripe, colour FROM fruit WHERE weight >= $1 AND name = $2";
        let rows = store.query(sql, vec![5.into(), "pear".into()]).await.unwrap();
        let row = &rows[0];
        assert_eq!((row.text(0).unwrap().as_str(), row.int(1).unwrap(), row.real(2).unwrap()), ("pear", i64::MAX, 0.5));
        assert_eq!(row.text_or_none(3).unwrap(), None);
        assert!(row.int(0).is_err());
    }

    #[tokio::test]
    async fn statements_are_done_together_or_not_at_all() {
        let (_folder, store) = filled().await;
        let absent = Statement::one("UPDATE fruit SET weight = $1 WHERE name = $2", vec![1.into(), "plum".into()]);
        let refused = store.transact(vec![insert("pear", 1), absent]).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
        assert!(store.transact(vec![insert("pear", 1), insert("pear", 2)]).await.is_err());
        assert!(store.query("SELECT name FROM fruit", Vec::new()).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn tables_of_a_newer_or_another_version_are_refused() {
        let (_folder, store) = filled().await;
        let older = store.migrate("fruit", &TABLES[..1]).await;
        assert!(matches!(older, Err(StoreError::Newer { found: 2, known: 1, .. })), "{older:?}");
        const CHANGED: &[Migration] = &[Migration { name: "fruit", sql: "CREATE TABLE fruit (x TEXT);" }, TABLES[1]];
        let changed = store.migrate("fruit", CHANGED).await;
        assert!(matches!(changed, Err(StoreError::Changed { version: 1, .. })), "{changed:?}");
    }
}
