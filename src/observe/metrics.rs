//! Prometheus metrics, in base units.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{
    BudgetMetrics, Gauges, QualityMetrics, ReloadResult, RequestEnded, SharedMetrics, TriedEvent, ValueMetrics, process,
    shipping, trace,
};
use crate::domain::{Check, EndpointName, IssuerName, LimitName, RuleName, TierName, Usage};

macro_rules! label_value {
    ($($name:ty),+) => {$(
        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                EncodeLabelValue::encode(&self.as_str(), encoder)
            }
        }
    )+};
}
label_value!(EndpointName, IssuerName, LimitName, RuleName, TierName);

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct RequestLabels {
    door: &'static str,
    rule: Option<RuleName>,
    tier: Option<TierName>,
    status: u16,
    ending: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct FailureLabels {
    kind: &'static str,
    fault: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct VerdictLabels {
    rule: Option<RuleName>,
    verdict: &'static str,
    gate: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct EscalationLabels {
    rule: Option<RuleName>,
    gate: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct AttemptLabels {
    endpoint: EndpointName,
    outcome: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct TimeLabels {
    tier: Option<TierName>,
    streamed: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct EndpointLabel {
    endpoint: EndpointName,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct TokenLabels {
    endpoint: EndpointName,
    bucket: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct SpendLabels {
    tier: Option<TierName>,
    endpoint: EndpointName,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct TurnLabel {
    what: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct LimitLabels {
    limit: LimitName,
    dimension: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct FetchLabels {
    issuer: IssuerName,
    outcome: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct IssuerLabel {
    issuer: IssuerName,
}

type Usd = Counter<f64, AtomicU64>;

/// Every metric.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    verifications: Family<VerdictLabels, Counter>,
    escalations: Family<EscalationLabels, Counter>,
    duration: Family<TimeLabels, Histogram>,
    first_byte: Family<TimeLabels, Histogram>,
    overhead: Histogram,
    tokens: Family<TokenLabels, Counter>,
    cost: Family<SpendLabels, Usd>,
    savings: Family<SpendLabels, Gauge<f64, AtomicU64>>,
    unpriced: Family<EndpointLabel, Counter>,
    told_cost: Family<EndpointLabel, Usd>,
    compared_cost: Family<EndpointLabel, Usd>,
    drift: Family<EndpointLabel, Usd>,
    web_searches: Family<EndpointLabel, Counter>,
    estimated: Family<EndpointLabel, Counter>,
    turns: Family<TurnLabel, Counter>,
    limited: Family<LimitLabels, Counter>,
    tokens_reserved: Counter,
    tokens_settled: Counter,
    left_alone: Family<EndpointLabel, Counter>,
    issuer_fetches: Family<FetchLabels, Counter>,
    issuer_failing: Family<IssuerLabel, Gauge>,
    in_flight: Gauge,
    connections: Gauge,
    breakers: Family<EndpointLabel, Gauge>,
    reloads: Family<ResultLabel, Counter>,
    reload_ok: Gauge,
    reload_at: Gauge,
    ledger_queued: Gauge,
    ledger_oldest: Gauge<f64, AtomicU64>,
    ledger_wal: Gauge,
    ledger_written: Gauge,
    ledger_commits: Gauge,
    ledger_failures: Gauge,
    ledger_late: Gauge,
    ledger_rejected: Gauge,
    ledger_failing: Gauge,
    shipping: shipping::Shipping,
    rules_overdue: Gauge,
    rules_expired: Gauge,
    registry_stale: Gauge<f64, AtomicU64>,
    panics: Counter,
    turned_away: Counter,
    strangers: Counter,
    cpu: Gauge<f64, AtomicU64>,
    resident: Gauge,
    open_fds: Gauge,
    /// Budgets.
    pub budgets: BudgetMetrics,
    /// The server that replicas share.
    pub shared: SharedMetrics,
    value: ValueMetrics,
    quality: QualityMetrics,
}

/// 1 ms to about nine minutes, each bucket twice the one before.
fn answer_times() -> Histogram {
    Histogram::new(std::iter::successors(Some(0.001), |bound| Some(bound * 2.0)).take(20))
}

/// 10 µs to about 0.3 s, each bucket twice the one before.
fn overhead_times() -> Histogram {
    Histogram::new(std::iter::successors(Some(0.000_01), |bound| Some(bound * 2.0)).take(16))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("weighbridge");
        macro_rules! register {
            ($name:literal, $help:literal, $metric:expr) => {{
                let metric = $metric;
                registry.register($name, $help, metric.clone());
                metric
            }};
            ($name:literal, $help:literal, $unit:expr, $metric:expr) => {{
                let metric = $metric;
                registry.register_with_unit($name, $help, $unit, metric.clone());
                metric
            }};
        }
        let usd = || Unit::Other("usd".to_owned());
        let shared = SharedMetrics::default();
        shared.register(&mut registry);
        Self {
            requests: register!("requests", "Requests that have ended", Family::default()),
            failures: register!("failures", "Requests that failed, by kind and whose fault", Family::default()),
            attempts: register!("attempts", "Tries at endpoints, by outcome", Family::default()),
            verifications: register!(
                "verifications",
                "Answers that were verified, by what was found: passed, failed, or late, when part of them had gone out",
                Family::default()
            ),
            escalations: register!(
                "escalations",
                "Answers that failed a verification and were thrown away for another tier's, by the gate",
                Family::default()
            ),
            duration: register!(
                "request_duration",
                "From a request's arrival to the end of its answer",
                Unit::Seconds,
                Family::new_with_constructor(answer_times as fn() -> Histogram)
            ),
            first_byte: register!(
                "time_to_first_byte",
                "From a request's arrival to the first byte of content",
                Unit::Seconds,
                Family::new_with_constructor(answer_times as fn() -> Histogram)
            ),
            overhead: register!(
                "overhead",
                "What the proxy itself adds before an upstream is asked",
                Unit::Seconds,
                overhead_times()
            ),
            tokens: register!("tokens", "Tokens, by bucket", Family::default()),
            cost: register!("cost", "What answers cost, where that is known", usd(), Family::default()),
            savings: register!(
                "savings",
                "Cost on the baseline tier less cost, since the start; may fall",
                usd(),
                Family::default()
            ),
            told_cost: register!(
                "provider_cost",
                "What answers cost by their provider's own word, where it tells",
                usd(),
                Family::default()
            ),
            compared_cost: register!(
                "provider_cost_ours",
                "What the same answers cost by our prices",
                usd(),
                Family::default()
            ),
            drift: register!(
                "cost_drift",
                "How far the two are apart, summed answer by answer whichever is more",
                usd(),
                Family::default()
            ),
            web_searches: register!("web_searches", "Searches that providers made and charge", Family::default()),
            unpriced: register!("unpriced_requests", "Answers whose cost is unknown", Family::default()),
            estimated: register!("estimated_requests", "Answers whose tokens were counted here", Family::default()),
            turns: register!(
                "conversation_turns",
                "Requests of conversations: new, stayed, moved, escalated, stuck",
                Family::default()
            ),
            limited: register!("limited", "Requests or tries that a limit of ours refused", Family::default()),
            tokens_reserved: register!(
                "limit_tokens_reserved",
                "Tokens reserved in limits, by estimate",
                Counter::default()
            ),
            tokens_settled: register!("limit_tokens_settled", "Tokens that the same requests used", Counter::default()),
            left_alone: register!(
                "provider_limit_skips",
                "Times an endpoint was left alone because its provider's limits were used up",
                Family::default()
            ),
            issuer_fetches: register!("issuer_fetches", "Fetches of an issuer's public keys", Family::default()),
            issuer_failing: register!(
                "issuer_failing",
                "Whether an issuer's public keys could not be fetched the last time",
                Family::default()
            ),
            in_flight: register!("in_flight_requests", "Requests under way", Gauge::default()),
            connections: register!("open_connections", "Connections on the data port", Gauge::default()),
            breakers: register!("breaker_state", "0 closed, 1 half open, 2 open", Family::default()),
            reloads: register!("config_reloads", "Changes of routes.toml, accepted and refused", Family::default()),
            reload_ok: register!(
                "config_last_reload_successful",
                "Whether the last change of routes.toml was accepted",
                Gauge::default()
            ),
            reload_at: register!(
                "config_last_reload_success_timestamp",
                "When routes.toml was last accepted, in seconds since 1970",
                Unit::Seconds,
                Gauge::default()
            ),
            ledger_queued: register!("ledger_queue_entries", "Entries that wait to be written", Gauge::default()),
            ledger_oldest: register!(
                "ledger_oldest_queued",
                "How long the oldest waiting entry has waited",
                Unit::Seconds,
                Gauge::default()
            ),
            ledger_wal: register!("ledger_wal", "Size of the write-ahead log", Unit::Bytes, Gauge::default()),
            ledger_written: register!("ledger_written_entries", "Entries written since the start", Gauge::default()),
            ledger_commits: register!("ledger_commits", "Transactions since the start", Gauge::default()),
            ledger_failures: register!("ledger_write_failures", "Failed writes since the start", Gauge::default()),
            ledger_late: register!(
                "ledger_late_answers",
                "Answers released before their entry was written, since the start",
                Gauge::default()
            ),
            ledger_rejected: register!("ledger_rejected_entries", "Entries given up since the start", Gauge::default()),
            ledger_failing: register!(
                "ledger_failing",
                "Whether entries cannot be written at present",
                Gauge::default()
            ),
            shipping: shipping::Shipping::registered(&mut registry),
            rules_overdue: register!(
                "rules_overdue",
                "Rules that should have been looked at by now, as their `review_by` says",
                Gauge::default()
            ),
            rules_expired: register!(
                "rules_expired",
                "Rules that have expired, so that their fallback counts",
                Gauge::default()
            ),
            registry_stale: register!(
                "registry_stale",
                "How long ago keys, tokens and revocations were last compared with the store",
                Unit::Seconds,
                Gauge::default()
            ),
            panics: register!("panics", "Requests that ended in a panic", Counter::default()),
            turned_away: register!(
                "turned_away_requests",
                "Requests refused without an entry, because the process was ending or its ledger could not keep up",
                Counter::default()
            ),
            strangers: register!(
                "unrecorded_refusals",
                "Requests without a good key that were refused without an entry, because there were many",
                Counter::default()
            ),
            cpu: register!("process_cpu", "Processor time used", Unit::Seconds, Gauge::default()),
            resident: register!("process_resident_memory", "Resident memory", Unit::Bytes, Gauge::default()),
            open_fds: register!("process_open_fds", "Open file descriptors", Gauge::default()),
            budgets: BudgetMetrics::registered(&mut registry),
            shared,
            value: ValueMetrics::registered(&mut registry),
            quality: QualityMetrics::registered(&mut registry),
            registry,
        }
    }
}

impl Metrics {
    /// A request has arrived.
    pub fn request_began(&self) {
        self.in_flight.inc();
    }

    /// Counts what the verification of an answer found.
    fn verified(&self, event: &RequestEnded, tried: &TriedEvent) {
        let Some(verdict) = tried.verdict else { return };
        let (rule, gate) = (event.rule.clone(), verdict.check().map_or("none", Check::as_str));
        let labels = VerdictLabels { rule: rule.clone(), verdict: verdict.as_str(), gate };
        self.verifications.get_or_create(&labels).inc();
        if tried.is_discarded {
            self.escalations.get_or_create(&EscalationLabels { rule, gate }).inc();
        }
    }

    /// A request has ended: counts it and writes its log line.
    pub fn request_ended(&self, event: &RequestEnded) {
        self.in_flight.dec();
        let (door, status, ending) = (event.door, event.status, event.ending);
        let labels = RequestLabels { door, rule: event.rule.clone(), tier: event.tier.clone(), status, ending };
        self.requests.get_or_create(&labels).inc();
        if let Some((kind, fault)) = event.failure.zip(event.fault) {
            self.failures.get_or_create(&FailureLabels { kind, fault: fault.as_str() }).inc();
        }
        if let Some(what) = event.turn {
            self.turns.get_or_create(&TurnLabel { what }).inc();
        }
        for tried in &event.tried {
            let labels = AttemptLabels { endpoint: tried.endpoint.clone(), outcome: tried.outcome };
            self.attempts.get_or_create(&labels).inc();
            self.verified(event, tried);
        }
        // An entry that only settles what an earlier request began has taken no time of anybody.
        if event.endpoint.is_some() && !event.tried.is_empty() {
            let streamed = if event.streamed { "true" } else { "false" };
            let labels = TimeLabels { tier: event.tier.clone(), streamed };
            self.duration.get_or_create(&labels).observe(event.total.as_secs_f64());
            if let Some(time) = event.first_byte {
                self.first_byte.get_or_create(&labels).observe(time.as_secs_f64());
            }
            self.overhead.observe(event.overhead.as_secs_f64());
        }
        self.spend(event);
        trace::request_ended(event);
    }

    fn spend(&self, event: &RequestEnded) {
        let is_spent = event.usage.is_some() || event.cost.is_some();
        let Some(endpoint) = event.endpoint.as_ref().filter(|_| is_spent) else { return };
        let usage = event.usage.unwrap_or_default();
        for (bucket, tokens) in buckets(&usage) {
            if tokens > 0 {
                self.tokens.get_or_create(&TokenLabels { endpoint: endpoint.clone(), bucket }).inc_by(tokens);
            }
        }
        let endpoint_label = EndpointLabel { endpoint: endpoint.clone() };
        if event.usage_source == Some(crate::domain::UsageSource::Estimated) {
            self.estimated.get_or_create(&endpoint_label).inc();
        }
        if usage.web_searches > 0 {
            self.web_searches.get_or_create(&endpoint_label).inc_by(usage.web_searches);
        }
        if let (Some(ours), Some(theirs)) = (event.cost, event.provider_cost) {
            self.told_cost.get_or_create(&endpoint_label).inc_by(theirs.usd());
            self.compared_cost.get_or_create(&endpoint_label).inc_by(ours.usd());
            self.drift.get_or_create(&endpoint_label).inc_by((ours - theirs).usd().abs());
        }
        let Some(cost) = event.cost else {
            self.unpriced.get_or_create(&endpoint_label).inc();
            return;
        };
        let labels = SpendLabels { tier: event.tier.clone(), endpoint: endpoint.clone() };
        self.cost.get_or_create(&labels).inc_by(cost.usd());
        if let Some(baseline) = event.baseline {
            self.savings.get_or_create(&labels).inc_by((baseline - cost).usd());
        }
    }

    /// `routes.toml` changed.
    pub fn reloaded(&self, result: ReloadResult, unix_seconds: u64) {
        let accepted = result == ReloadResult::Accepted;
        let word = if accepted { "accepted" } else { "refused" };
        self.reloads.get_or_create(&ResultLabel { result: word }).inc();
        self.started(accepted, unix_seconds);
    }

    /// The configuration in use, at the start.
    pub fn started(&self, accepted: bool, unix_seconds: u64) {
        self.reload_ok.set(i64::from(accepted));
        if accepted {
            self.reload_at.set(i64::try_from(unix_seconds).unwrap_or(i64::MAX));
        }
    }

    /// Outcomes and alerts.
    pub fn value(&self) -> &ValueMetrics {
        &self.value
    }

    /// What is told of the quality of answers.
    pub fn quality(&self) -> &QualityMetrics {
        &self.quality
    }

    /// A request was refused without an entry.
    pub fn turned_away(&self) {
        self.turned_away.inc();
    }

    /// One of many requests without a good key was refused without an entry.
    pub fn stranger_left(&self) {
        self.in_flight.dec();
        self.strangers.inc();
    }

    /// A limit of ours refused a request, or kept an endpoint from being asked.
    pub fn limited(&self, limit: &LimitName, dimension: &'static str) {
        self.limited.get_or_create(&LimitLabels { limit: limit.clone(), dimension }).inc();
    }

    /// A request whose tokens are limited has ended: so many were reserved, so many were used.
    pub fn tokens_settled(&self, reserved: u64, used: u64) {
        self.tokens_reserved.inc_by(reserved);
        self.tokens_settled.inc_by(used);
    }

    /// An issuer's public keys were fetched, or could not be.
    pub fn issuer_fetched(&self, issuer: &IssuerName, is_ok: bool) {
        let (issuer, outcome) = (issuer.clone(), if is_ok { "ok" } else { "failed" });
        self.issuer_failing.get_or_create(&IssuerLabel { issuer: issuer.clone() }).set(i64::from(!is_ok));
        self.issuer_fetches.get_or_create(&FetchLabels { issuer, outcome }).inc();
    }

    /// An endpoint was left alone because its provider's limits were used up.
    pub fn left_alone(&self, endpoint: &EndpointName) {
        self.left_alone.get_or_create(&EndpointLabel { endpoint: endpoint.clone() }).inc();
    }

    /// A request ended in a panic.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Everything, in OpenMetrics text.
    pub fn render(&self, gauges: &Gauges) -> String {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.connections.set(whole(gauges.connections));
        // Endpoints that are configured no more must not keep their last state.
        self.breakers.clear();
        for breaker in &gauges.breakers {
            let label = EndpointLabel { endpoint: breaker.endpoint.clone() };
            self.breakers.get_or_create(&label).set(i64::from(breaker.state));
        }
        let ledger = &gauges.ledger;
        self.ledger_queued.set(whole(ledger.queued));
        self.ledger_oldest.set(Duration::as_secs_f64(&ledger.oldest_queued));
        self.ledger_wal.set(whole(ledger.wal_bytes));
        self.ledger_written.set(whole(ledger.written));
        self.ledger_commits.set(whole(ledger.commits));
        self.ledger_failures.set(whole(ledger.failures));
        self.ledger_late.set(whole(ledger.late));
        self.ledger_rejected.set(whole(ledger.rejected));
        self.ledger_failing.set(i64::from(ledger.failing));
        self.shipping.set(&ledger.shipping);
        self.rules_overdue.set(whole(gauges.rules_overdue));
        self.rules_expired.set(whole(gauges.rules_expired));
        self.registry_stale.set(gauges.registry_stale.as_secs_f64());
        if let Some(process) = process::read() {
            self.cpu.set(process.cpu_seconds);
            self.resident.set(whole(process.resident_bytes));
            self.open_fds.set(whole(process.open_fds));
        }
        let mut text = String::with_capacity(16 << 10);
        // Writing into a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn buckets(usage: &Usage) -> [(&'static str, u64); 9] {
    [
        ("input", usage.input),
        ("cache_read", usage.cache_read),
        ("cache_write_5m", usage.cache_write_5m),
        ("cache_write_1h", usage.cache_write_1h),
        ("output", usage.output),
        ("reasoning", usage.reasoning),
        ("audio_input", usage.audio_input),
        ("audio_output", usage.audio_output),
        ("image", usage.image),
    ]
}
