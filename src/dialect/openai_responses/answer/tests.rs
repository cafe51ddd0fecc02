use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn answer(value: Value) -> Answer {
    read_answer(value.to_string().as_bytes())
}

fn event(value: Value) -> Event {
    read_event(value.to_string().as_bytes())
}

fn piece_of(value: Value) -> Piece {
    match event(value) {
        Event::Piece(piece) => piece,
        other => panic!("{other:?}"),
    }
}

fn whole() -> Value {
    json!({
        "id": "resp_1", "object": "response", "status": "completed", "error": null, "service_tier": "flex",
        "conversation": {"id": "conv_1"},
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm "}], "encrypted_content": "gAAA"},
            {"type": "message", "content": [
                {"type": "output_text", "text": "said ", "annotations": []}, {"type": "refusal", "refusal": "no "}]},
            {"type": "function_call", "name": "f", "arguments": "{}"},
            {"type": "custom_tool_call", "name": "p", "input": "patch"},
            {"type": "web_search_call", "action": {"query": "q"}},
        ],
        "usage": {
            "input_tokens": 100, "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 20}, "total_tokens": 150,
        },
    })
}

#[test]
fn a_whole_answer_tells_usage_tier_text_and_marks() {
    let read = answer(whole());
    assert!(read.is_answer && read.error.is_none());
    let usage = Usage {
        input: 10,
        cache_read: 60,
        cache_write_5m: 30,
        output: 30,
        reasoning: 20,
        web_searches: 1,
        ..Usage::default()
    };
    assert_eq!(read.usage, Some(usage));
    assert_eq!((read.service_tier.as_deref(), read.text.as_str()), (Some("flex"), "hm said no f{}ppatch"));
    assert_eq!(read.marks, ["resp_1", "conv_1", "gAAA"].map(Mark::of));
}

#[test]
fn an_answer_that_is_not_stored_cannot_be_gone_on_from() {
    let mut value = whole();
    value["store"] = json!(false);
    assert_eq!(answer(value).marks, ["conv_1", "gAAA"].map(Mark::of));
}

#[test]
fn answers_are_told_from_what_is_none() {
    let check = |value: Value, expected: bool, error: Option<&str>| {
        let read = answer(value.clone());
        assert_eq!((read.is_answer, read.error.as_deref()), (expected, error), "{value}");
    };
    check(json!({"object": "response", "status": "completed", "output": []}), true, None);
    check(json!({"object": "response", "status": "queued", "output": null}), true, None);
    check(json!({"object": "response", "status": "in_progress"}), true, None);
    check(json!({"object": "response", "status": "completed"}), false, None);
    check(json!({"object": "response.compaction", "output": []}), true, None);
    check(json!({"object": "response.input_tokens", "input_tokens": 7}), true, None);
    check(json!({"object": "response.input_tokens"}), false, None);
    check(json!({"object": "chat.completion", "output": []}), false, None);
    check(json!({}), false, None);
    check(json!("html"), false, None);
    check(
        json!({"object": "response", "status": "failed", "output": [], "error": {"code": "x", "message": "it broke"}}),
        false,
        Some("it broke"),
    );
    check(json!({"object": "response", "status": "failed", "output": []}), false, Some("the response failed"));
    check(json!({"error": {"message": "busy"}}), false, Some("busy"));
}

#[test]
fn a_compaction_is_held_by_whom_can_read_it() {
    let value = json!({"id": "resp_2", "object": "response.compaction", "store": false,
        "output": [{"type": "compaction", "encrypted_content": "gBBB"}], "usage": {"input_tokens": 5, "output_tokens": 2}});
    let read = answer(value);
    assert_eq!(read.marks, [Mark::of("gBBB")]);
    assert_eq!(read.usage.map(|usage| usage.total()), Some(7));
}

#[test]
fn events_are_told_apart() {
    assert_eq!(read_event(b"<html>"), Event::Garbage);
    assert_eq!(event(json!({"choices": []})), Event::Garbage);
    assert_eq!(read_event(b"[DONE]"), Event::Piece(Piece::default()));
    assert_eq!(event(json!({"type": "keepalive"})), Event::Piece(Piece::default()));
    assert_eq!(event(json!({"type": "error", "code": "x", "message": "busy"})), Event::Error("busy".to_owned()));
    assert_eq!(event(json!({"type": "error", "error": {"message": "busy"}})), Event::Error("busy".to_owned()));
    assert_eq!(event(json!({"type": "error"})), Event::Error("the response failed".to_owned()));
    let failed = json!({"type": "response.failed", "response": {"error": {"code": "x", "message": "broke"}}});
    assert_eq!(event(failed), Event::Error("broke".to_owned()));

    let created = json!({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "usage": null, "service_tier": "auto"}});
    let created = piece_of(created);
    assert_eq!((created.has_content, created.usage, created.service_tier), (false, None, None));
    assert_eq!(created.marks, [Mark::of("resp_1")]);
    for (kind, has_content) in [
        ("response.output_text.delta", true),
        ("response.refusal.delta", true),
        ("response.reasoning_summary_text.delta", true),
        ("response.function_call_arguments.delta", true),
        ("response.novelty.delta", true),
        ("response.output_text.done", false),
        ("response.content_part.added", false),
        ("response.novelty", false),
    ] {
        let piece = piece_of(json!({"type": kind, "delta": "words", "text": "words again"}));
        assert_eq!((piece.has_content, piece.text.as_str()), (has_content, if has_content { "words" } else { "" }));
    }
    let added = json!({"type": "response.output_item.added", "item": {"type": "function_call", "name": "f"}});
    assert_eq!(piece_of(added).text, "f");
    let done = json!({"type": "response.output_item.done",
        "item": {"type": "reasoning", "summary": [{"text": "hm"}], "encrypted_content": "gAAA"}});
    let done = piece_of(done);
    assert_eq!((done.text.as_str(), done.marks), ("", vec![Mark::of("gAAA")]));
}

#[test]
fn the_last_event_tells_the_usage_and_no_text_again() {
    for kind in ["response.completed", "response.incomplete"] {
        let Event::Done(piece) = event(json!({"type": kind, "response": whole()})) else { panic!("{kind}") };
        assert!(piece.has_content && piece.is_end && piece.has_usage_field && piece.text.is_empty());
        assert_eq!(piece.usage.and_then(|usage| usage.cache_read), Some(60));
        assert_eq!(piece.service_tier.as_deref(), Some("flex"));
        assert_eq!(piece.marks, ["resp_1", "conv_1", "gAAA"].map(Mark::of));
    }
}

#[test]
fn lies_are_not_believed() {
    let usage = |value: Value| answer(json!({"object": "response", "output": [], "usage": value})).usage;
    assert_eq!(usage(json!({"input_tokens": -5, "output_tokens": "many"})), None);
    assert_eq!(usage(json!({"input_tokens": 1e18, "output_tokens": null})), None);
    assert_eq!(usage(json!(null)), None);
    let cached = usage(json!({"input_tokens": 10, "output_tokens": 1, "input_tokens_details": {"cached_tokens": 99}}));
    assert_eq!(cached.map(|usage| (usage.input, usage.cache_read)), Some((0, 10)));
}

proptest! {
    #[test]
    fn the_buckets_sum_to_what_went_in_and_out(
        input in 0u64..1 << 31, output in 0u64..1 << 31, cached in 0u64..1 << 32, written in 0u64..1 << 32,
        reasoning in 0u64..1 << 32,
    ) {
        let value = json!({"object": "response", "output": [], "usage": {
            "input_tokens": input, "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
            "output_tokens": output, "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": input + output,
        }});
        let usage = answer(value).usage.expect("usage");
        prop_assert_eq!(usage.total_input(), input);
        // Reasoning that the total says is beside the answer is added to it: none can be where there is none in all.
        prop_assert_eq!(usage.total_output(), output);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_answer(&bytes);
        read_event(&bytes);
    }
}
