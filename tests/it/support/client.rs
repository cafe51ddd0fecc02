//! A plain HTTP client.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::upstream::within;

/// A client of one base address.
#[derive(Clone)]
pub struct Client {
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
    base: String,
    headers: HeaderMap,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// A header's value as text; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

impl Client {
    /// Of this address, in HTTP/1.1 or, with prior knowledge, HTTP/2.
    pub fn new(base: String, http2: bool) -> Self {
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
        Self { http, base, headers: HeaderMap::new() }
    }

    /// The same, sending one header more.
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.insert(name, value.parse().expect("a header value"));
        client
    }

    /// Sends a request and waits for the head of its answer.
    pub async fn open(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Response<Incoming> {
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}{path}", self.base).parse().expect("a path");
        *request.headers_mut() = self.headers.clone();
        within(self.http.request(request)).await.expect("an answer")
    }

    /// Posts a request and waits for the head of its answer; `None` if there is none.
    pub async fn try_open(&self, path: &str, body: impl Into<Bytes>) -> Option<Response<Incoming>> {
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = format!("{}{path}", self.base).parse().ok()?;
        *request.headers_mut() = self.headers.clone();
        within(self.http.request(request)).await.ok()
    }

    /// Sends a request and takes its whole answer.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        let (head, body) = self.open(method, path, body).await.into_parts();
        let body = within(body.collect()).await.expect("a whole body").to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// Asks for an answer to a prompt.
    pub async fn chat(&self, body: impl Into<Bytes>) -> Answer {
        self.send(Method::POST, "/v1/chat/completions", body).await
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }
}
