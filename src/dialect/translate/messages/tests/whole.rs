use serde_json::json;

use super::*;
use crate::dialect::anthropic_messages::UNSIGNED;
use crate::dialect::translate::Context;
use crate::dialect::translate::neutral::{Part, Reply, Stop, ToolCall};
use crate::domain::Usage;

fn context() -> Context {
    Context { id: "x1".to_owned(), model: "far".to_owned(), input_tokens: 40, ..Context::default() }
}

#[test]
fn a_whole_answer_is_written_and_read_again() {
    let usage = Usage {
        input: 5,
        cache_read: 7,
        cache_write_5m: 2,
        cache_write_1h: 3,
        output: 4,
        reasoning: 6,
        ..Usage::default()
    };
    let call = ToolCall { id: "t".to_owned(), name: "f".to_owned(), arguments: "{\"a\":1}".to_owned() };
    let reply = Reply {
        id: Some("chatcmpl-1".to_owned()),
        model: Some("near".to_owned()),
        parts: vec![Part::Reasoning("hm".to_owned()), Part::Text("Hi".to_owned()), Part::ToolCall(call)],
        stop: Stop::ToolUse,
        usage: Some(usage),
        service_tier: Some("default".to_owned()),
    };
    let body = write_reply(&reply, &context());
    let expected = json!({
        "id": "chatcmpl-1", "type": "message", "role": "assistant", "model": "near",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": UNSIGNED},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {
            "input_tokens": 5, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 5,
            "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
            "output_tokens": 10, "output_tokens_details": {"thinking_tokens": 6}, "service_tier": "standard"
        }
    });
    assert_eq!(body, expected);
    assert_eq!(read_reply(body.to_string().as_bytes()), Some(reply));
}

#[test]
fn what_the_provider_leaves_out_is_made_up_for() {
    let call = |arguments: &str| Part::ToolCall(ToolCall { arguments: arguments.to_owned(), ..ToolCall::default() });
    let reply = Reply { parts: vec![call(""), call("{\"a\":"), Part::Text(String::new())], ..Reply::default() };
    let body = write_reply(&reply, &context());
    assert_eq!((&body["id"], &body["model"]), (&json!("msg_x1"), &json!("far")));
    let expected = json!([
        {"type": "tool_use", "id": "toolu_x1_0", "name": "", "input": {}},
        {"type": "tool_use", "id": "toolu_x1_1", "name": "", "input": {"invalid_arguments": "{\"a\":"}}
    ]);
    assert_eq!(body["content"], expected);
    assert_eq!(body["stop_reason"], "tool_use", "whatever the provider calls it");
    assert_eq!((&body["usage"]["input_tokens"], &body["usage"]["output_tokens"]), (&json!(40), &json!(0)));
}

#[test]
fn reasons_keep_their_meaning_both_ways() {
    let check = |word: &str, stop: Stop| {
        let body = json!({"content": [], "stop_reason": word, "stop_sequence": "END"});
        let read = read_reply(body.to_string().as_bytes()).expect("an answer");
        assert_eq!(read.stop, stop, "{word}");
        assert_eq!(write_reply(&read, &context())["stop_reason"], word);
    };
    check("end_turn", Stop::End);
    check("max_tokens", Stop::Length);
    check("stop_sequence", Stop::Sequence(Some("END".to_owned())));
    check("refusal", Stop::Refusal);
    check("pause_turn", Stop::Pause);
    check("model_context_window_exceeded", Stop::ContextFull);
}

#[test]
fn what_is_no_answer_is_none() {
    for body in [r#"{"type":"error","error":{}}"#, "<html>", "{}", r#"{"content":"x"}"#] {
        assert_eq!(read_reply(body.as_bytes()), None, "{body}");
    }
}
