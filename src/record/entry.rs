//! One request as the ledger keeps it. No prompt text, no answer text, no secret.

use std::sync::Arc;

use serde::Serialize;

use crate::domain::{
    App, Decision, Dialect, EndpointName, Evidence, Facts, Fault, KeyName, Label, Mark, Pico, RequestId, RulesVersion,
    TierName, Usage, UsageSource, Verdict,
};

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The caller got a whole answer, or the provider's own error, whole.
    Complete,
    /// We refused it, or no candidate could answer.
    Refused,
    /// The caller hung up.
    ClientGone,
    /// The answer broke off after its first byte had gone to the caller.
    UpstreamCut,
    /// We stopped it: a time limit passed, or the process was told to end.
    Stopped,
}

impl Ending {
    /// Every way to end.
    pub const ALL: &'static [Ending] =
        &[Ending::Complete, Ending::Refused, Ending::ClientGone, Ending::UpstreamCut, Ending::Stopped];

    /// The word used in the ledger and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Ending::Complete => "complete",
            Ending::Refused => "refused",
            Ending::ClientGone => "client_gone",
            Ending::UpstreamCut => "upstream_cut",
            Ending::Stopped => "stopped",
        }
    }
}

/// One try at one endpoint.
#[derive(Clone, PartialEq, Debug)]
pub struct Attempt {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The tier it was tried as part of.
    pub tier: Option<TierName>,
    /// The model that the endpoint was asked for.
    pub model: Arc<str>,
    /// Microseconds from the request's arrival to the start of this attempt.
    pub started_us: u64,
    /// Microseconds that it took, to its end or to the end of the answer.
    pub duration_us: u64,
    /// The provider's status; `None` if there was no answer at all.
    pub status: Option<u16>,
    /// `ok`, or the word for what went wrong.
    pub outcome: &'static str,
    /// The provider's own request id, where it sent one.
    pub provider_request_id: Option<String>,
    /// What the verification of its answer found; `None`: it was not verified, or not to its end.
    pub verdict: Option<Verdict>,
    /// What it used and cost, if its answer went to nobody: that is in the entry's sums too.
    pub charge: Option<Charge>,
}

/// What an answer used and cost that was thrown away.
#[derive(Clone, PartialEq, Debug)]
pub struct Charge {
    /// Tokens.
    pub usage: Usage,
    /// Who counted them.
    pub source: UsageSource,
    /// The service tier that the provider named.
    pub service_tier: Option<String>,
    /// Which prices were used.
    pub price_version: Arc<str>,
    /// What it cost; `None`: unpriced.
    pub cost: Option<Pico>,
    /// What it cost by the provider's own word.
    pub provider_cost: Option<Pico>,
}

/// The `price_version` of an entry whose cost is the provider's own word, for want of a price.
pub const TOLD: &str = "told by the provider";

/// One request, as kept.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The request's id.
    pub id: RequestId,
    /// When it arrived, in milliseconds since 1970 UTC.
    pub at_millis: u64,
    /// The path that was asked for: one that we serve, or `other`.
    pub door: &'static str,
    /// The wire format that the client spoke; `None` if it was refused before that was known.
    pub dialect: Option<Dialect>,
    /// The key's name.
    pub key: Option<KeyName>,
    /// The person.
    pub engineer: Option<Label>,
    /// The person's team.
    pub team: Option<Label>,
    /// What the work is for.
    pub feature: Option<Label>,
    /// The branch that the work is done on.
    pub branch: Option<Label>,
    /// The pull request that the work is for.
    pub pull_request: Option<Label>,
    /// The tool that sent it.
    pub app: App,
    /// What the rules saw; `None` if it was refused before.
    pub facts: Option<Arc<Facts>>,
    /// Why the assessment says what it says.
    pub evidence: Vec<Evidence>,
    /// Where it was sent and why.
    pub decision: Option<Arc<Decision>>,
    /// Which rules decided.
    pub rules_version: RulesVersion,
    /// Every try at an endpoint.
    pub attempts: Vec<Attempt>,
    /// The endpoint whose answer the caller got.
    pub endpoint: Option<EndpointName>,
    /// The tier that it was tried as part of.
    pub tier: Option<TierName>,
    /// The model of that endpoint.
    pub model: Option<Arc<str>>,
    /// Tokens, those of answers that were thrown away included; `None` if nothing was used.
    pub usage: Option<Usage>,
    /// Who counted them.
    pub usage_source: Option<UsageSource>,
    /// The service tier that the provider named in the answer.
    pub service_tier: Option<String>,
    /// Which prices were used: the catalogue's version, or that of the rules for prices set there.
    pub price_version: Option<Arc<str>>,
    /// What it cost, answers that were thrown away included; `None`: unpriced, in part at least, or nothing was used.
    pub cost: Option<Pico>,
    /// What was reserved for it in the budgets it counts under; `None`: it counts under none.
    pub reserved: Option<Pico>,
    /// What it cost by the provider's own word, where the answer says so.
    pub provider_cost: Option<Pico>,
    /// What it would have cost on the baseline tier; `None` if that is not known.
    pub baseline: Option<Pico>,
    /// What its answer costs on the tier that would have been asked in its place, had it failed its verification; `None`:
    /// it was not verified, or that is not known.
    pub straight: Option<Pico>,
    /// The status that the caller got; 499 if it hung up before one was sent.
    pub status: u16,
    /// How it ended.
    pub ending: Ending,
    /// What went wrong, by the word of its kind.
    pub failure: Option<&'static str>,
    /// Whose fault that was.
    pub fault: Option<Fault>,
    /// Whether the answer was streamed.
    pub streamed: bool,
    /// Microseconds from arrival to the end.
    pub total_us: u64,
    /// Microseconds from arrival to the first byte of content; `None` if there was none.
    pub first_byte_us: Option<u64>,
    /// Microseconds of the total that we added before the upstream was asked: admission, reading, assessing, deciding.
    pub overhead_us: u64,
    /// Bytes of the request's body as it came.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// What the endpoint holds of this answer for later requests.
    pub held: Vec<Mark>,
    /// The earlier answer, made in the background, whose usage is told here.
    pub closes: Option<Mark>,
}

impl Entry {
    /// Whether the answer is still being made, so that its usage will be told by a later request.
    pub fn is_open(&self) -> bool {
        self.usage.is_none() && self.closes.is_none()
    }
}
