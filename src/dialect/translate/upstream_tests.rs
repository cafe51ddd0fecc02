//! From every caller's dialect to those that only endpoints speak, and back: requests, answers, streams, tool loops.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::dialect::framing::Framing;
use crate::dialect::{Limits, Wire, parse, read_answer, sse};
use crate::domain::Door;

pub(super) const DOORS: [Door; 3] = [Door::Chat, Door::Responses, Door::Messages];
const MODELS: [(Dialect, &str); 2] =
    [(Dialect::Gemini, "gemini-3-flash"), (Dialect::BedrockConverse, "us.anthropic.claude-sonnet-4-6")];

const GEMINI: &str = include_str!("gemini/fixtures/stream.txt");
const BEDROCK: &str = include_str!("bedrock/fixtures/stream.txt");

pub(super) fn prompt(door: Door, body: &Value) -> Prompt {
    parse(door, Bytes::from(body.to_string()), &Limits { max_depth: 64 }).expect("a prompt")
}

/// A conversation with a picture, and a call under this id, as each door has it.
pub(super) fn conversation(door: Door, id: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"at": {"type": "string"}}});
    let picture = "data:image/png;base64,AAAA";
    match door {
        Door::Messages => json!({
            "model": "auto", "max_tokens": 100, "temperature": 0.5, "stream": true, "system": "Be brief.",
            "tools": [{"name": "look", "description": "Looks.", "input_schema": schema}],
            "tool_choice": {"type": "auto"},
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Where?"}, {"type": "image", "source":
                    {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]},
                {"role": "assistant", "content": [{"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": id, "name": "look", "input": {"at": "Bern"}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "nothing"}]},
            ],
        }),
        Door::Responses => json!({
            "model": "auto", "max_output_tokens": 100, "temperature": 0.5, "stream": true, "store": false,
            "instructions": "Be brief.", "tool_choice": "auto",
            "tools": [{"type": "function", "name": "look", "description": "Looks.", "parameters": schema,
                "strict": false}],
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where?"},
                    {"type": "input_image", "image_url": picture, "detail": "auto"}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
                {"type": "function_call", "call_id": id, "name": "look", "arguments": "{\"at\":\"Bern\"}"},
                {"type": "function_call_output", "call_id": id, "output": "nothing"},
            ],
        }),
        _ => json!({
            "model": "auto", "max_tokens": 100, "temperature": 0.5, "stream": true, "tool_choice": "auto",
            "tools": [{"type": "function", "function": {"name": "look", "description": "Looks.",
                "parameters": schema}}],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Where?"},
                    {"type": "image_url", "image_url": {"url": picture}}]},
                {"role": "assistant", "content": "I look.", "tool_calls": [{"id": id, "type": "function",
                    "function": {"name": "look", "arguments": "{\"at\":\"Bern\"}"}}]},
                {"role": "tool", "tool_call_id": id, "content": "nothing"},
            ],
        }),
    }
}

fn body(door: Door, conversation: &Value, to: Dialect, model: &str) -> Value {
    let wanted = Wanted { model, ask_usage: true, foreign: &[] };
    let request = request(&prompt(door, conversation), to, &wanted, &[]).expect("translated");
    serde_json::from_slice(&request.body).expect("JSON")
}

/// A stream of an endpoint's, in the dialect of this door's callers.
fn streamed(door: Door, from: Dialect, stream: &str) -> String {
    let asked = prompt(door, &conversation(door, "t1"));
    let mut context = of_request(&asked, door.dialect());
    (context.id, context.wants_usage) = ("abc".to_owned(), true);
    let mut translated = Stream::new(from, door.dialect(), context);
    let mut framing = Framing::default();
    framing.push(&Bytes::copy_from_slice(stream.as_bytes()));
    let mut out = Vec::new();
    while let Some(frame) = framing.next_frame() {
        out.extend_from_slice(&translated.event(&sse::data(&frame.bytes).expect("data")));
    }
    out.extend_from_slice(&translated.finish());
    String::from_utf8(out).expect("text")
}

#[test]
fn the_same_conversation_is_the_same_whichever_door_it_came_through() {
    for (to, model) in MODELS {
        let chat = body(Door::Chat, &conversation(Door::Chat, "t1"), to, model);
        for door in DOORS {
            assert_eq!(body(door, &conversation(door, "t1"), to, model), chat, "{door:?} to {to:?}");
        }
    }
}

#[test]
fn a_stream_arrives_whole_at_every_door() {
    for (from, stream) in [(Dialect::Gemini, GEMINI), (Dialect::BedrockConverse, BEDROCK)] {
        for door in DOORS {
            let told = streamed(door, from, stream);
            let check = |words: &str| assert!(told.contains(words), "{words} from {from:?} at {door:?}:\n{told}");
            ["I look ", "at both.", "Z\u{fc}", "\"look\""].into_iter().for_each(check);
            match door {
                Door::Messages => ["\"stop_reason\":\"tool_use\"", "event: message_stop", "\"output_tokens\":"],
                Door::Responses => ["event: response.completed", "\"function_call\"", "\"output_tokens\":"],
                _ => ["\"finish_reason\":\"tool_calls\"", "data: [DONE]", "\"completion_tokens\":"],
            }
            .into_iter()
            .for_each(check);
        }
    }
}

#[test]
fn a_signature_comes_back_through_every_door() {
    for door in DOORS {
        let told = streamed(door, Dialect::Gemini, GEMINI);
        let id = told.split('"').find(|word| word.contains("_sig_")).expect("a signed call").to_owned();
        let next = body(door, &conversation(door, &id), Dialect::Gemini, "gemini-3-flash");
        let call = json!({"functionCall": {"name": "look", "args": {"at": "Bern"}, "id": "f1"},
            "thoughtSignature": "c2lnbmVk"});
        assert_eq!(next["contents"][1]["parts"][1], call, "{door:?} {id}");
        let result = &next["contents"][2]["parts"][0]["functionResponse"];
        assert_eq!(result, &json!({"name": "look", "id": "f1", "response": {"output": "nothing"}}), "{door:?}");
    }
}

#[test]
fn a_failure_in_the_middle_ends_every_stream_with_an_error() {
    let busy = "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\",\"message\":\"busy now\"}}\n\n";
    let slow = "data: {\"error\":{\"type\":\"throttlingException\",\"message\":\"busy now\"}}\n\n";
    let first = |stream: &str, events: usize| stream.split_inclusive("\n\n").take(events).collect::<String>();
    let streams = [(Dialect::Gemini, first(GEMINI, 2) + busy), (Dialect::BedrockConverse, first(BEDROCK, 7) + slow)];
    for (from, stream) in streams {
        for door in DOORS {
            let told = streamed(door, from, &stream);
            assert!(told.contains("busy now"), "{from:?} at {door:?}:\n{told}");
            for end in ["\"finish_reason\":\"stop\"", "response.completed", "event: message_stop"] {
                assert!(!told.contains(end), "{end} from {from:?} at {door:?}:\n{told}");
            }
        }
    }
}

#[test]
fn whole_answers_arrive_at_every_door() {
    let answers: [(Dialect, &[u8]); 2] = [
        (Dialect::Gemini, include_bytes!("gemini/fixtures/answer.json")),
        (Dialect::BedrockConverse, include_bytes!("bedrock/fixtures/answer.json")),
    ];
    for (from, answer_in) in answers {
        for door in DOORS {
            let context = of_request(&prompt(door, &conversation(door, "t1")), door.dialect());
            let told = answer(from, door.dialect(), answer_in, &context).expect("an answer");
            let told = String::from_utf8(told.to_vec()).expect("text");
            for words in ["I look at both.", "Zürich", "\"now\""] {
                assert!(told.contains(words), "{words} from {from:?} at {door:?}:\n{told}");
            }
            let read = read_answer(Wire { dialect: door.dialect(), door }, told.as_bytes());
            let usage = read_answer(Wire { dialect: from, door }, answer_in).usage.expect("usage");
            let read = read.usage.expect("usage");
            assert_eq!(read.total_input(), usage.total_input(), "{from:?} at {door:?}");
            assert_eq!(read.total_output(), usage.total_output(), "{from:?} at {door:?}");
        }
    }
}

#[test]
fn a_conversation_in_which_nobody_says_anything_is_refused() {
    let silent = [
        (Door::Responses, json!({"model": "auto", "input": [{"role": "user", "content": []}]}), "input"),
        (Door::Chat, json!({"model": "auto", "messages": [{"role": "user", "content": ""}]}), "messages"),
    ];
    for (door, body, name) in silent {
        for to in Dialect::ALL.iter().filter(|to| **to != door.dialect()) {
            let wanted = Wanted { model: "far", ask_usage: true, foreign: &[] };
            let refused = request(&prompt(door, &body), *to, &wanted, &["messages".to_owned()]).expect_err("refused");
            assert_eq!(refused.param.as_deref(), Some(name), "{door:?} to {to:?}");
        }
    }
}
