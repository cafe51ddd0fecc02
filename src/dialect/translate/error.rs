//! A provider's error in the dialect of a caller that speaks another one.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::domain::Dialect;

/// The provider's words and its word for the sort of error, wherever its dialect puts them.
fn read(body: &[u8]) -> (Option<String>, Option<String>, Option<Value>) {
    let read: Value = serde_json::from_slice(body).unwrap_or_default();
    // Gemini answers a list where a stream was asked for.
    let read = read.as_array().and_then(|list| list.first()).unwrap_or(&read);
    let error = read.get("error").filter(|error| !error.is_null()).unwrap_or(read);
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    let message = text("message").or_else(|| text("Message")).or_else(|| error.as_str().map(str::to_owned));
    let kind = text("type").or_else(|| text("status")).or_else(|| text("__type"));
    (message, kind, error.get("code").filter(|code| !code.is_null()).cloned())
}

/// Anthropic's word for a status, on which its clients act.
fn anthropic_type(status: u16) -> &'static str {
    match status {
        400 | 405 | 415 | 422 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// A provider's error, with its own words, in the shape that the caller's dialect gives errors.
pub fn error(to: Dialect, status: u16, body: &[u8]) -> Bytes {
    let (message, kind, code) = read(body);
    let message = message.unwrap_or_else(|| {
        let words: String = String::from_utf8_lossy(body).chars().take(300).collect();
        format!("the provider answered with status {status}: {words}")
    });
    let error = match to {
        Dialect::AnthropicMessages => {
            json!({"type": "error", "error": {"type": anthropic_type(status), "message": message}})
        }
        _ => json!({"error": {"message": message, "type": kind, "param": null, "code": code}}),
    };
    Bytes::from(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_providers_words_survive_every_shape() {
        let check = |body: &str, words: &str| {
            for to in [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::AnthropicMessages] {
                let told: Value = serde_json::from_slice(&error(to, 429, body.as_bytes())).expect("JSON");
                assert_eq!(told["error"]["message"], words, "{body}");
            }
        };
        check(r#"{"error":{"message":"slow down","type":"tokens","code":"rate_limit_exceeded"}}"#, "slow down");
        check(r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#, "slow down");
        check(r#"[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}]"#, "quota");
        check(r#"{"message":"Too many requests","__type":"ThrottlingException"}"#, "Too many requests");
        check(r#"{"error":"busy"}"#, "busy");
        check("<html>", "the provider answered with status 429: <html>");
    }

    #[test]
    fn anthropics_clients_get_the_type_that_goes_with_the_status() {
        let told: Value = serde_json::from_slice(&error(Dialect::AnthropicMessages, 429, b"{}")).expect("JSON");
        assert_eq!((&told["type"], &told["error"]["type"]), (&json!("error"), &json!("rate_limit_error")));
    }
}
