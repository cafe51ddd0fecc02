//! What answers must be, and which rules say otherwise.

use std::sync::Arc;
use std::time::Duration;

use regex::{Regex, RegexBuilder};

use super::{Checker, Declared};
use crate::config::located::Located;
use crate::config::raw::{CheckWord, RawBounds, RawRule, RawRuleVerify, RawVerify, RawVerifyTable};
use crate::config::text;
use crate::domain::{Check, RuleName};
use crate::verify::{Bounds, Checks, Settings};

/// The most memory that a pattern may take.
const MOST_REGEX_BYTES: usize = 1 << 20;

/// How much may be held back: less than an event verifies nothing, and each request under way may hold so much.
const HELD: std::ops::RangeInclusive<usize> = 1 << 10..=16 << 20;

impl Checker<'_, '_> {
    pub(super) fn verify(&mut self, raw: &RawVerify, rules: &[Located<RawRule>], declared: &Declared) -> Settings {
        let mut default = Checks { bounds: self.held_bounds(&raw.hold), ..Checks::default() };
        if let Some(written) = &raw.checks {
            default.on = checks(written);
        }
        let mut settings = Settings { default, ..Settings::default() };
        for rule in rules {
            let Some((written, name)) = rule.verify.as_ref().zip(rule.name.as_ref()) else { continue };
            let own = self.rule_checks(written, name, &settings.default);
            self.verified_in_vain(rule, written, name, declared);
            if let (Some(own), Ok(name)) = (own, RuleName::parse(name)) {
                settings.rules.insert(name, own);
            }
        }
        settings
    }

    fn held_bounds(&mut self, raw: &RawBounds) -> Bounds {
        let default = Bounds::default();
        let mut bytes = default.bytes;
        if let Some(written) = &raw.bytes {
            match text::size(&written.0).filter(|size| HELD.contains(size)) {
                Some(size) => bytes = size,
                None => {
                    let message = format!("`verify.hold.bytes` cannot be `{}`", written.0);
                    self.findings.error(written.span(), message).hint("from 1KiB to 16MiB, for each request under way");
                }
            }
        }
        let most = Duration::from_secs(600);
        let thoughts = self.duration_within(raw.thoughts.as_ref(), "thoughts", Duration::ZERO..=most, default.thoughts);
        Bounds { bytes, thoughts }
    }

    fn rule_checks(&mut self, raw: &Located<RawRuleVerify>, name: &str, default: &Checks) -> Option<Checks> {
        match raw.value() {
            RawRuleVerify::Off(_) => Some(Checks { on: Vec::new(), ..default.clone() }),
            RawRuleVerify::Checks(words) => Some(Checks { on: checks(words), ..default.clone() }),
            RawRuleVerify::Table(table) => self.with_patterns(table, name, default),
        }
    }

    fn with_patterns(&mut self, table: &RawVerifyTable, name: &str, default: &Checks) -> Option<Checks> {
        let mut on = table.checks.as_deref().map_or_else(|| default.on.clone(), checks);
        let must_match = self.regexes(&table.must_match, name);
        let must_not_match = self.regexes(&table.must_not_match, name);
        let (must_match, must_not_match) = (must_match?, must_not_match?);
        if !must_match.is_empty() || !must_not_match.is_empty() {
            on.push(Check::Pattern);
        }
        Some(Checks { on, must_match, must_not_match, bounds: default.bounds })
    }

    fn regexes(&mut self, written: &[Located<String>], name: &str) -> Option<Arc<[Regex]>> {
        let mut patterns = Some(Vec::with_capacity(written.len()));
        for written in written {
            match RegexBuilder::new(written).size_limit(MOST_REGEX_BYTES).build() {
                Ok(pattern) => patterns.iter_mut().for_each(|patterns| patterns.push(pattern.clone())),
                Err(error) => {
                    let message =
                        format!("a pattern of rule `{name}` cannot be used: {}", last_line(&error.to_string()));
                    let hint = "a regular expression without look-around and back-references; `(?i)` ignores case";
                    self.findings.error(written.span(), message).hint(hint);
                    patterns = None;
                }
            }
        }
        patterns.map(Into::into)
    }

    /// A rule that verifies what nobody else could answer.
    fn verified_in_vain(&mut self, rule: &RawRule, verify: &Located<RawRuleVerify>, name: &str, declared: &Declared) {
        if matches!(verify.value(), RawRuleVerify::Off(_)) {
            return;
        }
        let Some(route) = &rule.route else { return };
        let escalates = declared.tiers.get(route.as_str()).is_some_and(|tier| tier.escalate().is_some());
        if !escalates
            && (declared.tiers.contains_key(route.as_str()) || declared.endpoints.contains_key(route.as_str()))
        {
            let message = format!("rule `{name}` verifies answers, and `{}` escalates to no tier", route.value());
            let hint = "there is nobody to ask instead, so nothing is verified: let the tier `escalate`";
            self.findings.warning(verify.span(), message).hint(hint);
        }
    }
}

fn checks(words: &[CheckWord]) -> Vec<Check> {
    let check = |word: &CheckWord| match word {
        CheckWord::Json => Check::Json,
        CheckWord::Schema => Check::Schema,
        CheckWord::Tools => Check::Tools,
        CheckWord::Truncated => Check::Truncated,
        CheckWord::Empty => Check::Empty,
        CheckWord::Refusal => Check::Refusal,
    };
    words.iter().map(check).collect()
}

/// What is wrong, without the drawing that shows where.
fn last_line(words: &str) -> &str {
    words.lines().last().unwrap_or_default().trim_start_matches("error: ")
}
