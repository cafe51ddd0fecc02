//! Answers, whole and streamed: usage, errors, whether there is content, and the marks of signed reasoning.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Counts;
use crate::dialect::answer::{Answer, Event, Piece};
use crate::dialect::body::read;
use crate::dialect::cost;
use crate::dialect::counts::error_text;
use crate::domain::{Mark, Usage};

/// A whole answer, or the count of `count_tokens`.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<Vec<Block<'a>>>,
    #[serde(borrow, default)]
    stop_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    input_tokens: Option<u64>,
}

/// A block of an answer, or what an event adds to one: their fields have different names. Values are
/// kept as they stand, so that a block that is newer than we are cannot make the whole answer unreadable.
#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    partial_json: Option<&'a RawValue>,
}

/// The data of one event.
#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Option<Started<'a>>,
    #[serde(borrow, default)]
    content_block: Option<Block<'a>>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Started<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Stopped<'a> {
    #[serde(borrow, default)]
    stop_reason: Option<&'a RawValue>,
}

/// A string, borrowed unless it has escapes; `None` for whatever else stands there.
fn words(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Plain<'a>(#[serde(borrow)] Cow<'a, str>);
    read(value).map(|Plain(words)| words)
}

impl Block<'_> {
    /// Adds what the model wrote. What a tool of the provider's returned is not the model's.
    fn write_to(&self, text: &mut String) {
        for value in [self.text, self.thinking, self.name, self.partial_json].into_iter().flatten() {
            text.push_str(&words(value).unwrap_or_default());
        }
        // A stream has `{}` here, and the arguments in pieces.
        if let Some(input) = self.input.filter(|input| input.get() != "{}") {
            text.push_str(input.get());
        }
    }

    fn marks(&self) -> impl Iterator<Item = Mark> {
        let signed = match &*self.kind {
            "redacted_thinking" => self.data,
            _ => self.signature,
        };
        signed.and_then(words).filter(|signed| !signed.is_empty()).map(|signed| Mark::of(&signed)).into_iter()
    }

    /// Whether a caller would miss it: everything but the empty text or thinking with which a block begins.
    fn has_content(&self, text: &str) -> bool {
        !text.is_empty()
            || match &*self.kind {
                "text" | "thinking" | "text_delta" | "thinking_delta" | "input_json_delta" => false,
                "signature_delta" => self.signature.is_some_and(|signature| signature.get() != "\"\""),
                _ => true,
            }
    }
}

/// Reads a whole answer with a status of success.
pub fn read_answer(body: &[u8]) -> Answer {
    let Ok(message) = serde_json::from_slice::<Message<'_>>(body) else { return Answer::default() };
    let mut text = String::new();
    let blocks = message.content.as_deref().unwrap_or_default();
    blocks.iter().for_each(|block| block.write_to(&mut text));
    // A model may end its turn without a word, after a tool's result for example; a count has no content.
    let has_something = !blocks.is_empty() || (message.content.is_some() && message.stop_reason.is_some());
    let is_count = message.content.is_none() && message.input_tokens.is_some();
    let counts = message.usage.map(|usage| Counts::of(usage.get()));
    Answer {
        is_answer: message.error.is_none() && (has_something || is_count),
        error: message.error.map(error_text),
        usage: counts.as_ref().and_then(Counts::told).map(|told| {
            let mut usage = Usage::default();
            usage.update(&told);
            usage
        }),
        cost: message.usage.and_then(cost::told),
        service_tier: counts.as_ref().and_then(Counts::service_tier),
        text,
        marks: blocks.iter().flat_map(Block::marks).collect(),
    }
}

/// Reads the data of one event.
pub fn read_event(data: &[u8]) -> Event {
    let Ok(event) = serde_json::from_slice::<Data<'_>>(data) else { return Event::Garbage };
    if event.kind == "error" {
        return Event::Error(event.error.map(error_text).unwrap_or_default());
    }
    let mut piece = Piece::default();
    let delta = event.delta.map(RawValue::get);
    match &*event.kind {
        "message_stop" => return Event::Done(piece),
        "message_start" => read_usage(&mut piece, event.message.and_then(|message| message.usage), true),
        "message_delta" => {
            let stopped: Option<Stopped<'_>> = delta.and_then(|delta| serde_json::from_str(delta).ok());
            piece.is_end = stopped.is_some_and(|stopped| stopped.stop_reason.is_some());
            piece.has_content = piece.is_end;
            read_usage(&mut piece, event.usage, false);
        }
        "content_block_start" => read_block(&mut piece, event.content_block),
        "content_block_delta" => read_block(&mut piece, delta.and_then(|delta| serde_json::from_str(delta).ok())),
        // The end of a block, a ping, or an event that is newer than we are, which clients are told to pass over.
        _ => {}
    }
    Event::Piece(piece)
}

fn read_usage(piece: &mut Piece, usage: Option<&RawValue>, is_start: bool) {
    let Some(usage) = usage else { return };
    let counts = Counts::of(usage.get());
    piece.has_usage_field = true;
    piece.service_tier = counts.service_tier();
    piece.usage = counts.told();
    piece.cost = cost::told(usage);
    if let Some(told) = piece.usage.as_mut().filter(|_| is_start) {
        // The first token or two stand there before the model has written anything. Of an answer that breaks off after
        // that, they would pass for all that it wrote.
        (told.output, told.reasoning) = (None, None);
    }
}

fn read_block(piece: &mut Piece, block: Option<Block<'_>>) {
    let Some(block) = block else { return };
    block.write_to(&mut piece.text);
    piece.has_content = block.has_content(&piece.text);
    piece.marks = block.marks().collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UsageUpdate;

    fn piece(data: &str) -> Piece {
        match read_event(data.as_bytes()) {
            Event::Piece(piece) => piece,
            other => panic!("{data}: {other:?}"),
        }
    }

    #[test]
    fn a_whole_answer_is_read() {
        let answer = read_answer(
            br#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
                {"type":"thinking","thinking":"hm","signature":"sig=="},{"type":"redacted_thinking","data":"enc"},
                {"type":"text","text":"Hello"},{"type":"tool_use","id":"t","name":"read","input":{"path":"a"}}],
                "stop_reason":"tool_use","stop_sequence":null,
                "usage":{"input_tokens":5,"output_tokens":9,"cache_read_input_tokens":7,"service_tier":"priority"}}"#,
        );
        assert!(answer.is_answer && answer.error.is_none());
        assert_eq!(answer.text, r#"hmHelloread{"path":"a"}"#);
        assert_eq!(answer.usage, Some(Usage { input: 5, cache_read: 7, output: 9, ..Usage::default() }));
        assert_eq!(answer.service_tier.as_deref(), Some("priority"));
        assert_eq!(answer.marks, [Mark::of("sig=="), Mark::of("enc")]);
    }

    #[test]
    fn what_is_an_answer() {
        let check = |body: &str, expected: bool| assert_eq!(read_answer(body.as_bytes()).is_answer, expected, "{body}");
        check(r#"{"content":[],"stop_reason":"end_turn"}"#, true);
        check(r#"{"content":[]}"#, false);
        check(r#"{"input_tokens":12}"#, true);
        check(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, false);
        check(r#"{"content":[{"type":"from_the_future","text":{"a":1},"name":7}]}"#, true);
        check("{}", false);
        check("<html>", false);
        let count = read_answer(br#"{"input_tokens":12}"#);
        assert_eq!((count.usage, count.text.as_str()), (None, ""), "counting is free");
    }

    #[test]
    fn events_are_told_apart() {
        assert_eq!(read_event(br#"{"type":"message_stop"}"#), Event::Done(Piece::default()));
        assert_eq!(read_event(b"[DONE]"), Event::Garbage);
        assert_eq!(
            read_event(br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#),
            Event::Error("Overloaded".to_owned())
        );
        let check = |data: &str, has_content: bool, text: &str| {
            let piece = piece(data);
            assert_eq!((piece.has_content, piece.text.as_str()), (has_content, text), "{data}");
        };
        check(r#"{"type":"ping"}"#, false, "");
        check(r#"{"type":"from_the_future","content":{"a":1}}"#, false, "");
        check(r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#, false, "");
        check(
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            true,
            "f",
        );
        check(
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"web_search_tool_result","content":[]}}"#,
            true,
            "",
        );
        check(r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#, true, "Hi");
        check(
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
            true,
            "hm",
        );
        check(
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#,
            true,
            "{\"a",
        );
        check(
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}"#,
            false,
            "",
        );
        check(r#"{"type":"content_block_stop","index":0}"#, false, "");
    }

    #[test]
    fn signatures_leave_marks() {
        let delta = |signature: &str| {
            piece(&format!(
                r#"{{"type":"content_block_delta","delta":{{"type":"signature_delta","signature":"{signature}"}}}}"#
            ))
        };
        assert_eq!((delta("EqQ").marks, delta("EqQ").has_content), (vec![Mark::of("EqQ")], true));
        assert_eq!(delta("").marks, []);
        let hidden =
            piece(r#"{"type":"content_block_start","content_block":{"type":"redacted_thinking","data":"enc"}}"#);
        assert_eq!((hidden.marks, hidden.has_content), (vec![Mark::of("enc")], true));
    }

    #[test]
    fn later_counts_replace_earlier_ones_and_what_is_left_out_stays() {
        let start = piece(
            r#"{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":25,"output_tokens":1,
                "cache_read_input_tokens":4,"cache_creation_input_tokens":6,
                "cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":6},"service_tier":"batch"}}}"#,
        );
        assert_eq!((start.has_content, start.service_tier.as_deref()), (false, Some("batch")));
        assert_eq!(start.usage.and_then(|told| told.output), None);
        let end = piece(
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},
                "usage":{"output_tokens":15,"cache_creation_input_tokens":6}}"#,
        );
        assert!(end.is_end && end.has_content);
        let mut usage = Usage::default();
        for told in [start.usage, end.usage].iter().flatten() {
            usage.update(told);
        }
        assert_eq!(usage, Usage { input: 25, cache_read: 4, cache_write_1h: 6, output: 15, ..Usage::default() });
        let nothing = piece(r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{}}"#);
        assert_eq!((nothing.is_end, nothing.usage), (false, None::<UsageUpdate>));
    }
}
