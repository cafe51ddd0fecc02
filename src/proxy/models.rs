//! The models that a caller may ask for, in OpenAI's shape.

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use super::body::Body;
use super::reply;
use crate::admit;
use crate::config::Config;
use crate::domain::{Failure, FailureKind, TierName};
use crate::route::Served;

/// All of them, or the one with this id. The list is no prompt: nothing of it goes into the ledger.
pub(super) fn list(config: &Config, headers: &HeaderMap, id: Option<&str>) -> Response<Body> {
    let admitted = match admit::identify(headers, &config.keys, std::time::SystemTime::now()) {
        Ok(admitted) => admitted,
        Err(failure) => return reply::without_record(&failure),
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
        None => reply::without_record(&Failure::new(
            FailureKind::UnknownModel,
            "no model of that id: GET /v1/models lists those you may ask for",
        )),
    }
}

fn json_response(value: &Value) -> Response<Body> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply::response(StatusCode::OK, headers, Body::whole(value.to_string()))
}
