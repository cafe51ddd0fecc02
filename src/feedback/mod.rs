//! What callers say of answers: good or bad, once for each request, the last word counts.
//!
//! It is kept in the store (`book`), so that all replicas see it, and never on the way of a prompt. What the ledger says
//! of the request (`Rated`) comes in as a value and is kept beside the rating.

pub mod book;
pub mod draft;

use serde::{Deserialize, Serialize};

use crate::domain::RequestId;

/// What of feedback is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// Whether the words of whoever tells are kept.
    pub keep_reasons: bool,
}

/// What was said of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// It helped.
    Good,
    /// It did not.
    Bad,
}

impl Rating {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Rating::Good => "good",
            Rating::Bad => "bad",
        }
    }

    /// The word's meaning; `None` if it is neither.
    pub fn parse(word: &str) -> Option<Self> {
        [Rating::Good, Rating::Bad].into_iter().find(|rating| rating.as_str() == word)
    }
}

/// What the ledger says of a request that somebody speaks of.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Rated {
    /// When it arrived, in milliseconds since 1970 UTC.
    pub at_millis: i64,
    /// The key's name.
    pub key: Option<String>,
    /// The person.
    pub engineer: Option<String>,
    /// The person's team.
    pub team: Option<String>,
    /// What the work is for.
    pub feature: Option<String>,
    /// The tool that sent it.
    pub app: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// The tier that answered.
    pub tier: Option<String>,
    /// The endpoint that answered.
    pub endpoint: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
}

impl Rated {
    /// Out of a ledger's entry as JSON; `None`: nobody answered it, so there is nothing to speak of.
    pub fn of(entry: &serde_json::Value) -> Option<Self> {
        let text = |column: &str| entry.get(column)?.as_str().map(str::to_owned);
        let rated = Self {
            at_millis: entry.get("at_millis")?.as_i64()?,
            key: text("key"),
            engineer: text("engineer"),
            team: text("team"),
            feature: text("feature"),
            app: text("app"),
            rule: text("rule"),
            tier: text("tier"),
            endpoint: text("endpoint"),
            model: text("model"),
        };
        rated.endpoint.is_some().then_some(rated)
    }
}

/// The last word on one request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Feedback {
    /// Which request.
    pub request_id: RequestId,
    /// What was said.
    pub rating: Rating,
    /// Why, in the words of whoever told; `None`: nobody said, or it is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `caller`, or the name of an admin token.
    pub told_by: String,
    /// When, in milliseconds since 1970 UTC.
    pub told_millis: i64,
    /// What the ledger says of the request.
    #[serde(flatten)]
    pub rated: Rated,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_answered_is_not_rated() {
        let entry = json!({"at_millis": 7, "door": "/v1/messages", "key": "ci", "rule": "all", "tier": "cheap",
                           "endpoint": "mini", "model": "m-1", "engineer": null});
        let rated = Rated::of(&entry).expect("an answer");
        assert_eq!((rated.at_millis, rated.tier.as_deref(), rated.engineer), (7, Some("cheap"), None));
        let refused = json!({"at_millis": 7, "key": "ci", "endpoint": null});
        assert_eq!(Rated::of(&refused), None);
    }
}
