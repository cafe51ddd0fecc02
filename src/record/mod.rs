//! The ledger: one entry for each request, one line for each attempt, in one SQLite file.
//!
//! An entry goes into a queue and a thread writes it; whoever appended it holds a [`Receipt`], which resolves when the
//! entry is committed. An answer's last bytes are held back for that, so an answer that a client got whole has its entry,
//! though the process be killed at any moment. Entries that come while others are being written are committed together.
//!
//! Appending never blocks and never fails. When entries cannot be written (disk full), they wait and
//! [`Ledger::is_accepting`] tells the proxy to refuse new requests. Money, rules and metrics are others' business.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{oneshot, watch};
use tokio::time::Sleep;

pub mod archive;
mod cell;
mod checkpoint;
mod chores;
pub mod entry;
mod fields;
mod file;
mod insert;
mod latency;
mod meta;
mod pen;
pub mod period;
pub mod query;
mod queue;
pub mod recorded;
pub mod report;
pub mod restate;
mod rollup;
#[cfg(test)]
pub(crate) mod sample;
mod schema;
mod settings;
mod ship;
mod sums;
#[cfg(test)]
mod tests;
pub mod used;
mod writer;

use checkpoint::{Checkpoints, Pace};
use chores::{Chores, Ended};
use entry::Entry;
pub use file::LedgerError;
use pen::Pen;
use queue::{Queue, Waiting};
pub use schema::SchemaError;
pub use settings::{OnFailure, Settings, SettingsError, Ship, Synchronous};
use ship::{Measure, Shipper, Standing};
use writer::{Arrivals, Writer};

/// How long the writer may go on when the last handle is dropped and nobody called [`Ledger::close`].
const UNCLOSED_PATIENCE: Duration = Duration::from_secs(10);

/// The ledger, open for writing. Clones are handles to the same one.
#[derive(Clone)]
pub struct Ledger {
    open: Arc<Open>,
}

struct Open {
    settings: Settings,
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
    replica: String,
    shipping: Option<Shipping>,
    chores: Arc<Ended>,
    busy_with_chores: Mutex<Option<JoinHandle<()>>>,
}

/// The thread that ships, and what is known of it.
struct Shipping {
    standing: Arc<Standing>,
    close: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Why no new request should be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Backlog {
    /// Too many entries wait.
    #[error("{waiting} ledger entries wait to be written")]
    Full {
        /// How many.
        waiting: usize,
    },
    /// Entries cannot be written at present.
    #[error("ledger entries cannot be written at present")]
    Failing,
    /// As many wait on disk for PostgreSQL as may.
    #[error("{unshipped} ledger entries wait on disk for PostgreSQL, as many as `max_spool` allows")]
    Spool {
        /// How many.
        unshipped: u64,
    },
}

/// What the ledger did and has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Entries not yet committed.
    pub queued: usize,
    /// How long the oldest of them has waited.
    pub oldest_queued: Duration,
    /// Entries committed.
    pub written: u64,
    /// Transactions committed; each holds the entries that came while the one before it was written.
    pub commits: u64,
    /// Attempts to write that failed. What they held was kept.
    pub failures: u64,
    /// Answers released before their entry was written.
    pub late: u64,
    /// Entries given up because no database would take them: a fault of ours.
    pub rejected: u64,
    /// Whether entries cannot be written at present.
    pub failing: bool,
    /// The size of SQLite's log.
    pub log_bytes: u64,
    /// How shipping stands; `None`: entries are not shipped.
    pub shipping: Option<ShippingStats>,
}

/// How shipping to PostgreSQL stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ShippingStats {
    /// Entries that wait.
    pub unshipped: u64,
    /// How long ago the oldest of them arrived.
    pub oldest_unshipped: Duration,
    /// About how many bytes of the file they take.
    pub spool_bytes: u64,
    /// How many they may take.
    pub max_spool: u64,
    /// Entries shipped.
    pub shipped: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Entries that PostgreSQL would not take, which stay in the file.
    pub set_aside: u64,
    /// Whether the last attempt failed.
    pub failing: bool,
}

impl Ledger {
    /// Opens the file, creating it if need be, brings it up to date, and starts the thread that writes.
    ///
    /// # Errors
    /// If the settings make no sense, or the file cannot be created, read, or brought up to date.
    pub fn open(settings: &Settings) -> Result<Ledger, LedgerError> {
        settings.check()?;
        file::create(&settings.path)?;
        let failed = |source| LedgerError::Schema { path: settings.path.clone(), source };
        let connection = file::connect(settings).map_err(failed)?;
        insert::forget_held(&connection, SystemTime::now())?;
        let again = settings.clone();
        let connect = Box::new(move || file::connect(&again));
        Self::start(settings, Some(connection), connect, insert::insert)
    }

    fn start(
        settings: &Settings,
        connection: Option<rusqlite::Connection>,
        connect: writer::Connect,
        insert: writer::Insert,
    ) -> Result<Ledger, LedgerError> {
        let failed = |source| LedgerError::Schema { path: settings.path.clone(), source };
        let connection = connection.map_or_else(&connect, Ok).map_err(failed)?;
        let replica = meta::replica(&connection)?;
        let (queue, pen) = (Arc::new(Queue::default()), Pen::default());
        let checkpoints = Arc::new(Checkpoints::new(Pace::default()));
        let ship = settings.ship.as_ref();
        let shipping = ship.map(|ship| Shipping::start(settings, ship, &pen, &checkpoints)).transpose()?;
        let chores = Arc::new(Ended::default());
        let work = Chores::new(settings, pen.clone(), Arc::clone(&checkpoints), Arc::clone(&chores));
        let beside = thread::Builder::new().name("ledger-chores".into());
        let beside = beside.spawn(|| work.run()).map_err(LedgerError::Thread)?;
        let writer = Writer {
            queue: Arc::clone(&queue),
            checkpoints: Arc::clone(&checkpoints),
            pen,
            arrivals: Arrivals::new(settings.commit_interval),
            connection: Some(connection),
            connect,
            insert,
            rejected: Vec::new(),
        };
        let path = settings.path.clone();
        let write = move || keep(writer, &checkpoints, path);
        let thread = thread::Builder::new().name("ledger".into()).spawn(write).map_err(LedgerError::Thread)?;
        let writer = Mutex::new(Some(thread));
        let busy_with_chores = Mutex::new(Some(beside));
        let open = Open { settings: settings.clone(), queue, writer, replica, shipping, chores, busy_with_chores };
        Ok(Ledger { open: Arc::new(open) })
    }

    /// The name of this replica: made once, kept in the file, and written beside every entry that is shipped.
    pub fn replica(&self) -> &str {
        &self.open.replica
    }

    /// Takes an entry to be written. The entry is written whether or not anybody waits for the receipt.
    pub fn append(&self, entry: Entry) -> Receipt {
        let (written, waits) = oneshot::channel();
        let waiting = Waiting { entry: Box::new(entry), since: Instant::now(), written };
        if let Err(given_back) = self.open.queue.push(waiting) {
            self.open.queue.counts.rejected.fetch_add(1, Relaxed);
            tracing::error!(request_id = %given_back.entry.id, "the ledger is closed: an entry that came after is lost");
        }
        let (queue, max_hold) = (Arc::clone(&self.open.queue), self.open.settings.max_hold);
        Receipt { waits, max_hold, limit: None, queue }
    }

    /// Whether a new request may be taken.
    ///
    /// # Errors
    /// Why not.
    pub fn is_accepting(&self) -> Result<(), Backlog> {
        let counts = &self.open.queue.counts;
        let waiting = counts.depth.load(Relaxed);
        if waiting > self.open.settings.max_queue {
            Err(Backlog::Full { waiting })
        } else if self.open.settings.on_failure == OnFailure::Serve {
            Ok(())
        } else if counts.failing.load(Relaxed) {
            Err(Backlog::Failing)
        } else {
            self.open.shipping.as_ref().map_or(Ok(()), Shipping::is_accepting)
        }
    }

    /// What it did and has to do.
    pub fn stats(&self) -> Stats {
        let counts = &self.open.queue.counts;
        Stats {
            queued: counts.depth.load(Relaxed),
            oldest_queued: self.open.queue.oldest(),
            written: counts.written.load(Relaxed),
            commits: counts.commits.load(Relaxed),
            failures: counts.failures.load(Relaxed),
            late: counts.late.load(Relaxed),
            rejected: counts.rejected.load(Relaxed),
            failing: counts.failing.load(Relaxed),
            log_bytes: file::log_bytes(&file::log_path(&self.open.settings.path)),
            shipping: self
                .open
                .settings
                .ship
                .as_ref()
                .zip(self.open.shipping.as_ref())
                .map(|(ship, shipping)| ShippingStats { max_spool: ship.max_spool, ..shipping.stats() }),
        }
    }

    /// Writes what waits and ends the thread. Blocks: not for a thread that runs futures.
    ///
    /// # Errors
    /// If entries could not be written within `patience`, or the writer had broken off.
    pub fn close(self, patience: Duration) -> Result<(), LedgerError> {
        self.open.chores.end();
        let chores = self.open.busy_with_chores.lock().unwrap_or_else(PoisonError::into_inner).take();
        if chores.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that adds up the ledger broke off; it goes on at the next start");
        }
        self.open.queue.close(Instant::now() + patience);
        let thread = self.open.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            return Err(LedgerError::WriterGone);
        }
        if let Some(shipping) = &self.open.shipping {
            shipping.end();
        }
        match self.open.queue.counts.depth.load(Relaxed) {
            0 => Ok(()),
            lost => Err(LedgerError::Undrained(lost)),
        }
    }
}

impl Shipping {
    fn start(settings: &Settings, ship: &Ship, pen: &Pen, checkpoints: &Arc<Checkpoints>) -> Result<Self, LedgerError> {
        let (close, closing) = watch::channel(false);
        let shipper = Shipper::new(settings, ship, pen.clone(), Arc::clone(checkpoints), closing)?;
        let standing = shipper.standing();
        let measure = Measure::new(settings, ship, Arc::clone(&standing))?;
        let thread = thread::Builder::new().name("ledger-ship".into()).spawn(|| shipper.run(measure));
        Ok(Self { standing, close, thread: Mutex::new(Some(thread.map_err(LedgerError::Thread)?)) })
    }

    fn is_accepting(&self) -> Result<(), Backlog> {
        let unshipped = self.standing.unshipped.load(Relaxed);
        if self.standing.is_full.load(Relaxed) { Err(Backlog::Spool { unshipped }) } else { Ok(()) }
    }

    fn stats(&self) -> ShippingStats {
        let standing = &self.standing;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let oldest = standing.oldest_millis.load(Relaxed);
        let since = Duration::from_millis(oldest.max(0).unsigned_abs());
        ShippingStats {
            unshipped: standing.unshipped.load(Relaxed),
            oldest_unshipped: if oldest == 0 { Duration::ZERO } else { now.saturating_sub(since) },
            spool_bytes: standing.spool_bytes.load(Relaxed),
            max_spool: 0,
            shipped: standing.shipped.load(Relaxed),
            failures: standing.failures.load(Relaxed),
            set_aside: standing.set_aside.load(Relaxed),
            failing: standing.failing.load(Relaxed),
        }
    }

    /// Ends the thread, which ships what it can in the time that it gives itself.
    fn end(&self) {
        self.close.send_replace(true);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that ships ledger entries broke off; they are shipped at the next start");
        }
    }
}

/// The ledger's thread, with the one for checkpoints beside it.
fn keep(writer: Writer, checkpoints: &Checkpoints, path: std::path::PathBuf) {
    let queue = Arc::clone(&writer.queue);
    thread::scope(|scope| {
        let beside = thread::Builder::new().name("ledger-log".into());
        if let Err(error) = beside.spawn_scoped(scope, || checkpoints.run(path)) {
            tracing::error!(%error, "the ledger's log will grow: the thread that shortens it cannot be started");
        }
        let whatever_happens = EndBoth { queue: &queue, checkpoints };
        writer.run();
        drop(whatever_happens);
    });
}

/// Ends what depends on the writer when the writer ends, even by a panic: appended entries then are not taken in silence.
struct EndBoth<'w> {
    queue: &'w Queue,
    checkpoints: &'w Checkpoints,
}

impl Drop for EndBoth<'_> {
    fn drop(&mut self) {
        self.checkpoints.end();
        self.queue.end();
        if thread::panicking() {
            self.queue.counts.failing.store(true, Relaxed);
        }
        let lost = self.queue.counts.depth.load(Relaxed);
        if lost > 0 {
            tracing::error!(lost, "the ledger ends with entries that could not be written");
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.chores.end();
        if let Some(shipping) = &self.shipping {
            shipping.close.send_replace(true);
        }
        self.queue.close(Instant::now() + UNCLOSED_PATIENCE);
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({})", self.open.settings.path.display())
    }
}

/// How the wait for an entry ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Committed {
    /// The entry is in the ledger.
    Durable,
    /// Not yet, after `max_hold`, or it was given up: nobody should wait any longer. What was not given up is written
    /// when it can be.
    Late,
}

/// Resolves when the entry is committed, or when that takes too long. Dropping it leaves the entry in the queue.
#[must_use = "an answer's last bytes wait for it"]
pub struct Receipt {
    waits: oneshot::Receiver<()>,
    max_hold: Duration,
    /// Made when the receipt is first waited for: it may be created where no runtime is, in a `Drop`.
    limit: Option<Pin<Box<Sleep>>>,
    queue: Arc<Queue>,
}

impl Future for Receipt {
    type Output = Committed;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Committed> {
        match Pin::new(&mut self.waits).poll(task) {
            Poll::Ready(Ok(())) => return Poll::Ready(Committed::Durable),
            // The writer is gone, or gave this entry up: waiting longer would change nothing.
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                let max_hold = self.max_hold;
                let limit = self.limit.get_or_insert_with(|| Box::pin(tokio::time::sleep(max_hold)));
                if limit.as_mut().poll(task).is_pending() {
                    return Poll::Pending;
                }
            }
        }
        self.queue.counts.late.fetch_add(1, Relaxed);
        Poll::Ready(Committed::Late)
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt")
    }
}
