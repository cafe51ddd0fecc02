//! Our own errors, in Anthropic's shape.

use bytes::Bytes;
use serde_json::json;

use crate::dialect::sse;
use crate::domain::{Failure, FailureKind, RequestId};

/// Anthropic's `type` for each kind of failure, on which clients act.
fn kind_of(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Unauthenticated => "authentication_error",
        FailureKind::Forbidden | FailureKind::Denied => "permission_error",
        FailureKind::UnknownPath | FailureKind::UnknownModel | FailureKind::NotHeld => "not_found_error",
        FailureKind::MethodNotAllowed
        | FailureKind::NoUpgrade
        | FailureKind::Malformed
        | FailureKind::Unsupported
        | FailureKind::ContextTooLong
        | FailureKind::NoneCapable
        | FailureKind::Stuck
        | FailureKind::Untranslatable => "invalid_request_error",
        FailureKind::TooLarge => "request_too_large",
        FailureKind::RateLimited | FailureKind::BudgetExceeded => "rate_limit_error",
        FailureKind::Overloaded => "overloaded_error",
        FailureKind::TooSlow | FailureKind::UpstreamTimeout => "timeout_error",
        FailureKind::UpstreamFailed | FailureKind::ClientGone | FailureKind::Internal => "api_error",
    }
}

/// The body of an error of ours.
pub fn error_body(failure: &Failure, id: Option<RequestId>) -> Bytes {
    let mut error = json!({
        "type": "error",
        "error": {"type": kind_of(failure.kind), "message": failure.message},
        "request_id": id,
    });
    if let Some(budget) = &failure.budget {
        error["error"]["budget"] = json!(budget);
    }
    Bytes::from(error.to_string())
}

/// An error of ours inside a stream: clients raise on it, and none of them takes what follows for content.
pub fn error_event(failure: &Failure, id: RequestId) -> Bytes {
    let error = json!({
        "type": "error",
        "error": {"type": kind_of(failure.kind), "message": failure.message},
        "request_id": id,
    });
    let mut event = Vec::new();
    sse::write(Some("error"), &error.to_string(), &mut event);
    Bytes::from(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_anthropics_shape() {
        let failure = Failure::new(FailureKind::ContextTooLong, "prompt is too long: 9 tokens > 8 maximum");
        let body: serde_json::Value = serde_json::from_slice(&error_body(&failure, None)).expect("JSON");
        let expected = json!({
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"},
            "request_id": null,
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn an_error_in_a_stream_is_an_event_of_its_own() {
        let id = RequestId::new(1, [7; 10]);
        let event = error_event(&Failure::new(FailureKind::UpstreamFailed, "reset\nby peer"), id);
        let text = std::str::from_utf8(&event).expect("text");
        assert!(text.starts_with("event: error\ndata: {") && text.ends_with("}\n\n"), "{text}");
        let data = sse::data(&event).expect("data");
        let read: serde_json::Value = serde_json::from_slice(&data).expect("JSON on one line");
        assert_eq!((&read["error"]["type"], &read["request_id"]), (&json!("api_error"), &json!(id)));
    }
}
