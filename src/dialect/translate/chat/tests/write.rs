use serde_json::{Map, Value, json};

use super::read::rich;
use super::*;
use crate::dialect::translate::neutral::{Message, Part, Reasoning, Role, Source, Tool, ToolCall, ToolChoice};
use crate::domain::FailureKind;

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts }
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn thought(text: &str) -> Part {
    Part::Reasoning(text.to_owned())
}

fn call(id: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall { id: id.to_owned(), name: "f".to_owned(), arguments: arguments.to_owned() })
}

fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Part::ToolResult { id: id.to_owned(), parts, is_error }
}

fn picture() -> Part {
    Part::Image { source: Source::Url("https://example.org/a.png".to_owned()), detail: None }
}

fn request(messages: Vec<Message>) -> Request {
    Request { messages, answers: 1, ..Request::default() }
}

/// The messages as they are written.
fn messages(messages: Vec<Message>, model: &str) -> (Value, Vec<String>) {
    let (mut body, left_out) = written(&request(messages), model, &[]).expect("carried");
    (body["messages"].take(), left_out)
}

#[test]
fn what_agents_send_is_written_again() {
    let (request, _) = super::read(&rich(), &[]).expect("carried");
    for (name, model) in [("written_for_openais", "gpt-5.2"), ("written_for_others", "deepseek-v4-pro")] {
        let (body, left_out) = written(&request, model, &[]).expect("carried");
        let body = serde_json::to_string_pretty(&body).expect("JSON");
        insta::assert_snapshot!(name, format!("{body}\n\nleft out: {left_out:#?}"));
    }
}

#[test]
fn instructions_stay_where_they_stood() {
    let (written, _) = messages(
        vec![
            message(Role::System, vec![text("a"), text("b")]),
            message(Role::User, vec![text("x")]),
            message(Role::System, vec![text("c")]),
        ],
        "m",
    );
    let expected = json!([{"role": "system", "content": "a\n\nb"}, {"role": "user", "content": "x"},
        {"role": "system", "content": "c"}]);
    assert_eq!(written, expected);
}

#[test]
fn results_come_first_and_their_pictures_after_them() {
    let parts = vec![
        text("Go on."),
        result("a", vec![text("seen"), picture()], false),
        result("b", vec![text("no such file")], true),
        result("c", Vec::new(), false),
    ];
    let (written, _) = messages(vec![message(Role::User, parts)], "m");
    let expected = json!([
        {"role": "tool", "tool_call_id": "a", "content": "seen"},
        {"role": "tool", "tool_call_id": "b", "content": "Error: no such file"},
        {"role": "tool", "tool_call_id": "c", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": "Go on."},
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]},
    ]);
    assert_eq!(written, expected);
}

#[test]
fn a_models_message_has_null_for_no_text_and_an_object_for_no_arguments() {
    let assistant = |parts: Vec<Part>| messages(vec![message(Role::Assistant, parts)], "m").0;
    let call_of = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let expected = json!([{"role": "assistant", "content": null, "tool_calls": [call_of("a"), call_of("b")]}]);
    assert_eq!(assistant(vec![call("a", ""), call("b", " ")]), expected);
    let refused = Part::Refusal("No.".to_owned());
    assert_eq!(assistant(vec![refused]), json!([{"role": "assistant", "content": null, "refusal": "No."}]));
    assert_eq!(assistant(vec![thought("hm")]), json!([]), "a message of which nothing is left is none");
}

#[test]
fn ids_that_are_too_long_are_the_same_in_call_and_result() {
    let id = "gemini-x_sig_".to_owned() + &"A".repeat(3000);
    let (written, _) = messages(
        vec![
            message(Role::Assistant, vec![call(&id, "{}"), call("short", "{}")]),
            message(Role::User, vec![result(&id, Vec::new(), false), result("short", Vec::new(), false)]),
        ],
        "m",
    );
    let ids = |place: usize| written[0]["tool_calls"][place]["id"].as_str().expect("an id").to_owned();
    assert!(ids(0).len() <= 40, "{}", ids(0));
    assert_eq!((&written[1]["tool_call_id"], &written[2]["tool_call_id"]), (&json!(ids(0)), &json!("short")));
    assert_eq!(ids(1), "short");
}

#[test]
fn what_a_model_thought_goes_back_to_those_who_want_it_while_tools_are_called() {
    let loops = vec![
        message(Role::User, vec![text("1")]),
        message(Role::Assistant, vec![thought("a"), text("Hi.")]),
        message(Role::User, vec![text("2")]),
        message(Role::Assistant, vec![thought("b"), call("x", "{}")]),
        message(Role::User, vec![result("x", Vec::new(), false)]),
        message(Role::Assistant, vec![thought("c"), text("Done.")]),
        message(Role::User, vec![text("3")]),
        message(Role::Assistant, vec![thought("d"), call("y", "{}")]),
        message(Role::User, vec![result("y", Vec::new(), false), text("<system-reminder>")]),
    ];
    let thoughts = |model: &str| {
        let (written, left_out) = messages(loops.clone(), model);
        let written = written.as_array().expect("messages").iter();
        let thoughts: String = written.filter_map(|message| message["reasoning_content"].as_str()).collect();
        (thoughts, left_out)
    };
    let told = vec!["messages.reasoning".to_owned()];
    assert_eq!(thoughts("deepseek-v4-pro"), ("bcd".to_owned(), told.clone()));
    assert_eq!(thoughts("moonshotai/Kimi-K2-Thinking"), ("bcd".to_owned(), told.clone()));
    for model in ["gpt-5.2", "gpt-4o", "openai/gpt-oss-120b", "mistral-large"] {
        assert_eq!(thoughts(model), (String::new(), told.clone()), "{model}");
    }
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let check = |request: Request, param: &str, omit: &str| {
        let refused = written(&request, "gpt-5.2", &[]).expect_err(param);
        assert_eq!((refused.kind, refused.param.as_deref()), (FailureKind::Untranslatable, Some(param)));
        let (_, left_out) = written(&request, "gpt-5.2", &[omit]).expect("allowed");
        assert_eq!(left_out, [omit]);
    };
    let one = |role: Role, part: Part| request(vec![message(role, vec![text("x"), part])]);
    check(Request { answers: 2, ..request(Vec::new()) }, "n", "n");
    check(Request { logprobs: Some(1), ..request(Vec::new()) }, "logprobs", "logprobs");
    let sampling = Map::from_iter([("top_k".to_owned(), json!(40))]);
    check(Request { sampling, ..request(Vec::new()) }, "top_k", "top_k");
    let file = || Part::File { source: Source::Url("https://example.org/a.pdf".to_owned()), name: None };
    check(one(Role::User, file()), "messages[0].content", "messages.content");
    check(one(Role::User, call("a", "{}")), "messages[0].content", "messages.content");
    check(one(Role::System, picture()), "messages[0].content", "messages.content");
    check(one(Role::Assistant, picture()), "messages[0].content", "messages.content");
}

#[test]
fn a_models_name_decides_what_it_is_told() {
    let asked = |reasoning: Reasoning, model: &str| {
        let request = Request {
            max_output: Some(32_000),
            reasoning: Some(reasoning),
            verbosity: Some("low".to_owned()),
            service_tier: Some("flex".to_owned()),
            sampling: Map::from_iter([("temperature".to_owned(), json!(1))]),
            ..request(Vec::new())
        };
        written(&request, model, &[]).expect("carried")
    };
    let effort = |reasoning: Reasoning, model: &str| asked(reasoning, model).0["reasoning_effort"].take();
    let word = |word: &str| Reasoning::Effort(word.to_owned());
    for known in ["low", "medium", "high", "xhigh"] {
        assert_eq!(effort(word(known), "gpt-5.2"), known);
    }
    assert_eq!(effort(word("max"), "gpt-5.2"), "xhigh");
    assert_eq!(effort(Reasoning::Off, "gpt-5.2"), "none");
    assert_eq!(effort(Reasoning::Off, "gpt-5-mini"), "minimal");
    assert_eq!(effort(Reasoning::Off, "o3"), "low");
    assert_eq!(effort(Reasoning::Adaptive, "gpt-5.2"), Value::Null);
    assert_eq!(effort(Reasoning::Budget(31_999), "gpt-5.2"), "high");
    let (body, left_out) = asked(word("high"), "openai/gpt-5.2");
    assert_eq!((&body["max_completion_tokens"], &body["max_tokens"]), (&json!(32_000), &Value::Null));
    assert_eq!((&body["verbosity"], &body["service_tier"]), (&json!("low"), &json!("flex")));
    assert_eq!(left_out, [""; 0]);
    let (body, left_out) = asked(word("high"), "mistral-large");
    let absent = ["max_completion_tokens", "verbosity", "service_tier", "reasoning_effort"];
    assert!(absent.iter().all(|name| body.get(name).is_none()), "{body}");
    assert_eq!((&body["max_tokens"], &body["temperature"]), (&json!(32_000), &json!(1)));
    assert_eq!(left_out, ["reasoning", "service_tier", "verbosity"]);
    let (body, _) = asked(word("high"), "gpt-4o");
    assert_eq!((&body["max_tokens"], &body["service_tier"]), (&json!(32_000), &json!("flex")));
    assert_eq!(body.get("reasoning_effort"), None);
}

#[test]
fn tools_are_chosen_only_where_there_are_some_and_usage_is_asked_for_in_streams() {
    let choice = Request {
        tool_choice: Some(ToolChoice::Named("f".to_owned())),
        parallel_tools: Some(false),
        stream: true,
        ..request(Vec::new())
    };
    let (body, _) = written(&choice, "m", &[]).expect("carried");
    assert_eq!((body.get("tool_choice"), body.get("parallel_tool_calls")), (None, None));
    assert_eq!(body["stream_options"], json!({"include_usage": true}));
    let tool = Tool { name: "f".to_owned(), description: None, parameters: json!({}), strict: None };
    let (body, _) = written(&Request { tools: vec![tool], stream: false, ..choice }, "m", &[]).expect("carried");
    assert_eq!(body["tool_choice"], json!({"type": "function", "function": {"name": "f"}}));
    assert_eq!((&body["parallel_tool_calls"], body.get("stream")), (&json!(false), None));
}
