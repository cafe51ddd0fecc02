//! The thread that writes: takes what waits, writes it in one transaction, then wakes those who wait for it.
//!
//! What cannot be written is kept and tried again, on a new connection, until it can be or the time to close is over. An
//! entry whose id is there already is left alone, so a group is never written twice, however its first commit ended.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::checkpoint::{self, Checkpoints};
use super::entry::Entry;
use super::insert::Scratch;
use super::pen::Pen;
use super::queue::{Queue, Waiting};
use super::schema::SchemaError;
use crate::domain::RequestId;

/// The most entries in one transaction: more would make the first wait for the last and gain nothing.
const MAX_GROUP: usize = 512;

/// The pause after a failed attempt, which doubles up to the second figure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Opens a connection that writes.
pub type Connect = Box<dyn Fn() -> Result<Connection, SchemaError> + Send>;

/// Writes one entry.
pub type Insert = fn(&Connection, &Entry, &mut Scratch) -> rusqlite::Result<bool>;

/// The thread's own things.
pub struct Writer {
    pub queue: Arc<Queue>,
    pub checkpoints: Arc<Checkpoints>,
    pub pen: Pen,
    pub arrivals: Arrivals,
    pub connection: Option<Connection>,
    pub connect: Connect,
    pub insert: Insert,
    /// Entries of the group in hand that were given up: whoever waits for one is not told that it is there.
    pub rejected: Vec<RequestId>,
}

/// How fast entries come, by the latest commits.
///
/// A lone entry is committed at once. When entries come fast, a commit for each would cost more than the entries do, and
/// on a busy machine the writer would take the processor from the requests for every one of them.
pub struct Arrivals {
    interval: Duration,
    recent: VecDeque<(Instant, usize)>,
}

impl Arrivals {
    /// So many commits tell how fast entries come.
    const COMMITS: usize = 16;
    /// Gathering begins when so many entries are to be expected meanwhile.
    const WORTH: u32 = 4;

    /// Gathers for this long where that is worth it.
    pub fn new(interval: Duration) -> Self {
        Self { interval, recent: VecDeque::with_capacity(Self::COMMITS) }
    }

    fn committed(&mut self, entries: usize, at: Instant) {
        if self.recent.len() == Self::COMMITS {
            self.recent.pop_front();
        }
        self.recent.push_back((at, entries));
    }

    /// How long to gather now: the interval or not at all.
    fn worth_gathering(&self, now: Instant) -> Duration {
        // The entries of the oldest commit came before it, so they do not count.
        let came: usize = self.recent.iter().skip(1).map(|(_, entries)| entries).sum();
        let is_known = self.recent.len() == Self::COMMITS;
        let Some((oldest, _)) = self.recent.front().filter(|_| is_known) else { return Duration::ZERO };
        let within = now.saturating_duration_since(*oldest) * Self::WORTH;
        if self.interval * u32::try_from(came).unwrap_or(u32::MAX) >= within { self.interval } else { Duration::ZERO }
    }
}

/// Why a group was not written.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("the writer panicked")]
    Panic,
}

impl Writer {
    /// The thread: ends when the queue is closed and empty.
    pub fn run(mut self) {
        let (mut group, mut scratch) = (Vec::with_capacity(MAX_GROUP), Scratch::default());
        while self.queue.take(&mut group, MAX_GROUP, || self.arrivals.worth_gathering(Instant::now())) {
            if !self.commit(&group, &mut scratch) {
                return;
            }
            self.queue.counts.depth.fetch_sub(group.len(), Relaxed);
            self.arrivals.committed(group.len(), Instant::now());
            for waiting in group.drain(..).filter(|waiting| !self.rejected.contains(&waiting.entry.id)) {
                // Whoever no longer waits needs no word.
                let _ = waiting.written.send(());
            }
            self.rejected.clear();
            self.after_commit();
        }
        self.empty_log();
    }

    fn after_commit(&mut self) {
        if self.checkpoints.committed() {
            self.empty_log();
        }
    }

    fn empty_log(&mut self) {
        if let Some(Err(error)) = self.connection.as_ref().map(checkpoint::empty) {
            tracing::warn!(%error, "the ledger's log cannot be emptied, trying again later");
            self.connection = None;
        }
    }

    /// Tries until the group is written. False: the time to close is over.
    fn commit(&mut self, group: &[Waiting], scratch: &mut Scratch) -> bool {
        let mut pause = PAUSES.0;
        let mut singly = false;
        loop {
            let tried = if singly { self.write_singly(group, scratch) } else { self.write(group, scratch) };
            let Err(error) = tried else { break };
            self.failed(&error);
            singly = matches!(error, WriteError::Panic);
            if !self.queue.pause(pause) {
                return false;
            }
            pause = (pause * 2).min(PAUSES.1);
        }
        if self.queue.counts.failing.swap(false, Relaxed) {
            tracing::info!("ledger entries can be written again; none was lost");
        }
        true
    }

    fn failed(&mut self, error: &WriteError) {
        // After an error nobody knows what state a connection is in.
        self.connection = None;
        let counts = &self.queue.counts;
        counts.failures.fetch_add(1, Relaxed);
        if !counts.failing.swap(true, Relaxed) {
            let waiting = counts.depth.load(Relaxed);
            tracing::error!(%error, waiting, "ledger entries cannot be written; they are kept and tried again");
        }
    }

    /// Writes a group in which something panicked, each entry for itself, so that one cannot take the others with it.
    fn write_singly(&mut self, group: &[Waiting], scratch: &mut Scratch) -> Result<(), WriteError> {
        for waiting in group {
            if self.rejected.contains(&waiting.entry.id) {
                continue;
            }
            match self.write(std::slice::from_ref(waiting), scratch) {
                Err(WriteError::Panic) => {
                    self.connection = None;
                    self.reject(&waiting.entry, "writing it panics");
                }
                otherwise => otherwise?,
            }
        }
        Ok(())
    }

    fn write(&mut self, group: &[Waiting], scratch: &mut Scratch) -> Result<(), WriteError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => (self.connect)()?,
        };
        let connection = self.connection.insert(connection);
        let insert = self.insert;
        let turn = self.pen.take();
        let written = catch_unwind(AssertUnwindSafe(|| transact(connection, group, insert, scratch)));
        drop(turn);
        let (new, rejected) = written.map_err(|_| WriteError::Panic)??;
        self.queue.counts.written.fetch_add(new, Relaxed);
        self.queue.counts.commits.fetch_add(1, Relaxed);
        for (entry, error) in rejected {
            self.reject(entry, &error.to_string());
        }
        Ok(())
    }

    /// Gives up an entry that no database would take, rather than let it stop all others. It is a fault of ours.
    fn reject(&mut self, entry: &Entry, reason: &str) {
        self.rejected.push(entry.id);
        self.queue.counts.rejected.fetch_add(1, Relaxed);
        tracing::error!(request_id = %entry.id, reason, "a ledger entry cannot be written and is given up");
    }
}

type Rejected<'g> = Vec<(&'g Entry, rusqlite::Error)>;

/// One transaction. How many entries were new, and which no database would take.
fn transact<'g>(
    connection: &Connection,
    group: &'g [Waiting],
    insert: Insert,
    scratch: &mut Scratch,
) -> rusqlite::Result<(u64, Rejected<'g>)> {
    let (mut new, mut rejected) = (0, Vec::new());
    // Cached, where `Connection::transaction` would prepare these words anew for each group. A connection on which
    // anything fails is closed, which rolls back.
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for waiting in group {
        match insert(connection, &waiting.entry, scratch) {
            Ok(is_new) => new += u64::from(is_new),
            Err(error) if is_the_entrys_fault(&error) => rejected.push((&*waiting.entry, error)),
            Err(error) => return Err(error),
        }
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok((new, rejected))
}

/// Whether the error would come again with this entry, whatever the disk does.
fn is_the_entrys_fault(error: &rusqlite::Error) -> bool {
    let codes = [ErrorCode::ConstraintViolation, ErrorCode::TooBig, ErrorCode::TypeMismatch];
    error.sqlite_error_code().is_some_and(|code| codes.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_that_come_fast_are_gathered() {
        let interval = Duration::from_millis(1);
        let check = |pause_us: u64, entries: usize, expected: Duration| {
            let (mut arrivals, mut now) = (Arrivals::new(interval), Instant::now());
            for _ in 0..20 {
                now += Duration::from_micros(pause_us);
                arrivals.committed(entries, now);
            }
            assert_eq!(arrivals.worth_gathering(now), expected, "{entries} each {pause_us} us");
            assert_eq!(arrivals.worth_gathering(now + Duration::from_secs(1)), Duration::ZERO, "after a pause");
        };
        check(1000, 1, Duration::ZERO);
        check(1000, 3, Duration::ZERO);
        check(1000, 4, interval);
        check(200, 1, interval);
        assert_eq!(Arrivals::new(interval).worth_gathering(Instant::now()), Duration::ZERO);
    }
}
