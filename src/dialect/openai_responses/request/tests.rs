use super::*;
use crate::domain::{FailureKind, ImageDetail, ImageSource};

const LIMITS: Limits = Limits { max_depth: 64 };

fn parsed(body: &str) -> Result<Prompt, Failure> {
    parse(Door::Responses, Bytes::from(body.to_owned()), &LIMITS)
}

fn sent(prompt: &Prompt, model: &str, foreign: &[Mark]) -> String {
    let sent = request_body(prompt, &Wanted { model, ask_usage: true, foreign });
    String::from_utf8(sent.to_vec()).expect("text")
}

#[test]
fn a_request_is_read_into_spans() {
    let body = r#"{"model":"auto","instructions":"Be \"brief\".","input":[
        {"type":"message","role":"developer","content":"Mind the gap."},
        {"role":"user","content":[{"type":"input_text","text":"What is this?"},
            {"type":"input_image","image_url":"data:image/png;base64,AAAA","detail":"low"},
            {"type":"input_image","file_id":"file-1"},
            {"type":"input_audio","input_audio":{"data":"UUUU","format":"wav"}},
            {"type":"input_file","file_data":"x"}]},
        {"type":"reasoning","summary":[],"encrypted_content":"gAAA"},
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hm."},
            {"type":"refusal","refusal":"No."}]},
        {"type":"function_call","call_id":"1","name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":"1","output":"done"},
        {"type":"custom_tool_call","call_id":"2","name":"p","input":"x"},
        {"type":"custom_tool_call_output","call_id":"2","output":[{"type":"input_text","text":"fine"}]},
        {"type":"novelty","x":1}],
        "tools":[{},{}],"stream":true,"text":{"format":{"type":"json_schema","name":"n","schema":{}}},
        "max_output_tokens":7,"previous_response_id":"resp_1","conversation":{"id":"conv_1"},"unknown":{"kept":1}}"#;
    let prompt = parsed(body).expect("a request");
    assert_eq!((prompt.model.as_str(), prompt.stream, prompt.answers, prompt.max_output), ("auto", true, 1, Some(7)));
    assert_eq!((prompt.dialect, prompt.door, prompt.wants_usage), (Dialect::OpenaiResponses, Door::Responses, true));
    assert_eq!((prompt.tool_count, prompt.output), (2, OutputFormat::JsonSchema));
    assert_eq!(
        prompt.bytes(prompt.response_format.expect("a format")),
        br#"{"type":"json_schema","name":"n","schema":{}}"#
    );
    assert_eq!(prompt.pins, ["resp_1", "conv_1"].map(Mark::of));
    let roles: Vec<Role> = prompt.turns.iter().map(|turn| turn.role).collect();
    let (system, user, assistant, tool) = (Role::System, Role::User, Role::Assistant, Role::Tool);
    let expected = [system, system, user, assistant, assistant, assistant, tool, assistant, tool, Role::Other];
    assert_eq!(roles, expected);
    let texts: Vec<_> = prompt.turns.iter().map(|turn| prompt.turn_text(turn)).collect();
    assert_eq!(texts, ["Be \"brief\".", "Mind the gap.", "What is this?", "", "Hm.\nNo.", "", "done", "", "fine", ""]);
    let images: Vec<_> = prompt.images().collect();
    assert!(matches!(images[0].source, ImageSource::Inline(span) if prompt.bytes(span) == b"AAAA"));
    assert_eq!((images[0].detail, images[1].source), (ImageDetail::Low, ImageSource::Url));
    assert!(matches!(prompt.turns[2].pieces[3], Piece::Audio(span) if prompt.bytes(span) == b"UUUU"));
    let starts = |piece: &Piece, text: &str| match piece {
        Piece::Other(span) | Piece::ToolCalls(span) => prompt.bytes(*span).starts_with(text.as_bytes()),
        _ => false,
    };
    assert!(starts(&prompt.turns[2].pieces[4], r#"{"type":"input_file""#));
    assert!(starts(&prompt.turns[3].pieces[0], r#"{"type":"reasoning""#));
    assert!(starts(&prompt.turns[5].pieces[0], r#"{"type":"function_call","#));
    assert!(starts(&prompt.turns[7].pieces[0], r#"{"type":"custom_tool_call","#));
    assert!(starts(&prompt.turns[9].pieces[0], r#"{"type":"novelty""#));
    assert_eq!(prompt.signed.iter().map(|signed| signed.mark).collect::<Vec<_>>(), [Mark::of("gAAA")]);
}

#[test]
fn an_input_may_be_one_string_and_come_through_the_door_of_chat() {
    let body = Bytes::from_static(br#"{"model":"auto","input":"hello"}"#);
    let prompt = parse(Door::Chat, body, &LIMITS).expect("a request");
    assert_eq!((prompt.dialect, prompt.door), (Dialect::OpenaiResponses, Door::Chat));
    assert_eq!((prompt.turns[0].role, prompt.turn_text(&prompt.turns[0]).as_ref()), (Role::User, "hello"));
}

#[test]
fn tools_may_stand_in_an_item() {
    let item = r#"{"type":"additional_tools","role":"developer","tools":[{"type":"namespace"},{}]}"#;
    let prompt =
        parsed(&format!(r#"{{"model":"a","input":[{item},{{"role":"user","content":"x"}}]}}"#)).expect("a request");
    assert_eq!(prompt.tools.map(|tools| prompt.bytes(tools)), Some(&br#"[{"type":"namespace"},{}]"#[..]));
    assert_eq!((prompt.tool_count, prompt.turns.len()), (2, 1));
    // Where `tools` says more, the item is counted as it stands.
    let prompt = parsed(&format!(r#"{{"model":"a","tools":[{{}}],"input":[{item}]}}"#)).expect("a request");
    assert_eq!((prompt.tool_count, prompt.turns.len()), (1, 1));
}

#[test]
fn reasoning_is_needed_until_the_human_speaks_again() {
    let check = |items: &[&str], expected: &[bool]| {
        let body = format!(r#"{{"model":"a","input":[{}]}}"#, items.join(","));
        let prompt = parsed(&body).expect("a request");
        assert_eq!(prompt.signed.iter().map(|signed| signed.needed).collect::<Vec<_>>(), expected, "{body}");
    };
    let (user, reasoning) = (r#"{"role":"user","content":"x"}"#, r#"{"type":"reasoning","encrypted_content":"g"}"#);
    let output = r#"{"type":"function_call_output","call_id":"1","output":"x"}"#;
    let compaction = r#"{"type":"compaction","encrypted_content":"h"}"#;
    check(&[user, reasoning, output], &[true]);
    check(&[user, reasoning, output, user], &[false]);
    check(&[user, reasoning, user, reasoning], &[false, true]);
    check(&[compaction, user], &[true]);
    check(&[r#"{"type":"reasoning","summary":[],"encrypted_content":null}"#, user], &[]);
}

#[test]
fn what_the_provider_holds_stands_in_for_input() {
    for body in [
        r#"{"model":"a","previous_response_id":"resp_1"}"#,
        r#"{"model":"a","conversation":"conv_1"}"#,
        r#"{"model":"a","prompt":{"id":"pmpt_1"}}"#,
    ] {
        assert!(parsed(body).expect(body).turns.is_empty());
    }
}

#[test]
fn what_is_no_request_is_refused_with_the_field_and_what_to_do() {
    let check = |body: &str, message: &str| {
        let failure = parsed(body).expect_err(body);
        assert_eq!(failure.kind, FailureKind::Malformed);
        assert!(failure.message.contains(message), "{body}: {}", failure.message);
    };
    check("", "not a valid JSON request");
    check("[]", "expected a JSON object");
    check(r#"{"input":"x"}"#, "`model` is missing");
    check(r#"{"model":7,"input":"x"}"#, "`model` must be a string");
    check(r#"{"model":"a","model":"b","input":"x"}"#, "`model` stands twice");
    check(r#"{"model":"a","Model":"b","input":"x"}"#, "`model` is written in lower case");
    check(r#"{"model":"a"}"#, "`input` is missing");
    check(r#"{"model":"a","messages":[]}"#, "belongs to Chat Completions");
    check(r#"{"model":"a","input":7}"#, "`input` must be a string or an array");
    check(r#"{"model":"a","input":[7]}"#, "`input` holds what is no item");
    check(r#"{"model":"a","input":[{"role":"user","content":7}]}"#, "`content`s are strings or arrays");
    check(r#"{"model":"a","input":[{"role":"user","content":[{"type":"input_text","text":7}]}]}"#, "texts and urls");
    check(r#"{"model":"a","input":"x","stream":"yes"}"#, "`stream` must be true or false");
    check(r#"{"model":"a","input":"x","instructions":[]}"#, "`instructions` must be a string");
    check(r#"{"model":"a","input":"x","text":7}"#, "`text` must be");
    check(r#"{"model":"a","input":"x","text":{"format":{}}}"#, "`format` has a `type`");
    check(r#"{"model":"a","input":"x","tools":{}}"#, "`tools` must be an array");
    check(r#"{"model":"a","input":"x","conversation":7}"#, "`conversation` must be");
    check(r#"{"model":"a","input":"x","max_output_tokens":-1}"#, "`max_output_tokens` must be");
}

#[test]
fn no_error_quotes_the_prompt() {
    for body in [
        r#""my secret words""#,
        r#"{"model":"a","input":["my secret words, expected or not"]}"#,
        r#"{"model":"a","input":[{"role":"user","content":["my secret words"]}]}"#,
        r#"{"model":"a","input":[{"role":{"my":"secret"}}]}"#,
        r#"{"model":"a","input":"x","conversation":["my secret words"]}"#,
    ] {
        let failure = parsed(body).expect_err(body);
        assert!(!failure.message.contains("secret"), "{}", failure.message);
    }
}

#[test]
fn only_the_model_changes() {
    let body = r#"{ "input":"é\n","model" : "auto", "stream":true,"a":1.0e2}"#;
    let prompt = parsed(body).expect("a request");
    assert_eq!(sent(&prompt, "m\"1", &[]), body.replace("\"auto\"", r#""m\"1""#));
    let same = request_body(&prompt, &Wanted { model: "auto", ask_usage: true, foreign: &[Mark::of("g")] });
    assert_eq!(same.as_ptr(), prompt.body.as_ptr(), "an unchanged body is not copied");
}

#[test]
fn foreign_reasoning_is_cut_out_with_its_comma() {
    let check = |input: &str, expected: &str| {
        let around = |input: &str| format!(r#"{{"model":"a","input":{input},"é":1.0}}"#);
        let prompt = parsed(&around(input)).expect("a request");
        assert_eq!(sent(&prompt, "a", &[Mark::of("g"), Mark::of("other")]), around(expected), "{input}");
    };
    let (foreign, own) =
        (r#"{"type":"reasoning","encrypted_content":"g"}"#, r#"{"type":"reasoning","encrypted_content":"h"}"#);
    check(&format!("[{foreign}]"), "[]");
    check(&format!("[ {foreign} , {foreign} ]"), "[  ]");
    check(&format!("[{foreign}, {own}]"), &format!("[{own}]"));
    check(&format!("[{own}, {foreign}]"), &format!("[{own}]"));
    check(&format!("[{own} ,{foreign},{foreign}, {own},\n{foreign},{foreign}\n]"), &format!("[{own} ,{own}\n]"));
    let compaction = r#"[{"type":"compaction","encrypted_content":"g"}]"#;
    check(compaction, compaction);
    // What an answer that was translated held: no provider knows it, whoever is asked.
    let made = r#"{"type":"reasoning","id":"rs_weighbridge_7f_0","summary":[],"encrypted_content":null}"#;
    check(&format!("[{made},{own}]"), &format!("[{own}]"));
    let told = r#"[{"type":"message","role":"user","content":"rs_weighbridge_7f_0"}]"#;
    check(told, told);
}

mod properties {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    proptest! {
        /// Whatever goes and wherever it stands, the rest of the request is what it was.
        #[test]
        fn cutting_leaves_the_other_items(places in prop::collection::vec(0u8..3, 0..8), pretty in any::<bool>()) {
            let items: Vec<Value> = places.iter().enumerate().map(|(at, sort)| match sort {
                0 => json!({"type": "message", "role": "user", "content": format!("ü{at}")}),
                1 => json!({"type": "reasoning", "encrypted_content": "gone", "at": at}),
                _ => json!({"type": "reasoning", "encrypted_content": "stays", "at": at}),
            }).collect();
            let request = json!({"model": "auto", "input": items, "more": [1, {"x": 2}]});
            let body = if pretty { serde_json::to_string_pretty(&request) } else { serde_json::to_string(&request) };
            let prompt = parsed(&body.expect("JSON")).expect("a request");
            let read: Value = serde_json::from_str(&sent(&prompt, "far/model", &[Mark::of("gone")])).expect("JSON");
            let kept: Vec<&Value> = items.iter().filter(|item| item["encrypted_content"] != "gone").collect();
            prop_assert_eq!(read, json!({"model": "far/model", "input": kept, "more": [1, {"x": 2}]}));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(prompt) = parse(Door::Responses, Bytes::from(bytes), &LIMITS) {
                request_body(&prompt, &Wanted { model: "m", ask_usage: true, foreign: &[] });
            }
        }
    }
}
