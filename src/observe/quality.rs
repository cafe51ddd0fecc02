//! What is told of the quality of answers: feedback and experiments.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::{ExperimentName, Pico};

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct FeedbackLabels {
    rating: &'static str,
    tier: String,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct ExperimentLabel {
    experiment: String,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct ArmLabels {
    experiment: String,
    arm: String,
}

/// One experiment as it stands.
#[derive(Clone, Debug)]
pub struct ExperimentGauge {
    /// Its name.
    pub name: ExperimentName,
    /// Whether its arms are drawn at the moment.
    pub is_running: bool,
    /// What it has cost beyond its control; `None`: not known.
    pub extra: Option<Pico>,
    /// How many requests each arm has had.
    pub arms: Vec<(String, u64)>,
}

/// What is counted of quality.
#[derive(Debug, Default)]
pub struct QualityMetrics {
    feedback: Family<FeedbackLabels, Counter>,
    feedback_refused: Counter,
    running: Family<ExperimentLabel, Gauge>,
    extra: Family<ExperimentLabel, Gauge<f64, AtomicU64>>,
    arms: Family<ArmLabels, Gauge>,
    experiment_failures: Counter,
}

impl QualityMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let usd = || Unit::Other("usd".into());
        registry.register(
            "feedback",
            "What callers said of answers, by the tier that answered",
            metrics.feedback.clone(),
        );
        registry.register(
            "feedback_refused",
            "Feedback that was not taken: malformed, of somebody else's request, or the store was gone",
            metrics.feedback_refused.clone(),
        );
        registry.register("experiment_running", "1 while an experiment's arms are drawn", metrics.running.clone());
        registry.register_with_unit(
            "experiment_extra",
            "What an experiment has cost beyond its control",
            usd(),
            metrics.extra.clone(),
        );
        registry.register("experiment_arm_requests", "Requests that an arm has had", metrics.arms.clone());
        registry.register(
            "experiment_failures",
            "Looks at experiments that failed: the store or the ledger could not be asked",
            metrics.experiment_failures.clone(),
        );
        metrics
    }

    /// Somebody spoke of an answer of this tier.
    pub fn feedback(&self, rating: &'static str, tier: &str) {
        self.feedback.get_or_create(&FeedbackLabels { rating, tier: tier.to_owned() }).inc();
    }

    /// Somebody spoke of an answer and was not heard.
    pub fn feedback_refused(&self) {
        self.feedback_refused.inc();
    }

    /// Shows experiments as they are now, and no others.
    pub fn show_experiments(&self, all: &[ExperimentGauge]) {
        self.running.clear();
        self.extra.clear();
        self.arms.clear();
        for one in all {
            let label = ExperimentLabel { experiment: one.name.to_string() };
            self.running.get_or_create(&label).set(i64::from(one.is_running));
            if let Some(extra) = one.extra {
                self.extra.get_or_create(&label).set(extra.usd());
            }
            for (arm, requests) in &one.arms {
                let labels = ArmLabels { experiment: one.name.to_string(), arm: arm.clone() };
                self.arms.get_or_create(&labels).set(i64::try_from(*requests).unwrap_or(i64::MAX));
            }
        }
    }

    /// Experiments could not be looked at.
    pub fn experiment_failed(&self) {
        self.experiment_failures.inc();
    }
}
