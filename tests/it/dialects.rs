//! Callers and endpoints that speak differently, and those that speak alike.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::upstream::{DONE, FINISH, ROLE, Seen, USAGE, chunk, content, stream_head};
use crate::support::{Proxy, Reply, Step, Upstream};

const DOCUMENT: &str = "Backfill the refunds table on prod and tell me which rows we may lose if it stops halfway.";

/// One endpoint a dialect, each in a tier of its own name, and rules that send requests by the risk of their words.
fn routes(endpoints: &[(&str, &str, &str)]) -> String {
    let mut text = "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n".to_owned();
    for (name, dialect, url) in endpoints {
        text.push_str(&format!(
            "[endpoints.{name}]\ndialect = \"{dialect}\"\nurl = \"{url}\"\nmodel = \"{name}-model\"\n\
             price = {{ input = 1, output = 2, cache_read = 0.1 }}\nretries = {{ max = 0 }}\n\
             timeouts = {{ first_byte = \"5s\" }}\n[tiers.of-{name}]\nendpoints = [\"{name}\"]\n"
        ));
    }
    let first = endpoints[0].0;
    text.push_str(&format!(
        "[[rules]]\nname = \"risky\"\nwhen = {{ risk = \">= medium\" }}\nroute = \"of-{first}\"\nwhy = \"x\"\nowner = \"x\"\n\
         [[rules]]\nname = \"all\"\nroute = \"of-{first}\"\nwhy = \"x\"\nowner = \"x\"\n"
    ));
    text
}

async fn one(dialect: &str, reply: Reply) -> (Upstream, Proxy) {
    let upstream = Upstream::start([reply]).await;
    let proxy = Proxy::start(&routes(&[("far", dialect, &upstream.url())])).await;
    (upstream, proxy)
}

/// The events of a stream: their names and their data.
fn events(text: &str) -> Vec<(String, Value)> {
    let event = |frame: &str| {
        let line = |field: &str| frame.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default().to_owned();
        let data = line("data: ");
        (line("event: "), serde_json::from_str(&data).unwrap_or(Value::String(data)))
    };
    text.split("\n\n").filter(|frame| !frame.is_empty() && !frame.starts_with(':')).map(event).collect()
}

fn stream_of(events: &[&str]) -> Reply {
    let mut reply = Reply(vec![Step::Send(stream_head())]);
    for event in events {
        reply = reply.then(Step::Send(chunk(event)));
    }
    reply.then(Step::Send(b"0\r\n\r\n".to_vec()))
}

/// The same wish with the same instructions, in each dialect.
fn in_each_dialect(stream: bool) -> [(&'static str, String); 3] {
    let chat = json!({"model": "auto", "max_tokens": 64, "stream": stream, "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": DOCUMENT}]});
    let responses = json!({"model": "auto", "max_output_tokens": 64, "stream": stream, "instructions": "Be brief.",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": DOCUMENT}]}]});
    let messages = json!({"model": "auto", "max_tokens": 64, "stream": stream, "system": "Be brief.",
        "messages": [{"role": "user", "content": DOCUMENT}]});
    [
        ("/v1/chat/completions", chat.to_string()),
        ("/v1/responses", responses.to_string()),
        ("/v1/messages", messages.to_string()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_prompt_has_the_same_assessment_decision_and_cost_in_every_dialect() {
    let (upstream, proxy) = one("openai-chat", Reply::chat("None, if it runs in one transaction.")).await;
    for (path, body) in in_each_dialect(false) {
        let answer = proxy.client().send(Method::POST, path, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("x-weighbridge-cost-usd"), "0.00002", "{path}");
        assert!(answer.text().contains("None, if it runs"), "{path}: {}", answer.text());
    }
    let columns = "rule, tier, endpoint, tags, risk, kind, content, tokens_low, tokens_expected, tokens_high, input, \
                   output, cost_pico, baseline_pico";
    let entries = proxy.entries(3, columns).await;
    assert_eq!((entries[0][0].as_str(), entries[0][4].as_str()), ("risky", "high"), "{entries:?}");
    assert!(entries.iter().all(|entry| *entry == entries[0]), "{entries:#?}");
    let sent: Vec<Value> = upstream.seen().iter().map(|seen| seen.json()["messages"].clone()).collect();
    assert!(sent.iter().all(|messages| *messages == sent[0]), "{sent:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_messages_client_is_answered_by_a_chat_endpoint_in_a_stream_with_usage() {
    let (upstream, proxy) = one("openai-chat", Reply::stream(&["None", " at all."])).await;
    let body = in_each_dialect(true)[2].1.clone();
    let answer = proxy.client().send(Method::POST, "/v1/messages?beta=true", body).await;
    assert_eq!(answer.header("content-type"), "text/event-stream; charset=utf-8");
    let events = events(answer.text());
    let names: Vec<&str> = events.iter().map(|(name, _)| &**name).collect();
    let expected = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, expected, "{}", answer.text());
    assert!(
        events[0].1["message"]["usage"]["input_tokens"].as_u64() > Some(0),
        "an estimate, before the provider counts"
    );
    assert_eq!(events[5].1["usage"]["output_tokens"], 5, "{}", answer.text());
    assert_eq!(events[5].1["usage"]["input_tokens"], 10, "{}", answer.text());
    assert_eq!(upstream.seen()[0].json()["stream_options"], json!({"include_usage": true}));
    assert!(upstream.seen()[0].head.starts_with("POST /v1/chat/completions HTTP"), "{}", upstream.seen()[0].head);
    let entries = proxy.entries(1, "dialect, input, output, usage_source, ending, cost_pico").await;
    assert_eq!(entries[0], ["anthropic-messages", "10", "5", "provider", "complete", "20000000"]);
}

const MESSAGES_STREAM: [&str; 6] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"far\",\"content\":[],\"usage\":{\"input_tokens\":7,\"cache_read_input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"None.\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":5}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

#[tokio::test(flavor = "multi_thread")]
async fn chat_and_responses_clients_are_answered_by_a_messages_endpoint() {
    let (upstream, proxy) = one("anthropic-messages", stream_of(&MESSAGES_STREAM)).await;
    let [chat, responses, _] = in_each_dialect(true);
    let mut with_usage: Value = serde_json::from_str(&chat.1).expect("JSON");
    with_usage["stream_options"] = json!({"include_usage": true});
    let answer = proxy.client().send(Method::POST, chat.0, with_usage.to_string()).await;
    let chunks = events(answer.text());
    let text: String =
        chunks.iter().filter_map(|(_, chunk)| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "None.", "{}", answer.text());
    let usage = &chunks[chunks.len() - 2].1["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(10), &json!(5)), "{}", answer.text());
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 3);
    assert_eq!(chunks[chunks.len() - 1].1, "[DONE]");

    let answer = proxy.client().send(Method::POST, responses.0, responses.1).await;
    let (name, last) = events(answer.text()).pop().expect("events");
    assert_eq!(name, "response.completed", "{}", answer.text());
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "None.");
    assert_eq!(last["response"]["usage"]["input_tokens"], 10);
    assert_eq!(last["response"]["usage"]["input_tokens_details"]["cached_tokens"], 3);

    let seen: Seen = upstream.seen()[0].clone();
    assert!(seen.head.starts_with("POST /v1/messages HTTP"), "{}", seen.head);
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(seen.json()["max_tokens"], 64);
    let entries = proxy.entries(2, "input, cache_read, output, ending").await;
    assert!(entries.iter().all(|entry| *entry == ["7", "3", "5", "complete"]), "{entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_dialect_passes_byte_for_byte_with_its_own_headers() {
    let upstream = Upstream::start([stream_of(&MESSAGES_STREAM)]).await;
    let text = routes(&[("far", "anthropic-messages", &upstream.url())])
        .replace("retries = ", "api_key = { file = \"key\" }\nretries = ");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("key"), "sk-ant-far").expect("a file");
    let text = text.replace("file = \"key\"", &format!("file = \"{}\"", folder.path().join("key").display()));
    let proxy = Proxy::start(&text).await;
    let client = proxy.client().with("anthropic-version", "2024-01-01").with("anthropic-beta", "a-2026,b-2026");
    let client = client.with("x-api-key", "wb-callers-own").with("x-claude-code-session-id", "s1");
    let body = "{\"model\": \"auto\",\"max_tokens\":64 ,\"stream\":true,\"novelty\":{\"b\":1,\"a\":[ ]},\"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e9\"}]}";
    let answer = client.send(Method::POST, "/v1/messages?beta=true&key=leak", body).await;
    assert_eq!(answer.text(), MESSAGES_STREAM.concat());
    let seen = upstream.seen()[0].clone();
    assert!(seen.head.starts_with("POST /v1/messages?beta=true HTTP"), "{}", seen.head);
    assert_eq!(String::from_utf8_lossy(&seen.body), body.replace("\"auto\"", "\"far-model\""));
    assert_eq!(seen.header("anthropic-version"), Some("2024-01-01"));
    assert_eq!(seen.header("anthropic-beta"), Some("a-2026,b-2026"));
    assert_eq!(seen.header("x-api-key"), Some("sk-ant-far"), "the endpoint's credential, not the caller's");
    assert_eq!(seen.header("x-claude-code-session-id"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_said_is_refused_by_name_unless_another_endpoint_can_or_the_operator_lets_it_go() {
    let upstream = Upstream::start_answering_each(|seen| match seen.head.contains("/responses") {
        true => Reply::json(
            200,
            &[],
            &json!({"id": "resp_1", "object": "response", "status": "completed",
            "output": [], "usage": {"input_tokens": 1, "output_tokens": 1}})
            .to_string(),
        ),
        false => Reply::chat("no search needed"),
    })
    .await;
    let body = json!({"model": "auto", "input": "hello", "metadata": {"a": "b"}, "tools": [{"type": "web_search"}]})
        .to_string();
    let text = routes(&[("far", "openai-chat", &upstream.url())]);
    let proxy = Proxy::start(&text).await;
    let refused = proxy.client().send(Method::POST, "/v1/responses", body.clone()).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-weighbridge-error")), (400, "untranslatable"));
    assert_eq!(refused.json()["error"]["param"], "tools[0].web_search", "{}", refused.text());
    assert!(upstream.seen().is_empty());

    let proxy = Proxy::start(&text.replace("retries = ", "omit = [\"tools.web_search\"]\nretries = ")).await;
    let answer = proxy.client().send(Method::POST, "/v1/responses", body.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-weighbridge-left-out"), "metadata, tools.web_search");
    assert_eq!(upstream.seen()[0].json().get("tools"), None);

    let both = routes(&[("far", "openai-chat", &upstream.url()), ("own", "openai-responses", &upstream.url())])
        .replace("endpoints = [\"far\"]", "endpoints = [\"far\", \"own\"]");
    let proxy = Proxy::start(&both).await;
    let answer = proxy.client().send(Method::POST, "/v1/responses", body).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-weighbridge-endpoint")), (200, "own"), "{}", answer.text());
    assert_eq!(answer.header("x-weighbridge-attempts"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_error_keeps_its_words_in_every_dialect() {
    let words = "This model does not support `context_management`.";
    let error =
        json!({"type": "error", "error": {"type": "invalid_request_error", "message": words}, "request_id": "req_1"});
    let (_upstream, proxy) = one("anthropic-messages", Reply::json(400, &[], &error.to_string())).await;
    let [chat, responses, messages] = in_each_dialect(false);
    let same = proxy.client().send(Method::POST, messages.0, messages.1).await;
    assert_eq!((same.status.as_u16(), same.text()), (400, error.to_string().as_str()), "byte for byte");
    for (path, body) in [chat, responses] {
        let other = proxy.client().send(Method::POST, path, body).await;
        assert_eq!((other.status.as_u16(), &other.json()["error"]["message"]), (400, &json!(words)), "{path}");
        assert_eq!(other.header("x-weighbridge-error"), "", "the provider refused, not we");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_errors_are_in_the_callers_dialect() {
    let (_upstream, proxy) = one("openai-chat", Reply::error(503, &[], "down").then(Step::Close)).await;
    let answer = proxy.client().send(Method::POST, "/v1/messages", "{\"model\":\"auto\"}").await;
    let body = answer.json();
    assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!("invalid_request_error")), "{body}");
    assert!(body["error"]["message"].as_str().is_some_and(|words| words.contains("messages")), "{body}");
    assert_eq!(answer.header("request-id"), answer.header("x-weighbridge-request-id"));
    assert_eq!(body["request_id"], answer.header("request-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_says_so_in_the_callers_dialect() {
    let broken = || {
        Reply(vec![Step::Send(stream_head()), Step::Send(chunk(ROLE)), Step::Send(chunk(&content("No"))), Step::Reset])
    };
    let (_upstream, proxy) = one("openai-chat", broken()).await;
    let [_, responses, messages] = in_each_dialect(true);
    let answer = proxy.client().send(Method::POST, messages.0, messages.1).await;
    let (name, last) = events(answer.text()).pop().expect("events");
    assert_eq!((name.as_str(), &last["type"]), ("error", &json!("error")), "{}", answer.text());
    let answer = proxy.client().send(Method::POST, responses.0, responses.1).await;
    let (name, last) = events(answer.text()).pop().expect("events");
    assert_eq!(
        (name.as_str(), &last["response"]["status"]),
        ("response.failed", &json!("failed")),
        "{}",
        answer.text()
    );
    let entries = proxy.entries(2, "ending").await;
    assert!(entries.iter().all(|entry| entry == &["upstream_cut"]), "{entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_upstream_is_waited_for_with_signs_of_life() {
    let slow = Reply(vec![
        Step::Send(stream_head()),
        Step::Send(chunk(ROLE)),
        Step::Send(chunk(&content("No"))),
        Step::Wait,
        Step::Send([chunk(FINISH), chunk(USAGE), chunk(DONE), b"0\r\n\r\n".to_vec()].concat()),
    ]);
    let upstream = Upstream::start([slow]).await;
    let text =
        routes(&[("far", "openai-chat", &upstream.url())]).replace("[server]", "[server]\nping_interval = \"100ms\"");
    let proxy = Proxy::start(&text).await;
    let client = proxy.client();
    let body = in_each_dialect(true)[2].1.clone();
    let asked = tokio::spawn(async move { client.send(Method::POST, "/v1/messages", body).await });
    tokio::time::sleep(std::time::Duration::from_millis(450)).await;
    upstream.release();
    let answer = asked.await.expect("an answer");
    let pings = events(answer.text()).iter().filter(|(name, _)| name == "ping").count();
    assert!((2..=5).contains(&pings), "{pings} in 450 ms: {}", answer.text());
    assert!(answer.text().trim_end().ends_with("{\"type\":\"message_stop\"}"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_responses_at_the_chats_door_is_answered_as_a_chat() {
    let answer = json!({"id": "resp_1", "object": "response", "status": "completed", "model": "far", "output": [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}});
    let body = "{\"model\":\"auto\", \"input\":[{\"role\":\"user\",\"content\":\"hello\"}],\"novelty\":1}";
    let (upstream, proxy) = one("openai-responses", Reply::json(200, &[], &answer.to_string())).await;
    let told = proxy.client().chat(body).await;
    assert_eq!(told.json()["choices"][0]["message"]["content"], "hi", "{}", told.text());
    assert_eq!(
        upstream.seen()[0].body,
        body.replace("\"auto\"", "\"far-model\"").as_bytes(),
        "its dialect stays as it came"
    );

    let (upstream, proxy) = one("openai-chat", Reply::chat("hi")).await;
    let told = proxy.client().chat(body.replace(",\"novelty\":1", "")).await;
    assert_eq!(told.json()["choices"][0]["message"]["content"], "hi", "{}", told.text());
    assert_eq!(upstream.seen()[0].json()["messages"], json!([{"role": "user", "content": "hello"}]));
}
