//! What an upstream may do wrong, and what the caller, the ledger and the other endpoints see of it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::proxy::routes;
use crate::support::upstream::{DONE, FINISH, ROLE, Step, chunk, content, stream_head};
use crate::support::{Answer, Proxy, Reply, Upstream, chat, streamed};

/// A large endpoint that always works, so that what is left of a fault is seen.
async fn with_fallback(script: Vec<Reply>, stream: bool) -> (Upstream, Upstream, Proxy) {
    let small = Upstream::start(script).await;
    let fine = if stream { Reply::stream(&["rescued"]) } else { Reply::chat("rescued") };
    let big = Upstream::start([fine]).await;
    let proxy = Proxy::start(&routes(&small.url(), &big.url())).await;
    (small, big, proxy)
}

fn send(text: &str) -> Reply {
    Reply(vec![Step::Send(text.as_bytes().to_vec())])
}

fn close(reply: Reply) -> Reply {
    reply.then(Step::Close)
}

/// Every way to fail before the first content: the word for the ledger, and the reply that does it.
fn faults() -> Vec<(&'static str, Reply)> {
    let hung_head = Reply(vec![Step::Wait]);
    let half_body = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{\"choices\":[";
    vec![
        ("provider_error", Reply::error(500, &[], "broken")),
        ("provider_error", Reply::error(503, &[("retry-after", "60")], "busy")),
        ("rate_limited", Reply::error(429, &[("retry-after", "60")], "slow down")),
        ("refused", Reply::error(401, &[], "our key is bad")),
        ("redirect", Reply::json(302, &[("location", "http://127.0.0.1:1/")], "")),
        ("closed", close(send(""))),
        ("closed", Reply(vec![Step::Reset])),
        ("protocol", close(send("SMTP ready\r\n\r\n"))),
        ("cut", close(send(half_body))),
        ("timeout_head", hung_head),
        (
            "garbage",
            send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n<html></html>"),
        ),
        ("garbage", Reply::json(200, &[], "{\"choices\":[]}")),
        ("error_inside", Reply::json(200, &[], "{\"error\":{\"message\":\"overloaded\"}}")),
        ("encoded", Reply::json(200, &[("content-encoding", "gzip")], "{}")),
    ]
}

/// The same for streams, once the head has said 200.
fn stream_faults() -> Vec<(&'static str, Reply)> {
    let error = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
    vec![
        ("error_inside", Reply::events(&[error])),
        ("error_inside", Reply::events(&[": ping\n\n", ROLE, error])),
        ("garbage", Reply::events(&["data: <html>\n\n"])),
        ("empty", Reply::events(&[ROLE, DONE])),
        ("empty", Reply(vec![Step::Send(stream_head()), Step::Send(b"0\r\n\r\n".to_vec())])),
        ("cut", close(Reply::events(&[ROLE]))),
        ("timeout_first_byte", Reply(vec![Step::Send(stream_head()), Step::Wait])),
        ("not_a_stream", Reply::chat("a whole answer")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_before_the_first_content_is_mended_by_the_fallback() {
    for (word, fault) in faults() {
        let word = if word == "timeout_head" { "timeout_head" } else { word };
        let (_small, big, proxy) = with_fallback(vec![fault.clone()], false).await;
        // A whole answer may take its total time, so that one is made short here.
        let routes = std::fs::read_to_string(proxy.routes_path()).expect("a file").replacen(
            "total = \"5s\"",
            "total = \"500ms\"",
            1,
        );
        drop(proxy);
        let proxy = Proxy::start(&routes).await;
        let answer = proxy.client().chat(chat("hello")).await;
        assert_eq!(answer.status, 200, "{word}: {}", answer.text());
        assert_eq!(answer.json()["choices"][0]["message"]["content"], "rescued", "{word}");
        assert_eq!(answer.header("x-weighbridge-endpoint"), "big");
        assert_eq!(big.seen().len(), 1);
        let entries = proxy.entries(1, "id, tier, endpoint, status, ending").await;
        assert_eq!(entries[0][1..], ["large", "big", "200", "complete"], "{word}");
        assert_eq!(attempts(&proxy)[0], word);
        assert_eq!(attempts(&proxy).last().map(String::as_str), Some("ok"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_fails_before_its_first_content_is_mended_too() {
    for (word, fault) in stream_faults() {
        let (_small, _big, proxy) = with_fallback(vec![fault], true).await;
        let answer = proxy.client().chat(streamed("hello")).await;
        assert_eq!(answer.text(), [ROLE, &content("rescued"), FINISH, DONE].concat(), "{word}");
        assert_eq!(attempts(&proxy)[0], word);
    }
}

/// The outcomes of every attempt, in their order.
fn attempts(proxy: &Proxy) -> Vec<String> {
    let ledger = rusqlite::Connection::open(proxy.ledger_path()).expect("a ledger");
    let mut query = ledger.prepare("SELECT outcome FROM attempts ORDER BY entry, place").expect("a table");
    query.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_nobody_can_answer_the_caller_is_told_why_and_whose_fault_it_is() {
    let cases = [
        (close(send("")), 502, "upstream_failed", "closed the connection"),
        (Reply::json(200, &[], "{\"error\":{\"message\":\"no GPU\"}}"), 502, "upstream_failed", "no GPU"),
        (send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"), 502, "upstream_failed", "no answer"),
    ];
    for (reply, status, code, message) in cases {
        let upstream = Upstream::start([reply]).await;
        let proxy = Proxy::start(&routes(&upstream.url(), &upstream.url())).await;
        let answer = proxy.client().chat(chat("hello")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["error"]["code"].as_str()),
            (status, Some(code)),
            "{message}"
        );
        assert!(answer.text().contains(message), "{}", answer.text());
        assert_eq!((answer.header("x-weighbridge-error"), answer.header("x-should-retry")), (code, "true"));
        let entries = proxy.entries(1, "ending, failure, fault, cost_pico").await;
        assert_eq!(entries[0], ["refused", code, "upstream", "-"]);
    }
    let proxy = Proxy::start(&routes("http://127.0.0.1:1", "http://127.0.0.1:1")).await;
    let answer = proxy.client().chat(chat("hello")).await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("refused"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_providers_own_error_passes_unmodified() {
    let body = "{\"error\" : {\"message\":\"temperature must be below 2\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}\n";
    let upstream = Upstream::start([Reply::json(400, &[("x-request-id", "req_9"), ("server", "far")], body)]).await;
    let proxy = Proxy::start(&routes(&upstream.url(), &upstream.url())).await;
    let answer = proxy.client().chat(chat("hello")).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (400, body));
    assert_eq!((answer.header("x-request-id"), answer.header("server")), ("req_9", ""));
    assert_eq!(answer.header("x-weighbridge-error"), "", "the provider refused, not we");
    assert_eq!(upstream.seen().len(), 1, "what is wrong everywhere is not tried again");
    let entries = proxy.entries(1, "status, ending, failure, fault, cost_pico, input").await;
    assert_eq!(entries[0][..5], ["400", "complete", "refused_by_provider", "caller", "-"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_after_is_respected_where_there_is_nobody_else_to_ask() {
    let script = vec![Reply::error(429, &[("retry-after", "1")], "slow down"), Reply::chat("at last")];
    let upstream = Upstream::start(script).await;
    let routes = routes(&upstream.url(), &upstream.url()).replace("escalate = \"large\"\n", "");
    let proxy = Proxy::start(&routes).await;
    let began = Instant::now();
    let answer = proxy.client().chat(chat("hello")).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "at last");
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(attempts(&proxy), ["rate_limited", "ok"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_breaks_off_ends_with_an_error_event_and_never_looks_whole() {
    let cut: [(Reply, &str); 4] = [
        (close(Reply::events(&[ROLE, &content("half")])), "broke off"),
        (Reply::events(&[ROLE, &content("half")]).then(Step::Reset), "broke off"),
        (Reply::events(&[ROLE, &content("half")]).then(Step::Send(b"0\r\n\r\n".to_vec())), "broke off"),
        (Reply::events(&[ROLE, &content("half")]).then(Step::Wait), "stopped in the middle"),
    ];
    for (reply, words) in cut {
        let (_small, big, proxy) = with_fallback(vec![reply], true).await;
        let answer = proxy.client().chat(streamed("hello")).await;
        assert!(answer.text().starts_with(&[ROLE, &content("half")].concat()), "{}", answer.text());
        let last: Value = last_event(&answer);
        assert!(last["error"]["message"].as_str().is_some_and(|message| message.contains(words)), "{last}");
        assert!(!answer.text().contains("[DONE]"));
        assert!(big.seen().is_empty(), "what has begun is not begun again elsewhere");
        let entries = proxy.entries(1, "status, ending, fault, usage_source, output").await;
        assert_eq!(entries[0], ["200", "upstream_cut", "upstream", "estimated", "1"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_the_middle_of_a_stream_passes_and_is_recorded() {
    let error = "data: {\"error\":{\"message\":\"overloaded\",\"code\":502}}\n\n";
    let (_small, _big, proxy) = with_fallback(vec![close(Reply::events(&[ROLE, &content("half"), error]))], true).await;
    let answer = proxy.client().chat(streamed("hello")).await;
    assert_eq!(answer.text(), [ROLE, &content("half"), error].concat());
    assert_eq!(proxy.entries(1, "ending").await[0], ["upstream_cut"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_the_upstream_did_not_finish_saying_is_told_all_the_same() {
    let begun = "data: {\"error\":{\"message\":\"overloaded\"}}\n";
    let (_small, _big, proxy) = with_fallback(vec![close(Reply::events(&[ROLE, &content("half"), begun]))], true).await;
    let answer = proxy.client().chat(streamed("hello")).await;
    assert!(last_event(&answer)["error"]["message"].is_string(), "{}", answer.text());
    assert_eq!(proxy.entries(1, "ending").await[0], ["upstream_cut"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_bad_credential_is_not_told_as_the_callers() {
    let upstream = Upstream::start([Reply::error(401, &[], "Incorrect API key provided: sk-ours")]).await;
    let proxy = Proxy::start(&routes(&upstream.url(), &upstream.url())).await;
    let answer = proxy.client().chat(chat("hello")).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-weighbridge-error")), (502, "upstream_failed"));
    assert!(answer.text().contains("owner of routes.toml") && !answer.text().contains("sk-ours"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_stops_reading_does_not_hold_the_upstream_for_ever() {
    use tokio::io::AsyncWriteExt;
    let large = chunk(&content(&"x".repeat(64 << 10)));
    let mut reply = Reply::events(&[ROLE]);
    for _ in 0..400 {
        reply = reply.then(Step::Send(large.clone()));
    }
    let mut small = Upstream::start([reply.then(Step::Wait)]).await;
    let routes = routes(&small.url(), &small.url()).replace("[server]", "[server]\nidle_timeout = \"1s\"");
    let proxy =
        Proxy::start(&routes.replace("idle = \"1s\"", "idle = \"60s\"").replace("total = \"5s\"", "total = \"60s\""))
            .await;
    let mut caller = tokio::net::TcpStream::connect(proxy.address()).await.expect("a connection");
    let body = streamed("hello");
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    caller.write_all(format!("{head}{body}").as_bytes()).await.expect("sent");
    small.hung_up().await;
    assert_eq!(proxy.entries(1, "ending").await[0], ["client_gone"]);
    drop(caller);
}

fn last_event(answer: &Answer) -> Value {
    let last = answer.text().trim_end().rsplit("data: ").next().expect("an event");
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_timeout_spares_a_slow_but_steady_stream() {
    let mut reply = Reply::events(&[ROLE]);
    for _ in 0..8 {
        reply = reply.then(Step::Pause(Duration::from_millis(300))).then(Step::Send(chunk(&content("x"))));
    }
    let reply =
        reply.then(Step::Send(chunk(FINISH))).then(Step::Send(chunk(DONE))).then(Step::Send(b"0\r\n\r\n".to_vec()));
    let (_small, _big, proxy) = with_fallback(vec![reply], true).await;
    let answer = proxy.client().chat(streamed("hello")).await;
    assert!(answer.text().ends_with(DONE), "{}", answer.text());
    assert_eq!(proxy.entries(1, "ending").await[0], ["complete"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_hangs_up_has_the_upstream_cancelled() {
    for (stream, reply, usage) in [
        (true, Reply::events(&[ROLE, &content("half")]).then(Step::Wait), "estimated"),
        (false, Reply(vec![Step::Wait]), "-"),
    ] {
        let (mut small, big, proxy) = with_fallback(vec![reply], stream).await;
        let body = if stream { streamed("hello") } else { chat("hello") };
        let client = proxy.client();
        let asking = tokio::spawn(async move {
            let response = client.open(hyper::Method::POST, "/v1/chat/completions", body).await;
            std::future::pending::<()>().await;
            drop(response);
        });
        small.arrived(1).await;
        if stream {
            // The head has reached the caller when its first content has passed.
            tokio::time::timeout(Duration::from_secs(5), async {
                while proxy.metric("weighbridge_in_flight_requests").await < 1.0 {
                    tokio::task::yield_now().await;
                }
            })
            .await
            .expect("under way");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        asking.abort();
        small.hung_up().await;
        let entries = proxy.entries(1, "ending, failure, fault, usage_source").await;
        assert_eq!(entries[0], ["client_gone", "client_gone", "caller", usage], "stream: {stream}");
        assert!(big.seen().is_empty(), "nobody is asked for a caller who is gone");
        assert_eq!(proxy.metric("weighbridge_in_flight_requests").await, 0.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_endpoint_is_left_alone_and_probed() {
    let small = Upstream::start([Reply::error(500, &[], "broken")]).await;
    let big = Upstream::start([Reply::chat("rescued")]).await;
    let proxy = Proxy::start(&routes(&small.url(), &big.url())).await;
    for _ in 0..6 {
        assert_eq!(proxy.client().chat(chat("hello")).await.status, 200);
    }
    let asked = small.seen().len();
    assert!((5..=7).contains(&asked), "{asked}: five failures open the breaker, then it is left alone");
    assert_eq!(proxy.metric("weighbridge_breaker_state{endpoint=\"small\"}").await, 2.0);
    for _ in 0..10 {
        assert_eq!(proxy.client().chat(chat("hello")).await.status, 200);
    }
    assert_eq!(small.seen().len(), asked, "an open breaker costs no attempt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_upstream_gave_up_cost_no_request() {
    // Every answer is followed by a close that its head did not announce, as servers do whose keep-alive has run out.
    let upstream = Upstream::start([close(Reply::chat("ok"))]).await;
    let routes = routes(&upstream.url(), &upstream.url()).replace("escalate = \"large\"\n", "");
    let proxy = Proxy::start(&routes).await;
    let client = proxy.client();
    for _ in 0..200 {
        assert_eq!(client.chat(chat("hello")).await.status, 200);
    }
}
