//! One request, as the tool would send it, to see that traffic arrives at this proxy and comes back.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt;
use serde_json::{Value, json};

use super::target::{Key, Target};
use crate::domain::{Dialect, FailureKind};

/// Until the address accepts a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Until the answer is there. A model that thinks, or is loaded first, takes its time.
const ANSWER: Duration = Duration::from_secs(120);
/// More than any answer to two words has.
const LARGEST_ANSWER: usize = 1 << 20;
/// Anthropic wants a bound. It counts towards the context window, so it is small.
const MAX_TOKENS: u32 = 64;
const PROMPT: &str = "Answer with the word OK.";

/// A request arrived and was answered.
pub struct Arrived {
    headers: HeaderMap,
}

impl fmt::Display for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |name| header(&self.headers, name).unwrap_or("-");
        write!(f, "request {}", told("x-weighbridge-request-id"))?;
        write!(f, ", rule {}, tier {}", told("x-weighbridge-rule"), told("x-weighbridge-tier"))?;
        write!(f, ", endpoint {}", told("x-weighbridge-endpoint"))?;
        header(&self.headers, "x-weighbridge-cost-usd").map_or(Ok(()), |cost| write!(f, ", cost ${cost}"))
    }
}

/// Asks once.
///
/// # Errors
/// What is wrong, and what to do about it.
pub async fn ask(target: &Target, dialect: Dialect, key: Option<&str>) -> Result<Arrived, String> {
    let request = request(target, dialect, key)?;
    let client = client().map_err(|error| format!("the certificates of this system cannot be read: {error}"))?;
    let url = &target.url;
    let answer = tokio::time::timeout(ANSWER, client.request(request)).await;
    let answer = answer
        .map_err(|_| format!("{url} took the request but has not answered within {} s.", ANSWER.as_secs()))?
        .map_err(|error| unreachable(url, &error))?;
    let (head, body) = answer.into_parts();
    let body = tokio::time::timeout(ANSWER, Limited::new(body, LARGEST_ANSWER).collect()).await;
    let body = body.ok().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
    judge(target, head.status, head.headers, &body)
}

fn client() -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, rustls::Error> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(Some(CONNECT));
    let tls = ClientConfig::with_platform_verifier()?;
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new()).build(https))
}

fn request(target: &Target, dialect: Dialect, key: Option<&str>) -> Result<Request<Full<Bytes>>, String> {
    let (path, body) = prompt(dialect, &target.model);
    let mut request = Request::new(Full::new(Bytes::from(body.to_string())));
    *request.method_mut() = Method::POST;
    let uri = format!("{}{path}", target.url);
    *request.uri_mut() = uri.parse().map_err(|error| format!("{uri} is no address: {error}"))?;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("weighbridge-connect/", env!("CARGO_PKG_VERSION"))));
    if dialect == Dialect::AnthropicMessages {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    if let Some(key) = key {
        let bearer = HeaderValue::try_from(format!("Bearer {key}"));
        let mut bearer = bearer.map_err(|_| "the key has characters that no header takes".to_owned())?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    Ok(request)
}

/// The path and the body of the smallest prompt.
fn prompt(dialect: Dialect, model: &str) -> (&'static str, Value) {
    let messages = json!([{"role": "user", "content": PROMPT}]);
    match dialect {
        Dialect::AnthropicMessages => {
            ("/v1/messages", json!({"model": model, "max_tokens": MAX_TOKENS, "messages": messages}))
        }
        Dialect::OpenaiResponses => ("/v1/responses", json!({"model": model, "input": PROMPT, "store": false})),
        // No tool speaks a provider's own dialect to this proxy.
        Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => {
            ("/v1/chat/completions", json!({"model": model, "messages": messages}))
        }
    }
}

fn unreachable(url: &str, error: &dyn Error) -> String {
    let mut reason = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        reason = error.to_string();
        below = error.source();
    }
    format!("nothing answers at {url} ({reason}). Is the proxy running? `weighbridge serve` starts it.")
}

fn judge(target: &Target, status: StatusCode, headers: HeaderMap, body: &[u8]) -> Result<Arrived, String> {
    let url = &target.url;
    if header(&headers, "x-weighbridge-request-id").is_none() {
        return Err(format!("something answers at {url} (status {status}), but it is not Weighbridge."));
    }
    if status.is_success() {
        return Ok(Arrived { headers });
    }
    let said = message(body).unwrap_or_else(|| format!("status {status}"));
    let Some(refusal) = header(&headers, "x-weighbridge-error") else {
        let endpoint = header(&headers, "x-weighbridge-endpoint").unwrap_or("-");
        return Err(format!("the request arrived at Weighbridge, but endpoint {endpoint} answered {status}: {said}"));
    };
    let advice = match (status, &target.key) {
        (StatusCode::UNAUTHORIZED, Key::Env(name)) if std::env::var_os(name).is_none() => {
            format!(" The variable {name} is not set: put the key into it, or name another with --key-env.")
        }
        (StatusCode::UNAUTHORIZED, Key::Env(name)) => format!(" The key is the one in {name}."),
        _ if refusal == FailureKind::UnknownModel.as_str() => {
            format!(" `{}` has to be in `[routing] models`.", target.model)
        }
        _ => String::new(),
    };
    Err(format!("Weighbridge refused the request ({refusal}): {said}{advice}"))
}

fn message(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body["error"]["message"].as_str().map(str::to_owned)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target { url: "http://proxy".to_owned(), key: Key::Given("k".to_owned()), model: "auto".to_owned() }
    }

    fn judged(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Result<String, String> {
        let headers = headers
            .iter()
            .map(|(name, value)| (hyper::header::HeaderName::from_static(name), HeaderValue::from_static(value)));
        let status = StatusCode::from_u16(status).expect("a status");
        judge(&target(), status, headers.collect(), body.as_bytes()).map(|arrived| arrived.to_string())
    }

    #[test]
    fn only_weighbridge_is_taken_for_weighbridge() {
        let found = judged(200, &[("server", "nginx")], "{}");
        assert_eq!(found, Err("something answers at http://proxy (status 200 OK), but it is not Weighbridge.".into()));
    }

    #[test]
    fn who_said_no_is_told() {
        const ID: (&str, &str) = ("x-weighbridge-request-id", "req_1");
        let body = r#"{"error": {"message": "no such model"}}"#;
        let ours = judged(404, &[ID, ("x-weighbridge-error", "unknown_model")], body).expect_err("a refusal");
        assert!(ours.contains("refused the request (unknown_model): no such model"), "{ours}");
        assert!(ours.contains("`auto` has to be in `[routing] models`"), "{ours}");
        let theirs = judged(400, &[ID, ("x-weighbridge-endpoint", "haiku")], body).expect_err("a refusal");
        assert!(theirs.contains("endpoint haiku answered 400 Bad Request: no such model"), "{theirs}");
        let found = judged(200, &[ID, ("x-weighbridge-tier", "cheap"), ("x-weighbridge-cost-usd", "0.1")], "{}");
        assert_eq!(found, Ok("request req_1, rule -, tier cheap, endpoint -, cost $0.1".to_owned()));
    }

    #[test]
    fn a_key_that_no_header_takes_is_told_and_not_shown() {
        let error = request(&target(), Dialect::OpenaiChat, Some("secret\n")).expect_err("no header");
        assert!(!error.contains("secret"), "{error}");
    }
}
