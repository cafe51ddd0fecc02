//! The tables' shape: numbered migrations for each room, each run once and in a transaction of its own.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, TransactionBehavior};
use sha2::{Digest as _, Sha256};

use super::StoreError;
use super::postgres::{self, Pool};

/// A step from one shape to the next. Never edit one that was released: add the next.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// What it brings.
    pub name: &'static str,
    /// How.
    pub sql: &'static str,
}

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS weighbridge_migrations (
    room TEXT NOT NULL, version BIGINT NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL, at_millis BIGINT NOT NULL,
    PRIMARY KEY (room, version))";
const RAN: &str = "SELECT checksum FROM weighbridge_migrations WHERE room = $1 ORDER BY version";
const NOTE: &str =
    "INSERT INTO weighbridge_migrations (room, version, name, checksum, at_millis) VALUES ($1, $2, $3, $4, $5)";

/// "weighbri", as a number: processes that migrate the same database wait for each other under it.
const LOCK: i64 = 0x7765_6967_6862_7269;

pub(super) fn of_sqlite(
    connection: &mut Connection,
    room: &'static str,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(VERSIONS)?;
        let ran = transaction
            .prepare(RAN)?
            .query_map([room], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<String>>>()?;
        let Some((version, next)) = next(room, &ran, migrations)? else { return Ok(transaction.commit()?) };
        transaction.execute_batch(next.sql)?;
        transaction.execute(NOTE, (room, version, next.name, checksum(next.sql), unix_millis()))?;
        transaction.commit()?;
    }
}

/// The same in PostgreSQL. A step waits no longer than five seconds for a lock that others hold, rather than make every
/// writer that comes after it wait as well.
///
/// # Errors
/// As [`Store::migrate`](super::Store::migrate).
pub async fn of_postgres(pool: &Pool, room: &'static str, migrations: &[Migration]) -> Result<(), StoreError> {
    let mut connection = postgres::connection(pool).await?;
    loop {
        let transaction = connection.transaction().await?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        transaction.batch_execute("SET LOCAL lock_timeout = '5s'").await?;
        transaction.batch_execute(VERSIONS).await?;
        let ran: Vec<String> = transaction.query(RAN, &[&room]).await?.iter().map(|row| row.get(0)).collect();
        let Some((version, next)) = next(room, &ran, migrations)? else { return Ok(transaction.commit().await?) };
        transaction.batch_execute(next.sql).await?;
        let noted: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&room, &version, &next.name, &checksum(next.sql), &unix_millis()];
        transaction.execute(NOTE, &noted).await?;
        transaction.commit().await?;
    }
}

/// The next step and its number; `None`: there is none.
fn next<'m>(
    room: &'static str,
    ran: &[String],
    migrations: &'m [Migration],
) -> Result<Option<(i64, &'m Migration)>, StoreError> {
    if ran.len() > migrations.len() {
        return Err(StoreError::Newer { room, found: ran.len() as u32, known: migrations.len() as u32 });
    }
    for (version, (found, migration)) in (1..).zip(ran.iter().zip(migrations)) {
        if *found != checksum(migration.sql) {
            return Err(StoreError::Changed { room, version });
        }
    }
    Ok(migrations.get(ran.len()).map(|next| (ran.len() as i64 + 1, next)))
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
