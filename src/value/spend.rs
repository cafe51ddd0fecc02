//! Spend, as rows of a ledger's report: requests that have everything in common that can join them to an outcome, their
//! hour included where it makes a difference.

use std::ops::AddAssign;

use serde::Serialize;

use crate::domain::Pico;

/// An hour, in milliseconds.
pub const HOUR_MILLIS: i64 = 3_600_000;

/// What requests cost together, and what is not known of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Amount {
    /// Requests.
    pub requests: u64,
    /// What they cost, of those for which it is known; `None`: it is known for none.
    #[serde(rename = "cost_usd")]
    pub cost: Option<Pico>,
    /// What the baseline tier would have cost, of those for which it is known.
    #[serde(rename = "baseline_usd")]
    pub baseline: Option<Pico>,
    /// Baseline less cost, of those for which both are known.
    #[serde(rename = "savings_usd")]
    pub savings: Option<Pico>,
    /// Requests that used tokens whose price is not known: their cost is missing above.
    pub unpriced: u64,
    /// Requests whose tokens we counted because the provider did not say.
    pub estimated: u64,
}

impl AddAssign<&Amount> for Amount {
    fn add_assign(&mut self, other: &Amount) {
        self.requests += other.requests;
        self.cost = sum(self.cost, other.cost);
        self.baseline = sum(self.baseline, other.baseline);
        self.savings = sum(self.savings, other.savings);
        self.unpriced += other.unpriced;
        self.estimated += other.estimated;
    }
}

/// The sum of what is known.
fn sum(one: Option<Pico>, other: Option<Pico>) -> Option<Pico> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (known, None) | (None, known) => known,
    }
}

/// Requests that are alike in everything that counts here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spend {
    /// The first moment of their hour, in milliseconds since 1970 UTC, or of the one that stands for it: the verdict is the
    /// same for both (see [`Outcomes::stages`](super::join::Outcomes::stages)).
    pub hour_millis: i64,
    /// The person.
    pub engineer: Option<String>,
    /// Their team.
    pub team: Option<String>,
    /// What the work is for.
    pub feature: Option<String>,
    /// The branch: `checkout/round`, or `example/shop:checkout/round` where the repository is told as well.
    pub branch: Option<String>,
    /// The pull request, or another name of an outcome.
    pub pull_request: Option<String>,
    /// The tier that answered.
    pub tier: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Whether another tier answered than the rule's.
    pub escalated: bool,
    /// What they cost.
    pub amount: Amount,
}

impl Spend {
    /// The repository and the branch. Git allows no colon in a branch's name, so what stands before one is the
    /// repository.
    pub fn branch(&self) -> Option<(Option<&str>, &str)> {
        let told = self.branch.as_deref()?;
        Some(told.split_once(':').map_or((None, told), |(repository, branch)| (Some(repository), branch)))
    }
}
