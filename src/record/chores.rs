//! What is done to the file beside the requests: adding up, and deleting what is old or was shipped.
//!
//! All of it in transactions of some milliseconds, each with the pen in hand and a rest of the same length after it, so that
//! an entry waits for one of them at most.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, TransactionBehavior};

use super::cell::{HOUR, start_of};
use super::checkpoint::{self, Checkpoints};
use super::file::{self, LedgerError};
use super::meta;
use super::pen::Pen;
use super::rollup;
use super::settings::Settings;

/// How often it is looked whether there is something to do.
const TICK: Duration = Duration::from_secs(2);

/// How long a transaction should take.
const TURN: Duration = Duration::from_millis(4);

/// The fewest and the most entries of a transaction.
const ENTRIES: std::ops::RangeInclusive<usize> = 10..=2000;

/// How long shipped entries stay in the file, for whoever asks for one while PostgreSQL is away.
const KEPT_HERE: Duration = Duration::from_secs(6 * 3600);

/// What becomes of the file's entries.
#[derive(Clone, Copy, Debug)]
enum Duty {
    /// They are the ledger: they are added up, and deleted once older than this.
    Ledger { retention: Option<Duration> },
    /// They are on their way: they are deleted some hours after they were shipped, or sooner where room is scarce.
    Spool { max_bytes: u64 },
}

/// The thread's own things.
pub struct Chores {
    path: PathBuf,
    settings: Settings,
    duty: Duty,
    pen: Pen,
    checkpoints: Arc<Checkpoints>,
    ended: Arc<Ended>,
    /// How many entries a transaction takes about the time that it should.
    entries: usize,
}

/// Tells the thread to end.
#[derive(Debug, Default)]
pub struct Ended {
    ended: Mutex<bool>,
    bell: Condvar,
}

impl Ended {
    /// Ends the thread.
    pub fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    /// Waits. False: the thread is to end.
    fn wait(&self, pause: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let (ended, _) =
            self.bell.wait_timeout_while(ended, pause, |ended| !*ended).unwrap_or_else(PoisonError::into_inner);
        !*ended
    }
}

impl Chores {
    /// Of the file of these settings.
    pub fn new(settings: &Settings, pen: Pen, checkpoints: Arc<Checkpoints>, ended: Arc<Ended>) -> Self {
        let duty = match &settings.ship {
            Some(ship) => Duty::Spool { max_bytes: ship.max_spool },
            None => Duty::Ledger { retention: settings.retention },
        };
        let (path, settings) = (settings.path.clone(), settings.clone());
        Self { path, settings, duty, pen, checkpoints, ended, entries: 200 }
    }

    /// The thread: ends when it is told to.
    pub fn run(mut self) {
        let mut connection = None;
        while self.ended.wait(TICK) {
            let opened = connection.take().map_or_else(|| file::connect(&self.settings), Ok);
            let done = match opened {
                Ok(opened) => self.look(connection.insert(opened)),
                Err(source) => Err(LedgerError::Schema { path: self.path.clone(), source }),
            };
            if let Err(error) = done {
                tracing::warn!(%error, "the ledger's sums or old entries have to wait, trying again");
                connection = None;
            }
        }
    }

    fn look(&mut self, connection: &mut Connection) -> Result<(), LedgerError> {
        match self.duty {
            Duty::Ledger { retention } => {
                self.until_done(connection, rollup::add_next)?;
                let Some(retention) = retention else { return Ok(()) };
                // Whole hours: what is left of an hour would be taken for all of it.
                let before = start_of(HOUR, millis_before(retention));
                self.delete(connection, meta::ROLLED, before, true)
            }
            Duty::Spool { max_bytes } => {
                let is_scarce = file::bytes_used(connection)? > max_bytes / 2;
                let kept = if is_scarce { Duration::ZERO } else { KEPT_HERE };
                self.delete(connection, meta::SHIPPED, millis_before(kept), false)
            }
        }
    }

    /// Deletes entries up to a mark that arrived before a moment.
    fn delete(&mut self, connection: &mut Connection, mark: &str, before: i64, tell: bool) -> Result<(), LedgerError> {
        let up_to = meta::mark(connection, mark)?;
        if tell && next(connection, before, up_to, 1)?.is_some() {
            let _turn = self.pen.take();
            meta::set_mark(connection, meta::KEPT_SINCE, before.max(meta::mark(connection, meta::KEPT_SINCE)?))?;
        }
        self.until_done(connection, |connection, at_most| delete_some(connection, before, up_to, at_most))
    }

    /// Does something to a few entries at a time until there are none left or the thread is to end.
    fn until_done(
        &mut self,
        connection: &mut Connection,
        mut step: impl FnMut(&mut Connection, usize) -> Result<usize, LedgerError>,
    ) -> Result<(), LedgerError> {
        loop {
            let turn = self.pen.take();
            let began = Instant::now();
            let done = step(connection, self.entries)?;
            let took = began.elapsed();
            if done > 0 && self.checkpoints.committed() {
                checkpoint::empty(connection)?;
            }
            drop(turn);
            if done < self.entries {
                return Ok(());
            }
            let fitting = if took > TURN { self.entries / 2 } else { self.entries + self.entries / 4 };
            self.entries = fitting.clamp(*ENTRIES.start(), *ENTRIES.end());
            if !self.ended.wait(took) {
                return Ok(());
            }
        }
    }
}

type Seqs = Vec<i64>;

/// The entries that are to be deleted next; `None`: there are none. The newest one always stays, for the next one's number
/// is its number and one more.
fn next(connection: &Connection, before: i64, up_to: i64, at_most: usize) -> rusqlite::Result<Option<Seqs>> {
    let find = "SELECT seq FROM entries WHERE at_millis < ? AND seq <= ? AND seq < (SELECT max(seq) FROM entries) \
                AND seq NOT IN (SELECT seq FROM set_aside) ORDER BY at_millis LIMIT ?";
    let mut find = connection.prepare_cached(find)?;
    let found =
        find.query_map((before, up_to, at_most as i64), |row| row.get(0))?.collect::<rusqlite::Result<Seqs>>()?;
    Ok(Some(found).filter(|found| !found.is_empty()))
}

fn delete_some(connection: &mut Connection, before: i64, up_to: i64, at_most: usize) -> Result<usize, LedgerError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some(seqs) = next(&transaction, before, up_to, at_most)? else { return Ok(0) };
    for seq in &seqs {
        transaction.prepare_cached("DELETE FROM discarded WHERE entry = ?")?.execute([seq])?;
        transaction.prepare_cached("DELETE FROM attempts WHERE entry = ?")?.execute([seq])?;
        transaction.prepare_cached("DELETE FROM entries WHERE seq = ?")?.execute([seq])?;
    }
    transaction.commit()?;
    Ok(seqs.len())
}

fn millis_before(ago: Duration) -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(ago);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
