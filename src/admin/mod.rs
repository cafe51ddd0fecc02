//! The operators' door, on a listener of its own: metrics, probes, and what a request cost.

mod alerts;
mod api;
mod outcomes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::forward::BreakerState;
use crate::listen::Answering;
use crate::observe::{BreakerGauge, Gauges, LedgerGauges};
use crate::proxy::Proxy;
use crate::value::book::Book;

/// The admin port.
#[derive(Clone)]
pub struct AdminPort {
    /// What is looked into.
    pub proxy: Arc<Proxy>,
    /// What shipped, and which alerts fire.
    pub book: Book,
    /// Open connections on the data port.
    pub connections: Arc<AtomicU64>,
}

type Reply = Response<Full<Bytes>>;

impl Answering for AdminPort {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        if let Some(answer) = self.webhook(&request) {
            return self.deliver(answer, request).await;
        }
        if !names_this_machine(&request) {
            // A page elsewhere that has its own name resolve to this machine must not read what is here.
            return text(StatusCode::FORBIDDEN, "ask for this port by an IP address or as localhost\n");
        }
        if request.method() == Method::POST && request.uri().path() == "/api/v1/outcomes" {
            return outcomes::post(&self.book, self.proxy.books.metrics.value(), request.into_body()).await;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "this path takes GET\n");
        }
        match request.uri().path() {
            "/" => text(StatusCode::OK, "weighbridge: /metrics, /readyz, /healthz, /api/v1/requests/{id}\n"),
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.ready(),
            "/metrics" => self.metrics(),
            "/api/v1/alerts" => alerts::list(&self.book).await,
            "/api/v1/outcomes" => {
                let config = self.proxy.config.snapshot();
                outcomes::list(&config.outcomes, &self.book, request.uri().query()).await
            }
            path => match path.strip_prefix("/api/v1/requests/") {
                Some(id) => api::request(self.proxy.config.snapshot().ledger.path.clone(), id).await,
                None => text(StatusCode::NOT_FOUND, "no such path\n"),
            },
        }
    }
}

impl AdminPort {
    fn webhook(&self, request: &Request<Incoming>) -> Option<outcomes::Host> {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/api/v1/webhooks/github") => Some(outcomes::Host::Github),
            (&Method::POST, "/api/v1/webhooks/gitlab") => Some(outcomes::Host::Gitlab),
            _ => None,
        }
    }

    async fn deliver(&self, host: outcomes::Host, request: Request<Incoming>) -> Reply {
        let config = self.proxy.config.snapshot();
        outcomes::webhook(host, &config.outcomes, &self.book, self.proxy.books.metrics.value(), request).await
    }

    fn ready(&self) -> Reply {
        match self.proxy.is_accepting() {
            Ok(()) => text(StatusCode::OK, "ready\n"),
            Err(failure) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", failure.message)),
        }
    }

    fn metrics(&self) -> Reply {
        let breakers = self.proxy.pool.breakers(Instant::now()).into_iter().map(|(endpoint, state)| {
            let state = match state {
                BreakerState::Closed => 0,
                BreakerState::HalfOpen => 1,
                BreakerState::Open => 2,
            };
            BreakerGauge { endpoint, state }
        });
        let stats = self.proxy.books.ledger.stats();
        let gauges = Gauges {
            breakers: breakers.collect(),
            ledger: LedgerGauges {
                queued: stats.queued as u64,
                written: stats.written,
                commits: stats.commits,
                failures: stats.failures,
                late: stats.late,
                rejected: stats.rejected,
                failing: stats.failing,
                oldest_queued: stats.oldest_queued,
                wal_bytes: stats.log_bytes,
            },
            connections: self.connections.load(Ordering::Relaxed),
        };
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        reply(StatusCode::OK, kind, self.proxy.books.metrics.render(&gauges))
    }
}

/// Whether the request names this machine by an address or as localhost, and no other name.
fn names_this_machine(request: &Request<Incoming>) -> bool {
    let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let Some(authority) = header.or_else(|| request.uri().authority().map(|authority| authority.as_str())) else {
        return true;
    };
    let host = authority.rsplit_once(':').map_or(authority, |(host, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { authority }
    });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok()
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    reply(status, "text/plain; charset=utf-8", text)
}

fn reply(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
