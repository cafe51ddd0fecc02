//! The file's own tests: each must be a request, and refer to what there is.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Checker, Declared};
use crate::admit::Key;
use crate::config::located::Located;
use crate::config::raw::{RawCaller, RawExpectation, RawFile, RawTest, Share};
use crate::config::rule_tests::{Expectation, RuleTest};
use crate::config::text;
use crate::config::trial::Trial;
use crate::dialect::{Limits, parse};
use crate::domain::{App, Caller, Door, Prompt};
use crate::route::Pattern;

/// What tests may refer to.
pub(super) struct Known<'a> {
    pub(super) declared: &'a Declared,
    pub(super) keys: &'a [Key],
    pub(super) routed: &'a [Pattern],
    pub(super) limits: Limits,
}

impl Checker<'_, '_> {
    pub(super) fn tests(&mut self, raw: &RawFile, known: &Known<'_>) -> Vec<RuleTest> {
        raw.tests.iter().filter_map(|test| self.test(test, raw, known)).collect()
    }

    fn test(&mut self, raw: &Located<RawTest>, file: &RawFile, known: &Known<'_>) -> Option<RuleTest> {
        let expect = self.required(raw.expect.as_ref(), &raw.span(), "expect", "a test");
        let expect = expect.map(|expect| self.expectation(expect, file, known));
        let trial = self.trial(&raw.caller, known);
        let at_millis = raw.at.as_ref().and_then(|at| self.moment(at, "at"));
        let prompt = self.prompt(raw, known)?;
        let (caller, may_choose) = trial?;
        let headers = raw.caller.headers.iter();
        let headers = headers.map(|(name, value)| (Arc::from(name.to_ascii_lowercase()), value.clone())).collect();
        let requested_tier = raw.caller.tier.clone();
        let budget_used = raw.budget_used.as_ref().and_then(|written| self.used_share(written));
        Some(RuleTest {
            place: self.findings.place(raw.span().start),
            title: title(&prompt),
            trial: Trial { prompt, caller, may_choose, requested_tier, headers, budget_used },
            at_millis,
            expect: expect?,
        })
    }

    fn used_share(&mut self, written: &Located<Share>) -> Option<u32> {
        let used = text::percentage(&written.0);
        if used.is_none() {
            let message = format!("`budget_used` of a test cannot be `{}`", written.0);
            self.findings.error(written.span(), message).hint("one percentage, such as `85%`");
        }
        used
    }

    /// The request's body as a client would send it, read as the live proxy reads it.
    fn prompt(&mut self, raw: &Located<RawTest>, known: &Known<'_>) -> Option<Prompt> {
        let messages = match (&raw.prompt, &raw.messages) {
            (Some(prompt), None) => json!([{ "role": "user", "content": prompt.as_str() }]),
            (None, Some(messages)) => messages.iter().cloned().map(Value::Object).collect(),
            _ => {
                if !["prompt", "messages"].iter().any(|key| self.was_taken_out(&raw.span(), key)) {
                    self.findings.error(raw.span(), "a test needs either `prompt` or `messages`");
                }
                return None;
            }
        };
        let mut body = Map::from_iter([("model".to_owned(), Value::from(routed_name(known.routed)))]);
        body.insert("messages".to_owned(), messages);
        body.extend(raw.body.clone());
        let bytes = Bytes::from(Value::Object(body).to_string());
        parse(Door::Chat, bytes, &known.limits)
            .map_err(|failure| {
                let place = raw.messages.as_ref().map_or(raw.span(), Located::span);
                self.findings.error(place, format!("this test is no request: {}", failure.message)).severity
            })
            .ok()
    }

    fn trial(&mut self, raw: &RawCaller, known: &Known<'_>) -> Option<(Caller, bool)> {
        let key = match &raw.key {
            None => None,
            Some(name) => match known.keys.iter().find(|key| key.name.as_str() == name.as_str()) {
                Some(key) => Some(key),
                None => {
                    let names: Vec<&str> = known.keys.iter().map(|key| key.name.as_str()).collect();
                    self.undefined(name.span(), "a test asks with key", name, &names, "keys");
                    return None;
                }
            },
        };
        let engineer = self.label(raw.engineer.as_ref(), "engineer");
        let team = self.label(raw.team.as_ref(), "team");
        let feature = self.label(raw.feature.as_ref(), "feature");
        let caller = Caller {
            key: key.map(|key| key.name.clone()),
            engineer: key.and_then(|key| key.engineer.clone()).or(engineer),
            team: key.and_then(|key| key.team.clone()).or(team),
            feature: feature.or(key.and_then(|key| key.feature.clone())),
            branch: None,
            pull_request: None,
            app: raw.user_agent.as_deref().map_or(App::OTHER, App::from_user_agent),
            is_by_token: false,
            tiers: key.and_then(|key| key.tiers.clone()),
        };
        Some((caller, key.is_none_or(|key| key.may_choose)))
    }

    fn expectation(&mut self, raw: &Located<RawExpectation>, file: &RawFile, known: &Known<'_>) -> Expectation {
        let rules: Vec<&str> = file.rules.iter().filter_map(|rule| Some(rule.name.as_ref()?.as_str())).collect();
        let tiers = known.declared.tier_names();
        let endpoints = known.declared.endpoint_names();
        let refers = [
            (&raw.rule, "rule", &rules, "rules"),
            (&raw.tier, "tier", &tiers, "tiers"),
            (&raw.endpoint, "endpoint", &endpoints, "endpoints"),
        ];
        for (written, what, names, section) in refers {
            if let Some(written) = written.as_ref().filter(|written| !names.contains(&written.as_str())) {
                self.undefined(written.span(), &format!("a test expects {what}"), written, names, section);
            }
        }
        let expect = Expectation {
            rule: raw.rule.as_ref().map(|name| name.value().clone()),
            tier: raw.tier.as_ref().map(|name| name.value().clone()),
            endpoint: raw.endpoint.as_ref().map(|name| name.value().clone()),
            tags: raw.tags.iter().flatten().filter_map(|tag| self.tag(tag, raw.span())).collect(),
            risk: raw.risk,
            kind: raw.kind,
            content: raw.content.clone().unwrap_or_default(),
            denied: raw.denied,
            human_review: raw.human_review,
        };
        if expect == Expectation::default() && !self.taken_out.touched(&raw.span()) {
            self.findings.error(raw.span(), "this test expects nothing, so it cannot fail");
        }
        expect
    }
}

/// A name that the rules route.
fn routed_name(routed: &[Pattern]) -> String {
    let exact = routed.iter().find_map(Pattern::exact).map(str::to_owned);
    let beginning = || routed.first().map(|pattern| pattern.to_string().replace('*', ""));
    exact.or_else(beginning).filter(|name| !name.is_empty()).unwrap_or_else(|| "auto".to_owned())
}

/// The beginning of what was asked last.
fn title(prompt: &Prompt) -> String {
    let text = prompt.turns.last().map(|turn| prompt.turn_text(turn)).unwrap_or_default();
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
