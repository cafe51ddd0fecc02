//! How the shared server does, counted where it is asked.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct CallLabel {
    call: &'static str,
}

/// How the shared server does. Clones count together.
#[derive(Clone, Debug)]
pub struct SharedMetrics {
    /// Whether it answers.
    pub up: Gauge,
    /// What this replica holds of budgets, in USD.
    pub lease: Gauge<f64, AtomicU64>,
    /// Other replicas that live, and this one.
    pub replicas: Gauge,
    calls: Family<CallLabel, Counter>,
    errors: Family<CallLabel, Counter>,
    round_trip: Histogram,
}

impl Default for SharedMetrics {
    fn default() -> Self {
        Self {
            up: Gauge::default(),
            lease: Gauge::default(),
            replicas: Gauge::default(),
            calls: Family::default(),
            errors: Family::default(),
            // 50 µs to about 1.6 s, each bucket twice the one before.
            round_trip: Histogram::new(std::iter::successors(Some(0.000_05), |bound| Some(bound * 2.0)).take(16)),
        }
    }
}

impl SharedMetrics {
    /// The server was asked something.
    pub fn called(&self, call: &'static str, took: Duration, succeeded: bool) {
        let label = CallLabel { call };
        self.calls.get_or_create(&label).inc();
        if succeeded {
            self.round_trip.observe(took.as_secs_f64());
        } else {
            self.errors.get_or_create(&label).inc();
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Whether the server that replicas share answers; absent from the configuration: 0";
        registry.register("shared_up", help, self.up.clone());
        registry.register("shared_calls", "Questions to the shared server", self.calls.clone());
        let help = "Questions that it did not answer in time or refused";
        registry.register("shared_errors", help, self.errors.clone());
        let help = "How long its answers took";
        registry.register_with_unit("shared_round_trip", help, Unit::Seconds, self.round_trip.clone());
        let help = "What this replica holds of shared budgets: for requests under way, and ahead";
        registry.register_with_unit("shared_lease", help, Unit::Other("usd".to_owned()), self.lease.clone());
        registry.register("shared_replicas", "Replicas that live, as the shared server says", self.replicas.clone());
    }
}
