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
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;
use tokio::time::Sleep;

mod checkpoint;
pub mod entry;
mod file;
mod insert;
pub mod period;
pub mod query;
mod queue;
pub mod report;
#[cfg(test)]
pub(crate) mod sample;
mod schema;
mod settings;
#[cfg(test)]
mod tests;
mod writer;

use checkpoint::{Checkpoints, Pace};
use entry::Entry;
pub use file::LedgerError;
use queue::{Queue, Waiting};
pub use schema::SchemaError;
pub use settings::{OnFailure, Settings, SettingsError, Synchronous};
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
        let queue = Arc::new(Queue::default());
        let checkpoints = Arc::new(Checkpoints::new(Pace::default()));
        let writer = Writer {
            queue: Arc::clone(&queue),
            checkpoints: Arc::clone(&checkpoints),
            arrivals: Arrivals::new(settings.commit_interval),
            connection,
            connect,
            insert,
            rejected: Vec::new(),
        };
        let path = settings.path.clone();
        let write = move || keep(writer, &checkpoints, path);
        let thread = thread::Builder::new().name("ledger".into()).spawn(write).map_err(LedgerError::Thread)?;
        let open = Open { settings: settings.clone(), queue, writer: Mutex::new(Some(thread)) };
        Ok(Ledger { open: Arc::new(open) })
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
        } else if counts.failing.load(Relaxed) && self.open.settings.on_failure == OnFailure::Refuse {
            Err(Backlog::Failing)
        } else {
            Ok(())
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
        }
    }

    /// Writes what waits and ends the thread. Blocks: not for a thread that runs futures.
    ///
    /// # Errors
    /// If entries could not be written within `patience`, or the writer had broken off.
    pub fn close(self, patience: Duration) -> Result<(), LedgerError> {
        self.open.queue.close(Instant::now() + patience);
        let thread = self.open.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            return Err(LedgerError::WriterGone);
        }
        match self.open.queue.counts.depth.load(Relaxed) {
            0 => Ok(()),
            lost => Err(LedgerError::Undrained(lost)),
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
