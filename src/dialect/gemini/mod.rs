//! Google's generateContent: answers, whole and streamed. No caller speaks it.
//!
//! Every event of a stream is a whole answer of its own with the next words in it. There is no last event: the stream is
//! over after the one that has a `finishReason`.

mod usage;
pub(super) mod wire;

use crate::dialect::answer::{Answer, Event, Piece};
use wire::{Body, Ending};

/// Reads a whole answer.
pub fn read_answer(body: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice::<Body<'_>>(body) else { return Answer::default() };
    let error = body.failure();
    Answer {
        is_answer: error.is_none() && (body.first().is_some() || body.is_blocked()),
        error: error.map(|error| error.message),
        usage: body.usage(),
        cost: None,
        service_tier: body.service_tier(),
        text: body.text(),
        marks: Vec::new(),
    }
}

/// Reads the data of one event.
pub fn read_event(data: &[u8]) -> Event {
    let Ok(body) = serde_json::from_slice::<Body<'_>>(data) else { return Event::Garbage };
    if let Some(error) = body.failure() {
        return Event::Error(error.message);
    }
    let text = body.text();
    let is_end = body.is_blocked() || body.ending() != Ending::None;
    Event::Piece(Piece {
        has_content: is_end || !text.is_empty() || body.parts().any(|part| part.function_call.is_some()),
        is_end,
        has_usage_field: body.usage_metadata.is_some(),
        usage: body.usage().map(Into::into),
        cost: None,
        service_tier: body.service_tier(),
        text,
        marks: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Usage;

    fn piece(data: &str) -> Piece {
        match read_event(data.as_bytes()) {
            Event::Piece(piece) => piece,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_holds_words_calls_and_usage() {
        let read = read_answer(
            br#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hm ","thought":true},{"text":"yes"},
                {"functionCall":{"name":"f","args":{"a": 1}}}]},"finishReason":"STOP","index":0}],
                "usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5,"serviceTier":"flex"},
                "modelVersion":"gemini-3-flash","responseId":"r1"}"#,
        );
        assert!(read.is_answer);
        assert_eq!((read.error, read.text.as_str()), (None, r#"hm yesf{"a": 1}"#));
        assert_eq!(read.usage, Some(Usage { input: 3, output: 2, ..Usage::default() }));
        assert_eq!(read.service_tier.as_deref(), Some("flex"));
    }

    #[test]
    fn what_is_no_answer_is_told_from_a_refusal() {
        let check = |body: &str, is_answer, error: Option<&str>| {
            let read = read_answer(body.as_bytes());
            assert_eq!((read.is_answer, read.error.as_deref()), (is_answer, error), "{body}");
        };
        check("<html>", false, None);
        check("{}", false, None);
        check(r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#, true, None);
        check(r#"{"candidates":[{"finishReason":"SAFETY"}]}"#, true, None);
        check(r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#, false, Some("busy"));
        let malformed = r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"call:f(x"}]}"#;
        check(malformed, false, Some("MALFORMED_FUNCTION_CALL: call:f(x"));
        check(r#"{"candidates":[{"finishReason":"OTHER"}]}"#, false, Some("OTHER"));
    }

    #[test]
    fn events_are_told_apart() {
        assert_eq!(read_event(b"[DONE]"), Event::Garbage);
        assert_eq!(read_event(br#"{"error":{"message":"busy"}}"#), Event::Error("busy".to_owned()));
        let malformed = br#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#;
        assert_eq!(read_event(malformed), Event::Error("MALFORMED_FUNCTION_CALL".to_owned()));
        let first = piece(r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":null}"#);
        assert_eq!((first.has_content, first.is_end, first.usage), (true, false, None));
        assert!(!piece(r#"{"candidates":[{"content":{"parts":[{"text":""}]}}]}"#).has_content);
        assert!(piece(r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":""}}]}}]}"#).has_content);
        let last = piece(
            r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":1}}"#,
        );
        assert!(last.is_end && last.has_content && last.has_usage_field);
        assert_eq!(last.usage.map(|told| (told.input, told.output)), Some((Some(7), Some(1))));
        assert!(piece(r#"{"promptFeedback":{"blockReason":"OTHER"}}"#).is_end);
    }
}
