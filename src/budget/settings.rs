//! What a budget is.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::window::{Stretch, Window};
use crate::domain::{BudgetName, Dimension, Pico, Scope};

/// How much may be spent, by whom, in which time.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Its name.
    pub name: BudgetName,
    /// Who it is for; never an endpoint.
    pub scope: Scope,
    /// The most in one window.
    pub limit: Pico,
    /// Over which time it counts.
    pub window: Window,
    /// Where days, weeks and months begin.
    pub zone: TimeZone,
    /// At which percentages somebody is told, ascending.
    pub alerts: Arc<[u32]>,
    /// Whether what does not fit is refused; else it passes, and alerts and `budget_used` tell.
    pub refuses: bool,
    /// Other limits for some time; they do not overlap.
    pub overrides: Arc<[Override]>,
    /// Whose decision it is.
    pub owner: Option<Arc<str>>,
}

/// Another limit for some time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Override {
    /// The most in one window.
    pub limit: Pico,
    /// When.
    pub when: Stretch,
    /// Why.
    pub why: Arc<str>,
}

/// Why a budget is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BudgetError {
    /// Nothing could ever be spent.
    #[error("a limit must be more than 0 USD")]
    NoLimit,
    /// It is not known which endpoint will answer when money is reserved.
    #[error("a budget cannot be for an endpoint")]
    ForEndpoint,
    /// It is not clear which limit counts.
    #[error("two overrides are for the same time")]
    Overlap,
    /// It would never count.
    #[error("an override must begin before it ends")]
    Backwards,
}

impl Budget {
    /// Refuses a budget that makes no sense.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn check(&self) -> Result<(), BudgetError> {
        let mut limits = self.overrides.iter().map(|other| other.limit).chain([self.limit]);
        if limits.any(|limit| limit <= Pico::ZERO) {
            return Err(BudgetError::NoLimit);
        }
        if self.scope.dimension == Dimension::Endpoint {
            return Err(BudgetError::ForEndpoint);
        }
        let mut times: Vec<Stretch> = self.overrides.iter().map(|other| other.when).collect();
        times.sort_by_key(|when| when.from_millis);
        if times.iter().any(|when| when.until_millis.is_some_and(|until| until <= when.from_millis)) {
            return Err(BudgetError::Backwards);
        }
        let overlap = |pair: &[Stretch]| pair[0].until_millis.is_none_or(|until| pair[1].from_millis < until);
        if times.windows(2).any(overlap) { Err(BudgetError::Overlap) } else { Ok(()) }
    }

    /// The limit that counts at this moment. `made_later` are overrides that were made while the proxy runs; the last
    /// that is for this moment counts, before those of the file.
    pub fn limit_at(&self, at_millis: u64, made_later: &[Override]) -> Pico {
        let counts = |other: &&Override| other.when.contains(at_millis);
        let found = made_later.iter().rev().find(counts).or_else(|| self.overrides.iter().find(counts));
        found.map_or(self.limit, |other| other.limit)
    }
}
