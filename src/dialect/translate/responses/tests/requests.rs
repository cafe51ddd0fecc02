use proptest::prelude::*;
use serde_json::{Value, json};

use crate::dialect::translate::Carry;
use crate::dialect::translate::neutral::{
    Format, Message, Part, Reasoning, Request, Role, Source, Tool, ToolCall, ToolChoice, freeform_arguments,
    freeform_schema,
};
use crate::dialect::translate::responses::{echo, freeform, read_request, write_request};
use crate::domain::{Dialect, Failure, FailureKind};

fn read_with(body: &Value, omit: &[&str]) -> Result<(Request, Vec<String>), Failure> {
    let omit: Vec<String> = omit.iter().map(|name| (*name).to_owned()).collect();
    let mut carry = Carry::new(Dialect::OpenaiResponses, Dialect::OpenaiChat, &omit);
    let request = read_request(body.to_string().as_bytes(), &mut carry)?;
    Ok((request, carry.left_out()))
}

fn read(body: &Value) -> Request {
    read_with(body, &[]).expect("a request that can be translated").0
}

fn written(request: &Request, from: Dialect, omit: &[String]) -> Result<(Value, Vec<String>), Failure> {
    let mut carry = Carry::new(from, Dialect::OpenaiResponses, omit);
    write_request(request, "far-model", &mut carry).map(|body| (body, carry.left_out()))
}

/// What an agent sends in the middle of its work.
fn rich() -> Value {
    json!({
        "model": "auto",
        "instructions": "Be brief.",
        "input": [
            {"type": "message", "id": "msg_1", "role": "developer", "content": [{"type": "input_text", "text": "Mind the gap."}]},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "original"},
                {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"},
                {"type": "input_audio", "input_audio": {"data": "UUUU", "format": "wav"}},
            ]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "gAAA"},
            {"type": "message", "id": "msg_2", "role": "assistant", "status": "completed", "phase": "commentary",
                "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "arguments": "{\"at\":1}", "status": "completed"},
            {"type": "function_call", "call_id": "c2", "name": "spawn", "namespace": "agents", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "c3", "name": "patch", "input": "*** \"x\""},
            {"type": "function_call_output", "call_id": "c1", "output": "a cat"},
            {"type": "function_call_output", "call_id": "c2", "output": [
                {"type": "input_text", "text": "spawned"}, {"type": "input_image", "image_url": "https://example.org/b.png"}]},
            {"type": "custom_tool_call_output", "call_id": "c3", "output": "done"},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [
            {"type": "function", "name": "look", "description": "Looks.", "strict": false, "defer_loading": false,
                "parameters": {"type": "object", "properties": {"at": {"type": "integer"}}}},
            {"type": "namespace", "name": "agents", "description": "Other agents.", "tools": [
                {"type": "function", "name": "spawn", "description": "Spawns.", "parameters": {"type": "object"}},
                {"type": "custom", "name": "exec"}]},
            {"type": "custom", "name": "patch", "description": "Patches.",
                "format": {"type": "grammar", "syntax": "lark", "definition": "start: LINE"}},
            {"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": {"type": "object"}},
        ],
        "tool_choice": "auto", "parallel_tool_calls": false, "reasoning": {"effort": "medium", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": true}, "verbosity": "low"},
        "max_output_tokens": 7, "temperature": 0.5, "top_p": 1, "stream": true, "store": false,
        "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k", "client_metadata": {"a": "b"},
        "service_tier": "flex", "truncation": "disabled", "background": false,
    })
}

#[test]
fn an_agents_request_is_read_whole() {
    let (request, left_out) = read_with(&rich(), &[]).expect("a request that can be translated");
    insta::assert_snapshot!(format!("{request:#?}\n\nleft out: {left_out:#?}"));
}

#[test]
fn an_agents_request_is_written_again() {
    let mut request = read(&rich());
    // Sound is not for this dialect's models.
    request.messages[2].parts.pop();
    let (body, left_out) = written(&request, Dialect::OpenaiChat, &[]).expect("a request");
    let body = serde_json::to_string_pretty(&body).expect("JSON");
    insta::assert_snapshot!(format!("{body}\n\nleft out: {left_out:?}"));
}

#[test]
fn what_cannot_be_carried_over_is_refused_by_its_name() {
    let input = || json!([{"role": "user", "content": "x"}]);
    let check = |field: &str, value: Value, name: &str| {
        let mut body = json!({"model": "a", "input": input()});
        body[field] = value;
        let failure = read_with(&body, &[]).expect_err(name);
        assert_eq!((failure.kind, failure.param.as_deref()), (FailureKind::Untranslatable, Some(name)), "{body}");
        assert!(failure.message.contains(&format!("`{name}`")), "{}", failure.message);
    };
    check("previous_response_id", json!("resp_1"), "previous_response_id");
    check("conversation", json!("conv_1"), "conversation");
    check("prompt", json!({"id": "pmpt_1"}), "prompt");
    check("background", json!(true), "background");
    check("truncation", json!("auto"), "truncation");
    check("max_tool_calls", json!(1), "max_tool_calls");
    check("top_logprobs", json!(1), "top_logprobs");
    check("include", json!(["message.output_text.logprobs"]), "include");
    check("context_management", json!([{}]), "context_management");
    check("novelty", json!(1), "novelty");
    check("tools", json!([{"type": "web_search"}]), "tools[0].web_search");
    check("tools", json!([{"type": "function", "name": "f"}, {"type": "mcp"}]), "tools[1].mcp");
    check("tools", json!([{"type": "tool_search"}]), "tools[0].tool_search");
    check("tools", json!([{"type": "function", "name": "f", "novelty": 1}]), "tools[0].novelty");
    check("tools", json!([{"type": "namespace", "name": "n", "tools": [{"type": "mcp"}]}]), "tools[0].tools[0].mcp");
    check("tool_choice", json!({"type": "web_search"}), "tool_choice");
    check("text", json!({"format": {"type": "novelty"}}), "text.format.type");
    check("reasoning", json!({"mode": "pro"}), "reasoning.mode");
    check("input", json!([{"type": "item_reference", "id": "msg_1"}]), "input[0].id");
    check("input", json!([{"id": "msg_1"}]), "input[0].id");
    check("input", json!([{"type": "compaction", "encrypted_content": "g"}]), "input[0].encrypted_content");
    check("input", json!([{"type": "web_search_call", "id": "ws_1"}]), "input[0].web_search_call");
    check("input", json!([{"role": "user", "content": "x", "novelty": 1}]), "input[0].novelty");
    let image = json!([{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]);
    check("input", image, "input[0].content[0].file_id");
    check("input", json!([{"role": "user", "content": [{"type": "novelty"}]}]), "input[0].content[0].novelty");
}

#[test]
fn what_is_no_request_is_named() {
    let check = |body: Value, name: &str| {
        let failure = read_with(&body, &[]).expect_err(name);
        assert_eq!((failure.kind, failure.param.as_deref()), (FailureKind::Malformed, Some(name)), "{body}");
    };
    check(json!({}), "input");
    check(json!({"input": 7}), "input");
    check(json!({"input": [7]}), "input[0]");
    check(json!({"input": [{"role": "novelty"}]}), "input[0].role");
    check(json!({"input": [{"type": "function_call", "call_id": "1", "name": "f"}]}), "input[0].arguments");
    check(json!({"input": "x", "tools": [{"type": "function"}]}), "tools[0].name");
    check(json!({"input": "x", "tool_choice": 7}), "tool_choice");
    check(json!({"input": "x", "temperature": "hot"}), "temperature");
}

#[test]
fn the_operator_may_let_tools_of_the_provider_go() {
    let body = json!({"model": "a", "input": "x", "tools": [{"type": "web_search", "filters": {}}, {"type": "function", "name": "f"}]});
    let (request, left_out) = read_with(&body, &["tools.web_search"]).expect("allowed");
    assert_eq!(request.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["f"]);
    assert_eq!(left_out, ["tools.web_search"]);
    // A conversation that is elsewhere stays there, whatever the operator says.
    let body = json!({"model": "a", "input": "x", "previous_response_id": "resp_1"});
    assert!(read_with(&body, &["previous_response_id"]).is_err());
}

#[test]
fn tools_may_stand_in_an_item_and_be_found_by_a_search() {
    let body = json!({"model": "a", "input": [
        {"type": "additional_tools", "id": "at_1", "role": "developer", "tools": [
            {"type": "namespace", "name": "functions", "description": "", "tools": [{"type": "custom", "name": "exec"}]}]},
        {"role": "user", "content": "x"},
        {"type": "tool_search_call", "call_id": "c1", "execution": "client", "arguments": {"query": "q"}},
        {"type": "tool_search_output", "call_id": "c1", "execution": "client", "status": "completed", "tools": [
            {"type": "function", "name": "found", "defer_loading": true, "parameters": {"type": "object"}}]},
    ]});
    let request = read(&body);
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["exec", "found"]);
    let call = ToolCall { id: "c1".into(), name: "tool_search".into(), arguments: r#"{"query":"q"}"#.into() };
    assert_eq!(request.messages[1].parts, [Part::ToolCall(call)]);
    let found = vec![Part::Text("Found: found".into())];
    assert_eq!(request.messages[2].parts, [Part::ToolResult { id: "c1".into(), parts: found, is_error: false }]);
    assert_eq!(freeform(body.to_string().as_bytes()), ["exec"]);
    let echoed = echo(body.to_string().as_bytes());
    assert_eq!((&echoed["tools"][0]["type"], &echoed["tools"][1]["name"]), (&json!("namespace"), &json!("found")));
}

#[test]
fn a_tools_name_is_what_every_dialect_takes() {
    let name = |namespace: &str, tool: &str| {
        let tools = json!([{"type": "namespace", "name": namespace, "tools": [{"type": "function", "name": tool}]}]);
        read(&json!({"model": "a", "input": "x", "tools": tools})).tools[0].name.clone()
    };
    assert_eq!(name("mcp__github__", "list"), "mcp__github__list");
    assert_eq!(name("agents.v1", "spawn"), "agents_v1__spawn");
    assert_eq!(name("functions", "exec"), "exec");
    let (one, other) = (name(&"n".repeat(70), "one"), name(&"n".repeat(70), "other"));
    assert_eq!((one.len(), one != other), (64, true));
}

#[test]
fn a_choice_among_some_tools_leaves_only_those() {
    let body = json!({"model": "a", "input": "x",
        "tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}],
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]}});
    let request = read(&body);
    assert_eq!((request.tools.len(), request.tools[0].name.as_str()), (1, "g"));
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    let named = json!({"model": "a", "input": "x", "tool_choice": {"type": "custom", "name": "p"}});
    assert_eq!(read(&named).tool_choice, Some(ToolChoice::Named("p".into())));
}

#[test]
fn reasoning_in_plain_text_is_carried_and_no_other() {
    let item = json!({"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]});
    let body = json!({"model": "a", "input": [item, {"role": "assistant", "content": "So."}]});
    let (request, left_out) = read_with(&body, &[]).expect("a request that can be translated");
    assert_eq!(request.messages[0].parts, [Part::Reasoning("Hm.".into()), Part::Text("So.".into())]);
    assert!(left_out.is_empty(), "{left_out:?}");
}

#[test]
fn effort_may_be_none() {
    let effort = |value: Value| read(&json!({"model": "a", "input": "x", "reasoning": {"effort": value}})).reasoning;
    assert_eq!(effort(json!("none")), Some(Reasoning::Off));
    assert_eq!(effort(json!("xhigh")), Some(Reasoning::Effort("xhigh".into())));
    assert_eq!(effort(Value::Null), None);
}

#[test]
fn what_this_dialect_cannot_say_is_refused_when_it_is_written() {
    let base = || Request {
        messages: vec![Message { role: Role::User, parts: vec![Part::Text("x".into())] }],
        answers: 1,
        ..Request::default()
    };
    let check = |from: Dialect, request: Request, name: &str| {
        let failure = written(&request, from, &[]).expect_err(name);
        assert_eq!((failure.kind, failure.param.as_deref()), (FailureKind::Untranslatable, Some(name)));
        let (body, left_out) = written(&request, from, &[name.to_owned()]).expect("allowed");
        assert_eq!((body["input"][0]["role"].as_str(), left_out), (Some("user"), vec![name.to_owned()]));
    };
    let (chat, messages) = (Dialect::OpenaiChat, Dialect::AnthropicMessages);
    check(chat, Request { stop: vec!["END".into()], ..base() }, "stop");
    check(messages, Request { stop: vec!["END".into()], ..base() }, "stop_sequences");
    check(chat, Request { answers: 2, ..base() }, "n");
    check(chat, Request { logprobs: Some(0), ..base() }, "logprobs");
    for name in ["seed", "top_k", "frequency_penalty"] {
        let sampling = serde_json::Map::from_iter([(name.to_owned(), json!(1))]);
        check(chat, Request { sampling, ..base() }, name);
    }
    let audio = Part::Audio { format: "wav".into(), data: "U".into() };
    let mut request = base();
    request.messages[0].parts.push(audio);
    check(chat, request, "messages.content.input_audio");
}

#[test]
fn budgets_are_said_in_words_and_instructions_alone_are_the_input() {
    let effort = |budget, max_output| {
        let message = Message { role: Role::System, parts: vec![Part::Text("x".into())] };
        let reasoning = Some(Reasoning::Budget(budget));
        let request = Request { messages: vec![message], reasoning, max_output, answers: 1, ..Request::default() };
        let (body, left_out) = written(&request, Dialect::AnthropicMessages, &[]).expect("a request");
        assert_eq!((body["input"][0]["role"].as_str(), body.get("instructions")), (Some("developer"), None));
        assert_eq!(left_out, ["thinking.budget_tokens"]);
        body["reasoning"]["effort"].as_str().expect("an effort").to_owned()
    };
    assert_eq!(effort(1024, Some(32_000)), "low");
    assert_eq!(effort(10_000, Some(32_000)), "medium");
    assert_eq!(effort(31_999, Some(32_000)), "high");
    assert_eq!(effort(1024, None), "low");
}

#[test]
fn an_answer_repeats_its_request_and_what_it_left_out() {
    let body = json!({"model": "a", "input": "x", "instructions": "i", "temperature": 0.5, "service_tier": "flex",
        "text": {"verbosity": "low"}, "tools": [{"type": "function", "name": "f"}], "metadata": null});
    let echoed = echo(body.to_string().as_bytes());
    assert_eq!((&echoed["instructions"], &echoed["temperature"]), (&json!("i"), &json!(0.5)));
    assert_eq!(echoed["tools"], json!([{"type": "function", "name": "f", "strict": false, "parameters": null}]));
    assert_eq!(echoed["text"], json!({"verbosity": "low", "format": {"type": "text"}}));
    let defaults =
        [&echoed["metadata"], &echoed["tool_choice"], &echoed["service_tier"], &echoed["parallel_tool_calls"]];
    assert_eq!(defaults, [&json!({}), &json!("auto"), &json!("default"), &json!(true)]);
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{1,12}"
}

fn picture() -> impl Strategy<Value = Part> {
    let inline = "[A-Za-z0-9]{4,8}".prop_map(|data| Source::Base64 { media_type: "image/png".into(), data });
    let url = Just(Source::Url("https://example.org/a.png".into()));
    let detail = prop_oneof![Just("low"), Just("high"), Just("auto")];
    (prop_oneof![inline, url], detail).prop_map(|(source, detail)| Part::Image { source, detail: Some(detail.into()) })
}

fn message() -> impl Strategy<Value = Message> {
    let said = prop_oneof![
        text().prop_map(Part::Text),
        picture(),
        "[A-Za-z0-9]{4,8}".prop_map(|data| Part::File {
            source: Source::Base64 { media_type: "application/pdf".into(), data },
            name: Some("a.pdf".into()),
        }),
    ];
    let call = ("[a-z0-9]{1,6}", "[a-z]{1,6}", text())
        .prop_map(|(id, name, words)| Part::ToolCall(ToolCall { id, name, arguments: freeform_arguments(&words) }));
    let result = ("[a-z0-9]{1,6}", prop::collection::vec(prop_oneof![text().prop_map(Part::Text), picture()], 1..3))
        .prop_map(|(id, parts)| Part::ToolResult { id, parts, is_error: false });
    prop_oneof![
        prop::collection::vec(said, 1..4).prop_map(|parts| Message { role: Role::User, parts }),
        prop::collection::vec(result, 1..3).prop_map(|parts| Message { role: Role::User, parts }),
        text().prop_map(|words| Message { role: Role::System, parts: vec![Part::Text(words)] }),
        prop::collection::vec(prop_oneof![text().prop_map(Part::Text), text().prop_map(Part::Refusal), call], 1..4)
            .prop_map(|parts| Message { role: Role::Assistant, parts }),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    // A tool that is defined twice is told once, so no two bear the same name.
    let tools = prop::collection::btree_map("[a-z]{1,6}", (prop::option::of(text()), any::<bool>()), 0..3);
    let tools = tools.prop_map(|tools| {
        let tools = tools.into_iter().map(|(name, (description, strict))| Tool {
            name,
            description,
            parameters: freeform_schema(),
            strict: Some(strict),
        });
        tools.collect::<Vec<_>>()
    });
    let choice = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        "[a-z]{1,6}".prop_map(ToolChoice::Named),
    ];
    let format = prop_oneof![
        Just(Format::Text),
        Just(Format::JsonObject),
        (text(), prop::option::of(text()), prop::option::of(any::<bool>())).prop_map(|(name, description, strict)| {
            Format::JsonSchema { name: Some(name), description, schema: json!({"type": "object"}), strict }
        }),
    ];
    let reasoning = prop_oneof![Just(Reasoning::Off), "low|high|max".prop_map(Reasoning::Effort)];
    let options = (prop::option::of(any::<bool>()), prop::option::of(any::<u64>()), any::<bool>());
    let words = (prop::option::of("low|high"), prop::option::of("auto|flex|priority"));
    (
        prop::collection::vec(message(), 1..6),
        tools,
        prop::option::of(choice),
        format,
        prop::option::of(reasoning),
        options,
        words,
    )
        .prop_map(|(messages, tools, tool_choice, format, reasoning, options, words)| Request {
            messages,
            tools,
            tool_choice,
            format,
            reasoning,
            parallel_tools: options.0,
            max_output: options.1,
            stream: options.2,
            verbosity: words.0,
            service_tier: words.1,
            sampling: serde_json::Map::from_iter([("temperature".to_owned(), json!(0.25))]),
            answers: 1,
            ..Request::default()
        })
}

/// A conversation with neighbours put together that stand in one message in this dialect.
fn joined(messages: &[Message]) -> Vec<(Role, Vec<Part>)> {
    let mut all: Vec<(Role, Vec<Part>)> = Vec::new();
    let is_result = |parts: &[Part]| matches!(parts.last(), Some(Part::ToolResult { .. }));
    for message in messages {
        match all.last_mut() {
            Some((Role::Assistant, parts)) if message.role == Role::Assistant => parts.extend(message.parts.clone()),
            Some((Role::User, parts)) if is_result(parts) && is_result(&message.parts) => {
                parts.extend(message.parts.clone());
            }
            _ => all.push((message.role, message.parts.clone())),
        }
    }
    all
}

proptest! {
    /// What both forms can say is the same after having been written and read.
    #[test]
    fn what_is_written_reads_as_it_was(request in request()) {
        let (body, left_out) = written(&request, Dialect::OpenaiChat, &[]).expect("a request");
        prop_assert_eq!(left_out, Vec::<String>::new());
        let again = read(&body);
        prop_assert_eq!(joined(&again.messages), joined(&request.messages));
        prop_assert_eq!(Request { messages: Vec::new(), ..again }, Request { messages: Vec::new(), ..request });
    }

    #[test]
    fn no_body_panics(body in "[\\[\\]{}\":,a-z0-9 ]{0,80}") {
        let mut carry = Carry::new(Dialect::OpenaiResponses, Dialect::OpenaiChat, &[]);
        let _ = read_request(body.as_bytes(), &mut carry);
        freeform(body.as_bytes());
        echo(body.as_bytes());
    }
}
