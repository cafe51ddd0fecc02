//! Answers that are made in the background: what was reserved for one stays reserved until its usage is told, by whichever
//! replica, or until the time for that is over. Then it is taken to have cost all that was reserved (decision 021).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::Proxy;
use super::trail::{Billing, Books, End, Trail};
use crate::admit::Admitted;
use crate::budget::Reservation;
use crate::config::Config;
use crate::domain::{App, Decision, Dialect, Door as Kind, Facts, Mark, TierName};
use crate::forward::Endpoint;
use crate::meter::Tally;
use crate::record::entry::Ending;

/// How often it is looked whose time is over …
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// … and at every how many-eth look the other replicas are asked what they have told.
const ASK_OTHERS: u32 = 4;

/// So many are remembered, about 2 kB each. Those beyond are settled at once.
const MOST: usize = 1 << 14;

/// An answer of which no usage is told yet.
pub(super) struct Kept {
    pub(super) config: Arc<Config>,
    pub(super) arrived: Instant,
    pub(super) at: SystemTime,
    pub(super) door: &'static str,
    pub(super) kind: Option<Kind>,
    pub(super) app: App,
    pub(super) dialect: Dialect,
    pub(super) admitted: Option<Admitted>,
    pub(super) facts: Option<Arc<Facts>>,
    pub(super) decision: Option<Arc<Decision>>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) tier: Option<TierName>,
    pub(super) reservation: Reservation,
}

impl Kept {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.arrived) >= self.config.background_hold
    }

    /// It has cost what was reserved, says an entry of its own, which closes it.
    fn settle(self, mark: Mark, books: &Books) {
        let (endpoint, tier) = (Arc::clone(&self.endpoint), self.tier.clone());
        books.metrics.budgets.untold();
        let mut trail = Trail::resumed(books, self);
        trail.billing = Billing::AtCeiling(mark);
        tracing::warn!(
            request_id = %trail.id,
            "the usage of an answer made in the background was never told: it is settled at what was reserved for it"
        );
        // Nobody waits for the entry; it is written all the same.
        drop(trail.end(End {
            status: 200,
            ending: Ending::Complete,
            failure: None,
            upstream: Some((&endpoint, tier.as_ref())),
            tally: Some(Tally::default()),
            streamed: false,
        }));
    }
}

/// All of them.
#[derive(Default)]
pub struct Unfinished {
    kept: Mutex<HashMap<Mark, Kept>>,
}

impl Unfinished {
    fn kept(&self) -> MutexGuard<'_, HashMap<Mark, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what is reserved for an answer.
    pub(super) fn keep(&self, mark: Mark, kept: Kept, books: &Books) {
        let mut all = self.kept();
        if all.len() < MOST {
            // An id that was given out twice is settled for the first as well.
            let before = all.insert(mark, kept);
            drop(all);
            before.into_iter().for_each(|before| before.settle(mark, books));
        } else {
            drop(all);
            books.recall.close(mark);
            kept.settle(mark, books);
        }
    }

    /// An answer's usage is told: nothing is reserved for it any more.
    pub(super) fn told(&self, mark: Mark) {
        // Given back without the lock: it takes others.
        let kept = self.kept().remove(&mark);
        drop(kept);
    }

    /// Gives everything back, at the end of the process.
    pub fn clear(&self) {
        let all = std::mem::take(&mut *self.kept());
        drop(all);
    }

    fn marks(&self, of: impl Fn(&Kept) -> bool) -> Vec<Mark> {
        self.kept().iter().filter(|(_, kept)| of(kept)).map(|(mark, _)| *mark).collect()
    }
}

impl Proxy {
    /// Settles what was reserved for answers whose usage nobody tells in time, and gives back what was reserved for those
    /// that another replica has told; for as long as it is polled.
    pub async fn settle_unfinished(&self) {
        for look in 1_u32.. {
            tokio::time::sleep(LOOK_EVERY).await;
            if look.is_multiple_of(ASK_OTHERS) {
                self.hear_of_others().await;
            }
            let now = Instant::now();
            for mark in self.books.unfinished.marks(|kept| kept.is_over(now)) {
                self.give_up(mark).await;
            }
        }
    }

    async fn hear_of_others(&self) {
        let Some(shared) = &self.books.shared else { return };
        let marks = self.books.unfinished.marks(|_| true);
        for some in marks.chunks(256) {
            // While the server is gone, what is reserved stays so.
            let Ok(told) = shared.recalled.are_told_elsewhere(some).await else { return };
            for (mark, _) in some.iter().zip(told).filter(|(_, is_told)| *is_told) {
                self.books.recall.close(*mark);
                self.books.unfinished.told(*mark);
            }
        }
    }

    /// The time of an answer is over. No replica tells its usage from now on.
    async fn give_up(&self, mark: Mark) {
        let claimed = match &self.books.shared {
            Some(shared) => shared.recalled.claim(mark).await,
            None => Ok(true),
        };
        // A server that is gone does not say whether somebody has told it: what is reserved stays so.
        let Ok(is_ours) = claimed else { return };
        let recall = &self.books.recall;
        let is_untold = recall.close(mark) || recall.holder(mark).is_none();
        let kept = self.books.unfinished.kept().remove(&mark);
        if let Some(kept) = kept.filter(|_| is_ours && is_untold) {
            kept.settle(mark, &self.books);
        }
    }
}
