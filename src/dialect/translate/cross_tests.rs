//! From every caller's dialect to every other endpoint's, and back: what one says arrives at the other.

use bytes::Bytes;
use serde_json::{Value, json};

use super::upstream_tests::{DOORS, conversation, prompt};
use super::*;
use crate::dialect::framing::Framing;
use crate::dialect::{Event, Wire, read_answer, read_event, sse};
use crate::domain::{Door, Usage};

/// What an endpoint that speaks a dialect is asked for, and answers.
struct Endpoint {
    dialect: Dialect,
    model: &'static str,
    answer: &'static str,
    stream: &'static str,
}

const ENDPOINTS: [Endpoint; 5] = [
    Endpoint {
        dialect: Dialect::OpenaiChat,
        model: "gpt-5.2",
        answer: include_str!("fixtures/chat.json"),
        stream: include_str!("fixtures/chat.txt"),
    },
    Endpoint {
        dialect: Dialect::OpenaiResponses,
        model: "gpt-5.2",
        answer: include_str!("fixtures/responses.json"),
        stream: include_str!("fixtures/responses.txt"),
    },
    Endpoint {
        dialect: Dialect::AnthropicMessages,
        model: "claude-opus-4-6",
        answer: include_str!("fixtures/messages.json"),
        stream: include_str!("fixtures/messages.txt"),
    },
    Endpoint {
        dialect: Dialect::Gemini,
        model: "gemini-3-flash",
        answer: include_str!("gemini/fixtures/answer.json"),
        stream: include_str!("gemini/fixtures/stream.txt"),
    },
    Endpoint {
        dialect: Dialect::BedrockConverse,
        model: "us.anthropic.claude-sonnet-4-6",
        answer: include_str!("bedrock/fixtures/answer.json"),
        stream: include_str!("bedrock/fixtures/stream.txt"),
    },
];

/// Every pair that is translated, with a name.
fn pairs() -> impl Iterator<Item = (Door, &'static Endpoint, String)> {
    let all = DOORS.into_iter().flat_map(|door| ENDPOINTS.iter().map(move |endpoint| (door, endpoint)));
    all.filter(|(door, endpoint)| door.dialect() != endpoint.dialect)
        .map(|(door, endpoint)| (door, endpoint, format!("{}_to_{}", door.as_str(), endpoint.dialect.as_str())))
}

/// The conversation of the other tests with more in it, as the door's callers say it.
fn rich(door: Door) -> Value {
    let mut body = conversation(door, "t1");
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    match door {
        Door::Messages => {
            body["metadata"] = json!({"user_id": "u"});
            body["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
            body["max_tokens"] = json!(16_000);
            body["temperature"] = json!(1);
            body["service_tier"] = json!("auto");
            body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema}});
            body["messages"].as_array_mut().expect("messages").push(json!({"role": "user", "content": "Go on."}));
        }
        Door::Responses => {
            body["metadata"] = json!({"a": "b"});
            body["reasoning"] = json!({"effort": "medium", "summary": "auto"});
            body["temperature"] = json!(1);
            body["max_output_tokens"] = json!(16_000);
            body["service_tier"] = json!("flex");
            body["text"] =
                json!({"verbosity": "low", "format": {"type": "json_schema", "name": "a", "schema": schema}});
            body["tools"].as_array_mut().expect("tools").push(json!({"type": "custom", "name": "patch"}));
            let input = body["input"].as_array_mut().expect("items");
            input.push(json!({"type": "message", "role": "user", "content": "Go on."}));
        }
        _ => {
            body["user"] = json!("u");
            body["reasoning_effort"] = json!("medium");
            body["temperature"] = json!(1);
            body["max_tokens"] = json!(16_000);
            body["service_tier"] = json!("flex");
            body["verbosity"] = json!("low");
            body["response_format"] =
                json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": true}});
            body["tools"].as_array_mut().expect("tools").push(json!({"type": "custom", "custom": {"name": "patch"}}));
            body["messages"].as_array_mut().expect("messages").push(json!({"role": "user", "content": "Go on."}));
        }
    }
    body
}

fn translated(door: Door, body: &Value, endpoint: &Endpoint) -> Request {
    let wanted = Wanted { model: endpoint.model, ask_usage: true, foreign: &[] };
    request(&prompt(door, body), endpoint.dialect, &wanted, &[]).expect("carried")
}

fn context(door: Door) -> Context {
    let mut context = of_request(&prompt(door, &rich(door)), door.dialect());
    (context.id, context.created, context.wants_usage) = ("abc".to_owned(), 7, true);
    context
}

fn answered(door: Door, endpoint: &Endpoint, body: &str) -> Value {
    let told = answer(endpoint.dialect, door.dialect(), body.as_bytes(), &context(door)).expect("an answer");
    serde_json::from_slice(&told).expect("JSON")
}

/// A stream that comes in these pieces, in the dialect of this door's callers.
fn streamed<'s>(door: Door, endpoint: &Endpoint, pieces: impl Iterator<Item = &'s [u8]>) -> String {
    let mut stream = Stream::new(endpoint.dialect, door.dialect(), context(door));
    let (mut framing, mut out) = (Framing::default(), Vec::new());
    for piece in pieces {
        framing.push(&Bytes::copy_from_slice(piece));
        while let Some(frame) = framing.next_frame() {
            if let Some(data) = sse::data(&frame.bytes) {
                out.extend_from_slice(&stream.event(&data));
            }
        }
    }
    out.extend_from_slice(&stream.finish());
    String::from_utf8(out).expect("text")
}

fn whole(door: Door, endpoint: &Endpoint) -> String {
    streamed(door, endpoint, std::iter::once(endpoint.stream.as_bytes()))
}

#[test]
fn requests_answers_and_streams_cross_every_pair() {
    for (door, endpoint, name) in pairs() {
        let request = translated(door, &rich(door), endpoint);
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        let body = serde_json::to_string_pretty(&body).expect("JSON");
        insta::assert_snapshot!(format!("request_{name}"), format!("{body}\n\nleft out: {:?}", request.left_out));
        // The other way round.
        let name = format!("{}_to_{}", endpoint.dialect.as_str(), door.as_str());
        let told = serde_json::to_string_pretty(&answered(door, endpoint, endpoint.answer)).expect("JSON");
        insta::assert_snapshot!(format!("answer_{name}"), told);
        insta::assert_snapshot!(format!("stream_{name}"), whole(door, endpoint));
    }
}

/// All usage that a stream tells in the end.
fn usage_of(wire: Wire, stream: &str) -> Usage {
    let (mut framing, mut usage) = (Framing::default(), Usage::default());
    framing.push(&Bytes::copy_from_slice(stream.as_bytes()));
    while let Some(frame) = framing.next_frame() {
        let Some(data) = sse::data(&frame.bytes) else { continue };
        if let Event::Piece(piece) | Event::Done(piece) = read_event(wire, &data) {
            piece.usage.iter().for_each(|told| usage.update(told));
        }
    }
    usage
}

/// What every dialect can say: how long a cache lives only Messages tells, and what was seen only OpenAI's.
fn common(usage: Usage, with_images: bool) -> Usage {
    let mut common = Usage { cache_write_5m: usage.cache_write_5m + usage.cache_write_1h, cache_write_1h: 0, ..usage };
    if !with_images {
        (common.input, common.image) = (usage.input + usage.image, 0);
    }
    common
}

#[test]
fn every_bucket_of_usage_arrives() {
    for (door, endpoint, name) in pairs() {
        let (from, to) = (Wire { dialect: endpoint.dialect, door }, Wire { dialect: door.dialect(), door });
        let native = read_answer(from, endpoint.answer.as_bytes()).usage.expect("usage");
        let told = answered(door, endpoint, endpoint.answer).to_string();
        let told = read_answer(to, told.as_bytes()).usage.expect("usage");
        let with_images = door == Door::Chat;
        assert!(native.total_input() > 0 && native.cache_read > 0 && native.total_output() > 0, "{name}: {native:?}");
        assert_eq!((told.total_input(), told.total_output()), (native.total_input(), native.total_output()), "{name}");
        assert_eq!(common(told, with_images), common(native, with_images), "{name}");
        let native = usage_of(from, endpoint.stream);
        let told = usage_of(to, &whole(door, endpoint));
        assert!(native.total_input() > 0 && native.total_output() > 0, "{name}: {native:?}");
        assert_eq!(common(told, with_images), common(native, with_images), "{name}");
    }
}

#[test]
fn reasons_to_stop_mean_the_same_everywhere() {
    let bodies = |dialect: Dialect, reason: usize| -> String {
        let word = |words: [&'static str; 3]| words[reason];
        match dialect {
            Dialect::OpenaiChat => json!({"choices": [{"message": {"content": "x"},
                "finish_reason": word(["stop", "length", "content_filter"])}]}),
            Dialect::OpenaiResponses => {
                let output = json!([{"type": "message", "content": [{"type": "output_text", "text": "x"}]}]);
                let details = json!({"reason": word(["", "max_output_tokens", "content_filter"])});
                match reason {
                    0 => json!({"id": "r", "object": "response", "status": "completed", "output": output}),
                    _ => {
                        json!({"id": "r", "object": "response", "status": "incomplete", "incomplete_details": details, "output": output})
                    }
                }
            }
            Dialect::AnthropicMessages => json!({"content": [{"type": "text", "text": "x"}],
                "stop_reason": word(["end_turn", "max_tokens", "refusal"])}),
            Dialect::Gemini => json!({"candidates": [{"content": {"parts": [{"text": "x"}]},
                "finishReason": word(["STOP", "MAX_TOKENS", "SAFETY"])}]}),
            Dialect::BedrockConverse => json!({"output": {"message": {"content": [{"text": "x"}]}},
                "stopReason": word(["end_turn", "max_tokens", "content_filtered"])}),
        }
        .to_string()
    };
    for (door, endpoint, name) in pairs() {
        for reason in 0..3 {
            let told = answered(door, endpoint, &bodies(endpoint.dialect, reason));
            let (found, expected) = match door {
                Door::Messages => (&told["stop_reason"], ["end_turn", "max_tokens", "refusal"][reason]),
                Door::Chat => (&told["choices"][0]["finish_reason"], ["stop", "length", "content_filter"][reason]),
                _ if reason == 0 => (&told["status"], "completed"),
                _ => (&told["incomplete_details"]["reason"], ["", "max_output_tokens", "content_filter"][reason]),
            };
            assert_eq!(found, expected, "{name}");
        }
    }
}

/// The ids of the calls in an answer.
fn call_ids(door: Door, answer: &Value) -> Vec<String> {
    let (list, field) = match door {
        Door::Messages => (&answer["content"], "id"),
        Door::Responses => (&answer["output"], "call_id"),
        _ => (&answer["choices"][0]["message"]["tool_calls"], "id"),
    };
    let is_call = |item: &&Value| matches!(item["type"].as_str(), Some("tool_use" | "function_call" | "function"));
    let calls = list.as_array().into_iter().flatten().filter(is_call);
    calls.map(|call| call[field].as_str().expect("an id").to_owned()).collect()
}

/// The values of a field, wherever it stands.
fn values_of(body: &Value, field: &str, found: &mut Vec<String>) {
    match body {
        Value::Object(map) => {
            found.extend(map.get(field).and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| values_of(value, field, found));
        }
        Value::Array(list) => list.iter().for_each(|value| values_of(value, field, found)),
        _ => {}
    }
}

#[test]
fn ids_of_calls_survive_there_and_back() {
    for (door, endpoint, name) in pairs() {
        let ids = call_ids(door, &answered(door, endpoint, endpoint.answer));
        assert!(ids.len() >= 2 && ids.iter().all(|id| !id.is_empty()), "{name}: {ids:?}");
        for id in ids {
            // To the same endpoint, and to any other that the conversation may move to.
            for next in ENDPOINTS.iter().filter(|next| next.dialect != door.dialect()) {
                let body = translated(door, &conversation(door, &id), next).body;
                let body: Value = serde_json::from_slice(&body).expect("JSON");
                let fields: &[&str] = match next.dialect {
                    Dialect::OpenaiChat => &["id", "tool_call_id"],
                    Dialect::OpenaiResponses => &["call_id"],
                    Dialect::AnthropicMessages => &["id", "tool_use_id"],
                    Dialect::BedrockConverse => &["toolUseId"],
                    // Here a result is found by the tool's name where the id is another's.
                    Dialect::Gemini => continue,
                };
                let mut found = Vec::new();
                fields.iter().for_each(|field| values_of(&body, field, &mut found));
                assert_eq!(found.len(), 2, "{name} {id} at {:?}: {body}", next.dialect);
                assert_eq!(found[0], found[1], "{name} {id} at {:?}", next.dialect);
                let longest = if next.dialect == Dialect::OpenaiChat { 40 } else { 64 };
                let is_anthropics = next.dialect == Dialect::AnthropicMessages;
                assert!(found[0].len() <= longest || is_anthropics, "{name} {id} at {:?}", next.dialect);
            }
        }
    }
}

#[test]
fn a_stream_that_is_cut_anywhere_is_the_same() {
    for (door, endpoint, name) in pairs() {
        let expected = whole(door, endpoint);
        let bytes = endpoint.stream.as_bytes();
        assert_eq!(streamed(door, endpoint, bytes.chunks(1)), expected, "{name}, byte by byte");
    }
    // A stream is translated event by event, so that only the events have to be the same wherever else it is cut.
    for endpoint in &ENDPOINTS {
        let bytes = endpoint.stream.as_bytes();
        let expected = events(&[bytes]);
        assert!(expected.len() > 4, "{:?}", endpoint.dialect);
        for cut in 0..bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(events(&[head, tail]), expected, "{:?}, cut at {cut}", endpoint.dialect);
        }
    }
}

/// The data of the events in a stream that comes in these pieces.
fn events(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut framing, mut found) = (Framing::default(), Vec::new());
    for piece in pieces {
        framing.push(&Bytes::copy_from_slice(piece));
        while let Some(frame) = framing.next_frame() {
            found.extend(sse::data(&frame.bytes).map(|data| data.to_vec()));
        }
    }
    found
}
