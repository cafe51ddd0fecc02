//! Alerts: what is wrong with the money, told once when it begins and once when it is over.
//!
//! `judge` looks at figures and says what it finds. `register` compares findings with what is known, moves each alert on
//! by exactly one process, and writes the message in the same transaction. `delivery` sends messages until the receiver
//! takes them. State and messages are in the store, so neither a restart nor a second replica sends anything twice.

pub mod delivery;
pub mod judge;
pub mod message;
pub mod post;
pub mod register;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Serialize;

use crate::domain::{Label, Secret};

/// Who is told of what.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where messages are posted; `None`: nowhere, metrics and the log tell.
    pub webhook: Option<Secret>,
    /// How often it is looked.
    pub every: Duration,
    /// Alerts about the cost of outcomes.
    pub cost_per_outcome: Vec<CostAlert>,
    /// The alert about escalations that do not pay; `None`: nobody wants it.
    pub escalations: Option<EscalationAlert>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            webhook: None,
            every: Duration::from_secs(60),
            cost_per_outcome: Vec::new(),
            escalations: Some(EscalationAlert::default()),
        }
    }
}

/// An alert when a rule's escalations make it dearer than going straight to the tier that it escalates to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EscalationAlert {
    /// The time that is looked at.
    pub window: Duration,
    /// Answers that must have been thrown away in it: before, a rule had bad luck.
    pub min_discarded: u64,
}

impl Default for EscalationAlert {
    fn default() -> Self {
        Self { window: Duration::from_secs(7 * 86_400), min_discarded: 20 }
    }
}

/// Whose cost per outcome is watched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Watched {
    /// All features together.
    All,
    /// Each feature on its own.
    Each,
    /// This one.
    One(Label),
}

/// An alert when what shipped becomes dearer than it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CostAlert {
    /// Its name.
    pub name: Label,
    /// Whose cost it is about.
    pub watched: Watched,
    /// The time that is looked at.
    pub window: Duration,
    /// The time before it that it is compared with.
    pub baseline: Duration,
    /// How much dearer it must be, in thousandths: 1500 is half as dear again.
    pub factor_permille: u32,
    /// Outcomes that there must be both in the window and in the baseline.
    pub min_outcomes: u64,
}

/// What an alert is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What an outcome costs.
    CostPerOutcome,
    /// How much of a budget is used.
    Budget,
    /// That an experiment ended before its date.
    Experiment,
    /// What escalations cost.
    Escalations,
}

impl Kind {
    /// The word in the store, in messages and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::CostPerOutcome => "cost_per_outcome",
            Kind::Budget => "budget",
            Kind::Experiment => "experiment",
            Kind::Escalations => "escalations",
        }
    }

    /// The word's meaning; `None` if it is none of them.
    pub fn parse(word: &str) -> Option<Self> {
        [Kind::CostPerOutcome, Kind::Budget, Kind::Experiment, Kind::Escalations].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How it stands with an alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// It is to fire.
    Bad,
    /// Neither bad enough to fire nor good enough to clear: it stays as it is.
    Between,
    /// It is to clear, and why.
    Good(String),
}

/// What was found of one alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What tells it from every other, for ever.
    pub id: String,
    /// The name that it has in the configuration.
    pub name: String,
    /// What it is about.
    pub kind: Kind,
    /// Whom it is about: `feature checkout`.
    pub subject: String,
    /// How it stands.
    pub condition: Condition,
    /// The figures, in a sentence.
    pub summary: String,
    /// When it ends by itself, in milliseconds since 1970 UTC.
    pub until_millis: Option<i64>,
}
