//! The models that a caller may ask for, in OpenAI's shape.

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use super::reply::{self, Body};
use crate::admit;
use crate::config::Config;
use crate::dialect;
use crate::domain::{Dialect, Failure, FailureKind, RequestId, TierName};
use crate::route::Served;

/// All of them, or the one with this id. The list is no prompt: nothing of it goes into the ledger.
pub(super) fn list(config: &Config, headers: &HeaderMap, id: Option<&str>) -> Response<Body> {
    let admitted = match admit::identify(headers, &config.keys, std::time::SystemTime::now()) {
        Ok(admitted) => admitted,
        Err(failure) => return refuse(&failure),
    };
    let may_use = |tier: &str| TierName::parse(tier).is_ok_and(|tier| admitted.caller.may_use(&tier));
    let allowed = config.rules.models().into_iter().filter(|(name, served)| match served {
        Served::Routed => true,
        Served::Tier => admitted.may_choose && may_use(name),
        Served::Endpoint => admitted.may_choose && admitted.caller.tiers.is_none(),
    });
    // When a model was made is not known here; clients want a number.
    let models: Vec<Value> = allowed
        .map(|(name, _)| json!({"id": name, "object": "model", "created": 0, "owned_by": "weighbridge"}))
        .collect();
    let Some(id) = id else { return json_response(&json!({"object": "list", "data": models})) };
    match models.into_iter().find(|model| model["id"] == id) {
        Some(model) => json_response(&model),
        None => refuse(&Failure::new(
            FailureKind::UnknownModel,
            "no model of that id: GET /v1/models lists those you may ask for",
        )),
    }
}

fn json_response(value: &Value) -> Response<Body> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply::response(StatusCode::OK, headers, reply::full(value.to_string()))
}

fn refuse(failure: &Failure) -> Response<Body> {
    let id = RequestId::from_bytes([0; 16]);
    let mut headers = HeaderMap::new();
    reply::explain(failure, String::new(), &mut headers);
    let body = dialect::error_body(Dialect::OpenaiChat, failure, id);
    reply::response(reply::status_of(failure.kind), headers, reply::full(body))
}
