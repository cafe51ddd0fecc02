//! Fetches an issuer's public keys: over TLS, within a time limit, no more than so many bytes, and no redirects.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{ACCEPT, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::ConfigVerifierExt;
use serde_json::Value;

use super::settings::{Issuer, IssuerError, Source, is_secure};

/// How long one fetch may take.
const LONGEST: Duration = Duration::from_secs(5);

/// The largest document that is read.
const LARGEST: usize = 256 << 10;

/// Why keys could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("it took too long")]
    Late,
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it answers with {0}")]
    Status(StatusCode),
    #[error("its answer broke off or is larger than {LARGEST} bytes")]
    Body,
    #[error("its certificates cannot be checked: {0}")]
    Tls(#[from] rustls::Error),
    #[error("its discovery document is not one of this issuer")]
    NotDiscovery,
    #[error("what it answers is no set of keys")]
    NotKeys,
    #[error("none of its keys can be used with the algorithms that are allowed")]
    NoneFits,
    #[error(transparent)]
    Address(#[from] IssuerError),
}

/// The document with the keys.
pub(super) async fn keys(issuer: &Issuer) -> Result<Bytes, FetchError> {
    let fetched = tokio::time::timeout(LONGEST, async {
        match &issuer.source {
            Source::Keys(url) => document(issuer, url).await,
            Source::Discovery(url) => {
                let url = discovered(issuer, &document(issuer, url).await?)?;
                document(issuer, &url).await
            }
        }
    });
    fetched.await.map_err(|_| FetchError::Late)?
}

/// Where the discovery document says that the keys are.
fn discovered(issuer: &Issuer, document: &[u8]) -> Result<Uri, FetchError> {
    let document: Value = serde_json::from_slice(document).map_err(|_| FetchError::NotDiscovery)?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if text("issuer") != Some(&issuer.issuer) {
        return Err(FetchError::NotDiscovery);
    }
    let url: Uri = text("jwks_uri").and_then(|url| url.parse().ok()).ok_or(FetchError::NotDiscovery)?;
    is_secure(&url)?;
    Ok(url)
}

async fn document(issuer: &Issuer, url: &Uri) -> Result<Bytes, FetchError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    let https = HttpsConnectorBuilder::new().with_tls_config(tls(issuer)?).https_or_http().enable_http1();
    // A connection of its own: it is needed once in ten minutes.
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(https.wrap_connector(http));
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = url.clone();
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let answer = client.request(request).await.map_err(|error| FetchError::Unreachable(innermost(&error)))?;
    if answer.status() != StatusCode::OK {
        return Err(FetchError::Status(answer.status()));
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    Ok(body.map_err(|_| FetchError::Body)?.to_bytes())
}

fn tls(issuer: &Issuer) -> Result<ClientConfig, rustls::Error> {
    let Some(authorities) = &issuer.authorities else { return ClientConfig::with_platform_verifier() };
    let mut roots = RootCertStore::empty();
    for authority in authorities.iter() {
        roots.add(authority.clone())?;
    }
    Ok(ClientConfig::builder().with_root_certificates(Arc::new(roots)).with_no_client_auth())
}

/// The last cause of an error.
fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}
