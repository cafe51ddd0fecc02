//! What comes of trying rules on past requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::books::Burst;
use super::changed::Shown;
use super::side::{Cold, Place};
use crate::domain::Pico;

/// A share, in hundredths of a percent; `None`: of nothing.
pub fn share_of(part: i128, whole: i128) -> Option<i64> {
    let hundredths = part.saturating_mul(10_000).checked_div(whole)?;
    Some(i64::try_from(hundredths).unwrap_or(if hundredths < 0 { i64::MIN } else { i64::MAX }))
}

/// Requests that go from one place to another, or stay.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Move {
    /// Where they went.
    pub from: Place,
    /// Where they go.
    pub to: Place,
    /// What they add up to.
    #[serde(flatten)]
    pub sums: Sums,
}

/// What requests add up to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Sums {
    /// How many.
    pub requests: u64,
    /// Of these, of high risk.
    pub high_risk: u64,
    /// Of these, those whose cost is known on both sides.
    pub priced: u64,
    /// What those cost before.
    #[serde(rename = "old_usd")]
    pub old: Pico,
    /// What they cost then.
    #[serde(rename = "new_usd")]
    pub new: Pico,
}

/// What it costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Costs {
    /// Requests whose cost is known on both sides, and that are answered on both.
    pub requests: u64,
    /// What they cost before.
    #[serde(rename = "old_usd")]
    pub old: Pico,
    /// What they cost then.
    #[serde(rename = "new_usd")]
    pub new: Pico,
    /// The difference.
    #[serde(rename = "difference_usd")]
    pub difference: Pico,
    /// The difference as a share of the old cost, in hundredths of a percent.
    pub difference_share: Option<i64>,
    /// Of the difference, what comes of other prices for the same model, and not of the rules.
    #[serde(rename = "by_prices_usd")]
    pub by_prices: Pico,
    /// Of the new cost, what is paid because prompts are not in the cache of the endpoint that they go to.
    pub cold: Cold,
    /// Requests that used tokens whose cost is not known on one of the sides.
    pub unpriced: u64,
    /// What requests cost that would not be answered; no part of the above.
    #[serde(rename = "no_longer_answered_usd")]
    pub no_longer_answered: Pico,
}

/// Traffic of high risk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct HighRisk {
    /// Requests.
    pub requests: u64,
    /// Of these, those that go to a model that costs less than the one that they went to, or nobody knows how much.
    pub to_cheap: u64,
    /// Their share, in hundredths of a percent.
    pub to_cheap_share: Option<i64>,
}

/// Requests that are not answered because of the rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Unanswered {
    /// Before.
    pub before: u64,
    /// Then.
    pub then: u64,
    /// Answered before, and then not.
    pub newly: u64,
    /// Not before, and then.
    pub no_longer: u64,
}

/// A rule of the new file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Hits {
    /// Which.
    pub rule: Arc<str>,
    /// Requests that it decides.
    pub requests: u64,
    /// Requests that the rule of this name decided before.
    pub before: u64,
    /// What those that it decides cost.
    #[serde(rename = "cost_usd")]
    pub cost: Pico,
}

/// Everything that comes of it.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Report {
    /// Entries that were looked at.
    pub entries: u64,
    /// Of these, those on which the rules were tried.
    pub replayed: u64,
    /// The others, by the reason.
    pub left_out: BTreeMap<String, u64>,
    /// Requests that go elsewhere: to another tier or endpoint, or from being answered to not.
    pub changed: u64,
    /// Their share, in hundredths of a percent.
    pub changed_share: Option<i64>,
    /// Of these, those that go elsewhere because a split of the same rule drew them anew.
    pub drawn_anew: u64,
    /// Requests that stay in their tier and get another model there.
    pub other_model: u64,
    /// Requests that another rule decides, to the same effect.
    pub other_rule: u64,
    /// From where to where.
    pub moves: Vec<Move>,
    /// What it costs.
    pub costs: Costs,
    /// Traffic of high risk.
    pub high_risk: HighRisk,
    /// What is not answered.
    pub unanswered: Unanswered,
    /// The rules of the new file, in its order.
    pub rules: Vec<Hits>,
    /// Those that decide nothing.
    pub never_hit: Vec<Arc<str>>,
    /// Requests that no rule decides: the client named a model, or an endpoint held the conversation.
    pub by_no_rule: u64,
    /// Budgets that would have burst; `None`: they were not replayed.
    pub bursts: Option<Vec<Burst>>,
    /// Some of the requests that go elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<Shown>,
}
