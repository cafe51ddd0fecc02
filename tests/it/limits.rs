//! Limits, seen from outside: who is refused, what they are told, and that nothing stays taken.

use std::time::Duration;

use hyper::Method;
use weighbridge::domain::digest;

use crate::support::proxy::routes;
use crate::support::upstream::{chunk, content, stream_head};
use crate::support::{Proxy, Reply, Step, Upstream, chat, streamed};

fn key(name: &str, more: &str) -> String {
    let hex: String = digest(&format!("wb-{name}")).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("[keys.{name}]\nsha256 = \"{hex}\"\nengineer = \"{name}\"\nteam = \"payments\"\n{more}\n")
}

async fn started(replies: impl IntoIterator<Item = Reply>, more: &str) -> (Upstream, Proxy) {
    let upstream = Upstream::start(replies).await;
    let routes = routes(&upstream.url(), &upstream.url());
    let proxy = Proxy::start(&format!("{routes}\n{}{}{more}", key("ana", ""), key("ben", ""))).await;
    (upstream, proxy)
}

fn bounded(prompt: &str, max_tokens: u32) -> String {
    let mut body: serde_json::Value = serde_json::from_str(&chat(prompt)).expect("JSON");
    body["max_tokens"] = max_tokens.into();
    body.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_refuses_by_name_and_says_what_is_left() {
    let more = "[[limits]]\nname = \"each\"\nfor = { engineer = \"*\" }\nrequests_per_minute = 2\n\
                [[limits]]\nname = \"team\"\nfor = { team = \"payments\" }\nrequests_per_minute = 3\n";
    let (upstream, proxy) = started([Reply::chat("hello")], more).await;
    let (ana, ben) = (proxy.client().with("x-api-key", "wb-ana"), proxy.client().with("x-api-key", "wb-ben"));
    let first = ana.chat(chat("x")).await;
    assert_eq!((first.status.as_u16(), first.header("x-ratelimit-limit-requests")), (200, "2"));
    assert_eq!(first.header("x-ratelimit-remaining-requests"), "1");
    assert!(first.header("x-ratelimit-reset-requests").ends_with('s'));
    assert_eq!(ana.chat(chat("x")).await.status, 200);
    let refused = ana.chat(chat("x")).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.text().contains("`each`") && refused.text().contains("engineer `ana`"), "{}", refused.text());
    assert_eq!((refused.header("x-should-retry"), refused.header("x-ratelimit-remaining-requests")), ("true", "0"));
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(ben.chat(chat("x")).await.status, 200, "what one limit refused counts under no other");
    let refused = ben.chat(chat("x")).await;
    assert!(refused.text().contains("`team`") && refused.text().contains("team `payments`"), "{}", refused.text());
    assert_eq!(proxy.metric("weighbridge_limited_total{limit=\"each\",dimension=\"requests\"}").await, 1.0);
    assert_eq!(upstream.seen().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropics_clients_are_told_in_their_own_headers() {
    let more = "[[limits]]\nname = \"all\"\nrequests_per_minute = 5\ntokens_per_minute = 100000\n";
    let (_upstream, proxy) = started([Reply::chat("hello")], more).await;
    let body = serde_json::json!({
        "model": "auto", "max_tokens": 50, "messages": [{"role": "user", "content": "x"}],
    });
    let answer = proxy.client().with("x-api-key", "wb-ana").send(Method::POST, "/v1/messages", body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("anthropic-ratelimit-requests-remaining"), "4");
    let left: u64 = answer.header("anthropic-ratelimit-tokens-remaining").parse().expect("a figure");
    assert!((99_985..=100_000).contains(&left), "settled, 10 and 5 were used: {left}");
    assert!(answer.header("anthropic-ratelimit-tokens-reset").ends_with('Z'));
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_settled_however_a_request_ends() {
    let more = "[[limits]]\nname = \"all\"\ntokens_per_minute = 100000\n";
    let replies = [
        Reply::chat("hello"),
        Reply::stream(&["hello"]),
        Reply::error(400, &[], "no"),
        Reply(vec![Step::Send(stream_head()), Step::Send(chunk(&content("hello"))), Step::Wait]),
        Reply::chat("hello"),
    ];
    let (mut upstream, proxy) = started(replies, more).await;
    let ana = proxy.client().with("x-api-key", "wb-ana");
    let left = |answer: &crate::support::Answer| -> u64 {
        answer.header("x-ratelimit-remaining-tokens").parse().expect("a figure")
    };
    let near = |left: u64, used: u64| assert!((100_000 - used..100_000 - used + 9_000).contains(&left), "{left}");
    near(left(&ana.chat(bounded("x", 20_000)).await), 15);
    let answer = ana.chat(streamed("x")).await;
    assert!(left(&answer) < 99_500, "a stream's head tells what is left while it is reserved");
    near(left(&ana.chat(bounded("x", 20_000)).await), 30);
    // A caller who hangs up in the middle of an answer owes what was written, and no more.
    let gone = ana.open(Method::POST, "/v1/chat/completions", streamed("x")).await;
    drop(gone);
    upstream.hung_up().await;
    upstream.release();
    proxy.entries(4, "ending").await;
    near(left(&ana.chat(bounded("x", 20_000)).await), 300);
    let (reserved, settled) = (
        proxy.metric("weighbridge_limit_tokens_reserved_total").await,
        proxy.metric("weighbridge_limit_tokens_settled_total").await,
    );
    assert!(reserved > 60_000.0 && (45.0..300.0).contains(&settled), "{reserved} {settled}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_larger_than_its_minute_is_refused_for_good() {
    let more = "[[limits]]\nname = \"all\"\ntokens_per_minute = 300\n";
    let (upstream, proxy) = started([Reply::chat("hello")], more).await;
    let ana = proxy.client().with("x-api-key", "wb-ana");
    let refused = ana.chat(chat(&"many plain words ".repeat(400))).await;
    assert_eq!(refused.status, 413, "{}", refused.text());
    assert!(refused.text().contains("never pass") && refused.header("x-should-retry") == "false");
    assert_eq!(ana.chat(bounded("x", 5000)).await.status, 200, "an answer that may be longer takes the whole minute");
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_are_limited_and_leave_no_trace() {
    let mut upstream = Upstream::start([Reply(vec![Step::Wait]).then(Step::Close), Reply::chat("hello")]).await;
    let keys = key("ana", "concurrent = 1");
    let routes = routes(&upstream.url(), &upstream.url()).replace("max = 1,", "max = 0,");
    let proxy = Proxy::start(&format!("{routes}\n{keys}")).await;
    let ana = proxy.client().with("x-api-key", "wb-ana");
    let other = ana.clone();
    let first = tokio::spawn(async move { other.chat(chat("x")).await });
    upstream.arrived(1).await;
    let refused = ana.chat(chat("x")).await;
    assert_eq!(refused.status, 429);
    assert!(
        refused.text().contains("1 requests at once") && refused.text().contains("key `ana`"),
        "{}",
        refused.text()
    );
    assert_eq!(refused.header("retry-after"), "1");
    upstream.release();
    first.await.expect("an answer");
    assert_eq!(ana.chat(chat("x")).await.status, 200);
    assert_eq!(proxy.metric("weighbridge_limited_total{limit=\"keys\",dimension=\"concurrent\"}").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_at_its_limit_is_passed_over_and_the_last_one_tells_when() {
    let upstreams = (Upstream::start([Reply::chat("small")]).await, Upstream::start([Reply::chat("big")]).await);
    let routes = routes(&upstreams.0.url(), &upstreams.1.url())
        .replace("endpoints = [\"small\"]", "endpoints = [\"small\", \"big\"]");
    let limits = "[[limits]]\nname = \"small\"\nfor = { endpoint = \"small\" }\nrequests_per_minute = 1\n\
                  [[limits]]\nname = \"every\"\nfor = { endpoint = \"*\" }\nrequests_per_minute = 2\n";
    let proxy = Proxy::start(&format!("{routes}\n{limits}")).await;
    let mut answered = Vec::new();
    for _ in 0..3 {
        answered.push(proxy.client().chat(chat("x")).await.header("x-weighbridge-endpoint").to_owned());
    }
    assert_eq!(answered, ["small", "big", "big"]);
    let refused = proxy.client().chat(chat("x")).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-weighbridge-error")), (429, "rate_limited"));
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((25..=30).contains(&wait), "the sooner of the two: {wait}");
    assert_eq!((upstreams.0.seen().len(), upstreams.1.seen().len()), (1, 2));
    assert_eq!(proxy.metric("weighbridge_limited_total{limit=\"small\",dimension=\"requests\"}").await, 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_whose_provider_has_nothing_left_is_left_alone_before_it_refuses() {
    let headers = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "2s")];
    let body = String::from_utf8(match Reply::chat("small").0.remove(0) {
        Step::Send(bytes) => bytes,
        step => panic!("{step:?}"),
    });
    let body = body.expect("text").split_once("\r\n\r\n").expect("a body").1.to_owned();
    let small = Upstream::start([Reply::json(200, &headers, &body), Reply::json(200, &[], &body)]).await;
    let big = Upstream::start([Reply::error(429, &[("retry-after", "60")], "slow down")]).await;
    let routes = routes(&small.url(), &big.url());
    let proxy = Proxy::start(&routes).await;
    let client = proxy.client();
    let first = client.chat(chat("x")).await;
    assert_eq!(
        (first.header("x-weighbridge-endpoint"), first.header("x-ratelimit-remaining-requests")),
        ("small", "0")
    );
    let second = client.chat(chat("x")).await;
    assert_eq!((second.status.as_u16(), second.header("x-weighbridge-endpoint")), (429, "big"), "{}", second.text());
    let third = client.chat(chat("x")).await;
    assert_eq!(third.header("x-weighbridge-error"), "rate_limited", "now nobody is asked: {}", third.text());
    assert!((1..=2).contains(&third.header("retry-after").parse::<u64>().expect("seconds")));
    assert_eq!((small.seen().len(), big.seen().len()), (1, 1));
    assert_eq!(proxy.metric("weighbridge_provider_limit_skips_total{endpoint=\"small\"}").await, 2.0);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(client.chat(chat("x")).await.header("x-weighbridge-endpoint"), "small");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_a_limit_and_keeps_what_was_used() {
    let limit = "[[limits]]\nname = \"all\"\nrequests_per_minute = 2\n";
    let (_upstream, proxy) = started([Reply::chat("hello")], limit).await;
    let ana = proxy.client().with("x-api-key", "wb-ana");
    assert_eq!(ana.chat(chat("x")).await.header("x-ratelimit-remaining-requests"), "1");
    let routes = std::fs::read_to_string(proxy.routes_path()).expect("a file");
    std::fs::write(proxy.routes_path(), routes.replace("requests_per_minute = 2", "requests_per_minute = 8"))
        .expect("a file");
    proxy.app.reload();
    assert_eq!(ana.chat(chat("x")).await.header("x-ratelimit-remaining-requests"), "3", "half was used");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_else_can_be_asked_a_refilling_limit_is_not_waited_out() {
    let headers = [
        ("x-ratelimit-limit-requests", "1000"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "60s"),
    ];
    let body = serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "far-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    });
    let upstream = Upstream::start([Reply::json(200, &headers, &body.to_string())]).await;
    let routes = routes(&upstream.url(), &upstream.url()).replace("escalate = \"large\"", "");
    let proxy = Proxy::start(&routes).await;
    let client = proxy.client();
    assert_eq!(client.chat(chat("x")).await.status, 200);
    let refused = client.chat(chat("x")).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "1"), "{}", refused.text());
    assert!(refused.text().contains("provider's own limit for the endpoint `small`"), "{}", refused.text());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(client.chat(chat("x")).await.status, 200, "one of a thousand a minute comes back in 60 ms");
}

#[test]
fn what_is_no_limit_is_refused_by_check() {
    let limits = "[[limits]]\nname = \"a\"\nfor = { team = \"x\", key = \"y\" }\nconcurrent = 1\n\
                  [[limits]]\nname = \"a\"\n\
                  [[limits]]\nname = \"keys\"\nconcurrent = 1\n\
                  [[limits]]\nname = \"b\"\nfor = { endpoint = \"smal\" }\nconcurrent = 1\n\
                  [[limits]]\nname = \"c\"\nrequests_per_minute = 0\n\
                  [[limits]]\nconcurrent = 1\n";
    let told =
        crate::support::proxy::told(&format!("{}\n{limits}", routes("http://127.0.0.1:9", "http://127.0.0.1:9")));
    for words in [
        "names both `key` and `team`",
        "two limits are called `a`",
        "limit `a` limits nothing",
        "limit `keys` cannot be called `keys`",
        "limit `b` is for endpoint `smal`, which is not defined",
        "did you mean `small`?",
        "`requests_per_minute` cannot be `0`",
        "a limit has no `name`",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}
