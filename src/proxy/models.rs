//! The models that a caller may ask for, in OpenAI's shape or in Anthropic's.

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use super::body::Body;
use super::reply;
use crate::admit::Admitted;
use crate::config::Config;
use crate::domain::{Dialect, Failure, FailureKind, TierName};
use crate::route::Served;

/// All of them, or the one with this id. The list is no prompt: nothing of it goes into the ledger.
pub(super) fn list(
    config: &Config,
    headers: &HeaderMap,
    admitted: Result<Admitted, Failure>,
    id: Option<&str>,
) -> Response<Body> {
    let dialect = dialect_of(headers);
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(failure) => return reply::without_record(&failure, dialect),
    };
    let may_use = |tier: &str| TierName::parse(tier).is_ok_and(|tier| admitted.caller.may_use(&tier));
    let allowed = config.rules.models().into_iter().filter(|(name, served)| match served {
        Served::Routed => true,
        Served::Tier => admitted.may_choose && may_use(name),
        Served::Endpoint => admitted.may_choose && admitted.caller.tiers.is_none(),
    });
    let names: Vec<String> = allowed.map(|(name, _)| name.to_string()).filter(|name| admitted.names(name)).collect();
    let names = match id {
        None => names,
        Some(id) if names.iter().any(|name| name == id) => vec![id.to_owned()],
        Some(_) => {
            let message = "no model of that id: GET /v1/models lists those you may ask for";
            return reply::without_record(&Failure::new(FailureKind::UnknownModel, message), dialect);
        }
    };
    let models: Vec<Value> = names.iter().map(|name| model(dialect, name)).collect();
    json_response(&match (id, dialect) {
        (Some(_), _) => models.into_iter().next().unwrap_or_default(),
        (None, Dialect::AnthropicMessages) => {
            json!({"data": models, "has_more": false, "first_id": names.first(), "last_id": names.last()})
        }
        (None, _) => json!({"object": "list", "data": models}),
    })
}

/// The dialect of whoever asks: Anthropic's clients name their version.
fn dialect_of(headers: &HeaderMap) -> Dialect {
    if headers.contains_key("anthropic-version") { Dialect::AnthropicMessages } else { Dialect::OpenaiChat }
}

/// One model. When it was made is not known here; clients want a date.
fn model(dialect: Dialect, name: &str) -> Value {
    match dialect {
        Dialect::AnthropicMessages => {
            json!({"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"})
        }
        _ => json!({"id": name, "object": "model", "created": 0, "owned_by": "weighbridge"}),
    }
}

fn json_response(value: &Value) -> Response<Body> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply::response(StatusCode::OK, headers, Body::whole(value.to_string()))
}
