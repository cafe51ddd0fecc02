//! Experiments of rules.

use std::collections::HashMap;
use std::ops::Range;

use super::{Checker, Declared};
use crate::config::located::Located;
use crate::config::raw::{MetricWord, RawExperiment, RawGuard, RawRule};
use crate::config::text;
use crate::domain::{ArmName, ExperimentName, Guard, Metric, NameError};
use crate::route::{Arm, Destination, Experiment};

/// Requests that an arm must have had before its guard judges it, unless said otherwise.
const MIN_REQUESTS: u32 = 100;

impl Checker<'_, '_> {
    pub(super) fn experiment(
        &mut self,
        raw: &Located<RawExperiment>,
        subject: &str,
        declared: &Declared,
    ) -> Option<Experiment> {
        let table = raw.span();
        let what = format!("`experiment` of {subject}");
        let name = self.required(raw.name.as_ref(), &table, "name", &what);
        let name = name.and_then(|name| self.short_name(name, "an experiment", ExperimentName::parse));
        let arms = self.arms(raw, &what, declared);
        let control = self.required(raw.control.as_ref(), &table, "control", &what);
        if let Some(control) = control.filter(|control| !raw.arms.keys().any(|arm| arm.value() == control.value())) {
            let message = format!("`control` of {what} is `{}`, which is none of its arms", control.value());
            self.findings.error(control.span(), message).hint("name the arm that the others are compared with");
        }
        let from = self.required(raw.from.as_ref(), &table, "from", &what);
        let until = raw.until.as_ref();
        if until.is_none() && !self.was_taken_out(&table, "until") {
            let hint = "add `until`, a date: an experiment ends, and the rule converges on what was best";
            self.findings.error(table.clone(), format!("{what} has no `until`, so it would never end")).hint(hint);
        }
        let from_millis = from.and_then(|from| self.moment(from, "from"));
        let until_millis = until.and_then(|until| self.moment(until, "until"));
        let max_extra = raw.max_extra_usd.as_ref().map(|most| self.usd(most, "max_extra_usd"));
        let guard = raw.guard.as_ref().map(|guard| self.guard(guard, &what));
        let needs_prices = raw.max_extra_usd.is_some()
            || raw
                .guard
                .as_ref()
                .is_some_and(|guard| matches!(guard.metric.as_ref().map(Located::value), Some(MetricWord::Cost)));
        if needs_prices {
            self.unpriced_arms(raw, arms.as_deref().unwrap_or_default(), &what);
        }
        let (times, control) = (from_millis.zip(until_millis)?, ArmName::parse(control?).ok()?);
        if times.0 >= times.1 {
            let message = format!("{what} ends on {}, which is not after it begins", until?.value());
            self.findings.error(until?.span(), message);
            return None;
        }
        self.converge(until?, times.1, name.as_ref()?, &what);
        let experiment = Experiment::new(name?, arms?, &control, times)?;
        // Where one of them is wrong it was said above, and there is no configuration.
        Some(experiment.within(max_extra.flatten(), guard.flatten()))
    }

    /// Says that an experiment is past its end.
    fn converge(
        &mut self,
        until: &Located<toml::value::Datetime>,
        until_millis: u64,
        name: &ExperimentName,
        what: &str,
    ) {
        if until_millis > self.surroundings.now_millis() {
            return;
        }
        let message = format!("{what} ended on {}: its control counts since", until.value());
        let hint = format!("converge: see `weighbridge report --experiment {name}` and put `route` in its place");
        self.findings.warning(until.span(), message).hint(hint);
    }

    fn short_name<T>(
        &mut self,
        written: &Located<String>,
        what: &str,
        parse: impl Fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        let parsed = parse(written);
        if let Err(error) = &parsed {
            let message = format!("`{}` is no name for {what}: {error}", written.value());
            self.findings.error(written.span(), message);
        }
        parsed.ok()
    }

    fn arms(&mut self, raw: &Located<RawExperiment>, what: &str, declared: &Declared) -> Option<Vec<Arm>> {
        if raw.arms.len() < 2 && !self.was_taken_out(&raw.span(), "arms") {
            let hint = "such as `arms = { control = \"large\", small = \"cheap\" }`";
            self.findings.error(raw.span(), format!("{what} compares fewer than two arms")).hint(hint);
        }
        for (name, weight) in &raw.weights {
            if !raw.arms.keys().any(|arm| arm.value() == name.value()) {
                let message = format!("`weights` of {what} has `{}`, which is none of its arms", name.value());
                self.findings.error(name.span(), message);
            }
            if **weight == 0 {
                let message = format!("arm `{}` of {what} has a weight of 0", name.value());
                self.findings.error(weight.span(), message).hint("take the arm out");
            }
        }
        let mut arms = Vec::with_capacity(raw.arms.len());
        for (written, to) in &raw.arms {
            let weight = raw.weights.iter().find(|(name, _)| name.value() == written.value());
            let weight = weight.map_or(1, |(_, weight)| **weight);
            let name = self.short_name(written, "an arm", ArmName::parse);
            let destination = self.destination(to, what, declared);
            arms.push(name.zip(destination).map(|(name, destination)| Arm { name, destination, weight }));
        }
        arms.into_iter().collect()
    }

    /// Says which arms cost nobody knows what, where what they cost counts.
    fn unpriced_arms(&mut self, raw: &Located<RawExperiment>, arms: &[Arm], what: &str) {
        for arm in arms {
            let Some(endpoint) = unpriced(&arm.destination) else { continue };
            let span = raw.arms.iter().find(|(name, _)| name.as_str() == arm.name.as_str());
            let span = span.map_or(raw.span(), |(_, to)| to.span());
            let message =
                format!("what arm `{}` of {what} costs is not known: endpoint `{endpoint}` has no price", arm.name);
            let hint = "add `price` to the endpoint, or leave out `max_extra_usd` and a guard of `cost`";
            self.findings.error(span, message).hint(hint);
        }
    }

    fn guard(&mut self, raw: &Located<RawGuard>, what: &str) -> Option<Guard> {
        let what = format!("`guard` of {what}");
        let metric = self.required(raw.metric.as_ref(), &raw.span(), "metric", &what);
        let worse_by = self.required(raw.worse_by.as_ref(), &raw.span(), "worse_by", &what);
        let share = worse_by.and_then(|written| self.part(&written.0, written.span(), "worse_by"));
        let min_requests = raw.min_requests.as_ref().map_or(MIN_REQUESTS, |least| **least);
        if min_requests < 10 {
            let span = raw.min_requests.as_ref().map_or(raw.span(), Located::span);
            let message = format!("`min_requests` cannot be `{min_requests}`");
            self.findings.error(span, message).hint("at least 10: of fewer nothing can be told");
        }
        let metric = match metric?.value() {
            MetricWord::BadFeedback => Metric::BadFeedback,
            MetricWord::Escalations => Metric::Escalations,
            MetricWord::Failures => Metric::Failures,
            MetricWord::Cost => Metric::Cost,
        };
        Some(Guard { metric, worse_by: share?, min_requests })
    }

    /// A percentage of at most 100, in hundredths of a percent.
    fn part(&mut self, written: &str, span: Range<usize>, key: &str) -> Option<u32> {
        let share = text::percentage(written).filter(|share| *share <= 10_000);
        if share.is_none() {
            let message = format!("`{key}` cannot be `{written}`");
            self.findings.error(span, message).hint("one percentage of at most 100%, such as `5%` or `0.5%`");
        }
        share
    }

    /// Two experiments of one name could not be told apart.
    pub(super) fn same_experiments(&mut self, rules: &[Located<RawRule>]) {
        let mut seen: HashMap<&str, ()> = HashMap::new();
        let names = rules.iter().filter_map(|rule| rule.experiment.as_ref()?.name.as_ref());
        for name in names {
            if seen.insert(name.as_str(), ()).is_some() {
                let message = format!("two experiments are called `{}`", name.value());
                self.findings.error(name.span(), message).hint("a name tells them apart in the ledger");
            }
        }
    }
}

/// An endpoint of this place whose price nobody knows.
fn unpriced(to: &Destination) -> Option<String> {
    let unknown = |target: &crate::route::Target| (!target.price.is_known()).then(|| target.name.to_string());
    match to {
        Destination::Endpoint(target) => unknown(target),
        Destination::Tier(tier) => tier.members().iter().find_map(|member| unknown(&member.target)),
    }
}
