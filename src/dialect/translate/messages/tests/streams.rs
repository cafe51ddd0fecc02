use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::dialect::anthropic_messages::UNSIGNED;
use crate::dialect::sse;
use crate::dialect::translate::neutral::{Delta, Stop};
use crate::dialect::translate::{Context, Read, Write};
use crate::domain::Usage;

fn context() -> Context {
    Context { id: "x1".to_owned(), model: "far".to_owned(), input_tokens: 40, ..Context::default() }
}

/// The stream that says this.
fn stream(deltas: Vec<Delta>) -> Vec<u8> {
    let (mut writer, mut out) = (Writer::new(context()), Vec::new());
    for delta in deltas {
        writer.write(delta, &mut out);
    }
    writer.finish(&mut out);
    out
}

/// Its events: the name must be the type that the data has.
fn events(stream: &[u8]) -> Vec<Value> {
    let mut splitter = sse::Splitter::default();
    splitter.push(stream);
    let frames = std::iter::from_fn(|| splitter.next_frame());
    frames
        .map(|frame| {
            let data: Value = serde_json::from_slice(&sse::data(&frame.bytes).expect("data")).expect("JSON");
            let name = format!("event: {}\n", data["type"].as_str().expect("a type"));
            assert!(frame.bytes.starts_with(name.as_bytes()), "{data}");
            data
        })
        .collect()
}

fn read_again(stream: &[u8]) -> Vec<Delta> {
    let (mut reader, mut deltas) = (Reader::default(), Vec::new());
    for event in events(stream) {
        reader.read(event.to_string().as_bytes(), &mut deltas);
    }
    deltas
}

fn start() -> Delta {
    Delta::Start { id: Some("chatcmpl-1".to_owned()), model: None }
}

fn text(text: &str) -> Delta {
    Delta::Text(text.to_owned())
}

fn call(call: usize, name: &str) -> Delta {
    Delta::CallStart { call, id: format!("id-{call}"), name: name.to_owned() }
}

fn piece(call: usize, piece: &str) -> Delta {
    Delta::Arguments { call, piece: piece.to_owned() }
}

/// The events in short: what begins, what is added, what ends.
fn told(deltas: Vec<Delta>) -> Vec<String> {
    let short = |event: &Value| {
        let index = &event["index"];
        match event["type"].as_str()? {
            "content_block_start" => Some(format!("{index}<{}", event["content_block"]["type"].as_str()?)),
            "content_block_stop" => Some(format!("{index}>")),
            "content_block_delta" => {
                let delta = event["delta"].as_object()?;
                let value = delta.iter().find(|(name, _)| *name != "type")?.1.as_str()?;
                Some(format!("{index}+{value}"))
            }
            other => Some(other.to_owned()),
        }
    };
    events(&stream(deltas)).iter().filter_map(short).collect()
}

#[test]
fn a_rich_stream() {
    let usage = Usage { input: 9, cache_read: 30, output: 12, reasoning: 5, ..Usage::default() };
    let bytes = stream(vec![
        start(),
        Delta::Ping,
        Delta::Reasoning("The user".to_owned()),
        Delta::Reasoning(" waits.".to_owned()),
        text("Let me "),
        text("look."),
        call(0, "read"),
        piece(0, ""),
        piece(0, "{\"path\":"),
        piece(0, "\"a}\"}"),
        call(1, "list"),
        Delta::Usage(usage),
        Delta::ServiceTier("default".to_owned()),
        Delta::Stop(Stop::End),
    ]);
    insta::assert_snapshot!(String::from_utf8(bytes).expect("text"));
}

#[test]
fn calls_whose_pieces_interleave_are_put_one_after_the_other() {
    let short = told(vec![
        start(),
        call(0, "a"),
        call(1, "b"),
        piece(1, "{\"x\":"),
        piece(0, "{\"y\""),
        text("said "),
        text("between"),
        piece(1, "1}"),
        piece(0, ":2}"),
        call(2, "c"),
        piece(2, "{}"),
    ]);
    let expected = [
        "message_start",
        "0<tool_use",
        "0+{\"y\"",
        "0+:2}",
        "0>",
        "1<tool_use",
        "1+{\"x\":1}",
        "1>",
        "2<text",
        "2+said between",
        "2>",
        "3<tool_use",
        "3+{}",
        "3>",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(short, expected);
}

#[test]
fn what_is_complete_does_not_hold_up_what_follows() {
    let mut writer = Writer::new(context());
    let mut out = Vec::new();
    for delta in [start(), call(0, "a"), piece(0, "{\"a\":\"\\\"}\"}"), call(1, "b"), piece(1, "{"), text("late")] {
        writer.write(delta, &mut out);
    }
    let so_far = String::from_utf8(out).expect("text");
    assert!(so_far.contains("\"name\":\"b\"") && !so_far.contains("late"), "{so_far}");
}

#[test]
fn an_error_is_the_last_event() {
    let error = Delta::Error { kind: Some("rate_limit_exceeded".to_owned()), message: "slow down".to_owned() };
    let told = events(&stream(vec![start(), text("a"), error, text("b"), Delta::Ping]));
    let expected = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}});
    assert_eq!(told.last(), Some(&expected));
    assert_eq!(told.iter().filter(|event| event["type"] == "message_stop").count(), 0);
}

#[test]
fn an_answer_of_nothing_is_a_whole_stream() {
    assert_eq!(told(vec![]), ["message_start", "message_delta", "message_stop"]);
    let told = events(&stream(vec![]));
    assert_eq!((&told[0]["message"]["id"], &told[0]["message"]["model"]), (&json!("msg_x1"), &json!("far")));
    assert_eq!(told[0]["message"]["usage"]["input_tokens"], 40, "clients take 0 for a fault");
}

#[test]
fn anthropics_own_stream_is_read() {
    let mut reader = Reader::default();
    let mut deltas = Vec::new();
    for data in [
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude", "content": [],
            "usage": {"input_tokens": 25, "output_tokens": 1, "cache_read_input_tokens": 4, "service_tier": "standard"}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "EqQ"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ""}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "u", "name": "g", "input": {"a": 1}}}),
        json!({"type": "content_block_stop", "index": 2}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 15}}),
        json!({"type": "message_stop"}),
    ] {
        reader.read(data.to_string().as_bytes(), &mut deltas);
    }
    reader.read(b"[DONE]", &mut deltas);
    let begun = Usage { input: 25, cache_read: 4, ..Usage::default() };
    let called =
        |call: usize, id: &str, name: &str| Delta::CallStart { call, id: id.to_owned(), name: name.to_owned() };
    let expected = [
        Delta::Start { id: Some("msg_1".to_owned()), model: Some("claude".to_owned()) },
        Delta::ServiceTier("default".to_owned()),
        Delta::Usage(begun),
        Delta::Reasoning("hm".to_owned()),
        Delta::Ping,
        called(0, "t", "f"),
        piece(0, "{}"),
        called(1, "u", "g"),
        piece(1, "{\"a\":1}"),
        Delta::Usage(Usage { output: 15, ..begun }),
        Delta::Stop(Stop::ToolUse),
    ];
    assert_eq!(deltas, expected);
}

/// All that deltas say, in whatever order: text, reasoning, and each call's id, name and arguments.
#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    reasoning: String,
    calls: BTreeMap<String, (String, String)>,
    usage: Option<Usage>,
    stop: Option<Stop>,
}

impl Said {
    fn of(deltas: &[Delta]) -> Self {
        let (mut said, mut ids) = (Self::default(), BTreeMap::new());
        for delta in deltas {
            match delta {
                Delta::Text(text) | Delta::Refusal(text) => said.text.push_str(text),
                Delta::Reasoning(text) => said.reasoning.push_str(text),
                Delta::CallStart { call, id, name } => {
                    ids.insert(*call, id.clone());
                    said.calls.insert(id.clone(), (name.clone(), String::new()));
                }
                Delta::Arguments { call, piece } => {
                    if let Some((_, arguments)) = said.calls.get_mut(&ids[call]) {
                        arguments.push_str(piece);
                    }
                }
                Delta::Usage(usage) => said.usage = Some(*usage),
                Delta::Stop(stop) => said.stop = Some(stop.clone()),
                _ => {}
            }
        }
        // A call without arguments has an empty object of them.
        for (_, arguments) in said.calls.values_mut().filter(|(_, arguments)| arguments.is_empty()) {
            arguments.push_str("{}");
        }
        said
    }
}

/// One thing after the other, but for the pieces of calls, which may come whenever their call has begun.
fn deltas() -> impl Strategy<Value = Vec<Delta>> {
    let arguments = prop::sample::select(vec![
        "",
        "{}",
        r#"{"a":1}"#,
        r#"{"path":"x}{\"[","n":[1,{"b":"\\"}]}"#,
        r#"{"é":"ü…"}"#,
        r#" {"a" : {} }"#,
    ]);
    let calls = prop::collection::vec((arguments, 1_usize..6), 0..4);
    let words = prop::collection::vec((any::<bool>(), "[a-z é\n]{0,5}"), 0..6);
    (calls, words, prop::collection::vec(any::<prop::sample::Index>(), 64)).prop_map(|(calls, words, order)| {
        // What is said in turn by each speaker; the order among speakers is drawn.
        let mut speakers: Vec<Vec<Delta>> = vec![
            words
                .into_iter()
                .map(|(aloud, words)| if aloud { Delta::Text(words) } else { Delta::Reasoning(words) })
                .collect(),
        ];
        for (number, (arguments, size)) in calls.iter().enumerate() {
            let letters: Vec<char> = arguments.chars().collect();
            let mut says = vec![call(number, "f")];
            says.extend(letters.chunks(*size).map(|chunk| piece(number, &chunk.iter().collect::<String>())));
            speakers.push(says);
        }
        speakers.iter_mut().for_each(|says| says.reverse());
        let mut all = vec![start()];
        let mut order = order.iter().cycle();
        while speakers.iter().any(|says| !says.is_empty()) {
            let speaker = order.next().expect("a cycle").index(speakers.len());
            // Calls begin in the order of their numbers.
            let begins = matches!(speakers[speaker].last(), Some(Delta::CallStart { call, .. })
                if (1..=*call).any(|earlier| matches!(speakers[earlier].last(), Some(Delta::CallStart { .. }))));
            if begins {
                let first =
                    (1..speakers.len()).find(|it| matches!(speakers[*it].last(), Some(Delta::CallStart { .. })));
                all.extend(first.and_then(|first| speakers[first].pop()));
            } else {
                all.extend(speakers[speaker].pop());
            }
            if all.len() % 5 == 0 {
                all.push(Delta::Ping);
                order.next();
            }
        }
        all
    })
}

fn usages() -> impl Strategy<Value = Usage> {
    (0_u64..1 << 30, 0_u64..1 << 30, 0_u64..1 << 30, 0_u64..1 << 30, 0_u64..1 << 30, 0_u64..1 << 30).prop_map(
        |(input, cache_read, cache_write_5m, cache_write_1h, output, reasoning)| Usage {
            input,
            cache_read,
            cache_write_5m,
            cache_write_1h,
            output,
            reasoning,
            ..Usage::default()
        },
    )
}

/// The dialect's rules for a stream: one block open at a time, indices rising, one end.
fn check_rules(events: &[Value]) {
    let (mut open, mut blocks): (Option<(u64, String)>, u64) = (None, 0);
    for (place, event) in events.iter().enumerate() {
        match event["type"].as_str().expect("a type") {
            "message_start" => assert_eq!(place, 0),
            "content_block_start" => {
                assert_eq!((&open, event["index"].as_u64()), (&None, Some(blocks)));
                let kind = event["content_block"]["type"].as_str().expect("a type");
                open = Some((blocks, kind.to_owned()));
                blocks += 1;
            }
            "content_block_delta" => {
                let (index, kind) = open.as_ref().expect("a block is open");
                assert_eq!(event["index"].as_u64(), Some(*index));
                let fits = match event["delta"]["type"].as_str().expect("a type") {
                    "text_delta" => "text",
                    "input_json_delta" => "tool_use",
                    _ => "thinking",
                };
                assert_eq!(kind, fits);
            }
            "content_block_stop" => {
                assert_eq!(open.take().map(|(index, _)| index), event["index"].as_u64());
            }
            "message_delta" => assert!(open.is_none() && place == events.len() - 2),
            "message_stop" => assert_eq!(place, events.len() - 1),
            "ping" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(events.last().map(|event| &event["type"]), Some(&json!("message_stop")));
}

proptest! {
    #[test]
    fn any_answer_follows_the_rules_and_says_what_was_said(deltas in deltas(), usage in usages()) {
        let mut deltas = deltas;
        deltas.extend([Delta::Usage(usage), Delta::Stop(Stop::Length)]);
        let bytes = stream(deltas.clone());
        check_rules(&events(&bytes));
        let (mut said, again) = (Said::of(&deltas), Said::of(&read_again(&bytes)));
        for (_, arguments) in said.calls.values_mut() {
            *arguments = arguments.trim_start().to_owned();
        }
        prop_assert_eq!(again, said);
    }

    /// A provider may tell anything.
    #[test]
    fn no_order_of_deltas_panics_or_breaks_the_rules(picks in prop::collection::vec((0_u8..7, 0_usize..3, "[a-z{}\"\\\\\\[]{0,3}"), 0..40)) {
        let deltas = picks.into_iter().map(|(kind, number, words)| match kind {
            0 => Delta::Text(words),
            1 => Delta::Reasoning(words),
            2 => Delta::CallStart { call: number * 1_000_000_000, id: words, name: String::new() },
            3 => Delta::Arguments { call: number * 1_000_000_000, piece: words },
            4 => Delta::Refusal(words),
            5 => Delta::Stop(Stop::Refusal),
            _ => start(),
        });
        check_rules(&events(&stream(deltas.collect())));
    }

    #[test]
    fn thinking_is_closed_with_our_signature(words in "[a-z]{1,9}") {
        let told = told(vec![Delta::Reasoning(words.clone()), text("x")]);
        prop_assert_eq!(&told[1..4], &["0<thinking".to_owned(), format!("0+{words}"), format!("0+{UNSIGNED}")]);
    }
}
