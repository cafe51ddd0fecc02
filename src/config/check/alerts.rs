//! Who is told when something is wrong with the money.

use std::collections::HashSet;
use std::time::Duration;

use super::{Checker, DAY};
use crate::config::located::Located;
use crate::config::raw::{RawAlerts, RawCostPerOutcome, RawEscalations, RawUrl};
use crate::config::text;
use crate::domain::Secret;
use crate::value::alerts::post::address;
use crate::value::alerts::{CostAlert, EscalationAlert, Settings, Watched};

/// The most that an alert may ask for: a hundredfold.
const MOST: f64 = 100.0;

impl Checker<'_, '_> {
    pub(super) fn alerts(&mut self, raw: &RawAlerts) -> Settings {
        let default = Settings::default();
        let webhook = raw.webhook.as_ref().and_then(|webhook| self.webhook(webhook));
        let every = self.duration(raw.every.as_ref(), "every", Duration::from_secs(1), default.every);
        let mut names = HashSet::new();
        let mut alerts = Vec::with_capacity(raw.cost_per_outcome.len());
        for written in &raw.cost_per_outcome {
            let Some(alert) = self.cost_alert(written) else { continue };
            if !names.insert(alert.name.clone()) {
                let message = format!("two alerts are named `{}`", alert.name);
                self.findings.error(written.span(), message).hint("a name tells alerts apart, also in metrics");
            }
            alerts.push(alert);
        }
        let escalations = self.escalation_alert(raw.escalations.as_ref());
        Settings { webhook, every, cost_per_outcome: alerts, escalations }
    }

    fn escalation_alert(&mut self, written: Option<&Located<RawEscalations>>) -> Option<EscalationAlert> {
        let mut alert = EscalationAlert::default();
        let table = match written.map(|written| (written.value(), written.span())) {
            None | Some((RawEscalations::Word(true), _)) => return Some(alert),
            Some((RawEscalations::Word(false), _)) => return None,
            Some((RawEscalations::Table(table), span)) => (table, span),
        };
        let (table, span) = table;
        if let Some(window) = &table.window {
            let bounds = Duration::from_secs(60)..=Duration::from_secs(366 * DAY);
            match text::duration(&window.0).filter(|window| bounds.contains(window)) {
                Some(window) => alert.window = window,
                None => {
                    let message = format!("`window` of `alerts.escalations` cannot be `{}`", window.0);
                    self.findings.error(span, message).hint("from 60s to 366d, such as `7d`");
                }
            }
        }
        alert.min_discarded = table.min_discarded.map_or(alert.min_discarded, u64::from).max(1);
        Some(alert)
    }

    fn webhook(&mut self, written: &Located<RawUrl>) -> Option<Secret> {
        let webhook = self.private_url("alerts.webhook", written)?;
        if let Err(error) = address(&webhook) {
            // The address is not repeated: it may be a secret.
            self.findings.error(written.span(), format!("`alerts.webhook` cannot be used: {error}"));
            return None;
        }
        if matches!(written.value(), RawUrl::Text(text) if text.starts_with("https://")) {
            let message = "`alerts.webhook` stands in this file, and whoever reads it can post there";
            self.findings.warning(written.span(), message).hint("`{ env = \"NAME\" }` or `{ file = \"path\" }`");
        }
        Some(webhook)
    }

    fn cost_alert(&mut self, written: &Located<RawCostPerOutcome>) -> Option<CostAlert> {
        let subject = "an entry of `alerts.cost_per_outcome`";
        let name = self.required(written.name.as_ref(), &written.span(), "name", subject);
        let name = self.label(name, "name");
        let watched = match &written.feature {
            None => Some(Watched::All),
            Some(each) if each.as_str() == "*" => Some(Watched::Each),
            one => self.label(one.as_ref(), "feature").map(Watched::One),
        };
        let days = |days: u64| Duration::from_secs(days * DAY);
        let bounds = || Duration::from_secs(60)..=days(366);
        let window = self.duration_within(written.window.as_ref(), "window", bounds(), days(7));
        let baseline = self.duration_within(written.baseline.as_ref(), "baseline", bounds(), days(28));
        if baseline < window {
            let span = written.baseline.as_ref().or(written.window.as_ref()).map_or(written.span(), Located::span);
            let message = "`baseline` is shorter than `window`";
            self.findings.warning(span, message).hint("what is usual shows over a longer time than what is new");
        }
        let factor_permille = self.factor(written.factor.as_ref());
        let min_outcomes = self.count(written.min_outcomes.as_ref(), "min_outcomes", 3).into();
        Some(CostAlert { name: name?, watched: watched?, window, baseline, factor_permille, min_outcomes })
    }

    /// The factor in thousandths.
    fn factor(&mut self, written: Option<&Located<f64>>) -> u32 {
        const DEFAULT: u32 = 1_500;
        let Some(written) = written else { return DEFAULT };
        let factor = **written;
        if !(factor > 1.0 && factor <= MOST) {
            let message = format!("`factor` cannot be `{factor}`");
            let hint = format!("more than 1 and at most {MOST}: 1.5 is half as dear again");
            self.findings.error(written.span(), message).hint(hint);
            return DEFAULT;
        }
        // Above 1 and at most 100, so it fits.
        ((factor * 1_000.0).round() as u32).max(1_001)
    }
}
