//! Ships entries from the file to PostgreSQL, on a thread of its own; the request path knows nothing of it.
//!
//! What is committed in the file is read in the order of its writing, written there in one transaction, and only then is
//! the place remembered. Between the two anything may be killed: what is sent twice is written once. While the database
//! cannot be reached, entries wait in the file.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use tokio::sync::watch;
use uuid::Uuid;

use super::cell::DAY;
use super::checkpoint::{self, Checkpoints};
use super::file::{self, LedgerError};
use super::meta;
use super::pen::Pen;
use super::settings::{Settings, Ship};
use crate::store::postgres::{self, Pool};
use crate::store::{Migration, StoreError, migration};

mod batch;
mod measure;
mod partition;
mod statement;
mod write;

use batch::Batch;
pub use measure::{Measure, Standing};
use partition::Days;
pub use write::add_to_cells;

/// The tables of the ledger in PostgreSQL.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "ledger", sql: include_str!("../migrations/postgres/0001_ledger.sql") },
    Migration { name: "verification", sql: include_str!("../migrations/postgres/0002_verification.sql") },
];

/// The name under which the database knows them.
pub const ROOM: &str = "ledger";

/// A condition on the day of entries whose ids are known: `$2` and `$3` are [`days_of`] them. An id begins with the moment
/// of its making, and without a day every day there is would be searched.
pub const NEAR_THEIR_IDS: &str = "day BETWEEN DATE '1970-01-01' + $2::int - 1 AND DATE '1970-01-01' + $3::int + 1";

/// The first and the last day on which these ids were made, as days since 1970.
pub fn days_of(ids: &[Uuid]) -> (i32, i32) {
    let day = |id: &Uuid| {
        i32::try_from((id.as_u128() >> 80) / u128::from(DAY.unsigned_abs())).unwrap_or(LAST_DAY).min(LAST_DAY)
    };
    let (first, last) = (ids.iter().map(day).min(), ids.iter().map(day).max());
    (first.unwrap_or(0), last.unwrap_or(0))
}

/// The last day but one of PostgreSQL's calendar as far as it is used here.
pub const LAST_DAY: i32 = 2_932_895;

/// The most entries in one transaction. More would gain nothing and hold the rollups' lines longer.
const MOST: usize = 500;

/// How long one transaction may take before the connection is given up: a database that was stopped answers nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// The pause after a failure, which doubles up to the second figure; a random part of it is left out.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long the last entries may take when the process ends. What is not shipped then is shipped at the next start.
const LAST_PATIENCE: Duration = Duration::from_secs(3);

/// How often days are made ahead and old ones dropped.
const HOUSEKEEPING: Duration = Duration::from_secs(600);

/// How long housekeeping rests when others hold what it needs: each try makes a batch wait for two seconds.
const HOUSE_PAUSE: Duration = Duration::from_secs(60);

/// Why entries were not shipped.
#[derive(Debug, thiserror::Error)]
enum ShipError {
    #[error(transparent)]
    File(#[from] LedgerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{}", postgres::words(.0))]
    Database(#[from] tokio_postgres::Error),
    #[error("PostgreSQL does not answer")]
    Silent,
}

impl From<rusqlite::Error> for ShipError {
    fn from(error: rusqlite::Error) -> Self {
        ShipError::File(error.into())
    }
}

/// The thread's own things.
pub struct Shipper {
    ship: Ship,
    retention: Option<Duration>,
    replica: String,
    pool: Pool,
    file: Connection,
    pen: Pen,
    checkpoints: Arc<Checkpoints>,
    standing: Arc<Standing>,
    closing: watch::Receiver<bool>,
    /// The most entries in the next batch: fewer while one is looked for that PostgreSQL will not take.
    most: usize,
    days: Days,
    is_migrated: bool,
    kept_house: Option<Instant>,
    /// Not before this: the last time it could not be done.
    house_after: Option<Instant>,
}

impl Shipper {
    /// Ships what the file of these settings holds.
    pub fn new(
        settings: &Settings,
        ship: &Ship,
        pen: Pen,
        checkpoints: Arc<Checkpoints>,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, LedgerError> {
        let failed = |source| LedgerError::Schema { path: settings.path.clone(), source };
        let file = file::connect(settings).map_err(failed)?;
        let replica = meta::replica(&file)?;
        let standing = Arc::new(Standing::at(meta::mark(&file, meta::SHIPPED)?));
        let pool = postgres::pool(ship.address.expose())?;
        Ok(Self {
            ship: ship.clone(),
            retention: settings.retention,
            replica,
            pool,
            file,
            pen,
            checkpoints,
            standing,
            closing,
            most: MOST,
            days: Days::default(),
            is_migrated: false,
            kept_house: None,
            house_after: None,
        })
    }

    /// Where shipping stands.
    pub fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// The last entry that is shipped.
    fn cursor(&self) -> i64 {
        self.standing.cursor.load(Relaxed)
    }

    /// The thread: ends when the ledger is closed. It looks how much waits also while PostgreSQL does not answer.
    pub fn run(self, measure: Measure) {
        let both = async {
            tokio::select! {
                () = self.ship_until_closed() => {}
                () = measure.again_and_again() => {}
            }
        };
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(both),
            Err(error) => tracing::error!(%error, "ledger entries are not shipped: no runtime can be started"),
        }
    }

    async fn ship_until_closed(mut self) {
        let mut pause = PAUSES.0;
        while !*self.closing.borrow() {
            match self.step().await {
                Ok(shipped) => {
                    pause = PAUSES.0;
                    self.succeeded();
                    let is_all = shipped < self.most;
                    self.most = (self.most * 2).min(MOST);
                    if is_all {
                        self.rest(self.ship.interval).await;
                    }
                }
                Err(ShipError::Database(error)) if is_an_entrys_fault(&error) => {
                    if let Err(error) = self.look_closer(&error) {
                        self.failed(&error);
                        self.rest(shortened(pause)).await;
                    }
                }
                Err(error) => {
                    self.failed(&error);
                    self.rest(shortened(pause)).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
        // What came while the last answers ended.
        let last = async { while self.step().await.is_ok_and(|shipped| shipped > 0) {} };
        let _ = tokio::time::timeout(LAST_PATIENCE, last).await;
    }

    async fn rest(&mut self, pause: Duration) {
        // An error means that the ledger is gone, which ends the loop as closing does.
        let _ = tokio::time::timeout(pause, self.closing.wait_for(|closing| *closing)).await;
    }

    fn succeeded(&self) {
        if self.standing.failing.swap(false, Relaxed) {
            tracing::info!("ledger entries are shipped again");
        }
    }

    fn failed(&self, error: &ShipError) {
        self.standing.failures.fetch_add(1, Relaxed);
        if !self.standing.failing.swap(true, Relaxed) {
            tracing::error!(%error, "ledger entries cannot be shipped; they wait in the file and are tried again");
        }
    }

    /// Ships one batch. How many entries it had.
    async fn step(&mut self) -> Result<usize, ShipError> {
        let batch = Batch::after(&self.file, self.cursor(), self.most)?;
        let is_time = self.kept_house.is_none_or(|kept| kept.elapsed() >= HOUSEKEEPING);
        let Some(last) = batch.last_seq().or(is_time.then_some(self.cursor())) else { return Ok(0) };
        let mut connection = postgres::connection(&self.pool).await?;
        let written = tokio::time::timeout(PATIENCE, self.write(&mut connection, &batch)).await;
        match written.unwrap_or(Err(ShipError::Silent)) {
            Ok(()) => {}
            Err(error) => {
                // Nobody knows what it still waits for: closed, not kept.
                drop(deadpool_postgres::Object::take(connection));
                return Err(error);
            }
        }
        if last > self.cursor() {
            self.remember(last)?;
            self.standing.shipped.fetch_add(batch.len() as u64, Relaxed);
        }
        Ok(batch.len())
    }

    async fn write(&mut self, connection: &mut deadpool_postgres::Object, batch: &Batch) -> Result<(), ShipError> {
        if !self.is_migrated {
            migration::of_postgres(&self.pool, ROOM, MIGRATIONS).await?;
            self.is_migrated = true;
        }
        if self.house_after.is_none_or(|after| Instant::now() >= after)
            && let Err(error) = self.keep_house(connection, batch).await
        {
            // Somebody reads a day for long, a backup perhaps. Entries need no tables of their own: the default takes
            // those of a day that has none, and they are moved when it gets them.
            tracing::warn!(
                error = postgres::words(&error),
                "days of the ledger could not be made or dropped: again soon"
            );
            self.house_after = Some(Instant::now() + HOUSE_PAUSE);
        }
        if batch.len() > 0 {
            write::write(connection, &self.replica, batch).await?;
        }
        Ok(())
    }

    /// Makes the tables of days that need them, and drops those that are not kept any more.
    async fn keep_house(
        &mut self,
        connection: &mut deadpool_postgres::Object,
        batch: &Batch,
    ) -> Result<(), tokio_postgres::Error> {
        let today = unix_millis() / DAY;
        self.days.make(connection, today, batch.days()).await?;
        if self.kept_house.is_none_or(|kept| kept.elapsed() >= HOUSEKEEPING) {
            if let Some(retention) = self.retention {
                let first_kept =
                    (unix_millis() - i64::try_from(retention.as_millis()).unwrap_or(i64::MAX)).div_euclid(DAY);
                self.days.drop_before(connection, first_kept).await?;
            }
            self.kept_house = Some(Instant::now());
        }
        Ok(())
    }

    /// Remembers the last entry that is shipped.
    fn remember(&mut self, seq: i64) -> Result<(), ShipError> {
        let _turn = self.pen.take();
        meta::set_mark(&self.file, meta::SHIPPED, seq)?;
        self.standing.cursor.store(seq, Relaxed);
        if self.checkpoints.committed() {
            checkpoint::empty(&self.file)?;
        }
        Ok(())
    }

    /// One of the entries is not taken: tries fewer, and sets the one aside that is found.
    fn look_closer(&mut self, error: &tokio_postgres::Error) -> Result<(), ShipError> {
        if self.most > 1 {
            self.most = self.most.div_ceil(4);
            return Ok(());
        }
        let Some(seq) = Batch::after(&self.file, self.cursor(), 1)?.last_seq() else { return Ok(()) };
        let reason = postgres::words(error);
        tracing::error!(seq, reason, "PostgreSQL does not take a ledger entry; it stays in the file, in `set_aside`");
        let aside = "INSERT OR REPLACE INTO set_aside (seq, reason, at_millis) VALUES (?, ?, ?)";
        {
            let _turn = self.pen.take();
            self.file.execute(aside, (seq, reason, unix_millis()))?;
        }
        self.remember(seq)
    }
}

/// Whether the error would come again with the same entries, whatever the database does: a value that no column takes.
fn is_an_entrys_fault(error: &tokio_postgres::Error) -> bool {
    let code = error.code().map(|code| code.code());
    code.is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
}

/// The pause, less a random part of up to a half: replicas that lost the database together do not come back together.
fn shortened(pause: Duration) -> Duration {
    let mut random = [0; 2];
    // Without chance the pause is whole.
    let _ = getrandom::fill(&mut random);
    pause - pause / 2 * u32::from(u16::from_le_bytes(random)) / u32::from(u16::MAX)
}

fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
