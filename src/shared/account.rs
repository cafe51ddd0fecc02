//! This replica's part of one window: what it spent, what requests hold, and what it holds ahead for the next.
//!
//! Plain arithmetic; the moment is an argument. `held + idle` is the share that the server counts as ours. Spending turns
//! share into `spent`, so what the server knows is at every moment at least what we may use.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::amount::{of_nano, whole_nano};
use crate::domain::Pico;

/// Over which time demand is averaged.
const LOOK_BACK: Duration = Duration::from_secs(2);

/// For how long nothing is held ahead after somebody was refused for want of it.
const LOW_WATER: Duration = Duration::from_secs(2);

/// What the server said of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Seen {
    /// What all replicas have spent.
    pub total: i64,
    /// What they hold.
    pub leased: i64,
    /// What we had told when it said so.
    own: i64,
    own_share: i64,
}

/// This replica's part of one window.
#[derive(Debug)]
pub(super) struct Account {
    pub limit: i64,
    pub keep: Duration,
    /// All that this replica spent in this window, also before it was restarted; `None`: not known.
    spent: Option<Pico>,
    /// How much of that is to be replaced by what the ledger says.
    before: Pico,
    /// Whether more was perhaps spent before this process began.
    is_floor: bool,
    /// What was spent since, for as long as that is not known.
    since: Pico,
    pub held: i64,
    pub idle: i64,
    /// Until when the share ahead is ours, whatever happens.
    valid_until: Instant,
    low_until: Option<Instant>,
    pub seen: Option<Seen>,
    /// Of other replicas: what they spent and hold.
    pub others: HashMap<String, (i64, i64)>,
    demand: Demand,
    /// Whether something is not told yet.
    pub is_dirty: bool,
    /// When it was last of use.
    pub used: Instant,
}

/// How much is asked for, by and by.
#[derive(Debug, Default)]
struct Demand {
    since_beat: i64,
    /// Each second.
    rate: f64,
    /// The size of the last request.
    unit: i64,
}

/// What is told of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub limit: i64,
    pub keep: Duration,
    /// Below 0: not known.
    pub spent: i64,
    /// Whether more was perhaps spent, as the server knows.
    pub is_floor: bool,
    /// Of `spent`, what was spent by this process: where more was spent before, it comes on top of that.
    pub since: i64,
    pub held: i64,
    pub idle: i64,
    pub want: i64,
    pub unit: i64,
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Grant {
    /// For requests that wait.
    pub granted: i64,
    /// To hold ahead.
    pub ahead: i64,
    pub free: i64,
    pub total: i64,
    pub leased: i64,
    pub hint: Hint,
    /// Whether nobody should hold anything ahead.
    pub is_low: bool,
    /// What this replica spent, as the server has it now.
    pub own: i64,
}

/// What helps a request that was granted nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Hint {
    /// Nothing.
    #[default]
    None,
    /// To ask again: others hold enough ahead and have been told.
    AskAgain,
    /// To wait until the server grants again.
    Calm,
}

impl Account {
    pub(super) fn new(limit: i64, keep: Duration, spent: Option<Pico>, now: Instant) -> Self {
        Self {
            limit,
            keep,
            spent,
            before: Pico::ZERO,
            is_floor: false,
            since: Pico::ZERO,
            held: 0,
            idle: 0,
            valid_until: now,
            low_until: None,
            seen: None,
            others: HashMap::new(),
            demand: Demand::default(),
            is_dirty: true,
            used: now,
        }
    }

    /// The ledger does not go back far enough to know all that was spent before this process began.
    pub(super) fn begins_late(mut self) -> Self {
        self.is_floor = true;
        self
    }

    /// What is held ahead and may be used.
    pub(super) fn spare(&self, now: Instant) -> i64 {
        if now < self.valid_until { self.idle } else { 0 }
    }

    /// Takes what a request needs out of what is held ahead.
    pub(super) fn take(&mut self, hold: i64, now: Instant) {
        self.idle -= hold;
        self.held += hold;
        self.demand.since_beat += hold;
        self.demand.unit = hold;
        self.used = now;
    }

    /// A request that held `hold` has cost this.
    pub(super) fn settle(&mut self, hold: i64, cost: Pico, now: Instant) {
        let before = self.spent();
        self.spent = Some(self.spent.unwrap_or(Pico::ZERO) + cost);
        self.since = self.since + cost;
        let cost = self.spent() - before;
        self.held -= hold;
        // What was dearer than its reservation is taken from what is held ahead, as far as that goes.
        self.idle = (self.idle + hold - cost).max(0);
        self.is_dirty = true;
        self.used = now;
    }

    fn spent(&self) -> i64 {
        self.spent.map_or(0, whole_nano)
    }

    /// What this replica's ledger says that it spent until it was last asked. What was counted since comes on top; what was
    /// known before counts if the ledger does not go back as far.
    pub(super) fn restore(&mut self, spent: Pico) {
        let before = std::mem::take(&mut self.before);
        let since = self.spent.unwrap_or(Pico::ZERO) - before;
        self.spent = Some(before.max(spent) + since);
        self.is_dirty = true;
    }

    /// From now on what is spent is not in what the ledger will say.
    pub(super) fn sum_again(&mut self) {
        self.adopt();
        self.before = self.spent.unwrap_or(Pico::ZERO);
    }

    /// What an earlier process of this replica left behind comes into use: it had spent what the server says that it had,
    /// or says when it is told of this one.
    pub(super) fn adopt(&mut self) {
        if self.spent.is_none() {
            self.is_floor = self.seen.is_none();
            self.spent = Some(self.seen.map_or(Pico::ZERO, |seen| of_nano(seen.own)));
        }
    }

    /// Half a second has passed.
    pub(super) fn beat(&mut self, passed: Duration) {
        let rate = self.demand.since_beat as f64 / passed.as_secs_f64().max(0.001);
        let weight = 1.0 - (-passed.as_secs_f64() / LOOK_BACK.as_secs_f64()).exp();
        self.demand.rate += (rate - self.demand.rate) * weight;
        self.demand.since_beat = 0;
    }

    /// How much to hold ahead: what is asked for in the time that a share lasts.
    fn target(&self, lease: Duration, now: Instant, is_strict: bool) -> i64 {
        if is_strict || self.is_low(now) {
            return 0;
        }
        // What came since the last beat counts too: a burst does not wait for it.
        let rate = self.demand.rate.max(self.demand.since_beat as f64 / LOOK_BACK.as_secs_f64());
        let target = (rate * lease.as_secs_f64()) as i64;
        if target < self.demand.unit / 2 { 0 } else { target.max(self.demand.unit) }
    }

    fn is_low(&self, now: Instant) -> bool {
        self.low_until.is_some_and(|until| now < until)
    }

    /// Somebody was refused what is held ahead here.
    pub(super) fn recall(&mut self, now: Instant) {
        self.low_until = Some(now + LOW_WATER);
        self.is_dirty = true;
    }

    /// Whether the server should be told before the next beat: a share that runs out, or one to give back at once.
    pub(super) fn is_urgent(&self, lease: Duration, now: Instant, is_strict: bool) -> bool {
        let target = self.target(lease, now, is_strict);
        if target == 0 { self.idle > 0 } else { self.spare(now) < target / 2 && !self.is_scarce(target) }
    }

    /// Whether something is held ahead that should not be.
    pub(super) fn must_return(&self, lease: Duration, now: Instant, is_strict: bool) -> bool {
        self.idle > 0 && self.target(lease, now, is_strict) == 0
    }

    /// Whether the server said that it has no more to give than we have.
    fn is_scarce(&self, target: i64) -> bool {
        self.seen.is_some_and(|seen| self.limit - seen.total - seen.leased < target)
    }

    /// Whether there is anything to tell or to renew.
    pub(super) fn is_active(&self) -> bool {
        self.is_dirty || self.held > 0 || self.idle > 0
    }

    /// Whether it can be forgotten: nothing is held, all is told, and its window is over for long.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        !self.is_active() && now.saturating_duration_since(self.used) > self.keep.max(Duration::from_secs(3600))
    }

    /// What is told now. What is given back cannot be used from here on, whether the word arrives or not.
    pub(super) fn tell(&mut self, lease: Duration, now: Instant, is_strict: bool) -> Told {
        self.idle = self.spare(now);
        let target = self.target(lease, now, is_strict);
        if self.idle > target.saturating_mul(2) || target == 0 {
            self.idle = self.idle.min(target);
        }
        self.is_dirty = false;
        Told {
            limit: self.limit,
            keep: self.keep,
            spent: self.spent.map_or(-1, whole_nano),
            is_floor: self.is_floor,
            since: whole_nano(self.since),
            held: self.held,
            idle: self.idle,
            want: (target - self.idle).max(0),
            unit: self.demand.unit,
        }
    }

    /// Whether the word arrived is not known: all of it is told again.
    pub(super) fn lost(&mut self) {
        self.is_dirty = true;
    }

    /// What came of what was told. `sent` is when it was: from then on the share lasts, whatever the clocks say.
    pub(super) fn learn(&mut self, told: &Told, grant: &Grant, sent: Instant, lease: Duration, now: Instant) {
        self.idle += grant.granted + grant.ahead;
        self.valid_until = sent + lease;
        if told.is_floor {
            self.is_floor = false;
            self.spent = self.spent.map(|spent| spent + of_nano(grant.own - told.spent));
        }
        let own_share = told.held + told.idle + grant.granted + grant.ahead;
        self.seen = Some(Seen { total: grant.total, leased: grant.leased, own: grant.own, own_share });
        if grant.is_low {
            self.low_until = Some(now + LOW_WATER);
        }
    }

    /// What is known of the whole window from others and by others, without asking.
    pub(super) fn notice(&mut self, total: i64, leased: i64, own: i64, own_share: i64) {
        self.seen = Some(Seen { total, leased, own, own_share });
    }

    /// What all replicas spent and hold, as far as this one knows.
    pub(super) fn view(&self) -> (i64, i64) {
        let (spent, share) = (self.spent(), self.held + self.idle);
        match self.seen {
            None => (spent, share),
            Some(seen) => {
                let own = if self.spent.is_some() { spent - seen.own } else { 0 };
                ((seen.total + own).max(0), (seen.leased - seen.own_share + share).max(0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    fn granted(account: &mut Account, needs: i64, ahead: i64, now: Instant) -> Told {
        let told = account.tell(LEASE, now, false);
        let (total, own) = (told.spent, told.spent);
        let leased = told.held + told.idle + needs + ahead;
        account.learn(&told, &Grant { granted: needs, ahead, total, leased, own, ..Grant::default() }, now, LEASE, now);
        told
    }

    #[test]
    fn spending_turns_share_into_spent() {
        let now = Instant::now();
        let mut account = Account::new(1_000, LEASE, Some(Pico::ZERO), now);
        granted(&mut account, 100, 50, now);
        account.take(100, now);
        assert_eq!((account.held, account.spare(now), account.view()), (100, 50, (0, 150)));
        account.settle(100, Pico::new(60_500), now);
        assert_eq!((account.held, account.idle), (0, 89), "61 nano-dollars are spent");
        assert_eq!(account.view(), (61, 89));
        account.take(89, now);
        account.settle(89, Pico::new(100_000), now);
        assert_eq!((account.held, account.idle, account.view()), (0, 0, (161, 0)), "dearer than it reserved");
        assert_eq!(account.tell(LEASE, now, false).spent, 161, "rounded once, not for each request");
    }

    #[test]
    fn a_share_ahead_lasts_as_long_as_the_server_keeps_it() {
        let now = Instant::now();
        let mut account = Account::new(1_000, LEASE, None, now);
        granted(&mut account, 10, 10, now);
        assert_eq!(account.spare(now + LEASE - Duration::from_millis(1)), 20);
        assert_eq!(account.spare(now + LEASE), 0);
        let told = account.tell(LEASE, now + LEASE, false);
        assert_eq!((told.spent, told.idle), (-1, 0), "what is over is not claimed again");
    }

    #[test]
    fn what_is_given_back_cannot_be_used_while_the_word_is_under_way() {
        let now = Instant::now();
        let mut account = Account::new(1_000, LEASE, Some(Pico::ZERO), now);
        granted(&mut account, 10, 90, now);
        account.take(10, now);
        account.recall(now);
        assert!(account.is_urgent(LEASE, now, false));
        assert_eq!(account.tell(LEASE, now, false).idle, 0);
        assert_eq!(account.spare(now), 0);
    }

    #[test]
    fn as_much_is_held_ahead_as_is_asked_for_while_a_share_lasts() {
        let now = Instant::now();
        let mut account = Account::new(1_000_000, LEASE, Some(Pico::ZERO), now);
        granted(&mut account, 1_000, 0, now);
        account.take(1_000, now);
        assert_eq!(account.tell(LEASE, now, false).want, 15_000, "a burst counts at once");
        (0..60).for_each(|_| {
            account.demand.since_beat = 1_000;
            account.beat(Duration::from_millis(500));
        });
        let told = account.tell(LEASE, now, false);
        assert!((59_900..=60_000).contains(&told.want), "2000 a second for 30 s: {}", told.want);
        assert_eq!(account.tell(LEASE, now, true).want, 0, "strict");
        (0..60).for_each(|_| account.beat(Duration::from_millis(500)));
        assert_eq!(account.tell(LEASE, now, false).want, 0, "nothing is asked for any more");
    }

    #[test]
    fn what_the_ledger_says_and_what_was_counted_since_are_added() {
        let now = Instant::now();
        let mut account = Account::new(1_000, LEASE, Some(Pico::ZERO), now);
        account.settle(0, Pico::new(5_000), now);
        account.restore(Pico::new(100_000));
        assert_eq!(account.tell(LEASE, now, false).spent, 105, "the ledger knows nothing of what came since");
        account.sum_again();
        account.settle(0, Pico::new(7_000), now);
        account.restore(Pico::new(105_000));
        assert_eq!(account.tell(LEASE, now, false).spent, 112, "what the ledger says again counts once");
        account.sum_again();
        account.restore(Pico::new(50_000));
        assert_eq!(account.tell(LEASE, now, false).spent, 112, "it does not go back far enough");
    }

    #[test]
    fn what_a_predecessor_left_is_not_told_as_nothing() {
        let now = Instant::now();
        let mut unheard = Account::new(0, LEASE, None, now);
        assert_eq!(unheard.tell(LEASE, now, false).spent, -1, "not known");
        unheard.adopt();
        unheard.settle(0, Pico::new(5_000), now);
        let told = unheard.tell(LEASE, now, false);
        assert_eq!((told.spent, told.is_floor, told.since), (5, true, 5), "on top of what the server knows");
        unheard.settle(0, Pico::new(2_000), now);
        unheard.learn(&told, &Grant { own: 105, total: 105, ..Grant::default() }, now, LEASE, now);
        let told = unheard.tell(LEASE, now, false);
        assert_eq!((told.spent, told.is_floor), (107, false));

        let mut heard = Account::new(0, LEASE, None, now);
        let told = heard.tell(LEASE, now, false);
        heard.learn(&told, &Grant { own: 100, total: 300, ..Grant::default() }, now, LEASE, now);
        heard.adopt();
        heard.settle(0, Pico::new(5_000), now);
        let told = heard.tell(LEASE, now, false);
        assert_eq!((told.spent, told.is_floor, heard.view().0), (105, false, 305), "as the server said");
    }
}
