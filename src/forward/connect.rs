//! Connections to upstreams: TCP and TLS within one time limit.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::ConfigVerifierExt;
use tokio::net::TcpStream;
use tower_service::Service;

use super::{Endpoint, HttpVersion};

/// Opens connections, giving each one so much time and no more.
#[derive(Clone)]
pub struct Connector {
    https: HttpsConnector<HttpConnector>,
    limit: Duration,
}

impl Connector {
    /// A connector for this endpoint: its authorities or the platform's, its HTTP version offered.
    ///
    /// # Errors
    /// If the platform's certificates cannot be read or an authority is no certificate.
    pub fn new(endpoint: &Endpoint) -> Result<Self, rustls::Error> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        // Without it the second small write of a request waits for the peer's delayed acknowledgement: 40 ms.
        http.set_nodelay(true);
        http.set_connect_timeout(Some(endpoint.limits.connect));
        http.set_keepalive(Some(Duration::from_secs(60)));
        let https = HttpsConnectorBuilder::new().with_tls_config(tls(endpoint)?).https_or_http();
        let https = match endpoint.http {
            HttpVersion::Http1 => https.enable_http1().wrap_connector(http),
            HttpVersion::Http2 => https.enable_http2().wrap_connector(http),
        };
        Ok(Self { https, limit: endpoint.limits.connect })
    }
}

fn tls(endpoint: &Endpoint) -> Result<ClientConfig, rustls::Error> {
    let Some(authorities) = &endpoint.authorities else { return ClientConfig::with_platform_verifier() };
    let mut roots = RootCertStore::empty();
    for authority in authorities.iter() {
        roots.add(authority.clone())?;
    }
    Ok(ClientConfig::builder().with_root_certificates(Arc::new(roots)).with_no_client_auth())
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.https.call(uri);
        let limit = self.limit;
        Box::pin(async move {
            let late = || io::Error::new(io::ErrorKind::TimedOut, "connecting took too long");
            tokio::time::timeout(limit, connecting).await.map_err(|_| late())?
        })
    }
}
