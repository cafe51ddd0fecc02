//! The operators' door, on a listener of its own: metrics, probes, what a request cost, and what people change while the
//! proxy runs. A table has every path with who may ask; the handlers know that whoever asks may.

mod alerts;
mod api;
mod budgets;
mod keys;
mod login;
mod outcomes;
mod overrides;
mod reply;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};

use crate::forward::BreakerState;
use crate::listen::{Answering, guarded};
use crate::observe::{BreakerGauge, Gauges, LedgerGauges, ShippingGauges};
use crate::proxy::Proxy;
use crate::read::{self, Bounds};
use crate::record::archive::Archive;
use crate::registry::{Moment, Registry};
use crate::value::book::Book;
pub use login::Authorized;
use login::Logins;
use reply::text;
pub use reply::{Refusal, Reply};
use table::{Asked, Needs};

/// The most that a body may have: what people send here is small.
const MOST_BYTES: usize = 1 << 20;

/// The most that a webhook's body may have. It is read before it is known who sent it; GitHub sends up to 25 MB of what
/// happens, and some hundred kilobytes of a pull request.
const MOST_WEBHOOK_BYTES: usize = 4 << 20;

/// The admin port.
#[derive(Clone)]
pub struct AdminPort {
    /// What is looked into.
    pub proxy: Arc<Proxy>,
    /// What shipped, and which alerts fire.
    pub book: Book,
    /// Open connections on the data port.
    pub connections: Arc<AtomicU64>,
    /// What is changed here.
    pub registry: Registry,
    /// The ledger, for those who ask.
    pub archive: Archive,
}

impl Answering for AdminPort {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let (head, body) = request.into_parts();
        let answered = guarded(self.handle(&head, body)).await;
        let fault = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "a fault in the proxy: see its log");
        answered.unwrap_or_else(|| Err(fault())).unwrap_or_else(Refusal::into_reply)
    }
}

impl AdminPort {
    /// What happens to one request: who asks is known before its body is read.
    async fn handle(&self, head: &Parts, body: Incoming) -> Result<Reply, Refusal> {
        let found = table::find(&head.method, head.uri.path());
        // What there is is not told to those who may not ask.
        let needs = found.as_ref().map_or(Needs::Role(crate::registry::Role::Viewer), |found| found.needs);
        let who = {
            let (config, issued) = (self.proxy.config.snapshot(), self.registry.snapshot());
            let logins = Logins { file: &config.admin_tokens, issued: issued.as_deref() };
            logins.authorize(needs, &head.headers, &head.uri, Moment::now())?
        };
        let found = found?;
        let body = if matches!(head.method, Method::GET | Method::HEAD) {
            Bytes::new()
        } else {
            let most = if needs == Needs::Signature { MOST_WEBHOOK_BYTES } else { MOST_BYTES };
            read::body(body, &head.headers, &Bounds { max_body_bytes: most, ..Bounds::default() }).await?.bytes
        };
        let named = |place: usize| found.named.get(place).copied().unwrap_or_default();
        match found.asked {
            Asked::Root => Ok(text(StatusCode::OK, table::list())),
            Asked::Health => Ok(text(StatusCode::OK, "ok\n")),
            Asked::Ready => Ok(self.ready()),
            Asked::Metrics => Ok(self.metrics()),
            Asked::Request => api::request(&self.archive, named(0)).await,
            Asked::Keys => self.keys().await,
            Asked::CreateKey => self.create_key(&who, &body).await,
            Asked::RotateKey => self.rotate_key(&who, named(0), &body).await,
            Asked::RevokeKey => self.revoke_key(&who, named(0)).await,
            Asked::Tokens => self.tokens().await,
            Asked::CreateToken => self.create_token(&who, &body).await,
            Asked::RevokeToken => self.revoke_token(&who, named(0)).await,
            Asked::Outcomes => self.outcomes(head.uri.query()).await,
            Asked::TellOutcomes => self.tell_outcomes(&body).await,
            Asked::Webhook(host) => Ok(self.webhook(host, &head.headers, &body).await),
            Asked::Alerts => self.alerts().await,
            Asked::Budgets => self.budgets(),
            Asked::Overrides => self.overrides(named(0)).await,
            Asked::OverrideBudget => self.override_budget(&who, named(0), &body).await,
            Asked::EndOverride => self.end_override(&who, named(0), named(1)).await,
            Asked::Audit => self.audit(head.uri.query().unwrap_or_default()).await,
        }
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
        self.show_budgets();
        let stats = self.proxy.books.ledger.stats();
        let config = self.proxy.config.snapshot();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (rules, now) = (&config.rules, u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
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
                shipping: stats.shipping.map_or_else(ShippingGauges::default, |shipping| ShippingGauges {
                    unshipped: shipping.unshipped,
                    oldest_unshipped: shipping.oldest_unshipped,
                    spool_bytes: shipping.spool_bytes,
                    max_spool_bytes: shipping.max_spool,
                    shipped: shipping.shipped,
                    failures: shipping.failures,
                    set_aside: shipping.set_aside,
                }),
            },
            connections: self.connections.load(Ordering::Relaxed),
            rules_overdue: rules.overdue(now).count() as u64,
            rules_expired: rules.expired(now).count() as u64,
            registry_stale: self.registry.staleness(),
        };
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        reply::reply(StatusCode::OK, kind, self.proxy.books.metrics.render(&gauges))
    }
}
