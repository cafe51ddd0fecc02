//! What experiments are about: what ends them, and which figure guards them.

use serde::{Deserialize, Serialize};

/// Why the arms of an experiment are not drawn.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// It has not begun.
    NotBegun,
    /// Its time is over.
    Date,
    /// It has cost as much beyond its control as it may.
    Spend,
    /// An arm does worse than its control.
    Guard,
    /// Somebody stopped it.
    Stopped,
    /// Nobody can watch over it at the moment.
    Unwatched,
}

impl Over {
    /// The word in the store and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Over::NotBegun => "not_begun",
            Over::Date => "date",
            Over::Spend => "spend",
            Over::Guard => "guard",
            Over::Stopped => "stopped",
            Over::Unwatched => "unwatched",
        }
    }

    /// The word's meaning, of those that end an experiment for good before its date.
    pub fn parse_early(word: &str) -> Option<Self> {
        [Over::Spend, Over::Guard, Over::Stopped].into_iter().find(|over| over.as_str() == word)
    }

    /// In words for people.
    pub fn words(self) -> &'static str {
        match self {
            Over::NotBegun => "it has not begun",
            Over::Date => "its time is over",
            Over::Spend => "it has cost as much beyond its control as it may",
            Over::Guard => "an arm does worse than its control",
            Over::Stopped => "somebody stopped it",
            Over::Unwatched => "nobody can watch over it at the moment",
        }
    }
}

/// What an arm must not do worse in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The share of rated answers that were rated bad.
    BadFeedback,
    /// The share of requests that another tier had to answer.
    Escalations,
    /// The share of requests that failed upstream.
    Failures,
    /// What a request costs.
    Cost,
}

impl Metric {
    /// The word in the configuration and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Metric::BadFeedback => "bad_feedback",
            Metric::Escalations => "escalations",
            Metric::Failures => "failures",
            Metric::Cost => "cost",
        }
    }
}

/// What ends an experiment if an arm does worse than its control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guard {
    /// In what.
    pub metric: Metric,
    /// By how much at least, in hundredths of a percent: points of a share, or a part of the cost.
    pub worse_by: u32,
    /// How many requests (of `bad_feedback`: rated ones) an arm must have had before it is judged.
    pub min_requests: u32,
}
