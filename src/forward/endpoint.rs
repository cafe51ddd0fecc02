//! An endpoint's settings: where it is, how it wants to be spoken to, and how long we wait.

use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;

use super::sign::AwsCredentials;
use crate::domain::{Dialect, Door, EndpointName, Price, Secret};

/// Which HTTP an endpoint is spoken to in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum HttpVersion {
    /// HTTP/1.1: one request at a time on each connection, so one slow answer delays no other.
    #[default]
    Http1,
    /// HTTP/2: many at once on one connection; over `http://` with prior knowledge.
    Http2,
}

/// How long we wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeLimits {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// From the request's last byte to the first byte of content.
    pub first_byte: Duration,
    /// Between two pieces of the answer.
    pub idle: Duration,
    /// For one attempt, from its start to the last byte.
    pub total: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(120),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(600),
        }
    }
}

/// How often one endpoint is asked again after a failure that may pass, before the next candidate's turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retries {
    /// Further tries at the same endpoint.
    pub max: u32,
    /// The pause before the first of them; it doubles, and half of it is jitter.
    pub base: Duration,
    /// The longest pause. A provider that asks for more with `retry-after` is left for the next candidate.
    pub cap: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self { max: 1, base: Duration::from_millis(250), cap: Duration::from_secs(8) }
    }
}

/// How requests to an endpoint are authorised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Auth {
    /// Not at all.
    None,
    /// With `authorization: Bearer SECRET`.
    Bearer(Secret),
    /// With the secret alone in a header of this name.
    Header(HeaderName, Secret),
    /// With the credential that the caller sent beside its key for this proxy.
    Caller,
    /// With a signature by AWS credentials, for this region.
    Aws(AwsCredentials, Arc<str>),
}

/// One model behind one URL with one credential.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its name in `routes.toml`.
    pub name: EndpointName,
    /// The wire format it speaks.
    pub dialect: Dialect,
    /// Scheme, host, port and path, as the provider documents its base URL; without a path, `/v1` is added.
    pub url: Uri,
    /// The model it is asked for.
    pub model: Arc<str>,
    /// What may be asked of it.
    pub serves: Arc<[Door]>,
    /// How requests to it are authorised.
    pub auth: Auth,
    /// Azure's `api-version`; requests then go to the deployment that the model names.
    pub api_version: Option<Arc<str>>,
    /// What may be left out of requests whose callers speak another dialect.
    pub omit: Arc<[String]>,
    /// Headers sent with every request to it, besides the credential.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Which HTTP it is spoken to in.
    pub http: HttpVersion,
    /// The only authorities whose certificates are trusted for it; `None`: those of the platform.
    pub authorities: Option<Arc<[CertificateDer<'static>]>>,
    /// How long we wait.
    pub limits: TimeLimits,
    /// How often it is asked again.
    pub retries: Retries,
    /// How long an unused connection is kept. Below the server's own keep-alive, or requests meet closing connections.
    pub pool_idle: Duration,
    /// Whether a stream is asked to report usage. Off for the rare server that rejects `stream_options`.
    pub ask_usage: bool,
    /// What its tokens cost.
    pub price: Price,
}

#[cfg(test)]
pub(super) fn sample(dialect: Dialect, url: &str) -> Endpoint {
    Endpoint {
        name: EndpointName::parse("sample").expect("a name"),
        dialect,
        url: url.parse().expect("a URL"),
        model: "sample-1".into(),
        serves: Door::ALL.into(),
        auth: Auth::None,
        api_version: None,
        omit: [].into(),
        headers: Vec::new(),
        http: HttpVersion::default(),
        authorities: None,
        limits: TimeLimits::default(),
        retries: Retries::default(),
        pool_idle: Duration::from_secs(4),
        ask_usage: true,
        price: Price::Unpriced,
    }
}
