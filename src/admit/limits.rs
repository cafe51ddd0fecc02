//! Limits: how often, how much and how many at once.
//!
//! A request counts under every limit that its caller falls under, and passes when all of them let it. What it takes it
//! holds as a [`Pass`]; however the request ends, the pass is dropped and what was only reserved comes back. The state
//! is of this process and outlives a reload: a new figure keeps the share that was used of the old one.

mod pass;
mod requests;
mod together;
mod tokens;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Admitted;
use crate::domain::{Caller, Dimension, EndpointName, LimitName, Scope};

pub use pass::{Amount, Estimate, Pass, Refused, Remainder, What};
use requests::Requests;
pub use together::Counted;
use tokens::Tokens;

/// A minute, in nanoseconds.
const MINUTE: u64 = 60_000_000_000;

/// The most holders of one limit that are told apart. Whoever comes when so many are under way shares one with the
/// others, so that names which callers choose themselves cannot fill the memory.
const MOST_HOLDERS: usize = 65_536;

/// What those share who come when there are too many.
const THE_OTHERS: &str = "(others)";

/// How long somebody may be away before what is known of his answers is forgotten; what he used has come back by then.
const AWAY: Duration = Duration::from_secs(600);

/// How many tokens an answer is expected to have of whose answers nothing is known.
const USUAL_ANSWER: u64 = 1000;

/// The time between two searches for holders who are away.
const SEARCH: Duration = Duration::from_secs(10);

/// So many holders are never searched for those who are away.
const FEW: usize = 1024;

/// The name under which a key's own limit is counted, for each key by itself.
pub const OF_KEYS: &str = "keys";

/// So much is allowed; what is `None` has no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Allowance {
    /// Requests a minute.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens a minute, of prompts and answers.
    pub tokens_per_minute: Option<NonZeroU32>,
    /// Requests at once.
    pub concurrent: Option<NonZeroU32>,
}

impl Allowance {
    /// What the key by which this caller is admitted allows by itself.
    pub fn of(admitted: &Admitted) -> Self {
        let Admitted { requests_per_minute, tokens_per_minute, concurrent, .. } = *admitted;
        Self { requests_per_minute, tokens_per_minute, concurrent }
    }

    fn is_empty(&self) -> bool {
        *self == Allowance::default()
    }
}

/// A limit (`[[limits]]`), or a key's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limit {
    name: LimitName,
    scope: Scope,
    allowance: Allowance,
}

/// Why something is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LimitError {
    /// It limits nothing.
    #[error("limits nothing")]
    Empty,
    /// Keys' own limits are counted under this name.
    #[error("cannot be called `keys`: the limits that keys have of their own are counted under that name")]
    Reserved,
}

impl Limit {
    /// A limit of `[[limits]]`.
    ///
    /// # Errors
    /// If it allows everything, or has the name under which keys' own limits are counted.
    pub fn new(name: LimitName, scope: Scope, allowance: Allowance) -> Result<Self, LimitError> {
        match (allowance.is_empty(), name.as_str() == OF_KEYS) {
            (_, true) => Err(LimitError::Reserved),
            (true, _) => Err(LimitError::Empty),
            _ => Ok(Self { name, scope, allowance }),
        }
    }

    /// What a key allows by itself; `None` if it limits nothing.
    pub fn of_key(allowance: Allowance) -> Option<Arc<Self>> {
        let scope = Scope { dimension: Dimension::Key, value: None };
        let name = LimitName::parse(OF_KEYS).ok().filter(|_| !allowance.is_empty())?;
        Some(Arc::new(Self { name, scope, allowance }))
    }

    /// Its name.
    pub fn name(&self) -> &LimitName {
        &self.name
    }

    /// Who it is for.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What it allows.
    pub fn allowance(&self) -> &Allowance {
        &self.allowance
    }
}

/// Every limit of `[[limits]]`: those that count a request when it comes, and those that count it when it goes to an
/// endpoint.
#[derive(Clone, Debug, Default)]
pub struct LimitList {
    /// Of callers.
    pub of_callers: Vec<Arc<Limit>>,
    /// Of endpoints.
    pub of_endpoints: Vec<Arc<Limit>>,
}

impl LimitList {
    /// These limits. Two of one name are refused by `check` before they get here.
    pub fn new(limits: impl IntoIterator<Item = Limit>) -> Self {
        let of_endpoint = |limit: &Arc<Limit>| limit.scope.dimension == Dimension::Endpoint;
        let (of_endpoints, of_callers) = limits.into_iter().map(Arc::new).partition(of_endpoint);
        Self { of_callers, of_endpoints }
    }

    /// Whether a limit has this name.
    pub fn has(&self, name: &LimitName) -> bool {
        self.of_callers.iter().chain(&self.of_endpoints).any(|limit| limit.name == *name)
    }
}

/// Nanoseconds since the limits were made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Moment(u64);

/// What one holder has used of one limit. Everything is counted here and nowhere else.
#[derive(Debug, Default)]
struct Account {
    requests: Requests,
    tokens: Mutex<Tokens>,
    running: AtomicU32,
    /// How many tokens its answers have; 0: none was seen yet.
    usual_answer: AtomicU64,
    /// When it was last asked for.
    seen: AtomicU64,
}

impl Account {
    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many tokens an answer is expected to have whose length the caller does not limit.
    fn usual_answer(&self) -> u64 {
        Some(self.usual_answer.load(Ordering::Relaxed)).filter(|usual| *usual > 0).unwrap_or(USUAL_ANSWER)
    }

    /// An answer had so many: it counts an eighth.
    fn answered(&self, tokens: u64) {
        let usual = self.usual_answer();
        // Two at the same moment may count as one, which does not matter to an average.
        self.usual_answer.store((usual - usual / 8).saturating_add(tokens / 8), Ordering::Relaxed);
    }

    /// Whether nothing is lost if it is forgotten.
    fn is_away(&self, now: Moment) -> bool {
        let away = now.0.saturating_sub(self.seen.load(Ordering::Relaxed));
        u128::from(away) >= AWAY.as_nanos()
            && self.running.load(Ordering::Acquire) == 0
            && self.requests.is_whole(now)
            && self.tokens().is_whole(now)
    }
}

#[derive(Debug, Default)]
struct Holders {
    accounts: HashMap<Arc<str>, Arc<Account>>,
    searched: u64,
}

impl Holders {
    /// The account of this holder, whose name is then known under one allocation.
    fn account(&mut self, holder: &str, now: Moment) -> (Arc<str>, Arc<Account>) {
        if let Some((name, account)) = self.accounts.get_key_value(holder) {
            account.seen.store(now.0, Ordering::Relaxed);
            return (Arc::clone(name), Arc::clone(account));
        }
        let search = u128::from(now.0.saturating_sub(self.searched)) >= SEARCH.as_nanos();
        if self.accounts.len() >= FEW && search {
            self.searched = now.0;
            // An account that somebody holds is in use, or was a moment ago.
            self.accounts.retain(|_, account| Arc::strong_count(account) > 1 || !account.is_away(now));
        }
        let holder: Arc<str> = if self.accounts.len() >= MOST_HOLDERS { THE_OTHERS.into() } else { holder.into() };
        let account = Arc::clone(self.accounts.entry(Arc::clone(&holder)).or_default());
        account.seen.store(now.0, Ordering::Relaxed);
        (holder, account)
    }
}

/// What everybody has used.
#[derive(Debug)]
pub struct Limits {
    began: Instant,
    holders: Mutex<HashMap<LimitName, Holders>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { began: Instant::now(), holders: Mutex::default() }
    }
}

impl Limits {
    /// Counts one request, and that it is under way, under those of the limits that it falls under: under all, or if one
    /// of them does not let it under none.
    ///
    /// # Errors
    /// Which limit refuses, and when it is worth asking again.
    pub fn enter<'l>(
        &self,
        limits: impl IntoIterator<Item = &'l Arc<Limit>>,
        caller: &Caller,
        endpoint: Option<&EndpointName>,
        now: Instant,
    ) -> Result<Pass, Box<Refused>> {
        let moment = moment(self.began, now);
        let mut pass = Pass::new(self.began);
        for limit in limits {
            let Some(holder) = limit.scope.holder(caller, endpoint) else { continue };
            let (holder, account) = self.account(&limit.name, holder, moment);
            pass.enter(limit, holder, account, moment)?;
        }
        Ok(pass)
    }

    fn account(&self, limit: &LimitName, holder: &str, now: Moment) -> (Arc<str>, Arc<Account>) {
        let mut limits = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        match limits.get_mut(limit) {
            Some(holders) => holders.account(holder, now),
            None => limits.entry(limit.clone()).or_default().account(holder, now),
        }
    }

    /// Forgets limits that are configured no more.
    pub fn retain(&self, is_configured: impl Fn(&LimitName) -> bool) {
        let mut limits = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        limits.retain(|name, _| name.as_str() == OF_KEYS || is_configured(name));
    }

    /// How many holders are known, of all limits together.
    pub fn holders(&self) -> usize {
        let limits = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        limits.values().map(|holders| holders.accounts.len()).sum()
    }
}

fn moment(began: Instant, now: Instant) -> Moment {
    Moment(u64::try_from(now.saturating_duration_since(began).as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
