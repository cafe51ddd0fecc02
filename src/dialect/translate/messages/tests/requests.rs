use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::dialect::translate::neutral::{Format, Message, Part, Reasoning, Role, Source, Tool, ToolCall, ToolChoice};
use crate::domain::FailureKind;

fn user(content: &Value) -> Value {
    json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": content}]})
}

/// In the shape that coding agents send, with all that they send.
fn rich() -> Value {
    json!({
        "model": "auto", "max_tokens": 32000, "stream": true, "temperature": 0.5, "top_k": 40,
        "stop_sequences": ["END"],
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=1; cc_entrypoint=cli;"},
            {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
        ],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "<system-reminder>x</system-reminder>"},
                {"type": "text", "text": "What is in it?", "cache_control": {"type": "ephemeral"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "document", "title": "T", "citations": {"enabled": false},
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "UEs="}},
                {"type": "document", "title": "Notes", "context": "Old.",
                    "source": {"type": "text", "media_type": "text/plain", "data": "milk"}},
                {"type": "search_result", "source": "https://x", "title": "X", "content": [{"type": "text", "text": "y"}]}
            ]},
            {"role": "system", "content": "Seen once.", "clear_at": "next_user_message"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "EqQ="},
                {"type": "thinking", "thinking": "plain", "signature": crate::dialect::anthropic_messages::UNSIGNED},
                {"type": "redacted_thinking", "data": "enc"},
                {"type": "text", "text": "Let me see.", "citations": []},
                {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": "a"}, "caller": {"type": "direct"}}
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": [
                    {"type": "text", "text": "no such file"}, {"type": "tool_reference", "tool_name": "Grep"}
                ], "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "Go on."}
            ]},
            {"role": "system", "output_config": {"effort": "medium"}, "content": [
                {"type": "text", "text": "The file changed.", "cache_control": {"type": "ephemeral"}},
                {"type": "tool_addition", "tool": {"type": "tool_definition", "definition":
                    {"name": "Late", "input_schema": {"type": "object"}}}},
                {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "Gone"}}
            ]}
        ],
        "tools": [
            {"name": "Read", "description": "Reads.", "input_schema": {"type": "object", "properties": {}},
                "strict": true, "cache_control": {"type": "ephemeral"}, "eager_input_streaming": true},
            {"type": "custom", "name": "Grep", "input_schema": {"type": "object"}, "defer_loading": true,
                "allowed_callers": ["direct"], "input_examples": [{}]},
            {"name": "Gone", "input_schema": {"type": "object"}}
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "metadata": {"user_id": "{}"},
        "thinking": {"type": "adaptive", "display": "omitted"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "service_tier": "standard_only",
        "mcp_servers": []
    })
}

#[test]
fn what_agents_send_is_read_without_a_refusal() {
    let (request, left_out) = read(&rich(), &[]).expect("carried");
    insta::assert_snapshot!("read", format!("{request:#?}\n\nleft out: {left_out:#?}"));
}

#[test]
fn and_written_again_for_a_model_of_anthropics() {
    let (request, _) = read(&rich(), &[]).expect("carried");
    let (body, left_out) = written(&request, "claude-opus-4-6", &[]).expect("carried");
    let body = serde_json::to_string_pretty(&body).expect("JSON");
    insta::assert_snapshot!("written", format!("{body}\n\nleft out: {left_out:#?}"));
}

#[test]
fn what_only_the_provider_has_is_refused_by_name_unless_the_operator_lets_it_go() {
    let check = |body: &Value, param: &str, omit: &str| {
        let refused = read(body, &[]).expect_err(param);
        assert_eq!((refused.kind, refused.param.as_deref()), (FailureKind::Untranslatable, Some(param)));
        let (_, left_out) = read(body, &[omit]).expect("allowed");
        assert_eq!(left_out, [omit], "{param}");
    };
    let with = |name: &str, value: Value| {
        let mut body = user(&json!("x"));
        body[name] = value;
        body
    };
    let tools = |tool: Value| with("tools", json!([{"name": "a", "input_schema": {}}, tool]));
    check(
        &tools(json!({"type": "web_search_20250305", "name": "web_search"})),
        "tools[1].web_search",
        "tools.web_search",
    );
    check(&tools(json!({"type": "bash_20250124", "name": "bash"})), "tools[1].bash", "tools.bash");
    check(&tools(json!({"type": "mcp_toolset", "mcp_server_name": "x"})), "tools[1].mcp_toolset", "tools.mcp_toolset");
    check(
        &tools(json!({"name": "b", "input_schema": {}, "allowed_callers": ["code_execution_20260120"]})),
        "tools[1].allowed_callers",
        "tools.allowed_callers",
    );
    check(&with("container", json!("c")), "container", "container");
    check(&with("mcp_servers", json!([{"url": "x"}])), "mcp_servers", "mcp_servers");
    check(&with("thread", json!({"type": "create"})), "thread", "thread");
    check(&with("inference_geo", json!("eu")), "inference_geo", "inference_geo");
    let block = |block: Value| user(&json!([{"type": "text", "text": "x"}, block]));
    check(
        &block(json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})),
        "messages[0].content[1].server_tool_use",
        "messages.content.server_tool_use",
    );
    check(
        &block(json!({"type": "image", "source": {"type": "file", "file_id": "f"}})),
        "messages[0].content[1].source.file_id",
        "messages.content.source.file_id",
    );
    check(
        &block(json!({"type": "document", "citations": {"enabled": true}, "source": {"type": "url", "url": "u"}})),
        "messages[0].content[1].citations",
        "messages.content.citations",
    );
}

#[test]
fn what_is_not_what_the_dialect_defines_is_malformed() {
    let check = |body: &Value, param: &str| {
        let failure = read(body, &[]).expect_err(param);
        assert_eq!((failure.kind, failure.param.as_deref()), (FailureKind::Malformed, Some(param)), "{body}");
    };
    check(&json!([]), "body");
    check(&user(&json!(7)), "messages[0].content");
    check(&user(&json!(["x"])), "messages[0].content[0]");
    check(&user(&json!([{"text": "x"}])), "messages[0].content[0].type");
    check(&user(&json!([{"type": "tool_use", "id": "i", "name": "n", "input": "x"}])), "messages[0].content[0].input");
    check(&user(&json!([{"type": "tool_result", "content": "x"}])), "messages[0].content[0].tool_use_id");
    check(&json!({"messages": [{"role": "tool", "content": "x"}]}), "messages[0].role");
    check(&json!({"messages": [], "system": 7}), "system");
    check(&json!({"messages": [], "tools": [{"name": "x"}]}), "tools[0].input_schema");
    check(&json!({"messages": [], "thinking": {"type": "enabled"}}), "thinking.budget_tokens");
    check(&json!({"messages": [], "stop_sequences": [7]}), "stop_sequences");
}

#[test]
fn how_much_to_think_is_read_from_three_places() {
    let check = |more: Value, expected: Option<Reasoning>| {
        let mut body = user(&json!("x"));
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        assert_eq!(read(&body, &[]).expect("carried").0.reasoning, expected, "{more}");
    };
    let effort = |effort: &str| Some(Reasoning::Effort(effort.to_owned()));
    let config = json!({"effort": "low"});
    check(json!({}), None);
    check(json!({"thinking": {"type": "enabled", "budget_tokens": 2048}}), Some(Reasoning::Budget(2048)));
    check(json!({"thinking": {"type": "adaptive"}}), Some(Reasoning::Adaptive));
    check(json!({"output_config": config}), effort("low"));
    check(json!({"thinking": {"type": "adaptive"}, "output_config": config}), effort("low"));
    check(json!({"thinking": {"type": "disabled"}, "output_config": config}), Some(Reasoning::Off));
    check(
        json!({"output_config": config, "messages": [{"role": "user", "content": "x"},
            {"role": "system", "output_config": {"effort": "max"}}]}),
        effort("max"),
    );
}

fn says(role: Role, text: &str) -> Message {
    Message { role, parts: vec![Part::Text(text.to_owned())] }
}

fn asking(messages: Vec<Message>) -> Request {
    Request { messages, answers: 1, ..Request::default() }
}

#[test]
fn a_conversation_of_another_dialect_is_put_in_order() {
    let result = |id: &str, text: &str| Message {
        role: Role::User,
        parts: vec![Part::ToolResult { id: id.to_owned(), parts: vec![Part::Text(text.to_owned())], is_error: false }],
    };
    let call = |id: &str, arguments: &str| {
        Part::ToolCall(ToolCall { id: id.to_owned(), name: "f".to_owned(), arguments: arguments.to_owned() })
    };
    let request = asking(vec![
        says(Role::System, "Be brief."),
        says(Role::User, "Hi."),
        says(Role::User, "What now?"),
        Message {
            role: Role::Assistant,
            parts: vec![Part::Text(" ".to_owned()), call("functions.f:0", ""), call("b", "{\"a\":1}")],
        },
        says(Role::User, "Hurry."),
        result("functions.f:0", "one"),
        says(Role::System, "Be quick."),
        result("b", ""),
    ]);
    let (body, left_out) = written(&request, "m", &[]).expect("carried");
    assert!(left_out.is_empty());
    let expected = json!({
        "model": "m", "max_tokens": 32000, "stream": false,
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be quick."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi."}, {"type": "text", "text": "What now?"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "functions_f_0", "name": "f", "input": {}},
                {"type": "tool_use", "id": "b", "name": "f", "input": {"a": 1}}
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "functions_f_0", "content": "one"},
                {"type": "tool_result", "tool_use_id": "b"},
                {"type": "text", "text": "Hurry."}
            ]}
        ]
    });
    assert_eq!(body, expected);
}

#[test]
fn what_messages_cannot_say_is_refused() {
    let check = |request: Request, model: &str, name: &str| {
        let refused = written(&request, model, &[]).expect_err(name);
        assert_eq!((refused.kind, refused.param.as_deref()), (FailureKind::Untranslatable, Some(name)));
        assert_eq!(written(&request, model, &[name]).expect("allowed").1, [name]);
    };
    let plain = || asking(vec![says(Role::User, "x")]);
    let sampling =
        |name: &str, value: Value| Request { sampling: [(name.to_owned(), value)].into_iter().collect(), ..plain() };
    check(Request { answers: 2, ..plain() }, "m", "n");
    check(Request { logprobs: Some(0), ..plain() }, "m", "logprobs");
    check(Request { format: Format::JsonObject, ..plain() }, "m", "response_format");
    check(Request { stop: vec!["\n".to_owned()], ..plain() }, "m", "stop");
    check(asking(vec![says(Role::System, "x")]), "m", "messages");
    check(sampling("temperature", json!(1.5)), "m", "temperature");
    check(sampling("temperature", json!(0)), "claude-opus-5", "temperature");
    check(sampling("seed", json!(7)), "m", "seed");
    check(sampling("presence_penalty", json!(0.5)), "m", "presence_penalty");
    let sound = Part::Audio { format: "wav".to_owned(), data: "UUUU".to_owned() };
    check(
        asking(vec![Message { role: Role::User, parts: vec![Part::Text("x".to_owned()), sound] }]),
        "m",
        "messages.content.input_audio",
    );
    for (name, value) in [("temperature", json!(1)), ("presence_penalty", json!(0)), ("top_p", json!(1.0))] {
        let (body, left_out) = written(&sampling(name, value), "claude-opus-5", &[]).expect("the default");
        assert!(body.get(name).is_none() && left_out.is_empty(), "{body}");
    }
    let broken = Part::ToolCall(ToolCall { arguments: "{\"a\":".to_owned(), ..ToolCall::default() });
    for parts in [vec![broken], vec![Part::ToolCall(ToolCall { arguments: "[]".to_owned(), ..ToolCall::default() })]] {
        let request = asking(vec![says(Role::User, "x"), Message { role: Role::Assistant, parts }]);
        assert_eq!(written(&request, "m", &[]).expect_err("no object").kind, FailureKind::Malformed);
    }
}

#[test]
fn files_are_written_as_documents() {
    let check = |media_type: &str, data: &str, expected: Option<Value>| {
        let source = Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned() };
        let part = Part::File { source, name: Some("a".to_owned()) };
        let request = asking(vec![Message { role: Role::User, parts: vec![part] }]);
        let source = written(&request, "m", &[]).ok().map(|(body, _)| body["messages"][0]["content"][0].clone());
        let expected = expected.map(|source| json!({"type": "document", "title": "a", "source": source}));
        assert_eq!(source, expected, "{media_type}");
    };
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": "UEs="});
    check("application/pdf", "UEs=", Some(pdf));
    check("text/csv", "YSxi", Some(json!({"type": "text", "media_type": "text/plain", "data": "a,b"})));
    check("text/csv", "//8=", None);
    check("application/zip", "UEs=", None);
}

#[test]
fn tools_are_written_with_what_the_dialect_wants() {
    let tool =
        |parameters: Value, strict: Option<bool>| Tool { name: "f".to_owned(), description: None, parameters, strict };
    let check = |choice: Option<ToolChoice>, parallel: Option<bool>, expected: Value| {
        let tools = vec![tool(json!({}), Some(true)), tool(Value::Null, Some(false))];
        let request =
            Request { tools, tool_choice: choice, parallel_tools: parallel, ..asking(vec![says(Role::User, "x")]) };
        let (body, _) = written(&request, "m", &[]).expect("carried");
        let schema = json!({"type": "object"});
        let tools =
            json!([{"name": "f", "input_schema": schema, "strict": true}, {"name": "f", "input_schema": schema}]);
        assert_eq!((&body["tools"], &body["tool_choice"]), (&tools, &expected));
    };
    check(None, None, Value::Null);
    check(None, Some(true), Value::Null);
    check(None, Some(false), json!({"type": "auto", "disable_parallel_tool_use": true}));
    check(Some(ToolChoice::None), Some(false), json!({"type": "none"}));
    check(Some(ToolChoice::Required), Some(false), json!({"type": "any", "disable_parallel_tool_use": true}));
    check(Some(ToolChoice::Named("f".to_owned())), Some(true), json!({"type": "tool", "name": "f"}));
}

fn words() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\ ]{0,6}[a-z]"
}

/// What the model says and what is answered to it: one turn each.
fn exchange() -> impl Strategy<Value = [Value; 2]> {
    let call = ("[a-zA-Z0-9_-]{1,8}", "[a-z]{1,5}", prop::collection::btree_map("[a-z]{1,3}", words(), 0..3));
    (words(), prop::collection::vec((call, words(), any::<bool>()), 0..3), prop::option::of(words())).prop_map(
        |(said, calls, reply)| {
            let mut assistant = vec![json!({"type": "text", "text": said})];
            let mut user = Vec::new();
            for ((id, name, input), result, is_error) in calls {
                assistant.push(json!({"type": "tool_use", "id": id, "name": name, "input": input}));
                let mut result = json!({"type": "tool_result", "tool_use_id": id, "content": result});
                if is_error {
                    result["is_error"] = json!(true);
                }
                user.push(result);
            }
            if user.is_empty() || reply.is_some() {
                user.push(json!({"type": "text", "text": reply.unwrap_or_else(|| "and".to_owned())}));
            }
            [json!({"role": "assistant", "content": assistant}), json!({"role": "user", "content": user})]
        },
    )
}

proptest! {
    /// A request that is read and written again for a model of the same dialect is the same request.
    #[test]
    fn there_and_back_is_the_same(
        first in words(),
        system in prop::collection::vec(words(), 0..3),
        exchanges in prop::collection::vec(exchange(), 0..4),
        max_tokens in 1_u64..100_000,
        tools in prop::collection::vec(("[a-z]{1,5}", prop::option::of(words()), any::<bool>()), 0..3),
        choice in prop::sample::select(vec![None, Some("auto"), Some("any"), Some("none")]),
        thinking in prop::sample::select(vec![None, Some("adaptive")]),
        temperature in prop::option::of(0_u8..10),
        stop in prop::collection::vec(words(), 0..3),
        schema in any::<bool>(),
        stream in any::<bool>(),
    ) {
        let mut messages = vec![json!({"role": "user", "content": [{"type": "text", "text": first}]})];
        messages.extend(exchanges.into_iter().flatten());
        let mut body = json!({"model": "claude-opus-4-6", "max_tokens": max_tokens, "messages": messages, "stream": stream});
        if !system.is_empty() {
            body["system"] = system.iter().map(|text| json!({"type": "text", "text": text})).collect();
        }
        if !tools.is_empty() {
            body["tools"] = tools.into_iter().map(|(name, description, strict)| {
                let mut tool = json!({"name": name, "input_schema": {"type": "object", "properties": {}}});
                if let Some(description) = description {
                    tool["description"] = json!(description);
                }
                if strict {
                    tool["strict"] = json!(true);
                }
                tool
            }).collect();
            if let Some(choice) = choice {
                body["tool_choice"] = json!({"type": choice});
            }
        }
        let is_forced = body["tool_choice"]["type"] == "any";
        if let Some(thinking) = thinking.filter(|_| !is_forced) {
            body["thinking"] = json!({"type": thinking});
            if thinking == "adaptive" {
                body["output_config"] = json!({"effort": "high"});
            }
        }
        if let Some(temperature) = temperature {
            body["temperature"] = json!(f64::from(temperature) / 10.0);
        }
        if !stop.is_empty() {
            body["stop_sequences"] = json!(stop);
        }
        if schema {
            body["output_config"]["format"] = json!({"type": "json_schema", "schema": {"type": "object"}});
        }
        let (request, left_out) = read(&body, &[]).expect("read");
        prop_assert!(left_out.is_empty(), "{left_out:?}");
        let (again, left_out) = written(&request, "claude-opus-4-6", &[]).expect("written");
        prop_assert!(left_out.is_empty(), "{left_out:?}");
        prop_assert_eq!(again, body);
    }
}
