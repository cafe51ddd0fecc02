//! How much may be spent, by whom, in which time.

use std::collections::HashSet;

use jiff::tz::TimeZone;
use toml::value::Datetime;

use super::Checker;
use crate::budget::{Budget, BudgetError, Override, Stretch, Window};
use crate::config::located::Located;
use crate::config::raw::{ExceededWord, RawBudget, RawFile, RawOverride, WindowWord};
use crate::config::text;
use crate::domain::{BudgetName, Pico};
use crate::shared::MOST_USD;

/// At which percentages somebody is told unless the file says otherwise.
const ALERTS: [u32; 2] = [80, 100];

impl Checker<'_, '_> {
    pub(super) fn budgets(&mut self, file: &RawFile) -> Vec<Budget> {
        let mut names = HashSet::new();
        let mut budgets = Vec::with_capacity(file.budgets.len());
        for raw in &file.budgets {
            let Some(budget) = self.budget(raw) else { continue };
            if !names.insert(budget.name.clone()) {
                let span = raw.name.as_ref().map_or(raw.span(), Located::span);
                self.findings.error(span, format!("two budgets are called `{}`", budget.name));
            }
            if let Err(error) = budget.check() {
                let span = match error {
                    BudgetError::NoLimit => raw.limit.as_ref().map(Located::span),
                    BudgetError::ForEndpoint => raw.whom.as_ref().map(Located::span),
                    BudgetError::Overlap | BudgetError::Backwards => raw.overrides.first().map(Located::span),
                };
                let message = format!("budget `{}` does not hold together: {error}", budget.name);
                self.findings.error(span.unwrap_or(raw.span()), message);
                continue;
            }
            budgets.push(budget);
        }
        if !budgets.is_empty() && file.shared.url.is_none() && file.ledger.url.is_some() {
            let span = file.ledger.url.as_ref().map_or(0..0, Located::span);
            let message = "entries of many replicas are shipped to one database, but budgets are not shared";
            let hint =
                "each replica would keep the whole of each budget; set `[shared] url` to a Redis or Valkey server";
            self.findings.warning(span, message).hint(hint);
        }
        budgets
    }

    fn budget(&mut self, raw: &Located<RawBudget>) -> Option<Budget> {
        let written = self.required(raw.name.as_ref(), &raw.span(), "name", "a budget")?;
        let name = match BudgetName::parse(written) {
            Ok(name) => name,
            Err(error) => {
                self.findings.error(written.span(), format!("`{}` is no name: {error}", written.value()));
                return None;
            }
        };
        let subject = format!("budget `{name}`");
        let scope = self.scope(raw.whom.as_ref(), &subject)?;
        let limit = self
            .required(raw.limit.as_ref(), &raw.span(), "limit", &subject)
            .and_then(|limit| self.usd(limit, "limit"))?;
        let zone = self.time_zone(raw.time_zone.as_ref());
        let overrides: Vec<Override> =
            raw.overrides.iter().filter_map(|raw| self.other_limit(raw, &zone, &subject)).collect();
        Some(Budget {
            scope,
            limit,
            window: match raw.window {
                Some(WindowWord::Day) => Window::Day,
                Some(WindowWord::Week) => Window::Week,
                Some(WindowWord::Month) | None => Window::Month,
                Some(WindowWord::Total) => Window::Total,
            },
            alerts: self.alert_percentages(raw).into(),
            refuses: raw.on_exceeded != Some(ExceededWord::Allow),
            overrides: overrides.into(),
            owner: raw.owner.as_ref().map(|owner| owner.as_str().into()),
            zone,
            name,
        })
    }

    /// An amount in USD, as whole nano-dollars: a number of the file has no more digits than that.
    pub(super) fn usd(&mut self, written: &Located<f64>, key: &str) -> Option<Pico> {
        let usd = **written;
        let fits = usd > 0.0 && usd <= MOST_USD as f64;
        if !fits {
            let message = format!("`{key}` cannot be `{usd}`");
            self.findings.error(written.span(), message).hint(format!("USD, more than 0 and at most {MOST_USD}"));
            return None;
        }
        Some(Pico::new((usd * 1e9).round() as i128 * 1000))
    }

    fn time_zone(&mut self, written: Option<&Located<String>>) -> TimeZone {
        let Some(written) = written else { return TimeZone::UTC };
        TimeZone::get(written).unwrap_or_else(|_| {
            let message = format!("`time_zone` cannot be `{}`, which is not known", written.value());
            let hint = "such as `Europe/Berlin` or `UTC`; the system's time zone database (package `tzdata`) is asked";
            self.findings.error(written.span(), message).hint(hint);
            TimeZone::UTC
        })
    }

    fn alert_percentages(&mut self, raw: &RawBudget) -> Vec<u32> {
        let Some(written) = &raw.alerts else { return ALERTS.to_vec() };
        for percent in written.iter().filter(|percent| !(1..=1000).contains(&***percent)) {
            let message = format!("`alerts` holds `{}`", percent.value());
            self.findings.error(percent.span(), message).hint("percentages of the limit, from 1 to 1000");
        }
        let mut percentages: Vec<u32> = written.iter().map(|percent| **percent).collect();
        percentages.sort_unstable();
        percentages.dedup();
        percentages
    }

    fn other_limit(&mut self, raw: &Located<RawOverride>, zone: &TimeZone, subject: &str) -> Option<Override> {
        let subject = format!("an override of {subject}");
        let limit = self.required(raw.limit.as_ref(), &raw.span(), "limit", &subject);
        let from = self.required(raw.from.as_ref(), &raw.span(), "from", &subject);
        let until = self.required(raw.until.as_ref(), &raw.span(), "until", &subject);
        let why = self.required(raw.why.as_ref(), &raw.span(), "why", &subject);
        self.required(raw.owner.as_ref(), &raw.span(), "owner", &subject);
        let limit = limit.and_then(|limit| self.usd(limit, "limit"))?;
        let from_millis = self.moment_in(from?, zone, "from")?;
        let until_millis = self.moment_in(until?, zone, "until")?;
        if until_millis <= self.surroundings.now_millis() {
            self.findings.warning(raw.span(), format!("{subject} is over")).hint("take it out, or move its `until`");
        }
        let when = Stretch { from_millis, until_millis: Some(until_millis) };
        Some(Override { limit, when, why: why?.as_str().into() })
    }

    /// A date begins where the zone's day does; a moment is what it is.
    fn moment_in(&mut self, written: &Located<Datetime>, zone: &TimeZone, key: &str) -> Option<u64> {
        let at = self.moment(written, key)?;
        if written.time.is_some() || written.offset.is_some() {
            return Some(at);
        }
        let day = text::date(written)?;
        let begins = day.to_zoned(zone.clone()).and_then(|zoned| zoned.start_of_day()).ok()?;
        u64::try_from(begins.timestamp().as_millisecond()).ok()
    }
}
