//! What one request has taken of its limits, and how it comes back.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::tokens::Reservation;
use super::{Account, Limit, MINUTE, Moment, OF_KEYS, moment};
use crate::domain::{Dimension, Failure, FailureKind};

/// When it is worth asking again where a request that is under way must end first.
const SOON: Duration = Duration::from_secs(1);

/// What is limited.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum What {
    /// Requests a minute.
    Requests,
    /// Tokens a minute.
    Tokens,
    /// Requests at once.
    Concurrent,
}

impl What {
    /// The word used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            What::Requests => "requests",
            What::Tokens => "tokens",
            What::Concurrent => "concurrent",
        }
    }
}

/// How much of a minute's amount is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amount {
    /// All of it.
    pub limit: u64,
    /// What can be had now.
    pub remaining: u64,
    /// After how long all of it can be had.
    pub reset: Duration,
}

impl Amount {
    /// Of so many a minute, where what was taken reaches so far (in nanoseconds) into the future.
    pub(super) fn of(per_minute: NonZeroU32, ahead: u64) -> Self {
        let left = u128::from(per_minute.get()) * u128::from(MINUTE.saturating_sub(ahead)) / u128::from(MINUTE);
        Self {
            limit: u64::from(per_minute.get()),
            // Less than a `u32`, since `left` is at most what a minute has.
            remaining: u64::try_from(left).unwrap_or_default(),
            reset: Duration::from_nanos(ahead),
        }
    }
}

/// How much is left of the tightest limits: of requests, and of tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Remainder {
    /// Requests; `None`: nothing limits them.
    pub requests: Option<Amount>,
    /// Tokens; `None`: nothing limits them.
    pub tokens: Option<Amount>,
}

/// How many tokens a request will have, as far as that is known before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Estimate {
    /// Of the prompt.
    pub prompt: u64,
    /// Of the answers together, if the caller sets a limit to them.
    pub max_output: Option<u64>,
}

/// A limit does not let a request.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Which limit.
    pub limit: Arc<Limit>,
    /// Whose share of it is used up.
    pub holder: Arc<str>,
    /// What of it.
    pub what: What,
    /// How much is used or under way.
    pub used: u64,
    /// How much is allowed.
    pub allowed: NonZeroU32,
    /// How much was asked for.
    pub wanted: u64,
    /// After how long it is worth asking again; `None`: never, it is more than the limit ever allows.
    pub wait: Option<Duration>,
    /// What is left, for the headers of the refusal.
    pub remainder: Remainder,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refused { limit, holder, used, allowed, wanted, .. } = self;
        let whom = match limit.scope().dimension {
            Dimension::All => "everybody together".to_owned(),
            dimension => format!("{} `{holder}`", dimension.as_str()),
        };
        let which = match limit.name().as_str() {
            OF_KEYS => "its own limit".to_owned(),
            name => format!("the limit `{name}`"),
        };
        match (self.what, self.wait) {
            (What::Requests, _) => write!(
                f,
                "{which} allows {whom} {allowed} requests a minute, and {used} are used: wait, or ask the owner of \
                 routes.toml for more"
            ),
            (What::Concurrent, _) => write!(
                f,
                "{which} allows {whom} {allowed} requests at once, and {used} are under way: wait until one has ended"
            ),
            (What::Tokens, Some(_)) => write!(
                f,
                "{which} allows {whom} {allowed} tokens a minute; {used} are used or reserved, and this request needs \
                 {wanted}: wait, or lower max_tokens"
            ),
            (What::Tokens, None) => write!(
                f,
                "the prompt has {wanted} tokens, and {which} allows {whom} {allowed} a minute, so it can never pass: \
                 shorten it, or ask the owner of routes.toml for more"
            ),
        }
    }
}

impl Refused {
    /// What the caller is told.
    pub fn failure(&self) -> Failure {
        match self.wait {
            Some(wait) => Failure::new(FailureKind::RateLimited, self.to_string()).with_retry_after(wait),
            // To ask again would not help, and 429 says that it does.
            None => Failure::new(FailureKind::TooLarge, self.to_string()),
        }
    }
}

/// What a request has taken of one limit.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) limit: Arc<Limit>,
    pub(super) holder: Arc<str>,
    account: Arc<Account>,
    is_running: bool,
    reserved: Option<Reservation>,
    /// How many tokens are reserved.
    pub(super) tokens: Option<u64>,
}

impl Held {
    /// Counts the request as under way.
    fn run(&mut self) -> Result<(), (What, NonZeroU32, Duration)> {
        let running = &self.account.running;
        let fits = |now_running: u32| {
            let most = self.limit.allowance().concurrent.map_or(u32::MAX, NonZeroU32::get);
            (now_running < most).then_some(now_running + 1)
        };
        let allowed = self.limit.allowance().concurrent.unwrap_or(NonZeroU32::MAX);
        let taken = running.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        taken.map_err(|_| (What::Concurrent, allowed, SOON))?;
        self.is_running = true;
        Ok(())
    }

    fn enter(&mut self, now: Moment) -> Result<(), (What, NonZeroU32, Duration)> {
        self.run()?;
        let Some(per_minute) = self.limit.allowance().requests_per_minute else { return Ok(()) };
        let taken = self.account.requests.take(per_minute, now);
        taken.map_err(|wait| (What::Requests, per_minute, wait))
    }

    fn used(&self, what: What, now: Moment) -> u64 {
        let used = |amount: Amount| amount.limit - amount.remaining;
        let allowance = self.limit.allowance();
        match what {
            What::Concurrent => u64::from(self.account.running.load(Ordering::Acquire)),
            What::Requests => {
                allowance.requests_per_minute.map_or(0, |most| used(self.account.requests.amount(most, now)))
            }
            What::Tokens => allowance.tokens_per_minute.map_or(0, |most| used(self.account.tokens().amount(most, now))),
        }
    }
}

/// What a request has taken of its limits. When it is dropped, the request is no longer under way and the tokens that
/// were reserved and not settled come back; that there was a request stays counted.
#[derive(Debug)]
pub struct Pass {
    pub(super) began: Instant,
    pub(super) held: Vec<Held>,
}

impl Pass {
    pub(super) fn new(began: Instant) -> Self {
        Self { began, held: Vec::new() }
    }

    /// Takes what this limit counts; if that is refused, what was taken of those before it comes back.
    pub(super) fn enter(
        &mut self,
        limit: &Arc<Limit>,
        holder: Arc<str>,
        account: Arc<Account>,
        now: Moment,
    ) -> Result<(), Box<Refused>> {
        self.held.push(Held {
            limit: Arc::clone(limit),
            holder,
            account,
            is_running: false,
            reserved: None,
            tokens: None,
        });
        let Some((newest, before)) = self.held.split_last_mut() else { return Ok(()) };
        let Err((what, allowed, wait)) = newest.enter(now) else { return Ok(()) };
        for held in before {
            if let Some(per_minute) = held.limit.allowance().requests_per_minute {
                held.account.requests.give_back(per_minute);
            }
        }
        let place = self.held.len() - 1;
        Err(self.refused(place, (what, allowed), 1, Some(wait), now))
    }

    fn refused(
        &self,
        place: usize,
        (what, allowed): (What, NonZeroU32),
        wanted: u64,
        wait: Option<Duration>,
        now: Moment,
    ) -> Box<Refused> {
        let held = &self.held[place];
        Box::new(Refused {
            limit: Arc::clone(&held.limit),
            holder: Arc::clone(&held.holder),
            what,
            used: held.used(what, now),
            allowed,
            wanted,
            wait,
            remainder: self.remainder_at(now),
        })
    }

    /// Reserves the tokens that the request is expected to have, under all of its limits or none. An answer may be
    /// longer than a whole minute allows: then the whole minute is reserved, and what is used beyond it is owed.
    /// How many were reserved, where that is limited: the most that one limit was asked for.
    ///
    /// # Errors
    /// Which limit refuses, and when it is worth asking again.
    pub fn reserve(&mut self, estimate: Estimate, now: Instant) -> Result<Option<u64>, Box<Refused>> {
        let now = moment(self.began, now);
        let mut most = None;
        for place in 0..self.held.len() {
            let held = &mut self.held[place];
            let Some(per_minute) = held.limit.allowance().tokens_per_minute else { continue };
            let allowed = u64::from(per_minute.get());
            let answer = estimate.max_output.unwrap_or_else(|| held.account.usual_answer());
            let wanted = estimate.prompt.saturating_add(answer);
            let outcome = match estimate.prompt > allowed {
                true => Err((estimate.prompt, None)),
                false => {
                    let reserved = held.account.tokens().reserve(per_minute, wanted.min(allowed), now);
                    reserved.map_err(|wait| (wanted.min(allowed), Some(wait)))
                }
            };
            match outcome {
                Ok(reserved) => (held.reserved, held.tokens) = (Some(reserved), Some(wanted.min(allowed))),
                Err((wanted, wait)) => {
                    let refused = self.refused(place, (What::Tokens, per_minute), wanted, wait, now);
                    self.settle_at(0, None, now);
                    return Err(refused);
                }
            }
            most = most.max(Some(wanted.min(allowed)));
        }
        Ok(most)
    }

    /// The request used so many tokens, of which the answer had so many: they take the place of what was reserved.
    pub fn settle(&mut self, used: u64, answer: Option<u64>, now: Instant) {
        self.settle_at(used, answer, moment(self.began, now));
    }

    fn settle_at(&mut self, used: u64, answer: Option<u64>, now: Moment) {
        for held in &mut self.held {
            let Some(per_minute) = held.limit.allowance().tokens_per_minute else { continue };
            let mut tokens = held.account.tokens();
            match held.reserved.take() {
                Some(reserved) => tokens.settle(per_minute, &reserved, used, now),
                None => tokens.charge(per_minute, used, now),
            }
            drop(tokens);
            if let Some(answer) = answer {
                held.account.answered(answer);
            }
        }
    }

    /// It was no request after all: it is not counted.
    pub fn was_none(self) {
        for held in &self.held {
            if let Some(per_minute) = held.limit.allowance().requests_per_minute {
                held.account.requests.give_back(per_minute);
            }
        }
    }

    /// Whether nothing limits the request.
    pub fn is_free(&self) -> bool {
        self.held.is_empty()
    }

    /// What is left of the tightest limits.
    pub fn remainder(&self, now: Instant) -> Remainder {
        self.remainder_at(moment(self.began, now))
    }

    pub(super) fn remainder_at(&self, now: Moment) -> Remainder {
        let mut remainder = Remainder::default();
        let tightest = |known: &mut Option<Amount>, found: Amount| {
            if known.is_none_or(|known| found.remaining < known.remaining) {
                *known = Some(found);
            }
        };
        for held in &self.held {
            if let Some(per_minute) = held.limit.allowance().requests_per_minute {
                tightest(&mut remainder.requests, held.account.requests.amount(per_minute, now));
            }
            if let Some(per_minute) = held.limit.allowance().tokens_per_minute {
                tightest(&mut remainder.tokens, held.account.tokens().amount(per_minute, now));
            }
        }
        remainder
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let now = moment(self.began, Instant::now());
        for held in &mut self.held {
            if held.is_running {
                held.account.running.fetch_sub(1, Ordering::AcqRel);
            }
            let reserved = held.reserved.take().zip(held.limit.allowance().tokens_per_minute);
            if let Some((reserved, per_minute)) = reserved {
                held.account.tokens().settle(per_minute, &reserved, 0, now);
            }
        }
    }
}
