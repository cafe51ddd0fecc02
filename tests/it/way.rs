//! The way of a request: what arrives at the upstream, what comes back, what is on the record.

use serde_json::{Value, json};

use crate::support::proxy::routes;
use crate::support::upstream::{DONE, FINISH, ROLE, Step, USAGE, chunk, content, stream_head};
use crate::support::{Proxy, Reply, Upstream, chat, streamed};

async fn one(reply: Reply) -> (Upstream, Proxy) {
    let upstream = Upstream::start([reply]).await;
    let proxy = Proxy::start(&routes(&upstream.url(), &upstream.url())).await;
    (upstream, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_comes_back_with_its_decision_and_cost() {
    let (upstream, proxy) = one(Reply::chat("hello")).await;
    let client = proxy.client().with("x-weighbridge-feature", "checkout").with("user-agent", "OpenAI/Python 3.54.0");
    let answer = client.chat(chat("Scaffold a CRUD endpoint for to-do items")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "hello");
    let header = |name: &str| answer.header(&format!("x-weighbridge-{name}"));
    assert_eq!((header("rule"), header("tier"), header("endpoint")), ("everything-else", "cheap", "small"));
    assert_eq!((header("risk"), header("attempts")), ("low", "1"));
    assert_eq!(header("cost-usd"), "0.00002", "10 tokens at 1 USD and 5 at 2 USD for a million");
    assert_eq!(answer.header("x-request-id"), "req_far", "the provider's own id stays");

    let seen = &upstream.seen()[0];
    assert!(seen.head.starts_with("POST /v1/chat/completions HTTP/1.1"));
    assert_eq!(seen.json()["model"], "small-model");
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(seen.header("user-agent"), Some("OpenAI/Python 3.54.0"));
    assert_eq!(seen.header("x-weighbridge-feature"), None);

    let columns = "feature, app, rule, tier, endpoint, model, input, output, cost_pico, baseline_pico, status, ending";
    let entries = proxy.entries(1, columns).await;
    let expected = ["checkout", "openai-python", "everything-else", "cheap", "small", "small-model"];
    assert_eq!(entries[0][..6], expected);
    assert_eq!(entries[0][6..], ["10", "5", "20000000", "200000000", "200", "complete"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn judgement_goes_to_the_large_tier() {
    let (upstream, proxy) = one(Reply::chat("hm")).await;
    let prompt = "Our payments database fails over and loses writes in an outage. Review the design of the failover.";
    let answer = proxy.client().chat(chat(prompt)).await;
    assert_eq!(answer.header("x-weighbridge-rule"), "judgement", "{:?}", answer.headers);
    assert_eq!(upstream.seen()[0].json()["model"], "big-model");
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_asked_of_the_upstream_and_hidden_from_who_did_not_ask() {
    let (upstream, proxy) = one(Reply::stream(&["one", " two"])).await;
    let answer = proxy.client().chat(streamed("Say two words")).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.text(), [ROLE, &content("one"), &content(" two"), FINISH, DONE].concat());
    assert_eq!(upstream.seen()[0].json()["stream_options"], json!({"include_usage": true}));
    let entries = proxy.entries(1, "streamed, input, output, usage_source, cost_pico").await;
    assert_eq!(entries[0], ["1", "10", "5", "provider", "20000000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_reaches_who_asked_for_it() {
    let (upstream, proxy) = one(Reply::stream(&["one"])).await;
    let mut body: Value = serde_json::from_str(&streamed("Say a word")).expect("JSON");
    body["stream_options"] = json!({"include_usage": true});
    let answer = proxy.client().chat(body.to_string()).await;
    assert!(answer.text().contains(USAGE));
    let sent: Value = upstream.seen()[0].json();
    assert_eq!(sent["stream_options"], json!({"include_usage": true}));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_but_the_model_arrives_as_it_was_sent() {
    let (upstream, proxy) = one(Reply::chat("ok")).await;
    let body = "{ \"temperature\": 1.0e0,\n\"model\":\"auto\" ,\"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e9\"}],\"x\":{\"b\":1,\"a\":2}}";
    proxy.client().chat(body).await;
    let sent = String::from_utf8(upstream.seen()[0].body.clone()).expect("text");
    assert_eq!(sent, body.replace("\"auto\"", "\"small-model\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_counted_where_the_provider_sends_none() {
    let (_upstream, proxy) = one(Reply::json(
        200,
        &[],
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"one two three"},"finish_reason":"stop"}]}"#,
    ))
    .await;
    proxy.client().chat(chat("Count")).await;
    proxy.client().chat(chat("Count")).await;
    let entries = proxy.entries(2, "usage_source, output, cost_pico > 0").await;
    assert_eq!(entries[0], ["estimated", "3", "1"]);
    // From the second time on the prompt is counted with the tokenizer too: one token, and those of a chat's frame.
    let counted = proxy.entries(2, "input = tokens_expected OR input > 0").await;
    assert_eq!(counted[1], ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_and_http1_are_answered_alike() {
    let (_upstream, proxy) = one(Reply::stream(&["one"])).await;
    let one = proxy.client().chat(streamed("Say a word")).await;
    let other = proxy.http2().chat(streamed("Say a word")).await;
    assert_eq!(one.text(), other.text());
    assert_eq!(other.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_and_probes_are_answered() {
    let (_upstream, proxy) = one(Reply::chat("ok")).await;
    let list = proxy.client().get("/v1/models").await.json();
    let ids: Vec<&str> =
        list["data"].as_array().expect("a list").iter().filter_map(|model| model["id"].as_str()).collect();
    assert!(["auto", "cheap", "large", "small", "big"].iter().all(|id| ids.contains(id)), "{ids:?}");
    assert_eq!(proxy.client().get("/v1/models/cheap").await.json()["id"], "cheap");
    assert_eq!(proxy.client().get("/v1/models/none").await.json()["error"]["code"], "model_not_found");
    for path in ["/", "/healthz", "/readyz"] {
        assert_eq!(proxy.client().get(path).await.status, 200, "{path}");
        assert_eq!(proxy.client().send(hyper::Method::HEAD, path, "").await.status, 200, "{path}");
    }
    assert_eq!(proxy.admin().get("/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_of_a_stream_is_counted_however_it_came() {
    let text = [ROLE, &content("one"), FINISH, DONE].concat();
    let mut all = stream_head();
    all.extend_from_slice(&chunk(&text));
    all.extend_from_slice(b"0\r\n\r\n");
    let (_upstream, proxy) = one(Reply(vec![Step::Send(all)])).await;
    let answer = proxy.client().chat(streamed("hello")).await;
    assert_eq!(answer.text(), text);
    let entries = proxy.entries(1, "response_bytes, ending").await;
    assert_eq!(entries[0], [text.len().to_string(), "complete".to_owned()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstreams_word_is_not_taken_for_ours() {
    let body = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}"#;
    let headers = [("x-weighbridge-error", "budget"), ("x-weighbridge-rule", "theirs"), ("x-kept", "1")];
    let (_upstream, proxy) = one(Reply::json(200, &headers, body)).await;
    let answer = proxy.client().chat(chat("hello")).await;
    assert_eq!((answer.header("x-weighbridge-error"), answer.header("x-kept")), ("", "1"));
    assert_eq!(answer.header("x-weighbridge-rule"), "everything-else");
}
