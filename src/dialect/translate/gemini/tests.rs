//! Golden requests, answers and streams, and the tool loop there and back.

use serde_json::{Value, json};

use super::*;
use crate::dialect::translate::Read;
use crate::dialect::translate::neutral::{
    Delta, Format, Message, Part, Reasoning, Reply, Role, Source, Stop, ToolCall, freeform_schema,
};
use crate::domain::{Dialect, FailureKind, Usage};

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts }
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() })
}

fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Part::ToolResult { id: id.to_owned(), parts, is_error }
}

fn image() -> Part {
    let source = Source::Base64 { media_type: "image/png".to_owned(), data: "iVBOR".to_owned() };
    Part::Image { source, detail: Some("high".to_owned()) }
}

fn request(messages: Vec<Message>) -> Request {
    Request { messages, answers: 1, ..Request::default() }
}

fn written(request: &Request, model: &str) -> (Value, Vec<String>) {
    let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::Gemini, &[]);
    let body = write_request(request, model, &mut carry).expect("written");
    (body, carry.left_out())
}

fn tool(name: &str, strict: Option<bool>) -> Tool {
    Tool { name: name.to_owned(), description: Some("Looks.".to_owned()), parameters: freeform_schema(), strict }
}

fn rich_request() -> Request {
    let pdf = Source::Url("https://example.com/a/b.pdf?c=d.png".to_owned());
    let sampling = json!({"temperature": 0.5, "top_p": 0.9, "top_k": 20, "seed": 7, "frequency_penalty": 0.1,
        "presence_penalty": 0.2});
    Request {
        messages: vec![
            message(Role::System, vec![text("Be brief.")]),
            message(Role::User, vec![text("What is this?"), image()]),
            message(Role::Assistant, vec![Part::Reasoning("hm".to_owned()), text("I look.")]),
            message(Role::Assistant, vec![call("gemini-g1_sig_ab-_cg", "look", r#"{"at":1}"#)]),
            message(Role::Assistant, vec![call("toolu_2", "look", "")]),
            message(Role::User, vec![result("gemini-g1_sig_ab-_cg", vec![text("a"), text("b"), image()], false)]),
            message(Role::User, vec![text("Go on."), result("toolu_2", vec![text("gone")], true)]),
            message(Role::System, vec![text("Be kind.")]),
            message(
                Role::User,
                vec![
                    Part::File { source: pdf, name: None },
                    Part::Audio { format: "wav".to_owned(), data: "UklG".to_owned() },
                ],
            ),
        ],
        tools: vec![tool("look", None)],
        tool_choice: Some(ToolChoice::Named("look".to_owned())),
        max_output: Some(100),
        stop: vec!["END".to_owned()],
        sampling: sampling.as_object().expect("an object").clone(),
        format: Format::JsonSchema {
            name: Some("n".to_owned()),
            description: None,
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
    let (body, left_out) = written(&rich_request(), "gemini-3-pro-preview");
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).expect("JSON"));
    assert_eq!(left_out, ["messages.content.image_url.detail", "messages.reasoning"]);
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
fn a_tool_loop_goes_there_and_back() {
    let answer = json!({"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [
        {"functionCall": {"name": "look", "args": {"at": 1}, "id": "x1"}, "thoughtSignature": "c2lnbmVk"},
        {"functionCall": {"name": "look", "args": {"at": 2}, "id": "x2"}},
    ]}}], "responseId": "r1"});
    let reply = read_reply(answer.to_string().as_bytes()).expect("an answer");
    assert_eq!(reply.stop, Stop::ToolUse);
    let ids: Vec<String> = reply
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolCall(call) => call.id.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let results = ids.iter().map(|id| result(id, vec![text("seen")], false)).collect();
    let next = request(vec![
        message(Role::User, vec![text("look")]),
        message(Role::Assistant, reply.parts),
        message(Role::User, results),
    ]);
    let (body, _) = written(&next, "gemini-3-flash");
    assert_eq!(body["contents"][1], answer["candidates"][0]["content"], "the model's turn comes back as it was");
    let result = |id: &str| json!({"functionResponse": {"name": "look", "id": id, "response": {"output": "seen"}}});
    assert_eq!(body["contents"][2], json!({"role": "user", "parts": [result("x1"), result("x2")]}));
}

#[test]
fn calls_of_others_pass_without_a_signature_where_one_is_wanted() {
    let next = request(vec![
        message(Role::Assistant, vec![call("toolu_1", "f", "{}"), call("toolu_2", "f", "{\"broken")]),
        message(Role::User, vec![result("toolu_1", vec![], false), result("toolu_2", vec![], false)]),
        message(Role::Assistant, vec![call("toolu_3", "f", "{}")]),
    ]);
    let (body, _) = written(&next, "gemini-3-flash");
    let signatures = |body: &Value| -> Vec<Value> {
        let turns = [&body["contents"][0], &body["contents"][2]];
        let parts = turns.into_iter().filter_map(|turn| turn["parts"].as_array()).flatten();
        parts.map(|part| part["thoughtSignature"].clone()).collect()
    };
    assert_eq!(signatures(&body), [json!(ids::NO_SIGNATURE), Value::Null, json!(ids::NO_SIGNATURE)]);
    assert_eq!(body["contents"][0]["parts"][1]["functionCall"]["args"], json!({"arguments": "{\"broken"}));
    assert!(body["contents"][1]["parts"][0]["functionResponse"]["id"].is_null(), "an id that Google never gave");
    let (body, _) = written(&next, "gemini-2.5-flash");
    assert_eq!(signatures(&body), [Value::Null, Value::Null, Value::Null]);
}

#[test]
fn what_tools_return_beside_text_stands_where_the_model_can_take_it() {
    let next = request(vec![
        message(Role::Assistant, vec![call("t1", "f", "{}"), call("t2", "f", "{}")]),
        message(Role::User, vec![result("t1", vec![image()], false), result("t2", vec![text("x")], false)]),
    ]);
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": "iVBOR"}});
    let (body, _) = written(&next, "gemini-3-flash");
    assert_eq!(body["contents"][1]["parts"][0]["functionResponse"]["parts"], json!([picture]));
    let (body, _) = written(&next, "gemini-2.5-flash");
    assert_eq!(body["contents"][1]["parts"].as_array().map(Vec::len), Some(2));
    assert_eq!(body["contents"][2], json!({"role": "user", "parts": [picture]}));
}

#[test]
fn choices_of_tools_have_their_modes() {
    let check = |choice: Option<ToolChoice>, strict, expected: Value| {
        let request = Request { tools: vec![tool("f", strict)], tool_choice: choice.clone(), ..request(vec![]) };
        let (body, _) = written(&request, "gemini-3-flash");
        assert_eq!(body["toolConfig"]["functionCallingConfig"], expected, "{choice:?}");
    };
    check(None, None, Value::Null);
    check(None, Some(true), json!({"mode": "VALIDATED"}));
    check(Some(ToolChoice::Auto), None, json!({"mode": "AUTO"}));
    check(Some(ToolChoice::Auto), Some(true), json!({"mode": "VALIDATED"}));
    check(Some(ToolChoice::None), Some(true), json!({"mode": "NONE"}));
    check(Some(ToolChoice::Required), None, json!({"mode": "ANY"}));
    check(Some(ToolChoice::Named("f".to_owned())), None, json!({"mode": "ANY", "allowedFunctionNames": ["f"]}));
}

#[test]
fn thinking_is_told_in_levels_or_tokens() {
    let check = |model: &str, reasoning: Reasoning, expected: Value| {
        let request = Request { reasoning: Some(reasoning.clone()), ..request(vec![]) };
        let (body, _) = written(&request, model);
        assert_eq!(body["generationConfig"]["thinkingConfig"], expected, "{model} {reasoning:?}");
    };
    let effort = |effort: &str| Reasoning::Effort(effort.to_owned());
    check("gemini-2.5-flash", Reasoning::Off, json!({"thinkingBudget": 0}));
    check("gemini-2.5-flash", Reasoning::Adaptive, json!({"thinkingBudget": -1, "includeThoughts": true}));
    check("gemini-2.5-flash", effort("medium"), json!({"thinkingBudget": 8192, "includeThoughts": true}));
    check("gemini-2.5-flash", effort("max"), json!({"thinkingBudget": 24576, "includeThoughts": true}));
    check("gemini-3-flash", Reasoning::Off, json!({"thinkingLevel": "MINIMAL"}));
    check("gemini-3-flash", Reasoning::Adaptive, json!({"includeThoughts": true}));
    check("gemini-3-flash", effort("medium"), json!({"thinkingLevel": "MEDIUM", "includeThoughts": true}));
    check("gemini-3-flash", effort("max"), json!({"thinkingLevel": "HIGH", "includeThoughts": true}));
    check("gemini-4-pro", effort("max"), json!({"thinkingLevel": "XHIGH", "includeThoughts": true}));
    check("gemini-3-flash", Reasoning::Budget(99), json!({"thinkingBudget": 99, "includeThoughts": true}));
}

#[test]
fn what_cannot_be_said_is_refused_by_its_name() {
    let check = |request: Request, param: &str| {
        let refused = |omit: &[String]| {
            let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::Gemini, omit);
            write_request(&request, "gemini-3-flash", &mut carry).map(|_| carry.left_out())
        };
        let failure = refused(&[]).expect_err(param);
        assert_eq!((failure.kind, failure.param.as_deref()), (FailureKind::Untranslatable, Some(param)));
        assert_eq!(refused(&[param.to_owned()]).expect("the operator lets it go"), [param]);
    };
    check(Request { answers: 2, ..request(vec![]) }, "n");
    check(Request { logprobs: Some(3), ..request(vec![]) }, "logprobs");
    check(
        Request { parallel_tools: Some(false), tools: vec![tool("f", None)], ..request(vec![]) },
        "parallel_tool_calls",
    );
    check(Request { reasoning: Some(Reasoning::Effort("odd".to_owned())), ..request(vec![]) }, "reasoning_effort");
    check(request(vec![message(Role::System, vec![image()])]), "messages.content");
    let mut odd = request(vec![]);
    odd.sampling.insert("odd".to_owned(), json!(1));
    check(odd, "odd");
}

#[test]
fn a_result_without_its_call_is_malformed() {
    let orphan = request(vec![message(Role::User, vec![result("t1", vec![], false)])]);
    let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::Gemini, &[]);
    let failure = write_request(&orphan, "gemini-3-flash", &mut carry).expect_err("malformed");
    assert_eq!(failure.kind, FailureKind::Malformed);
}

#[test]
fn endings_become_stops() {
    let check = |reason: &str, expected: Stop| {
        let body = json!({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": reason}]});
        let reply = read_reply(body.to_string().as_bytes()).expect("an answer");
        assert_eq!((reply.parts, reply.stop), (vec![text("a")], expected), "{reason}");
    };
    check("STOP", Stop::End);
    check("MAX_TOKENS", Stop::Length);
    check("SAFETY", Stop::Refusal);
    check("RECITATION", Stop::Refusal);
    check("SOMETHING_NEW", Stop::End);
    let broken = br#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#;
    assert_eq!(read_reply(broken), None);
    assert_eq!(read_reply(b"{}"), None);
    let blocked = br#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#;
    let usage = Some(Usage { input: 4, ..Usage::default() });
    assert_eq!(read_reply(blocked), Some(Reply { stop: Stop::Refusal, usage, ..Reply::default() }));
}

#[test]
fn a_streams_troubles_are_told() {
    let read = |events: &[&str]| {
        let (mut reader, mut deltas) = (Reader::default(), Vec::new());
        events.iter().for_each(|event| reader.read(event.as_bytes(), &mut deltas));
        deltas
    };
    let busy = Delta::Error { kind: Some("UNAVAILABLE".to_owned()), message: "busy".to_owned() };
    assert_eq!(read(&["<html>", r#"{"error":{"status":"UNAVAILABLE","message":"busy"}}"#]), [busy]);
    let kind = "MALFORMED_FUNCTION_CALL".to_owned();
    let broken = Delta::Error { kind: Some(kind.clone()), message: kind };
    assert_eq!(read(&[r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#]), [broken]);
    let start = Delta::Start { id: None, model: None };
    let blocked = r#"{"promptFeedback":{"blockReason":"OTHER","blockReasonMessage":"no"}}"#;
    assert_eq!(read(&[blocked, blocked])[..3], [start, Delta::Refusal("no".to_owned()), Delta::Stop(Stop::Refusal)]);
}
