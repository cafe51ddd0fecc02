//! What must be true of every stream that a caller gets in translation, whatever the endpoint sent.

use serde_json::{Value, json};
use weighbridge::dialect::sse::{Splitter, data};
use weighbridge::dialect::{Event, Wire, read_event};
use weighbridge::domain::{Dialect, Door};

/// Holds a whole stream for a caller at this door against what its dialect promises.
pub fn check(door: Door, stream: &[u8]) {
    let events = events(stream);
    for (_, data) in &events {
        let meaning = read_event(Wire { dialect: door.dialect(), door }, data.as_bytes());
        assert_ne!(meaning, Event::Garbage, "{data}");
    }
    match door.dialect() {
        Dialect::AnthropicMessages => check_messages(&named(&events)),
        Dialect::OpenaiResponses => check_responses(&named(&events)),
        _ => check_chat(&events),
    }
}

/// The events with data: their lines before it, and it.
fn events(stream: &[u8]) -> Vec<(String, String)> {
    let mut splitter = Splitter::default();
    splitter.push(stream);
    let mut found = Vec::new();
    while let Some(frame) = splitter.next_frame() {
        assert!(frame.whole, "an event that is too large to be read");
        let text = str::from_utf8(&frame.bytes).expect("text");
        match data(&frame.bytes) {
            Some(data) => {
                let head = text.lines().filter(|line| !line.starts_with("data")).collect();
                found.push((head, String::from_utf8(data.to_vec()).expect("text")));
            }
            None => assert!(text.starts_with(':'), "neither an event nor a comment: {text}"),
        }
    }
    assert_eq!(splitter.finish(), None, "the stream ends within an event");
    found
}

/// The data of events, each of which bears its type as its name.
fn named(events: &[(String, String)]) -> Vec<Value> {
    let read = events.iter().map(|(head, data)| {
        let event: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(*head, format!("event: {}", event["type"].as_str().expect("a type")));
        event
    });
    read.collect()
}

/// Messages: a start; blocks one after the other, numbered; a delta and a stop at the end, or an error.
fn check_messages(events: &[Value]) {
    let (mut has_started, mut has_told_stop) = (false, false);
    let mut blocks = 0;
    let mut open: Option<&str> = None;
    for (place, event) in events.iter().enumerate() {
        let is_last = place + 1 == events.len();
        let kind = event["type"].as_str().expect("a type");
        assert_eq!(is_last, matches!(kind, "message_stop" | "error"), "{kind} at {place} of {}", events.len());
        match kind {
            "ping" | "error" => continue,
            "message_start" => {
                assert!(!std::mem::replace(&mut has_started, true), "a second start");
                assert!(event["message"]["id"].is_string() && event["message"]["usage"]["input_tokens"].is_u64());
                continue;
            }
            _ => assert!(has_started, "{kind} before the start"),
        }
        assert!(!has_told_stop || kind == "message_stop", "{kind} after the message's delta");
        let index = &event["index"];
        match kind {
            "content_block_start" => {
                assert_eq!((open, index), (None, &json!(blocks)), "{event}");
                open = event["content_block"]["type"].as_str();
                assert!(matches!(open, Some("text" | "thinking" | "tool_use")), "{event}");
                blocks += 1;
            }
            "content_block_delta" => {
                assert_eq!(index, &json!(blocks - 1), "{event}");
                let fits = match event["delta"]["type"].as_str() {
                    Some("text_delta") => open == Some("text"),
                    Some("thinking_delta" | "signature_delta") => open == Some("thinking"),
                    Some("input_json_delta") => open == Some("tool_use"),
                    _ => false,
                };
                assert!(fits, "{event} in {open:?}");
            }
            "content_block_stop" => {
                assert!(open.take().is_some() && *index == json!(blocks - 1), "{event}");
            }
            "message_delta" => {
                assert_eq!(open, None);
                assert!(
                    event["delta"]["stop_reason"].is_string() && event["usage"]["output_tokens"].is_u64(),
                    "{event}"
                );
                has_told_stop = true;
            }
            "message_stop" => assert!(has_told_stop),
            other => panic!("an event of no known type: {other}"),
        }
    }
    assert!(!events.is_empty());
}

/// Responses: numbered without a gap; created first; each item added once and done once; one end, which has the items as
/// they were told.
fn check_responses(events: &[Value]) {
    let mut items: Vec<Option<&Value>> = Vec::new();
    let ids = events.iter().filter_map(|event| event["response"]["id"].as_str());
    for id in ids {
        assert_eq!(Some(id), events[0]["response"]["id"].as_str(), "another id");
    }
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], json!(place));
        let is_last = place + 1 == events.len();
        let kind = event["type"].as_str().expect("a type");
        let is_end = matches!(kind, "response.completed" | "response.incomplete" | "response.failed");
        assert_eq!(
            (place == 0, is_last),
            (kind == "response.created", is_end),
            "{kind} at {place} of {}",
            events.len()
        );
        let at = event["output_index"].as_u64().map(|at| at as usize);
        match kind {
            "response.created" | "response.in_progress" => {}
            "response.output_item.added" => {
                assert_eq!(at, Some(items.len()));
                items.push(None);
            }
            "response.output_item.done" => {
                let item = items.get_mut(at.expect("an index")).expect("was added");
                assert!(item.replace(&event["item"]).is_none(), "done twice: {event}");
            }
            _ if is_end => {
                let told: Vec<&Value> = items.iter().map(|item| item.expect("an item that is not done")).collect();
                let output = event["response"]["output"].as_array().expect("output");
                assert_eq!(output.iter().collect::<Vec<_>>(), told);
                assert!(event["response"]["usage"]["output_tokens"].is_u64(), "{event}");
                assert_eq!(event["response"]["error"].is_null(), kind != "response.failed");
            }
            _ => assert_eq!(items.get(at.expect("an index")), Some(&None), "{kind} outside of its item"),
        }
    }
    assert!(!events.is_empty());
}

/// Chat Completions: one choice, which says once who speaks and once why it ended; calls begin before they go on;
/// `[DONE]` once and last, or an error.
fn check_chat(events: &[(String, String)]) {
    let (last, chunks) = events.split_last().expect("a stream says something");
    let (mut calls, mut roles, mut ends) = (Vec::new(), 0, 0);
    for (place, (head, data)) in chunks.iter().enumerate() {
        assert_eq!(head, "");
        let chunk: Value = serde_json::from_str(data).expect("JSON");
        assert!(chunk.get("error").is_none() && chunk["id"].is_string() && chunk["model"].is_string(), "{chunk}");
        let choices = chunk["choices"].as_array().expect("choices");
        assert!(choices.len() == 1 || place + 1 == chunks.len() && chunk["usage"].is_object(), "{chunk}");
        for choice in choices {
            assert_eq!(ends, 0, "{choice} after the end");
            ends += usize::from(choice["finish_reason"].is_string());
            let delta = choice["delta"].as_object().expect("a delta");
            roles += usize::from(delta.contains_key("role"));
            assert_eq!(roles, 1, "who speaks is said once, at first");
            for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
                let index = call["index"].as_u64().expect("an index");
                let begins = call["id"].is_string() && call["function"]["name"].is_string();
                assert_eq!(begins, !calls.contains(&index), "{call}");
                assert!(call["function"]["arguments"].is_string(), "{call}");
                calls.push(index);
            }
        }
    }
    if last.1 == "[DONE]" {
        assert_eq!(ends, 1);
    } else {
        let error: Value = serde_json::from_str(&last.1).expect("JSON");
        assert!(error["error"]["message"].is_string() && ends == 0, "{error}");
    }
}
