//! Every account of this replica, and the requests that wait for more. Plain state: the clerk does the talking.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::account::{Account, Hint};
use super::amount::{of_nano, whole_nano};
use super::leases::{Claim, Held, Leases, Refused, Window};
use super::settings::Settings;
use super::word::{Heard, Line, Memory};
use crate::domain::Pico;

/// Windows in one word, and requests that it asks for in each: the server does nothing else meanwhile.
const LINES: usize = 64;
const HOLDS: usize = 64;

/// A request that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    number: u64,
    claims: Vec<Claim>,
    deadline: Instant,
    /// Whether the server has been asked for it.
    was_asked: bool,
    /// What it is told when it has waited long enough.
    so_far: Refused,
    answer: oneshot::Sender<Result<Held, Refused>>,
}

impl Waiting {
    pub(super) fn new(claims: &[Claim], deadline: Instant, answer: oneshot::Sender<Result<Held, Refused>>) -> Self {
        Self { number: 0, claims: claims.to_vec(), deadline, was_asked: false, so_far: Refused::Gone, answer }
    }
}

/// Every account, and who waits.
#[derive(Debug)]
pub(super) struct Book {
    lease: Duration,
    is_strict: bool,
    /// Whether the ledger has all that this replica ever spent.
    knows_all: bool,
    is_closed: bool,
    accounts: HashMap<Arc<str>, Account>,
    waiting: VecDeque<Waiting>,
    next: u64,
    word: u64,
    /// Accounts to tell of before the next beat.
    urgent: BTreeSet<Arc<str>>,
    epoch: String,
    calm: Option<Duration>,
    replicas: u64,
    /// Whether the server may have forgotten.
    must_remind: bool,
    /// Where the last look at the server's figures ended.
    looked: usize,
}

impl Book {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            lease: settings.lease,
            is_strict: settings.strict,
            knows_all: settings.ledger_knows_all,
            is_closed: false,
            accounts: HashMap::new(),
            waiting: VecDeque::new(),
            next: 0,
            word: 0,
            urgent: BTreeSet::new(),
            epoch: String::new(),
            calm: None,
            replicas: 1,
            must_remind: false,
            looked: 0,
        }
    }

    pub(super) fn lease(&self) -> Duration {
        self.lease
    }

    pub(super) fn is_strict(&self) -> bool {
        self.is_strict
    }

    pub(super) fn replicas(&self) -> u64 {
        self.replicas
    }

    pub(super) fn is_granting(&self) -> bool {
        self.calm == Some(Duration::ZERO)
    }

    /// How long the server still grants nothing.
    pub(super) fn calm(&self) -> Duration {
        self.calm.unwrap_or_default()
    }

    pub(super) fn somebody_waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// From here on nothing is held ahead.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.urgent.extend(self.accounts.iter().filter(|(_, account)| account.is_active()).map(|(id, _)| id.clone()));
    }

    fn sparing(&self) -> bool {
        self.is_strict || self.is_closed
    }

    pub(super) fn account(&self, window: &str) -> Option<&Account> {
        self.accounts.get(window)
    }

    /// The account of a window, with the limit that it has now.
    pub(super) fn open(&mut self, window: &Window, now: Instant) -> &mut Account {
        let (limit, knows_all) = (whole_nano(window.limit), self.knows_all);
        let account = self.accounts.entry(Arc::clone(&window.id)).or_insert_with(|| {
            let account = Account::new(limit, window.keep, Some(Pico::ZERO), now);
            if knows_all { account } else { account.begins_late() }
        });
        (account.limit, account.keep) = (limit, window.keep);
        account.adopt();
        account
    }

    /// What was spent in these accounts until now is about to be said anew.
    pub(super) fn sum_again(&mut self, is_meant: impl Fn(&str) -> bool) {
        self.accounts.iter_mut().filter(|(id, _)| is_meant(id)).for_each(|(_, account)| account.sum_again());
    }

    /// Accounts that an earlier process of this replica left behind.
    pub(super) fn inherit(&mut self, windows: Vec<String>, now: Instant) {
        for id in windows {
            let id: Arc<str> = id.into();
            // Its limit is not known, and not needed: nothing is asked for.
            self.accounts.entry(Arc::clone(&id)).or_insert_with(|| Account::new(0, Duration::ZERO, None, now));
            self.urgent.insert(id);
        }
    }

    /// What claims come to in the server's figures.
    pub(super) fn parts(&mut self, claims: &[Claim], now: Instant) -> Vec<(Arc<str>, i64)> {
        let part = |claim: &Claim| {
            self.open(&claim.window, now);
            (Arc::clone(&claim.window.id), claim.nano())
        };
        claims.iter().map(part).collect()
    }

    /// Takes all of it out of what is held ahead, or nothing.
    pub(super) fn take(&mut self, parts: &[(Arc<str>, i64)], now: Instant) -> bool {
        let fits =
            |(id, hold): &(Arc<str>, i64)| self.accounts.get(id).is_some_and(|account| account.spare(now) >= *hold);
        if !parts.iter().all(fits) {
            return false;
        }
        for (id, hold) in parts {
            if let Some(account) = self.accounts.get_mut(id) {
                account.take(*hold, now);
            }
        }
        true
    }

    pub(super) fn settle(&mut self, parts: &[(Arc<str>, i64)], cost: Pico, now: Instant) {
        for (id, hold) in parts {
            if let Some(account) = self.accounts.get_mut(id) {
                account.settle(*hold, cost, now);
            }
        }
    }

    /// Takes note of accounts to tell of soon; whether there are any.
    pub(super) fn nudge(&mut self, parts: &[(Arc<str>, i64)], now: Instant) -> bool {
        let sparing = self.sparing();
        for (id, _) in parts {
            if self.accounts.get(id).is_some_and(|account| account.is_urgent(self.lease, now, sparing)) {
                self.urgent.insert(Arc::clone(id));
            }
        }
        !self.urgent.is_empty()
    }

    /// Somebody was refused for want of what is held ahead here; whether anything is.
    pub(super) fn recall(&mut self, window: &str, now: Instant) -> bool {
        let Some((id, _)) = self.accounts.get_key_value(window) else { return false };
        let id = Arc::clone(id);
        let Some(account) = self.accounts.get_mut(&id) else { return false };
        account.recall(now);
        account.idle > 0 && self.urgent.insert(id)
    }

    pub(super) fn queue(&mut self, waiting: Waiting) -> u64 {
        self.next += 1;
        self.waiting.push_back(Waiting { number: self.next, ..waiting });
        self.next
    }

    /// Somebody waits no more: what it would have been told.
    pub(super) fn withdraw(&mut self, number: u64) -> Option<Refused> {
        let place = self.waiting.iter().position(|waiting| waiting.number == number)?;
        self.waiting.remove(place).map(|waiting| waiting.so_far)
    }

    /// Half a second has passed: every account that is of use is told of, and renewed.
    pub(super) fn beat(&mut self, passed: Duration, now: Instant) {
        self.accounts.retain(|_, account| !account.is_over(now));
        for (id, account) in &mut self.accounts {
            account.beat(passed);
            if account.is_active() {
                self.urgent.insert(Arc::clone(id));
            }
        }
    }

    /// Answers those who wait and whom the share at hand suffices, in the order in which they came.
    pub(super) fn serve(&mut self, leases: &Leases, now: Instant) {
        let mut left = VecDeque::with_capacity(self.waiting.len());
        while let Some(waiting) = self.waiting.pop_front() {
            if waiting.answer.is_closed() {
                continue;
            }
            let parts = self.parts(&waiting.claims, now);
            if (self.is_strict && !waiting.was_asked) || !self.take(&parts, now) {
                left.push_back(waiting);
            } else if let Err(Ok(held)) = waiting.answer.send(Ok(Held::new(leases.clone(), parts))) {
                // Settled here: its own ending would lock the book that is locked already.
                let parts = held.disarm();
                self.settle(&parts, Pico::ZERO, now);
            }
        }
        self.waiting = left;
    }

    /// The next word: its number and its lines. `None` if there is nothing to say.
    pub(super) fn word(&mut self, leases: &Leases, now: Instant, must: bool) -> Option<(u64, Vec<Line>)> {
        self.serve(leases, now);
        // Whoever was not asked for yet comes first; the others are asked for again when nobody is new.
        let only_new = self.somebody_is_new();
        let mut chosen: BTreeSet<Arc<str>> = BTreeSet::new();
        for waiting in self.waiting.iter().filter(|waiting| !(only_new && waiting.was_asked)) {
            if chosen.len() + waiting.claims.len() <= LINES {
                chosen.extend(waiting.claims.iter().map(|claim| Arc::clone(&claim.window.id)));
            }
        }
        while chosen.len() < LINES
            && let Some(id) = self.urgent.pop_first()
        {
            chosen.insert(id);
        }
        if chosen.is_empty() && !must {
            return None;
        }
        self.urgent.retain(|id| !chosen.contains(id));
        let mut asked = BTreeSet::new();
        let lines = chosen.into_iter().filter_map(|id| self.line(id, only_new, &mut asked, now)).collect();
        for waiting in &mut self.waiting {
            waiting.was_asked |= asked.contains(&waiting.number);
        }
        self.word += 1;
        Some((self.word, lines))
    }

    fn line(&mut self, id: Arc<str>, only_new: bool, asked: &mut BTreeSet<u64>, now: Instant) -> Option<Line> {
        let sparing = self.sparing();
        let account = self.accounts.get_mut(&id)?;
        let told = account.tell(self.lease, now, sparing);
        let mut holds = Vec::new();
        for waiting in self.waiting.iter().filter(|waiting| !(only_new && waiting.was_asked)) {
            for claim in waiting.claims.iter().filter(|claim| claim.window.id == id) {
                if holds.len() < HOLDS {
                    asked.insert(waiting.number);
                    holds.push((waiting.number, claim.nano()));
                }
            }
        }
        Some(Line { id, told, holds })
    }

    fn somebody_is_new(&self) -> bool {
        self.waiting.iter().any(|waiting| !waiting.was_asked)
    }

    /// Whether the next word should follow at once.
    pub(super) fn has_more(&self) -> bool {
        !self.urgent.is_empty() || self.somebody_is_new()
    }

    /// What came of a word. Afterwards whoever can be answered is.
    pub(super) fn heard(&mut self, leases: &Leases, lines: &[Line], heard: &Heard, sent: Instant, now: Instant) {
        let began_calm = heard.calm > Duration::ZERO && self.calm.is_none_or(|calm| calm.is_zero());
        self.must_remind |= began_calm || self.epoch != heard.epoch;
        self.epoch.clone_from(&heard.epoch);
        self.calm = Some(heard.calm);
        self.replicas = heard.replicas.max(1);
        let sparing = self.sparing();
        let mut refusals: HashMap<u64, (Hint, Refused)> = HashMap::new();
        for (line, (grant, bits)) in lines.iter().zip(&heard.lines) {
            if let Some(account) = self.accounts.get_mut(&line.id) {
                account.learn(&line.told, grant, sent, self.lease, now);
                if account.must_return(self.lease, now, sparing) {
                    self.urgent.insert(Arc::clone(&line.id));
                }
            }
            for ((number, _), _) in line.holds.iter().zip(bits).filter(|(_, granted)| !**granted) {
                let (spent, leased) = (of_nano(grant.total), of_nano(grant.leased));
                let refused = match grant.hint {
                    Hint::Calm => Refused::Gone,
                    _ => Refused::Exceeded { window: Arc::clone(&line.id), spent, leased },
                };
                refusals.insert(*number, (grant.hint, refused));
            }
        }
        self.serve(leases, now);
        self.refuse(refusals, now);
    }

    /// Tells those who can get nothing, or have waited long enough.
    fn refuse(&mut self, mut refusals: HashMap<u64, (Hint, Refused)>, now: Instant) {
        let mut left = VecDeque::with_capacity(self.waiting.len());
        while let Some(mut waiting) = self.waiting.pop_front() {
            match refusals.remove(&waiting.number) {
                Some((Hint::None, refused)) => drop(waiting.answer.send(Err(refused))),
                Some((_, refused)) if waiting.deadline <= now => drop(waiting.answer.send(Err(refused))),
                refusal => {
                    if let Some((_, refused)) = refusal {
                        waiting.so_far = refused;
                    }
                    left.push_back(waiting);
                }
            }
        }
        self.waiting = left;
    }

    /// Nobody answered: whether the word arrived is not known, so all of it is said again next time.
    pub(super) fn unheard(&mut self, lines: &[Line]) {
        for line in lines {
            if let Some(account) = self.accounts.get_mut(&line.id) {
                account.lost();
                self.urgent.insert(Arc::clone(&line.id));
            }
        }
        for waiting in std::mem::take(&mut self.waiting) {
            // Whoever stopped waiting needs no answer.
            let _ = waiting.answer.send(Err(waiting.so_far));
        }
    }

    /// What the server may have forgotten, once.
    pub(super) fn reminder(&mut self) -> Option<Vec<Memory>> {
        if !std::mem::take(&mut self.must_remind) {
            return None;
        }
        let mut known = Vec::new();
        for (id, account) in &mut self.accounts {
            account.is_dirty = true;
            self.urgent.insert(Arc::clone(id));
            if !account.others.is_empty() {
                let others = account.others.iter().map(|(name, (spent, held))| (name.clone(), *spent, *held));
                known.push(Memory { id: Arc::clone(id), keep: account.keep, others: others.collect() });
            }
        }
        Some(known)
    }

    /// The reminder did not arrive.
    pub(super) fn remind_again(&mut self) {
        self.must_remind = true;
    }

    /// Some of the windows, in turn, to look at what others did in them.
    pub(super) fn some_windows(&mut self, count: usize) -> Vec<Arc<str>> {
        let mut ids: Vec<_> = self.accounts.keys().cloned().collect();
        ids.sort_unstable();
        if self.looked >= ids.len() {
            self.looked = 0;
        }
        let some: Vec<_> = ids.into_iter().skip(self.looked).take(count).collect();
        self.looked += some.len();
        some
    }

    /// Takes note of what others did.
    pub(super) fn noticed(&mut self, me: &str, windows: &[Arc<str>], figures: &[HashMap<String, i64>]) {
        for (id, fields) in windows.iter().zip(figures).filter(|(_, fields)| !fields.is_empty()) {
            let Some(account) = self.accounts.get_mut(id) else { continue };
            let field = |name: &str| fields.get(name).copied().unwrap_or(0);
            let own = (field(&format!("s:{me}")), field(&format!("l:{me}")));
            account.notice(field("spent"), field("leased"), own.0, own.1);
            let names = fields.iter().filter_map(|(name, spent)| Some((name.strip_prefix("s:")?, *spent)));
            account.others = names
                .filter(|(name, _)| *name != me)
                .map(|(name, spent)| (name.to_owned(), (spent, field(&format!("l:{name}")))))
                .collect();
        }
    }

    /// What this replica holds of budgets.
    pub(super) fn held(&self, is_money: impl Fn(&str) -> bool) -> Pico {
        let held = self.accounts.iter().filter(|(id, _)| is_money(id)).map(|(_, account)| account.held + account.idle);
        of_nano(held.sum())
    }
}
