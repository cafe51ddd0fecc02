//! What the money bought, from the outside: traffic, signed webhooks, the report, and an alert that is told once.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use hyper::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use weighbridge::config::{self, Strictness};
use weighbridge::store::{self, Place, Store};
use weighbridge::value::alerts::register::{Look, Register};
use weighbridge::value::alerts::{Condition, Finding, Kind};
use weighbridge::value::book::Book;

use crate::support::client::Client;
use crate::support::proxy::routes;
use crate::support::upstream::within;
use crate::support::{Answer, Postgres, Proxy, Reply, Upstream, chat};

const SECRET: &str = "a secret that both sides have";
const TOKEN: &str = "wba-script";
const DAY: i64 = 86_400_000;

/// What one request of these tests costs: 10 tokens at 1 USD a million and 5 at 2 USD, in pico-dollars.
const REQUEST: i64 = 20_000_000;

fn now_millis() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The admin port, asked by an operator.
fn admin(proxy: &Proxy) -> Client {
    proxy.admin().with("x-weighbridge-admin-token", TOKEN)
}

/// The value of a metric: the line that begins like this.
async fn metric(proxy: &Proxy, line: &str) -> f64 {
    let answer = admin(proxy).get("/metrics").await;
    let found = answer.text().lines().find(|candidate| candidate.starts_with(line));
    found.and_then(|found| found.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
}

/// A configuration with a webhook's secret in a file and alerts that go to `receiver`.
fn configured(upstream: &Upstream, secrets: &Path, receiver: &str) -> String {
    let url = upstream.url();
    let secret = secrets.join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    format!(
        r#"{}
[admin.tokens.script]
sha256 = "{digest}"
role = "operator"

[outcomes]
github = {{ secret = {{ file = "{secret}" }} }}
gitlab = {{ token = {{ file = "{secret}" }} }}
branches = [{{ branch = "search/*", repository = "example/shop", feature = "search" }}]
engineers = {{ "octocat" = "ana" }}

[alerts]
webhook = "{receiver}"
every = "1s"
cost_per_outcome = [{{ name = "dearer", feature = "*", window = "7d", baseline = "28d", factor = 1.5, min_outcomes = 2 }}]
"#,
        routes(&url, &url),
        digest = hex(&Sha256::digest(TOKEN)),
        secret = secret.display(),
    )
}

fn merged(number: u64, branch: &str, at: &str) -> String {
    json!({
        "action": "closed", "number": number,
        "pull_request": {
            "number": number, "merged": true, "merged_at": at, "title": "Free text that is not kept",
            "user": {"login": "octocat"}, "head": {"ref": branch},
        },
        "repository": {"full_name": "example/shop"},
    })
    .to_string()
}

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

async fn deliver(proxy: &Proxy, delivery: &str, event: &str, signature: &str, body: &str) -> Answer {
    let github = proxy.admin().with("x-hub-signature-256", signature).with("x-github-event", event);
    // GitHub names the host that it was given, not this machine's address.
    let github = github.with("x-github-delivery", delivery).with("host", "hooks.example.com");
    github.send(Method::POST, "/api/v1/webhooks/github", body.to_owned()).await
}

/// `weighbridge` with these arguments and this configuration.
fn run(routes: &Path, arguments: &[&str]) -> (i32, String) {
    let ran =
        Command::new(env!("CARGO_BIN_EXE_weighbridge")).args(arguments).arg("--config").arg(routes).output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    (ran.status.code().unwrap(), String::from_utf8(said).unwrap())
}

fn report(routes: &Path, arguments: &[&str]) -> Value {
    let (code, said) = run(routes, &[&["report", "--json"], arguments].concat());
    assert_eq!(code, 0, "{said}");
    serde_json::from_str(&said).unwrap()
}

fn line<'r>(report: &'r Value, by: &str, key: &str) -> &'r Value {
    let lines = report["lines"].as_array().unwrap();
    lines.iter().find(|line| line["keys"][by] == key).unwrap_or_else(|| panic!("{key}: {report:#}"))
}

/// Pico-dollars as the exact decimal text of reports.
fn usd(pico: i64) -> String {
    let text = format!("{}.{:012}", pico / 1_000_000_000_000, pico % 1_000_000_000_000);
    let kept = text.trim_end_matches('0').len().max(text.find('.').unwrap() + 3);
    text[..kept].to_owned()
}

fn at(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_pull_requests_have_a_price_to_the_pico_dollar() {
    let upstream = Upstream::start([Reply::chat("Done.")]).await;
    let secrets = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&configured(&upstream, secrets.path(), "http://127.0.0.1:9/")).await;
    for (feature, branch, count) in [
        ("checkout", "checkout/a", 3),
        ("checkout", "example/shop:checkout/b", 2),
        ("", "search/a", 4),
        ("", "stray", 1),
    ] {
        let caller = proxy.client().with("x-weighbridge-branch", branch);
        let caller = if feature.is_empty() { caller } else { caller.with("x-weighbridge-feature", feature) };
        for _ in 0..count {
            assert_eq!(caller.chat(chat("Rename the variable.")).await.status, StatusCode::OK);
        }
    }
    proxy.entries(10, "cost_pico").await;

    let now = at(now_millis());
    let (one, two, three) = (merged(1, "checkout/a", &now), merged(2, "checkout/b", &now), merged(3, "search/a", &now));
    for (delivery, body) in [("d-1", &one), ("d-2", &two), ("d-3", &three)] {
        let answer = deliver(&proxy, delivery, "pull_request", &signature(SECRET, body), body).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({"new": 1, "known": 0})));
    }
    // The same again, delivered again or anew, changes nothing.
    for delivery in ["d-1", "d-9"] {
        let answer = deliver(&proxy, delivery, "pull_request", &signature(SECRET, &one), &one).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({"new": 0, "known": 1})));
    }
    // What is not signed with the secret learns nothing and leaves nothing.
    let forged = merged(4, "checkout/a", &now);
    for bad in [signature("another secret", &forged), signature(SECRET, &one), "sha256=00".to_owned()] {
        let answer = deliver(&proxy, "d-4", "pull_request", &bad, &forged).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::UNAUTHORIZED, ""));
    }
    let ping = deliver(&proxy, "d-5", "ping", &signature(SECRET, "{}"), "{}").await;
    assert_eq!(ping.status, StatusCode::OK);
    let push = deliver(&proxy, "d-6", "push", &signature(SECRET, "{}"), "{}").await;
    assert_eq!(push.status, StatusCode::NO_CONTENT);
    assert_eq!(metric(&proxy, r#"weighbridge_outcomes_total{source="github",result="new"}"#).await, 3.0);
    assert_eq!(metric(&proxy, r#"weighbridge_outcomes_total{source="github",result="known"}"#).await, 2.0);
    assert_eq!(metric(&proxy, r#"weighbridge_outcomes_total{source="github",result="refused"}"#).await, 3.0);

    let by_pr = report(&proxy.routes_path(), &["--by", "pr", "--per", "merged-pr"]);
    for (number, requests) in [(1, 3), (2, 2), (3, 4)] {
        let line = line(&by_pr, "pr", &format!("example/shop#{number}"));
        assert_eq!(line["direct_per_outcome_usd"], usd(requests * REQUEST), "{line:#}");
    }
    let by_feature = report(&proxy.routes_path(), &["--by", "feature", "--per", "outcome"]);
    let checkout = line(&by_feature, "feature", "checkout");
    assert_eq!((&checkout["outcomes"], &checkout["cost_per_outcome_usd"]), (&json!(2), &json!(usd(5 * REQUEST / 2))));
    let search = line(&by_feature, "feature", "search");
    assert_eq!(search["cost_per_outcome_usd"], usd(4 * REQUEST), "its branch says what it is for");
    assert_eq!(by_feature["total"]["spend"]["cost_usd"], usd(10 * REQUEST));
    assert_eq!(by_feature["total"]["joined"]["cost_usd"], usd(9 * REQUEST));
    assert_eq!(by_feature["total"]["unjoined"]["cost_usd"], usd(REQUEST));
    let by_engineer = report(&proxy.routes_path(), &["--by", "engineer", "--per", "outcome"]);
    assert_eq!(line(&by_engineer, "engineer", "ana")["outcomes"], 3, "the code host's name is mapped");
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_come_from_gitlab_scripts_and_files_too() {
    let upstream = Upstream::start([Reply::chat("Done.")]).await;
    let secrets = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&configured(&upstream, secrets.path(), "http://127.0.0.1:9/")).await;
    let merge_request = json!({
        "user": {"id": 51, "username": "octocat"}, "project": {"path_with_namespace": "group/project"},
        "object_attributes": {"iid": 7, "action": "merge", "source_branch": "x", "author_id": 51, "updated_at": at(now_millis())},
    })
    .to_string();
    let gitlab = |token: &str| {
        proxy
            .admin()
            .with("x-gitlab-token", token)
            .with("x-gitlab-event", "Merge Request Hook")
            .with("idempotency-key", "d-1")
    };
    let path = "/api/v1/webhooks/gitlab";
    assert_eq!(gitlab("wrong").send(Method::POST, path, merge_request.clone()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        gitlab(SECRET).send(Method::POST, path, merge_request.clone()).await.json(),
        json!({"new": 1, "known": 0})
    );
    assert_eq!(gitlab(SECRET).send(Method::POST, path, merge_request).await.json(), json!({"new": 0, "known": 1}));
    let stranger = proxy.admin().send(Method::POST, "/api/v1/outcomes", "{}").await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "scripts need a token of the admin port");

    let post = |body: Value| {
        let admin = admin(&proxy);
        async move { admin.send(Method::POST, "/api/v1/outcomes", body.to_string()).await }
    };
    let ticket = json!({"kind": "closed-ticket", "id": "PAY-7", "at": at(now_millis()), "feature": "checkout"});
    assert_eq!(post(ticket.clone()).await.json(), json!({"new": 1, "known": 0}));
    assert_eq!(
        post(json!([ticket, {"id": "PAY-8", "at": at(now_millis())}])).await.json(),
        json!({"new": 1, "known": 1})
    );
    let bad = post(json!([{"id": "PAY-9", "at": at(now_millis())}, {"id": "PAY-10"}])).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    assert!(bad.text().contains("outcome 2: it has no `at`"), "{}", bad.text());
    let listed = admin(&proxy).get("/api/v1/outcomes").await.json();
    let ids: Vec<&str> = listed["outcomes"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3, "{ids:?}: nothing of what was refused");

    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "kind,id,at,feature\nclosed-ticket,PAY-7,2026-11-01T00:00:00Z,other\nclosed-ticket,PAY-11,2026-11-01T00:00:00Z,checkout\nclosed-ticket,PAY-12,soon,").unwrap();
    let file = file.path().to_str().unwrap();
    let (code, said) = run(&proxy.routes_path(), &["outcomes", "import", file]);
    assert!(code == 2 && said.contains("line 4: `at` cannot be `soon`"), "{code} {said}");
    let (code, said) = run(&proxy.routes_path(), &["outcomes", "import", "--skip-bad", file]);
    assert!(code == 1 && said.contains("1 new, 1 known already, 1 left out"), "{code} {said}");
    let (_, listed) = run(&proxy.routes_path(), &["outcomes", "list", "--json"]);
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let ticket = listed.iter().find(|one| one["id"] == "PAY-7").unwrap();
    assert_eq!((listed.len(), ticket["feature"].as_str()), (4, Some("checkout")), "what is known stays as it is");
    assert_eq!(listed.iter().find(|one| one["id"] == "group/project!7").unwrap()["engineer"], "ana");
    assert_eq!(run(&proxy.routes_path(), &["outcomes", "remove", "closed-ticket", "PAY-11"]).0, 0);
    assert_eq!(run(&proxy.routes_path(), &["outcomes", "remove", "closed-ticket", "PAY-11"]).0, 2);
}

/// Entries of the past: copies of one that the proxy wrote, at other times, of a feature and at a cost.
fn backdate(ledger: &Path, feature: &str, at_millis: i64, cost_pico: i64) {
    let ledger = Connection::open(ledger).unwrap();
    ledger.busy_timeout(Duration::from_secs(5)).unwrap();
    let mut columns: Vec<String> = ledger
        .prepare("SELECT name FROM pragma_table_info('entries')")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    columns.retain(|column| !["seq", "id", "at_millis", "feature", "cost_pico"].contains(&column.as_str()));
    let columns = columns.join(", ");
    let copy = format!(
        "INSERT INTO entries (id, at_millis, feature, cost_pico, {columns}) \
         SELECT randomblob(16), ?1, ?2, ?3, {columns} FROM entries WHERE feature = 'seed' LIMIT 1"
    );
    assert_eq!(ledger.execute(&copy, (at_millis, feature, cost_pico)).unwrap(), 1);
}

async fn ship(proxy: &Proxy, feature: &str, id: &str, at_millis: i64) {
    let outcome = json!({"id": id, "at": at(at_millis), "feature": feature}).to_string();
    let answer = admin(proxy).send(Method::POST, "/api/v1/outcomes", outcome).await;
    assert_eq!(answer.json(), json!({"new": 1, "known": 0}));
}

/// The states that were told of features, by messages that the receiver took.
#[derive(Clone, Default)]
struct Receiver {
    taken: Arc<Mutex<Vec<Value>>>,
    refused: Arc<Mutex<usize>>,
}

impl Receiver {
    /// A receiver that answers 500 twice first.
    async fn start(&self) -> Upstream {
        let receiver = self.clone();
        Upstream::start_answering_each(move |seen| {
            let mut refused = receiver.refused.lock().unwrap();
            if *refused < 2 {
                *refused += 1;
                return Reply::json(500, &[], "{}");
            }
            assert_eq!(seen.header("content-type"), Some("application/json"));
            assert!(seen.header("idempotency-key").is_some_and(|id| id.contains('#')));
            receiver.taken.lock().unwrap().push(seen.json());
            Reply::json(200, &[], "ok")
        })
        .await
    }

    fn told(&self) -> Vec<(String, String)> {
        let text = |message: &Value, field: &str| {
            message["metadata"]["event_payload"][field].as_str().unwrap_or_else(|| panic!("{message:#}")).to_owned()
        };
        let taken = self.taken.lock().unwrap();
        taken.iter().map(|message| (text(message, "subject"), text(message, "state"))).collect()
    }

    async fn has_told(&self, expected: &[(&str, &str)]) {
        let owned: Vec<(String, String)> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        within(async {
            while self.told().len() < owned.len() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        assert_eq!(self.told(), owned);
    }

    /// Several looks and rounds of sending later, nothing more has been told.
    async fn stays_silent(&self, proxy: &Proxy) {
        let before = self.told();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(self.told(), before);
        assert!(metric(proxy, "weighbridge_alert_failures_total").await <= 2.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_dearer_is_told_once_and_once_that_it_is_over() {
    let upstream = Upstream::start([Reply::chat("Done.")]).await;
    let receiver = Receiver::default();
    let far = receiver.start().await;
    let secrets = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&configured(&upstream, secrets.path(), &format!("{}/hook", far.url()))).await;
    assert_eq!(proxy.client().with("x-weighbridge-feature", "seed").chat(chat("Hello.")).await.status, StatusCode::OK);
    proxy.entries(1, "feature").await;
    let (ledger, now) = (proxy.ledger_path(), now_millis());

    // Both features cost 1,000 an outcome before; now checkout costs 2,000.
    for feature in ["checkout", "search"] {
        backdate(&ledger, feature, now - 20 * DAY, 4_000);
        for number in 0..4 {
            ship(&proxy, feature, &format!("{feature}-old-{number}"), now - 15 * DAY).await;
        }
        for number in 0..2 {
            ship(&proxy, feature, &format!("{feature}-new-{number}"), now - DAY).await;
        }
    }
    backdate(&ledger, "search", now - 2 * DAY, 2_000);
    backdate(&ledger, "checkout", now - 2 * DAY, 4_000);
    receiver.has_told(&[("feature checkout", "firing")]).await;
    receiver.stays_silent(&proxy).await;
    assert_eq!(*receiver.refused.lock().unwrap(), 2, "it was tried until it was taken");
    let firing = r#"weighbridge_alert_firing{kind="cost_per_outcome",alert="dearer"}"#;
    assert_eq!(metric(&proxy, firing).await, 1.0);
    assert_eq!(metric(&proxy, "weighbridge_alerts_sent_total").await, 1.0);
    assert_eq!(metric(&proxy, "weighbridge_alert_failures_total").await, 2.0);
    let (code, said) = run(&proxy.routes_path(), &["alerts"]);
    assert!(code == 1 && said.contains("dearer  feature checkout  FIRES since"), "{code} {said}");

    // A restart tells nothing again.
    let routes = proxy.routes_path();
    let (_, folder, app) = proxy.into_parts();
    app.shut_down().await.unwrap();
    let config = config::load(&routes, SystemTime::now(), &|_| None, Strictness::Serve).unwrap();
    let app = weighbridge::app::App::start(&routes, config).await.unwrap();
    let proxy = Proxy::running(app, folder);
    receiver.stays_silent(&proxy).await;
    assert_eq!(metric(&proxy, firing).await, 1.0);

    // Two more outcomes at no more cost, and it is over.
    for number in 2..4 {
        ship(&proxy, "checkout", &format!("checkout-new-{number}"), now - DAY).await;
    }
    receiver.has_told(&[("feature checkout", "firing"), ("feature checkout", "cleared")]).await;
    receiver.stays_silent(&proxy).await;
    assert_eq!(metric(&proxy, firing).await, 0.0);
    let alerts = admin(&proxy).get("/api/v1/alerts").await.json();
    assert_eq!((alerts["alerts"].as_array().unwrap().len(), &alerts["alerts"][0]["firing"]), (1, &json!(false)));
    let text = receiver.taken.lock().unwrap()[1]["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("Alert dearer is over: feature checkout (it is back below 95%"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_tells_each_percentage_once_and_that_its_limit_was_raised() {
    let upstream = Upstream::start([Reply::chat("Done.")]).await;
    let receiver = Receiver::default();
    let far = receiver.start().await;
    let secrets = tempfile::tempdir().unwrap();
    let budget = |usd: &str| {
        let routes = configured(&upstream, secrets.path(), &far.url());
        format!("{routes}\n[[budgets]]\nname = \"tiny\"\nlimit = {usd}\nalerts = [50, 100]\non_exceeded = \"allow\"\n")
    };
    // Five requests' worth.
    let proxy = Proxy::start(&budget("0.0001")).await;
    let spend = async |count: usize| {
        for _ in 0..count {
            assert_eq!(proxy.client().chat(chat("Rename the variable.")).await.status, StatusCode::OK);
        }
    };
    spend(3).await;
    let firing = ("everybody", "firing");
    receiver.has_told(&[firing]).await;
    spend(3).await;
    receiver.has_told(&[firing, firing]).await;
    receiver.stays_silent(&proxy).await;
    let gauge = r#"weighbridge_alert_firing{kind="budget",alert="tiny"}"#;
    assert_eq!(metric(&proxy, gauge).await, 2.0);
    let percent = |place: usize| {
        let summary = receiver.taken.lock().unwrap()[place]["metadata"]["event_payload"]["summary"].clone();
        summary.as_str().unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!((percent(0), percent(1)), ("50%.".to_owned(), "100%.".to_owned()));

    std::fs::write(proxy.routes_path(), budget("1")).unwrap();
    proxy.app.reload();
    let over = ("everybody", "cleared");
    receiver.has_told(&[firing, firing, over, over]).await;
    receiver.stays_silent(&proxy).await;
    assert_eq!(metric(&proxy, gauge).await, 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_replicas_share_outcomes_and_alerts_in_postgres() {
    let (upstream, database) = (Upstream::start([Reply::chat("Done.")]).await, Postgres::start().await);
    let secrets = tempfile::tempdir().unwrap();
    let replica = || {
        let routes = configured(&upstream, secrets.path(), "http://127.0.0.1:9/");
        format!("{routes}\n[ledger]\nurl = \"{}\"\nship_interval = \"20ms\"\n", database.address())
    };
    let (one, other) = (Proxy::start(&replica()).await, Proxy::start(&replica()).await);
    for (proxy, count) in [(&one, 2), (&other, 3)] {
        let caller =
            proxy.client().with("x-weighbridge-feature", "checkout").with("x-weighbridge-branch", "checkout/a");
        for _ in 0..count {
            assert_eq!(caller.chat(chat("Rename the variable.")).await.status, StatusCode::OK);
        }
    }
    within(async {
        while database.number("SELECT count(*) FROM entries").await < 5 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let body = merged(1, "checkout/a", &at(now_millis()));
    let mut told = Vec::new();
    for proxy in [&one, &other] {
        told.push(deliver(proxy, "d-1", "pull_request", &signature(SECRET, &body), &body).await.json());
    }
    assert_eq!(told, [json!({"new": 1, "known": 0}), json!({"new": 0, "known": 1})]);
    for proxy in [&one, &other] {
        let report = report(&proxy.routes_path(), &["--by", "feature", "--per", "outcome"]);
        let checkout = line(&report, "feature", "checkout");
        assert_eq!((&checkout["outcomes"], &checkout["direct_usd"]), (&json!(1), &json!(usd(5 * REQUEST))));
    }

    // An alert that both find at once fires once, and its message is sent once.
    let pool = || store::postgres::pool(&database.address()).unwrap();
    let mut books = Vec::new();
    for _ in 0..3 {
        books.push(Book::new(Store::open(Place::Postgres(pool())).await.unwrap()));
    }
    let finding = |condition| Finding {
        id: "cost_per_outcome/theirs/checkout".into(),
        name: "theirs".into(),
        kind: Kind::CostPerOutcome,
        subject: "feature checkout".into(),
        condition,
        summary: "Figures.".into(),
        until_millis: None,
    };
    for (step, condition) in [Condition::Bad, Condition::Good("it is better".into())].into_iter().enumerate() {
        let now_millis = now_millis() + step as i64;
        let look = Look { now_millis, stale_millis: DAY, posts: true };
        let looks = books.iter().map(|book| {
            let (register, finding) = (Register::new(book.clone()), finding(condition.clone()));
            tokio::spawn(async move { register.take_in(&[finding], look).await.unwrap() })
        });
        let mut moved = 0;
        for changes in looks.collect::<Vec<_>>() {
            let changes = changes.await.unwrap();
            moved += changes.fired.len() + changes.cleared.len();
        }
        assert_eq!(moved, 1, "{condition:?}");
    }
    assert_eq!(database.number("SELECT count(*) FROM messages WHERE alert LIKE '%theirs%'").await, 2);
    let alerts = Register::new(books[0].clone()).alerts().await.unwrap();
    assert!(alerts.iter().any(|alert| alert.name == "theirs" && !alert.firing && alert.episode == 1), "{alerts:?}");
}
