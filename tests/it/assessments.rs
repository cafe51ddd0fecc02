//! What a company says of assessments: its own words, the dial, how sure it must be; and what is measured of them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const ROUTES: &str = r#"
[endpoints.small]
url = "http://127.0.0.1:9/v1"
model = "small"
price = { input = 1, output = 2 }

[endpoints.big]
url = "http://127.0.0.1:9/v1"
model = "big"
price = { input = 10, output = 20 }

[tiers.cheap]
endpoints = ["small"]

[tiers.large]
endpoints = ["big"]

[assess]
dial = 0.5

[assess.tags.security]
phrases = ["services/gatekeeper"]

[assess.tags.pricing-engine]
phrases = ["rate card*", "pricing/"]
risk = "high"

[[rules]]
name = "prices"
when = { tags = "pricing-engine" }
route = "large"
why = "A wrong price is paid out."
owner = "pricing"

[[rules]]
name = "unsure"
when = { confidence = "<= 50%" }
route = "large"
why = "What cannot be judged is not simple."
owner = "platform"

[[rules]]
name = "rest"
route = "cheap"
why = "All else."
owner = "platform"

[[tests]]
prompt = "Why does the rate card importer skip pricing/eu.yml?"
expect = { rule = "prices", tags = ["pricing-engine"], risk = "high" }

[[tests]]
prompt = "Move services/gatekeeper into a module of its own."
expect = { tags = ["security"] }

[[tests]]
prompt = "dlaczego niebo jest niebieskie zamiast zielonego"
expect = { rule = "unsure" }

[[tests]]
prompt = "Fix the typo in the README."
expect = { rule = "rest" }
"#;

fn weighbridge(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weighbridge")).current_dir(folder).args(arguments).output().unwrap()
}

fn folder(routes: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("routes.toml"), routes).unwrap();
    folder
}

#[test]
fn rules_ask_for_tags_of_their_own_and_for_confidence() {
    let folder = folder(ROUTES);
    let tested = weighbridge(folder.path(), &["test"]);
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));
    fs::write(
        folder.path().join("body.json"),
        r#"{"model":"auto","messages":[{"role":"user","content":"tidy pricing/eu.yml"}]}"#,
    )
    .unwrap();
    let explained = weighbridge(folder.path(), &["explain", "--request", "body.json", "--json"]);
    let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(explained["facts"]["tags"], json!(["money", "pricing-engine"]));
    assert_eq!((&explained["facts"]["risk"], &explained["facts"]["confidence"]), (&json!("high"), &json!(1.0)));
}

#[test]
fn what_does_not_hold_together_is_told_with_its_place() {
    let check = |from: &str, to: &str, told: &str| {
        let folder = folder(&ROUTES.replace(from, to));
        let checked = weighbridge(folder.path(), &["check"]);
        let text = format!("{}{}", String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
        assert!(!checked.status.success() && text.contains(told), "{to}: {text}");
    };
    check("dial = 0.5", "dial = 1.5", "`assess.dial` cannot be `1.5`");
    check(r#"tags = "pricing-engine""#, r#"tags = "pricing-engin""#, "did you mean `pricing-engine`");
    check(r#""rate card*""#, r#""rate*card""#, "`*` elsewhere than at its end");
    check(r#"["services/gatekeeper"]"#, "[]", "has no phrases");
    check(r#"risk = "high""#, "weight = 9", "`weight` of `assess.tags.pricing-engine` cannot be `9`");
    check(r#"confidence = "<= 50%""#, r#"confidence = "low""#, "`confidence` cannot be `low`");
}

#[test]
fn assessments_are_measured_on_labelled_prompts() {
    let folder = folder(ROUTES);
    let labelled = concat!(
        r#"{"id":1,"prompt":"two workers deadlock on the orders table","tags":["concurrency"],"risk":"high","kind":"bugfix","content":[]}"#,
        "\n",
        r#"{"id":2,"prompt":"fix the typo in the README","tags":[],"risk":"low","kind":"docs","content":[]}"#,
        "\n",
        r#"{"id":3,"prompt":"why does the rate card importer fail?","tags":["pricing-engine"],"risk":"high"}"#,
        "\n",
    );
    fs::write(folder.path().join("labelled.jsonl"), labelled).unwrap();
    let measured = weighbridge(folder.path(), &["assess", "--eval", "labelled.jsonl", "--boot", "50", "--json"]);
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
    let report: Value = serde_json::from_slice(&measured.stdout).unwrap();
    assert_eq!((&report["prompts"], &report["figures"]["missed"]), (&json!(3), &json!(0.0)));
    assert_eq!(report["figures"]["any_tag"]["f1"], json!(1.0));
    assert_eq!(report["figures"]["tags"]["pricing-engine"]["f1"], json!(1.0));
    assert_eq!(report["dial_positions"].as_array().map(Vec::len), Some(5));
    let table = weighbridge(folder.path(), &["assess", "--eval", "labelled.jsonl", "--boot", "0"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("0 careful") && table.contains("1 thrifty") && table.contains("pricing-engine"), "{table}");
    fs::write(folder.path().join("labelled.jsonl"), r#"{"id":1,"prompt":"x","risk":"huge"}"#).unwrap();
    assert_eq!(weighbridge(folder.path(), &["assess", "--eval", "labelled.jsonl"]).status.code(), Some(2));
    assert_eq!(weighbridge(folder.path(), &["assess", "--eval", "gone.jsonl"]).status.code(), Some(2));
}
