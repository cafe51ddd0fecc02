//! Keeps SQLite's log (the `-wal` file) short without making an answer wait.
//!
//! A checkpoint copies the log into the file and syncs both, which may take tens of milliseconds. So a thread of its own
//! does that beside the writer, which SQLite allows. Only the last step, emptying a log that has grown long, needs a
//! moment without writes: the writer does it between two groups, when next to nothing is left to copy.

use std::path::PathBuf;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::file;

/// When the log is shortened.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// A log longer than this is emptied.
    pub long_bytes: u64,
    /// How often the log is looked at while entries come.
    pub tick: Duration,
    /// After so many ticks without an entry the log is copied, however short.
    pub idle_ticks: u32,
}

impl Default for Pace {
    fn default() -> Self {
        // A page that changes often is copied once: the longer the log, the less is copied. 64 MiB are some 20,000
        // entries, which a restart after a crash reads again in well under a second.
        Self { long_bytes: 64 << 20, tick: Duration::from_millis(500), idle_ticks: 4 }
    }
}

/// Between the writer and the thread that checkpoints.
pub struct Checkpoints {
    pace: Pace,
    commits: AtomicU64,
    /// Whether the thread sleeps until the next commit.
    asleep: AtomicBool,
    /// Whether the log has grown long and is copied, so that the writer can empty it.
    long: AtomicBool,
    ended: Mutex<bool>,
    bell: Condvar,
}

impl Checkpoints {
    /// To be shortened at this pace.
    pub fn new(pace: Pace) -> Self {
        let (commits, asleep, long) = (AtomicU64::new(0), AtomicBool::new(false), AtomicBool::new(false));
        Self { pace, commits, asleep, long, ended: Mutex::new(false), bell: Condvar::new() }
    }

    /// Told by the writer after each commit. True: the log has grown long, [`empty`] it.
    pub fn committed(&self) -> bool {
        self.commits.fetch_add(1, SeqCst);
        if self.asleep.load(SeqCst) {
            let _between_looking_and_sleeping = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            self.asleep.store(false, SeqCst);
            self.bell.notify_one();
        }
        self.long.load(Relaxed) && self.long.swap(false, Relaxed)
    }

    /// Ends the thread.
    pub fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_one();
    }

    /// The thread: looks at the log while entries come, and sleeps while none do.
    pub fn run(&self, path: PathBuf) {
        let log = file::log_path(&path);
        let mut connection = None;
        let (mut seen, mut idle) = (0, 0);
        while self.tick() {
            let commits = self.commits.load(SeqCst);
            idle = if commits == seen { idle + 1 } else { 0 };
            seen = commits;
            let long = file::log_bytes(&log) > self.pace.long_bytes;
            if long || idle >= self.pace.idle_ticks {
                self.copy(&mut connection, &path);
                self.long.store(long, Relaxed);
            }
            if idle >= self.pace.idle_ticks {
                idle = 0;
                // First asleep, then the second look; `committed` does it the other way round, so one sees the other.
                self.asleep.store(true, SeqCst);
                self.asleep.store(self.commits.load(SeqCst) == seen, SeqCst);
            }
        }
    }

    /// Waits for the next look. False: the thread is to end.
    fn tick(&self) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let asleep = |ended: &mut bool| !*ended && self.asleep.load(SeqCst);
        let ended = self.bell.wait_while(ended, asleep).unwrap_or_else(PoisonError::into_inner);
        let tick = self.bell.wait_timeout_while(ended, self.pace.tick, |ended| !*ended);
        let (ended, _) = tick.unwrap_or_else(PoisonError::into_inner);
        !*ended
    }

    fn copy(&self, connection: &mut Option<Connection>, path: &std::path::Path) {
        let copied = match connection.take().map_or_else(|| file::connect_to_checkpoint(path), Ok) {
            Ok(opened) => checkpoint(connection.insert(opened), "PASSIVE"),
            Err(error) => Err(error),
        };
        if let Err(error) = copied {
            // The entries are safe in the log; it only stays longer than it should until the next try.
            tracing::warn!(%error, "the ledger's log cannot be copied into its file, trying again");
            *connection = None;
        }
    }
}

/// Empties the log: copies what is left of it and cuts it to nothing. If a reader still needs it, it stays as it is, and
/// nobody waits for the reader.
pub fn empty(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    let emptied = checkpoint(connection, "TRUNCATE");
    connection.busy_timeout(file::BUSY_TIMEOUT)?;
    emptied
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
}
