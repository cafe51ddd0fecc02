//! Which headers pass: of a caller's request only those named here, of a provider's answer all but those named here.

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

use super::{Auth, Endpoint};
use crate::domain::Dialect;

/// Request headers that go on to a provider as they came. Credentials, cookies, addresses and whatever is not known
/// here stay behind.
const FORWARDED: [&str; 9] = [
    "user-agent",
    "idempotency-key",
    "traceparent",
    "tracestate",
    "baggage",
    "x-request-id",
    "x-client-request-id",
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

/// Families of request headers that go on to endpoints of the dialect that the caller speaks.
const OF_DIALECT: [(Dialect, &[&str]); 3] = [
    (Dialect::AnthropicMessages, &["anthropic-"]),
    (Dialect::OpenaiChat, OF_OPENAI),
    (Dialect::OpenaiResponses, OF_OPENAI),
];

/// What OpenAI's own tools send to OpenAI, and only there. Organisation and project are missing: they say who pays, which is not the
/// caller's to say.
const OF_OPENAI: &[&str] = &[
    "openai-beta",
    "x-codex-",
    "originator",
    "version",
    "x-openai-subagent",
    "x-openai-internal-codex-responses-lite",
];

/// Where callers put their key whose other credentials are for the provider.
const OUR_KEY: &str = "x-weighbridge-key";

/// What another proxy of ours says that the answer cost. It goes as far as the one who keeps that.
const COST: &str = "x-weighbridge-cost-usd";

/// A caller's credentials for a provider.
const CREDENTIALS: [&str; 3] = ["authorization", "x-api-key", "x-goog-api-key"];

/// The version of Anthropic's API that is asked for where the caller names none.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// The headers of a request to this endpoint, of a caller that speaks `spoken`.
pub fn upstream_request(caller: &HeaderMap, endpoint: &Endpoint, spoken: Dialect) -> HeaderMap {
    let is_same = spoken == endpoint.dialect || spoken.is_openai() && endpoint.dialect.is_openai();
    let is_same = is_same && (!spoken.is_openai() || is_openais_own(endpoint));
    let of_dialect = OF_DIALECT.iter().find(|(dialect, _)| is_same && *dialect == spoken).map_or(&[][..], |of| of.1);
    let mut headers = HeaderMap::with_capacity(12);
    for (name, value) in caller {
        let text = name.as_str();
        let goes_on = FORWARDED.contains(&text)
            || FORWARDED_FAMILIES.iter().chain(of_dialect).any(|family| text.starts_with(family));
        if goes_on {
            headers.append(name, value.clone());
        }
    }
    if endpoint.dialect == Dialect::AnthropicMessages {
        let version = HeaderName::from_static("anthropic-version");
        headers.entry(version).or_insert(HeaderValue::from_static(ANTHROPIC_VERSION));
    }
    // Only beside a key of ours in its own header can the others not be ours.
    if matches!(endpoint.auth, Auth::Caller) && caller.contains_key(OUR_KEY) {
        for name in CREDENTIALS {
            headers.extend(caller.get(name).map(|value| (HeaderName::from_static(name), value.clone())));
        }
    }
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

/// Whether an endpoint is OpenAI's own, or Azure's.
fn is_openais_own(endpoint: &Endpoint) -> bool {
    let host = endpoint.url.host().unwrap_or_default();
    host == "api.openai.com" || host.ends_with(".openai.com") || host.ends_with(".azure.com")
}

/// How the endpoint wants its credential. One that cannot stand in a header was refused by `check`.
fn credential(endpoint: &Endpoint) -> Option<(HeaderName, HeaderValue)> {
    let (name, text) = match &endpoint.auth {
        Auth::Bearer(secret) => (header::AUTHORIZATION, format!("Bearer {}", secret.expose())),
        Auth::Header(name, secret) => (name.clone(), secret.expose().to_owned()),
        // A signature is over the whole request and made when that stands.
        Auth::None | Auth::Caller | Auth::Aws(..) => return None,
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
        let is_ours = name.as_str().starts_with("x-weighbridge-") && name != COST;
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
