//! What waits to be written, between the requests and the writer.
//!
//! The lock is held for a push or a swap, never while anything is written. How much may wait is not decided here: an
//! entry that exists is always taken, and [`Ledger::is_accepting`](super::Ledger::is_accepting) refuses the next request.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::entry::Entry;

/// An entry that waits, and who waits for it.
pub struct Waiting {
    pub entry: Box<Entry>,
    pub since: Instant,
    pub written: oneshot::Sender<()>,
}

/// What has happened so far.
#[derive(Default)]
pub struct Counts {
    /// Entries not yet committed: those that wait and those that the writer has in hand.
    pub depth: AtomicUsize,
    pub written: AtomicU64,
    pub commits: AtomicU64,
    pub failures: AtomicU64,
    pub late: AtomicU64,
    pub rejected: AtomicU64,
    /// Whether the last attempt to write failed.
    pub failing: AtomicBool,
}

#[derive(Default)]
struct Inside {
    waiting: VecDeque<Waiting>,
    /// Since when the oldest of the entries that the writer has in hand has waited.
    in_hand_since: Option<Instant>,
    /// No more entries come; until then what waits may be tried again and again.
    closing_until: Option<Instant>,
    /// The writer is gone.
    ended: bool,
}

/// What waits to be written.
#[derive(Default)]
pub struct Queue {
    inside: Mutex<Inside>,
    bell: Condvar,
    pub counts: Counts,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Nothing that runs under the lock can leave it half done.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry. Gives it back if the writer is gone.
    pub fn push(&self, waiting: Waiting) -> Result<(), Waiting> {
        let mut inside = self.lock();
        if inside.ended {
            return Err(waiting);
        }
        self.counts.depth.fetch_add(1, Relaxed);
        inside.waiting.push_back(waiting);
        let first = inside.waiting.len() == 1;
        drop(inside);
        // Only the writer waits for the bell, and it never waits while something is there.
        if first {
            self.bell.notify_one();
        }
        Ok(())
    }

    /// Waits until there is something to write, gathers for as long as `gather` then says, and moves at most `most`
    /// entries into `group`. False: it is closing and nothing is left.
    pub fn take(&self, group: &mut Vec<Waiting>, most: usize, gather: impl FnOnce() -> Duration) -> bool {
        let mut inside = self.lock();
        while inside.waiting.is_empty() {
            inside.in_hand_since = None;
            if inside.closing_until.is_some() {
                inside.ended = true;
                return false;
            }
            inside = self.bell.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        let more = gather();
        if !more.is_zero() && inside.waiting.len() < most && inside.closing_until.is_none() {
            drop(inside);
            std::thread::sleep(more);
            inside = self.lock();
        }
        inside.in_hand_since = inside.waiting.front().map(|oldest| oldest.since);
        let count = inside.waiting.len().min(most);
        group.extend(inside.waiting.drain(..count));
        true
    }

    /// Waits before another attempt, and no longer than until it is told to close. False: the time to close is over.
    pub fn pause(&self, pause: Duration) -> bool {
        let inside = self.lock();
        let before = inside.closing_until;
        let left = before.map_or(pause, |until| until.saturating_duration_since(Instant::now()));
        let wait = self.bell.wait_timeout_while(inside, pause.min(left), |inside| inside.closing_until == before);
        let (inside, _) = wait.unwrap_or_else(PoisonError::into_inner);
        inside.closing_until.is_none_or(|until| Instant::now() < until)
    }

    /// No more entries come, and from `until` on the writer gives up what cannot be written.
    pub fn close(&self, until: Instant) {
        let mut inside = self.lock();
        inside.closing_until = Some(inside.closing_until.map_or(until, |sooner| sooner.min(until)));
        drop(inside);
        self.bell.notify_all();
    }

    /// The writer is gone: whatever still waits is given up.
    pub fn end(&self) -> usize {
        let mut inside = self.lock();
        inside.ended = true;
        inside.waiting.drain(..).count()
    }

    /// How long the oldest entry has waited.
    pub fn oldest(&self) -> Duration {
        let inside = self.lock();
        let oldest = inside.in_hand_since.or(inside.waiting.front().map(|oldest| oldest.since));
        oldest.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
