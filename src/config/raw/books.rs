//! What replicas share, where outcomes come from and where alerts go, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::located::Located;
use super::{DurationText, Named, RawSecret, choices};

/// An address: the text itself, or where it is found if it holds a password.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(untagged)]
pub enum RawUrl {
    /// The address, without a password.
    Text(String),
    /// Where the address is found.
    Secret(RawSecret),
}

/// What several replicas share: limits, budgets, revocations, who holds which conversation.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawShared {
    /// A Redis or Valkey server, such as `redis://host:6379/0` or `rediss://…` for TLS, or `{ env = "NAME" }` where it
    /// holds a password. Default: none, this process is the only one.
    pub url: Option<Located<RawUrl>>,
    /// What happens while the server is gone. Default `local`.
    pub stance: Option<Located<StanceWord>>,
    /// Whether each request asks the server, so that nothing is overshot. Default false: replicas take shares of a
    /// budget ahead.
    pub strict: Option<Located<bool>>,
    /// How every name on the server begins, for servers that are shared with others. Default `wb`.
    pub prefix: Option<Located<String>>,
    /// How long one question to the server may take. Default `50ms`.
    pub timeout: Option<Located<DurationText>>,
    /// How long a silent replica keeps its share of a budget. Default `30s`.
    pub lease: Option<Located<DurationText>>,
}

choices! {
    /// What happens while the shared server is gone.
    StanceWord {
        /// Requests under a limit or a budget are refused.
        Closed = "closed",
        /// Each replica goes on with the share it took last.
        Local = "local"
    }
}

/// Where it is told what shipped.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawOutcomes {
    /// Merged pull requests from GitHub, sent to `/api/v1/webhooks/github` on the admin port.
    pub github: Option<Located<RawGithub>>,
    /// Merged merge requests from GitLab, sent to `/api/v1/webhooks/gitlab` on the admin port.
    pub gitlab: Option<Located<RawGitlab>>,
    /// Which feature a branch belongs to; the first that matches counts.
    pub branches: Vec<Located<RawBranchOf>>,
    /// Who somebody is whom the code host calls otherwise: `"octocat" = "ana"`.
    pub engineers: Named<String>,
}

/// GitHub's webhook.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawGithub {
    /// The secret with which GitHub signs.
    pub secret: Option<Located<RawSecret>>,
}

/// GitLab's webhook.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawGitlab {
    /// The secret token that GitLab sends.
    pub token: Option<Located<RawSecret>>,
}

/// Which feature a branch belongs to.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawBranchOf {
    /// The branch; `*` at the beginning or the end stands for the rest.
    pub branch: Option<Located<String>>,
    /// The repository, such as `example/shop`, matched likewise. Default: any.
    pub repository: Option<Located<String>>,
    /// The feature.
    pub feature: Option<Located<String>>,
}

/// What callers say of answers (`POST /v1/feedback`).
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawFeedback {
    /// Whether the words in which a caller gives its reason are kept. They may hold anything, parts of prompts and
    /// answers included. Default false: they are dropped, and the rating alone is kept.
    pub keep_reasons: Option<bool>,
}

/// Who is told when something is wrong with the money.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawAlerts {
    /// Where alerts are posted, as JSON that Slack understands. Addresses of webhooks are secrets: `{ env = "NAME" }`.
    /// Default: nowhere, metrics and the log tell.
    pub webhook: Option<Located<RawUrl>>,
    /// How often it is looked. Default `60s`.
    pub every: Option<Located<DurationText>>,
    /// Alerts when a rule's escalations make it dearer than going straight to the tier that it escalates to: `false`, or a
    /// table. Default: on.
    pub escalations: Option<Located<RawEscalations>>,
    /// Alerts when what shipped becomes dearer.
    pub cost_per_outcome: Vec<Located<RawCostPerOutcome>>,
}

/// Whether and when it is told that a rule's escalations do not pay.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(untagged)]
pub enum RawEscalations {
    /// `false`: never.
    Word(bool),
    /// When.
    Table(RawEscalationAlert),
}

/// When it is told that a rule's escalations do not pay.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawEscalationAlert {
    /// The time that is looked at. Default `7d`.
    pub window: Option<DurationText>,
    /// Answers that must have been thrown away in it. Default 20.
    pub min_discarded: Option<u32>,
}

/// An alert when what shipped becomes dearer than it was.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawCostPerOutcome {
    /// Its name.
    pub name: Option<Located<String>>,
    /// The feature, or `"*"` for each. Default: all features together.
    pub feature: Option<Located<String>>,
    /// The time that is looked at. Default `7d`.
    pub window: Option<Located<DurationText>>,
    /// The time before it that it is compared with. Default `28d`.
    pub baseline: Option<Located<DurationText>>,
    /// How much worse it must be: 1.5 is half as dear again. Default 1.5.
    pub factor: Option<Located<f64>>,
    /// Outcomes that there must be both in the window and in the baseline. Default 3.
    pub min_outcomes: Option<Located<u32>>,
}
