//! Rules tried on past requests: the ledger keeps the facts that the rules saw, so [`route::decide`](crate::route::decide)
//! can be asked again, by another file or by the same. Here it is compared, added up and explained; reading the ledger and
//! printing are others' business. Nothing here does I/O or reads a clock.
//!
//! What a request would have cost elsewhere is what it used, bucket by bucket, at the price there. An answer is taken to be
//! as long as it was, and a conversation to go on as it did.

pub mod books;
pub mod changed;
pub mod coverage;
pub mod report;
#[cfg(test)]
pub(crate) mod sample;
pub mod side;
pub mod standings;
#[cfg(test)]
mod tests;
pub mod warm;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::domain::{Facts, Pico, Risk, Usage};
use crate::record::recorded::{Recorded, Unseen};
use changed::Sample;
use report::{Hits, Move, Report, Sums, share_of};
use side::{Cold, Judged, Place, Side};

/// Tries one file on past requests, and compares with what was decided, or with another file.
pub struct Replay<'c> {
    new: Side<'c>,
    old: Option<Side<'c>>,
    report: Report,
    moves: BTreeMap<(Place, Place), Sums>,
    places: HashMap<Arc<str>, usize>,
    sample: Sample,
}

impl<'c> Replay<'c> {
    /// Compares `new` with `old`, or with what was decided. At most so many requests that go elsewhere are shown.
    pub fn new(new: Side<'c>, old: Option<Side<'c>>, show: usize) -> Self {
        let rules = &new.config().rules;
        let names = rules.conditional().iter().map(|one| &one.rule.name).chain([&rules.last().name]);
        let hits = names.map(|name| Hits { rule: name.as_str().into(), requests: 0, before: 0, cost: Pico::ZERO });
        let hits: Vec<Hits> = hits.collect();
        let places = hits.iter().enumerate().map(|(place, one)| (Arc::clone(&one.rule), place)).collect();
        let report = Report { rules: hits, ..Report::default() };
        Self { new, old, report, moves: BTreeMap::new(), places, sample: Sample::new(show) }
    }

    /// Takes in a past request.
    pub fn add(&mut self, mut recorded: Recorded) {
        self.report.entries += 1;
        let mut facts = match std::mem::replace(&mut recorded.facts, Err(Unseen::Missing)) {
            Ok(facts) => facts,
            Err(unseen) => {
                *self.report.left_out.entry(reason(&unseen)).or_default() += 1;
                return;
            }
        };
        self.report.replayed += 1;
        let then = Judged::recorded(&recorded);
        let was = match &mut self.old {
            Some(old) => old.judge(&recorded, &mut facts, &then.place),
            None => then,
        };
        let is = self.new.judge(&recorded, &mut facts, &was_place(&recorded, &was, self.old.is_some()));
        self.count(&recorded, &facts, &was, &is);
    }

    fn count(&mut self, recorded: &Recorded, facts: &Facts, was: &Judged, is: &Judged) {
        let is_high = facts.risk == Risk::High;
        let moved = was.place != is.place;
        let model = |judged: &Judged| judged.answers.as_ref().map(|(_, model)| Arc::clone(model));
        let other_model = !moved && was.answers.is_some() && model(was) != model(is);
        let report = &mut self.report;
        report.changed += u64::from(moved);
        report.other_model += u64::from(other_model);
        report.other_rule += u64::from(!moved && was.rule != is.rule);
        report.drawn_anew += u64::from(moved && was.rule == is.rule && was.was_drawn && is.was_drawn);
        self.count_cost(recorded, is_high, was, is);
        let report = &mut self.report;
        report.high_risk.requests += u64::from(is_high);
        let is_cheaper = || is_cheaper(&self.new, self.old.as_ref(), recorded, facts, was, is);
        if is_high && (moved || other_model) && is.place.is_answered() && is_cheaper() {
            report.high_risk.to_cheap += 1;
        }
        let unanswered = &mut report.unanswered;
        let (before, then) = (!was.place.is_answered(), !is.place.is_answered());
        unanswered.before += u64::from(before);
        unanswered.then += u64::from(then);
        unanswered.newly += u64::from(!before && then);
        unanswered.no_longer += u64::from(before && !then);
        if let Some(place) = was.rule.as_ref().and_then(|rule| self.places.get(rule)) {
            report.rules[*place].before += 1;
        }
        match is.rule.as_ref().and_then(|rule| self.places.get(rule)) {
            Some(place) => {
                let hits = &mut report.rules[*place];
                (hits.requests, hits.cost) = (hits.requests + 1, hits.cost + is.cost.unwrap_or_default());
            }
            None => report.by_no_rule += 1,
        }
        if moved || other_model {
            self.sample.add(recorded, facts, was, is);
        }
    }

    fn count_cost(&mut self, recorded: &Recorded, is_high: bool, was: &Judged, is: &Judged) {
        let costs = &mut self.report.costs;
        let sums = self.moves.entry((was.place.clone(), is.place.clone())).or_default();
        sums.requests += 1;
        sums.high_risk += u64::from(is_high);
        if recorded.usage.is_none() {
            return;
        }
        if !is.place.is_answered() {
            costs.no_longer_answered = costs.no_longer_answered + was.cost.unwrap_or_default();
            return;
        }
        let Some((old, new)) = was.cost.zip(is.cost) else {
            costs.unpriced += 1;
            return;
        };
        (costs.requests, costs.old, costs.new) = (costs.requests + 1, costs.old + old, costs.new + new);
        (sums.priced, sums.old, sums.new) = (sums.priced + 1, sums.old + old, sums.new + new);
        let cold = is.cold.unwrap_or_default();
        costs.cold = Cold { tokens: costs.cold.tokens + cold.tokens, cost: costs.cold.cost + cold.cost };
        if was.answers == is.answers {
            costs.by_prices = costs.by_prices + (new - old) - cold.cost;
        }
    }

    /// How many requests were looked at.
    pub fn entries(&self) -> u64 {
        self.report.entries
    }

    /// What came of it.
    pub fn finished(self) -> Report {
        let Self { new, old, mut report, moves, sample, .. } = self;
        let costs = &mut report.costs;
        costs.difference = costs.new - costs.old;
        costs.difference_share = share_of(costs.difference.get(), costs.old.get());
        report.changed_share = share_of(report.changed.into(), report.replayed.into());
        let high = &mut report.high_risk;
        high.to_cheap_share = share_of(high.to_cheap.into(), high.requests.into());
        report.moves = moves.into_iter().map(|((from, to), sums)| Move { from, to, sums }).collect();
        let unhit = report.rules.iter().filter(|rule| rule.requests == 0);
        report.never_hit = unhit.map(|rule| Arc::clone(&rule.rule)).collect();
        report.bursts = new.books().map(books::Books::bursts);
        report.shown = sample.shown(&new, old.as_ref());
        report
    }
}

/// Where a request was, for who asks whether it stays: where it really went, which is where its endpoint is.
fn was_place(recorded: &Recorded, was: &Judged, by_file: bool) -> Place {
    if by_file { Judged::recorded(recorded).place } else { was.place.clone() }
}

/// How the reason begins with which entries are left out on which no rules could be tried, whatever they are.
pub const REFUSED_BEFORE: &str = "refused before the rules were asked";

fn reason(unseen: &Unseen) -> String {
    match unseen {
        Unseen::Refused(failure) => format!("{REFUSED_BEFORE} ({failure})"),
        Unseen::Missing => "without facts".to_owned(),
        Unseen::Unreadable(words) => format!("not readable: {words}"),
    }
}

/// Whether the model that a request gets is not known to cost as much as the one that it had. Caches are left aside: they
/// say nothing of a model.
fn is_cheaper(
    new: &Side<'_>,
    old: Option<&Side<'_>>,
    recorded: &Recorded,
    facts: &Facts,
    was: &Judged,
    is: &Judged,
) -> bool {
    // What was not answered goes to no cheaper model.
    let Some((old_endpoint, old_model)) = &was.answers else { return false };
    let plain = Usage { input: facts.tokens.expected, output: 512, ..Usage::default() };
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(recorded.at_millis);
    let price = |side: &Side<'_>, endpoint: &str, model: &str| {
        let endpoint = side.config().endpoints.get(endpoint).filter(|endpoint| *endpoint.model == *model)?;
        endpoint.price.cost(&plain, at, None)
    };
    let Some((endpoint, model)) = &is.answers else { return false };
    let (before, then) = (price(old.unwrap_or(new), old_endpoint, old_model), price(new, endpoint, model));
    match before.zip(then) {
        Some((before, then)) => then < before,
        // The endpoint is not in the file any more: what was paid is all that is known of it.
        None => was.cost.zip(is.cost).is_none_or(|(before, then)| then - is.cold.unwrap_or_default().cost < before),
    }
}
