//! Budgets, as numbers.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::{BudgetName, Pico};

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct BudgetLabel {
    budget: String,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct AccountLabels {
    budget: String,
    holder: String,
}

/// One account, as it is shown.
#[derive(Clone, Debug)]
pub struct BudgetGauge {
    /// The budget.
    pub budget: BudgetName,
    /// Whose account; empty: everybody's.
    pub holder: String,
    /// The limit that counts.
    pub limit: Pico,
    /// What is settled.
    pub settled: Pico,
    /// What is reserved.
    pub reserved: Pico,
}

/// What is counted of budgets.
#[derive(Clone, Debug)]
pub struct BudgetMetrics {
    limit: Family<AccountLabels, Gauge<f64, AtomicU64>>,
    settled: Family<AccountLabels, Gauge<f64, AtomicU64>>,
    reserved: Family<AccountLabels, Gauge<f64, AtomicU64>>,
    refused: Family<BudgetLabel, Counter>,
    overrun: Counter<f64, AtomicU64>,
    unbounded: Counter,
    untold: Counter,
    incomplete: Gauge,
}

impl BudgetMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let usd = || Unit::Other("usd".into());
        let metrics = Self {
            limit: Family::default(),
            settled: Family::default(),
            reserved: Family::default(),
            refused: Family::default(),
            overrun: Counter::default(),
            unbounded: Counter::default(),
            untold: Counter::default(),
            incomplete: Gauge::default(),
        };
        registry.register_with_unit(
            "budget_limit",
            "The limit of an account that counts now",
            usd(),
            metrics.limit.clone(),
        );
        registry.register_with_unit(
            "budget_settled",
            "What requests that ended have cost",
            usd(),
            metrics.settled.clone(),
        );
        registry.register_with_unit(
            "budget_reserved",
            "What requests under way can cost at most",
            usd(),
            metrics.reserved.clone(),
        );
        registry.register("budget_refused", "Requests that a budget did not hold", metrics.refused.clone());
        registry.register_with_unit(
            "budget_overrun",
            "What requests cost beyond what was reserved for them",
            usd(),
            metrics.overrun.clone(),
        );
        registry.register(
            "budget_unbounded",
            "Requests of which nobody knows what they can cost",
            metrics.unbounded.clone(),
        );
        registry.register(
            "budget_untold",
            "Answers made in the background that were settled at what was reserved, for nobody fetched their usage",
            metrics.untold.clone(),
        );
        registry.register(
            "budget_incomplete",
            "Budgets that do not know yet all that was spent before the start, for PostgreSQL is away",
            metrics.incomplete.clone(),
        );
        metrics
    }

    /// A request was refused.
    pub fn refused(&self, budget: &BudgetName) {
        self.refused.get_or_create(&BudgetLabel { budget: budget.to_string() }).inc();
    }

    /// A request cost more than was reserved.
    pub fn overrun(&self, beyond: Pico) {
        self.overrun.inc_by(beyond.usd());
    }

    /// Nothing could be reserved for a request.
    pub fn unbounded(&self) {
        self.unbounded.inc();
    }

    /// So many budgets do not know all that was spent.
    pub fn incomplete(&self, count: usize) {
        self.incomplete.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// What was reserved for an answer is taken for its cost.
    pub fn untold(&self) {
        self.untold.inc();
    }

    /// Shows the accounts as they are now, and no others.
    pub fn show(&self, accounts: &[BudgetGauge]) {
        [&self.limit, &self.settled, &self.reserved].into_iter().for_each(Family::clear);
        for account in accounts {
            let labels = AccountLabels { budget: account.budget.to_string(), holder: account.holder.clone() };
            self.limit.get_or_create(&labels).set(account.limit.usd());
            self.settled.get_or_create(&labels).set(account.settled.usd());
            self.reserved.get_or_create(&labels).set(account.reserved.usd());
        }
    }
}
