//! Is this an answer at all? Hard gates on what a cheap model said: values in, a verdict out.
//!
//! A verification is a gate and no score. What it finds is certain (no JSON where JSON was asked for, a tool that there
//! is not) or very nearly so (a short answer that begins in the words of a refusal), and what it cannot judge passes. A
//! whole answer is judged by [`judge`], a streamed one piece by piece by a [`Guard`].

mod guard;
mod refusal;
mod schema;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use crate::domain::{Called, Check, Demand, Finish, OutputFormat, RuleName, Said};

pub use guard::{Guard, Step};
pub use schema::{Fit, fits};

/// An answer larger than this is not held against a schema or a pattern: no cheap model writes that much to be parsed.
const MOST_BYTES: usize = 1 << 20;

/// Who allows no more tokens than this wants to know whether there is a model, not what it says.
const PROBE_TOKENS: u64 = 64;

/// What is held back of a stream, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The most bytes; what is longer flows on unverified.
    pub bytes: usize,
    /// How long a model's thoughts are held back while it has not said a word.
    pub thoughts: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: 256 << 10, thoughts: Duration::from_secs(10) }
    }
}

/// What an answer is held against.
#[derive(Clone, Debug)]
pub struct Checks {
    /// Which checks.
    pub on: Vec<Check>,
    /// Patterns that its text must match, each of them.
    pub must_match: Arc<[Regex]>,
    /// Patterns that its text must not match.
    pub must_not_match: Arc<[Regex]>,
    /// What of a stream is held back for them.
    pub bounds: Bounds,
}

impl Default for Checks {
    /// All but patterns of one's own, of which there are none.
    fn default() -> Self {
        Self {
            on: Check::ALL.into_iter().filter(|check| *check != Check::Pattern).collect(),
            must_match: Arc::new([]),
            must_not_match: Arc::new([]),
            bounds: Bounds::default(),
        }
    }
}

/// What answers are held against, by the rule that decided.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where no rule says otherwise.
    pub default: Checks,
    /// The rules that do.
    pub rules: HashMap<RuleName, Checks>,
}

impl Settings {
    /// The checks for a decision of this rule, or of none; `None`: there are none.
    pub fn of(&self, rule: Option<&RuleName>) -> Option<&Checks> {
        let own = rule.and_then(|rule| self.rules.get(rule));
        Some(own.unwrap_or(&self.default)).filter(|checks| !checks.is_off())
    }
}

impl Checks {
    /// Whether there is nothing to check.
    pub fn is_off(&self) -> bool {
        self.on.is_empty()
    }

    fn has(&self, check: Check) -> bool {
        self.on.contains(&check)
    }

    /// Whether a stream has to be there whole before any of it can be judged: nobody acts on half a JSON, and a pattern
    /// is about all of a text.
    fn want_all(&self, demand: &Demand) -> bool {
        let wants_json = self.has(Check::Json) || self.has(Check::Schema);
        (demand.output != OutputFormat::Text && wants_json) || self.has(Check::Pattern)
    }
}

/// The first check that a whole answer fails.
pub fn judge(checks: &Checks, demand: &Demand, said: &Said) -> Option<Check> {
    // A long turn that is to go on, or one that is made in the background, is no answer yet.
    if matches!(said.finish, Finish::Paused | Finish::Open) {
        return None;
    }
    [refused, empty, truncated, tools, json, pattern]
        .into_iter()
        .find_map(|check| check(checks, demand, said))
        .filter(|check| checks.has(*check))
}

fn refused(checks: &Checks, _: &Demand, said: &Said) -> Option<Check> {
    if !checks.has(Check::Refusal) || !said.calls.is_empty() {
        return None;
    }
    let told = said.finish == Finish::Refused || !said.refusal.trim().is_empty();
    (told || refusal::is_refusal(&said.text)).then_some(Check::Refusal)
}

fn empty(checks: &Checks, demand: &Demand, said: &Said) -> Option<Check> {
    let is_there = !said.text.trim().is_empty() || !said.refusal.is_empty() || !said.calls.is_empty() || said.has_more;
    let is_lawful = match said.finish {
        // After a tool's result a model may have nothing to add.
        Finish::Done => demand.follows_tool,
        Finish::Length => demand.max_output.is_some_and(|most| most <= PROBE_TOKENS),
        Finish::Sequence | Finish::Refused | Finish::Paused | Finish::Open => true,
    };
    (checks.has(Check::Empty) && !is_there && !is_lawful).then_some(Check::Empty)
}

fn truncated(checks: &Checks, _: &Demand, said: &Said) -> Option<Check> {
    let is_cut = said.finish == Finish::Length && said.ends_in_call;
    (checks.has(Check::Truncated) && is_cut).then_some(Check::Truncated)
}

fn tools(checks: &Checks, demand: &Demand, said: &Said) -> Option<Check> {
    if !checks.has(Check::Tools) {
        return None;
    }
    let cut = (said.finish == Finish::Length && said.ends_in_call).then(|| said.calls.len() - 1);
    let calls = said.calls.iter().enumerate().filter(|(place, _)| Some(*place) != cut);
    calls.into_iter().any(|(_, call)| !is_callable(demand, call)).then_some(Check::Tools)
}

/// Whether there is a tool that takes this call.
fn is_callable(demand: &Demand, call: &Called) -> bool {
    let tools = demand.tools();
    let Some(tool) = tools.named.iter().find(|tool| tool.name == call.name) else {
        return tools.is_open;
    };
    if tool.is_freeform {
        return true;
    }
    // Some models write nothing for a tool without arguments.
    let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    let Ok(arguments) = serde_json::from_str(arguments) else { return is_too_deep(arguments) };
    tool.parameters.as_ref().is_none_or(|schema| fits(schema, &arguments) != Fit::No)
}

fn json(checks: &Checks, demand: &Demand, said: &Said) -> Option<Check> {
    // A call takes the place of the answer, and so does a refusal.
    let is_about = demand.output != OutputFormat::Text && said.calls.is_empty() && said.refusal.is_empty();
    if !is_about || said.finish == Finish::Refused || said.text.len() > MOST_BYTES {
        return None;
    }
    let text = said.text.trim();
    let is_object = text.starts_with('{') || demand.output == OutputFormat::JsonSchema;
    let Ok(value) = serde_json::from_str(text) else {
        return (checks.has(Check::Json) && !is_too_deep(text)).then_some(Check::Json);
    };
    if !is_object {
        return checks.has(Check::Json).then_some(Check::Json);
    }
    if demand.output != OutputFormat::JsonSchema || !checks.has(Check::Schema) {
        return None;
    }
    (fits(&demand.schema()?, &value) == Fit::No).then_some(Check::Schema)
}

/// Whether a text is JSON that nests deeper than what can be judged.
fn is_too_deep(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn pattern(checks: &Checks, _: &Demand, said: &Said) -> Option<Check> {
    if !checks.has(Check::Pattern) || said.text.len() > MOST_BYTES || said.text.is_empty() {
        return None;
    }
    let misses = checks.must_match.iter().any(|pattern| !pattern.is_match(&said.text));
    let hits = checks.must_not_match.iter().any(|pattern| pattern.is_match(&said.text));
    (misses || hits).then_some(Check::Pattern)
}

#[cfg(test)]
mod tests;
