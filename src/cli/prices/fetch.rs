//! A catalogue's bytes, from a file or over HTTP.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt;

use crate::config::MOST_BYTES;

/// Until the address accepts a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Until all is here.
const WHOLE: Duration = Duration::from_secs(60);

/// What is at a path or an address.
///
/// # Errors
/// Why it could not be had.
pub(super) fn bytes(from: &str) -> Result<Vec<u8>, String> {
    match from.split_once("://") {
        None => read(Path::new(from)).map_err(|error| format!("`{from}` cannot be read: {error}")),
        Some(_) => {
            let uri = allowed(from)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| format!("nothing can be fetched: {error}"))?;
            let got = runtime.block_on(async { tokio::time::timeout(WHOLE, get(&uri)).await });
            got.unwrap_or_else(|_| Err(format!("it took longer than {} s", WHOLE.as_secs())))
                .map_err(|error| format!("`{from}` cannot be fetched: {error}"))
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Prices decide what is billed: whoever could change them on the way could change that.
fn allowed(from: &str) -> Result<Uri, String> {
    let uri: Uri = from.parse().map_err(|error| format!("`{from}` is no address: {error}"))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_here => Ok(uri),
        _ => Err(format!("`{from}` is not fetched: https only, and http from this machine itself")),
    }
}

async fn get(uri: &Uri) -> Result<Vec<u8>, String> {
    let words = |error: &dyn std::error::Error| {
        let causes = std::iter::successors(error.source(), |error| error.source()).map(|cause| format!(": {cause}"));
        format!("{error}{}", causes.collect::<String>())
    };
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(Some(CONNECT));
    let tls = ClientConfig::with_platform_verifier().map_err(|error| words(&error))?;
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(https);
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri.clone();
    if let Some(host) = uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()) {
        request.headers_mut().insert(HOST, host);
    }
    let agent = HeaderValue::from_static(concat!("weighbridge/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(USER_AGENT, agent);
    let answer = client.request(request).await.map_err(|error| words(&error))?;
    if !answer.status().is_success() {
        return Err(format!("it answers {}; redirections are not followed", answer.status()));
    }
    let most = usize::try_from(MOST_BYTES).unwrap_or(usize::MAX);
    let body = Limited::new(answer.into_body(), most).collect().await;
    body.map(|body| body.to_bytes().to_vec()).map_err(|error| words(error.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_not_taken_from_where_they_can_be_changed_on_the_way() {
        for good in ["https://example.com/a.json", "http://127.0.0.1:9/a", "http://[::1]:9/a", "http://localhost/a"] {
            assert!(allowed(good).is_ok(), "{good}");
        }
        for bad in ["http://example.com/a.json", "ftp://127.0.0.1/a", "http://127.0.0.1.example.com/a", "http://"] {
            assert!(allowed(bad).is_err(), "{bad}");
        }
    }
}
