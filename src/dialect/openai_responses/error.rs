//! Our own errors inside a stream.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::dialect::{openai_chat, sse};
use crate::domain::{Failure, RequestId};

/// An error of ours as the event with which OpenAI ends an answer that failed. Agents read it in the response; SDKs
/// raise on a truthy `error` beside it.
pub fn error_event(failure: &Failure, id: RequestId) -> Bytes {
    let body: Value = serde_json::from_slice(&openai_chat::error_body(failure, Some(id))).unwrap_or_default();
    let (code, message) = (&body["error"]["code"], &body["error"]["message"]);
    let event = json!({
        "type": "response.failed",
        "sequence_number": 0,
        "response": {
            "id": format!("resp_{id}"),
            "object": "response",
            "status": "failed",
            "error": {"code": code, "message": message},
            "output": [],
        },
        "error": body["error"],
    });
    let mut out = Vec::new();
    sse::write(Some("response.failed"), &event.to_string(), &mut out);
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Event, openai_responses::read_event};
    use crate::domain::FailureKind;

    #[test]
    fn a_failure_ends_the_stream_as_openai_ends_it() {
        let failure = Failure::new(FailureKind::UpstreamFailed, "it broke\noff");
        let bytes = error_event(&failure, RequestId::from_bytes([7; 16]));
        assert!(bytes.starts_with(b"event: response.failed\ndata: {"));
        let data = sse::data(&bytes).expect("data");
        let event: Value = serde_json::from_slice(&data).expect("JSON");
        assert_eq!(event["response"]["error"], json!({"code": "upstream_failed", "message": "it broke\noff"}));
        assert_eq!(event["error"]["type"], "server_error");
        assert_eq!(read_event(&data), Event::Error("it broke\noff".to_owned()));
    }
}
