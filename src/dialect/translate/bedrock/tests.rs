//! Golden requests, answers and streams.

use serde_json::{Value, json};

use super::*;
use crate::dialect::translate::Read;
use crate::dialect::translate::neutral::{
    Delta, Format, Message, Part, Reasoning, Role, Source, Stop, ToolCall, freeform_schema,
};
use crate::domain::{Dialect, FailureKind};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-6";

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts }
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn call(id: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall { id: id.to_owned(), name: "look".to_owned(), arguments: arguments.to_owned() })
}

fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Part::ToolResult { id: id.to_owned(), parts, is_error }
}

fn base64(media_type: &str) -> Source {
    Source::Base64 { media_type: media_type.to_owned(), data: "AAAA".to_owned() }
}

fn image(source: Source) -> Part {
    Part::Image { source, detail: None }
}

fn tools() -> Vec<Tool> {
    let description = Some("Looks.".to_owned());
    vec![Tool { name: "look".to_owned(), description, parameters: freeform_schema(), strict: Some(true) }]
}

fn request(messages: Vec<Message>) -> Request {
    Request { messages, answers: 1, ..Request::default() }
}

fn written(request: &Request, model: &str) -> (Value, Vec<String>) {
    let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::BedrockConverse, &[]);
    let body = write_request(request, model, &mut carry).expect("written");
    (body, carry.left_out())
}

fn rich_request() -> Request {
    let sampling = json!({"temperature": 0.5, "top_p": 0.9, "top_k": 20, "presence_penalty": 0});
    let long_id = "x".repeat(65);
    let pdf = |name: Option<&str>| {
        let name = name.map(str::to_owned);
        Part::File { source: base64("application/pdf"), name }
    };
    Request {
        messages: vec![
            message(Role::System, vec![text("Be brief.")]),
            message(Role::User, vec![text("What is this?"), image(base64("image/jpeg"))]),
            message(Role::User, vec![pdf(Some("Quarterly_report (2).pdf")), pdf(None), pdf(None)]),
            message(Role::Assistant, vec![Part::Reasoning("hm".to_owned()), text("I look."), call("t1", "{\"at\":1}")]),
            message(Role::Assistant, vec![call(&long_id, "")]),
            message(Role::User, vec![text("Go on."), result("t1", vec![text("a"), image(base64("image/png"))], false)]),
            message(Role::User, vec![result(&long_id, vec![text("gone")], true), text(" \n")]),
            message(Role::System, vec![text("Be kind.")]),
            message(
                Role::User,
                vec![
                    image(Source::Url("s3://bucket/a.webp".to_owned())),
                    Part::Audio { format: "wav".to_owned(), data: "UklG".to_owned() },
                ],
            ),
        ],
        tools: tools(),
        tool_choice: Some(ToolChoice::Auto),
        max_output: Some(100),
        stop: vec!["END".to_owned()],
        sampling: sampling.as_object().expect("an object").clone(),
        format: Format::JsonSchema {
            name: Some("n".to_owned()),
            description: Some("d".to_owned()),
            schema: json!({"type": "object"}),
            strict: Some(true),
        },
        reasoning: Some(Reasoning::Effort("low".to_owned())),
        answers: 1,
        stream: true,
        service_tier: Some("flex".to_owned()),
        ..Request::default()
    }
}

#[test]
fn a_rich_request() {
    let (body, left_out) = written(&rich_request(), CLAUDE);
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).expect("JSON"));
    assert_eq!(left_out, ["messages.reasoning"]);
}

#[test]
fn a_rich_answer() {
    let reply = read_reply(include_bytes!("fixtures/answer.json")).expect("an answer");
    insta::assert_debug_snapshot!(reply);
}

#[test]
fn a_rich_stream() {
    let (mut reader, mut deltas) = (Reader::default(), Vec::new());
    for line in include_str!("fixtures/stream.txt").lines().filter_map(|line| line.strip_prefix("data: ")) {
        reader.read(line.as_bytes(), &mut deltas);
    }
    insta::assert_debug_snapshot!(deltas);
}

#[test]
fn calls_and_their_results_have_the_same_id_whatever_it_was() {
    for id in ["tooluse_abc", "a.b:c-d_e", "", "has space", &"y".repeat(4000)] {
        let next = request(vec![
            message(Role::Assistant, vec![call(id, "{\"broken")]),
            message(Role::User, vec![result(id, vec![], false)]),
        ]);
        let (body, _) = written(&Request { tools: tools(), ..next }, CLAUDE);
        let call = &body["messages"][0]["content"][0]["toolUse"];
        let found = call["toolUseId"].as_str().expect("an id");
        assert_eq!(body["messages"][1]["content"][0]["toolResult"]["toolUseId"], found);
        assert!((1..=64).contains(&found.len()) && !found.contains(' '), "{found}");
        assert_eq!(call["input"], json!({"arguments": "{\"broken"}));
    }
}

#[test]
fn choices_of_tools_have_their_words() {
    let check = |choice: Option<ToolChoice>, expected: Value| {
        let (body, _) = written(&Request { tools: tools(), tool_choice: choice.clone(), ..request(vec![]) }, CLAUDE);
        assert_eq!(body["toolConfig"]["toolChoice"], expected, "{choice:?}");
        assert_eq!(body["toolConfig"].is_null(), choice == Some(ToolChoice::None));
    };
    check(None, Value::Null);
    check(Some(ToolChoice::None), Value::Null);
    check(Some(ToolChoice::Auto), json!({"auto": {}}));
    check(Some(ToolChoice::Required), json!({"any": {}}));
    check(Some(ToolChoice::Named("look".to_owned())), json!({"tool": {"name": "look"}}));
}

#[test]
fn what_only_anthropics_models_take_goes_to_no_other() {
    let mut asked = Request { stop: vec!["END".to_owned()], ..request(vec![]) };
    let (body, _) = written(&asked, "amazon.nova-pro-v1:0");
    assert_eq!(body["inferenceConfig"]["stopSequences"], json!(["END"]));
    assert!(body["additionalModelResponseFieldPaths"].is_null());
    asked.sampling.insert("temperature".to_owned(), json!(1.0));
    assert_eq!(written(&asked, "amazon.nova-pro-v1:0").0["inferenceConfig"]["temperature"], json!(1.0));
    assert!(written(&asked, CLAUDE).0["inferenceConfig"]["temperature"].is_null(), "it is the default");
    asked.sampling.insert("top_k".to_owned(), json!(4));
    let mut carry = Carry::new(Dialect::AnthropicMessages, Dialect::BedrockConverse, &[]);
    let refused = write_request(&asked, "amazon.nova-pro-v1:0", &mut carry).expect_err("refused");
    assert_eq!(refused.param.as_deref(), Some("top_k"));
}

#[test]
fn what_cannot_be_said_is_refused_by_its_name() {
    let check = |request: Request, param: &str| {
        let refused = |omit: &[String]| {
            let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::BedrockConverse, omit);
            write_request(&request, CLAUDE, &mut carry).map(|_| carry.left_out())
        };
        let failure = refused(&[]).expect_err(param);
        assert_eq!((failure.kind, failure.param.as_deref()), (FailureKind::Untranslatable, Some(param)));
        assert_eq!(refused(&[param.to_owned()]).expect("the operator lets it go"), [param]);
    };
    let one = |part: Part| request(vec![message(Role::User, vec![part])]);
    let called = || request(vec![message(Role::Assistant, vec![call("t1", "{}")])]);
    check(Request { answers: 2, ..request(vec![]) }, "n");
    check(Request { logprobs: Some(3), ..request(vec![]) }, "logprobs");
    check(Request { format: Format::JsonObject, ..request(vec![]) }, "response_format");
    check(Request { parallel_tools: Some(false), tools: tools(), ..request(vec![]) }, "parallel_tool_calls");
    check(Request { tool_choice: Some(ToolChoice::None), tools: tools(), ..called() }, "tool_choice");
    check(called(), "tools");
    check(one(image(Source::Url("https://example.com/a.png".to_owned()))), "messages.content.url");
    check(one(image(base64("image/tiff"))), "messages.content.media_type");
    check(request(vec![message(Role::System, vec![image(base64("image/png"))])]), "messages.content");
    let mut seeded = request(vec![]);
    seeded.sampling.insert("seed".to_owned(), json!(1));
    check(seeded, "seed");
    let mut cold = request(vec![]);
    cold.sampling.insert("temperature".to_owned(), json!(0.1));
    let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::BedrockConverse, &[]);
    let refused = write_request(&cold, "anthropic.claude-opus-4-7", &mut carry).expect_err("refused");
    assert_eq!(refused.param.as_deref(), Some("temperature"));
}

#[test]
fn endings_become_stops() {
    let check = |reason: &str, expected: Option<Stop>| {
        let body = json!({"output": {"message": {"content": [{"text": "a"}]}}, "stopReason": reason,
            "additionalModelResponseFields": {"stop_sequence": "END"}});
        let stop = read_reply(body.to_string().as_bytes()).map(|reply| reply.stop);
        assert_eq!(stop, expected, "{reason}");
    };
    check("end_turn", Some(Stop::End));
    check("tool_use", Some(Stop::ToolUse));
    check("max_tokens", Some(Stop::Length));
    check("stop_sequence", Some(Stop::Sequence(Some("END".to_owned()))));
    check("guardrail_intervened", Some(Stop::Refusal));
    check("content_filtered", Some(Stop::Refusal));
    check("model_context_window_exceeded", Some(Stop::ContextFull));
    check("something_new", Some(Stop::End));
    check("malformed_tool_use", None);
    assert_eq!(read_reply(br#"{"message":"no"}"#), None);
}

#[test]
fn a_streams_troubles_are_told() {
    let read = |events: &[&str]| {
        let (mut reader, mut deltas) = (Reader::default(), Vec::new());
        events.iter().for_each(|event| reader.read(event.as_bytes(), &mut deltas));
        deltas
    };
    let slow = Delta::Error { kind: Some("throttlingException".to_owned()), message: "slow down".to_owned() };
    assert_eq!(read(&["<html>", r#"{"error":{"type":"throttlingException","message":"slow down"}}"#]), [slow]);
    let kind = "malformed_model_output".to_owned();
    let broken = Delta::Error { kind: Some(kind.clone()), message: kind };
    let start = Delta::Start { id: None, model: None };
    assert_eq!(read(&[r#"{"messageStop":{"stopReason":"malformed_model_output"}}"#]), [start, broken]);
}
