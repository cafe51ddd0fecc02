//! Answers, whole and streamed: usage, errors, and whether there is content.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::answer::{Answer, Event, Piece};
use crate::dialect::cost;
use crate::dialect::counts::{Details, Told, count, error_text};
use crate::dialect::json::{raw, span_in};
use crate::dialect::sse;
use crate::domain::Usage;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default, deserialize_with = "raw")]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    service_tier: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    /// What a whole answer has in the place of `delta`; some streams have it besides, with all that was said so far.
    #[serde(borrow, default)]
    message: Option<Delta<'a>>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow, default)]
    function_call: Option<Function<'a>>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
}

/// A text, or whatever else a provider puts in its place.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text<'a> {
    Words(#[serde(borrow)] Cow<'a, str>),
    Else(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    arguments: Option<Cow<'a, str>>,
}

impl Chunk<'_> {
    /// What the model wrote, and whether there is anything that a caller would miss.
    fn content(&self) -> (String, bool) {
        let (mut text, mut has_content) = (String::new(), false);
        for choice in self.choices.iter().flatten() {
            has_content |= choice.finish_reason.is_some();
            text.push_str(choice.text.as_deref().unwrap_or_default());
            if let Some(delta) = choice.delta.as_ref().or(choice.message.as_ref()) {
                has_content |= delta.audio.is_some() | delta.write_to(&mut text);
            }
        }
        has_content |= !text.is_empty();
        (text, has_content)
    }

    fn usage(&self) -> Option<Usage> {
        self.usage.and_then(|usage| serde_json::from_str::<Counts<'_>>(usage.get()).ok()).and_then(|c| c.usage())
    }
}

impl Delta<'_> {
    /// Adds the words of every kind; says whether there are tool calls, even nameless ones.
    fn write_to(&self, text: &mut String) -> bool {
        for words in [&self.content, &self.reasoning_content, &self.reasoning, &self.refusal].into_iter().flatten() {
            if let Text::Words(words) = words {
                text.push_str(words);
            }
        }
        let calls = self.tool_calls.iter().flatten().filter_map(|call| call.function.as_ref());
        for function in calls.chain(&self.function_call) {
            text.push_str(function.name.as_deref().unwrap_or_default());
            text.push_str(function.arguments.as_deref().unwrap_or_default());
        }
        self.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty()) || self.function_call.is_some()
    }
}

/// Usage as OpenAI and those who speak like it write it.
#[derive(Deserialize)]
struct Counts<'a> {
    #[serde(borrow, default)]
    prompt_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    completion_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    total_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    prompt_tokens_details: Option<Details<'a>>,
    #[serde(borrow, default)]
    completion_tokens_details: Option<Details<'a>>,
    /// DeepSeek's name for what it read from its cache.
    #[serde(borrow, default)]
    prompt_cache_hit_tokens: Option<&'a RawValue>,
}

impl Counts<'_> {
    fn usage(&self) -> Option<Usage> {
        let told = Told {
            input: count(self.prompt_tokens),
            output: count(self.completion_tokens),
            total: count(self.total_tokens),
            cached: count(self.prompt_cache_hit_tokens),
            inputs: self.prompt_tokens_details.as_ref(),
            outputs: self.completion_tokens_details.as_ref(),
        };
        told.usage()
    }
}

/// Reads a whole answer with a status of success.
pub fn read_answer(body: &[u8]) -> Answer {
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(body) else { return Answer::default() };
    let (text, _) = chunk.content();
    Answer {
        is_answer: chunk.error.is_none() && chunk.choices.as_ref().is_some_and(|choices| !choices.is_empty()),
        error: chunk.error.map(error_text),
        usage: chunk.usage(),
        cost: chunk.usage.and_then(cost::told),
        service_tier: chunk.service_tier.as_deref().map(str::to_owned),
        text,
        marks: Vec::new(),
    }
}

/// Reads the data of one event.
pub fn read_event(data: &[u8]) -> Event {
    if data.trim_ascii().starts_with(b"[DONE]") {
        return Event::Done(Piece::default());
    }
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else { return Event::Garbage };
    if let Some(error) = chunk.error {
        return Event::Error(error_text(error));
    }
    let (text, has_content) = chunk.content();
    Event::Piece(Piece {
        has_content,
        is_end: chunk.choices.iter().flatten().any(|choice| choice.finish_reason.is_some()),
        has_usage_field: chunk.usage.is_some(),
        usage: chunk.usage().map(Into::into),
        cost: chunk.usage.and_then(cost::told),
        service_tier: chunk.service_tier.as_deref().map(str::to_owned),
        text,
        marks: Vec::new(),
    })
}

/// A frame without its usage: nothing of it if usage is all that it carries, else its bytes without that field.
pub fn without_usage(frame: &Bytes) -> Option<Bytes> {
    let Some(data) = sse::data(frame) else { return Some(frame.clone()) };
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(&data) else { return Some(frame.clone()) };
    let Some(usage) = chunk.usage else { return Some(frame.clone()) };
    if usage.get() != "null" && chunk.choices.as_ref().is_none_or(Vec::is_empty) {
        return None;
    }
    let value = span_in(&data, usage.get());
    let cut = field_around(&data, value.start as usize, value.end as usize)?;
    let mut rest = BytesMut::with_capacity(frame.len());
    rest.extend_from_slice(b"data: ");
    // Data that stood on several lines stands on one now: between JSON's tokens any white space will do.
    let one_line =
        |bytes: &[u8]| bytes.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect::<Vec<_>>();
    rest.extend_from_slice(&one_line(&data[..cut.start]));
    rest.extend_from_slice(&one_line(&data[cut.end..]));
    rest.extend_from_slice(b"\n\n");
    Some(rest.freeze())
}

/// The range of a field whose value stands at `start..end`: its key, its colon, and the comma that parts it.
fn field_around(object: &[u8], start: usize, end: usize) -> Option<std::ops::Range<usize>> {
    let key = memchr::memmem::rfind(&object[..start], b"\"usage\"")?;
    let before = object[..key].trim_ascii_end();
    if before.last() == Some(&b',') {
        return Some(before.len() - 1..end);
    }
    let spaces = object[end..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let comma = usize::from(object.get(end + spaces) == Some(&b','));
    Some(key..end + spaces + comma)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(json: &str) -> Option<Usage> {
        serde_json::from_str::<Counts<'_>>(json).expect("an object").usage()
    }

    #[test]
    fn cached_and_reasoning_tokens_leave_the_buckets_they_are_counted_in() {
        let counted = usage(
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
                "prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":20}}"#,
        );
        let expected = Usage { input: 36, cache_read: 64, output: 30, reasoning: 20, ..Usage::default() };
        assert_eq!(counted, Some(expected));
        assert_eq!(expected.total(), 150);
    }

    #[test]
    fn reasoning_beside_the_completion_is_added_to_it() {
        let counted = usage(
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":35,"completion_tokens_details":{"reasoning_tokens":20}}"#,
        );
        assert_eq!(counted.map(|usage| (usage.output, usage.reasoning)), Some((5, 20)));
    }

    #[test]
    fn lies_are_not_believed() {
        assert_eq!(usage(r#"{"prompt_tokens":-5,"completion_tokens":"many"}"#), None);
        assert_eq!(usage(r#"{"prompt_tokens":1e18,"completion_tokens":null}"#), None);
        let cached =
            usage(r#"{"prompt_tokens":10,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":99}}"#);
        assert_eq!(cached.map(|usage| (usage.input, usage.cache_read)), Some((0, 10)));
    }

    #[test]
    fn events_are_told_apart() {
        assert_eq!(read_event(b"[DONE]"), Event::Done(Piece::default()));
        assert_eq!(read_event(b"<html>"), Event::Garbage);
        assert_eq!(read_event(br#"{"error":{"message":"overloaded"}}"#), Event::Error("overloaded".to_owned()));
        let piece = |data: &str| match read_event(data.as_bytes()) {
            Event::Piece(piece) => piece,
            other => panic!("{other:?}"),
        };
        assert!(!piece(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#).has_content);
        assert!(piece(r#"{"choices":[{"delta":{"content":"a"}}]}"#).has_content);
        assert!(piece(r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f"}}]}}]}"#).has_content);
        assert!(piece(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#).has_content);
        let both = r#"{"choices":[{"delta":{"content":"b"},"message":{"content":"a b"}}]}"#;
        assert_eq!(piece(both).text, "b", "what was said before is not counted again");
        assert!(!piece(r#"{"usage":{"prompt_tokens":3,"completion_tokens":1}}"#).has_content);
        assert_eq!(
            piece(r#"{"choices":null,"usage":{"prompt_tokens":3}}"#).usage.and_then(|usage| usage.input),
            Some(3)
        );
    }

    #[test]
    fn usage_that_was_not_asked_for_is_hidden() {
        let check = |frame: &str, expected: Option<&str>| {
            let hidden = without_usage(&Bytes::from(frame.to_owned()));
            assert_eq!(hidden.as_deref().map(|bytes| std::str::from_utf8(bytes).expect("text")), expected, "{frame}");
        };
        check("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n", None);
        check("data: {\"usage\":{\"prompt_tokens\":1}}\n\n", None);
        check("data: {\"choices\":[{}],\"usage\":null}\n\n", Some("data: {\"choices\":[{}]}\n\n"));
        check("data: {\"usage\":null,\"choices\":[{}]}\n\n", Some("data: {\"choices\":[{}]}\n\n"));
        check("data: {\"choices\":[{}] , \"usage\" : null}\n\n", Some("data: {\"choices\":[{}] }\n\n"));
        check("data: {\"choices\":[{}]}\n\n", Some("data: {\"choices\":[{}]}\n\n"));
        check("data: {\"choices\":[{}],\ndata: \"usage\":null}\n\n", Some("data: {\"choices\":[{}]}\n\n"));
        check(": ping\n\n", Some(": ping\n\n"));
        check("data: [DONE]\n\n", Some("data: [DONE]\n\n"));
    }
}
