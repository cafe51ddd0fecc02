//! What happened, as values: each event is counted and told in the log once, from one struct.
//!
//! Label values come from the configuration or from closed lists, never from a client's free text, so the number of
//! series is bounded. Gauges that other rooms know (queues, breakers) are handed over when the metrics are read.

mod budgets;
mod event;
mod metrics;
mod process;
mod quality;
mod shared;
mod shipping;
mod trace;
mod value;

pub use budgets::{BudgetGauge, BudgetMetrics};
pub use event::{BreakerGauge, Gauges, LedgerGauges, ReloadResult, RequestEnded, ShippingGauges, TriedEvent};
pub use metrics::Metrics;
pub use quality::{ExperimentGauge, QualityMetrics};
pub use shared::SharedMetrics;
pub use trace::{LogFormat, init as init_log};
pub use value::ValueMetrics;
