//! The things worth knowing.

use std::time::Duration;

use crate::domain::{
    App, EndpointName, Fault, KeyName, Pico, RequestId, Risk, RuleName, TagSet, TierName, Usage, UsageSource, Verdict,
};

/// One try at an endpoint.
#[derive(Clone, Debug)]
pub struct TriedEvent {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// `ok`, or the word for what went wrong.
    pub outcome: &'static str,
    /// What the verification of its answer found.
    pub verdict: Option<Verdict>,
    /// Whether its answer was thrown away for that.
    pub is_discarded: bool,
}

/// A request has ended, one way or another.
#[derive(Clone, Debug)]
pub struct RequestEnded {
    /// Its id.
    pub id: RequestId,
    /// The path that was asked for, out of a closed list.
    pub door: &'static str,
    /// The key's name.
    pub key: Option<KeyName>,
    /// The tool that sent it.
    pub app: App,
    /// The rule that decided.
    pub rule: Option<RuleName>,
    /// What became of its conversation, out of a closed list.
    pub turn: Option<&'static str>,
    /// The tier it went to.
    pub tier: Option<TierName>,
    /// The endpoint whose answer the caller got.
    pub endpoint: Option<EndpointName>,
    /// The risks it touches.
    pub tags: TagSet,
    /// How much damage a wrong answer does.
    pub risk: Option<Risk>,
    /// The status that the caller got.
    pub status: u16,
    /// How it ended, in the ledger's word.
    pub ending: &'static str,
    /// What went wrong, in the word of its kind.
    pub failure: Option<&'static str>,
    /// Whose fault that was.
    pub fault: Option<Fault>,
    /// Every try.
    pub tried: Vec<TriedEvent>,
    /// Whether the answer was streamed.
    pub streamed: bool,
    /// Tokens.
    pub usage: Option<Usage>,
    /// Who counted them.
    pub usage_source: Option<UsageSource>,
    /// What it cost.
    pub cost: Option<Pico>,
    /// What it cost by the provider's own word.
    pub provider_cost: Option<Pico>,
    /// What it would have cost on the baseline tier.
    pub baseline: Option<Pico>,
    /// From arrival to the end.
    pub total: Duration,
    /// From arrival to the first byte of content.
    pub first_byte: Option<Duration>,
    /// Of the total, what we added before an upstream was asked.
    pub overhead: Duration,
}

/// What became of a change of `routes.toml`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReloadResult {
    /// The new rules are live.
    Accepted,
    /// The file was refused whole, and the old rules stay.
    Refused,
}

/// An endpoint's breaker: 0 closed, 1 half open, 2 open.
#[derive(Clone, Debug)]
pub struct BreakerGauge {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The state as a number.
    pub state: u8,
}

/// How the ledger is.
#[derive(Clone, Copy, Debug, Default)]
pub struct LedgerGauges {
    /// Entries that wait to be written.
    pub queued: u64,
    /// Entries written since the start.
    pub written: u64,
    /// Transactions since the start.
    pub commits: u64,
    /// Failed tries to write since the start.
    pub failures: u64,
    /// Answers released before their entry was written.
    pub late: u64,
    /// Entries given up since the start, because no database would take them.
    pub rejected: u64,
    /// Whether entries cannot be written at present.
    pub failing: bool,
    /// How long the oldest waiting entry has waited.
    pub oldest_queued: Duration,
    /// The size of the write-ahead log.
    pub wal_bytes: u64,
    /// Shipping to PostgreSQL; all 0 where nothing is shipped.
    pub shipping: ShippingGauges,
}

/// The ledger's way to PostgreSQL, now.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShippingGauges {
    /// Entries that wait on disk.
    pub unshipped: u64,
    /// How long ago the oldest of them arrived.
    pub oldest_unshipped: Duration,
    /// About how many bytes they take.
    pub spool_bytes: u64,
    /// How many they may take.
    pub max_spool_bytes: u64,
    /// Entries shipped since the start.
    pub shipped: u64,
    /// Attempts that failed since the start.
    pub failures: u64,
    /// Entries that PostgreSQL would not take.
    pub set_aside: u64,
}

/// What other rooms know at the moment the metrics are read.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// Every endpoint's breaker.
    pub breakers: Vec<BreakerGauge>,
    /// The ledger.
    pub ledger: LedgerGauges,
    /// Open connections on the data port.
    pub connections: u64,
    /// Rules whose day of review is over.
    pub rules_overdue: u64,
    /// Rules that have expired.
    pub rules_expired: u64,
    /// How long ago the registry of keys was last found to be as it is known here.
    pub registry_stale: Duration,
}
