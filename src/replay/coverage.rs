//! Which rules decide anything, and whose requests no rule is about.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::report::share_of;
use super::side::Side;
use super::{reason, side};
use crate::domain::Facts;
use crate::record::recorded::{Recorded, Unseen};

/// So many values of a dimension are looked at; a client can name any number of features.
const MOST_VALUES: usize = 10_000;

/// A rule, and what it decides.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Covered {
    /// Which.
    pub rule: Arc<str>,
    /// Requests that the rule of this name decided then.
    pub recorded: u64,
    /// Requests that it decides by this file.
    pub replayed: u64,
    /// Their share, in hundredths of a percent.
    pub share: Option<i64>,
    /// Requests that it would take as well if no rule before it did.
    pub taken_before: u64,
    /// The rule that takes most of those.
    pub taken_by: Option<Arc<str>>,
    /// Whether it decided nothing, then and by this file.
    pub is_dead: bool,
    /// Whether it decides nothing because rules before it take all that it asks for.
    pub is_shadowed: bool,
}

/// Somebody's requests that match nothing but the last rule.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Unmatched {
    /// `app`, `team` or `feature`.
    pub dimension: &'static str,
    /// Which.
    pub value: Arc<str>,
    /// How many requests.
    pub requests: u64,
}

/// What a file's rules cover.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Coverage {
    /// Entries that were looked at.
    pub entries: u64,
    /// Of these, those on which the rules were tried.
    pub replayed: u64,
    /// The others, by the reason.
    pub left_out: BTreeMap<String, u64>,
    /// The rules, in the order of the file.
    pub rules: Vec<Covered>,
    /// Requests that rules decide.
    pub by_rules: u64,
    /// Requests that no rule decides: the client named a model, or an endpoint held the conversation.
    pub by_no_rule: u64,
    /// The share of those that rules decide which the last one takes, in hundredths of a percent.
    pub last_rule_share: Option<i64>,
    /// Whose requests match nothing but the last rule, those with most requests first.
    pub unmatched: Vec<Unmatched>,
}

/// Adds up what rules cover.
pub struct Covering<'c> {
    side: Side<'c>,
    names: Vec<Arc<str>>,
    report: Coverage,
    /// For each rule, by which other rule requests were taken that it asks for too.
    taken: Vec<BTreeMap<usize, u64>>,
    /// By dimension and value: requests, and those that another rule than the last decides.
    whose: BTreeMap<(&'static str, Arc<str>), (u64, u64)>,
}

impl<'c> Covering<'c> {
    /// Of this file.
    pub fn new(side: Side<'c>) -> Self {
        let rules = &side.config().rules;
        let names = rules.conditional().iter().map(|one| &one.rule.name).chain([&rules.last().name]);
        let names: Vec<Arc<str>> = names.map(|name| name.as_str().into()).collect();
        let plain = |name: &Arc<str>| Covered {
            rule: Arc::clone(name),
            recorded: 0,
            replayed: 0,
            share: None,
            taken_before: 0,
            taken_by: None,
            is_dead: false,
            is_shadowed: false,
        };
        let report = Coverage { rules: names.iter().map(plain).collect(), ..Coverage::default() };
        let taken = vec![BTreeMap::new(); names.len()];
        Self { side, names, report, taken, whose: BTreeMap::new() }
    }

    /// Takes in a past request.
    pub fn add(&mut self, mut recorded: Recorded) {
        self.report.entries += 1;
        let then = side::Judged::recorded(&recorded);
        if let Some(place) = then.rule.as_ref().and_then(|rule| self.place(rule)) {
            self.report.rules[place].recorded += 1;
        }
        let mut facts = match std::mem::replace(&mut recorded.facts, Err(Unseen::Missing)) {
            Ok(facts) => facts,
            Err(unseen) => {
                *self.report.left_out.entry(reason(&unseen)).or_default() += 1;
                return;
            }
        };
        self.report.replayed += 1;
        let is = self.side.judge(&recorded, &mut facts, &then.place);
        let Some(place) = is.rule.as_ref().and_then(|rule| self.place(rule)) else {
            self.report.by_no_rule += 1;
            return;
        };
        self.report.by_rules += 1;
        self.report.rules[place].replayed += 1;
        self.count_taken(&facts, place);
        self.count_whose(&facts, place);
    }

    fn place(&self, rule: &str) -> Option<usize> {
        self.names.iter().position(|name| **name == *rule)
    }

    /// The rules after the one that decides which ask for this request too. Every request meets the last.
    fn count_taken(&mut self, facts: &Facts, place: usize) {
        let later = self.side.config().rules.conditional().iter().enumerate().skip(place + 1);
        for (later, _) in later.filter(|(_, later)| later.when.holds(facts)) {
            *self.taken[later].entry(place).or_default() += 1;
        }
    }

    fn count_whose(&mut self, facts: &Facts, place: usize) {
        let is_covered = place + 1 < self.names.len();
        let team = facts.team.as_ref().map(|team| team.as_str());
        let feature = facts.feature.as_ref().map(|feature| feature.as_str());
        for (dimension, value) in [("app", Some(facts.app.as_str())), ("team", team), ("feature", feature)] {
            let Some(value) = value else { continue };
            let is_new = self.whose.len() >= MOST_VALUES;
            let key = (dimension, Arc::from(value));
            if is_new && !self.whose.contains_key(&key) {
                continue;
            }
            let (requests, covered) = self.whose.entry(key).or_default();
            (*requests, *covered) = (*requests + 1, *covered + u64::from(is_covered));
        }
    }

    /// How many requests were looked at.
    pub fn entries(&self) -> u64 {
        self.report.entries
    }

    /// What came of it. Whose requests are fewer than `at_least` is not told.
    pub fn finished(self, at_least: u64) -> Coverage {
        let Self { names, mut report, taken, whose, .. } = self;
        for (rule, taken) in report.rules.iter_mut().zip(taken) {
            rule.share = share_of(rule.replayed.into(), report.by_rules.into());
            rule.taken_before = taken.values().sum();
            let most = taken.into_iter().max_by_key(|(_, count)| *count);
            rule.taken_by = most.map(|(place, _)| Arc::clone(&names[place]));
            rule.is_dead = rule.replayed == 0 && rule.recorded == 0;
            rule.is_shadowed = rule.replayed == 0 && rule.taken_before > 0;
        }
        report.last_rule_share = report.rules.last().and_then(|last| last.share);
        let unmatched = whose.into_iter().filter(|(_, (requests, covered))| *covered == 0 && *requests >= at_least);
        let told = |((dimension, value), (requests, _))| Unmatched { dimension, value, requests };
        report.unmatched = unmatched.map(told).collect();
        report.unmatched.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.cmp(b)));
        report
    }
}
