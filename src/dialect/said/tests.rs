use super::*;
use crate::dialect::Limits;
use crate::domain::Door;

fn wire(dialect: Dialect) -> Wire {
    Wire { dialect, door: Door::Chat }
}

/// An answer with words and a call of `read`, one that is empty, one that broke off in a call, a refusal, and one that holds
/// what no other dialect has a place for.
fn answers(dialect: Dialect) -> [&'static str; 5] {
    match dialect {
        Dialect::OpenaiChat => [
            r#"{"choices":[{"message":{"content":"hm","tool_calls":[{"id":"t","function":{"name":"read","arguments":"{\"a\":1}"}}]},"finish_reason":"tool_calls"}]}"#,
            r#"{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"message":{"content":null,"tool_calls":[{"id":"t","function":{"name":"read","arguments":"{\"a"}}]},"finish_reason":"length"}]}"#,
            r#"{"choices":[{"message":{"content":null,"refusal":"No."},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"message":{"content":null,"audio":{"data":"x"}},"finish_reason":"stop"}]}"#,
        ],
        Dialect::OpenaiResponses => [
            r#"{"object":"response","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"hm"}]},{"type":"function_call","name":"read","arguments":"{\"a\":1}","call_id":"t"}]}"#,
            r#"{"object":"response","status":"completed","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]}]}"#,
            r#"{"object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"function_call","name":"read","arguments":"{\"a","call_id":"t"}]}"#,
            r#"{"object":"response","status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"No."}]}]}"#,
            r#"{"object":"response","status":"completed","output":[{"type":"image_generation_call","result":"x"}]}"#,
        ],
        Dialect::AnthropicMessages => [
            r#"{"content":[{"type":"text","text":"hm"},{"type":"tool_use","id":"t","name":"read","input":{"a":1}}],"stop_reason":"tool_use"}"#,
            r#"{"content":[{"type":"thinking","thinking":"hm","signature":"s"}],"stop_reason":"end_turn"}"#,
            r#"{"content":[{"type":"tool_use","id":"t","name":"read","input":{}}],"stop_reason":"max_tokens"}"#,
            r#"{"content":[],"stop_reason":"refusal"}"#,
            r#"{"content":[{"type":"server_tool_use","id":"s","name":"web_search","input":{}}],"stop_reason":"end_turn"}"#,
        ],
        Dialect::Gemini => [
            r#"{"candidates":[{"content":{"parts":[{"text":"hm"},{"functionCall":{"name":"read","args":{"a":1}}}]},"finishReason":"STOP"}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}]},"finishReason":"STOP"}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"read","args":{}}}]},"finishReason":"MAX_TOKENS"}]}"#,
            r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
            r#"{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"x"}}]},"finishReason":"STOP"}]}"#,
        ],
        Dialect::BedrockConverse => [
            r#"{"output":{"message":{"content":[{"text":"hm"},{"toolUse":{"toolUseId":"t","name":"read","input":{"a":1}}}]}},"stopReason":"tool_use"}"#,
            r#"{"output":{"message":{"content":[{"reasoningContent":{"reasoningText":{"text":"hm"}}}]}},"stopReason":"end_turn"}"#,
            r#"{"output":{"message":{"content":[{"toolUse":{"toolUseId":"t","name":"read","input":{}}}]}},"stopReason":"max_tokens"}"#,
            r#"{"output":{"message":{"content":[]}},"stopReason":"content_filtered"}"#,
            r#"{"output":{"message":{"content":[{"image":{"format":"png"}}]}},"stopReason":"end_turn"}"#,
        ],
    }
}

#[test]
fn whole_answers_say_the_same_in_every_dialect() {
    for dialect in [
        Dialect::OpenaiChat,
        Dialect::OpenaiResponses,
        Dialect::AnthropicMessages,
        Dialect::Gemini,
        Dialect::BedrockConverse,
    ] {
        let [called, empty, cut, refused, more] =
            answers(dialect).map(|body| said(wire(dialect), body.as_bytes()).unwrap_or_else(|| panic!("{body}")));
        assert_eq!(
            (called.text.as_str(), called.finish, called.ends_in_call),
            ("hm", Finish::Done, true),
            "{dialect:?}"
        );
        assert_eq!(called.calls[0].name, "read", "{dialect:?}");
        assert_eq!(serde_json::from_str::<Value>(&called.calls[0].arguments).expect("JSON")["a"], 1, "{dialect:?}");
        assert_eq!(empty, Said { finish: Finish::Done, ..Said::default() }, "{dialect:?}");
        assert_eq!((cut.finish, cut.ends_in_call), (Finish::Length, true), "{dialect:?}");
        assert!(refused.finish == Finish::Refused || refused.refusal == "No.", "{dialect:?}: {refused:?}");
        assert!(more.has_more && more.text.is_empty(), "{dialect:?}: {more:?}");
    }
    let queued = br#"{"object":"response","status":"queued","output":[]}"#;
    assert_eq!(said(wire(Dialect::OpenaiResponses), queued).map(|said| said.finish), Some(Finish::Open));
    let paused = br#"{"content":[],"stop_reason":"pause_turn"}"#;
    assert_eq!(said(wire(Dialect::AnthropicMessages), paused).map(|said| said.finish), Some(Finish::Paused));
    assert_eq!(said(wire(Dialect::OpenaiChat), b"<html>"), None);
}

#[test]
fn tools_and_schemas_are_read_as_each_dialect_writes_them() {
    let read = |door: Door, body: &str| {
        let prompt = crate::dialect::parse(door, Bytes::from(body.to_owned()), &Limits { max_depth: 64 });
        demand(&prompt.unwrap_or_else(|failure| panic!("{}", failure.message)))
    };
    let chat = read(
        Door::Chat,
        r#"{"model":"auto","messages":[{"role":"user","content":"x"},{"role":"tool","tool_call_id":"t","content":"y"}],"max_tokens":9,
            "tools":[{"type":"function","function":{"name":"read","parameters":{"type":"object"}}},{"type":"custom","custom":{"name":"patch"}}],
            "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"array"}}}}"#,
    );
    assert_eq!((chat.max_output, chat.follows_tool, chat.tools().is_open), (Some(9), true, false));
    let names: Vec<_> = chat.tools().named.iter().map(|tool| (tool.name.as_str(), tool.is_freeform)).collect();
    assert_eq!(names, [("read", false), ("patch", true)]);
    assert_eq!(chat.schema(), Some(serde_json::json!({"type": "array"})));
    let responses = read(
        Door::Responses,
        r#"{"model":"auto","input":"x","tools":[{"type":"function","name":"read","parameters":{}},{"type":"custom","name":"patch","format":{"type":"text"}},{"type":"web_search"}],
            "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"array"}}}}"#,
    );
    assert_eq!((responses.tools().named.len(), responses.tools().is_open), (2, true));
    assert!(responses.tools().named[1].is_freeform);
    assert_eq!(responses.schema(), Some(serde_json::json!({"type": "array"})));
    let messages = read(
        Door::Messages,
        r#"{"model":"auto","max_tokens":9,"messages":[{"role":"user","content":"x"}],
            "tools":[{"name":"read","input_schema":{"type":"object"}},{"type":"custom","name":"list","input_schema":{}},{"type":"bash_20250124","name":"bash"}],
            "output_config":{"format":{"type":"json_schema","schema":{"type":"array"}}}}"#,
    );
    assert_eq!((messages.tools().named.len(), messages.tools().is_open), (3, true));
    assert!(messages.tools().named.iter().all(|tool| !tool.is_freeform));
    assert_eq!(messages.schema(), Some(serde_json::json!({"type": "array"})));
    let none = read(Door::Chat, r#"{"model":"auto","messages":[{"role":"user","content":"x"}]}"#);
    assert_eq!((none.tools(), none.schema(), none.follows_tool), (&Tools::default(), None, false));
}
