//! What rules may ask of a request, as values. The ledger keeps them, so a change of rules can be tried on old traffic.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::{
    App, Caller, Confidence, ContentSet, Dialect, Door, KeyName, Kind, Label, OutputFormat, Risk, TagSet, TokenCount,
};

/// Who spoke last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TurnKind {
    /// A human.
    Human,
    /// A tool: the agent is in its loop.
    Tool,
}

/// Whether the model has spoken before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Conversation {
    /// The first request.
    New,
    /// The model has answered before.
    Ongoing,
}

/// The request headers that some rule asks for, by lower-case name; no others are kept.
pub type HeaderFacts = BTreeMap<Arc<str>, String>;

/// What rules may ask of a request.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Facts {
    /// When it arrived, in milliseconds since 1970 UTC.
    pub at_millis: u64,
    /// The wire format that the client speaks.
    pub dialect: Dialect,
    /// What is asked for.
    pub door: Door,
    /// The model that the client named.
    pub requested_model: String,
    /// The tier that the client wished for in `x-weighbridge-tier`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_tier: Option<String>,
    /// The key's name.
    pub key: Option<KeyName>,
    /// The person.
    pub engineer: Option<Label>,
    /// The person's team.
    pub team: Option<Label>,
    /// What the work is for.
    pub feature: Option<Label>,
    /// The tool that sent it.
    pub app: App,
    /// Prompt tokens.
    pub tokens: TokenCount,
    /// The most output tokens that the client allows, all answers together; `None`: the model's own limit.
    pub max_output: Option<u64>,
    /// How many answers are asked for, at least 1.
    pub answers: u32,
    /// Whether a service tier is named that may be dearer than the usual one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dear_tier: bool,
    /// The risks it touches.
    pub tags: TagSet,
    /// How much damage a wrong answer does.
    pub risk: Risk,
    /// How surely the level is right.
    pub confidence: Confidence,
    /// The sort of work.
    pub kind: Kind,
    /// What the text carries.
    pub content: ContentSet,
    /// How many tools are defined.
    pub tools: u32,
    /// How many images it has.
    pub images: u32,
    /// Whether it has sound.
    pub audio: bool,
    /// The form in which the answer is asked for.
    pub output: OutputFormat,
    /// Whether the answer is asked for as a stream.
    pub stream: bool,
    /// Who spoke last.
    pub turn: TurnKind,
    /// Whether the model has spoken before.
    pub conversation: Conversation,
    /// How much of a budget is used, settled and reserved together, in hundredths of a percent: of the budget the request
    /// counts under that is used most. `None`: it counts under none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_used: Option<u32>,
    /// The request headers that some rule asks for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: HeaderFacts,
}

impl Facts {
    /// Copies who asks into the facts.
    pub fn set_caller(&mut self, caller: &Caller) {
        self.key.clone_from(&caller.key);
        self.engineer.clone_from(&caller.engineer);
        self.team.clone_from(&caller.team);
        self.feature.clone_from(&caller.feature);
        self.app = caller.app;
    }
}
