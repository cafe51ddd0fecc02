//! Our own errors, in OpenAI's shape.

use bytes::Bytes;
use serde_json::json;

use crate::domain::{Failure, FailureKind, RequestId};

/// OpenAI's `type` and `code` for each kind of failure. Clients act on them: `context_length_exceeded` makes an agent
/// compact its history, `model_not_found` makes it ask for another model.
fn type_and_code(kind: FailureKind) -> (&'static str, &'static str) {
    match kind {
        FailureKind::Unauthenticated => ("invalid_request_error", "invalid_api_key"),
        FailureKind::Forbidden => ("permission_denied", "permission_denied"),
        FailureKind::UnknownPath => ("invalid_request_error", "unknown_url"),
        FailureKind::MethodNotAllowed => ("invalid_request_error", "method_not_allowed"),
        FailureKind::NoUpgrade => ("invalid_request_error", "websocket_not_supported"),
        FailureKind::Malformed => ("invalid_request_error", "invalid_request"),
        FailureKind::Unsupported => ("invalid_request_error", "unsupported_media_type"),
        FailureKind::TooLarge => ("invalid_request_error", "request_too_large"),
        FailureKind::TooSlow => ("invalid_request_error", "request_timeout"),
        FailureKind::UnknownModel => ("invalid_request_error", "model_not_found"),
        FailureKind::ContextTooLong => ("invalid_request_error", "context_length_exceeded"),
        FailureKind::NoneCapable => ("invalid_request_error", "unsupported_by_model"),
        FailureKind::Untranslatable => ("invalid_request_error", "unsupported_by_endpoint"),
        FailureKind::NotHeld => ("invalid_request_error", "previous_response_not_found"),
        FailureKind::Denied => ("permission_denied", "denied_by_rule"),
        FailureKind::Stuck => ("invalid_request_error", "agent_stuck"),
        FailureKind::RateLimited => ("rate_limit_error", "rate_limit_exceeded"),
        // The code on which clients stop instead of asking again.
        FailureKind::BudgetExceeded => ("insufficient_quota", "insufficient_quota"),
        FailureKind::Overloaded => ("server_error", "overloaded"),
        FailureKind::UpstreamFailed => ("server_error", "upstream_failed"),
        FailureKind::UpstreamTimeout => ("server_error", "upstream_timeout"),
        FailureKind::ClientGone => ("server_error", "client_gone"),
        FailureKind::Internal => ("server_error", "internal_error"),
    }
}

/// The body of an error of ours.
pub fn error_body(failure: &Failure, id: Option<RequestId>) -> Bytes {
    let (kind, code) = type_and_code(failure.kind);
    let message = &failure.message;
    let mut error = json!({
        "error": {"message": message, "type": kind, "param": failure.param, "code": code, "request_id": id}
    });
    if let Some(budget) = &failure.budget {
        error["error"]["budget"] = json!(budget);
    }
    Bytes::from(error.to_string())
}

/// An error of ours inside a stream: SDKs raise on a truthy `error`, and none of them takes what follows for content.
pub fn error_event(failure: &Failure, id: RequestId) -> Bytes {
    let mut event = b"data: ".to_vec();
    event.extend_from_slice(&error_body(failure, Some(id)));
    event.extend_from_slice(b"\n\n");
    Bytes::from(event)
}
