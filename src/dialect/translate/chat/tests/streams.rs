use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dialect::sse;
use crate::dialect::translate::neutral::{Delta, Stop, freeform_arguments};
use crate::dialect::translate::{Read, Write};
use crate::domain::Usage;

fn context() -> Context {
    Context {
        id: "x1".to_owned(),
        model: "far".to_owned(),
        created: 7,
        wants_usage: true,
        freeform: vec!["patch".to_owned()],
        ..Context::default()
    }
}

fn stream_for(context: Context, deltas: &[Delta]) -> String {
    let (mut writer, mut out) = (Writer::new(context), Vec::new());
    deltas.iter().for_each(|delta| writer.write(delta.clone(), &mut out));
    writer.finish(&mut out);
    String::from_utf8(out).expect("text")
}

/// The data of a stream's events.
fn data(stream: &str) -> Vec<String> {
    let mut splitter = sse::Splitter::default();
    splitter.push(stream.as_bytes());
    let frames = std::iter::from_fn(|| splitter.next_frame());
    let found = frames.filter_map(|frame| Some(sse::data(&frame.bytes)?.to_vec()));
    found.map(|data| String::from_utf8(data).expect("text")).collect()
}

/// What a stream of these events says.
fn read_all<S: AsRef<str>>(events: &[S]) -> Vec<Delta> {
    let (mut reader, mut deltas) = (Reader::default(), Vec::new());
    events.iter().for_each(|event| reader.read(event.as_ref().as_bytes(), &mut deltas));
    deltas
}

fn chunk(delta: &Value, finish_reason: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish_reason});
    json!({"id": "c", "model": "m", "choices": [choice]}).to_string()
}

fn call_piece(number: u64, id: Option<&str>, name: Option<&str>, arguments: &str) -> String {
    let call = json!({"index": number, "id": id, "function": {"name": name, "arguments": arguments}});
    chunk(&json!({"tool_calls": [call]}), None)
}

fn start() -> Delta {
    Delta::Start { id: Some("c".to_owned()), model: Some("m".to_owned()) }
}

fn call(call: usize, id: &str, name: &str) -> Delta {
    Delta::CallStart { call, id: id.to_owned(), name: name.to_owned() }
}

fn piece(call: usize, piece: &str) -> Delta {
    Delta::Arguments { call, piece: piece.to_owned() }
}

fn usage() -> Usage {
    Usage { input: 9, cache_read: 30, output: 12, reasoning: 5, ..Usage::default() }
}

/// Everything that a stream can say.
fn everything() -> Vec<Delta> {
    vec![
        start(),
        Delta::Ping,
        Delta::Reasoning("The user".to_owned()),
        Delta::Reasoning(" waits.".to_owned()),
        Delta::Text("Let me ".to_owned()),
        Delta::Text(String::new()),
        Delta::Text("look.".to_owned()),
        call(0, "c0", "read"),
        piece(0, "{\"path\":"),
        call(1, "", "patch"),
        piece(1, &freeform_arguments("*** \"x\"")),
        piece(0, "\"a}\"}"),
        Delta::Usage(usage()),
        Delta::ServiceTier("default".to_owned()),
        Delta::Stop(Stop::End),
    ]
}

#[test]
fn a_rich_stream() {
    insta::assert_snapshot!(stream_for(context(), &everything()));
}

#[test]
fn usage_is_told_only_to_those_who_asked() {
    let told = |wants_usage: bool| {
        stream_for(Context { wants_usage, ..context() }, &everything()).matches("\"usage\"").count()
    };
    assert_eq!((told(true), told(false)), (1, 0));
}

#[test]
fn nothing_comes_after_an_error() {
    let error = Delta::Error { kind: None, message: "busy".to_owned() };
    let stream =
        stream_for(context(), &[start(), Delta::Text("a".to_owned()), error, Delta::Text("b".to_owned()), Delta::Ping]);
    let events = data(&stream);
    let last: Value = serde_json::from_str(events.last().expect("an event")).expect("JSON");
    assert_eq!(
        (events.len(), &last["error"]["message"], &last["error"]["type"]),
        (2, &json!("busy"), &json!("server_error"))
    );
}

#[test]
fn an_answer_of_nothing_is_a_whole_stream() {
    let events = data(&stream_for(context(), &[]));
    let first: Value = serde_json::from_str(&events[0]).expect("JSON");
    assert_eq!(first["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!((&first["id"], &first["model"], &first["created"]), (&json!("chatcmpl-x1"), &json!("far"), &json!(7)));
    let end: Value = serde_json::from_str(&events[1]).expect("JSON");
    assert_eq!((&end["choices"][0]["finish_reason"], &*events[2]), (&json!("stop"), "[DONE]"));
}

#[test]
fn reasons_are_told_in_this_dialects_words() {
    let check = |stop: Stop, word: &str| {
        let stream = stream_for(context(), &[start(), Delta::Stop(stop.clone())]);
        assert!(stream.contains(&format!("\"finish_reason\":\"{word}\"")), "{stop:?}: {stream}");
    };
    check(Stop::End, "stop");
    check(Stop::Sequence(None), "stop");
    check(Stop::Pause, "stop");
    check(Stop::Length, "length");
    check(Stop::ContextFull, "length");
    check(Stop::Refusal, "content_filter");
}

#[test]
fn usage_is_read_wherever_it_rides() {
    let counts = json!({"prompt_tokens": 39, "completion_tokens": 17, "total_tokens": 56,
        "prompt_tokens_details": {"cached_tokens": 30}, "completion_tokens_details": {"reasoning_tokens": 5}});
    let with = |mut chunk: Value| {
        chunk["usage"] = counts.clone();
        chunk.to_string()
    };
    let of = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let on_its_own = [chunk(&json!({"content": "a"}), Some("stop")), with(json!({"choices": []}))];
    let at_the_end = [chunk(&json!({"content": "a"}), None), with(of(&chunk(&json!({}), Some("stop"))))];
    let in_the_middle = [with(of(&chunk(&json!({"content": "a"}), None))), chunk(&json!({}), Some("stop"))];
    let without_choices = [chunk(&json!({"content": "a"}), Some("stop")), with(json!({}))];
    for events in [on_its_own, at_the_end, in_the_middle, without_choices] {
        let mut deltas = read_all(&events);
        let place = deltas.iter().position(|delta| *delta == Delta::Usage(usage())).expect("usage");
        deltas.remove(place);
        assert_eq!(deltas, [start(), Delta::Text("a".to_owned()), Delta::Stop(Stop::End)], "{events:?}");
    }
    let none = r#"{"choices":[],"usage":null}"#;
    assert_eq!(read_all(&[none]), []);
}

#[test]
fn calls_are_told_apart_however_servers_number_them() {
    let check = |events: &[String], expected: &[Delta]| {
        let mut deltas = read_all(events);
        assert_eq!(deltas.remove(0), start());
        assert_eq!(deltas, expected, "{events:?}");
    };
    let two = [call(0, "a", "f"), piece(0, "{\"x\":"), piece(0, "1}"), call(1, "b", "g"), piece(1, "{}")];
    // As OpenAI does: id and name in the first piece only.
    check(
        &[
            call_piece(0, Some("a"), Some("f"), ""),
            call_piece(0, None, None, "{\"x\":"),
            call_piece(0, None, None, "1}"),
            call_piece(1, Some("b"), Some("g"), "{}"),
        ],
        &two,
    );
    // All numbered 0.
    check(
        &[
            call_piece(0, Some("a"), Some("f"), "{\"x\":"),
            call_piece(0, None, None, "1}"),
            call_piece(0, Some("b"), Some("g"), "{}"),
        ],
        &two,
    );
    // Id and name in every piece.
    check(
        &[
            call_piece(0, Some("a"), Some("f"), "{\"x\":"),
            call_piece(0, Some("a"), Some("f"), "1}"),
            call_piece(1, Some("b"), Some("g"), "{}"),
        ],
        &two,
    );
    // The name in every piece, the id empty after the first.
    check(
        &[
            call_piece(0, Some("a"), Some("f"), "{\"x\":"),
            call_piece(0, Some(""), Some("f"), "1}"),
            call_piece(1, Some("b"), Some("g"), "{}"),
        ],
        &two,
    );
    // Whole calls, all numbered 0, without ids.
    check(
        &[call_piece(0, Some(""), Some("f"), "{\"x\":1}"), call_piece(0, Some(""), Some("g"), "{}")],
        &[call(0, "", "f"), piece(0, "{\"x\":1}"), call(1, "", "g"), piece(1, "{}")],
    );
    // In turns.
    check(
        &[
            call_piece(0, Some("a"), Some("f"), ""),
            call_piece(1, Some("b"), Some("g"), ""),
            call_piece(0, None, None, "{\"x\":"),
            call_piece(1, None, None, "{}"),
            call_piece(0, None, None, "1}"),
        ],
        &[call(0, "a", "f"), call(1, "b", "g"), piece(0, "{\"x\":"), piece(1, "{}"), piece(0, "1}")],
    );
}

#[test]
fn a_stream_begins_with_its_first_choice_and_ends_with_its_word() {
    let azure = json!({"id": "", "model": "", "choices": [], "prompt_filter_results": []}).to_string();
    let first = chunk(&json!({"role": "assistant", "content": ""}), None);
    let other = json!({"id": "c", "choices": [{"index": 1, "delta": {"content": "b"}}]}).to_string();
    let refused = chunk(&json!({"refusal": "No."}), Some("stop"));
    let trailing = chunk(&json!({}), Some(""));
    let tier = json!({"choices": [], "service_tier": "flex"}).to_string();
    let deltas = read_all(&[azure, first, other, refused, trailing, tier, "[DONE]".to_owned(), "<html>".to_owned()]);
    let expected =
        [start(), Delta::Refusal("No.".to_owned()), Delta::Stop(Stop::Refusal), Delta::ServiceTier("flex".to_owned())];
    assert_eq!(deltas, expected);
    let stop = |delta: Value, word: &str| read_all(&[chunk(&delta, Some(word))]).pop();
    assert_eq!(stop(json!({}), "length"), Some(Delta::Stop(Stop::Length)));
    assert_eq!(stop(json!({}), "tool_calls"), Some(Delta::Stop(Stop::ToolUse)));
    let called = json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]});
    assert_eq!(stop(called, "stop"), Some(Delta::Stop(Stop::ToolUse)), "as some servers say it");
    let thinking = json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]});
    assert_eq!(read_all(&[chunk(&thinking, None)])[1..], [Delta::Reasoning("hm".to_owned())]);
}

#[test]
fn errors_are_read_in_every_shape() {
    let check = |error: Value, kind: Option<&str>, message: &str| {
        let expected = Delta::Error { kind: kind.map(str::to_owned), message: message.to_owned() };
        assert_eq!(read_all(&[json!({ "error": error }).to_string()]), [expected]);
    };
    check(json!({"message": "busy", "type": "server_error", "code": "x"}), Some("server_error"), "busy");
    check(json!({"message": "busy", "type": null, "code": "overloaded"}), Some("overloaded"), "busy");
    check(json!("busy"), None, "busy");
    check(json!({"code": 502}), None, "{\"code\":502}");
    assert_eq!(read_all(&[r#"{"error":null,"choices":[]}"#]), []);
}

/// Text, reasoning, refusal, calls, usage, and why it ended.
type Said = (String, String, String, Vec<(String, String, String)>, Option<Usage>, Option<Stop>);

/// What a stream says, with pieces of the same sort joined, and without what only a stream has.
fn joined(deltas: Vec<Delta>) -> Said {
    let mut said: Said = (String::new(), String::new(), String::new(), Vec::new(), None, None);
    for delta in deltas {
        match delta {
            Delta::Text(text) => said.0.push_str(&text),
            Delta::Reasoning(text) => said.1.push_str(&text),
            Delta::Refusal(text) => said.2.push_str(&text),
            Delta::CallStart { id, name, .. } => said.3.push((id, name, String::new())),
            Delta::Arguments { call, piece } => said.3[call].2.push_str(&piece),
            Delta::Usage(usage) => said.4 = Some(usage),
            Delta::Stop(stop) => said.5 = Some(stop),
            Delta::Start { .. } | Delta::ServiceTier(_) | Delta::Error { .. } | Delta::Ping => {}
        }
    }
    said
}

fn words() -> impl Strategy<Value = String> {
    "[a-zü\\\\\"\n ]{0,6}"
}

/// Deltas in any order, even such as no reader tells.
fn any_delta() -> impl Strategy<Value = Delta> {
    prop_oneof![
        words().prop_map(Delta::Text),
        words().prop_map(Delta::Reasoning),
        words().prop_map(Delta::Refusal),
        (0_usize..4, words()).prop_map(|(number, name)| call(number, "", &name)),
        (0_usize..4, words()).prop_map(|(number, text)| piece(number, &text)),
        Just(Delta::Usage(usage())),
        Just(Delta::Stop(Stop::Length)),
        Just(Delta::Ping),
        Just(start()),
        Just(Delta::Error { kind: None, message: "x".to_owned() }),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_the_chunks_are_in_order(deltas in prop::collection::vec(any_delta(), 0..25)) {
        let events = data(&stream_for(context(), &deltas));
        let has_failed = deltas.iter().any(|delta| matches!(delta, Delta::Error { .. }));
        let (last, chunks) = events.split_last().expect("events");
        prop_assert_eq!(last == "[DONE]", !has_failed);
        prop_assert_eq!(last.contains("\"error\""), has_failed);
        let chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).expect("JSON")).collect();
        let ends = chunks.iter().filter(|chunk| chunk["choices"][0]["finish_reason"].is_string()).count();
        prop_assert_eq!(ends, usize::from(!has_failed));
        let mut begun = 0;
        for (place, chunk) in chunks.iter().enumerate() {
            prop_assert_eq!(&chunk["id"], &chunks[0]["id"]);
            let delta = &chunk["choices"][0]["delta"];
            prop_assert_eq!(delta.get("role").is_some(), place == 0);
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                if call.get("id").is_some() {
                    prop_assert_eq!(call["index"].as_u64(), Some(begun));
                    begun += 1;
                }
                prop_assert!(call["index"].as_u64() < Some(begun), "no piece before its call");
            }
        }
    }

    #[test]
    fn what_a_stream_says_is_read_from_it_again(
        texts in prop::collection::vec((0_usize..3, words()), 0..8),
        calls in prop::collection::vec(("[a-z]{1,4}", prop::collection::vec(words(), 0..3)), 0..4),
    ) {
        let mut deltas = vec![start()];
        deltas.extend(texts.into_iter().map(|(sort, text)| match sort {
            0 => Delta::Text(text),
            1 => Delta::Reasoning(text),
            _ => Delta::Refusal(text),
        }));
        for (number, (name, pieces)) in calls.into_iter().enumerate() {
            deltas.push(call(number, &format!("id{number}"), &name));
            deltas.extend(pieces.into_iter().map(|text| piece(number, &text)));
        }
        deltas.push(Delta::Usage(usage()));
        let mut said = joined(deltas.clone());
        said.5 = Some(match (said.3.is_empty(), said.2.is_empty()) {
            (false, _) => Stop::ToolUse,
            (true, false) => Stop::Refusal,
            (true, true) => Stop::End,
        });
        let events = data(&stream_for(Context { freeform: Vec::new(), ..context() }, &deltas));
        prop_assert_eq!(joined(read_all(&events)), said);
    }

    #[test]
    fn no_events_panic(events in prop::collection::vec(".{0,40}", 0..5), number in any::<u64>()) {
        let odd = json!({"choices": [{"index": number, "delta": {"tool_calls": [{"index": number}, 7, null]}}], "usage": 7});
        let mut events = events;
        events.push(odd.to_string());
        read_all(&events);
    }
}

#[test]
fn a_call_of_a_freeform_tool_is_read_although_none_was_asked_for() {
    let begin = json!({"choices": [{"index": 0, "delta": {"tool_calls": [
        {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "apply_patch", "input": ""}}]}}]});
    let more =
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "custom": {"input": "*** Begin"}}]}}]});
    let said = joined(read_all(&[begin.to_string(), more.to_string()]));
    assert_eq!(said.3, [("c1".to_owned(), "apply_patch".to_owned(), "*** Begin".to_owned())]);
}
