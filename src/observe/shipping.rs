//! The metrics of the ledger's way to PostgreSQL.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::ShippingGauges;

/// The metrics; all 0 where nothing is shipped.
#[derive(Default)]
pub struct Shipping {
    unshipped: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    spool: Gauge,
    max_spool: Gauge,
    shipped: Counter,
    failures: Counter,
    set_aside: Gauge,
}

impl Shipping {
    /// The metrics, registered.
    pub fn registered(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register("ledger_unshipped", "Entries that wait on disk for PostgreSQL", all.unshipped.clone());
        registry.register_with_unit(
            "ledger_oldest_unshipped",
            "How long ago the oldest entry that waits for PostgreSQL arrived",
            Unit::Seconds,
            all.oldest.clone(),
        );
        let spool = "About how much of the file waits for PostgreSQL";
        registry.register_with_unit("ledger_spool", spool, Unit::Bytes, all.spool.clone());
        let max_spool = "How much may wait for PostgreSQL before on_failure counts; 0: nothing is shipped";
        registry.register_with_unit("ledger_max_spool", max_spool, Unit::Bytes, all.max_spool.clone());
        registry.register("ledger_shipped_entries", "Entries shipped to PostgreSQL", all.shipped.clone());
        registry.register("ledger_ship_failures", "Attempts to ship that failed", all.failures.clone());
        let set_aside = "Entries that PostgreSQL would not take, which stay in the file";
        registry.register("ledger_set_aside_entries", set_aside, all.set_aside.clone());
        all
    }

    /// As they are now.
    pub fn set(&self, now: &ShippingGauges) {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.unshipped.set(whole(now.unshipped));
        self.oldest.set(Duration::as_secs_f64(&now.oldest_unshipped));
        self.spool.set(whole(now.spool_bytes));
        self.max_spool.set(whole(now.max_spool_bytes));
        // The ledger counts; here it is only shown.
        self.shipped.inner().store(now.shipped, Relaxed);
        self.failures.inner().store(now.failures, Relaxed);
        self.set_aside.set(whole(now.set_aside));
    }
}
