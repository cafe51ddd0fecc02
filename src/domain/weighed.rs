//! What going on in one place costs beside going on in another.

use serde::{Deserialize, Serialize};

use super::{EndpointName, Gate, Pico};

/// What a conversation costs from here on, in one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bill {
    /// This request.
    #[serde(rename = "now_usd")]
    pub now: Pico,
    /// Each of those that are expected to follow.
    #[serde(rename = "each_usd")]
    pub each: Pico,
    /// All together.
    #[serde(rename = "total_usd")]
    pub total: Pico,
}

/// Every figure by which it is decided whether a conversation moves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Weighed {
    /// Where it would go.
    pub other: EndpointName,
    /// Prompt tokens of this request.
    pub prompt: u64,
    /// Of those, what the provider still holds in its cache.
    pub warm: u64,
    /// What it held, if that is over by now.
    pub cold: u64,
    /// Prompt tokens that came since the last answer; each request that follows is expected to add as many.
    pub new: u64,
    /// Output tokens that are expected of an answer.
    pub output: u64,
    /// Requests that are expected to follow.
    pub left: u32,
    /// What it costs to stay.
    pub stay: Bill,
    /// What it costs to move.
    pub go: Bill,
}

/// Why a conversation stays where it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Staying {
    /// A tool spoke last: nothing is decided before the human speaks again.
    ToolLoop,
    /// The rules chose its tier again.
    SameTier {
        /// Beside the one whose turn it is there, if that is another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weighed: Option<Box<Weighed>>,
    },
    /// A smaller model has failed in it before.
    Escalated,
    /// What one of the places costs is not known.
    Unpriced,
    /// To move would cost more, or no less.
    Cheaper {
        /// The sum.
        weighed: Box<Weighed>,
    },
}

/// Why a conversation moves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Moving {
    /// The client asked for it.
    Asked,
    /// Where it was is not configured any more, or not for this caller.
    Gone,
    /// The request does not fit where it was.
    Unfit {
        /// What stands in its way.
        #[serde(flatten)]
        gate: Gate,
    },
    /// The rules chose a larger model.
    Larger {
        /// What that costs, if it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weighed: Option<Box<Weighed>>,
    },
    /// The agent makes no progress.
    Stuck {
        /// How often its last call was made, with the same result.
        repeats: u32,
    },
    /// To stay would cost more.
    Cheaper {
        /// The sum.
        weighed: Box<Weighed>,
    },
}
