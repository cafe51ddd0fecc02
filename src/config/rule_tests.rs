//! The tests that a file brings along: requests, and what the rules must do with them. `weighbridge test` runs them, and
//! every reload does before the new rules count.

use std::fmt;

use serde::Serialize;

use super::trial::{Assess, Trial};
use super::{Config, Problem, Severity};
use crate::domain::{AnyTag, Assessment, Content, Decision, Failure, Kind, Outcome, Risk};
use crate::route::decide;

/// A request, and what the rules must do with it.
#[derive(Clone, Debug)]
pub struct RuleTest {
    /// Where it begins in the file: line and column, from 1.
    pub place: (u32, u32),
    /// The beginning of its prompt.
    pub title: String,
    /// The request.
    pub trial: Trial,
    /// When it is asked; `None`: at the moment of the run.
    pub at_millis: Option<u64>,
    /// What must come of it.
    pub expect: Expectation,
}

/// What must come of a request. `None` and empty lists expect nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expectation {
    /// The rule that decides.
    pub rule: Option<String>,
    /// The tier that is chosen.
    pub tier: Option<String>,
    /// The endpoint that is tried first.
    pub endpoint: Option<String>,
    /// Risk tags that must be found.
    pub tags: Vec<AnyTag>,
    /// The risk level.
    pub risk: Option<Risk>,
    /// The kind of work.
    pub kind: Option<Kind>,
    /// Content flags that must be found.
    pub content: Vec<Content>,
    /// Whether a rule refuses it.
    pub denied: Option<bool>,
    /// Whether a human is to look at the answer.
    pub human_review: Option<bool>,
}

/// How a test went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TestResult {
    /// The line of the file where it begins.
    pub line: u32,
    /// The beginning of its prompt.
    pub title: String,
    /// Whether everything came as expected.
    pub passed: bool,
    /// What did not.
    pub mismatches: Vec<Mismatch>,
    #[serde(skip)]
    column: u32,
}

/// Something that came otherwise than expected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Mismatch {
    /// What: the key of `expect`.
    pub what: &'static str,
    /// What the test expects.
    pub expected: String,
    /// What came.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} `{}`, found `{}`", self.what, self.expected, self.found)
    }
}

/// Runs every test of the file, in its order.
pub fn run(config: &Config, assess: &Assess<'_>, now_millis: u64) -> Vec<TestResult> {
    config.tests.iter().map(|test| outcome(config, test, assess, now_millis)).collect()
}

fn outcome(config: &Config, test: &RuleTest, assess: &Assess<'_>, now_millis: u64) -> TestResult {
    let at_millis = test.at_millis.unwrap_or(now_millis);
    let (facts, assessment) = test.trial.facts(&config.rules, assess, at_millis);
    let decision = decide(&config.rules, &facts, &test.trial.situation());
    let mut mismatches = test.expect.of_assessment(&assessment);
    mismatches.extend(test.expect.of_decision(decision.as_ref()));
    let (line, column) = test.place;
    TestResult { line, title: test.title.clone(), passed: mismatches.is_empty(), mismatches, column }
}

impl Expectation {
    fn of_assessment(&self, found: &Assessment) -> Vec<Mismatch> {
        let mut compared = Compared::default();
        compared.value("risk", self.risk.map(Risk::as_str), || found.risk.to_string());
        compared.value("kind", self.kind.map(Kind::as_str), || found.kind.to_string());
        for tag in self.tags.iter().filter(|tag| !found.tags.has(tag)) {
            compared.add("tag", tag.as_str(), found.tags.to_string());
        }
        for flag in self.content.iter().filter(|flag| !found.content.contains(**flag)) {
            compared.add("content", flag.as_str(), found.content.to_string());
        }
        compared.0
    }

    fn of_decision(&self, found: Result<&Decision, &Failure>) -> Vec<Mismatch> {
        let mut compared = Compared::default();
        let text = |part: fn(&Decision) -> Option<String>| match found {
            Ok(decision) => part(decision).unwrap_or_else(|| "none".to_owned()),
            Err(failure) => failure.to_string(),
        };
        let denied = |decision: &Decision| matches!(decision.outcome, Outcome::Deny(_));
        let yes_no = |wanted: bool| if wanted { "true" } else { "false" };
        compared
            .value("rule", self.rule.as_deref(), || text(|decision| decision.rule.as_ref().map(ToString::to_string)));
        compared
            .value("tier", self.tier.as_deref(), || text(|decision| decision.tier.as_ref().map(ToString::to_string)));
        compared.value("endpoint", self.endpoint.as_deref(), || {
            text(|decision| decision.candidates.first().map(|first| first.endpoint.to_string()))
        });
        let is_denied = || found.is_ok_and(denied).to_string();
        compared.value("denied", self.denied.map(yes_no), is_denied);
        let is_reviewed = || found.is_ok_and(|decision| decision.human_review).to_string();
        compared.value("human_review", self.human_review.map(yes_no), is_reviewed);
        compared.0
    }
}

#[derive(Default)]
struct Compared(Vec<Mismatch>);

impl Compared {
    fn value(&mut self, what: &'static str, expected: Option<&str>, found: impl FnOnce() -> String) {
        let Some(expected) = expected else { return };
        let found = found();
        if found != expected {
            self.add(what, expected, found);
        }
    }

    fn add(&mut self, what: &'static str, expected: &str, found: String) {
        let found = if found.is_empty() { "none".to_owned() } else { found };
        self.0.push(Mismatch { what, expected: expected.to_owned(), found });
    }
}

/// The failed tests as problems of the file.
pub(super) fn problems(file: &str, results: &[TestResult]) -> Vec<Problem> {
    let failed = results.iter().filter(|result| !result.passed);
    let problems = failed.flat_map(|result| {
        result.mismatches.iter().map(|mismatch| Problem {
            severity: Severity::Error,
            file: file.into(),
            line: Some(result.line),
            column: Some(result.column),
            message: format!("the test `{}` fails: {mismatch}", result.title),
            hint: None,
        })
    });
    problems.collect()
}
