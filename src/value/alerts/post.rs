//! A message, posted. The address is a secret: it is in no log line and in no error.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt;

use crate::domain::Secret;

/// The longest that a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The header with the message's id, by which a receiver knows one that it has already.
const ID_HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// Why messages cannot be posted there.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// It cannot be read.
    #[error("it is no address")]
    Unreadable,
    /// Anybody on the way could read it.
    #[error("it has to begin with `https://`; `http://` is for receivers on this machine")]
    Plain,
}

/// Posts messages to one receiver.
#[derive(Clone)]
pub struct Poster {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    address: Uri,
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poster").finish_non_exhaustive()
    }
}

/// The address, if messages may be posted there.
///
/// # Errors
/// If it is none, or others could read along.
pub fn address(webhook: &Secret) -> Result<Uri, AddressError> {
    let address: Uri = webhook.expose().parse().map_err(|_| AddressError::Unreadable)?;
    let host = address.host().ok_or(AddressError::Unreadable)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = host.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match address.scheme_str() {
        Some("https") => Ok(address),
        Some("http") if is_here => Ok(address),
        Some("http") => Err(AddressError::Plain),
        _ => Err(AddressError::Unreadable),
    }
}

impl Poster {
    /// Posts to this address.
    ///
    /// # Errors
    /// If the platform's certificates cannot be read.
    pub fn new(address: Uri) -> Result<Self, rustls::Error> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(PATIENCE));
        let tls = ClientConfig::with_platform_verifier()?;
        let https =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
        // Alerts are days apart: a connection that is kept would be found dead when it is needed.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(https);
        Ok(Self { client, address })
    }

    /// Posts one message.
    ///
    /// # Errors
    /// Why the receiver did not take it, in words that do not have its address.
    pub async fn post(&self, id: &str, body: String) -> Result<(), String> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.address.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("weighbridge/", env!("CARGO_PKG_VERSION"))));
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(ID_HEADER, id);
        }
        match tokio::time::timeout(PATIENCE, self.client.request(request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) => Err(format!("the receiver answered {}", answer.status().as_u16())),
            Ok(Err(error)) => Err(innermost(&error)),
            Err(_) => Err(format!("the receiver took longer than {} s", PATIENCE.as_secs())),
        }
    }
}

/// What went wrong at the bottom of it.
fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_where_nobody_reads_along() {
        let check = |text: &str, expected| assert_eq!(address(&Secret::new(text)).map(drop), expected, "{text}");
        check("https://hooks.slack.example/services/T0/B0/x", Ok(()));
        check("http://127.0.0.1:9000/hook", Ok(()));
        check("http://[::1]:9000/hook", Ok(()));
        check("http://localhost/hook", Ok(()));
        check("http://hooks.slack.example/services/T0/B0/x", Err(AddressError::Plain));
        check("ftp://hooks.slack.example/", Err(AddressError::Unreadable));
        check("/services/T0", Err(AddressError::Unreadable));
        check("two words", Err(AddressError::Unreadable));
    }
}
