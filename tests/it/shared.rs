//! Several proxies on one real Redis: what one learned, spent or was told counts on every other.

use hyper::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::upstream::{ROLE, content, within};
use crate::support::{Proxy, Redis, Reply, Step, Upstream, chat, streamed};

fn sha256(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Two endpoints that keep responses, and two callers.
fn keeping(url: &str, redis: &Redis) -> String {
    let endpoint = |name: &str| {
        format!(
            "[endpoints.{name}]\nurl = \"{url}/{name}\"\nmodel = \"{name}-model\"\ndialect = \"openai-responses\"\n\
             price = {{ input = 1, output = 2 }}\nretries = {{ max = 0 }}\n[tiers.of-{name}]\nendpoints = [\"{name}\"]\n"
        )
    };
    [
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n[routing]\nmodels = [\"auto\"]\n",
        &endpoint("one"),
        &endpoint("two"),
        &format!("[shared]\nurl = \"{}\"\ntimeout = \"1s\"\n", redis.url()),
        &format!("[keys.ana]\nsha256 = \"{}\"\n[keys.ben]\nsha256 = \"{}\"\n", sha256("wb-ana"), sha256("wb-ben")),
        "[[rules]]\nname = \"risky\"\nwhen = { risk = \">= medium\" }\nroute = \"of-two\"\nwhy = \"x\"\nowner = \"x\"\n",
        "[[rules]]\nname = \"all\"\nroute = \"of-one\"\nwhy = \"x\"\nowner = \"x\"\n",
    ]
    .concat()
}

fn whole(id: &str) -> Reply {
    let body = json!({"id": id, "object": "response", "status": "completed", "output": [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}});
    Reply::json(200, &[], &body.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_goes_on_at_another_replica_for_the_same_caller_only() {
    let redis = Redis::start();
    let upstream =
        Upstream::start_answering_each(|seen| whole(if seen.head.contains("/one/") { "resp_one" } else { "resp_two" }))
            .await;
    let routes = keeping(&upstream.url(), &redis);
    let (here, there) = (Proxy::start(&routes).await, Proxy::start(&routes).await);
    let ana = |proxy: &Proxy| proxy.client().with("authorization", "Bearer wb-ana");
    let risky = json!({"model": "auto", "input": "Drop the customers table on prod, will we lose data?"}).to_string();
    let first = ana(&here).send(Method::POST, "/v1/responses", risky).await;
    assert_eq!((first.status.as_u16(), first.header("x-weighbridge-endpoint")), (200, "two"), "{}", first.text());

    let goes_on = json!({"model": "auto", "input": "thanks", "previous_response_id": "resp_two"}).to_string();
    let next = ana(&there).send(Method::POST, "/v1/responses", goes_on.clone()).await;
    assert_eq!((next.status.as_u16(), next.header("x-weighbridge-endpoint")), (200, "two"), "{}", next.text());
    let ben = Proxy::start(&routes).await.client().with("authorization", "Bearer wb-ben");
    let refused = ben.send(Method::POST, "/v1/responses", goes_on).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-weighbridge-error")), (404, "not_held"));
}

/// Round-robin over two replicas: the replica that has the finished answer in hand charges it, whichever looked before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_made_in_the_background_is_charged_once_whoever_reads_it() {
    for early in [2, 3] {
        charged_once(early).await;
    }
}

/// The first so many requests, the one that began it included, find it unfinished.
async fn charged_once(early: usize) {
    let redis = Redis::start();
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let queued =
        r#"{"id":"resp_one","object":"response","status":"queued","background":true,"output":[],"usage":null}"#;
    let upstream = Upstream::start_answering_each(move |_| {
        let is_early = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < early;
        if is_early { Reply::json(200, &[], queued) } else { whole("resp_one") }
    })
    .await;
    let routes = keeping(&upstream.url(), &redis);
    let (here, there) = (Proxy::start(&routes).await, Proxy::start(&routes).await);
    let [ana_here, ana_there] = [&here, &there].map(|proxy| proxy.client().with("authorization", "Bearer wb-ana"));
    let body = json!({"model": "auto", "input": "hello", "background": true}).to_string();
    assert_eq!(ana_here.send(Method::POST, "/v1/responses", body).await.status, 200);
    for round in 0..4 {
        assert_eq!(ana_there.get("/v1/responses/resp_one").await.status, 200, "round {round}");
        assert_eq!(ana_here.get("/v1/responses/resp_one").await.status, 200, "round {round}");
    }
    let here = here.entries(5, "cost_pico").await.concat();
    let there = there.entries(4, "cost_pico").await.concat();
    // In the order of the requests: begun here, then looked at there and here by turns.
    let mut costs = vec![here[0].as_str()];
    for (there, here) in there.iter().zip(&here[1..]) {
        costs.extend([there.as_str(), here.as_str()]);
    }
    let expected: Vec<&str> = (0..9).map(|place| if place == early { "20000000" } else { "-" }).collect();
    assert_eq!(costs, expected, "by whoever had it in hand first, and by nobody else");
}

/// Two replicas of these limits.
async fn limited(redis: &Redis, upstream: &Upstream, more: &str) -> [Proxy; 2] {
    let text = format!(
        "{}\n[shared]\nurl = \"{}\"\ntimeout = \"1s\"\n{more}",
        crate::support::proxy::routes(&upstream.url(), &upstream.url()).replace("idle = \"1s\"", "idle = \"60s\""),
        redis.url()
    );
    [Proxy::start(&text).await, Proxy::start(&text).await]
}

async fn statuses(proxies: &[Proxy; 2], count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for number in 0..count {
        statuses.push(proxies[number % 2].client().chat(chat("x")).await.status.as_u16());
    }
    statuses
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|one| **one == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_tokens_are_limited_together() {
    let (redis, upstream) = (Redis::start(), Upstream::start([Reply::chat("hello")]).await);
    for (what, most) in [("requests_per_minute = 7", 7), ("tokens_per_minute = 100", 7)] {
        let limits = format!("prefix = \"wb-{}\"\n[[limits]]\nname = \"all\"\n{what}\n", &what[..3]);
        let proxies = limited(&redis, &upstream, &limits).await;
        let body =
            json!({"model": "auto", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}).to_string();
        let mut served = 0;
        for number in 0..20 {
            let answer = proxies[number % 2].client().chat(body.clone()).await;
            match answer.status.as_u16() {
                200 => served += 1,
                _ => {
                    assert_eq!(answer.header("x-weighbridge-error"), "rate_limited", "{}", answer.text());
                    assert!(answer.text().contains("`all`"), "{}", answer.text());
                    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
                    assert!((1..=60).contains(&wait), "{wait}");
                }
            }
            // What is taken of tokens is put right before the next asks.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert!((most - 1..=most + 1).contains(&served), "{what}: {served}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_once_are_limited_together_and_their_places_come_back() {
    let redis = Redis::start();
    let halting = || Reply::events(&[ROLE, &content("half")]).then(Step::Wait);
    let mut upstream = Upstream::start([halting(), halting(), halting(), Reply::chat("hello")]).await;
    let proxies = limited(&redis, &upstream, "[[limits]]\nname = \"few\"\nconcurrent = 3\n").await;
    let mut open = Vec::new();
    for number in 0..3 {
        open.push(proxies[number % 2].client().open(Method::POST, "/v1/chat/completions", streamed("x")).await);
    }
    upstream.arrived(3).await;
    assert_eq!(statuses(&proxies, 4).await, [429; 4]);
    // The callers hang up.
    drop(open);
    within(async {
        while count(&statuses(&proxies, 2).await, 200) < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_server_each_replica_keeps_to_its_part_or_refuses() {
    for (stance, expected) in [("local", 4), ("closed", 0)] {
        let (mut redis, upstream) = (Redis::start(), Upstream::start([Reply::chat("hello")]).await);
        let limits = format!("stance = \"{stance}\"\n[[limits]]\nname = \"all\"\nrequests_per_minute = 9\n");
        let proxies = limited(&redis, &upstream, &limits).await;
        within(async {
            while proxies[0].metric("weighbridge_shared_replicas").await < 2.0 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
        redis.kill();
        for proxy in &proxies {
            within(async {
                while proxy.metric("weighbridge_shared_up").await != 0.0 {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            })
            .await;
        }
        let statuses = statuses(&proxies, 16).await;
        assert_eq!(count(&statuses, 200), expected * 2, "{stance}: {statuses:?}");
        assert_eq!(count(&statuses, if stance == "closed" { 503 } else { 429 }), 16 - expected * 2);
        redis.start_again();
        within(async {
            while proxies[0].client().chat(chat("x")).await.status != 200 {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_revoked_on_one_replica_is_refused_on_every_other_within_a_second() {
    let (redis, upstream) = (Redis::start(), Upstream::start([Reply::chat("hello")]).await);
    let text = format!(
        "{}\n[shared]\nurl = \"{}\"\n[keys.ana]\nsha256 = \"{}\"\n[keys.ben]\nsha256 = \"{}\"\n\
         [admin.tokens.ops]\nsha256 = \"{}\"\nrole = \"operator\"\n",
        crate::support::proxy::routes(&upstream.url(), &upstream.url()),
        redis.url(),
        sha256("wb-ana"),
        sha256("wb-ben"),
        sha256("wb-ops"),
    );
    let (here, there) = (Proxy::start(&text).await, Proxy::start(&text).await);
    let status = |proxy: &Proxy, key: &str| {
        let client = proxy.client().with("authorization", &format!("Bearer {key}"));
        async move { client.chat(chat("x")).await.status.as_u16() }
    };
    assert_eq!(status(&there, "wb-ana").await, 200);
    let ops = here.admin().with("authorization", "Bearer wb-ops");
    let revoked = ops.send(Method::POST, "/api/v1/keys/ana/revoke", "").await;
    assert!(revoked.status.is_success(), "{}", revoked.text());
    let begun = std::time::Instant::now();
    within(async {
        while status(&there, "wb-ana").await != 401 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    let took = begun.elapsed();
    eprintln!("refused on the other replica after {took:?}");
    assert!(took < std::time::Duration::from_secs(1), "{took:?}");
    assert_eq!((status(&here, "wb-ana").await, status(&there, "wb-ben").await), (401, 200));
    // A replica that starts later knows as well.
    let later = Proxy::start(&text).await;
    within(async {
        while status(&later, "wb-ana").await != 401 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}
