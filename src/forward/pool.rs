//! What lives as long as the process for each endpoint: its connections, its breaker, how fast it answered lately.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::answer::Got;
use super::breaker::{Breaker, BreakerState};
use super::connect::Connector;
use super::problem::Problem;
use super::quota::Quota;
use super::upload::Upload;
use super::{Auth, Endpoint, HttpVersion};
use crate::domain::EndpointName;

/// An HTTP client with the connections it keeps.
pub type HttpClient = Client<Connector, UpstreamBody>;

/// The body of a request to an upstream: all of it, so that it can be sent again, or a caller's as it arrives.
pub type UpstreamBody = Either<Full<Bytes>, Upload>;

/// One endpoint's state.
pub struct EndpointState {
    /// Its breaker.
    pub breaker: Breaker,
    /// What its provider still lets us ask.
    pub quota: Quota,
    /// A moving average of the time to the first byte of content, in microseconds; 0: none yet.
    latency_us: AtomicU64,
    /// Whether its last answer that should have told usage did not.
    is_silent: AtomicBool,
    /// The client, and the settings it was made for: a reload that changes them gets a new one, and requests in flight
    /// keep theirs.
    client: Mutex<Option<(Arc<Endpoint>, HttpClient)>>,
}

impl std::fmt::Debug for EndpointState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointState").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}

impl EndpointState {
    fn new() -> Self {
        Self {
            breaker: Breaker::default(),
            quota: Quota::default(),
            latency_us: AtomicU64::new(0),
            is_silent: AtomicBool::new(false),
            client: Mutex::new(None),
        }
    }

    /// The client for these settings.
    ///
    /// # Errors
    /// If its TLS settings cannot be used.
    pub fn client(&self, endpoint: &Arc<Endpoint>) -> Result<HttpClient, rustls::Error> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_for, client)) = &*kept
            && (Arc::ptr_eq(made_for, endpoint) || connects_alike(made_for, endpoint))
        {
            return Ok(client.clone());
        }
        let client = new_client(endpoint)?;
        *kept = Some((Arc::clone(endpoint), client.clone()));
        Ok(client)
    }

    /// Takes a measured time to the first byte into the average, in which the newest counts a fifth.
    pub fn observe_latency(&self, measured: Duration) {
        let measured = u64::try_from(measured.as_micros()).unwrap_or(u64::MAX).max(1);
        let next = |old: u64| Some(if old == 0 { measured } else { old - old / 5 + measured / 5 });
        // The closure always returns a value, so the update always succeeds.
        let _ = self.latency_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    /// Takes note of what an answer tells of its provider's limits. Where callers show their own credential, the limits
    /// are theirs and not the endpoint's.
    pub(super) fn learn(&self, endpoint: &Endpoint, result: &Result<Got, Problem>) {
        if endpoint.auth == Auth::Caller {
            return;
        }
        let (now, clock) = (Instant::now(), SystemTime::now());
        match result {
            Ok(got) => self.quota.learn(&got.headers, now, clock),
            Err(Problem::Status(refusal)) => {
                self.quota.learn(&refusal.headers, now, clock);
                if let (429 | 529, Some(pause)) = (refusal.status.as_u16(), refusal.retry_after) {
                    self.quota.rest(pause, now);
                }
            }
            Err(_) => {}
        }
    }

    /// Takes note of whether an answer told what it used.
    pub fn observe_usage(&self, told: bool) {
        self.is_silent.store(!told, Ordering::Relaxed);
    }

    /// The average time to the first byte of content; `None` before the first answer.
    pub fn latency(&self) -> Option<Duration> {
        Some(self.latency_us.load(Ordering::Relaxed)).filter(|micros| *micros > 0).map(Duration::from_micros)
    }
}

/// Whether the same connections serve both settings.
fn connects_alike(one: &Endpoint, other: &Endpoint) -> bool {
    one.url.scheme() == other.url.scheme()
        && one.url.authority() == other.url.authority()
        && one.http == other.http
        && one.authorities == other.authorities
        && one.limits.connect == other.limits.connect
        && one.pool_idle == other.pool_idle
}

fn new_client(endpoint: &Endpoint) -> Result<HttpClient, rustls::Error> {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(endpoint.pool_idle).pool_timer(TokioTimer::new()).timer(TokioTimer::new());
    if endpoint.http == HttpVersion::Http2 {
        builder
            .http2_only(true)
            .http2_adaptive_window(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10));
    }
    Ok(builder.build(Connector::new(endpoint)?))
}

/// Every endpoint's state, by name: a reload replaces settings and leaves this.
#[derive(Default)]
pub struct Pool {
    states: Mutex<HashMap<EndpointName, Arc<EndpointState>>>,
}

impl Pool {
    /// The state of this endpoint.
    pub fn state(&self, name: &EndpointName) -> Arc<EndpointState> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get(name) {
            return Arc::clone(state);
        }
        Arc::clone(states.entry(name.clone()).or_insert_with(|| Arc::new(EndpointState::new())))
    }

    /// Whether an answer of this endpoint will leave its tokens to be counted here: usage is not asked of it, or it told
    /// none the last time.
    pub fn is_silent(&self, endpoint: &Endpoint) -> bool {
        !endpoint.ask_usage || self.state(&endpoint.name).is_silent.load(Ordering::Relaxed)
    }

    /// Forgets endpoints that are configured no more.
    pub fn retain(&self, is_configured: impl Fn(&EndpointName) -> bool) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| is_configured(name));
    }

    /// Each endpoint's breaker.
    pub fn breakers(&self, now: Instant) -> Vec<(EndpointName, BreakerState)> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.iter().map(|(name, state)| (name.clone(), state.breaker.state(now))).collect()
    }

    /// Each endpoint's average time to the first byte, of those that have answered.
    pub fn latencies(&self) -> Vec<(EndpointName, Duration)> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.iter().filter_map(|(name, state)| Some((name.clone(), state.latency()?))).collect()
    }
}
