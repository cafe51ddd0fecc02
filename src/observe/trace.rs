//! Log lines: for people on a terminal, as JSON otherwise. One line a request.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::RequestEnded;

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// For people if standard error is a terminal, else JSON.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Starts the log on standard error. `level` is a filter such as `info` or `weighbridge=debug`; the variable `RUST_LOG`
/// overrides it. Without effect if a log has been started already, as in tests.
pub fn init(format: LogFormat, level: &str) {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| level.to_owned());
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let is_json = match format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    // An error means that a log is there already.
    let _ = if is_json {
        log.json().flatten_event(true).with_current_span(false).try_init()
    } else {
        log.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
}

pub(super) fn request_ended(event: &RequestEnded) {
    let name = |name: Option<&str>| name.unwrap_or("-").to_owned();
    tracing::info!(
        id = %event.id,
        door = event.door,
        key = name(event.key.as_ref().map(|key| key.as_str())),
        app = event.app.as_str(),
        rule = name(event.rule.as_ref().map(|rule| rule.as_str())),
        tier = name(event.tier.as_ref().map(|tier| tier.as_str())),
        endpoint = name(event.endpoint.as_ref().map(|endpoint| endpoint.as_str())),
        risk = event.risk.map_or("-", |risk| risk.as_str()),
        tags = %event.tags,
        status = event.status,
        ending = event.ending,
        failure = event.failure.unwrap_or("-"),
        attempts = event.tried.len(),
        streamed = event.streamed,
        tokens_in = event.usage.map_or(0, |usage| usage.total_input()),
        tokens_out = event.usage.map_or(0, |usage| usage.total_output()),
        cost_usd = %event.cost.map_or_else(|| "-".to_owned(), |cost| cost.to_string()),
        total_ms = event.total.as_micros() as f64 / 1000.0,
        first_byte_ms = event.first_byte.map_or(0.0, |time| time.as_micros() as f64 / 1000.0),
        overhead_ms = event.overhead.as_micros() as f64 / 1000.0,
        "request"
    );
}
