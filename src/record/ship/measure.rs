//! How much waits to be shipped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use crate::record::file::{self, LedgerError};
use crate::record::settings::{Settings, Ship};

/// How often it is looked, at the least.
const SELDOM: Duration = Duration::from_secs(1);

/// Where shipping stands; read by metrics and by whoever asks whether requests may be taken.
#[derive(Debug, Default)]
pub struct Standing {
    /// The last entry that is shipped.
    pub cursor: AtomicI64,
    /// Entries that wait.
    pub unshipped: AtomicU64,
    /// When the oldest of them arrived, in milliseconds since 1970; 0: none waits.
    pub oldest_millis: AtomicI64,
    pub shipped: AtomicU64,
    pub failures: AtomicU64,
    /// Entries that PostgreSQL would not take, which stay in the file.
    pub set_aside: AtomicU64,
    /// About how many bytes of the file wait.
    pub spool_bytes: AtomicU64,
    /// Whether more waits than may.
    pub is_full: AtomicBool,
    /// Whether the last attempt failed.
    pub failing: AtomicBool,
}

impl Standing {
    /// With this entry as the last that is shipped.
    pub fn at(cursor: i64) -> Self {
        Self { cursor: cursor.into(), ..Self::default() }
    }
}

/// Looks how much waits.
pub struct Measure {
    file: Connection,
    standing: Arc<Standing>,
    max_spool: u64,
    every: Duration,
    warned: bool,
}

impl Measure {
    /// Of the file of these settings.
    pub fn new(settings: &Settings, ship: &Ship, standing: Arc<Standing>) -> Result<Self, LedgerError> {
        let file = file::connect_to_read(&settings.path)?;
        Ok(Self { file, standing, max_spool: ship.max_spool, every: ship.interval.min(SELDOM), warned: false })
    }

    /// Looks, until it is dropped.
    pub async fn again_and_again(mut self) {
        loop {
            if let Err(error) = self.look() {
                tracing::warn!(%error, "it cannot be told how many ledger entries wait to be shipped");
            }
            tokio::time::sleep(self.every).await;
        }
    }

    fn look(&mut self) -> Result<(), LedgerError> {
        let standing = &self.standing;
        let cursor = standing.cursor.load(Relaxed);
        let newest: Option<i64> = self.file.query_row("SELECT max(seq) FROM entries", [], |row| row.get(0))?;
        let waiting = newest.map_or(0, |newest| (newest - cursor).max(0)).unsigned_abs();
        let oldest = "SELECT at_millis FROM entries WHERE seq > ? ORDER BY seq LIMIT 1";
        let oldest = self.file.prepare_cached(oldest)?.query_row([cursor], |row| row.get(0)).optional()?;
        let aside: i64 = self.file.query_row("SELECT count(*) FROM set_aside", [], |row| row.get(0))?;
        let bytes = if waiting == 0 { 0 } else { file::bytes_after(&self.file, cursor)? };
        standing.unshipped.store(waiting, Relaxed);
        standing.oldest_millis.store(oldest.unwrap_or(0), Relaxed);
        standing.set_aside.store(aside.unsigned_abs(), Relaxed);
        standing.spool_bytes.store(bytes, Relaxed);
        self.tell(bytes, waiting);
        Ok(())
    }

    fn tell(&mut self, bytes: u64, waiting: u64) {
        let is_full = bytes >= self.max_spool;
        if is_full != self.standing.is_full.swap(is_full, Relaxed) {
            if is_full {
                tracing::error!(bytes, waiting, "as many ledger entries wait to be shipped as may: see max_spool");
            } else {
                tracing::info!(bytes, waiting, "there is room again for ledger entries that wait to be shipped");
            }
        }
        let is_high = bytes >= self.max_spool / 5 * 4;
        if is_high && !self.warned {
            tracing::warn!(bytes, waiting, "ledger entries that wait to be shipped take 80 % of max_spool");
        }
        self.warned = is_high;
    }
}
