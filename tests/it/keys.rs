//! Keys and admin tokens made while proxies run: on the admin port, at the command line, in one file and in one database.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use weighbridge::domain::{digest, hex};
use weighbridge::registry::Moment;

use crate::support::client::Client;
use crate::support::proxy::routes;
use crate::support::upstream::within;
use crate::support::{Answer, Postgres, Process, Proxy, Reply, Upstream, chat};

/// A revoked key must be refused within this time on every replica.
const SECOND: Duration = Duration::from_secs(1);

/// Tokens of all roles, as routes.toml has them; each is `wba-` and its role.
fn tokens() -> String {
    let token = |role: &str| {
        let sha256 = hex(&digest(&format!("wba-{role}")));
        format!("[admin.tokens.{role}]\nsha256 = \"{sha256}\"\nrole = \"{role}\"\n")
    };
    ["viewer", "operator", "admin"].map(token).concat()
}

async fn upstream() -> Upstream {
    Upstream::start([Reply::chat("ok")]).await
}

/// A proxy whose file has all tokens, and more.
async fn started(upstream: &Upstream, more: &str) -> Proxy {
    Proxy::start(&format!("{}\n{}{more}", routes(&upstream.url(), &upstream.url()), tokens())).await
}

fn as_role(admin: Client, role: &str) -> Client {
    admin.with("authorization", &format!("Bearer wba-{role}"))
}

async fn post(admin: &Client, path: &str, body: Value) -> Answer {
    admin.send(Method::POST, path, body.to_string()).await
}

/// Makes a key and gives its secret.
async fn make(admin: &Client, key: Value) -> String {
    let made = post(admin, "/api/v1/keys", key).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["secret"].as_str().unwrap().to_owned()
}

async fn ask(client: &Client, secret: &str) -> Answer {
    client.with("authorization", &format!("Bearer {secret}")).chat(chat("hello")).await
}

/// Asks with this secret until it has the status, and says how long that took.
async fn until(client: &Client, secret: &str, status: u16) -> (Duration, Answer) {
    let began = Instant::now();
    within(async {
        loop {
            let answer = ask(client, secret).await;
            if answer.status == status {
                return (began.elapsed(), answer);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

/// Makes, rotates and revokes a key at the first of two proxies, and sees what both do.
async fn both_know(first: (Client, Client), second: (Client, Client)) -> Vec<String> {
    let ((client, admin), (other, other_admin)) = (first, second);
    let (admin, other_admin) = (as_role(admin, "operator"), as_role(other_admin, "operator"));
    assert_eq!(client.chat(chat("hello")).await.status, 200, "no key was ever made");
    let key = json!({"name": "ana", "engineer": "ana", "team": "payments", "feature": "checkout"});
    let old = make(&admin, key).await;
    for one in [&client, &other] {
        assert!(until(one, &old, 200).await.0 < SECOND);
        let (took, refused) = until(one, "wb-nobody", 401).await;
        assert!(took < SECOND && refused.text().contains("not known"), "{}", refused.text());
    }
    let rotated = post(&admin, "/api/v1/keys/ana/rotate", json!({"grace": "1h"})).await.json();
    let new = rotated["secret"].as_str().unwrap().to_owned();
    assert!(new.starts_with(rotated["key"]["prefix"].as_str().unwrap().trim_end_matches('…')));
    for one in [&client, &other] {
        assert!(until(one, &new, 200).await.0 < SECOND);
        assert_eq!(ask(one, &old).await.status, 200, "the grace has not passed");
    }
    let last = post(&admin, "/api/v1/keys/ana/rotate", json!({})).await.json()["secret"].as_str().unwrap().to_owned();
    for one in [&client, &other] {
        let (took, refused) = until(one, &new, 401).await;
        assert!(took < SECOND && refused.text().contains("another secret"), "{}", refused.text());
        assert_eq!(ask(one, &last).await.status, 200);
    }
    let revoked = post(&other_admin, "/api/v1/keys/ana/revoke", json!({})).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    for one in [&client, &other] {
        let (took, refused) = until(one, &last, 401).await;
        assert!(took < SECOND, "{took:?}");
        assert!(refused.text().contains("`ana` was revoked") && !refused.text().contains(&last), "{}", refused.text());
        assert_eq!(one.chat(chat("hello")).await.status, 401, "the last key was revoked: that opens nothing");
    }
    let log = as_role(admin, "viewer").get("/api/v1/audit").await.json();
    let log = log["audit"].as_array().unwrap();
    let told: Vec<_> = log.iter().map(|line| (line["what"].as_str().unwrap(), line["who"].as_str().unwrap())).collect();
    let by = "operator@api";
    let expected = [("key.revoke", by), ("key.rotate", by), ("key.rotate", by), ("key.create", by), ("rules", "file")];
    assert_eq!(told[..5], expected);
    assert_eq!((&log[0]["before"]["revoked"], &log[0]["after"]["revoked"]["by"]), (&Value::Null, &json!(by)));
    assert_eq!(log[3]["after"]["team"], "payments");
    vec![old, new, last]
}

/// What is random of a secret, which nothing may hold.
fn random_part(secret: &str) -> &str {
    &secret[secret.len() - 39..]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_file_know_of_each_key_within_a_second() {
    let upstream = upstream().await;
    let shared = tempfile::tempdir().unwrap();
    let start = |name: &str| {
        let folder = shared.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let ledger = format!("[ledger]\npath = \"{}\"\n", shared.path().join(format!("{name}.db")).display());
        let text = format!("{}\n{}{ledger}", routes(&upstream.url(), &upstream.url()), tokens());
        std::fs::write(folder.join("routes.toml"), text).unwrap();
        Process::start(&folder)
    };
    let (one, two) = (start("one"), start("two"));
    let secrets = both_know((one.client(), one.admin()), (two.client(), two.admin())).await;
    let metrics = as_role(one.admin(), "viewer").get("/metrics").await;
    for file in std::fs::read_dir(shared.path()).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file())
    {
        let bytes = std::fs::read(&file).unwrap();
        for secret in &secrets {
            let found = memchr::memmem::find(&bytes, random_part(secret).as_bytes());
            assert!(found.is_none(), "{} holds a secret", file.display());
            assert!(!metrics.text().contains(random_part(secret)));
        }
    }
    assert!(shared.path().join("registry.db").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_proxies_on_one_database_know_of_each_key_within_a_second_and_outlive_it() {
    let (upstream, mut database) = (upstream().await, Postgres::start().await);
    let ledger = format!("[ledger]\nurl = \"{}\"\n", database.address());
    let (one, two) = (started(&upstream, &ledger).await, started(&upstream, &ledger).await);
    let secrets = both_know((one.client(), one.admin()), (two.client(), two.admin())).await;
    let tables =
        "SELECT (SELECT string_agg(k::text, ' ') FROM keys k) || (SELECT string_agg(a::text, ' ') FROM audit a)";
    let stored: String = database.query(tables).await[0].get(0);
    assert!(stored.contains("wb-ana-") && secrets.iter().all(|secret| !stored.contains(random_part(secret))));

    let good = make(&as_role(one.admin(), "operator"), json!({"name": "bo"})).await;
    assert!(until(&two.client(), &good, 200).await.0 < SECOND);
    database.stop_immediately();
    within(async {
        let metrics = as_role(two.admin(), "viewer");
        while !metrics.get("/metrics").await.text().lines().any(|line| stale_seconds(line).is_some_and(|age| age > 1.0))
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(ask(&two.client(), &good).await.status, 200, "what was last known counts");
    assert_eq!(ask(&two.client(), &secrets[2]).await.status, 401, "and so does what was revoked");
    let refused = post(&as_role(one.admin(), "operator"), "/api/v1/keys", json!({"name": "cy"})).await;
    assert_eq!((refused.status.as_u16(), refused.json()["error"]["code"].as_str()), (503, Some("store")));
    let text = std::fs::read_to_string(two.routes_path()).unwrap();
    let ledger_path = two.ledger_path();
    let (_, folder, app) = two.into_parts();
    within(app.shut_down()).await.unwrap();
    let here = format!("[ledger]\npath = \"{}\"", ledger_path.display());
    let two = Proxy::start(&text.replace("[ledger]", &here)).await;
    assert_eq!(ask(&two.client(), &good).await.status, 200, "what was copied counts after a start");
    assert_eq!(ask(&two.client(), &secrets[2]).await.status, 401, "{}", folder.path().display());
    database.start_again().await;
    let again = within(async {
        loop {
            let made = post(&as_role(one.admin(), "operator"), "/api/v1/keys", json!({"name": "cy"})).await;
            if made.status == 201 {
                return made.json()["secret"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    until(&two.client(), &again, 200).await;
}

fn stale_seconds(line: &str) -> Option<f64> {
    line.strip_prefix("weighbridge_registry_stale_seconds ")?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_may_do_so_much_and_no_more() {
    let upstream = upstream().await;
    let proxy = started(&upstream, "").await;
    let role = |role| as_role(proxy.admin(), role);
    let status = async |admin: &Client, path: &str, body: Value| post(admin, path, body).await.status.as_u16();
    for path in ["/metrics", "/api/v1/keys", "/api/v1/tokens", "/api/v1/audit", "/", "/nothing"] {
        let refused = proxy.admin().get(path).await;
        assert_eq!((refused.status.as_u16(), refused.header("www-authenticate").is_empty()), (401, false), "{path}");
    }
    assert_eq!(proxy.admin().get("/healthz").await.status, 200);
    assert_eq!(proxy.admin().get("/readyz").await.status, 200);
    assert_eq!(proxy.admin().with("x-weighbridge-admin-token", "wba-viewer").get("/metrics").await.status, 200);
    assert_eq!(role("viewer").get("/api/v1/keys").await.status, 200);
    assert_eq!(role("viewer").get("/nothing").await.status, 404);
    assert_eq!(role("viewer").send(Method::DELETE, "/api/v1/keys", "").await.status, 405);
    assert_eq!(status(&role("viewer"), "/api/v1/keys", json!({"name": "ana"})).await, 403);
    assert_eq!(status(&role("operator"), "/api/v1/keys", json!({"name": "ana"})).await, 201);
    assert_eq!(status(&role("operator"), "/api/v1/keys", json!({"name": "ana"})).await, 409);
    assert_eq!(status(&role("operator"), "/api/v1/keys", json!({"name": "b", "engeneer": "x"})).await, 400);
    assert_eq!(status(&role("operator"), "/api/v1/keys/nobody/revoke", json!({})).await, 404);
    let too_much = "x".repeat(2 << 20);
    // The door is closed before all of it is sent, which a client may notice before it reads the answer.
    let mut refused = None;
    for _ in 0..20 {
        refused = refused.or(role("operator").try_open("/api/v1/keys", too_much.clone()).await);
    }
    assert_eq!(refused.expect("an answer").status(), 413);

    let token = json!({"name": "bot", "role": "operator"});
    assert_eq!(status(&role("operator"), "/api/v1/tokens", token.clone()).await, 403);
    let made = post(&role("admin"), "/api/v1/tokens", token).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    let bot = proxy.admin().with("authorization", &format!("Bearer {secret}"));
    assert_eq!(status(&bot, "/api/v1/keys", json!({"name": "by-bot"})).await, 201);
    assert_eq!(status(&bot, "/api/v1/tokens/bot/revoke", json!({})).await, 403);
    assert_eq!(status(&role("admin"), "/api/v1/tokens/bot/revoke", json!({})).await, 200);
    assert_eq!(status(&role("admin"), "/api/v1/tokens/viewer/revoke", json!({})).await, 200);
    assert!(bot.get("/api/v1/keys").await.text().contains("`bot` was revoked"));
    assert_eq!(role("viewer").get("/metrics").await.status, 401, "a token of the file is revoked by its name");
    let log = role("admin").get("/api/v1/audit?limit=3").await;
    assert!(!log.text().contains(random_part(&secret)), "{}", log.text());
    let told: Vec<_> = log.json()["audit"].as_array().unwrap().iter().map(|line| line["what"].clone()).collect();
    assert_eq!(told, ["token.revoke", "token.revoke", "key.create"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tokens_everybody_here_may_look_and_nobody_may_change() {
    let upstream = upstream().await;
    let proxy = Proxy::start(&routes(&upstream.url(), &upstream.url())).await;
    assert_eq!(proxy.admin().get("/api/v1/keys").await.status, 200);
    assert_eq!(proxy.admin().with("host", "evil.example").get("/api/v1/keys").await.status, 403);
    let refused = post(&proxy.admin(), "/api/v1/keys", json!({"name": "ana"})).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("weighbridge keys new --admin"), "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_held_to_its_doors_models_and_end() {
    let upstream = upstream().await;
    let proxy = started(&upstream, "").await;
    let admin = as_role(proxy.admin(), "operator");
    let narrow = json!({"name": "narrow", "models": ["auto", "small*"], "doors": ["chat"]});
    let secret = make(&admin, narrow).await;
    until(&proxy.client(), &secret, 200).await;
    let client = proxy.client().with("x-api-key", &secret);
    let named = |model: &str| chat("hello").replace("\"auto\"", &format!("\"{model}\""));
    assert_eq!(client.chat(named("small")).await.status, 200);
    let refused = client.chat(named("large")).await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("may not ask for the model `large`: it is for `auto`, `small*`"),
        "{}",
        refused.text()
    );
    let refused = client.send(Method::POST, "/v1/embeddings", r#"{"model":"small","input":"x"}"#).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("may not ask for embeddings: it is for `chat`"), "{}", refused.text());
    assert_eq!(client.send(Method::GET, "/v1/batches", "").await.status, 403);
    let models = client.get("/v1/models").await.json();
    let models: Vec<_> = models["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
    assert_eq!(models, ["auto", "small"]);

    let soon = Moment::from_millis(Moment::now().millis() + 1_500);
    let secret = make(&admin, json!({"name": "short", "expires": soon})).await;
    until(&proxy.client(), &secret, 200).await;
    let (_, refused) = until(&proxy.client(), &secret, 401).await;
    assert!(refused.text().contains("`short` has expired") && Moment::now() >= soon, "{}", refused.text());
}

/// Runs the real binary, as somebody called `dana`.
fn weighbridge(arguments: &[&str], routes: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weighbridge"));
    command.args(arguments).arg("--config").arg(routes).env("USER", "dana").output().unwrap()
}

fn output(done: &Output) -> (Option<i32>, String) {
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    (done.status.code(), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_changes_what_a_running_proxy_knows() {
    let upstream = upstream().await;
    let file_key = format!("[keys.filed]\nsha256 = \"{}\"\n", hex(&digest("wb-filed")));
    let proxy = started(&upstream, &file_key).await;
    let run = |arguments: &[&str]| output(&weighbridge(arguments, &proxy.routes_path()));
    let (code, made) =
        run(&["keys", "create", "--name", "ana", "--team", "payments", "--models", "auto,gpt-*", "--json"]);
    assert_eq!(code, Some(0), "{made}");
    let made: Value = serde_json::from_str(&made).unwrap();
    let secret = made["secret"].as_str().unwrap();
    assert!(until(&proxy.client(), secret, 200).await.0 < SECOND);
    let (code, refused) = run(&["keys", "create", "--name", "filed"]);
    assert_eq!(code, Some(1), "{refused}");
    assert!(refused.contains("routes.toml has a key `filed`"), "{refused}");
    let (code, rotated) = run(&["keys", "rotate", "ana", "--grace", "24h"]);
    assert!(code == Some(0) && rotated.contains("shown only now") && rotated.contains("is good until"), "{rotated}");
    let (code, list) = run(&["keys", "list"]);
    assert!(code == Some(0) && list.contains("dana@cli") && list.contains("filed"), "{list}");
    assert!(!list.contains(random_part(secret)));

    assert_eq!(ask(&proxy.client(), "wb-filed").await.status, 200);
    assert_eq!(run(&["keys", "revoke", "filed"]).0, Some(0));
    let (took, refused) = until(&proxy.client(), "wb-filed", 401).await;
    assert!(took < SECOND && refused.text().contains("`filed` was revoked"), "{took:?} {}", refused.text());
    assert_eq!(run(&["keys", "revoke", "filed"]).0, Some(1), "it was revoked before");

    let (code, token) = run(&["keys", "tokens", "create", "--name", "bot", "--role", "viewer", "--json"]);
    let token: Value = serde_json::from_str(&token).unwrap();
    assert_eq!(code, Some(0));
    let bot = proxy.admin().with("authorization", &format!("Bearer {}", token["secret"].as_str().unwrap()));
    within(async {
        while bot.get("/api/v1/keys").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(run(&["keys", "tokens", "list"]).1.contains("bot"));
    assert_eq!(run(&["keys", "tokens", "revoke", "bot"]).0, Some(0));

    let (code, log) = run(&["audit", "--since", "1h"]);
    assert_eq!(code, Some(0));
    for told in ["dana@cli  key.create  ana", "dana@cli  key.revoke  filed", "team: - → \"payments\"", "file  rules"]
    {
        assert!(log.contains(told), "{told:?} in {log}");
    }
    let log: Value = serde_json::from_str(&run(&["audit", "--json"]).1).unwrap();
    let whats: Vec<_> = log["audit"].as_array().unwrap().iter().map(|line| line["what"].as_str().unwrap()).collect();
    let expected = ["rules", "key.create", "key.rotate", "key.revoke", "token.create", "token.revoke"];
    assert_eq!(whats, expected);
    assert_eq!(run(&["audit", "--since", "yesterday"]).0, Some(2));
    assert_eq!(output(&weighbridge(&["keys", "list"], Path::new("nowhere.toml"))).0, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_takes_a_name_in_use_is_refused_and_one_that_does_not_is_on_the_log() {
    let upstream = upstream().await;
    let proxy = started(&upstream, "").await;
    make(&as_role(proxy.admin(), "operator"), json!({"name": "ana"})).await;
    let good = std::fs::read_to_string(proxy.routes_path()).unwrap();
    let reload = |text: &str| {
        std::fs::write(proxy.routes_path(), text).unwrap();
        proxy.app.reload();
    };
    reload(&format!("{good}\n[keys.ana]\nsha256 = \"{}\"\n", hex(&digest("wb-other"))));
    let metrics = as_role(proxy.admin(), "viewer").get("/metrics").await;
    let refused = "weighbridge_config_reloads_total{result=\"refused\"} 1";
    assert!(metrics.text().contains(refused), "{}", metrics.text());
    reload(&format!("{good}\n# another version\n"));
    let lines = within(async {
        loop {
            let log = as_role(proxy.admin(), "viewer").get("/api/v1/audit").await.json();
            let rules: Vec<Value> =
                log["audit"].as_array().unwrap().iter().filter(|line| line["what"] == "rules").cloned().collect();
            if rules.len() > 1 {
                return rules;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!((lines[0]["who"].as_str(), &lines[0]["before"]), (Some("file"), &lines[1]["after"]));
    assert_ne!(lines[0]["after"], lines[1]["after"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_has_another_limit_for_a_time() {
    let upstream = upstream().await;
    let budget = "[[budgets]]\nname = \"all\"\nlimit = 0.000000001\nwindow = \"day\"\nowner = \"x\"\n";
    let proxy = started(&upstream, budget).await;
    let admin = as_role(proxy.admin(), "operator");
    let refused = proxy.client().chat(chat("hello")).await;
    assert!(refused.status.is_client_error() && refused.text().contains("all"), "{}", refused.text());
    let until = Moment::from_millis(Moment::now().millis() + 3_600_000);
    let wish = json!({"limit": 5, "until": until, "why": "the launch", "owner": "finance"});
    let made = post(&admin, "/api/v1/budgets/all/overrides", wish.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    within(async {
        while proxy.client().chat(chat("hello")).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(post(&admin, "/api/v1/budgets/none/overrides", wish).await.status, 404);
    let id = made.json()["override"]["id"].clone();
    let ended = admin.send(Method::DELETE, &format!("/api/v1/budgets/all/overrides/{id}"), "").await;
    assert_eq!(ended.status, 200, "{}", ended.text());
    within(async {
        while proxy.client().chat(chat("hello")).await.status == 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
