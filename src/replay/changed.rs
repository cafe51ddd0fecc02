//! Some of the requests that go elsewhere, and why.

use std::collections::BinaryHeap;
use std::fmt::Write;
use std::sync::Arc;

use serde::Serialize;

use super::side::{Judged, Place, Side};
use crate::domain::{Facts, Pico, Reason, RequestId};
use crate::record::recorded::Recorded;
use crate::route::{Explanation, Rules, Verdict, When, explain, gate_text, reason_text};

/// A request that goes elsewhere.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Shown {
    /// Which.
    pub id: RequestId,
    /// What the rules saw, in short.
    pub facts: String,
    /// Where it went.
    pub from: Place,
    /// By which rule.
    pub old_rule: Option<Arc<str>>,
    /// Which model answered.
    pub old_model: Option<Arc<str>>,
    /// What it cost.
    #[serde(rename = "old_usd")]
    pub old_cost: Option<Pico>,
    /// Where it goes.
    pub to: Place,
    /// By which rule.
    pub new_rule: Option<Arc<str>>,
    /// Which model answers.
    pub new_model: Option<Arc<str>>,
    /// What it costs then.
    #[serde(rename = "new_usd")]
    pub new_cost: Option<Pico>,
    /// What explains it.
    pub why: Vec<String>,
}

/// A request that may be shown. The sample is by the id's random part, so it is the same each time.
struct Drawn {
    lot: u64,
    recorded: Recorded,
    facts: Box<Facts>,
    was: Judged,
    is: Judged,
}

impl PartialEq for Drawn {
    fn eq(&self, other: &Self) -> bool {
        self.lot == other.lot
    }
}
impl Eq for Drawn {}
impl PartialOrd for Drawn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Drawn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.lot.cmp(&other.lot)
    }
}

/// Draws some of those that go elsewhere.
pub struct Sample {
    most: usize,
    drawn: BinaryHeap<Drawn>,
}

impl Sample {
    /// At most so many.
    pub fn new(most: usize) -> Self {
        Self { most, drawn: BinaryHeap::new() }
    }

    /// One that goes elsewhere.
    pub fn add(&mut self, recorded: &Recorded, facts: &Facts, was: &Judged, is: &Judged) {
        let lot = lot(recorded.id);
        let is_full = self.drawn.len() >= self.most;
        if self.most == 0 || (is_full && self.drawn.peek().is_some_and(|last| last.lot <= lot)) {
            return;
        }
        if is_full {
            self.drawn.pop();
        }
        let facts = Box::new(facts.clone());
        self.drawn.push(Drawn { lot, recorded: recorded.clone(), facts, was: was.clone(), is: is.clone() });
    }

    /// Those that were drawn, in the order of their arrival, explained.
    pub fn shown(self, new: &Side<'_>, old: Option<&Side<'_>>) -> Vec<Shown> {
        let mut drawn = self.drawn.into_vec();
        drawn.sort_by_key(|one| (one.recorded.at_millis, one.lot));
        drawn.into_iter().map(|one| one.shown(new, old)).collect()
    }
}

impl Drawn {
    fn shown(self, new: &Side<'_>, old: Option<&Side<'_>>) -> Shown {
        let why = why(new, old, (&self.recorded, &self.facts), &self.was, &self.is);
        let model = |judged: &Judged| judged.answers.as_ref().map(|(_, model)| Arc::clone(model));
        Shown {
            id: self.recorded.id,
            facts: in_short(&self.facts),
            from: self.was.place.clone(),
            old_model: model(&self.was),
            old_rule: self.was.rule,
            old_cost: self.was.cost,
            to: self.is.place.clone(),
            new_model: model(&self.is),
            new_rule: self.is.rule,
            new_cost: self.is.cost,
            why,
        }
    }
}

/// What explains that a request is decided otherwise than it was: what became of the rule that decided, what the one asks
/// for that decides now, and what else counted.
pub fn why(
    new: &Side<'_>,
    old: Option<&Side<'_>>,
    (recorded, facts): (&Recorded, &Facts),
    was: &Judged,
    is: &Judged,
) -> Vec<String> {
    let mut why = Vec::new();
    let rules = &new.config().rules;
    let explanation = explain(rules, facts, &new.situation(recorded, facts, is.standing.clone()));
    if let Some(name) = was.rule.as_deref() {
        why.push(match verdict(&explanation, name) {
            None => format!("rule {name} is not in the new file"),
            Some(Verdict::NotReached) => format!("rule {name} is not reached any more"),
            Some(Verdict::Matched) => format!("rule {name} matches as before and does something else"),
            Some(verdict) => format!("rule {name}: {verdict}"),
        });
    }
    if let Some(name) = is.rule.as_deref().filter(|name| was.rule.as_deref() != Some(*name)) {
        why.push(format!("rule {name} matches: {}", matched(rules, name, facts)));
        if let Some(old) = old {
            let before = explain(&old.config().rules, facts, &old.situation(recorded, facts, was.standing.clone()));
            why.push(match verdict(&before, name) {
                None => format!("rule {name} is not in the old file"),
                Some(Verdict::NotReached) => format!("rule {name} was not reached in the old file"),
                Some(verdict) => format!("rule {name} in the old file: {verdict}"),
            });
        }
    }
    match explanation.decision {
        Some(decision) => {
            let told = decision.reasons.iter().filter(|reason| !matches!(reason, Reason::Rule { .. }));
            why.extend(told.map(reason_text));
            why.extend(decision.gated_out.iter().map(|out| format!("{}: {}", out.endpoint, gate_text(out.gate))));
        }
        None => why.extend(explanation.refusal),
    }
    why
}

fn verdict<'e>(explanation: &'e Explanation, name: &str) -> Option<&'e Verdict> {
    explanation.rules.iter().find(|one| one.rule.as_str() == name).map(|one| &one.verdict)
}

/// What a rule asks for, with what the request has there.
fn matched(rules: &Rules, name: &str, facts: &Facts) -> String {
    let Some(rule) = rules.conditional().iter().find(|one| one.rule.name.as_str() == name) else {
        return "it takes every request".to_owned();
    };
    holding(&rule.when, facts)
}

/// Conditions that hold, with what they found.
pub fn holding(when: &When, facts: &Facts) -> String {
    let each = when.0.iter().map(|one| format!("{} {one} (found {})", one.key(), one.found(facts)));
    each.collect::<Vec<_>>().join(", ")
}

/// What the rules saw, on one line: what is usual is left out.
pub fn in_short(facts: &Facts) -> String {
    let mut text = format!("{} {} {}", facts.door.as_str(), facts.risk, facts.kind);
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(text, ", {name} {value}");
        }
    };
    let or_empty = |is: bool, text: &str| if is { text.to_owned() } else { String::new() };
    add("tags", facts.tags.to_string());
    add("content", facts.content.to_string());
    add("tokens", facts.tokens.expected.to_string());
    add("max_output", facts.max_output.map(|most| most.to_string()).unwrap_or_default());
    add("tools", or_empty(facts.tools > 0, &facts.tools.to_string()));
    add("images", or_empty(facts.images > 0, &facts.images.to_string()));
    add("output", or_empty(facts.output != Default::default(), crate::route::output_word(facts.output)));
    add("turn", or_empty(facts.turn != Default::default(), crate::route::turn_word(facts.turn)));
    add("conversation", or_empty(facts.conversation != Default::default(), "ongoing"));
    add("model", or_empty(facts.requested_model != "auto", &facts.requested_model));
    add("wish", facts.requested_tier.clone().unwrap_or_default());
    add("key", facts.key.as_ref().map(ToString::to_string).unwrap_or_default());
    add("team", facts.team.as_ref().map(ToString::to_string).unwrap_or_default());
    add("feature", facts.feature.as_ref().map(ToString::to_string).unwrap_or_default());
    add("app", facts.app.as_str().to_owned());
    let percent = |used: u32| format!("{}.{:02}%", used / 100, used % 100);
    add("budget_used", facts.budget_used.map(percent).unwrap_or_default());
    facts.headers.iter().for_each(|(name, value)| add(name, format!("{value:?}")));
    text
}

/// A number as good as drawn: ids differ in their last bits.
pub fn lot(id: RequestId) -> u64 {
    let (_, random) = id.as_bytes().split_at(8);
    let random = random.iter().fold(0, |number: u64, byte| (number << 8) | u64::from(*byte));
    let number = (random ^ (random >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number ^ (number >> 29)
}
