use super::*;
use crate::domain::{FailureKind, ImageSource};

fn read_as(door: Door, body: &str) -> Result<Prompt, Failure> {
    parse(door, Bytes::from(body.to_owned()), &Limits { max_depth: 64 })
}

fn parsed(body: &str) -> Result<Prompt, Failure> {
    read_as(Door::Messages, body)
}

/// Who speaks, and what is said in writing.
fn voices(prompt: &Prompt) -> Vec<(Role, String)> {
    prompt.turns.iter().map(|turn| (turn.role, prompt.turn_text(turn).into_owned())).collect()
}

#[test]
fn a_request_is_read_into_spans() {
    let body = r#"{"model":"auto","max_tokens":7,"stream":true,"unknown":{"kept":1},
        "system":[{"type":"text","text":"Be \"brief\".","cache_control":{"type":"ephemeral"}}],
        "messages":[
            {"role":"user","content":[{"type":"text","text":"What is this?"},
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},
                {"type":"image","source":{"type":"url","url":"https://x/y.png"}},
                {"type":"image","source":{"type":"file","file_id":"f"}},
                {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"UEs"}}]},
            {"role":"assistant","content":[{"type":"text","text":"Looking."},
                {"type":"server_tool_use","id":"s","name":"web_search","input":{}},
                {"type":"tool_use","id":"t","name":"zoom","input":{}}]}],
        "tools":[{},{}],"output_config":{"format":{"type":"json_schema","schema":{}}}}"#;
    let prompt = parsed(body).expect("a request");
    assert_eq!((prompt.model.as_str(), prompt.stream, prompt.wants_usage), ("auto", true, true));
    assert_eq!((prompt.max_output, prompt.answers, prompt.tool_count), (Some(7), 1, 2));
    assert_eq!((prompt.door, prompt.dialect), (Door::Messages, Dialect::AnthropicMessages));
    assert_eq!(prompt.output, OutputFormat::JsonSchema);
    assert_eq!(
        prompt.response_format.map(|span| prompt.bytes(span)),
        Some(&br#"{"type":"json_schema","schema":{}}"#[..])
    );
    let expected = [(Role::System, "Be \"brief\"."), (Role::User, "What is this?"), (Role::Assistant, "Looking.")];
    assert_eq!(voices(&prompt), expected.map(|(role, text)| (role, text.to_owned())));
    let sources: Vec<_> = prompt.images().map(|image| image.source).collect();
    assert!(matches!(sources[..], [ImageSource::Inline(span), ImageSource::Url, ImageSource::Url]
        if prompt.bytes(span) == b"AAAA"));
    assert!(
        matches!(prompt.turns[1].pieces[4], Piece::Other(span) if prompt.bytes(span).starts_with(b"{\"type\":\"document\""))
    );
    assert!(matches!(prompt.turns[2].pieces[..], [Piece::Text(_), Piece::Other(_), Piece::ToolCalls(span)]
        if prompt.bytes(span).starts_with(b"{\"type\":\"tool_use\"")));
}

#[test]
fn tools_clients_and_humans_are_told_apart_in_one_message() {
    let prompt = parsed(
        r#"{"model":"auto","max_tokens":7,"system":"S","messages":[
            {"role":"user","content":"<system-reminder>\nToday is Monday.</system-reminder>"},
            {"role":"user","content":[
                {"type":"tool_result","tool_use_id":"a","content":"ls: ok"},
                {"type":"text","text":"\n<system-reminder>Be careful.</system-reminder>"},
                {"type":"tool_result","tool_use_id":"b","content":[{"type":"text","text":"cat: ok"},
                    {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},
                {"type":"text","text":"Stop that."}]},
            {"role":"system","content":"The file changed."},{"role":"system","output_config":{"effort":"low"}},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"c"}]}]}"#,
    )
    .expect("a request");
    let expected = [
        (Role::System, "S"),
        (Role::Other, "<system-reminder>\nToday is Monday.</system-reminder>"),
        (Role::Tool, "ls: ok\ncat: ok"),
        (Role::Other, "\n<system-reminder>Be careful.</system-reminder>"),
        (Role::User, "Stop that."),
        (Role::System, "The file changed."),
        (Role::Tool, ""),
    ];
    assert_eq!(voices(&prompt), expected.map(|(role, text)| (role, text.to_owned())));
    assert_eq!(prompt.images().count(), 1, "a tool's picture is counted");
}

#[test]
fn signed_reasoning_is_needed_in_the_tool_loop_it_was_written_for() {
    let check = |last: &str, expected: [bool; 2]| {
        let thought = |signature: &str| {
            format!(
                r#"{{"role":"assistant","content":[
                    {{"type":"thinking","thinking":"t","signature":"{signature}"}},
                    {{"type":"thinking","thinking":"t","signature":"{}"}},{{"type":"thinking","thinking":"t"}},
                    {{"type":"tool_use","id":"1","name":"f","input":{{}}}}]}}"#,
                crate::dialect::anthropic_messages::UNSIGNED
            )
        };
        let body = format!(
            r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":"go"}},{},
                {{"role":"user","content":[{{"type":"text","text":"and now"}}]}},
                {{"role":"assistant","content":[{{"type":"redacted_thinking","data":"new"}}]}},{last}]}}"#,
            thought("old")
        );
        let expected = [("old", expected[0]), ("new", expected[1])]
            .map(|(signature, needed)| Signed { mark: Mark::of(signature), needed });
        assert_eq!(parsed(&body).expect("a request").signed, expected, "{last}");
    };
    let result = r#"{"type":"tool_result","tool_use_id":"1","content":"ok"}"#;
    let reminder = r#"{"type":"text","text":"<system-reminder>x</system-reminder>"}"#;
    check(&format!(r#"{{"role":"user","content":[{result}]}}"#), [false, true]);
    check(&format!(r#"{{"role":"user","content":[{result},{reminder}]}}"#), [false, true]);
    check(&format!(r#"{{"role":"user","content":[{result}]}},{{"role":"system","content":"x"}}"#), [false, true]);
    check(&format!(r#"{{"role":"user","content":[{result},{{"type":"text","text":"stop"}}]}}"#), [false, false]);
    check(r#"{"role":"user","content":"next"}"#, [false, false]);
}

#[test]
fn what_is_no_request_is_refused_with_the_field_and_what_to_do() {
    let check = |body: &str, message: &str| {
        let failure = parsed(body).expect_err(body);
        assert_eq!(failure.kind, FailureKind::Malformed);
        assert!(failure.message.contains(message), "{body}: {}", failure.message);
    };
    let messages = r#""max_tokens":1,"messages":[{"role":"user","content":"x"}]"#;
    let with =
        |content: &str| format!(r#"{{"model":"a","max_tokens":1,"messages":[{{"role":"user","content":{content}}}]}}"#);
    check("", "not a valid JSON request");
    check("[]", "expected a JSON object");
    check(&format!("{{{messages}}}"), "`model` is missing");
    check(&format!("{{\"model\":7,{messages}}}"), "`model` must be a string");
    check(&format!("{{\"model\":\"a\",\"model\":\"b\",{messages}}}"), "`model` stands twice");
    check(&format!("{{\"model\":\"a\",\"Model\":\"b\",{messages}}}"), "`model` is written in lower case");
    check(r#"{"model":"a","max_tokens":1}"#, "`messages` is missing");
    check(r#"{"model":"a","messages":[{"role":"user","content":"x"}]}"#, "`max_tokens` is missing");
    check(&format!("{{\"model\":\"a\",\"stream\":\"yes\",{messages}}}"), "`stream` must be true or false");
    check(&format!("{{\"model\":\"a\",\"system\":7,{messages}}}"), "`system` must be");
    check(&format!("{{\"model\":\"a\",\"tools\":7,{messages}}}"), "`tools` must be an array");
    check(r#"{"model":"a","max_tokens":-1,"messages":[]}"#, "`max_tokens` must be");
    check(r#"{"model":"a","max_tokens":1,"messages":[]}"#, "at least one message");
    check(r#"{"model":"a","max_tokens":1,"messages":{}}"#, "`messages` must be an array");
    check(r#"{"model":"a","max_tokens":1,"messages":[{"content":"x"}]}"#, "missing field `role`");
    check(r#"{"model":"a","max_tokens":1,"messages":[{"role":"user"}]}"#, "without `content`");
    check(&with("7"), "`content`s are strings or arrays");
    check(&with(r#"[{"text":"x"}]"#), "missing field `type`");
    check(&with(r#"[{"type":"text","text":7}]"#), "a string as its `text`");
    check(&with(r#"[{"type":"image"}]"#), "an image has a `source`");
    check(&with(r#"[{"type":"tool_result","content":7}]"#), "a tool's result");
    check(
        &format!("{{\"model\":\"a\",{messages},\"x\":{}}}", "[".repeat(65) + &"]".repeat(65)),
        "nests 66 levels deep",
    );
    let counted = read_as(Door::CountTokens, r#"{"model":"a","messages":[{"role":"user","content":"x"}]}"#);
    assert_eq!(counted.expect("counting needs no limit").max_output, None);
}

#[test]
fn no_error_quotes_the_prompt() {
    for body in [
        r#""my secret words""#,
        r#"{"model":"a","max_tokens":1,"messages":["my secret words, expected or not"]}"#,
        r#"{"model":"a","max_tokens":1,"messages":[{"role":"user","content":["my secret words"]}]}"#,
        r#"{"model":"a","max_tokens":1,"system":["my secret words"],"messages":[{"role":"user","content":"x"}]}"#,
        r#"{"model":"a","max_tokens":"my secret words","messages":[{"role":"user","content":"x"}]}"#,
        r#"{"model":"a","max_tokens":1,"messages":"my secret words"}"#,
        r#"{"model":"a","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":"my secret words"}]}]}"#,
    ] {
        let failure = parsed(body).expect_err(body);
        assert!(!failure.message.contains("secret"), "{}", failure.message);
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::Wanted;
    use crate::dialect::anthropic_messages::request_body;

    proptest! {
        /// No bytes make the parser panic, and what it takes it can also send on.
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            check(&bytes);
        }

        /// Nor does what looks like a request.
        #[test]
        fn no_values_panic(
            values in prop::collection::vec(prop::sample::select(vec![
                "null", "7", "\"x\"", "[]", "{}", r#"[{"role":"user","content":"x"}]"#, "[null]", r#"[{"type":"text"}]"#,
                r#"[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image"}]}]}]"#,
                r#"[{"role":"assistant","content":[{"type":"thinking","signature":"s"}]}]"#,
            ]), 5..=5),
        ) {
            let [messages, system, tools, config, limit] = values[..] else { unreachable!("five values") };
            check(format!(
                r#"{{"model":"a","messages":{messages},"system":{system},"tools":{tools},"output_config":{config},"max_tokens":{limit}}}"#
            ).as_bytes());
        }
    }

    fn check(bytes: &[u8]) {
        for door in [Door::Messages, Door::CountTokens] {
            if let Ok(prompt) = parse(door, Bytes::copy_from_slice(bytes), &Limits { max_depth: 64 }) {
                request_body(&prompt, &Wanted { model: "m", ask_usage: true, foreign: &[Mark::of("s")] });
            }
        }
    }
}
