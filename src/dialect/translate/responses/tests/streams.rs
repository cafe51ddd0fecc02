use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::dialect::sse::{Splitter, data};
use crate::dialect::translate::neutral::{Delta, Part, Reply, Stop, ToolCall, freeform_arguments};
use crate::dialect::translate::responses::{Reader, Writer, echo, read_reply, write_reply};
use crate::dialect::translate::{Context, Read, Write};
use crate::domain::Usage;

fn context() -> Context {
    let body = json!({"model": "auto", "input": "x", "instructions": "Be brief.", "tools": [
        {"type": "function", "name": "look", "parameters": {"type": "object"}},
        {"type": "custom", "name": "patch"},
        {"type": "namespace", "name": "agents", "tools": [{"type": "function", "name": "spawn"}]},
        {"type": "tool_search", "execution": "client"},
    ]});
    Context {
        id: "7f".into(),
        model: "auto".into(),
        created: 1_700_000_000,
        input_tokens: 11,
        freeform: vec!["patch".into()],
        echo: echo(body.to_string().as_bytes()),
        ..Context::default()
    }
}

fn usage() -> Usage {
    Usage { input: 10, cache_read: 60, cache_write_5m: 30, output: 5, reasoning: 2, ..Usage::default() }
}

/// The bytes of the stream that says these.
fn stream(deltas: &[Delta]) -> Vec<u8> {
    let mut writer = Writer::new(context());
    let mut out = Vec::new();
    deltas.iter().for_each(|delta| writer.write(delta.clone(), &mut out));
    writer.finish(&mut out);
    writer.write(Delta::Text("too late".into()), &mut out);
    writer.finish(&mut out);
    out
}

/// The data of a stream's events, each of which bears its own name.
fn events(stream: &[u8]) -> Vec<Value> {
    let mut splitter = Splitter::default();
    splitter.push(stream);
    let mut found = Vec::new();
    while let Some(frame) = splitter.next_frame() {
        let event: Value = serde_json::from_slice(&data(&frame.bytes).expect("data")).expect("JSON");
        let name = format!("event: {}\n", event["type"].as_str().expect("a type"));
        assert!(frame.bytes.starts_with(name.as_bytes()));
        found.push(event);
    }
    assert!(splitter.finish().is_none());
    found
}

fn call_start(call: usize, id: &str, name: &str) -> Delta {
    Delta::CallStart { call, id: id.into(), name: name.into() }
}

fn arguments(call: usize, piece: &str) -> Delta {
    Delta::Arguments { call, piece: piece.into() }
}

fn rich() -> Vec<Delta> {
    vec![
        Delta::Start { id: Some("chatcmpl-1".into()), model: Some("far-model".into()) },
        Delta::Reasoning("Let me ".into()),
        Delta::Reasoning("think.".into()),
        Delta::Text("I ".into()),
        Delta::Text("look.".into()),
        Delta::Ping,
        call_start(0, "c0", "look"),
        arguments(0, "{\"at\""),
        arguments(0, ":1}"),
        call_start(1, "c1", "patch"),
        arguments(1, &freeform_arguments("*** \"x\"")),
        call_start(2, "", "agents__spawn"),
        arguments(2, "{}"),
        call_start(3, "c3", "tool_search"),
        arguments(3, "{\"query\":\"q\"}"),
        Delta::Usage(usage()),
        Delta::ServiceTier("flex".into()),
        Delta::Stop(Stop::ToolUse),
    ]
}

#[test]
fn a_rich_stream_is_written_as_openai_writes_it() {
    let mut lines = Vec::new();
    for mut event in events(&stream(&rich())) {
        // What the response repeats of the request is the same in each.
        let is_last = event["type"] == "response.completed";
        if let Some(response) = event.get_mut("response").and_then(Value::as_object_mut).filter(|_| !is_last) {
            response.retain(|name, _| ["id", "model", "status", "output", "usage"].contains(&name.as_str()));
        }
        let line = serde_json::to_string(&event).expect("JSON");
        lines.push(line);
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn an_answer_ends_as_the_model_did() {
    let check = |stop: Stop, kind: &str, reason: Value| {
        let events = events(&stream(&[Delta::Text("a".into()), Delta::Stop(stop.clone())]));
        let last = events.last().expect("an event");
        assert_eq!((last["type"].as_str(), &last["response"]["incomplete_details"]), (Some(kind), &reason), "{stop:?}");
        assert_eq!(last["response"]["output"][0]["status"], last["response"]["status"]);
    };
    check(Stop::End, "response.completed", Value::Null);
    check(Stop::Sequence(None), "response.completed", Value::Null);
    check(Stop::Length, "response.incomplete", json!({"reason": "max_output_tokens"}));
    check(Stop::ContextFull, "response.incomplete", json!({"reason": "max_output_tokens"}));
    check(Stop::Refusal, "response.incomplete", json!({"reason": "content_filter"}));
}

#[test]
fn an_error_in_the_middle_fails_the_response() {
    let error = Delta::Error { kind: Some("rate_limit_exceeded".into()), message: "slow down".into() };
    let events = events(&stream(&[Delta::Text("a".into()), error, Delta::Text("b".into()), Delta::Stop(Stop::End)]));
    let last = events.last().expect("an event");
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["error"], json!({"code": "rate_limit_exceeded", "message": "slow down"}));
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "a");
}

#[test]
fn the_usage_is_what_was_counted_or_an_estimate_of_what_went_in() {
    let told = |deltas: &[Delta]| events(&stream(deltas)).pop().expect("an event")["response"]["usage"].clone();
    let counted = json!({"input_tokens": 100, "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
        "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 107});
    assert_eq!(told(&[Delta::Usage(Usage::default()), Delta::Usage(usage())]), counted);
    assert_eq!(told(&[])["input_tokens"], 11);
}

#[test]
fn a_whole_answer_is_the_end_of_its_stream() {
    let reply = Reply {
        id: Some("msg_1".into()),
        model: Some("far-model".into()),
        parts: vec![
            Part::Reasoning("Hm.".into()),
            Part::Text("So.".into()),
            Part::ToolCall(ToolCall { id: "c1".into(), name: "patch".into(), arguments: freeform_arguments("x") }),
            Part::ToolCall(ToolCall { id: "c2".into(), name: "agents__spawn".into(), arguments: "{}".into() }),
        ],
        stop: Stop::ToolUse,
        usage: Some(usage()),
        service_tier: Some("flex".into()),
    };
    let body = write_reply(&reply, &context());
    assert_eq!(
        (&body["object"], &body["status"], &body["store"]),
        (&json!("response"), &json!("completed"), &json!(false))
    );
    assert_eq!((&body["id"], &body["instructions"]), (&json!("resp_msg_1"), &json!("Be brief.")));
    assert_eq!(body["output"][2]["input"], "x");
    assert_eq!((&body["output"][3]["namespace"], &body["output"][3]["name"]), (&json!("agents"), &json!("spawn")));
    let again = read_reply(body.to_string().as_bytes()).expect("an answer");
    let expected = Reply { id: Some("resp_msg_1".into()), ..reply };
    // A namespace is this dialect's own: its name for the tool is not the neutral one.
    let without_last = |reply: Reply| Reply { parts: reply.parts[..3].to_vec(), ..reply };
    assert_eq!(without_last(again), without_last(expected));
}

#[test]
fn whole_answers_are_read() {
    let check = |body: Value, expected: Option<(Vec<Part>, Stop)>| {
        let read = read_reply(body.to_string().as_bytes()).map(|reply| (reply.parts, reply.stop));
        assert_eq!(read, expected, "{body}");
    };
    let response = |output: Value, more: Value| {
        let mut body = json!({"id": "resp_1", "object": "response", "status": "completed", "output": output});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        body
    };
    let said = |kind: &str, name: &str| json!([{"type": "message", "content": [{"type": kind, name: "x"}]}]);
    check(response(said("output_text", "text"), json!({})), Some((vec![Part::Text("x".into())], Stop::End)));
    check(response(said("refusal", "refusal"), json!({})), Some((vec![Part::Refusal("x".into())], Stop::Refusal)));
    let cut = json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}});
    check(response(said("output_text", "text"), cut), Some((vec![Part::Text("x".into())], Stop::Length)));
    let reasoning = json!([{"type": "reasoning", "summary": [{"text": "a"}, {"text": "b"}]},
        {"type": "reasoning", "summary": [], "content": [{"text": "c"}]}, {"type": "web_search_call"}]);
    let thought = vec![Part::Reasoning("a\n\nb".into()), Part::Reasoning("c".into())];
    check(response(reasoning, json!({})), Some((thought, Stop::End)));
    check(response(json!([]), json!({"status": "failed", "error": {"message": "broke"}})), None);
    check(json!({"choices": []}), None);
}

fn read_all(events: &[Value]) -> Vec<Delta> {
    let mut reader = Reader::default();
    let mut deltas = Vec::new();
    events.iter().for_each(|event| reader.read(event.to_string().as_bytes(), &mut deltas));
    deltas
}

#[test]
fn a_stream_is_read_though_it_tells_things_only_when_they_are_done() {
    let call = json!({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}"});
    let message = json!({"type": "message", "content": [{"type": "output_text", "text": "said"}]});
    let deltas = read_all(&[
        json!({"type": "response.output_item.done", "output_index": 0, "item": call}),
        json!({"type": "response.completed", "response": {"id": "resp_1", "object": "response", "model": "m",
            "status": "completed", "output": [call, message],
            "usage": {"input_tokens": 3, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}}}}),
        json!({"type": "response.output_text.delta", "output_index": 1, "delta": "too late"}),
    ]);
    let usage = Usage { input: 2, cache_read: 1, output: 2, ..Usage::default() };
    let expected = [
        call_start(0, "c1", "f"),
        arguments(0, "{\"a\":1}"),
        Delta::Start { id: Some("resp_1".into()), model: Some("m".into()) },
        Delta::Text("said".into()),
        Delta::Usage(usage),
        Delta::Stop(Stop::ToolUse),
    ];
    assert_eq!(deltas, expected);
}

#[test]
fn reasoning_that_is_told_twice_is_read_once() {
    let deltas = read_all(&[
        json!({"type": "response.reasoning_text.delta", "output_index": 0, "delta": "a"}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "again"}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 1, "delta": "b"}),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 1, "summary_index": 1}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 1, "delta": "c"}),
    ]);
    assert_eq!(deltas, ["a", "b", "\n\n", "c"].map(|piece| Delta::Reasoning(piece.into())));
}

#[test]
fn errors_are_read_wherever_they_stand() {
    let check = |event: Value, kind: Option<&str>| {
        let expected = Delta::Error { kind: kind.map(str::to_owned), message: "broke".into() };
        assert_eq!(read_all(&[event]), [expected]);
    };
    check(json!({"type": "response.failed", "response": {"error": {"code": "x", "message": "broke"}}}), Some("x"));
    check(json!({"type": "error", "code": "x", "message": "broke"}), Some("x"));
    check(json!({"type": "error", "message": "broke"}), None);
    check(json!({"type": "error", "error": {"type": "x", "message": "broke"}}), Some("x"));
    check(json!({"error": {"message": "broke", "code": null}}), None);
}

/// What a sequence of deltas says, put together by sorts, as far as a stream can say it.
#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    reasoning: String,
    refusal: String,
    calls: BTreeMap<usize, (String, String)>,
    usage: Option<Usage>,
}

fn said(deltas: &[Delta]) -> Said {
    let mut said = Said::default();
    for delta in deltas {
        match delta {
            Delta::Text(piece) => said.text.push_str(piece),
            Delta::Reasoning(piece) => said.reasoning.push_str(piece),
            Delta::Refusal(piece) => said.refusal.push_str(piece),
            Delta::CallStart { call, name, .. } => {
                said.calls.entry(*call).or_insert_with(|| (name.clone(), String::new()));
            }
            Delta::Arguments { call, piece } => {
                if let Some((_, whole)) = said.calls.get_mut(call) {
                    whole.push_str(piece);
                }
            }
            Delta::Usage(usage) => said.usage = Some(*usage),
            Delta::Error { .. } => break,
            _ => {}
        }
    }
    said
}

fn any_usage() -> impl Strategy<Value = Usage> {
    (0u64..1 << 20, 0u64..1 << 20, 0u64..1 << 20, 0u64..1 << 20, 0u64..1 << 20).prop_map(|counts| Usage {
        input: counts.0,
        cache_read: counts.1,
        cache_write_5m: counts.2,
        output: counts.3,
        reasoning: counts.4,
        ..Usage::default()
    })
}

/// Calls come under numbers and with names at random, so pieces of arguments stand anywhere, some of no call at all.
fn any_delta() -> impl Strategy<Value = Delta> {
    let piece = || "\\PC{0,6}";
    prop_oneof![
        4 => piece().prop_map(Delta::Text),
        2 => piece().prop_map(Delta::Reasoning),
        1 => piece().prop_map(Delta::Refusal),
        2 => (0usize..3, "look|unknown", "[a-z0-9]{0,4}").prop_map(|(call, name, id)| Delta::CallStart { call, id, name }),
        3 => (0usize..3, piece()).prop_map(|(call, piece)| Delta::Arguments { call, piece }),
        1 => any_usage().prop_map(Delta::Usage),
        1 => Just(Delta::Start { id: Some("resp_x".into()), model: None }),
        1 => Just(Delta::Ping),
        1 => prop_oneof![Just(Stop::End), Just(Stop::Length), Just(Stop::ToolUse)].prop_map(Delta::Stop),
    ]
}

/// Follows a stream as a typed client does, and gives the items that it put together.
fn follow(events: &[Value]) -> Result<Vec<Value>, TestCaseError> {
    let mut added: Vec<Option<Value>> = Vec::new();
    let mut open: BTreeMap<u64, String> = BTreeMap::new();
    let mut pieces: Map<String, Value> = Map::new();
    for (number, event) in events.iter().enumerate() {
        prop_assert_eq!(&event["sequence_number"], &json!(number));
        let kind = event["type"].as_str().expect("a type");
        let is_last = matches!(kind, "response.completed" | "response.incomplete" | "response.failed");
        prop_assert_eq!(is_last, number + 1 == events.len(), "{} is event {}", kind, number);
        let Some(place) = event["output_index"].as_u64() else { continue };
        match kind {
            "response.output_item.added" => {
                prop_assert_eq!(place, added.len() as u64);
                open.insert(place, event["item"]["id"].as_str().expect("an id").to_owned());
                added.push(None);
            }
            "response.output_item.done" => {
                let id = open.remove(&place);
                prop_assert_eq!(id.as_deref(), event["item"]["id"].as_str());
                added[place as usize] = Some(event["item"].clone());
            }
            _ => {
                prop_assert_eq!(open.get(&place).map(String::as_str), event["item_id"].as_str(), "{}", kind);
                let index = [&event["content_index"], &event["summary_index"]].map(ToString::to_string).concat();
                let key = format!("{place} {index}");
                if let Some(piece) = event["delta"].as_str() {
                    let whole = format!("{}{piece}", pieces.get(&key).and_then(Value::as_str).unwrap_or_default());
                    pieces.insert(key, json!(whole));
                } else if let Some(whole) =
                    ["text", "refusal", "arguments", "input"].iter().find_map(|name| event[*name].as_str())
                {
                    prop_assert_eq!(pieces.get(&key).and_then(Value::as_str).unwrap_or_default(), whole, "{}", kind);
                }
            }
        }
    }
    prop_assert!(open.is_empty());
    Ok(added.into_iter().map(|item| item.expect("done")).collect())
}

proptest! {
    #[test]
    fn whatever_comes_in_the_stream_keeps_its_order(
        deltas in prop::collection::vec(any_delta(), 0..24),
        error in prop::option::of(0usize..24),
    ) {
        let mut deltas = deltas;
        if let Some(place) = error.filter(|place| *place <= deltas.len()) {
            deltas.insert(place, Delta::Error { kind: None, message: "broke".into() });
        }
        let events = events(&stream(&deltas));
        prop_assert_eq!((&events[0]["type"], &events[1]["type"]), (&json!("response.created"), &json!("response.in_progress")));
        let items = follow(&events)?;
        let last = &events.last().expect("an event")["response"];
        prop_assert_eq!(&last["output"], &Value::Array(items));
        let has_failed = deltas.iter().any(|delta| matches!(delta, Delta::Error { .. }));
        prop_assert_eq!(last["status"] == "failed", has_failed);
    }

    #[test]
    fn what_a_stream_says_is_read_from_it_again(deltas in prop::collection::vec(any_delta(), 0..24)) {
        let again = read_all(&events(&stream(&deltas)));
        let (mut told, read) = (said(&deltas), said(&again));
        // Calls are numbered in the order in which they begin.
        let order: Vec<usize> = deltas.iter().filter_map(|delta| match delta {
            Delta::CallStart { call, .. } => Some(*call),
            _ => None,
        }).fold(Vec::new(), |mut order, call| {
            if !order.contains(&call) {
                order.push(call);
            }
            order
        });
        told.calls = order.iter().enumerate().map(|(number, call)| (number, told.calls[call].clone())).collect();
        told.usage = told.usage.or(Some(Usage { input: 11, ..Usage::default() }));
        prop_assert_eq!(read, told);
        // The end of the stream says the same as the stream.
        let last = events(&stream(&deltas)).pop().expect("an event");
        let reply = read_reply(last["response"].to_string().as_bytes()).expect("an answer");
        let text: String = reply.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        }).collect();
        prop_assert_eq!(text, said(&deltas).text);
    }

    #[test]
    fn the_buckets_sum_to_what_is_told(usage in any_usage()) {
        let last = events(&stream(&[Delta::Usage(usage)])).pop().expect("an event");
        let told = &last["response"]["usage"];
        let sum = told["input_tokens"].as_u64().zip(told["output_tokens"].as_u64()).map(|(input, output)| input + output);
        prop_assert_eq!(sum, Some(usage.total()));
        prop_assert_eq!(told["total_tokens"].as_u64(), sum);
    }

    #[test]
    fn no_events_panic(events in prop::collection::vec("[\\[\\]{}\":,a-z0-9_. ]{0,60}", 0..6)) {
        let mut reader = Reader::default();
        events.iter().for_each(|event| reader.read(event.as_bytes(), &mut Vec::new()));
    }
}
