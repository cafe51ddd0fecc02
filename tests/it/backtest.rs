//! Rules tried on past requests, by the commands and in both kinds of ledger.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tempfile::TempDir;
use weighbridge::domain::{
    Candidate, Decision, EndpointName, Facts, Label, Outcome, Pico, Reason, RequestId, Risk, RuleName, RulesVersion,
    Tag, TierName, TokenCount, Usage, UsageSource,
};
use weighbridge::record::entry::{Ending, Entry};
use weighbridge::record::{Ledger, Settings, Ship};

use crate::support::proxy::routes;
use crate::support::upstream::within;
use crate::support::{Postgres, Proxy, Reply, Upstream, chat};

const RULES: &str = r#"
[endpoints.small]
url = "http://127.0.0.1:1/v1"
model = "small-1"
price = { input = 0.1, output = 0.4 }

[endpoints.big]
url = "http://127.0.0.1:2/v1"
model = "big-1"
price = { input = 1.0, output = 4.0 }

[tiers.cheap]
endpoints = ["small"]

[tiers.large]
endpoints = ["big"]

[ledger]
path = "ledger.db"

[[rules]]
name = "money"
when = { tags = "money" }
route = "large"
why = "w"
owner = "o"

[[rules]]
name = "pictures"
when = { images = true }
route = "large"
why = "w"
owner = "o"

[[rules]]
name = "rest"
route = "cheap"
why = "w"
owner = "o"

[[tests]]
prompt = "Rename a variable."
expect = { rule = "rest" }
"#;

/// The same without the rule for money: what it took goes to the cheap tier.
fn without_money() -> String {
    let (before, after) = RULES.split_once("[[rules]]\nname = \"money\"").unwrap();
    let (_, after) = after.split_once("[[rules]]").unwrap();
    format!("{before}[[rules]]{after}")
}

fn now_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// A request that the rules above sent where they send it.
fn entry(number: u64, facts: Facts) -> Entry {
    let at_millis = now_millis() - 3_600_000 + number * 1_000;
    let is_money = facts.tags.contains(Tag::Money);
    let (rule, tier, endpoint, model) =
        if is_money { ("money", "large", "big", "big-1") } else { ("rest", "cheap", "small", "small-1") };
    let rate = if is_money { 1_000_000 } else { 100_000 };
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    let (rule, tier) = (RuleName::parse(rule).unwrap(), TierName::parse(tier).unwrap());
    let endpoint = EndpointName::parse(endpoint).unwrap();
    let decision = Decision {
        outcome: Outcome::Forward,
        rule: Some(rule.clone()),
        tier: Some(tier.clone()),
        candidates: vec![Candidate { endpoint: endpoint.clone(), tier: Some(tier.clone()) }],
        gated_out: Vec::new(),
        reasons: vec![Reason::Rule { rule, why: "w".into() }],
        ceiling: None,
        escalated_ceiling: None,
        human_review: false,
    };
    Entry {
        id: RequestId::new(at_millis, random),
        at_millis,
        door: "/v1/chat/completions",
        dialect: Some(facts.dialect),
        key: None,
        engineer: None,
        team: facts.team.clone(),
        feature: None,
        branch: None,
        pull_request: None,
        app: facts.app,
        facts: Some(Facts { at_millis, requested_model: "auto".into(), ..facts }.into()),
        evidence: Vec::new(),
        decision: Some(decision.into()),
        rules_version: RulesVersion::from_digest(&[7; 32]),
        attempts: Vec::new(),
        endpoint: Some(endpoint),
        tier: Some(tier),
        model: Some(model.into()),
        usage: Some(Usage { input: 1_000, output: 100, ..Usage::default() }),
        usage_source: Some(UsageSource::Provider),
        service_tier: None,
        price_version: None,
        cost: Some(Pico::new(1_000 * rate + 100 * 4 * rate)),
        reserved: None,
        provider_cost: None,
        baseline: None,
        straight: None,
        status: 200,
        ending: Ending::Complete,
        failure: None,
        fault: None,
        streamed: false,
        total_us: 1_000,
        first_byte_us: Some(900),
        overhead_us: 100,
        request_bytes: 100,
        response_bytes: 100,
        held: Vec::new(),
        closes: None,
    }
}

/// Ten requests, three of them about money, and one that was refused before the rules were asked.
fn entries() -> Vec<Entry> {
    let plain = |team: &str| Facts { team: Label::parse(team), tokens: TokenCount::exact(1_000), ..Facts::default() };
    let money = Facts { tags: [Tag::Money].into_iter().collect(), risk: Risk::High, ..plain("payments") };
    let of = |number| if number < 3 { money.clone() } else { plain("search") };
    let mut all: Vec<Entry> = (0..10).map(|number| entry(number, of(number))).collect();
    let refused = entry(10, plain("search"));
    all.push(Entry {
        facts: None,
        decision: None,
        usage: None,
        cost: None,
        endpoint: None,
        tier: None,
        model: None,
        status: 401,
        ending: Ending::Refused,
        failure: Some("unauthenticated"),
        ..refused
    });
    all
}

/// A folder with a ledger, the rules that decided (`old.toml`) and a change of them (`new.toml`).
struct House {
    folder: TempDir,
}

impl House {
    fn new(ship: Option<Ship>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&Settings { ship, ..Settings::at(folder.path().join("ledger.db")) }).unwrap();
        entries().into_iter().for_each(|entry| drop(ledger.append(entry)));
        ledger.close(Duration::from_secs(30)).unwrap();
        let house = Self { folder };
        house.write("old.toml", RULES);
        house.write("new.toml", &without_money());
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Runs a command in the folder.
    fn run(&self, line: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weighbridge"));
        command.args(line.split_whitespace()).current_dir(self.folder.path()).output().unwrap()
    }

    fn json(&self, line: &str, code: i32) -> Value {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(code), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn text(output: &[u8]) -> &str {
    std::str::from_utf8(output).unwrap()
}

const BACKTEST: &str = "backtest --rules new.toml --config old.toml";

#[test]
fn what_changes_is_told_and_limits_decide_the_exit_code() {
    let house = House::new(None);
    let told = house.json(&format!("{BACKTEST} --json --show 5"), 0);
    let check = |pointer: &str, expected: &str| {
        assert_eq!(told.pointer(pointer).map(Value::to_string).as_deref(), Some(expected), "{pointer}");
    };
    check("/entries", "11");
    check("/replayed", "10");
    check("/left_out", r#"{"refused before the rules were asked (unauthenticated)":1}"#);
    check("/changed", "3");
    check("/changed_share", "3000");
    check("/high_risk/to_cheap", "3");
    // Three at 0.0014 USD come down to 0.00014; seven stay at that.
    check("/costs/old_usd", r#""0.00518""#);
    check("/costs/new_usd", r#""0.0014""#);
    check("/never_hit", r#"["pictures"]"#);
    check("/shown/0/why/0", r#""rule money is not in the new file""#);
    let same =
        house.json("backtest --rules old.toml --config old.toml --json --max-changed 0% --max-cost-increase 0%", 0);
    assert_eq!((same["changed"].clone(), same["costs"]["difference_usd"].clone()), (0.into(), "0.00".into()));

    assert_eq!(house.run(&format!("{BACKTEST} --max-cost-increase 0%")).status.code(), Some(0));
    for limit in ["--max-high-risk-to-cheap 0%", "--max-changed 29.99%", "--max-never-hit 0"] {
        let output = house.run(&format!("{BACKTEST} {limit}"));
        assert_eq!(output.status.code(), Some(1), "{limit}");
        assert!(text(&output.stdout).contains("1 of 1 limits exceeded"), "{}", text(&output.stdout));
    }
    let back = house.run("backtest --rules old.toml --against new.toml --config old.toml --max-cost-increase 5%");
    assert_eq!(back.status.code(), Some(1), "{}", text(&back.stdout));
}

#[test]
fn what_cannot_run_says_why() {
    let house = House::new(None);
    let check = |line: &str, told: &str| {
        let output = house.run(line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(text(&output.stderr).contains(told), "{line}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{line}");
    };
    check("backtest --rules no.toml --config old.toml", "cannot be read");
    check(&format!("{BACKTEST} --since yesterday"), "`yesterday` is no time");
    check(&format!("{BACKTEST} --since 2020-01-01 --until 2020-01-02"), "nothing in the period");
    check(&format!("{BACKTEST} --ledger nowhere.db"), "there is no ledger");
    check(&format!("{BACKTEST} --max-changed many"), "one percentage");
    check("explain --id 019aa8d2-fc00-7000-8000-000000000001 --config old.toml", "has no request");
    check("explain --config old.toml", "--request");
}

#[test]
fn the_report_for_people_is_the_same_in_markdown() {
    let house = House::new(None);
    let plain = house.run(&format!("{BACKTEST} --show 1 --max-changed 50%"));
    let markdown = house.run(&format!("{BACKTEST} --show 1 --max-changed 50% --markdown"));
    let (plain, markdown) = (text(&plain.stdout), text(&markdown.stdout));
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("large cheap 3 30% 3"), "{plain}");
    assert!(markdown.contains("| large | cheap | 3 | 30% | 3 |"), "{markdown}");
    assert!(markdown.contains("`--max-changed` allows 50%, found 30%"), "{markdown}");
    for told in ["Never hit: pictures.", "Every limit holds.", "payments"] {
        assert!(plain.contains(told) && markdown.contains(told), "{told}: {plain}\n{markdown}");
    }
    assert!(!plain.contains('\r'), "no progress where nobody looks");
}

#[test]
fn coverage_finds_rules_that_decide_nothing() {
    let house = House::new(None);
    let told = house.json("coverage --config old.toml --json --at-least 5", 1);
    assert_eq!(told["dead"], serde_json::json!(["pictures"]));
    assert_eq!(told["last_rule_share"], 7_000);
    let unmatched = |name: &str| told["unmatched"].to_string().contains(name);
    assert!(unmatched("search") && !unmatched("payments"), "{}", told["unmatched"]);
    assert_eq!(house.run("coverage --config old.toml --max-dead 1").status.code(), Some(0));
    let output = house.run("coverage --config old.toml --max-dead 1 --max-last-rule 60%");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("the last rule takes 70% of the requests"), "{}", text(&output.stdout));
}

#[test]
fn a_past_request_is_explained_then_and_now() {
    let house = House::new(None);
    let shown = house.json(&format!("{BACKTEST} --json --show 1"), 0)["shown"][0]["id"].as_str().unwrap().to_owned();
    let same = house.run(&format!("explain --id {shown} --config old.toml"));
    let same = text(&same.stdout);
    for told in [
        "by the rules 070707070707",
        "  rule money\n  1. big (tier large)\n  because rule money matched: w",
        "used input 1000, output 100 tokens",
        "cost $0.0014",
        "it would be decided the same: large by rule money",
    ] {
        assert!(same.contains(told), "{told}: {same}");
    }
    let other = house.run(&format!("explain --id {shown} --config new.toml"));
    let other = text(&other.stdout);
    assert!(other.contains("decided otherwise: cheap by rule rest instead of large by rule money"), "{other}");
    assert!(other.contains("pictures: no: images is 0, asked for >= 1"), "{other}");
    let json = house.json(&format!("explain --id {shown} --config new.toml --json"), 0);
    assert_eq!((json["now"]["same"].clone(), json["entry"]["rule"].clone()), (false.into(), "money".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_gives_the_same_answers_as_the_file() {
    let database = Postgres::start().await;
    let address = database.address();
    let house = tokio::task::spawn_blocking(move || House::new(Some(Ship::to(address.as_str())))).await.unwrap();
    assert_eq!(database.number("SELECT count(*) FROM entries").await, 11, "closing the ledger ships what waits");
    let shipped = RULES.replace("[ledger]", &format!("[ledger]\nurl = \"{}\"", database.address()));
    house.write("shipped.toml", &shipped);
    let asked = |config: &str| {
        house.json(&format!("backtest --rules new.toml --config {config} --json --show 9 --since 2d"), 0)
    };
    let (mut from_file, mut from_database) = (asked("old.toml"), asked("shipped.toml"));
    for told in [&mut from_file, &mut from_database] {
        // Seconds pass between the two.
        told["since"].take();
    }
    assert_eq!(from_file, from_database);
    let id = from_file["shown"][0]["id"].as_str().unwrap();
    let explained = |config: &str| {
        house.json(&format!("explain --id {id} --config {config} --json"), 0)["now"]["explanation"].take()
    };
    assert_eq!(explained("old.toml"), explained("shipped.toml"));
}

/// The block of a step of the workflow.
fn step(workflow: &str, name: &str) -> String {
    let (_, step) = workflow.split_once(&format!("- name: {name}\n")).unwrap();
    let (_, block) = step.split_once("run: |\n").unwrap();
    let lines = block.lines().take_while(|line| line.starts_with("          "));
    lines.map(|line| format!("{}\n", line.trim())).collect()
}

/// The workflow's own commands, in a repository with a pull request. `gh` is the far side: it keeps what it is told.
#[test]
fn the_github_action_does_what_it_says() {
    let house = House::new(None);
    let workflow = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/examples/github-action.yml");
    let workflow = std::fs::read_to_string(workflow).unwrap();
    let tools = house.path("tools");
    std::fs::create_dir(&tools).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_weighbridge"), tools.join("weighbridge")).unwrap();
    house.write("tools/gh", "#!/bin/sh\necho \"$*\" > told\ncat \"$5\" >> told\n");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", script]).current_dir(house.folder.path()).env("PATH", &path);
        command.env("BASE", "base").env("PULL_REQUEST", "42").output().unwrap()
    };
    let good = |script: &str| {
        let output = shell(script);
        assert!(output.status.success(), "{script}: {}{}", text(&output.stdout), text(&output.stderr));
    };
    good("chmod +x tools/gh; cp old.toml routes.toml; git init -q -b base; git add routes.toml");
    good("git -c user.name=a -c user.email=a@example.com commit -q -m base; cp new.toml routes.toml");
    good(&step(&workflow, "Check"));
    good(&step(&workflow, "Test"));
    let backtest = shell(&step(&workflow, "Backtest"));
    assert_eq!(backtest.status.code(), Some(1), "{}", text(&backtest.stderr));
    good(&step(&workflow, "Comment"));
    let told = std::fs::read_to_string(house.path("told")).unwrap();
    assert!(told.starts_with("pr comment 42 --body-file backtest.md"), "{told}");
    assert!(told.contains("EXCEEDED: `--max-high-risk-to-cheap` allows 0%, found 100%"), "{told}");
    good("cp old.toml routes.toml");
    good(&step(&workflow, "Backtest"));
}

fn soon(seconds: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_expires_while_the_proxy_runs() {
    let upstream = Upstream::start_answering_each(|_| Reply::chat("one two")).await;
    let url = upstream.url();
    let rule = format!(
        "[[rules]]\nname = \"trial\"\nwhen = {{ stream = false }}\nroute = \"big\"\nwhy = \"w\"\nowner = \"o\"\n\
         review_by = {at}\nexpires = {at}\nfallback = \"cheap\"\n\n[[rules]]",
        at = soon(12)
    );
    let routes = routes(&url, &url);
    let (before, after) = routes.split_once("[[rules]]").unwrap();
    let proxy = Proxy::start(&format!("{before}{rule}{after}")).await;
    let metric = async |name: &str| proxy.metric(&format!("weighbridge_rules_{name}")).await;
    let ask = async || {
        let answer = proxy.client().chat(chat("hello")).await;
        (answer.header("x-weighbridge-rule").to_owned(), answer.header("x-weighbridge-tier").to_owned())
    };
    assert_eq!((metric("overdue").await, metric("expired").await), (0.0, 0.0));
    assert_eq!(ask().await.0, "trial");
    within(async {
        while metric("expired").await < 1.0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    assert_eq!(metric("overdue").await, 1.0);
    assert_eq!(ask().await, ("trial".to_owned(), "cheap".to_owned()), "its fallback counts");
}
