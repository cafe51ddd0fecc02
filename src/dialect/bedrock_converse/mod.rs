//! Amazon Bedrock's Converse: answers, whole and streamed. No caller speaks it.
//!
//! Events come as [`framing`](crate::dialect::framing) makes them of Amazon's messages: `{"contentBlockDelta": {…}}`, and
//! `{"error": {…}}` for exceptions. The last one is `metadata`, which has the usage.

mod usage;
pub(super) mod wire;

use crate::dialect::answer::{Answer, Event, Piece};
use wire::{Block, Body, Delta, Frame, Start};

/// Reads a whole answer.
pub fn read_answer(body: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice::<Body<'_>>(body) else { return Answer::default() };
    let error = wire::broken(body.stop_reason.as_deref());
    let mut text = String::new();
    body.blocks().for_each(|block| write_block(block, &mut text));
    Answer {
        is_answer: error.is_none() && body.output.is_some(),
        error,
        usage: body.usage.as_ref().and_then(usage::Counts::usage),
        cost: None,
        service_tier: body.service_tier.as_ref().and_then(wire::Tier::name),
        text,
        marks: Vec::new(),
    }
}

/// Reads the data of one event.
pub fn read_event(data: &[u8]) -> Event {
    let Ok(frame) = serde_json::from_slice::<Frame<'_>>(data) else { return Event::Garbage };
    if let Some(error) = frame.error {
        return Event::Error(error.message.into_owned());
    }
    let mut piece = Piece::default();
    if let Some(Start { tool_use: Some(call) }) = frame.content_block_start.and_then(|start| start.start) {
        piece.has_content = true;
        piece.text = call.name.into_owned();
    }
    if let Some(delta) = frame.content_block_delta {
        piece.text = text_of(&delta.delta);
        piece.has_content = !piece.text.is_empty();
    }
    if let Some(stop) = frame.message_stop {
        if let Some(broken) = wire::broken(stop.stop_reason.as_deref()) {
            return Event::Error(broken);
        }
        (piece.has_content, piece.is_end) = (true, true);
    }
    let Some(metadata) = frame.metadata else { return Event::Piece(piece) };
    piece.has_usage_field = metadata.usage.is_some();
    piece.usage = metadata.usage.as_ref().and_then(usage::Counts::usage).map(Into::into);
    piece.service_tier = metadata.service_tier.as_ref().and_then(wire::Tier::name);
    Event::Done(piece)
}

fn write_block(block: &Block<'_>, text: &mut String) {
    text.push_str(block.text.as_deref().unwrap_or_default());
    text.push_str(block.thought().unwrap_or_default());
    if let Some(call) = &block.tool_use {
        text.push_str(&call.name);
        text.push_str(call.input.map_or("", |input| input.get()));
    }
}

fn text_of(delta: &Delta<'_>) -> String {
    let input = delta.tool_use.as_ref().map(|call| &call.input);
    let thought = delta.reasoning_content.as_ref().and_then(|thought| thought.text.as_ref());
    [delta.text.as_ref(), input, thought].into_iter().flatten().map(|text| &**text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Usage;

    #[test]
    fn an_answer_holds_words_calls_and_usage() {
        let read = read_answer(
            br#"{"metrics":{"latencyMs":5},"output":{"message":{"role":"assistant","content":[
                {"reasoningContent":{"reasoningText":{"text":"hm ","signature":"s"}}},{"text":"yes"},
                {"toolUse":{"toolUseId":"t1","name":"f","input":{"a": 1}}}]}},"stopReason":"tool_use",
                "usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5},"serviceTier":{"type":"flex"}}"#,
        );
        assert!(read.is_answer);
        assert_eq!((read.error, read.text.as_str()), (None, r#"hm yesf{"a": 1}"#));
        assert_eq!(read.usage, Some(Usage { input: 3, output: 2, ..Usage::default() }));
        assert_eq!(read.service_tier.as_deref(), Some("flex"));
    }

    #[test]
    fn what_is_no_answer_is_told() {
        let check = |body: &str, is_answer, error: Option<&str>| {
            let read = read_answer(body.as_bytes());
            assert_eq!((read.is_answer, read.error.as_deref()), (is_answer, error), "{body}");
        };
        check("<html>", false, None);
        check(r#"{"message":"no"}"#, false, None);
        check(r#"{"output":{"message":{"content":[]}},"stopReason":"content_filtered"}"#, true, None);
        let malformed = r#"{"output":{"message":{"content":[]}},"stopReason":"malformed_tool_use"}"#;
        check(malformed, false, Some("malformed_tool_use"));
    }

    #[test]
    fn events_are_told_apart() {
        let piece = |data: &str| match read_event(data.as_bytes()) {
            Event::Piece(piece) => piece,
            other => panic!("{other:?}"),
        };
        let content = |data: &str| {
            let piece = piece(data);
            (piece.has_content, piece.is_end, piece.text)
        };
        let none = || (false, false, String::new());
        assert_eq!(read_event(b"<html>"), Event::Garbage);
        let error = br#"{"error":{"type":"throttlingException","message":"slow down"}}"#;
        assert_eq!(read_event(error), Event::Error("slow down".to_owned()));
        assert_eq!(content(r#"{"messageStart":{"p":"abc","role":"assistant"}}"#), none());
        assert_eq!(content(r#"{"contentBlockStop":{"contentBlockIndex":0}}"#), none());
        assert_eq!(content(r#"{"somethingNew":{"x":[1]}}"#), none());
        let text = r#"{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":"a"},"p":"x"}}"#;
        assert_eq!(content(text), (true, false, "a".to_owned()));
        let thought = r#"{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"h"}}}}"#;
        assert_eq!(content(thought), (true, false, "h".to_owned()));
        let sealed = r#"{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"h"}}}}"#;
        assert_eq!(content(sealed), none());
        let call = r#"{"contentBlockStart":{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}}"#;
        assert_eq!(content(call), (true, false, "f".to_owned()));
        let input = r#"{"contentBlockDelta":{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"a"}}}}"#;
        assert_eq!(content(input), (true, false, "{\"a".to_owned()));
        assert_eq!(content(r#"{"messageStop":{"stopReason":"end_turn"}}"#), (true, true, String::new()));
        let broken = br#"{"messageStop":{"stopReason":"malformed_model_output"}}"#;
        assert_eq!(read_event(broken), Event::Error("malformed_model_output".to_owned()));
        let last = br#"{"metadata":{"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5},"metrics":{}}}"#;
        let Event::Done(last) = read_event(last) else { panic!("the last event") };
        assert_eq!(last.usage.map(|told| (told.input, told.output)), Some((Some(3), Some(2))));
        assert!(last.has_usage_field);
    }
}
