//! What answers must be, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{DurationText, SizeText, choices};
use crate::config::located::Located;

choices! {
    /// A check that an answer must pass.
    CheckWord {
        /// JSON was asked for, and the answer is JSON.
        Json = "json",
        /// The answer fits the schema that was asked for.
        Schema = "schema",
        /// Calls are of tools that the request defines, with arguments that they take.
        Tools = "tools",
        /// No call broke off because the answer was too long.
        Truncated = "truncated",
        /// There is an answer.
        Empty = "empty",
        /// The model did not refuse.
        Refusal = "refusal"
    }
}

choices! {
    /// Whether answers are verified.
    VerifyWord {
        /// They are not.
        Off = "off"
    }
}

/// What answers of a tier that escalates must be, unless a rule says otherwise.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawVerify {
    /// The checks. Default: all; `[]`: none.
    pub checks: Option<Located<Vec<CheckWord>>>,
    /// How much of a stream is held back until it is known to pass.
    pub hold: RawBounds,
}

/// How much of a stream is held back.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawBounds {
    /// The most bytes: of an answer that is to be JSON, of a call's arguments. What is longer flows. Default `256KiB`.
    pub bytes: Option<Located<SizeText>>,
    /// How long a model's thoughts are held back while it has not said a word. Default `10s`.
    pub thoughts: Option<Located<DurationText>>,
}

/// What the answers of one rule must be.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(untagged)]
pub enum RawRuleVerify {
    /// Nothing.
    Off(VerifyWord),
    /// What passes these checks.
    Checks(Vec<CheckWord>),
    /// What passes checks and patterns.
    Table(RawVerifyTable),
}

/// Checks and patterns.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawVerifyTable {
    /// The checks. Default: those of `[verify]`.
    pub checks: Option<Vec<CheckWord>>,
    /// Patterns that the answer's text must match, each of them.
    pub must_match: Vec<Located<String>>,
    /// Patterns that it must not match.
    pub must_not_match: Vec<Located<String>>,
}
