//! Budgets under load: what is settled and reserved never passes the limit, and everything comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::process::Process;
use crate::support::upstream::{DONE, FINISH, ROLE, Step, USAGE, chunk, content};
use crate::support::{Postgres, Proxy, Reply, Upstream, chat};

/// One endpoint whose prompts cost nothing and whose answers cost a dollar for a thousand tokens, so that 100 tokens of
/// answer are reserved as ten cents.
fn routes(upstream: &str, more: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
drain_timeout = "2s"

[endpoints.model]
url = "{upstream}"
model = "far-model"
price = {{ input = 0, output = 1000 }}
timeouts = {{ connect = "5s", first_byte = "30s", idle = "30s", total = "60s" }}
retries = {{ max = 0 }}

[tiers.only]
endpoints = ["model"]

{more}

[[rules]]
name = "everything"
route = "only"
why = "There is one model."
owner = "platform"
"#
    )
}

fn ask(stream: bool, max_tokens: u64) -> String {
    let messages = json!([{"role": "user", "content": "Say something"}]);
    json!({"model": "auto", "stream": stream, "max_tokens": max_tokens, "messages": messages}).to_string()
}

/// A stream that begins, waits for the test, and then ends with 5 tokens of usage.
fn held_stream() -> Reply {
    let reply = Reply::events(&[ROLE, &content("one")]).then(Step::Wait);
    let ended = [FINISH, USAGE, DONE].into_iter().fold(reply, |reply, event| reply.then(Step::Send(chunk(event))));
    ended.then(Step::Send(b"0\r\n\r\n".to_vec()))
}

async fn account(proxy: &Proxy, budget: &str) -> Value {
    let answer = proxy.admin().get("/api/v1/budgets").await;
    let budgets = answer.json()["budgets"].as_array().unwrap_or_else(|| panic!("{}", answer.text())).clone();
    budgets.into_iter().find(|one| one["budget"] == budget).unwrap_or_else(|| panic!("no {budget}: {}", answer.text()))
}

/// USD as text, in whole pico-dollars.
fn pico(value: &Value) -> i128 {
    let (whole, part) = value.as_str().expect("decimal text").split_once('.').expect("decimals");
    format!("{whole}{part:0<12}").parse().expect("digits")
}

const BUDGET: &str = r#"
[[budgets]]
name = "everybody"
limit = 3.75
window = "total"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_streams_and_a_budget_for_thirty_seven() {
    let upstream = Upstream::start_answering_each(|_| held_stream()).await;
    let proxy = Arc::new(Proxy::start(&routes(&upstream.url(), BUDGET)).await);

    let (over, samples) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let sampler = tokio::spawn({
        let (proxy, over, samples) = (Arc::clone(&proxy), Arc::clone(&over), Arc::clone(&samples));
        async move {
            loop {
                let account = account(&proxy, "everybody").await;
                let used = pico(&account["settled_usd"]) + pico(&account["reserved_usd"]);
                over.fetch_or(used > pico(&account["limit_usd"]), Ordering::Relaxed);
                samples.fetch_add(1, Ordering::Relaxed);
            }
        }
    });

    let requests: Vec<_> = (0..200)
        .map(|_| {
            let client = proxy.client();
            tokio::spawn(async move { client.chat(ask(true, 100)).await })
        })
        .collect();
    // Everybody is either refused or holds a stream, and none of the streams ends before.
    crate::support::upstream::within(async {
        while proxy.metric("weighbridge_budget_refused_total{budget=\"everybody\"}").await < 163.0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(pico(&account(&proxy, "everybody").await["reserved_usd"]), 37 * 100_000_000_000);
    while upstream.seen().len() < 37 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Before the streams end, while everything is held, it has been looked often enough.
    crate::support::upstream::within(async {
        while samples.load(Ordering::Relaxed) < 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    upstream.release();

    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.await.expect("an answer").status.as_u16());
    }
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(200), count(429)), (37, 163), "{statuses:?}");
    sampler.abort();
    assert!(!over.load(Ordering::Relaxed), "settled and reserved passed the limit");
    assert!(samples.load(Ordering::Relaxed) >= 20, "{samples:?} samples");

    let entries = proxy.entries(200, "cost_pico, reserved_pico, failure").await;
    let costs: i128 = entries.iter().filter_map(|row| row[0].parse::<i128>().ok()).sum();
    assert_eq!(costs, 37 * 5 * 1_000_000_000, "5 tokens of answer each");
    assert_eq!(entries.iter().filter(|row| row[1] == "100000000000").count(), 37);
    assert_eq!(entries.iter().filter(|row| row[2] == "budget_exceeded").count(), 163);
    let account = account(&proxy, "everybody").await;
    assert_eq!((pico(&account["settled_usd"]), pico(&account["reserved_usd"])), (costs, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_budget_to_people_and_machines() {
    let upstream = Upstream::start_answering_each(|_| Reply::chat("hello")).await;
    let budgets = r#"
[[budgets]]
name = "each-team"
for = { team = "*" }
limit = 0.05
window = "day"
time_zone = "Europe/Berlin"
"#;
    let proxy = Proxy::start(&routes(&upstream.url(), budgets)).await;
    let client = proxy.client().with("x-weighbridge-team", "payments");
    let refused = client.chat(ask(false, 100)).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-weighbridge-error")), (429, "budget_exceeded"));
    assert_eq!(refused.header("x-should-retry"), "false");
    assert!(!refused.header("retry-after").is_empty());
    let error = &refused.json()["error"];
    assert_eq!((&error["type"], &error["code"]), (&json!("insufficient_quota"), &json!("insufficient_quota")));
    let budget = &error["budget"];
    assert_eq!((&budget["budget"], &budget["holder"]), (&json!("each-team"), &json!("payments")));
    assert_eq!((&budget["limit_usd"], &budget["needed_usd"]), (&json!("0.05"), &json!("0.10")));
    assert!(budget["resets_at"].as_str().expect("a moment").contains("T00:00:00+0"), "{budget}");
    let message = error["message"].as_str().expect("words");
    assert!(message.contains("`each-team` of team `payments`") && message.contains("limit 0.05 USD"), "{message}");

    let messages = json!({"model": "auto", "max_tokens": 100, "messages": [{"role": "user", "content": "Say"}]});
    let refused = client.send(hyper::Method::POST, "/v1/messages", messages.to_string()).await;
    assert_eq!(refused.json()["error"]["type"], "rate_limit_error");
    assert_eq!(refused.json()["error"]["budget"]["holder"], "payments");

    assert_eq!(client.chat(ask(false, 50)).await.status, 200, "what fits passes");
    assert_eq!(proxy.client().chat(ask(false, 100)).await.status, 200, "who has no team is under no team's budget");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_budgets_hold_together_or_not_at_all_and_everything_comes_back() {
    let upstream = Upstream::start_answering_each(|seen| {
        if seen.json()["max_tokens"] == 10 { Reply::error(400, &[], "no") } else { Reply::chat("hello") }
    })
    .await;
    let budgets = r#"
[[budgets]]
name = "everybody"
limit = 10
window = "month"

[[budgets]]
name = "each-engineer"
for = { engineer = "*" }
limit = 0.15
window = "week"

[[budgets]]
name = "watched"
for = { feature = "checkout" }
limit = 0.001
window = "total"
on_exceeded = "allow"
"#;
    let proxy = Proxy::start(&routes(&upstream.url(), budgets)).await;
    let client = proxy.client().with("x-weighbridge-engineer", "ana").with("x-weighbridge-feature", "checkout");
    assert_eq!(client.chat(ask(false, 200)).await.status, 429, "twenty cents do not fit into fifteen");
    let reserved = pico(&account(&proxy, "everybody").await["reserved_usd"]);
    assert_eq!(reserved, 0, "what one budget refuses is held by none");
    assert_eq!(client.chat(ask(false, 10)).await.status, 400, "the provider refuses it");
    assert_eq!(pico(&account(&proxy, "everybody").await["settled_usd"]), 0);
    assert_eq!(client.chat(ask(false, 100)).await.status, 200);
    for budget in ["everybody", "each-engineer", "watched"] {
        let account = account(&proxy, budget).await;
        assert_eq!((pico(&account["settled_usd"]), pico(&account["reserved_usd"])), (5_000_000_000, 0), "{budget}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_gives_back_what_was_not_used() {
    let mut upstream = Upstream::start_answering_each(|_| held_stream()).await;
    let proxy = Proxy::start(&routes(&upstream.url(), BUDGET)).await;
    let response = proxy.client().open(hyper::Method::POST, "/v1/chat/completions", ask(true, 100)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(pico(&account(&proxy, "everybody").await["reserved_usd"]), 100_000_000_000);
    drop(response);
    upstream.hung_up().await;
    let cost: i128 = proxy.entries(1, "cost_pico, ending").await[0][0].parse().expect("what came was counted");
    assert!(cost > 0);
    let account = account(&proxy, "everybody").await;
    assert_eq!((pico(&account["settled_usd"]), pico(&account["reserved_usd"])), (cost, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_spent_is_known_after_a_restart_and_after_a_reload() {
    let upstream = Upstream::start_answering_each(|_| Reply::chat("hello")).await;
    let proxy = Proxy::start(&routes(&upstream.url(), "")).await;
    let client = proxy.client().with("x-weighbridge-team", "payments");
    for _ in 0..4 {
        assert_eq!(client.chat(ask(false, 100)).await.status, 200);
    }
    let budgets = r#"
[[budgets]]
name = "payments"
for = { team = "payments" }
limit = 0.11
window = "month"
"#;
    let text = routes(&upstream.url(), budgets);
    std::fs::write(proxy.routes_path(), &text).expect("written");
    proxy.app.reload();
    assert_eq!(pico(&account(&proxy, "payments").await["settled_usd"]), 4 * 5_000_000_000);
    assert_eq!(client.chat(ask(false, 100)).await.status, 429, "two cents are spent, nine are left");
    assert_eq!(client.chat(chat("Say something")).await.status, 200, "nobody bounds the answer: nothing is reserved");
    assert_eq!(proxy.metric("weighbridge_budget_unbounded_total").await, 1.0);

    let (_, folder, app) = proxy.into_parts();
    app.shut_down().await.expect("closed");
    let again = Proxy::start_in(folder, &text).await;
    assert_eq!(pico(&account(&again, "payments").await["settled_usd"]), 5 * 5_000_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn routine_work_slows_down_when_a_budget_is_nearly_used() {
    let upstream = Upstream::start_answering_each(|_| Reply::chat("hello")).await;
    let brown_out = r#"
[[budgets]]
name = "everybody"
limit = 0.02
window = "total"
on_exceeded = "allow"

[[rules]]
name = "brown-out"
when = { budget_used = ">= 50%" }
deny = "Routine work waits until the budget begins anew."
why = "Routine work slows down before important work does."
owner = "platform"
"#;
    let proxy = Proxy::start(&routes(&upstream.url(), brown_out)).await;
    for _ in 0..2 {
        assert_eq!(proxy.client().chat(ask(false, 5)).await.header("x-weighbridge-rule"), "everything");
    }
    let browned = proxy.client().chat(ask(false, 5)).await;
    assert_eq!((browned.status.as_u16(), browned.header("x-weighbridge-rule")), (403, "brown-out"));
    let entries = proxy.entries(3, "json_extract(facts, '$.budget_used')").await;
    assert_eq!(entries, [["0"], ["2500"], ["5000"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_limit_counts_on_its_days() {
    let upstream = Upstream::start_answering_each(|_| Reply::chat("hello")).await;
    let now = jiff::Zoned::now();
    let day = |days: i64| now.date().checked_add(jiff::Span::new().days(days)).expect("a day").to_string();
    let budgets = |from: &str, until: &str| {
        format!(
            "[[budgets]]\nname = \"everybody\"\nlimit = 0.05\nwindow = \"total\"\noverrides = [{{ limit = 0.5, \
             from = {from}, until = {until}, why = \"launch\", owner = \"finance\" }}]\n"
        )
    };
    let proxy = Proxy::start(&routes(&upstream.url(), &budgets(&day(1), &day(3)))).await;
    assert_eq!(proxy.client().chat(ask(false, 100)).await.status, 429, "it does not count yet");
    let text = routes(&upstream.url(), &budgets(&day(-1), &day(2)));
    std::fs::write(proxy.routes_path(), text).expect("written");
    proxy.app.reload();
    assert_eq!(proxy.client().chat(ask(false, 100)).await.status, 200);
    assert_eq!(account(&proxy, "everybody").await["limit_usd"], "0.50");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_costs_nothing_and_the_next_is_paid_out_of_the_same_reservation() {
    let failing = Upstream::start_answering_each(|_| Reply::error(500, &[], "no")).await;
    let good = Upstream::start_answering_each(|_| Reply::chat("hello")).await;
    let dearer = format!(
        "[endpoints.dear]\nurl = \"{}\"\nmodel = \"dear\"\nprice = {{ input = 0, output = 2000 }}\n{BUDGET}",
        good.url()
    );
    let text = routes(&failing.url(), &dearer).replace("[\"model\"]", "[\"model\", \"dear\"]");
    let proxy = Proxy::start(&text).await;
    let answer = proxy.client().chat(ask(false, 100)).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-weighbridge-attempts")), (200, "2"));
    let entry = proxy.entries(1, "cost_pico, reserved_pico").await;
    assert_eq!(entry, [["10000000000", "200000000000"]], "the dearest of both is reserved, what was used is paid");
    let account = account(&proxy, "everybody").await;
    assert_eq!((pico(&account["settled_usd"]), pico(&account["reserved_usd"])), (10_000_000_000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_that_come_under_load_count_each_answer_once() {
    let upstream = Upstream::start_answering_each(|_| Reply::chat("hello")).await;
    let proxy = Arc::new(Proxy::start(&routes(&upstream.url(), "")).await);
    let done = Arc::new(AtomicBool::new(false));
    let askers: Vec<_> = (0..6)
        .map(|_| {
            let (client, done) = (proxy.client(), Arc::clone(&done));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(client.chat(ask(false, 5)).await.status, 200);
                }
            })
        })
        .collect();
    for number in 0..20 {
        let budgets = format!("[[budgets]]\nname = \"number-{number}\"\nlimit = 1000\nwindow = \"total\"\n");
        std::fs::write(proxy.routes_path(), routes(&upstream.url(), &budgets)).expect("written");
        let changing = Arc::clone(&proxy);
        tokio::task::spawn_blocking(move || changing.app.reload()).await.expect("no panic");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    done.store(true, Ordering::Relaxed);
    for asker in askers {
        asker.await.expect("no request failed");
    }
    crate::support::upstream::within(async {
        while proxy.metric("weighbridge_ledger_queue_entries").await > 0.0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let costs: i128 = crate::support::proxy::read(&proxy.ledger_path(), "cost_pico")
        .iter()
        .map(|row| row[0].parse::<i128>().expect("a cost"))
        .sum();
    assert!(costs > 0);
    let account = account(&proxy, "number-19").await;
    assert_eq!((pico(&account["settled_usd"]), pico(&account["reserved_usd"])), (costs, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_knows_what_was_spent_and_holds_nothing() {
    let upstream = Upstream::start_answering_each(|seen| match seen.json()["stream"] == true {
        true => held_stream(),
        false => Reply::chat("hello"),
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let text = routes(&upstream.url(), BUDGET);
    std::fs::write(folder.path().join("routes.toml"), text).expect("a file");
    let process = Process::start(folder.path());
    for _ in 0..3 {
        assert_eq!(process.client().chat(ask(false, 100)).await.status, 200);
    }
    let held = process.client().open(hyper::Method::POST, "/v1/chat/completions", ask(true, 100)).await;
    let reserved = "weighbridge_budget_reserved_usd{budget=\"everybody\"";
    assert!((process.metric(reserved).await - 0.1).abs() < 1e-9);
    process.signal("-KILL");
    drop(held);
    drop(process);
    let again = Process::start(folder.path());
    assert_eq!(again.metric(reserved).await, 0.0);
    let settled = again.metric("weighbridge_budget_settled_usd{budget=\"everybody\"").await;
    assert!((settled - 0.015).abs() < 1e-12, "{settled}");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_weighbridge"))
        .args(["budgets", "--json", "--config"])
        .arg(folder.path().join("routes.toml"))
        .output()
        .expect("it runs");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let line = &told["budgets"][0];
    assert_eq!((&line["budget"], &line["settled_usd"]), (&json!("everybody"), &json!("0.015")), "{told}");
    assert_eq!(line["forecast"], Value::Null, "it never ends");
}

/// An answer that is made in the background: its id, and whether the model has worked.
fn background(id: &str, is_done: bool) -> Reply {
    let (status, usage) = match is_done {
        true => ("completed", json!({"input_tokens": 10, "output_tokens": 5, "total_tokens": 15})),
        false => ("queued", Value::Null),
    };
    let body =
        json!({"id": id, "object": "response", "status": status, "background": true, "output": [], "usage": usage});
    Reply::json(200, &[], &body.to_string())
}

/// A proxy before a model that works in the background and is done when it is asked for the answer.
async fn in_background(hold: &str) -> (Upstream, Proxy) {
    let begun = AtomicU64::new(0);
    let upstream = Upstream::start_answering_each(move |seen| match seen.head.starts_with("GET ") {
        true => {
            background(seen.head.split_whitespace().nth(1).and_then(|path| path.rsplit('/').next()).expect("id"), true)
        }
        false => background(&format!("resp_{}", begun.fetch_add(1, Ordering::Relaxed)), false),
    })
    .await;
    let text = routes(&upstream.url(), &BUDGET.replace("3.75", "0.25"))
        .replace("model = \"far-model\"", "model = \"far-model\"\ndialect = \"openai-responses\"")
        .replace("drain_timeout", &format!("background_hold = \"{hold}\"\ndrain_timeout"));
    let proxy = Proxy::start(&text).await;
    (upstream, proxy)
}

async fn begin_in_background(proxy: &Proxy) -> u16 {
    let body = json!({"model": "auto", "input": "hello", "background": true, "max_output_tokens": 100}).to_string();
    proxy.client().send(hyper::Method::POST, "/v1/responses", body).await.status.as_u16()
}

async fn used(proxy: &Proxy) -> (i128, i128) {
    let account = account(proxy, "everybody").await;
    (pico(&account["settled_usd"]), pico(&account["reserved_usd"]))
}

/// What one of them reserves.
const TEN_CENTS: i128 = 100_000_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_in_the_background_stays_reserved_until_its_usage_is_told() {
    let (_upstream, proxy) = in_background("1h").await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(begin_in_background(&proxy).await);
    }
    assert_eq!(statuses, [200, 200, 429, 429], "the budget holds two");
    assert_eq!(used(&proxy).await, (0, 2 * TEN_CENTS));
    assert_eq!(proxy.client().get("/v1/responses/resp_0").await.status, 200);
    assert_eq!(used(&proxy).await, (5_000_000_000, TEN_CENTS), "one is told");
    assert_eq!(begin_in_background(&proxy).await, 200, "and there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_in_the_background_and_never_fetched_costs_what_was_reserved() {
    let (_upstream, proxy) = in_background("1s").await;
    assert_eq!(begin_in_background(&proxy).await, 200);
    crate::support::upstream::within(async {
        while used(&proxy).await != (TEN_CENTS, 0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(proxy.metric("weighbridge_budget_untold_total").await, 1.0);
    assert_eq!(proxy.client().get("/v1/responses/resp_0").await.status, 200);
    assert_eq!(used(&proxy).await, (TEN_CENTS, 0), "it is closed: fetched too late it costs nothing more");
    let entries = proxy.entries(3, "cost_pico, usage_source, reserved_pico").await;
    let settled = ["100000000000", "estimated", "-"];
    assert_eq!(entries.iter().filter(|row| **row == settled).count(), 1, "{entries:?}");
    assert_eq!(entries[0], ["-", "-", "100000000000"], "as it began");
}

/// A process that starts on a new disk while PostgreSQL keeps it waiting: it starts all the same, and knows what was spent
/// as soon as it is told.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_database_could_not_say_at_the_start_is_made_up_for_when_it_answers() {
    let upstream = Upstream::start_answering_each(|_| Reply::chat("hello")).await;
    let database = Postgres::start().await;
    let ledger = format!("{BUDGET}\n[ledger]\nurl = \"{}\"\nship_interval = \"20ms\"\n", database.address());
    let text = routes(&upstream.url(), &ledger);
    let first = Proxy::start(&text).await;
    for _ in 0..3 {
        assert_eq!(first.client().chat(ask(false, 100)).await.status, 200);
    }
    crate::support::upstream::within(async {
        while database.number("SELECT count(*) FROM entries").await < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    drop(first);

    // Whoever asks for entries waits as long as this does.
    let held = tokio::spawn({
        let address = database.address();
        async move {
            let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await.expect("there");
            tokio::spawn(connection);
            client
                .batch_execute("BEGIN; LOCK TABLE entries, rollup_hours IN ACCESS EXCLUSIVE MODE")
                .await
                .expect("locked");
            client
        }
    });
    let held = held.await.expect("locked");
    let second = Proxy::start(&text).await;
    assert_eq!(second.metric("weighbridge_budget_incomplete").await, 1.0);
    assert_eq!(second.client().chat(ask(false, 100)).await.status, 200);
    let cost = 5 * 1_000_000_000;
    assert_eq!(used(&second).await, (cost, 0), "what it did itself");
    held.batch_execute("ROLLBACK").await.expect("let go");
    crate::support::upstream::within(async {
        while used(&second).await != (4 * cost, 0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(second.metric("weighbridge_budget_incomplete").await, 0.0);
}
