//! What rules may ask of a request, as values. The ledger keeps them, so a change of rules can be tried on old traffic.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::text::{known_ones, known_or_usual};
use super::{
    App, CacheLife, Caller, Confidence, Content, ContentSet, Dialect, Difficulty, Door, KeyName, Kind, Label,
    OutputFormat, Risk, Session, TagSet, TokenCount,
};

/// Who spoke last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TurnKind {
    /// A human.
    #[default]
    Human,
    /// A tool: the agent is in its loop.
    Tool,
}

/// Whether the model has spoken before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conversation {
    /// The first request.
    #[default]
    New,
    /// The model has answered before.
    Ongoing,
}

/// The request headers that some rule asks for, by lower-case name; no others are kept.
pub type HeaderFacts = BTreeMap<Arc<str>, String>;

/// What rules may ask of a request.
///
/// The ledger keeps them as JSON, and rules are tried on what older and newer versions wrote: what is not there has its
/// usual value ([`Default`]), what is not known is passed over. Only the words on which a decision hangs (`risk`,
/// `dialect`, `door`) must be known. So a new fact is a field here and a line in `route::facts`, if its type has a usual
/// value; a list of words that may grow is read by `known_or_usual`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
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
    #[serde(deserialize_with = "known_or_usual")]
    pub kind: Kind,
    /// What the text carries.
    #[serde(deserialize_with = "known_ones::<_, Content, _>")]
    pub content: ContentSet,
    /// How likely it needs the large model.
    pub difficulty: Difficulty,
    /// How many tools are defined.
    pub tools: u32,
    /// How many images it has.
    pub images: u32,
    /// Whether it has sound.
    pub audio: bool,
    /// The form in which the answer is asked for.
    #[serde(deserialize_with = "known_or_usual")]
    pub output: OutputFormat,
    /// Whether the answer is asked for as a stream.
    pub stream: bool,
    /// Who spoke last.
    #[serde(deserialize_with = "known_or_usual")]
    pub turn: TurnKind,
    /// Whether the model has spoken before.
    #[serde(deserialize_with = "known_or_usual")]
    pub conversation: Conversation,
    /// Which session of its client it belongs to; `None`: none can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// Which conversation in that session: a client asks beside it for titles and summaries, and an agent has helpers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<Session>,
    /// How often the human has spoken.
    #[serde(skip_serializing_if = "is_zero")]
    pub human_turns: u32,
    /// How often the model has answered.
    #[serde(skip_serializing_if = "is_zero")]
    pub replies: u32,
    /// How often in a row the agent has called the same tool in the same way with the same result; 0: no tool spoke last.
    #[serde(skip_serializing_if = "is_zero")]
    pub repeats: u32,
    /// For how long the client asks its provider to keep the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_life: Option<CacheLife>,
    /// How much of a budget is used, settled and reserved together, in hundredths of a percent: of the budget the request
    /// counts under that is used most. `None`: it counts under none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_used: Option<u32>,
    /// The request headers that some rule asks for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: HeaderFacts,
}

/// A plain conversation of which nothing is known.
impl Default for Facts {
    fn default() -> Self {
        Self {
            at_millis: 0,
            dialect: Dialect::OpenaiChat,
            door: Door::Chat,
            requested_model: String::new(),
            requested_tier: None,
            key: None,
            engineer: None,
            team: None,
            feature: None,
            app: App::OTHER,
            tokens: TokenCount::default(),
            max_output: None,
            answers: 1,
            dear_tier: false,
            tags: TagSet::EMPTY,
            risk: Risk::Low,
            confidence: Confidence::default(),
            kind: Kind::Other,
            content: ContentSet::EMPTY,
            difficulty: Difficulty::UNKNOWN,
            tools: 0,
            images: 0,
            audio: false,
            output: OutputFormat::Text,
            stream: false,
            turn: TurnKind::Human,
            conversation: Conversation::New,
            session: None,
            thread: None,
            human_turns: 0,
            replies: 0,
            repeats: 0,
            cache_life: None,
            budget_used: None,
            headers: HeaderFacts::new(),
        }
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Facts {
    /// Who asked, as far as the facts say.
    pub fn caller(&self) -> Caller {
        Caller {
            key: self.key.clone(),
            engineer: self.engineer.clone(),
            team: self.team.clone(),
            feature: self.feature.clone(),
            ..Caller::unknown(self.app)
        }
    }

    /// Copies who asks into the facts.
    pub fn set_caller(&mut self, caller: &Caller) {
        self.key.clone_from(&caller.key);
        self.engineer.clone_from(&caller.engineer);
        self.team.clone_from(&caller.team);
        self.feature.clone_from(&caller.feature);
        self.app = caller.app;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AnyTag, Tag};

    /// What this version writes. Never change one of these: the ledgers of those who run it are full of it. When a fact is
    /// added, add what is written now below.
    const RECORDED: &[&str] = &[
        r#"{"at_millis":1795305600000,"dialect":"anthropic-messages","door":"messages","requested_model":"auto",
            "requested_tier":"large","key":"payments-ci","engineer":"ana","team":"payments","feature":"invoices",
            "app":"claude-code","tokens":{"low":1900,"expected":2000,"high":2100},"max_output":1024,"answers":1,
            "dear_tier":true,"tags":["data-integrity","money"],"risk":"medium","kind":"refactor","content":["has_pii"],
            "tools":2,"images":1,"audio":false,"output":"json_schema","stream":true,"turn":"tool",
            "conversation":"ongoing","budget_used":1250,"headers":{"x-team":"search \u00fc"}}"#,
        r#"{"at_millis":1795305600000,"dialect":"anthropic-messages","door":"messages","requested_model":"auto",
            "key":null,"engineer":null,"team":null,"feature":null,"app":"claude-code",
            "tokens":{"low":1900,"expected":2000,"high":2100},"max_output":null,"answers":1,"tags":["pricing"],"risk":"low",
            "confidence":0.8,"difficulty":{"score":0.42,"known":true},"kind":"other","content":[],"tools":2,"images":0,"audio":false,"output":"text","stream":true,"turn":"tool",
            "conversation":"ongoing","session":"0123456789abcdef","thread":"00000000000000ff","human_turns":2,
            "replies":7,"repeats":1,"cache_life":"1h"}"#,
    ];

    fn read(text: &str) -> Facts {
        serde_json::from_str(text).expect("facts")
    }

    #[test]
    fn what_was_recorded_is_read_again() {
        for text in RECORDED {
            let facts = read(text);
            insta::assert_debug_snapshot!(facts);
            let written: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).expect("JSON");
            let again = serde_json::to_value(&facts).expect("written");
            // Facts that came later have their usual value; nothing of what was there is lost on the way.
            written.iter().for_each(|(name, value)| assert_eq!(again.get(name), Some(value), "{name}"));
        }
    }

    #[test]
    fn what_older_versions_did_not_write_has_its_usual_value() {
        let old = read(r#"{"at_millis":7,"dialect":"openai-chat","requested_model":"auto","risk":"high"}"#);
        let expected = Facts { at_millis: 7, requested_model: "auto".to_owned(), risk: Risk::High, ..Facts::default() };
        assert_eq!(old, expected);
        assert_eq!((old.answers, old.door), (1, Door::Chat));
    }

    #[test]
    fn what_other_versions_write_beside_it_is_passed_over() {
        let newer = read(
            r#"{"mood":{"deep":[1,2]},"tags":["money","vibes"],"kind":"prophecy","content":["song"],"output":"opera",
                "turn":"ghost","conversation":"endless","app":"a-tool-of-tomorrow"}"#,
        );
        // A tag that is not built in is a company's own, though its configuration may no longer name it.
        let vibes = AnyTag::parse("vibes").expect("a name");
        assert_eq!(newer, Facts { tags: [Tag::Money.into(), vibes].into_iter().collect(), ..Facts::default() });
    }

    #[test]
    fn facts_on_which_a_decision_hangs_must_be_known() {
        for text in [r#"{"risk":"none"}"#, r#"{"dialect":"morse"}"#, r#"{"door":"back"}"#, r#"{"tags":7}"#, "[]7", ""] {
            assert!(serde_json::from_str::<Facts>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn facts_in_a_value_are_read_like_those_in_text() {
        let value: serde_json::Value = serde_json::from_str(RECORDED[0]).expect("JSON");
        assert_eq!(serde_json::from_value::<Facts>(value).expect("facts"), read(RECORDED[0]));
    }
}
