//! Which headers pass: of a caller's request only those named here, of a provider's answer all but those named here.

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

use super::Endpoint;
use crate::domain::Dialect;

/// Request headers that go on to a provider as they came. Credentials, cookies, addresses and whatever is not known
/// here stay behind.
const FORWARDED: [&str; 10] = [
    "user-agent",
    "idempotency-key",
    "traceparent",
    "tracestate",
    "baggage",
    "x-request-id",
    "x-client-request-id",
    "openai-beta",
    "http-referer",
    "x-title",
];

/// Families of request headers that go on.
const FORWARDED_FAMILIES: [&str; 1] = ["x-stainless-"];

/// Response headers that stay behind: they belong to the connection, or tell callers about our account.
const WITHHELD: [&str; 16] = [
    "www-authenticate",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "set-cookie",
    "server",
    "alt-svc",
    "strict-transport-security",
    "openai-organization",
    "anthropic-organization-id",
];

/// The headers of a request to this endpoint.
pub fn upstream_request(caller: &HeaderMap, endpoint: &Endpoint, stream: bool) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    for (name, value) in caller {
        let known = FORWARDED.contains(&name.as_str());
        if known || FORWARDED_FAMILIES.iter().any(|family| name.as_str().starts_with(family)) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if stream { "text/event-stream" } else { "application/json" };
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    // What is compressed cannot be metered on its way through.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in &endpoint.headers {
        headers.insert(name, value.clone());
    }
    if let Some((name, value)) = credential(endpoint) {
        headers.insert(name, value);
    }
    headers
}

/// How the endpoint's dialect wants its credential. One that cannot stand in a header was refused by `check`.
fn credential(endpoint: &Endpoint) -> Option<(HeaderName, HeaderValue)> {
    let secret = endpoint.credential.as_ref()?.expose();
    let (name, text) = match endpoint.dialect {
        Dialect::AnthropicMessages => (HeaderName::from_static("x-api-key"), secret.to_owned()),
        Dialect::Gemini => (HeaderName::from_static("x-goog-api-key"), secret.to_owned()),
        _ => (header::AUTHORIZATION, format!("Bearer {secret}")),
    };
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

/// The headers of a provider's answer that go on to the caller.
pub fn from_upstream(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<&str> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
        .collect();
    let stays = |name: &HeaderName| {
        let is_ours = name.as_str().starts_with("x-weighbridge-");
        is_ours
            || WITHHELD.contains(&name.as_str())
            || named.iter().any(|other| name.as_str().eq_ignore_ascii_case(other))
    };
    headers.iter().filter(|(name, _)| !stays(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_providers_answer_keeps_its_headers_but_those_of_the_connection_and_our_account() {
        let passed = from_upstream(&headers(&[
            ("x-request-id", "req_1"),
            ("x-ratelimit-remaining-tokens", "9"),
            ("access-control-allow-origin", ""),
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("set-cookie", "a=b"),
            ("openai-organization", "acme"),
            ("content-length", "3"),
        ]));
        let names: Vec<&str> = passed.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-request-id", "x-ratelimit-remaining-tokens", "access-control-allow-origin"]);
    }
}
