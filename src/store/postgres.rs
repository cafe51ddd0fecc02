//! PostgreSQL: connections, and the store's statements in it.

use std::error::Error as _;
use std::time::Duration;

use bytes::BytesMut;
use deadpool_postgres::{Manager, ManagerConfig, Object, RecyclingMethod, Runtime, Timeouts};
use rustls_platform_verifier::ConfigVerifierExt;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Row, Statement, StoreError, Value};

/// Connections to one database.
pub type Pool = deadpool_postgres::Pool;

/// How many connections one process keeps at most: the shipper's, and those of people who look.
const CONNECTIONS: usize = 8;

/// How long what was sent may stay without an acknowledgement.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// How long it takes at most to get a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long an answer may take: the statements here read and write what people and code hosts tell.
const ANSWER: Duration = Duration::from_secs(20);

/// Why an address is none.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It cannot be read.
    #[error("it is no address of a PostgreSQL database ({0}); such as `postgres://user@host:5432/name`")]
    Unreadable(String),
    /// The platform's certificates cannot be used.
    #[error("the platform's certificates cannot be read: {0}")]
    Tls(#[from] rustls::Error),
}

/// Connections to the database at this address, `postgres://user:password@host:5432/name?sslmode=require`. None is made
/// yet.
///
/// # Errors
/// If the address cannot be read, or the platform's certificates cannot.
pub fn pool(address: &str) -> Result<Pool, AddressError> {
    let unreadable = |error: tokio_postgres::Error| AddressError::Unreadable(words(&error));
    let mut config: tokio_postgres::Config = address.parse().map_err(unreadable)?;
    config.application_name("weighbridge").keepalives_idle(Duration::from_secs(15));
    // A connection whose other end is gone without a word is given up after seconds, not after the system's quarter hour.
    config.keepalives_interval(Duration::from_secs(5)).keepalives_retries(3).tcp_user_timeout(LOST_AFTER);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(PATIENCE);
    }
    let tls = MakeRustlsConnect::new(rustls::ClientConfig::with_platform_verifier()?);
    let manager = Manager::from_config(config, tls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    let timeouts = Timeouts { wait: Some(PATIENCE), create: Some(PATIENCE), recycle: Some(PATIENCE) };
    let built = Pool::builder(manager).max_size(CONNECTIONS).timeouts(timeouts).runtime(Runtime::Tokio1).build();
    // Building fails only where time limits are set and no runtime is.
    Ok(built.expect("a runtime is set"))
}

/// A connection.
///
/// # Errors
/// `Unreachable`, with the reason.
pub async fn connection(pool: &Pool) -> Result<deadpool_postgres::Object, StoreError> {
    pool.get().await.map_err(|error| {
        StoreError::Unreachable(match &error {
            deadpool_postgres::PoolError::Backend(error) => words(error),
            other => other.to_string(),
        })
    })
}

/// What PostgreSQL says, with the cause that its own words leave out.
pub fn words(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(told), _) => format!("{} ({})", told.message(), told.code().code()),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

pub(super) async fn query(pool: &Pool, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
    let asked = async |connection: &mut Object| {
        let statement = connection.prepare_cached(sql).await?;
        let rows = connection.query(&statement, &borrowed(parameters)).await?;
        rows.iter().map(row).collect()
    };
    in_time(pool, asked).await
}

/// A connection in use. One that is given up in the middle, for it took too long or whoever asked has gone, does not return
/// to the pool: its other end may be gone as well, and the next would wait for it.
struct InUse(Option<Object>);

impl Drop for InUse {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

async fn in_time<T>(
    pool: &Pool,
    asked: impl AsyncFnOnce(&mut Object) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut in_use = InUse(Some(connection(pool).await?));
    let Some(connection) = &mut in_use.0 else { return Err(StoreError::Unreachable("no connection".to_owned())) };
    let answered = tokio::time::timeout(ANSWER, asked(connection)).await;
    let answer = answered.map_err(|_| StoreError::Unreachable("it does not answer".to_owned()))?;
    // It was heard to its end.
    drop(in_use.0.take());
    answer
}

pub(super) async fn transact(pool: &Pool, statements: &[Statement]) -> Result<Vec<u64>, StoreError> {
    let asked = async |connection: &mut Object| {
        let transaction = connection.transaction().await?;
        let mut changed = Vec::with_capacity(statements.len());
        for statement in statements {
            let prepared = transaction.prepare_cached(statement.sql).await?;
            let count = transaction.execute(&prepared, &borrowed(&statement.parameters)).await?;
            if statement.expect.is_some_and(|expected| expected != count) {
                return Err(StoreError::Conflict);
            }
            changed.push(count);
        }
        transaction.commit().await?;
        Ok(changed)
    };
    in_time(pool, asked).await
}

fn borrowed(parameters: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn row(found: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let value = |(place, column): (usize, &tokio_postgres::Column)| -> Result<Value, StoreError> {
        Ok(match *column.type_() {
            Type::INT8 => found.try_get::<_, Option<i64>>(place)?.into(),
            Type::INT4 => found.try_get::<_, Option<i32>>(place)?.map(i64::from).into(),
            Type::FLOAT8 => found.try_get::<_, Option<f64>>(place)?.map_or(Value::Null, Value::Real),
            Type::TEXT | Type::VARCHAR => found.try_get::<_, Option<String>>(place)?.into(),
            _ => return Err(StoreError::Shape(place)),
        })
    };
    found.columns().iter().enumerate().map(value).collect::<Result<_, _>>().map(Row)
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(whole) if *kind == Type::INT4 => i32::try_from(*whole)?.to_sql(kind, out),
            Value::Int(whole) if *kind == Type::FLOAT8 => (*whole as f64).to_sql(kind, out),
            Value::Int(whole) => whole.to_sql_checked(kind, out),
            Value::Real(real) => real.to_sql_checked(kind, out),
            Value::Text(text) => text.to_sql_checked(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
