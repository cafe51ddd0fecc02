//! Every door but the conversations': who holds what, what is passed on, what is not served.

use hyper::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::upstream::{Seen, Step};
use crate::support::{Proxy, Reply, Upstream};

fn sha256(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Two endpoints that keep responses, one that speaks Messages, one for everything else; two callers.
fn routes(url: &str) -> String {
    let endpoint = |name: &str, more: &str| {
        format!(
            "[endpoints.{name}]\nurl = \"{url}/{name}\"\nmodel = \"{name}-model\"\nprice = {{ input = 1, output = 2 }}\n\
             retries = {{ max = 0 }}\n{more}\n[tiers.of-{name}]\nendpoints = [\"{name}\"]\n"
        )
    };
    [
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\ncors = [\"https://chat.example.com\"]\n",
        "max_upload = \"4KiB\"\n[routing]\nmodels = [\"auto\", \"gpt-*\"]\n",
        &endpoint("one", "dialect = \"openai-responses\""),
        &endpoint("two", "dialect = \"openai-responses\""),
        &endpoint("claude", "dialect = \"anthropic-messages\""),
        &endpoint("clod", "dialect = \"anthropic-messages\""),
        &endpoint("rest", "serves = [\"embeddings\", \"rerank\", \"audio\", \"images\", \"files\", \"batches\", \"completions\"]"),
        &format!("[keys.ana]\nsha256 = \"{}\"\n[keys.ben]\nsha256 = \"{}\"\n", sha256("wb-ana"), sha256("wb-ben")),
        "[[rules]]\nname = \"no-secrets\"\nwhen = { content = \"has_secret\" }\ndeny = \"Take the key out.\"\nwhy = \"x\"\nowner = \"x\"\n",
        "[[rules]]\nname = \"risky\"\nwhen = { risk = \">= medium\" }\nroute = \"of-two\"\nwhy = \"x\"\nowner = \"x\"\n",
        "[[rules]]\nname = \"all\"\nroute = \"of-one\"\nwhy = \"x\"\nowner = \"x\"\n",
    ]
    .concat()
}

fn path(seen: &Seen) -> String {
    seen.head.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

async fn started(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (Upstream, Proxy) {
    let upstream = Upstream::start_answering_each(answer).await;
    let proxy = Proxy::start(&routes(&upstream.url())).await;
    (upstream, proxy)
}

fn response(seen: &Seen) -> Reply {
    let at = if seen.head.contains("/one/") { "one" } else { "two" };
    let body = json!({"id": format!("resp_{at}"), "object": "response", "status": "completed", "output": [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}});
    Reply::json(200, &[], &body.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_a_response_goes_back_to_the_endpoint_that_holds_it_even_after_a_restart() {
    let (upstream, proxy) = started(response).await;
    let ana = proxy.client().with("authorization", "Bearer wb-ana");
    let risky = "Drop the customers table on prod, will we lose data?";
    let first = ana.send(Method::POST, "/v1/responses", json!({"model": "auto", "input": risky}).to_string()).await;
    assert_eq!((first.status.as_u16(), first.header("x-weighbridge-endpoint")), (200, "two"), "{}", first.text());

    let goes_on = json!({"model": "auto", "input": "thanks", "previous_response_id": "resp_two"}).to_string();
    let next = ana.send(Method::POST, "/v1/responses", goes_on.clone()).await;
    assert_eq!(next.header("x-weighbridge-endpoint"), "two", "the words alone would go to `one`: {}", next.text());
    assert_eq!(ana.get("/v1/responses/resp_two?include=x").await.status, 200);
    assert_eq!(ana.send(Method::POST, "/v1/responses/resp_two/cancel", "").await.status, 200);
    assert_eq!(ana.send(Method::DELETE, "/v1/responses/resp_two", "").await.status, 200);
    let paths: Vec<String> = upstream.seen().iter().skip(2).map(path).collect();
    let expected = [
        "GET /two/responses/resp_two?include=x",
        "POST /two/responses/resp_two/cancel",
        "DELETE /two/responses/resp_two",
    ];
    assert_eq!(paths, expected);

    let ben = proxy.client().with("authorization", "Bearer wb-ben");
    for refused in
        [ben.get("/v1/responses/resp_two").await, ben.send(Method::POST, "/v1/responses", goes_on.clone()).await]
    {
        assert_eq!(
            (refused.status.as_u16(), refused.header("x-weighbridge-error")),
            (404, "not_held"),
            "another's answer"
        );
    }
    let costs = proxy.entries(7, "cost_pico").await;
    let paid = costs.iter().filter(|cost| cost[0] != "-").count();
    assert_eq!(paid, 2, "reading an answer again is not charged again: {costs:?}");

    let text = std::fs::read_to_string(proxy.routes_path()).expect("a file");
    let (ledger, _folder, app) = proxy.into_parts();
    app.shut_down().await.expect("closed");
    let text = format!("{text}\n[ledger]\npath = \"{}\"\n", ledger.display());
    let again = Proxy::start(&text).await;
    let ana = again.client().with("authorization", "Bearer wb-ana");
    let next = ana.send(Method::POST, "/v1/responses", goes_on).await;
    assert_eq!(next.header("x-weighbridge-endpoint"), "two", "the ledger remembers: {}", next.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_made_in_the_background_is_charged_when_its_usage_is_first_read() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let (_upstream, proxy) = started(move |seen| {
        if asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 1 {
            return response(seen);
        }
        Reply::json(
            200,
            &[],
            r#"{"id":"resp_one","object":"response","status":"queued","background":true,"output":[],"usage":null}"#,
        )
    })
    .await;
    let ana = proxy.client().with("authorization", "Bearer wb-ana");
    let body = json!({"model": "auto", "input": "hello", "background": true}).to_string();
    assert_eq!(ana.send(Method::POST, "/v1/responses", body).await.status, 200);
    for _ in 0..3 {
        assert_eq!(ana.get("/v1/responses/resp_one").await.status, 200);
    }
    let costs = proxy.entries(4, "cost_pico").await;
    assert_eq!(costs, [["-"], ["-"], ["20000000"], ["-"]], "once, when the model had worked");
}

fn thinking(model: &str) -> Reply {
    let body = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
        "content": [{"type": "thinking", "thinking": "hm", "signature": format!("sig-of-{model}")}, {"type": "text", "text": "hi"}],
        "usage": {"input_tokens": 10, "output_tokens": 5}});
    Reply::json(200, &[], &body.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_reasoning_stays_with_its_model_and_is_stripped_for_another() {
    let (upstream, proxy) =
        started(|seen| thinking(if seen.head.contains("/claude/") { "claude" } else { "clod" })).await;
    let ana = proxy.client().with("authorization", "Bearer wb-ana");
    let ask = |model: &str, messages: Value| {
        let body = json!({"model": model, "max_tokens": 9, "messages": messages}).to_string();
        let ana = ana.clone();
        async move { ana.send(Method::POST, "/v1/messages", body).await }
    };
    let human = json!({"role": "user", "content": "hello"});
    assert_eq!(ask("claude", json!([human])).await.status, 200);

    let thought = json!({"type": "thinking", "thinking": "hm", "signature": "sig-of-claude"});
    let spoken = json!({"role": "assistant", "content": [thought, {"type": "text", "text": "hi"}]});
    let talk = json!([human, spoken, {"role": "user", "content": "go on"}]);
    ask("claude", talk.clone()).await;
    ask("clod", talk).await;
    let contents = |place: usize| upstream.seen()[place].json()["messages"][1]["content"].clone();
    assert_eq!(contents(1), spoken["content"], "its own model reads it");
    assert_eq!(contents(2), json!([{"type": "text", "text": "hi"}]), "another cannot");

    let calls =
        json!({"role": "assistant", "content": [thought, {"type": "tool_use", "id": "t1", "name": "f", "input": {}}]});
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]});
    let in_loop = ask("clod", json!([human, calls, result])).await;
    assert_eq!(in_loop.header("x-weighbridge-endpoint"), "claude", "in a tool loop it is needed: {}", in_loop.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_counted_by_who_can_and_estimated_otherwise() {
    let (upstream, proxy) = started(|_| Reply::json(200, &[], r#"{"input_tokens":17}"#)).await;
    let ana = proxy.client().with("x-api-key", "wb-ana");
    let body =
        |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "hello there"}]}).to_string();
    let counted = ana.send(Method::POST, "/v1/messages/count_tokens?beta=true", body("claude")).await;
    assert_eq!(counted.json(), json!({"input_tokens": 17}));
    assert_eq!(path(&upstream.seen()[0]), "POST /claude/v1/messages/count_tokens?beta=true");
    let estimated = ana.send(Method::POST, "/v1/messages/count_tokens", body("one")).await;
    let tokens = estimated.json()["input_tokens"].as_u64().expect("a number");
    assert!((5..20).contains(&tokens), "{tokens}");
    assert_eq!(upstream.seen().len(), 1);
    let costs = proxy.entries(2, "cost_pico, input").await;
    assert_eq!(costs, [["-", "-"], ["-", "-"]], "counting is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_and_completions_go_to_who_serves_them_and_are_metered() {
    let (upstream, proxy) = started(|seen| match seen.head.contains("/embeddings") {
        true => Reply::json(200, &[], r#"{"object":"list","data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#),
        false => Reply::json(200, &[], r#"{"choices":[{"text":"return 1","finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#),
    })
    .await;
    let ana = proxy.client().with("authorization", "Bearer wb-ana");
    let risky = "Drop the customers table on prod, will we lose data?";
    let body = json!({"model": "auto", "input": [risky]}).to_string();
    let answer = ana.send(Method::POST, "/v1/embeddings", body).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-weighbridge-endpoint")), (200, "rest"), "{}", answer.text());
    assert_eq!(answer.header("x-weighbridge-cost-usd"), "0.000008");
    assert_eq!(upstream.seen()[0].json()["model"], "rest-model");
    ana.send(Method::POST, "/v1/completions", r#"{"model":"rest","prompt":"def f():"}"#).await;
    assert_eq!(path(&upstream.seen()[1]), "POST /rest/completions");
    let entries = proxy.entries(2, "door, input, output, cost_pico").await;
    assert_eq!(entries, [["/v1/embeddings", "8", "0", "8000000"], ["/v1/completions", "3", "2", "7000000"]]);

    let secret = r#"{"model":"auto","input":"AKIAIOSFODNN7EXAMPLQ aws_secret_access_key = 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"}"#;
    let denied = ana.send(Method::POST, "/v1/embeddings", secret).await;
    assert_eq!((denied.status.as_u16(), denied.header("x-weighbridge-error")), (403, "denied"), "{}", denied.text());
    let closed = ana.send(Method::POST, "/v1/moderations", r#"{"input":"x"}"#).await;
    assert_eq!(
        (closed.status.as_u16(), closed.header("x-weighbridge-error")),
        (404, "unknown_path"),
        "{}",
        closed.text()
    );
    assert!(closed.text().contains("serves = [\\\"moderations\\\"]"), "{}", closed.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_passed_on_with_the_endpoints_model_and_a_file_comes_back_byte_for_byte() {
    let bytes: Vec<u8> = (0..=255).cycle().take(3000).collect();
    let file = bytes.clone();
    let (upstream, proxy) = started(move |seen| match seen.head.contains("/content") {
        true => {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
                file.len()
            );
            Reply(vec![Step::Send([head.into_bytes(), file.clone()].concat())])
        }
        false => {
            Reply::json(200, &[], r#"{"text":"hello","usage":{"type":"tokens","input_tokens":14,"output_tokens":2}}"#)
        }
    })
    .await;
    let ana = proxy.client().with("authorization", "Bearer wb-ana");
    let form = "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nauto\r\n--B\r\n\
                Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\u{1}\r\n--B--\r\n";
    let with_form = ana.with("content-type", "multipart/form-data; boundary=B");
    let answer = with_form.send(Method::POST, "/v1/audio/transcriptions", form).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["text"]), (200, &json!("hello")), "{}", answer.text());
    let seen = &upstream.seen()[0];
    assert_eq!(path(seen), "POST /rest/audio/transcriptions");
    assert_eq!(String::from_utf8_lossy(&seen.body), form.replace("auto", "rest-model"));
    assert_eq!(seen.header("content-type"), Some("multipart/form-data; boundary=B"));

    let downloaded = ana.get("/v1/files/file-1/content").await;
    assert_eq!((downloaded.body.as_ref(), downloaded.header("content-length")), (bytes.as_slice(), "3000"));
    let entries = proxy.entries(2, "door, input, output, response_bytes, ending").await;
    assert_eq!(entries[0], ["/v1/audio", "14", "2", &answer.body.len().to_string(), "complete"]);
    assert_eq!(entries[1], ["/v1/files", "-", "-", "3000", "complete"]);

    let too_large = with_form.send(Method::POST, "/v1/files", "x".repeat(5000)).await;
    assert_eq!((too_large.status.as_u16(), too_large.header("x-weighbridge-error")), (413, "too_large"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_breaks_off_does_not_look_whole() {
    let (_upstream, proxy) = started(|_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
        Reply(vec![Step::Send(head.as_bytes().to_vec()), Step::Reset])
    })
    .await;
    let ana = proxy.client().with("authorization", "Bearer wb-ana");
    let answer = ana.open(Method::GET, "/v1/files/file-1/content", "").await;
    let body = http_body_util::BodyExt::collect(answer.into_body()).await;
    assert!(body.is_err(), "the connection breaks off: {body:?}");
    assert_eq!(proxy.entries(1, "ending").await, [["upstream_cut"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_own_login_goes_on_only_beside_a_key_in_its_own_header() {
    let upstream = Upstream::start([Reply::json(
        401,
        &[],
        r#"{"type":"error","error":{"type":"authentication_error","message":"expired"}}"#,
    )])
    .await;
    let text = routes(&upstream.url()).replacen(
        "dialect = \"anthropic-messages\"",
        "dialect = \"anthropic-messages\"\nauth = \"caller\"",
        1,
    );
    let proxy = Proxy::start(&text).await;
    let body = json!({"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let login = proxy.client().with("authorization", "Bearer sk-ant-oat-login").with("x-weighbridge-key", "wb-ana");
    let answer = login.send(Method::POST, "/v1/messages", body.clone()).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]["message"]),
        (401, &json!("expired")),
        "the provider's word on it"
    );
    proxy.client().with("authorization", "Bearer wb-ana").send(Method::POST, "/v1/messages", body).await;
    let seen: Vec<Option<String>> =
        upstream.seen().iter().map(|seen| seen.header("authorization").map(str::to_owned)).collect();
    assert_eq!(seen, [Some("Bearer sk-ant-oat-login".to_owned()), None]);
    assert!(upstream.seen().iter().all(|seen| seen.header("x-weighbridge-key").is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_asked_for_only_once_its_caller_path_and_size_are_known() {
    let (_upstream, proxy) = started(response).await;
    let address = proxy.address();
    let ask = |head: String| async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
        stream.write_all(format!("{head}\r\nhost: x\r\nexpect: 100-continue\r\n\r\n").as_bytes()).await.expect("sent");
        let mut first = [0; 12];
        crate::support::upstream::within(stream.read_exact(&mut first)).await.expect("an answer");
        String::from_utf8_lossy(&first).into_owned()
    };
    let with = |path: &str, key: &str, length: u64| {
        format!("POST {path} HTTP/1.1\r\nauthorization: Bearer {key}\r\ncontent-length: {length}")
    };
    assert_eq!(ask(with("/v1/responses", "wb-stranger", 9)).await, "HTTP/1.1 401");
    assert_eq!(ask(with("/v1/nothing", "wb-ana", 9)).await, "HTTP/1.1 404");
    assert_eq!(ask(with("/v1/responses", "wb-ana", 1 << 30)).await, "HTTP/1.1 413");
    assert_eq!(ask(with("/v1/responses", "wb-ana", 9)).await, "HTTP/1.1 100");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_refused_at_once_and_pages_of_named_origins_may_ask() {
    let (_upstream, proxy) = started(response).await;
    let ana = proxy.client().with("authorization", "Bearer wb-ana");
    let began = std::time::Instant::now();
    let socket = ana.with("upgrade", "websocket").with("connection", "upgrade").get("/v1/responses").await;
    assert_eq!((socket.status.as_u16(), socket.header("x-should-retry")), (426, "false"));
    assert!(began.elapsed().as_millis() < 500, "Codex waits for it before it asks over HTTP");

    let page = proxy.client().with("origin", "https://chat.example.com").with("access-control-request-method", "POST");
    let asked = page.with("access-control-request-headers", "x-stainless-lang,authorization");
    let allowed = asked.send(Method::OPTIONS, "/v1/chat/completions", "").await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://chat.example.com");
    assert_eq!(allowed.header("access-control-allow-headers"), "x-stainless-lang,authorization");
    let other = proxy.client().with("origin", "https://evil.example").with("access-control-request-method", "POST");
    let refused = other.send(Method::OPTIONS, "/v1/chat/completions", "").await;
    assert_eq!((refused.status.as_u16(), refused.header("access-control-allow-origin")), (403, ""));
    let listed = ana
        .with("origin", "https://chat.example.com")
        .with("anthropic-version", "2023-06-01")
        .get("/v1/models?limit=1000")
        .await;
    assert_eq!(listed.header("access-control-allow-origin"), "https://chat.example.com");
    assert_eq!((&listed.json()["has_more"], &listed.json()["data"][0]["type"]), (&json!(false), &json!("model")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_that_was_given_up_is_no_failure_where_there_is_no_body() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let (upstream, proxy) = started(move |_| match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        1 => Reply(vec![Step::Close]),
        _ => Reply::json(200, &[], r#"{"object":"list","data":[]}"#),
    })
    .await;
    let ana = proxy.client().with("authorization", "Bearer wb-ana");
    for _ in 0..2 {
        assert_eq!(ana.get("/v1/files").await.status, 200);
    }
    assert_eq!(upstream.seen().len(), 3);
    assert_eq!(proxy.entries(2, "attempts").await, [["1"], ["2"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_an_id_passes_whatever_it_is_and_batches_are_not_charged_for_being_looked_at() {
    let (_upstream, proxy) = started(|seen| match () {
        () if seen.head.contains("/input_items") => Reply::json(200, &[], r#"{"object":"list","data":[]}"#),
        () if seen.head.starts_with("DELETE") => Reply::json(200, &[], r#"{"id":"resp_one","object":"response.deleted","deleted":true}"#),
        () if seen.head.starts_with("GET /one/responses") => {
            Reply::json(200, &[], r#"{"id":"resp_one","object":"response","status":"failed","error":{"code":"x","message":"it broke"},"output":[]}"#)
        }
        () if seen.head.contains("/batches") => {
            Reply::json(200, &[], r#"{"id":"batch_1","status":"completed","usage":{"input_tokens":1000,"output_tokens":500}}"#)
        }
        () => response(seen),
    })
    .await;
    let ana = proxy.client().with("authorization", "Bearer wb-ana");
    let body = json!({"model": "auto", "input": "hello"}).to_string();
    assert_eq!(ana.send(Method::POST, "/v1/responses", body).await.status, 200);
    assert_eq!(ana.get("/v1/responses/resp_one/input_items").await.json()["object"], "list");
    assert_eq!(ana.get("/v1/responses/resp_one").await.json()["status"], "failed");
    assert_eq!(ana.send(Method::DELETE, "/v1/responses/resp_one", "").await.json()["deleted"], true);
    for _ in 0..2 {
        assert_eq!(ana.get("/v1/batches/batch_1").await.status, 200);
    }
    let costs = proxy.entries(6, "cost_pico").await.concat();
    assert_eq!(costs, ["20000000", "-", "-", "-", "-", "-"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_hides_its_model_is_refused_and_a_body_too_large_is_the_callers_fault() {
    let (upstream, proxy) = started(|_| Reply::json(200, &[], "{}")).await;
    let ana = proxy.client().with("authorization", "Bearer wb-ana");
    let form = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n--B--\r\n";
    let hidden = ana
        .with("content-type", "multipart/form-data; Boundary=B")
        .send(Method::POST, "/v1/audio/transcriptions", form)
        .await;
    assert_eq!((hidden.status.as_u16(), &hidden.json()["error"]["param"]), (400, &json!("model")));
    assert!(upstream.seen().is_empty());
}
