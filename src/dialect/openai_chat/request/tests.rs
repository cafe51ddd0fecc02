use super::*;
use crate::domain::FailureKind;

fn parsed(body: &str) -> Result<Prompt, Failure> {
    parse(Bytes::from(body.to_owned()), &Limits { max_depth: 64 })
}

#[test]
fn a_request_is_read_into_spans() {
    let body = r#"{"model":"auto","messages":[
        {"role":"system","content":"Be \"brief\"."},
        {"role":"user","content":[{"type":"text","text":"What is this?"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},
            {"type":"input_audio","input_audio":{"data":"UUUU","format":"wav"}},
            {"type":"file","file":{"file_data":"x"}}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"1"}]}],
        "tools":[{},{}],"stream":true,"n":2,"max_tokens":7,"unknown":{"kept":1}}"#;
    let prompt = parsed(body).expect("a request");
    assert_eq!((prompt.model.as_str(), prompt.stream, prompt.answers, prompt.max_output), ("auto", true, 2, Some(7)));
    assert_eq!((prompt.tool_count, prompt.turns.len()), (2, 3));
    assert_eq!(prompt.turn_text(&prompt.turns[0]), "Be \"brief\".");
    assert_eq!(prompt.turn_text(&prompt.turns[1]), "What is this?");
    let image = prompt.images().next().expect("an image");
    assert_eq!(image.detail, ImageDetail::Low);
    assert!(matches!(image.source, ImageSource::Inline(span) if prompt.bytes(span) == b"AAAA"));
    assert!(matches!(prompt.turns[1].pieces[2], Piece::Audio(span) if prompt.bytes(span) == b"UUUU"));
    assert!(
        matches!(prompt.turns[1].pieces[3], Piece::Other(span) if prompt.bytes(span).starts_with(b"{\"type\":\"file\""))
    );
    assert!(matches!(prompt.turns[2].pieces[..], [Piece::ToolCalls(_)]));
}

#[test]
fn what_is_no_request_is_refused_with_the_field_and_what_to_do() {
    let check = |body: &str, message: &str| {
        let failure = parsed(body).expect_err(body);
        assert_eq!(failure.kind, FailureKind::Malformed);
        assert!(failure.message.contains(message), "{body}: {}", failure.message);
    };
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;
    check("", "not a valid JSON request");
    check("[]", "expected a JSON object");
    check("{\"model\":\"a\",", "not a valid JSON request");
    check(&format!("{{{messages}}}"), "`model` is missing");
    check(&format!("{{\"model\":7,{messages}}}"), "`model` must be a string");
    check(&format!("{{\"model\":\"a\",\"model\":\"b\",{messages}}}"), "`model` stands twice");
    check(&format!("{{\"model\":\"a\",\"Model\":\"b\",{messages}}}"), "`model` is written in lower case");
    check(r#"{"model":"a"}"#, "`messages` is missing");
    check(r#"{"model":"a","messages":[]}"#, "at least one message");
    check(r#"{"model":"a","messages":{}}"#, "`messages` must be an array");
    check(r#"{"model":"a","messages":[{"content":"x"}]}"#, "missing field `role`");
    check(r#"{"model":"a","messages":[{"role":"user","content":7}]}"#, "`content`s are strings or arrays");
    check(r#"{"model":"a","messages":[{"role":"user","content":[{"type":"text","text":7}]}]}"#, "texts and urls");
    check(&format!("{{\"model\":\"a\",\"stream\":\"yes\",{messages}}}"), "`stream` must be true or false");
    check(&format!("{{\"model\":\"a\",\"n\":0,{messages}}}"), "`n` must be");
    check(&format!("{{\"model\":\"a\",\"stream_options\":[1],{messages}}}"), "`stream_options` must be");
    check(&format!("{{\"model\":\"a\",\"stream\":true,\"stream_options\":[],{messages}}}"), "`stream_options` must be");
    check(
        &format!("{{\"model\":\"a\",{messages},\"x\":{}}}", "[".repeat(65) + &"]".repeat(65)),
        "nests 66 levels deep",
    );
}

#[test]
fn no_error_quotes_the_prompt() {
    for body in [
        r#""my secret words""#,
        r#"{"model":"a","messages":["my secret words, expected or not"]}"#,
        r#"{"model":"a","messages":[{"role":"user","content":["my secret words"]}]}"#,
        r#"{"model":"a","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":"my secret words"}]}]}"#,
        r#"{"model":"a","messages":"my secret words"}"#,
        r#"{"model":"a","stream":"my secret words","messages":[{"role":"user","content":"x"}]}"#,
    ] {
        let failure = parsed(body).expect_err(body);
        assert!(!failure.message.contains("secret"), "{}", failure.message);
    }
}

#[test]
fn invalid_utf8_is_refused_with_its_place() {
    let failure = parse(Bytes::from_static(b"{\"model\":\"\xff\"}"), &Limits { max_depth: 64 }).expect_err("no UTF-8");
    assert!(failure.message.contains("byte 10"), "{}", failure.message);
}

#[test]
fn only_the_model_and_the_usage_option_change() {
    let check = |rest: &str, ask: bool, expected: &str| {
        let body = format!(r#"{{ "messages":[{{"role":"user","content":"é\n"}}],"model" : "auto"{rest}}}"#);
        let prompt = parsed(&body).expect("a request");
        let sent = request_body(&prompt, "m\"1", ask);
        let expected = format!(r#"{{ "messages":[{{"role":"user","content":"é\n"}}],"model" : "m\"1"{expected}}}"#);
        assert_eq!(std::str::from_utf8(&sent).expect("text"), expected);
    };
    check("", true, "");
    check(r#","stream":false"#, true, r#","stream":false"#);
    check(r#","stream":true"#, false, r#","stream":true"#);
    check(
        r#","stream": true ,"a":1.0e2"#,
        true,
        r#","stream": true,"stream_options":{"include_usage":true} ,"a":1.0e2"#,
    );
    check(
        r#","stream_options":{"include_usage":true},"stream":true"#,
        true,
        r#","stream_options":{"include_usage":true},"stream":true"#,
    );
    check(
        r#","stream":true,"stream_options":{"include_usage":false,"x":1}"#,
        true,
        r#","stream":true,"stream_options":{"include_usage":true,"x":1}"#,
    );
    check(r#","stream":true,"stream_options":null"#, true, r#","stream":true,"stream_options":{"include_usage":true}"#);
    check(
        r#","stream":true,"stream_options":{ "x":1}"#,
        true,
        r#","stream":true,"stream_options":{"include_usage":true, "x":1}"#,
    );
    check(r#","stream":true,"stream_options":{ }"#, true, r#","stream":true,"stream_options":{"include_usage":true }"#);
}

#[test]
fn an_unchanged_body_is_not_copied() {
    let prompt = parsed(r#"{"model":"same","messages":[{"role":"user","content":"x"}]}"#).expect("a request");
    assert_eq!(request_body(&prompt, "same", true).as_ptr(), prompt.body.as_ptr());
}

mod properties {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,5}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        /// Whatever else a request holds, the upstream gets the same request but for the model and the usage option.
        #[test]
        fn splicing_changes_two_fields_and_nothing_else(
            more in prop::collection::btree_map("[b-z_]{1,8}", anything(), 0..6),
            options in prop_oneof![
                Just(None),
                Just(Some(Value::Null)),
                Just(Some(json!({}))),
                Just(Some(json!({"x": 1}))),
                any::<bool>().prop_map(|asked| Some(json!({"y": [], "include_usage": asked}))),
            ],
            stream in prop_oneof![Just(None), any::<bool>().prop_map(Some)],
            text in "\\PC{0,40}",
            pretty in any::<bool>(),
        ) {
            let mut request: Map<String, Value> = more.into_iter().filter(|(name, _)| !NAMES.contains(&name.as_str())).collect();
            request.insert("model".into(), json!("auto"));
            request.insert("messages".into(), json!([{"role": "user", "content": text.clone()}]));
            if let Some(options) = &options {
                request.insert("stream_options".into(), options.clone());
            }
            if let Some(stream) = stream {
                request.insert("stream".into(), json!(stream));
            }
            let whole = Value::Object(request.clone());
            let body = if pretty { serde_json::to_string_pretty(&whole) } else { serde_json::to_string(&whole) };
            let prompt = parsed(&body.expect("JSON")).expect("a request");
            prop_assert_eq!(prompt.turn_text(&prompt.turns[0]), text);

            let sent = request_body(&prompt, "far/model", true);
            let mut expected = request;
            expected.insert("model".into(), json!("far/model"));
            if stream == Some(true) {
                let mut asked = options.filter(|options| !options.is_null()).unwrap_or_else(|| json!({}));
                asked["include_usage"] = json!(true);
                expected.insert("stream_options".into(), asked);
            }
            let sent: Value = serde_json::from_slice(&sent).expect("still JSON");
            prop_assert_eq!(sent, Value::Object(expected));
        }

        /// No bytes make the parser panic, and what it takes it can also send on.
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(prompt) = parse(Bytes::from(bytes), &Limits { max_depth: 64 }) {
                request_body(&prompt, "m", true);
            }
        }
    }
}
