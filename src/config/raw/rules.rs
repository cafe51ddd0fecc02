//! Rules and tests as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::value::Datetime;

use super::RawRuleVerify;
use super::assess::TagText;
use super::words::{
    AmountText, ClockText, ConversationWord, DayWord, DialectWord, DifficultyText, DoorWord, MetricWord, OutputWord,
    ReviewWord, RiskText, TurnWord,
};
use crate::config::located::Located;
use crate::domain::{Content, Kind, Risk};

/// When these facts hold, route there.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawRule {
    /// Its name, told in a response header, in metrics and in the ledger.
    pub name: Option<Located<String>>,
    /// What must hold, all of it. The last rule has none.
    pub when: Option<Located<RawWhen>>,
    /// The tier or the endpoint that requests go to.
    pub route: Option<Located<String>>,
    /// Shares of the requests by tier or endpoint, such as `{ cheap = 90, large = 10 }`.
    pub split: Option<Located<BTreeMap<Located<String>, u32>>>,
    /// Send sessions different ways for some time, and report which was best.
    pub experiment: Option<Located<RawExperiment>>,
    /// Refuse the request, with this message.
    pub deny: Option<Located<String>>,
    /// `human`: a human is to look at the answer before it is used; told in a header and in the ledger.
    pub review: Option<ReviewWord>,
    /// What the answer must be where it comes from a tier that escalates: `"off"`, a list of checks, or a table with
    /// patterns of its own. Default: as `[verify]` says.
    pub verify: Option<Located<RawRuleVerify>>,
    /// The reason for the rule; shown wherever a decision is explained.
    pub why: Option<Located<String>>,
    /// Who answers for it.
    pub owner: Option<Located<String>>,
    /// When it should be looked at again; `check` warns from then on.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub review_by: Option<Located<Datetime>>,
    /// From this date on its `fallback` counts.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub expires: Option<Located<Datetime>>,
    /// What counts once it has expired: a tier, or `skip` to act as if the rule were not there.
    pub fallback: Option<Located<String>>,
}

/// Several ways that are compared for some time.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawExperiment {
    /// Its name, told in metrics, in the ledger and in `weighbridge report --experiment`.
    pub name: Option<Located<String>>,
    /// The ways: a tier or an endpoint by the name of each arm, such as `{ control = "large", small = "cheap" }`. A
    /// session keeps its arm.
    pub arms: BTreeMap<Located<String>, Located<String>>,
    /// Shares of the arms. Default: 1 each.
    pub weights: BTreeMap<Located<String>, Located<u32>>,
    /// The arm that the others are compared with, and that counts before and afterwards.
    pub control: Option<Located<String>>,
    /// From this date on arms are drawn.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub from: Option<Located<Datetime>>,
    /// From this date on they are not any more: control counts.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub until: Option<Located<Datetime>>,
    /// USD that the other arms may cost beyond what control would have for the same usage; then control counts. Default:
    /// no limit.
    pub max_extra_usd: Option<Located<f64>>,
    /// What ends it if an arm does worse than control. Default: nothing.
    pub guard: Option<Located<RawGuard>>,
}

/// What ends an experiment if an arm does worse than its control.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawGuard {
    /// What is compared.
    pub metric: Option<Located<MetricWord>>,
    /// By how much an arm must do worse, such as `"10%"`: points of a share (bad feedback of 22% against 12%), or a part of
    /// the cost; and worse by more than chance explains.
    pub worse_by: Option<Located<Share>>,
    /// Requests, of `bad_feedback` rated ones, that an arm must have had. Default 100.
    pub min_requests: Option<Located<u32>>,
}

/// What must hold, all of it.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawWhen {
    /// Risk tags: one, a list of which one must be there, or `any`, `all` and `none`.
    pub tags: Option<Located<RawWords<TagText>>>,
    /// Risk level: `"low"`, `">= medium"`, or a list.
    pub risk: Option<Located<RiskTest>>,
    /// How surely the risk level is right: `"< 60%"`. What cannot be judged (no text, an unknown language) is 50 % at most.
    pub confidence: Option<Located<Share>>,
    /// Prompt tokens: `"< 8000"`, `">= 1000, < 8000"`, or a number.
    pub tokens: Option<Located<Amount>>,
    /// Prompt tokens and the output asked for, compared likewise.
    pub context: Option<Located<Amount>>,
    /// The kind of work: one or a list.
    pub kind: Option<Located<OneOrMany<Kind>>>,
    /// Content flags: one, a list of which one must be there, or `any`, `all` and `none`.
    pub content: Option<Located<RawWords<Content>>>,
    /// How likely the large model is needed: `"< 0.4"`, or `"unknown"` for prompts unlike all that the model has seen.
    /// What is unknown meets `>= 0.4` and never `< 0.4`.
    pub difficulty: Option<Located<DifficultyText>>,
    /// Tools: `true` if any are defined, `false` if none, or how many.
    pub tools: Option<Located<Amount>>,
    /// Images: `true` if there are any, `false` if none, or how many.
    pub images: Option<Located<Amount>>,
    /// The form in which the answer is asked for: one or a list.
    pub output: Option<Located<OneOrMany<OutputWord>>>,
    /// Whether the answer is to fit a JSON schema.
    pub json_schema: Option<Located<bool>>,
    /// Whether the answer is asked for as a stream.
    pub stream: Option<Located<bool>>,
    /// Who spoke last.
    pub turn: Option<Located<TurnWord>>,
    /// Whether the model has spoken before.
    pub conversation: Option<Located<ConversationWord>>,
    /// The model that the client named: a name or a list; `gpt-*` means all that begin so.
    pub requested_model: Option<Located<OneOrMany<String>>>,
    /// The wire format that the client speaks: one or a list.
    pub dialect: Option<Located<OneOrMany<DialectWord>>>,
    /// What is asked for: one or a list. Rules without it are about conversations (`chat`); a `deny` is about all.
    pub door: Option<Located<OneOrMany<DoorWord>>>,
    /// The person: a name or a list, `*` at the beginning or the end stands for the rest.
    pub engineer: Option<Located<OneOrMany<String>>>,
    /// The person's team, compared likewise.
    pub team: Option<Located<OneOrMany<String>>>,
    /// What the work is for, compared likewise.
    pub feature: Option<Located<OneOrMany<String>>>,
    /// The tool that sent the request (`claude-code`, `openai-python` …), compared likewise.
    pub app: Option<Located<OneOrMany<String>>>,
    /// The name of the caller's key, compared likewise.
    pub key: Option<Located<OneOrMany<String>>>,
    /// How much of a budget is used, settled and reserved: `">= 80%"`. Of the budgets a request counts under, the one that
    /// is used most.
    pub budget_used: Option<Located<Share>>,
    /// Request headers by name: `true` if it is there, `false` if not, or what it must be.
    pub header: BTreeMap<Located<String>, Located<HeaderTest>>,
    /// Hours of the day and days of the week.
    pub time: Option<Located<RawTime>>,
    /// One of these must hold.
    pub any: Option<Located<Vec<RawWhen>>>,
    /// Each of these must hold.
    pub all: Option<Located<Vec<RawWhen>>>,
    /// This must not hold.
    pub not: Option<Located<Box<RawWhen>>>,
}

/// Percentages with commas between them, such as `>= 80%, < 100%`.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(transparent)]
#[schemars(extend("pattern" = "^ *(>=|<=|>|<)? *[0-9]+(\\.[0-9]{1,2})?%( *, *(>=|<=|>|<)? *[0-9]+(\\.[0-9]{1,2})?%)* *$"))]
pub struct Share(pub String);

/// One word or several.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(untagged)]
#[schemars(rename = "OneOrMany_{T}")]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// One of these.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// All of them.
    pub fn as_slice(&self) -> &[T] {
        match self {
            OneOrMany::One(one) => std::slice::from_ref(one),
            OneOrMany::Many(many) => many,
        }
    }
}

/// Words that must or must not be there.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(untagged)]
#[schemars(rename = "RawWords_{T}")]
pub enum RawWords<T> {
    /// This word.
    One(T),
    /// At least one of these.
    Any(Vec<T>),
    /// Quantities.
    Sets(RawSets<T>),
}

impl<T> RawWords<T> {
    /// The words that `meant` makes of them; those of which it makes nothing are left out.
    pub fn map<U: Clone>(&self, mut meant: impl FnMut(&T) -> Option<U>) -> RawWords<U> {
        let mut each = |words: &[T]| words.iter().filter_map(&mut meant).collect::<Vec<U>>();
        match self {
            RawWords::One(word) => RawWords::Any(each(std::slice::from_ref(word))),
            RawWords::Any(words) => RawWords::Any(each(words)),
            RawWords::Sets(sets) => RawWords::Sets(RawSets {
                any: sets.any.as_deref().map(&mut each),
                all: sets.all.as_deref().map(&mut each),
                none: sets.none.as_deref().map(&mut each),
            }),
        }
    }
}

/// Words that must or must not be there.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RawSets_{T}")]
pub struct RawSets<T> {
    /// At least one of these.
    pub any: Option<Vec<T>>,
    /// Each of these.
    pub all: Option<Vec<T>>,
    /// None of these.
    pub none: Option<Vec<T>>,
}

/// A risk level, a comparison with one, or a list of levels.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(untagged)]
pub enum RiskTest {
    /// A comparison.
    Compared(RiskText),
    /// One of these.
    Levels(Vec<Risk>),
}

/// How many: a comparison, a number, or whether there are any.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(untagged)]
pub enum Amount {
    /// Whether there are any.
    Any(bool),
    /// Exactly so many.
    Exactly(u64),
    /// Comparisons, all of which must hold.
    Compared(AmountText),
}

/// What a header must be.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(untagged)]
pub enum HeaderTest {
    /// Whether it is there.
    Present(bool),
    /// What it is.
    Is(OneOrMany<String>),
}

/// Hours of the day and days of the week.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawTime {
    /// The days. Default: every day.
    pub days: Option<Vec<DayWord>>,
    /// The first minute, such as `09:00`. Default `00:00`.
    pub from: Option<Located<ClockText>>,
    /// The minute at which it is over, such as `18:00`; if it is not after `from`, on the next day. Default `24:00`.
    pub to: Option<Located<ClockText>>,
    /// The time zone, such as `Europe/Berlin`. Default `UTC`.
    pub zone: Option<Located<String>>,
}

/// A request, and what the rules must do with it.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawTest {
    /// What the human asks.
    pub prompt: Option<Located<String>>,
    /// The conversation instead, as the API takes it.
    pub messages: Option<Located<Vec<RawObject>>>,
    /// Further fields of the request, such as `{ stream = true, max_tokens = 100 }`.
    pub body: RawObject,
    /// When it is asked. Default: now.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub at: Option<Located<Datetime>>,
    /// How much of a budget is taken as used, such as `85%`. Default: there is no budget.
    pub budget_used: Option<Located<Share>>,
    /// Who asks.
    #[serde(rename = "as")]
    pub caller: RawCaller,
    /// What must come of it.
    pub expect: Option<Located<RawExpectation>>,
}

/// An object of a request's body, passed on as it stands.
pub type RawObject = serde_json::Map<String, serde_json::Value>;

/// Who asks in a test.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawCaller {
    /// The name of a key; what it fixes holds for the test.
    pub key: Option<Located<String>>,
    /// The person.
    pub engineer: Option<Located<String>>,
    /// The team.
    pub team: Option<Located<String>>,
    /// What the work is for.
    pub feature: Option<Located<String>>,
    /// The tool's `user-agent`.
    pub user_agent: Option<String>,
    /// The tier wished for.
    pub tier: Option<String>,
    /// Request headers.
    pub headers: BTreeMap<String, String>,
}

/// What must come of a test's request. What is left out may be anything.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawExpectation {
    /// The rule that decides.
    pub rule: Option<Located<String>>,
    /// The tier that is chosen.
    pub tier: Option<Located<String>>,
    /// The endpoint that is tried first.
    pub endpoint: Option<Located<String>>,
    /// Risk tags that must be found; others may be too.
    pub tags: Option<Vec<TagText>>,
    /// The risk level.
    pub risk: Option<Risk>,
    /// The kind of work.
    pub kind: Option<Kind>,
    /// Content flags that must be found; others may be too.
    pub content: Option<Vec<Content>>,
    /// Whether a rule refuses it.
    pub denied: Option<bool>,
    /// Whether a human is to look at the answer.
    pub human_review: Option<bool>,
}
