//! Where a request goes, and why.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ArmName, EndpointName, ExperimentName, Moving, Over, Pico, RuleName, Staying, TierName};

/// Why an endpoint is no candidate, whatever it would cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "gate", rename_all = "snake_case")]
pub enum Gate {
    /// The prompt and the output it must leave room for do not fit into the context window.
    ContextWindow {
        /// Tokens needed.
        needed: u64,
        /// Tokens there are.
        window: u64,
    },
    /// It takes no images.
    Images,
    /// It takes no sound.
    Audio,
    /// It takes no tools.
    Tools,
    /// It does not answer to a JSON schema.
    JsonSchema,
    /// It does not serve what is asked for.
    Door,
    /// The caller's key does not allow its tier.
    NotAllowed,
}

/// An endpoint that was left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GatedOut {
    /// Which.
    pub endpoint: EndpointName,
    /// Why.
    #[serde(flatten)]
    pub gate: Gate,
}

/// An endpoint to try.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// Which.
    pub endpoint: EndpointName,
    /// The tier it is tried as part of; `None` where a rule or the client names the endpoint itself.
    pub tier: Option<TierName>,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Try the candidates in their order.
    Forward,
    /// Refuse, with the rule's own words.
    Deny(Arc<str>),
    /// No endpoint can take it: every one was left out.
    NoneFits,
    /// Refuse: the agent goes in circles, and a larger model did not help.
    Stuck {
        /// How often its last call was made, with the same result.
        repeats: u32,
    },
}

/// A reason, in the order in which it counted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// The rule was the first whose `when` held.
    Rule {
        /// Which.
        rule: RuleName,
        /// The rule's `why`.
        why: Arc<str>,
    },
    /// The client named a tier or an endpoint instead of a name that the rules route.
    RequestedByName {
        /// The name.
        name: String,
    },
    /// The client wished for a tier in a header.
    RequestedTier {
        /// The tier.
        tier: TierName,
    },
    /// The rule's date passed, so its declared fallback counts.
    RuleExpired {
        /// Which.
        rule: RuleName,
    },
    /// A share of the traffic goes elsewhere, and this request fell into it.
    Split {
        /// Where.
        to: Arc<str>,
    },
    /// The rule compares several ways, and the request's session goes this one.
    Experiment {
        /// Which comparison.
        experiment: ExperimentName,
        /// Which way.
        arm: ArmName,
        /// Where that leads.
        to: Arc<str>,
    },
    /// The rule would compare several ways and does not at this moment, so its control counts.
    ExperimentOver {
        /// Which comparison.
        experiment: ExperimentName,
        /// Why not.
        why: Over,
        /// Where control leads.
        to: Arc<str>,
    },
    /// What the request goes on from is held by this endpoint: an earlier response, reasoning that only its model can read.
    HeldBy {
        /// Which.
        endpoint: EndpointName,
    },
    /// No rule is about what is asked for, so it goes to the endpoints that serve it.
    ServedBy,
    /// The tier cannot take the request, so the tier it escalates to does.
    Escalated {
        /// From.
        from: TierName,
        /// To.
        to: TierName,
    },
    /// The conversation stays with whom it was.
    Stays {
        /// With whom.
        endpoint: EndpointName,
        /// Why.
        #[serde(flatten)]
        why: Staying,
    },
    /// The conversation goes on elsewhere.
    Moves {
        /// Where it was.
        from: EndpointName,
        /// Why.
        #[serde(flatten)]
        why: Moving,
    },
}

/// Where a request goes, and why: a pure function of rules, facts and the moment's situation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// What is to be done.
    pub outcome: Outcome,
    /// The rule that matched; `None` where the client named a tier or an endpoint.
    pub rule: Option<RuleName>,
    /// The tier that was chosen; `None` where a single endpoint was.
    pub tier: Option<TierName>,
    /// The endpoints to try, in order: the tier's own, then those of the tier it escalates to.
    pub candidates: Vec<Candidate>,
    /// The endpoints left out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gated_out: Vec<GatedOut>,
    /// Every reason.
    pub reasons: Vec<Reason>,
    /// The dearest that one attempt can cost; `None` if a candidate is unpriced.
    pub ceiling: Option<Pico>,
    /// The dearest that two attempts can cost, the second by another tier in the place of an answer that was thrown away;
    /// `None` if there is no other tier, or a candidate is unpriced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalated_ceiling: Option<Pico>,
    /// Whether a human is to look at the answer before it is used.
    pub human_review: bool,
}

impl Decision {
    /// What became of a conversation that had been answered before, in a word; `None`: it is new.
    pub fn turn(&self) -> Option<&'static str> {
        if matches!(self.outcome, Outcome::Stuck { .. }) {
            return Some("stuck");
        }
        self.reasons.iter().find_map(|reason| match reason {
            Reason::Stays { .. } => Some("stayed"),
            Reason::Moves { why: Moving::Stuck { .. } | Moving::Larger { .. }, .. } => Some("escalated"),
            Reason::Moves { .. } => Some("moved"),
            _ => None,
        })
    }
}
