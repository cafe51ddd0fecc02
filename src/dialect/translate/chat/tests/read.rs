use serde_json::{Value, json};

use super::*;
use crate::dialect::translate::neutral::{
    Format, Part, Reasoning, Role, Source, ToolCall, ToolChoice, freeform_arguments, freeform_schema,
};
use crate::domain::FailureKind;

/// A request with these messages.
fn said(messages: Value) -> Value {
    json!({"model": "auto", "messages": messages})
}

/// A request with this field.
fn with(name: &str, value: Value) -> Value {
    let mut body = said(json!([{"role": "user", "content": "x"}]));
    body[name] = value;
    body
}

fn request(body: &Value) -> Request {
    read(body, &[]).expect("carried").0
}

/// What agents and editors send, all at once.
pub(super) fn rich() -> Value {
    serde_json::from_str(include_str!("../fixtures/request.json")).expect("JSON")
}

#[test]
fn what_agents_send_is_read_without_a_refusal() {
    let (request, left_out) = read(&rich(), &[]).expect("carried");
    insta::assert_snapshot!("read", format!("{request:#?}\n\nleft out: {left_out:#?}"));
}

#[test]
fn what_changes_the_answer_and_cannot_be_said_elsewhere_is_refused_by_name() {
    let check = |body: &Value, param: &str, omit: &str| {
        let refused = read(body, &[]).expect_err(param);
        assert_eq!((refused.kind, refused.param.as_deref()), (FailureKind::Untranslatable, Some(param)), "{body}");
        let (_, left_out) = read(body, &[omit]).expect("allowed");
        assert_eq!(left_out, [omit], "{param}");
    };
    check(&with("modalities", json!(["text", "audio"])), "modalities", "modalities");
    check(&with("audio", json!({"voice": "x"})), "audio", "audio");
    check(&with("logit_bias", json!({"1": 1})), "logit_bias", "logit_bias");
    check(&with("functions", json!([])), "functions", "functions");
    check(&with("function_call", json!("auto")), "function_call", "function_call");
    check(&with("web_search_options", json!({})), "web_search_options", "web_search_options");
    check(&with("novelty", json!(1)), "novelty", "novelty");
    check(&with("stream_options", json!({"novelty": 1})), "stream_options.novelty", "stream_options.novelty");
    check(&with("response_format", json!({"type": "novelty"})), "response_format.type", "response_format.type");
    check(
        &with("response_format", json!({"type": "text", "novelty": 1})),
        "response_format.novelty",
        "response_format.novelty",
    );
    check(&with("tools", json!([{"type": "web_search"}])), "tools[0].web_search", "tools.web_search");
    check(
        &with("tools", json!([{"type": "function", "name": "f", "novelty": 1}])),
        "tools[0].novelty",
        "tools.novelty",
    );
    check(
        &with("tools", json!([{"type": "function", "function": {"name": "f", "novelty": 1}}])),
        "tools[0].function.novelty",
        "tools.function.novelty",
    );
    check(
        &with("tools", json!([{"type": "custom", "custom": {"name": "f", "format": {"type": "novelty"}}}])),
        "tools[0].custom.format.type",
        "tools.custom.format.type",
    );
    check(&with("tool_choice", json!({"type": "allowed_tools"})), "tool_choice", "tool_choice");
    check(&said(json!([{"role": "function", "content": "x"}])), "messages[0].role", "messages.role");
    let message = |name: &str, value: Value| {
        let mut message = json!({"role": "assistant", "content": "x"});
        message[name] = value;
        said(json!([message]))
    };
    check(&message("novelty", json!(1)), "messages[0].novelty", "messages.novelty");
    check(&message("audio", json!({"id": "a"})), "messages[0].audio", "messages.audio");
    check(&message("function_call", json!({})), "messages[0].function_call", "messages.function_call");
    let part = |part: Value| said(json!([{"role": "user", "content": [{"type": "text", "text": "x"}, part]}]));
    check(&part(json!({"type": "video_url"})), "messages[0].content[1].video_url", "messages.content.video_url");
    check(
        &part(json!({"type": "file", "file": {"file_id": "f"}})),
        "messages[0].content[1].file.file_id",
        "messages.content.file.file_id",
    );
}

#[test]
fn hints_are_left_out_and_told() {
    for name in
        ["metadata", "user", "store", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "prediction"]
    {
        let (request, left_out) = read(&with(name, json!("x")), &[]).expect(name);
        assert_eq!((left_out, request.messages.len()), (vec![name.to_owned()], 1), "{name}");
    }
}

#[test]
fn what_is_not_what_the_dialect_defines_is_malformed() {
    let check = |body: &Value, param: &str| {
        let failure = read(body, &[]).expect_err(param);
        assert_eq!((failure.kind, failure.param.as_deref()), (FailureKind::Malformed, Some(param)), "{body}");
    };
    check(&json!([]), "body");
    check(&json!({}), "messages");
    check(&said(json!(["x"])), "messages[0]");
    check(&said(json!([{"content": "x"}])), "messages[0].role");
    check(&said(json!([{"role": "user", "content": 7}])), "messages[0].content");
    check(&said(json!([{"role": "user", "content": [{"text": "x"}]}])), "messages[0].content[0].type");
    check(&said(json!([{"role": "user", "content": [{"type": "image_url"}]}])), "messages[0].content[0].image_url");
    check(
        &said(json!([{"role": "user", "content": [{"type": "file", "file": {"filename": "a"}}]}])),
        "messages[0].content[0].file.file_data",
    );
    check(&said(json!([{"role": "tool", "content": "x"}])), "messages[0].tool_call_id");
    check(&said(json!([{"role": "assistant", "tool_calls": [{"id": "c"}]}])), "messages[0].tool_calls[0].function");
    check(&with("stop", json!([7])), "stop");
    check(&with("stop", json!(7)), "stop");
    check(&with("n", json!(-1)), "n");
    check(&with("temperature", json!("hot")), "temperature");
    check(&with("tools", json!([{"type": "function", "function": {}}])), "tools[0].function.name");
    check(&with("tools", json!([{"type": "function", "name": "f", "parameters": 7}])), "tools[0].parameters");
    check(&with("response_format", json!({"type": "json_schema"})), "response_format.json_schema");
}

#[test]
fn content_may_be_nothing_a_text_or_parts() {
    let check = |content: Value, expected: &[&str]| {
        let read = request(&said(json!([{"role": "user", "content": content}])));
        let texts: Vec<Part> = expected.iter().map(|text| Part::Text((*text).to_owned())).collect();
        let found: Vec<Part> = read.messages.into_iter().flat_map(|message| message.parts).collect();
        assert_eq!(found, texts, "{content}");
    };
    check(Value::Null, &[]);
    check(json!([]), &[]);
    check(json!(""), &[]);
    check(json!("a"), &["a"]);
    check(json!([{"type": "text", "text": "a"}, {"type": "output_text", "text": "b"}]), &["a", "b"]);
}

#[test]
fn results_in_a_row_are_one_message_and_a_users_word_is_another() {
    let read = request(&said(json!([
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": null},
        {"role": "user", "content": "x"},
        {"role": "tool", "tool_call_id": "c", "content": "3"},
    ])));
    let counts: Vec<(Role, usize)> = read.messages.iter().map(|message| (message.role, message.parts.len())).collect();
    assert_eq!(counts, [(Role::User, 2), (Role::User, 1), (Role::User, 1)]);
    let empty = Part::ToolResult { id: "b".to_owned(), parts: Vec::new(), is_error: false };
    assert_eq!(read.messages[0].parts[1], empty);
}

#[test]
fn single_fields_are_read_as_they_are_meant() {
    let efforts = |word: &str| request(&with("reasoning_effort", json!(word))).reasoning;
    assert_eq!(efforts("none"), Some(Reasoning::Off));
    for word in ["minimal", "low", "medium", "high", "xhigh", "max"] {
        assert_eq!(efforts(word), Some(Reasoning::Effort(word.to_owned())));
    }
    assert_eq!(request(&with("stop", json!("END"))).stop, ["END"]);
    assert_eq!(request(&with("stop", json!(["A", "B"]))).stop, ["A", "B"]);
    assert_eq!(request(&with("stop", Value::Null)).stop, [""; 0]);
    assert_eq!(request(&with("max_tokens", json!(5))).max_output, Some(5));
    assert_eq!(request(&with("max_completion_tokens", json!(6))).max_output, Some(6));
    assert_eq!(request(&with("top_logprobs", json!(6))).logprobs, None, "not asked for");
    let both = {
        let mut body = with("logprobs", json!(true));
        body["top_logprobs"] = json!(6);
        body
    };
    assert_eq!(request(&both).logprobs, Some(6));
    assert_eq!(request(&with("n", json!(3))).answers, 3);
    assert_eq!(request(&with("response_format", json!({"type": "text"}))).format, Format::Text);
    assert_eq!(request(&with("response_format", json!({"type": "json_object"}))).format, Format::JsonObject);
    let bare = json!([{"role": "user", "content": [{"type": "file", "file": {"file_data": "UEs="}}]}]);
    let source = Source::Base64 { media_type: "application/pdf".to_owned(), data: "UEs=".to_owned() };
    assert_eq!(request(&said(bare)).messages[0].parts, [Part::File { source, name: None }]);
}

#[test]
fn choices_of_tools_may_be_nested_or_flat() {
    let choice = |choice: Value| request(&with("tool_choice", choice)).tool_choice;
    assert_eq!(choice(json!("auto")), Some(ToolChoice::Auto));
    assert_eq!(choice(json!("none")), Some(ToolChoice::None));
    assert_eq!(choice(json!("required")), Some(ToolChoice::Required));
    let named = Some(ToolChoice::Named("f".to_owned()));
    assert_eq!(choice(json!({"type": "function", "function": {"name": "f"}})), named);
    assert_eq!(choice(json!({"type": "custom", "custom": {"name": "f"}})), named);
    assert_eq!(choice(json!({"type": "function", "name": "f"})), named);
    assert_eq!(choice(Value::Null), None);
}

#[test]
fn freeform_tools_are_functions_with_one_argument() {
    let body = rich();
    let read = request(&body);
    assert_eq!(freeform(body.to_string().as_bytes()), ["patch", "shell", "note"]);
    let tool = |name: &str| read.tools.iter().find(|tool| tool.name == name).expect("a tool");
    let told = "Patches.\n\nThe input must fit this lark grammar:\nstart: LINE";
    assert_eq!(tool("patch").description.as_deref(), Some(told));
    assert_eq!(tool("shell").description.as_deref(), Some("The input must fit this regex grammar:\n.+"));
    assert_eq!((tool("note").description.as_deref(), &tool("note").parameters), (None, &freeform_schema()));
    let call = ToolCall { id: "c2".to_owned(), name: "patch".to_owned(), arguments: freeform_arguments("*** \"x\"") };
    assert!(read.messages.iter().any(|message| message.parts.contains(&Part::ToolCall(call.clone()))));
}
