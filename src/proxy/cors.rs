//! Pages in a browser: which may ask, and what they may see. Off unless origins are named.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};

use super::body::Body;
use super::reply;
use crate::config::Config;

/// What a page may see of an answer beside what every page may: ids, limits, and what was decided.
const EXPOSED: &str = "request-id, x-request-id, retry-after, x-should-retry, x-ratelimit-limit-requests, \
                       x-ratelimit-remaining-requests, x-ratelimit-reset-requests, x-ratelimit-limit-tokens, \
                       x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens, x-weighbridge-request-id, \
                       x-weighbridge-error, x-weighbridge-rule, x-weighbridge-tier, x-weighbridge-endpoint, \
                       x-weighbridge-cost-usd, x-weighbridge-left-out";

/// The origin of the page that asks, if it is one that may.
pub(super) fn origin(config: &Config, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    config.cors.iter().find(|named| *named == origin).cloned()
}

/// The answer to a browser that asks first whether a page may ask; `None` if this is no such question.
pub(super) fn preflight(head: &Parts, origin: Option<&HeaderValue>) -> Option<Response<Body>> {
    if head.method != Method::OPTIONS || !head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut headers = HeaderMap::new();
    let Some(origin) = origin else {
        return Some(reply::response(StatusCode::FORBIDDEN, headers, Body::whole("this origin may not ask here\n")));
    };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
    // Every SDK sends headers of its own (`x-stainless-…`, `anthropic-…`), so the page may send what it asks for.
    if let Some(asked) = head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    headers.insert(VARY, HeaderValue::from_static("origin, access-control-request-headers"));
    Some(reply::response(StatusCode::NO_CONTENT, headers, Body::whole("")))
}

/// Lets the page see the answer. What the provider said of origins is about its own pages.
pub(super) fn allow(origin: Option<HeaderValue>, response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.remove("access-control-allow-origin");
    headers.remove("access-control-allow-credentials");
    let Some(origin) = origin else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.append(VARY, HeaderValue::from_static("origin"));
}
