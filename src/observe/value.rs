//! What is told of outcomes and alerts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct AlertLabels {
    kind: &'static str,
    alert: String,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct OutcomeLabels {
    source: &'static str,
    result: &'static str,
}

/// Metrics of outcomes and alerts.
#[derive(Debug, Default)]
pub struct ValueMetrics {
    firing: Family<AlertLabels, Gauge>,
    known: Mutex<HashMap<AlertLabels, i64>>,
    sent: Counter,
    failures: Counter,
    outcomes: Family<OutcomeLabels, Counter>,
}

impl ValueMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("alert_firing", "Alerts of this name that fire", metrics.firing.clone());
        registry.register("alerts_sent", "Messages about alerts that the receiver took", metrics.sent.clone());
        registry.register(
            "alert_failures",
            "Messages about alerts that were not taken at an attempt, and looks that failed",
            metrics.failures.clone(),
        );
        registry.register(
            "outcomes",
            "What webhooks, the API and files told: new and known outcomes, what was ignored and what was refused",
            metrics.outcomes.clone(),
        );
        metrics
    }

    /// Which alerts fire, by what they are about and by their name in the configuration; once for each that does.
    pub fn alerts_fire<'a>(&self, alerts: impl Iterator<Item = (&'static str, &'a str)>) {
        // Those that have fired stay, at 0: an alert on a series that vanishes never ends.
        let mut firing = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        firing.values_mut().for_each(|count| *count = 0);
        for (kind, alert) in alerts {
            *firing.entry(AlertLabels { kind, alert: alert.to_owned() }).or_default() += 1;
        }
        for (labels, count) in firing.iter() {
            self.firing.get_or_create(labels).set(*count);
        }
    }

    /// Messages that the receiver took, and attempts at which it did not.
    pub fn alerts_sent(&self, sent: u64, failed: u64) {
        self.sent.inc_by(sent);
        self.failures.inc_by(failed);
    }

    /// Alerts could not be looked after.
    pub fn alert_failed(&self) {
        self.failures.inc();
    }

    /// Somebody told of outcomes: who, and what became of it.
    pub fn outcomes(&self, source: &'static str, result: &'static str, count: u64) {
        self.outcomes.get_or_create(&OutcomeLabels { source, result }).inc_by(count);
    }
}
