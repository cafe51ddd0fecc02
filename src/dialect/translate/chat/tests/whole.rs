use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dialect::openai_chat;
use crate::dialect::translate::neutral::{Part, Reply, Stop, ToolCall, freeform_arguments};
use crate::domain::Usage;

fn context() -> Context {
    Context { id: "x1".to_owned(), model: "far".to_owned(), created: 7, ..Context::default() }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() })
}

/// An answer of one choice.
fn answer(message: Value, finish_reason: &str) -> Option<Reply> {
    let choice = json!({"index": 0, "message": message, "finish_reason": finish_reason});
    read_reply(json!({"id": "c", "choices": [choice]}).to_string().as_bytes())
}

#[test]
fn a_whole_answer_is_written_and_read_again() {
    let usage =
        Usage { input: 5, cache_read: 7, cache_write_5m: 2, output: 4, reasoning: 6, image: 1, ..Usage::default() };
    let reply = Reply {
        id: Some("msg_1".to_owned()),
        model: Some("near".to_owned()),
        parts: vec![Part::Reasoning("hm".to_owned()), Part::Text("Hi".to_owned()), call("t", "f", "{\"a\":1}")],
        stop: Stop::ToolUse,
        usage: Some(usage),
        service_tier: Some("default".to_owned()),
    };
    let body = write_reply(&reply, &context());
    let expected = json!({
        "id": "msg_1", "object": "chat.completion", "created": 7, "model": "near", "service_tier": "default",
        "choices": [{"index": 0, "logprobs": null, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "Hi", "refusal": null, "reasoning_content": "hm",
            "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}],
        }}],
        "usage": {
            "prompt_tokens": 15, "completion_tokens": 10, "total_tokens": 25,
            "prompt_tokens_details": {"cached_tokens": 7, "cache_write_tokens": 2, "image_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 6},
        },
    });
    assert_eq!(body, expected);
    assert_eq!(read_reply(body.to_string().as_bytes()), Some(reply));
}

#[test]
fn calls_of_freeform_tools_have_a_text_and_calls_without_an_id_get_one() {
    let parts = vec![call("", "patch", &freeform_arguments("*** x")), call("", "look", "")];
    let context = Context { freeform: vec!["patch".to_owned()], ..context() };
    let body = write_reply(&Reply { parts, ..Reply::default() }, &context);
    let expected = json!([
        {"id": "call_x1_0", "type": "custom", "custom": {"name": "patch", "input": "*** x"}},
        {"id": "call_x1_1", "type": "function", "function": {"name": "look", "arguments": "{}"}},
    ]);
    assert_eq!(body["choices"][0]["message"]["tool_calls"], expected);
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls", "whatever the provider calls it");
    assert_eq!((&body["id"], &body["model"], body.get("usage")), (&json!("chatcmpl-x1"), &json!("far"), None));
    let read = read_reply(body.to_string().as_bytes()).expect("an answer");
    assert_eq!(read.parts[0], call("call_x1_0", "patch", &freeform_arguments("*** x")));
}

#[test]
fn reasons_keep_their_meaning() {
    let check = |word: &str, stop: Stop, again: &str| {
        let read = answer(json!({"content": "x"}), word).expect("an answer");
        assert_eq!(read.stop, stop, "{word}");
        assert_eq!(write_reply(&read, &context())["choices"][0]["finish_reason"], again, "{word}");
    };
    check("stop", Stop::End, "stop");
    check("length", Stop::Length, "length");
    check("content_filter", Stop::Refusal, "content_filter");
    check("novelty", Stop::End, "stop");
    let stop_of = |message: Value| answer(message, "stop").expect("an answer").stop;
    assert_eq!(stop_of(json!({"content": null, "refusal": "No."})), Stop::Refusal);
    let calls = json!([{"id": "a", "function": {"name": "f", "arguments": "{}"}}]);
    assert_eq!(stop_of(json!({"content": null, "tool_calls": calls})), Stop::ToolUse);
    let written = |stop: Stop| {
        let body = write_reply(&Reply { stop, ..Reply::default() }, &context());
        body["choices"][0]["finish_reason"].as_str().expect("a word").to_owned()
    };
    assert_eq!(written(Stop::Sequence(Some("END".to_owned()))), "stop");
    assert_eq!(written(Stop::Pause), "stop");
    assert_eq!(written(Stop::ContextFull), "length");
    assert_eq!(written(Stop::ToolUse), "stop", "no client waits for calls that are not there");
}

#[test]
fn what_is_said_and_thought_is_found_wherever_servers_put_it() {
    let parts = |message: Value| answer(message, "stop").expect("an answer").parts;
    let both = [Part::Reasoning("hm".to_owned()), Part::Text("Hi".to_owned())];
    assert_eq!(parts(json!({"content": "Hi", "reasoning_content": "hm"})), both);
    assert_eq!(parts(json!({"content": "Hi", "reasoning": "hm"})), both);
    assert_eq!(parts(json!({"content": "Hi", "reasoning": "hm", "reasoning_content": "hm"})), both);
    let mistrals = json!([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "Hi"}]);
    assert_eq!(parts(json!({"content": mistrals})), both);
    assert_eq!(parts(json!({"content": null, "tool_calls": null})), []);
}

#[test]
fn what_is_no_answer_is_none() {
    for body in [r#"{"error":{"message":"x"}}"#, "<html>", "{}", r#"{"choices":[]}"#] {
        assert_eq!(read_reply(body.as_bytes()), None, "{body}");
    }
}

proptest! {
    /// What is told sums up, and is read as it was but for the life of what was cached.
    #[test]
    fn the_buckets_sum_to_what_is_told(counts in prop::array::uniform9(0_u64..1_000_000)) {
        let [input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, audio_input, audio_output, image] = counts;
        let usage = Usage {
            input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, audio_input, audio_output, image,
            web_searches: 0,
        };
        let told = usage_object(&usage);
        let number = |name: &str| told[name].as_u64().expect("a number");
        prop_assert_eq!(number("prompt_tokens") + number("completion_tokens"), number("total_tokens"));
        prop_assert_eq!(number("total_tokens"), usage.total());
        let read = openai_chat::read_answer(json!({"choices": [{}], "usage": told}).to_string().as_bytes());
        let expected = Usage { cache_write_5m: cache_write_5m + cache_write_1h, cache_write_1h: 0, ..usage };
        prop_assert_eq!(read.usage, Some(expected));
    }
}
