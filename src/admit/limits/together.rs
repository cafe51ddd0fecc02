//! What of a limit several replicas count together: names and figures of what a request has taken, and a refusal that
//! another replica's requests are the reason of.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pass::{Pass, Refused, What};
use super::{Allowance, Limit, moment};

/// What a request has taken of one limit.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'p> {
    /// The limit.
    pub limit: &'p Arc<Limit>,
    /// Whose share it is.
    pub holder: &'p Arc<str>,
    /// How many tokens are reserved.
    pub tokens: Option<u64>,
}

impl Limit {
    /// One of so many equal parts of it, at least one of each: what a replica allows by itself.
    pub fn part(&self, of: u64) -> Limit {
        let divide = |figure: NonZeroU32| NonZeroU32::new((u64::from(figure.get()) / of.max(1)) as u32);
        let part = |figure: Option<NonZeroU32>| figure.map(|figure| divide(figure).unwrap_or(NonZeroU32::MIN));
        let allowance = Allowance {
            requests_per_minute: part(self.allowance.requests_per_minute),
            tokens_per_minute: part(self.allowance.tokens_per_minute),
            concurrent: part(self.allowance.concurrent),
        };
        Limit { allowance, ..self.clone() }
    }
}

impl Pass {
    /// What it has taken, limit by limit.
    pub fn counted(&self) -> impl Iterator<Item = Counted<'_>> {
        self.held.iter().map(|held| Counted { limit: &held.limit, holder: &held.holder, tokens: held.tokens })
    }

    /// The refusal of a limit that all replicas together have used up, though this one has not.
    pub fn refused_together(
        &self,
        limit: &Arc<Limit>,
        holder: &Arc<str>,
        (what, wanted): (What, u64),
        wait: Duration,
        now: Instant,
    ) -> Refused {
        let allowance = limit.allowance();
        let allowed = match what {
            What::Requests => allowance.requests_per_minute,
            What::Tokens => allowance.tokens_per_minute,
            What::Concurrent => allowance.concurrent,
        };
        let allowed = allowed.unwrap_or(NonZeroU32::MIN);
        Refused {
            limit: Arc::clone(limit),
            holder: Arc::clone(holder),
            what,
            used: u64::from(allowed.get()),
            allowed,
            wanted,
            wait: Some(wait),
            remainder: self.remainder_at(moment(self.began, now)),
        }
    }
}
