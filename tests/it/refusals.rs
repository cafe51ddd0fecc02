//! What bad input gets: an error in OpenAI's shape that says what to do, nothing forwarded, the refusal on the record.

use std::io::Write;

use hyper::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use weighbridge::domain::digest;

use crate::support::proxy::routes;
use crate::support::upstream::within;
use crate::support::{Answer, Proxy, Reply, Upstream, chat};

async fn started(more: &str) -> (Upstream, Proxy) {
    let upstream = Upstream::start([Reply::chat("ok")]).await;
    let routes =
        routes(&upstream.url(), &upstream.url()).replace("[endpoints.small]", &format!("{more}\n[endpoints.small]"));
    let proxy = Proxy::start(&routes).await;
    (upstream, proxy)
}

/// The error is ours, whole, and worded like OpenAI's.
fn is_refusal(answer: &Answer, status: u16, kind: &str, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    let error = &answer.json()["error"];
    assert_eq!((error["type"].as_str(), error["code"].as_str()), (Some(kind), Some(code)), "{error}");
    assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{error}");
    assert_eq!(error["request_id"].as_str(), Some(answer.header("x-weighbridge-request-id")), "{error}");
    assert_eq!(answer.header("x-request-id"), answer.header("x-weighbridge-request-id"));
    assert!(!answer.header("x-weighbridge-error").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_bodies_are_refused_and_recorded_and_not_forwarded() {
    let (upstream, proxy) = started("").await;
    let client = proxy.client();
    let deep = format!(
        r#"{{"model":"auto","messages":[{{"role":"user","content":"x"}}],"x":{}{}}}"#,
        "[".repeat(500),
        "]".repeat(500)
    );
    let bodies: [(&[u8], &str); 9] = [
        (b"", "not a valid JSON"),
        (b"{\"model\":\"auto\",", "not a valid JSON"),
        (b"[1,2]", "JSON object"),
        (b"{\"model\":\"auto\",\"messages\":\"x\"}", "`messages` must be an array"),
        (b"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "`model` is missing"),
        (b"{\"model\":7,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "`model` must be a string"),
        (b"{\"model\":\"auto\",\"messages\":[]}", "at least one message"),
        (b"{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}", "valid UTF-8"),
        (deep.as_bytes(), "levels deep"),
    ];
    for (body, message) in &bodies {
        let answer = client.chat(body.to_vec()).await;
        is_refusal(&answer, 400, "invalid_request_error", "invalid_request");
        assert!(answer.text().contains(message), "{}", answer.text());
        assert_eq!(answer.header("x-should-retry"), "false");
    }
    let lone = br#"{"model":"auto","messages":[{"role":"user","content":"\ud800"}]}"#.to_vec();
    assert!(client.chat(lone).await.status.as_u16() < 500, "a lone surrogate is no fault of ours");
    let recorded = proxy.entries(bodies.len() + 1, "status, ending, failure, fault, cost_pico").await;
    for entry in &recorded[..bodies.len()] {
        assert_eq!(entry[..], ["400", "refused", "malformed", "caller", "-"]);
    }
    assert!(upstream.seen().len() <= 1, "nothing that was refused went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_models_paths_and_methods_are_refused() {
    let (upstream, proxy) = started("").await;
    let client = proxy.client();
    let answer = client.chat(chat("x").replace("\"auto\"", "\"smal\"")).await;
    is_refusal(&answer, 404, "invalid_request_error", "model_not_found");
    assert!(answer.text().contains("small"), "it says what was probably meant: {}", answer.text());
    is_refusal(&client.send(Method::POST, "/v1/files", "{}").await, 404, "invalid_request_error", "unknown_url");
    is_refusal(&client.get("/v1/chat/completions").await, 405, "invalid_request_error", "method_not_allowed");
    assert_eq!(proxy.entries(3, "failure").await.concat(), ["unknown_model", "unknown_path", "method_not_allowed"]);
    assert!(upstream.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_by_its_length_and_by_its_bytes() {
    let (upstream, proxy) = started("").await;
    let routes = std::fs::read_to_string(proxy.routes_path()).expect("a file");
    drop(proxy);
    let proxy = Proxy::start(&routes.replace("[server]", "[server]\nmax_body = \"2KiB\"")).await;
    let answer = proxy.client().chat(chat(&"x".repeat(3000))).await;
    is_refusal(&answer, 413, "invalid_request_error", "request_too_large");
    // Without a length, piece by piece.
    let mut stream = TcpStream::connect(proxy.address()).await.expect("a connection");
    let head =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    for _ in 0..4 {
        let _ = stream.write_all(format!("3e8\r\n{}\r\n", "y".repeat(1000)).as_bytes()).await;
    }
    let mut answer = String::new();
    let _ = within(stream.read_to_string(&mut answer)).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(upstream.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn coded_bodies_are_read_and_bombs_are_not() {
    let (upstream, proxy) = started("").await;
    let body = chat("hello");
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory")
    };
    let client = proxy.client();
    let answer = client.with("content-encoding", "gzip").chat(gzip(body.as_bytes())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let zstd = zstd::encode_all(body.as_bytes(), 3).expect("memory");
    assert_eq!(client.with("content-encoding", "zstd").chat(zstd.clone()).await.status, 200);
    assert_eq!(client.chat(zstd).await.status, 200, "a lost header does not matter to zstd");
    assert!(upstream.seen().iter().all(|seen| seen.header("content-encoding").is_none()));
    let bomb = gzip(&vec![b' '; 64 << 20]);
    let answer = client.with("content-encoding", "gzip").chat(bomb).await;
    is_refusal(&answer, 413, "invalid_request_error", "request_too_large");
    let answer = client.with("content-encoding", "compress").chat(body.clone()).await;
    is_refusal(&answer, 415, "invalid_request_error", "unsupported_media_type");
    let answer = client.with("content-encoding", "gzip").chat(body).await;
    is_refusal(&answer, 400, "invalid_request_error", "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_rates_are_held() {
    let hex: String = digest("wb-secret").iter().map(|byte| format!("{byte:02x}")).collect();
    let key =
        format!("[keys.ana]\nsha256 = \"{hex}\"\nengineer = \"ana\"\nrequests_per_minute = 2\nmay_choose = false\n");
    let (upstream, proxy) = started(&key).await;
    let answer = proxy.client().chat(chat("x")).await;
    is_refusal(&answer, 401, "invalid_request_error", "invalid_api_key");
    let answer = proxy.client().with("authorization", "Bearer wb-wrong").chat(chat("x")).await;
    is_refusal(&answer, 401, "invalid_request_error", "invalid_api_key");
    assert!(!answer.text().contains("wb-wrong"));
    let ana = proxy.client().with("authorization", "Bearer wb-secret");
    assert_eq!(ana.chat(chat("x")).await.status, 200);
    let named = ana.chat(chat("x").replace("\"auto\"", "\"big\"")).await;
    is_refusal(&named, 403, "permission_denied", "permission_denied");
    let limited = ana.chat(chat("x")).await;
    is_refusal(&limited, 429, "rate_limit_error", "rate_limit_exceeded");
    let wait: u64 = limited.header("retry-after").parse().expect("seconds");
    assert!((1..=30).contains(&wait));
    assert_eq!(limited.header("x-should-retry"), "true");
    assert!(upstream.seen()[0].header("authorization").is_none(), "our key does not go on");
    let columns = "key, engineer, failure";
    let recorded = proxy.entries(5, columns).await;
    assert_eq!(recorded[2], ["ana", "ana", "-"]);
    assert_eq!(recorded[4], ["ana", "ana", "rate_limited"]);
    assert_eq!(proxy.client().get("/v1/models").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_no_window_holds_is_refused_in_words_that_clients_know() {
    let (upstream, proxy) = started("").await;
    let routes = std::fs::read_to_string(proxy.routes_path()).expect("a file");
    let proxy = Proxy::start(&routes.replace("context_window = 100000", "context_window = 1200")).await;
    let answer = proxy.client().chat(chat(&"several plain words ".repeat(800))).await;
    is_refusal(&answer, 400, "invalid_request_error", "context_length_exceeded");
    assert!(answer.text().contains("maximum context length"), "{}", answer.text());
    assert!(upstream.seen().is_empty());
    // One that the small window does not hold goes where it fits.
    let proxy = Proxy::start(&routes).await;
    let answer = proxy.client().chat(chat(&"several plain words ".repeat(800))).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-weighbridge-tier")), (200, "large"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_may_refuse_in_its_own_words() {
    let (upstream, proxy) = started("").await;
    let routes = std::fs::read_to_string(proxy.routes_path()).expect("a file");
    let deny = "[[rules]]\nname = \"no-secrets\"\nwhen = { content.any = [\"has_secret\"] }\ndeny = \"take the credential out of the prompt\"\nwhy = \"Secrets leave the house.\"\nowner = \"security\"\n\n[[rules]]\nname = \"judgement\"";
    let proxy = Proxy::start(&routes.replacen("[[rules]]\nname = \"judgement\"", deny, 1)).await;
    let answer =
        proxy.client().chat(chat("Why does ghp_16C7e42F292c6912E7710c838347Ae178B4a not work in my script?")).await;
    is_refusal(&answer, 403, "permission_denied", "denied_by_rule");
    assert!(answer.text().contains("take the credential out"));
    assert!(upstream.seen().is_empty());
    let recorded = proxy.entries(1, "rule, failure, content").await;
    assert_eq!(recorded[0][..2], ["no-secrets", "denied"]);
    let ledger = std::fs::read(proxy.ledger_path()).expect("a file");
    assert!(!String::from_utf8_lossy(&ledger).contains("ghp_16C7"), "no prompt text is recorded");
}
