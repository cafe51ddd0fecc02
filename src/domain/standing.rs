//! What is known of a conversation that has been answered before.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{EndpointName, Mark, RuleName, TierName};

/// A conversation, as the ledger and reports know it: a mark of what its client calls it and of who asks, so that nothing
/// of either can be read back, and nobody can name another's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Session(pub Mark);

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0.as_u64())
    }
}

/// As sixteen hexadecimal digits: a JSON number of that size would pass through a float in many readers.
impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Session {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = u64::from_str_radix(&text, 16);
        number.map(|number| Self(Mark::from_u64(number))).map_err(serde::de::Error::custom)
    }
}

/// For how long a client asks its provider to keep a prompt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum CacheLife {
    /// Five minutes after it was last used.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// An hour.
    #[serde(rename = "1h")]
    Hour,
    /// A day.
    #[serde(rename = "24h")]
    Day,
}

impl CacheLife {
    /// As a length of time.
    pub fn time(self) -> Duration {
        Duration::from_secs(match self {
            CacheLife::FiveMinutes => 300,
            CacheLife::Hour => 3600,
            CacheLife::Day => 24 * 3600,
        })
    }
}

/// Where a conversation stands: who answered last, and what they hold of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// The endpoint that answered last.
    pub endpoint: EndpointName,
    /// The tier that it was tried as part of.
    pub tier: Option<TierName>,
    /// The rule that decided when the human last spoke.
    pub rule: Option<RuleName>,
    /// Prompt tokens that the provider holds in its cache, by its own word.
    pub warm: u64,
    /// Until when it likely does, in milliseconds since 1970 UTC.
    pub warm_until_millis: u64,
    /// The last request's prompt tokens, by our own estimate.
    pub prompt: u64,
    /// Tokens of an answer, of late.
    pub output: u64,
    /// When the last answer was over, in milliseconds since 1970 UTC.
    pub answered_millis: u64,
    /// How many answers the conversation has, the last one included.
    pub replies: u32,
    /// Whether it was taken to a larger model because a smaller one did not get on.
    pub escalated: bool,
}
