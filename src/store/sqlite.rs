//! The store in an SQLite file: one connection, used by one question at a time, away from the threads that serve.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, TransactionBehavior, params_from_iter};

use super::{Row, Statement, StoreError, Value};

/// How long a write waits for another process's to end: the command line and the proxy share the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct File {
    connection: Arc<Mutex<Connection>>,
}

impl File {
    pub(super) async fn open(path: PathBuf) -> Result<Self, StoreError> {
        let opened = tokio::task::spawn_blocking(move || connect(path)).await;
        let connection = opened.map_err(|_| StoreError::BrokenOff)??;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Runs work on the connection where it may block.
    pub(super) async fn with<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        // A panic in an earlier question left no transaction open: dropping one rolls it back.
        let work = move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::BrokenOff)?
    }
}

fn connect(path: PathBuf) -> Result<Connection, StoreError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        let mut folders = std::fs::DirBuilder::new();
        folders.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
        folders.create(folder).map_err(|source| StoreError::Create { path: folder.to_owned(), source })?;
    }
    let mut file = std::fs::OpenOptions::new();
    file.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    file.open(&path).map_err(|source| StoreError::Create { path: path.clone(), source })?;
    let connection = Connection::open(&path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // What is stored here is seldom and small, and whoever was told that a key is revoked must be able to rely on it.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

pub(super) fn query(connection: &Connection, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map(params_from_iter(parameters), |row| {
        (0..columns).map(|column| Ok(value(row.get_ref(column)?))).collect::<rusqlite::Result<Vec<_>>>().map(Row)
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn transact(connection: &mut Connection, statements: &[Statement]) -> Result<Vec<u64>, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut changed = Vec::with_capacity(statements.len());
    for statement in statements {
        let count = transaction.prepare_cached(statement.sql)?.execute(params_from_iter(&statement.parameters))? as u64;
        if statement.expect.is_some_and(|expected| expected != count) {
            return Err(StoreError::Conflict);
        }
        changed.push(count);
    }
    transaction.commit()?;
    Ok(changed)
}

fn value(found: ValueRef<'_>) -> Value {
    match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(whole) => Value::Int(whole),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) | ValueRef::Blob(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Value::Null => rusqlite::types::Null.into(),
            Value::Int(whole) => (*whole).into(),
            Value::Real(real) => (*real).into(),
            Value::Text(text) => text.as_str().into(),
        })
    }
}
