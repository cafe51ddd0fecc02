//! What callers say of answers, and experiments: through the real proxy, the ledger and the store.

use std::process::Command;
use std::time::{Duration, SystemTime};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::client::Client;
use crate::support::proxy::{routes, told};
use crate::support::upstream::within;
use crate::support::{Answer, Proxy, Reply, Upstream, chat};

const TOKEN: &str = "wba-script";

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn date(from_now: i64) -> String {
    let at = jiff::Timestamp::try_from(SystemTime::now()).unwrap() + jiff::SignedDuration::from_secs(from_now);
    at.to_string()
}

/// The last rule compares `large` (control) with `cheap`, from a minute ago to so many seconds from now.
fn compared(cheap: &Upstream, large: &Upstream, seconds: i64, more: &str) -> String {
    with_rule(
        &routes(&cheap.url(), &large.url()),
        &format!(
            "experiment = {{ name = \"try\", arms = {{ control = \"large\", small = \"cheap\" }}, control = \"control\", \
             from = {}, until = {}{more} }}",
            date(-60),
            date(seconds)
        ),
    )
}

fn with_rule(routes: &str, action: &str) -> String {
    let last = "name = \"everything-else\"\nroute = \"cheap\"";
    assert!(routes.contains(last));
    routes.replace(last, &format!("name = \"everything-else\"\n{action}"))
}

async fn rate(client: &Client, id: &str, rating: &str) -> Answer {
    let body = json!({"request_id": id, "rating": rating, "reason": "it made up a flag"});
    client.send(Method::POST, "/v1/feedback", body.to_string()).await
}

async fn asked(proxy: &Proxy, session: &str) -> Answer {
    proxy.client().with("x-weighbridge-session", session).chat(chat("Scaffold a CRUD endpoint")).await
}

/// Waits until the experiment of this proxy is in this state.
async fn until_it_is(proxy: &Proxy, state: &str) {
    within(async {
        loop {
            let listed = proxy.admin().with("x-weighbridge-admin-token", TOKEN).get("/api/v1/experiments").await.json();
            if listed["experiments"][0]["state"] == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// What a command prints.
fn run(proxy: &Proxy, arguments: &[&str]) -> String {
    let program = env!("CARGO_BIN_EXE_weighbridge");
    let routes = proxy.routes_path();
    let done = Command::new(program).args(arguments).arg("--config").arg(routes).output().expect("it runs");
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{arguments:?}: {told}{}", String::from_utf8_lossy(&done.stdout));
    String::from_utf8(done.stdout).expect("text")
}

fn run_json(proxy: &Proxy, arguments: &[&str]) -> Value {
    serde_json::from_str(&run(proxy, arguments)).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_word_of_whoever_asked_counts() {
    let upstream = Upstream::start([Reply::chat("done")]).await;
    let keys = format!(
        "[keys.ana]\nsha256 = \"{}\"\nengineer = \"ana\"\n[keys.ben]\nsha256 = \"{}\"\nengineer = \"ben\"\n\
         [admin.tokens.script]\nsha256 = \"{}\"\nrole = \"operator\"\n",
        hex("wb-ana"),
        hex("wb-ben"),
        hex(TOKEN)
    );
    let proxy = Proxy::start(&[routes(&upstream.url(), &upstream.url()), keys].concat()).await;
    let ana = proxy.client().with("authorization", "Bearer wb-ana");
    let ben = proxy.client().with("authorization", "Bearer wb-ben");
    let id = ana.chat(chat("Scaffold a CRUD endpoint")).await.header("x-weighbridge-request-id").to_owned();

    let taken = rate(&ana, &id, "bad").await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.text());
    assert_eq!(taken.json()["reason_kept"], false, "no reasons are kept unless the file says so");
    assert_eq!(rate(&ana, &id, "good").await.status, StatusCode::OK);
    let other = rate(&ben, &id, "bad").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND, "{}", other.text());
    assert_eq!(rate(&proxy.client(), &id, "bad").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(rate(&ana, &id, "meh").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(rate(&ana, "0199a3c0-0000-7000-8000-000000000001", "bad").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ana.get("/v1/feedback").await.status, StatusCode::METHOD_NOT_ALLOWED);

    let told = run_json(&proxy, &["feedback", "list", "--json"]);
    assert_eq!(told.as_array().expect("a list").len(), 1);
    assert_eq!(
        (&told[0]["rating"], &told[0]["tier"], &told[0]["told_by"]),
        (&json!("good"), &json!("cheap"), &json!("caller"))
    );
    assert_eq!((&told[0]["engineer"], told[0].get("reason")), (&json!("ana"), None));

    let admin = proxy.admin().with("x-weighbridge-admin-token", TOKEN);
    let body = json!({"request_id": id, "rating": "bad"}).to_string();
    assert_eq!(admin.send(Method::POST, "/api/v1/feedback", body.clone()).await.status, StatusCode::OK);
    assert_eq!(proxy.admin().send(Method::POST, "/api/v1/feedback", body).await.status, StatusCode::UNAUTHORIZED);
    let exported = run(&proxy, &["feedback", "export"]);
    let line: Value = serde_json::from_str(exported.trim()).expect("one line");
    assert_eq!((&line["request_id"], &line["rating"], &line["score"]), (&json!(id), &json!("bad"), &json!(0.0)));
    let shown = admin.get("/metrics").await;
    assert!(shown.text().contains("weighbridge_feedback_total{rating=\"bad\",tier=\"cheap\"} 2"), "{}", shown.text());
    let report = run(&proxy, &["report", "--by", "tier"]);
    assert!(report.contains("cheap: 1 rated, 1 bad (100.0 %)"), "{report}");
    assert_eq!(proxy.entries(1, "door").await, [["/v1/chat/completions"]], "feedback is no request");
}

#[tokio::test(flavor = "multi_thread")]
async fn reasons_are_kept_where_the_file_says_so_and_hold_no_secret() {
    let upstream = Upstream::start([Reply::chat("done")]).await;
    let routes = format!("{}\n[feedback]\nkeep_reasons = true\n", routes(&upstream.url(), &upstream.url()));
    let proxy = Proxy::start(&routes).await;
    let id = proxy.client().chat(chat("Scaffold")).await.header("x-weighbridge-request-id").to_owned();
    assert_eq!(rate(&proxy.client(), &id, "bad").await.json()["reason_kept"], true);
    assert_eq!(run_json(&proxy, &["feedback", "list", "--json"])[0]["reason"], "it made up a flag");
    let secret = ["ghp_", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"].concat();
    let body = json!({"request_id": id, "rating": "bad", "reason": format!("it printed {secret}")});
    let taken = proxy.client().send(Method::POST, "/v1/feedback", body.to_string()).await.json();
    assert_eq!(taken["reason_kept"], false, "{taken}");
    assert!(!run(&proxy, &["feedback", "list", "--json"]).contains("ghp_"));
    assert_eq!(run(&proxy, &["feedback", "remove", &id]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_keeps_its_arm_and_the_verdict_is_what_one_reckons_by_hand() {
    let small = Upstream::start([Reply::chat("small")]).await;
    let large = Upstream::start([Reply::chat("large")]).await;
    let proxy = Proxy::start(&compared(&small, &large, 3600, "")).await;
    until_it_is(&proxy, "running").await;
    let (mut requests, mut bad) = ([0_u32; 2], [0_u32; 2]);
    for session in 0..24 {
        let mut arms = Vec::new();
        for _ in 0..2 {
            let answer = asked(&proxy, &format!("s{session}")).await;
            let arm = usize::from(answer.header("x-weighbridge-tier") == "cheap");
            arms.push(arm);
            requests[arm] += 1;
            if session % 3 == 0 {
                bad[arm] += 1;
                rate(&proxy.client(), answer.header("x-weighbridge-request-id"), "bad").await;
            } else {
                rate(&proxy.client(), answer.header("x-weighbridge-request-id"), "good").await;
            }
        }
        assert_eq!(arms[0], arms[1], "session {session}");
    }
    assert!(requests[0] > 4 && requests[1] > 4, "{requests:?}");
    let report = run_json(&proxy, &["report", "--experiment", "try", "--json"]);
    let figures = report["figures"].as_array().expect("arms");
    // 10 tokens in and 5 out: 20 µUSD on the small model (1 and 2 USD a million), 200 on the large (10 and 20).
    for (place, (arm, cost)) in [("control", 200e-6), ("small", 20e-6)].into_iter().enumerate() {
        let one = &figures[place];
        assert_eq!((&one["arm"], &one["requests"]), (&json!(arm), &json!(requests[place])));
        assert_eq!(one["sessions"], requests[place] / 2);
        let near = |pointer: &str, expected: f64| {
            let found = one.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer}: {one}"));
            assert!((found - expected).abs() < 1e-9, "{pointer} is {found}, not {expected}");
        };
        near("/cost_usd", cost * f64::from(requests[place]));
        near("/cost_per_request/value", cost);
        near("/cost_per_session/value", 2.0 * cost);
        near("/bad_feedback/value", f64::from(bad[place]) / f64::from(requests[place]));
        near("/failures/value", 0.0);
    }
    assert_eq!(report["verdicts"][0]["verdict"], "converge", "{report}");
    let sentence = report["verdicts"][0]["sentence"].as_str().expect("a sentence");
    assert!(sentence.starts_with("small is cheaper by 90 % [90, 90] a request"), "{sentence}");
    let text = run(&proxy, &["report", "--experiment", "try"]);
    assert!(text.contains("put `route = \"cheap\"` in the place of `experiment`"), "{text}");
    let standing = within(async {
        loop {
            let standing = run_json(&proxy, &["experiments", "--json"]);
            if standing[0]["arms"][0]["requests"] == requests[0] {
                return standing;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(standing[0]["state"], "running");
    assert_eq!(standing[0]["extra_usd"], "0.00", "an arm that saves costs nothing beyond control");
    let gauge = proxy.metric("weighbridge_experiment_arm_requests{experiment=\"try\",arm=\"small\"}").await;
    assert_eq!(gauge, f64::from(requests[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_experiment_ends_with_its_money_for_good() {
    let small = Upstream::start([Reply::chat("small")]).await;
    let large = Upstream::start([Reply::chat("large")]).await;
    // The dear tier is the one that is tried: each of its requests costs 180 µUSD more.
    let rule = format!(
        "experiment = {{ name = \"try\", arms = {{ control = \"cheap\", dear = \"large\" }}, control = \"control\", \
         from = {}, until = {}, max_extra_usd = 0.0005 }}",
        date(-60),
        date(3600)
    );
    let routes = with_rule(&routes(&small.url(), &large.url()), &rule);
    let proxy = Proxy::start(&routes).await;
    until_it_is(&proxy, "running").await;
    let mut dear = 0;
    for session in 0.. {
        dear += u32::from(asked(&proxy, &format!("s{session}")).await.header("x-weighbridge-tier") == "large");
        if dear == 3 {
            break;
        }
    }
    until_it_is(&proxy, "spend").await;
    for session in 0..20 {
        assert_eq!(asked(&proxy, &format!("s{session}")).await.header("x-weighbridge-tier"), "cheap");
    }
    let alerts = within(async {
        loop {
            let standing = run_json(&proxy, &["experiments", "--json"]);
            if standing[0]["detail"].is_string() {
                return standing;
            }
        }
    })
    .await;
    assert_eq!((&alerts[0]["state"], &alerts[0]["extra_usd"]), (&json!("spend"), &json!("0.00054")));
    // What ended stays so after a restart.
    let (_, folder, app) = proxy.into_parts();
    app.shut_down().await.expect("closed");
    let again = Proxy::start_in(folder, &routes).await;
    assert_eq!(asked(&again, "s0").await.header("x-weighbridge-tier"), "cheap");
    until_it_is(&again, "spend").await;
    assert_eq!(run_json(&again, &["experiments", "--json"])[0]["extra_usd"], "0.00054", "nothing counts twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_experiment_ends_when_an_arm_does_worse() {
    let small = Upstream::start([Reply::error(500, &[], "broken")]).await;
    let large = Upstream::start([Reply::chat("large")]).await;
    let routes =
        compared(&small, &large, 3600, ", guard = { metric = \"escalations\", worse_by = \"20%\", min_requests = 10 }");
    let routes = routes.replace("retries = { max = 1, base = \"10ms\", cap = \"2s\" }", "retries = { max = 0 }");
    let proxy = Proxy::start(&format!("{routes}\n[alerts]\nevery = \"1s\"\n")).await;
    until_it_is(&proxy, "running").await;
    for session in 0..60 {
        assert_eq!(asked(&proxy, &format!("s{session}")).await.status, StatusCode::OK, "the large tier answers then");
    }
    until_it_is(&proxy, "guard").await;
    let standing = run_json(&proxy, &["experiments", "--json"]);
    let detail = standing[0]["detail"].as_str().expect("why");
    assert!(detail.contains("arm small of experiment try does worse than control in escalations"), "{detail}");
    let firing = within(async {
        loop {
            let firing = proxy.metric("weighbridge_alert_firing{kind=\"experiment\",alert=\"try\"}").await;
            if firing > 0.0 {
                return firing;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(firing, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_experiment_ends_with_its_time() {
    let small = Upstream::start([Reply::chat("small")]).await;
    let large = Upstream::start([Reply::chat("large")]).await;
    let proxy = Proxy::start(&compared(&small, &large, 3, "")).await;
    until_it_is(&proxy, "running").await;
    let mut session = 0;
    while asked(&proxy, &format!("s{session}")).await.header("x-weighbridge-tier") != "cheap" {
        session += 1;
    }
    until_it_is(&proxy, "date").await;
    assert_eq!(asked(&proxy, &format!("s{session}")).await.header("x-weighbridge-tier"), "large");
    let rows = proxy.entries(session + 2, "json_extract(decision, '$.reasons[1].reason')").await;
    assert_eq!((rows[session][0].as_str(), rows[session + 1][0].as_str()), ("experiment", "experiment_over"));
}

#[test]
fn an_experiment_must_have_an_end_and_make_sense() {
    let of = |experiment: &str| {
        told(&with_rule(
            &routes("http://127.0.0.1:1", "http://127.0.0.1:1"),
            &format!("experiment = {{ {experiment} }}"),
        ))
    };
    let arms =
        "name = \"try\", arms = { control = \"large\", small = \"cheap\" }, control = \"control\", from = 2020-01-01";
    let check = |experiment: &str, expected: &str| {
        let told = of(experiment);
        assert!(told.contains(expected), "{experiment}:\n{told}");
    };
    check(arms, "has no `until`, so it would never end");
    check(&format!("{arms}, until = 2020-02-01"), "ended on 2020-02-01: its control counts since");
    check(&format!("{arms}, until = 2019-01-01"), "which is not after it begins");
    check(&arms.replace("control = \"control\"", "control = \"old\""), "which is none of its arms");
    check(&format!("{arms}, until = 2099-01-01, weights = {{ tiny = 3 }}"), "`weights`");
    check(&format!("{arms}, until = 2099-01-01, guard = {{ metric = \"failures\", worse_by = \"5\" }}"), "`worse_by`");
    assert_eq!(of(&format!("{arms}, until = 2099-01-01, weights = {{ small = 3 }}, max_extra_usd = 5.0")), "");
}
