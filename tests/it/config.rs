//! `routes.toml` from the outside: what is accepted, what is told of what is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use weighbridge::assess::Assessor;
use weighbridge::config::rule_tests::{self, TestResult};
use weighbridge::config::{Config, Problem, Problems, Severity, Strictness, Surroundings, load, parse, schema};

/// 22 November 2026.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn check_as(text: &str, strictness: Strictness) -> Result<Config, Problems> {
    let folder = root();
    let around = Surroundings { folder: &folder, now: now(), env: &|_| None, strictness, catalogue: None };
    parse(text, "routes.toml", &around)
}

/// What is told of a file, as `check` prints it.
fn told(text: &str) -> String {
    match check_as(text, Strictness::Check) {
        Ok(config) => Problems(config.warnings).to_string(),
        Err(problems) => problems.to_string(),
    }
}

const SMALL: &str = r#"
[endpoints.small]
url = "http://127.0.0.1:9/v1"
model = "m"
price = { input = 0.02, output = 0.04 }

[tiers.cheap]
endpoints = ["small"]

[[rules]]
name = "everything"
route = "cheap"
why = "Because."
owner = "platform"
"#;

#[test]
fn a_small_file_is_accepted() {
    assert_eq!(told(SMALL), "");
}

#[test]
fn every_problem_is_told_at_once() {
    insta::assert_snapshot!(told(include_str!("bad_routes.toml")));
}

/// A rule before the last one of [`SMALL`], with this `when`.
fn with_rule(when: &str) -> String {
    let rule = format!("[[rules]]\nname = \"first\"\nwhen = {when}\nroute = \"cheap\"\nwhy = \"w\"\nowner = \"o\"\n\n");
    SMALL.replace("[[rules]]", &format!("{rule}[[rules]]"))
}

#[test]
fn every_matcher_is_accepted() {
    for when in [
        r#"{ tags = "security" }"#,
        r#"{ tags = ["security", "money"] }"#,
        r#"{ tags.any = ["security"], tags.none = ["money"] }"#,
        r#"{ risk = "low" }"#,
        r#"{ risk = [ "low", "high" ] }"#,
        r#"{ tokens = "< 8_000" }"#,
        r#"{ context = ">= 1000, < 8000" }"#,
        r#"{ kind = "design" }"#,
        r#"{ kind = ["design", "review"] }"#,
        r#"{ content = { all = ["has_secret", "has_pii"] } }"#,
        r#"{ tools = true, images = "> 2" }"#,
        r#"{ tools = 0 }"#,
        r#"{ json_schema = true }"#,
        r#"{ output = ["json_object", "text"] }"#,
        r#"{ stream = false, turn = "tool", conversation = "ongoing" }"#,
        r#"{ requested_model = "gpt-*", dialect = "openai-chat" }"#,
        r#"{ engineer = "ana", team = ["a", "b-*"], feature = "*-x", app = "codex", key = "k" }"#,
        r#"{ header = { x-one = true, x-two = "a*", x-three = ["b", "c"] } }"#,
        r#"{ header.x-one = false }"#,
        r#"{ time = { days = ["sat", "sun"], from = "22:00", to = "06:00", zone = "Europe/Berlin" } }"#,
        r#"{ any = [{ stream = true }, { risk = "high" }], not = { team = "core" } }"#,
        r#"{ all = [{ any = [{ stream = true }, { risk = "high" }] }, { not = { tools = true } }] }"#,
    ] {
        assert_eq!(told(&with_rule(when)), "", "{when}");
    }
}

#[test]
fn a_rule_that_can_never_match_is_told() {
    let check = |when: &str, reason: &str| {
        let told = told(&with_rule(when));
        assert!(told.contains("can never match") && told.contains(reason), "{when}: {told}");
    };
    check(r#"{ tokens = "> 10, < 5" }"#, "no number meets `tokens`");
    check(r#"{ risk = "> high" }"#, "no risk level");
    check(r#"{ tokens = ">= 9000", context = "< 8000" }"#, "cannot hold together");
    check(r#"{ tags = { all = ["money"], none = ["money"] } }"#, "forbids it in `none`");
    check(r#"{ stream = true, not = { stream = true } }"#, "cannot hold together");
    check(r#"{ stream = true, all = [{ stream = false }] }"#, "cannot hold together");
}

#[test]
fn a_rule_behind_a_wider_one_is_told() {
    let behind = |first: &str, second: &str| {
        let both = with_rule(first).replace(
            "[[rules]]\nname = \"everything\"",
            &format!(
                "[[rules]]\nname = \"second\"\nwhen = {second}\nroute = \"cheap\"\nwhy = \"w\"\nowner = \"o\"\n\n\
                 [[rules]]\nname = \"everything\""
            ),
        );
        told(&both)
    };
    let shadowed = "rule `second` can never match: rule `first` before it";
    for (first, second) in [
        (r#"{ risk = ">= medium" }"#, r#"{ risk = "high", stream = true }"#),
        (r#"{ tags = ["money", "security"] }"#, r#"{ tags = "money" }"#),
        (r#"{ team = "core-*" }"#, r#"{ team = ["core-a", "core-b"] }"#),
        (r#"{ tokens = ">= 1000" }"#, r#"{ tokens = ">= 5000" }"#),
        (r#"{ any = [{ stream = true }, { risk = "low" }] }"#, r#"{ stream = true }"#),
        (r#"{ header.x-a = true }"#, r#"{ header.x-a = "b" }"#),
    ] {
        assert!(behind(first, second).contains(shadowed), "{first} {second}");
        assert_eq!(behind(second, first), "", "the narrower first");
    }
    // A wider rule that could not be read whole accuses nobody.
    assert!(!behind(r#"{ stream = true, kind = "desing" }"#, r#"{ stream = true }"#).contains(shadowed));
}

#[test]
fn outcomes_and_alerts_are_checked() {
    let check = |section: &str, expected: &str| {
        let told = told(&format!("{section}\n{SMALL}"));
        assert!(told.contains(expected), "{section}: {told}");
    };
    let alert = |fields: &str| format!("[alerts]\ncost_per_outcome = [{{ name = \"dearer\", {fields} }}]");
    check(&alert("factor = 1.0"), "`factor` cannot be `1`");
    check(&alert("factor = 1000.0"), "`factor` cannot be `1000`");
    check(&alert("window = \"1s\""), "`window` cannot be `1s`");
    check(&alert("min_outcomes = 0"), "`min_outcomes` cannot be `0`");
    check("[alerts]\ncost_per_outcome = [{ window = \"7d\" }]", "has no `name`");
    check("[alerts]\ncost_per_outcome = [{ name = \"a\" }, { name = \"a\" }]", "two alerts are named `a`");
    check("[alerts]\nwebhook = \"http://hooks.example.com/T0\"", "has to begin with `https://`");
    check("[alerts]\nwebhook = \"https://hooks.example.com/T0\"", "warning: `alerts.webhook` stands in this file");
    check("[outcomes]\nbranches = [{ branch = \"a*b\", feature = \"x\" }]", "`branch` cannot be `a*b`");
    let shadowed =
        "[outcomes]\nbranches = [{ branch = \"*\", feature = \"x\" }, { branch = \"a/*\", feature = \"y\" }]";
    check(shadowed, "no branch is left to `a/*`");
    check("[outcomes]\ngithub = {}", "`outcomes.github` has no `secret`");
}

#[test]
fn secrets_in_the_file_are_told_and_not_repeated() {
    let secret = ["sk", "proj", "0123456789abcdefghij0123"].join("-");
    for place in [
        SMALL.replace("model = \"m\"", &format!("model = \"m\"\napi_key = \"{secret}\"")),
        SMALL.replace("model = \"m\"", &format!("model = \"m\"\nheaders = {{ x-a = \"Bearer {secret}\" }}")),
        SMALL.replace("Because.", &secret),
        format!("{SMALL}[[tests]]\nprompt = \"use {secret}\"\nexpect = {{ tier = \"cheap\" }}\n"),
    ] {
        let told = told(&place);
        assert!(told.contains("what looks like a secret") && !told.contains(&secret), "{told}");
    }
    let expected = format!("{SMALL}[[tests]]\nprompt = \"use {secret}\"\nexpect = {{ content = [\"has_secret\"] }}\n");
    assert_eq!(told(&expected), "", "a test of the content flag needs one");
}

#[test]
fn a_missing_credential_is_a_warning_until_it_is_needed() {
    let text = SMALL.replace("model = \"m\"", "model = \"m\"\napi_key = { env = \"NOT_SET\" }");
    assert!(check_as(&text, Strictness::Check).is_ok_and(|config| config.warnings.len() == 1));
    let problems = check_as(&text, Strictness::Serve).expect_err("refused");
    assert!(problems.to_string().contains("`NOT_SET`, which is not there"));
}

#[test]
fn an_open_door_needs_keys() {
    let open = format!("[server]\nlisten = \"0.0.0.0:8787\"\n{SMALL}");
    assert!(told(&open).contains("there are no keys"));
    let keys = format!("{open}[keys.ana]\nsha256 = \"{}\"\n", "0a".repeat(32));
    assert_eq!(told(&keys), "");
    assert!(told(&format!("{keys}[keys.ben]\nsha256 = \"{}\"\n", "0A".repeat(32))).contains("have the same `sha256`"));
}

#[test]
fn expired_rules_and_late_reviews_are_warnings() {
    let dated =
        |dates: &str| with_rule("{ stream = true }").replace("name = \"first\"", &format!("name = \"first\"\n{dates}"));
    let check = |dates: &str, expected: &str| {
        let config = check_as(&dated(dates), Strictness::Serve).expect("accepted");
        let warnings = Problems(config.warnings).to_string();
        assert!(warnings.contains(expected) && warnings.is_empty() == expected.is_empty(), "{dates}: {warnings}");
    };
    check("review_by = 2026-11-21", "warning: rule `first` should have been looked at by o by 2026-11-21");
    check("review_by = 2026-11-23", "");
    check("expires = 2026-11-21\nfallback = \"cheap\"", "expired on 2026-11-21: it goes to tier `cheap`");
    check("expires = 2026-11-21\nfallback = \"skip\"", "expired on 2026-11-21: it is skipped");
    check("expires = 2027-11-21\nfallback = \"skip\"", "");
    assert!(told(&dated("expires = 2027-11-21")).contains("says nothing of what then counts"));
}

#[test]
fn mistakes_of_syntax_are_told_with_the_rest() {
    let told = told("[server]\nlisten = \nadmin = 1\n[tiers.\n");
    assert!(told.contains("routes.toml:2:") && told.contains("routes.toml:4:"), "{told}");
}

#[test]
fn a_problem_has_a_json_form() {
    let problems = check_as("[srever]\n", Strictness::Check).expect_err("refused");
    let json = serde_json::to_value(&problems).expect("JSON");
    let expected = serde_json::json!({
        "severity": "error", "file": "routes.toml", "line": 1, "column": 2,
        "message": "unknown key `srever`", "hint": "did you mean `server`?",
    });
    assert_eq!(json[0], expected);
}

fn loaded(path: &Path) -> Config {
    load(path, now(), &|_| None, Strictness::Check).unwrap_or_else(|problems| panic!("{problems}"))
}

fn shipped() -> Vec<PathBuf> {
    let examples = fs::read_dir(root().join("deploy/examples")).expect("examples");
    let examples = examples.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = examples.filter(|path| path.extension().is_some_and(|ext| ext == "toml")).collect();
    assert!(files.len() >= 3, "{files:?}");
    files.push(root().join("routes.toml"));
    files
}

#[test]
fn what_we_ship_is_accepted_without_any_credential_there() {
    for path in shipped() {
        let config = loaded(&path);
        let is_credential = |problem: &Problem| problem.message.contains("which is not there");
        assert!(config.warnings.iter().all(is_credential), "{}", Problems(config.warnings));
        assert!(config.rules.endpoints().iter().all(|target| target.price.is_known()), "{path:?}");
        assert!(!config.tests.is_empty(), "{path:?}");
    }
}

#[test]
fn the_tests_in_what_we_ship_pass() {
    let assessor = Assessor::default();
    for path in shipped() {
        let millis = u64::try_from(now().duration_since(SystemTime::UNIX_EPOCH).expect("later").as_millis());
        let results = rule_tests::run(&loaded(&path), &|prompt| assessor.assess(prompt), millis.expect("fits"));
        let failed: Vec<&TestResult> = results.iter().filter(|result| !result.passed).collect();
        assert!(failed.is_empty(), "{path:?}: {failed:#?}");
    }
}

#[test]
fn the_shipped_file_names_every_key() {
    let text = fs::read_to_string(root().join("routes.toml")).expect("the shipped file");
    let definitions = &schema().as_value()["definitions"];
    let tables = [
        "RawServer",
        "RawEndpoint",
        "RawTier",
        "RawRouting",
        "RawKey",
        "RawIssuer",
        "RawAdminToken",
        "RawLimit",
        "RawBudget",
        "RawPrices",
        "RawPriceOverride",
        "RawLedger",
        "RawShared",
        "RawOutcomes",
        "RawAlerts",
        "RawLog",
    ];
    for section in tables {
        for key in definitions[section]["properties"].as_object().expect(section).keys() {
            let named = text.lines().any(|line| {
                line.trim_start_matches(['#', ' '])
                    .strip_prefix(key.as_str())
                    .is_some_and(|rest| rest.starts_with(" = "))
            });
            assert!(named, "routes.toml does not show `{key}` of {section}");
        }
    }
}

#[test]
fn the_schema_in_the_repository_is_that_of_the_program() {
    let committed = fs::read_to_string(root().join("routes.schema.json")).expect("the schema");
    let current = serde_json::to_string_pretty(schema()).expect("JSON") + "\n";
    assert!(committed == current, "run `weighbridge schema > routes.schema.json`");
}

#[test]
fn the_catalogue_is_named_by_the_version_that_is_built_in() {
    let lock: toml::Table = fs::read_to_string(root().join("Cargo.lock")).expect("the lock").parse().expect("TOML");
    let packages = lock["package"].as_array().expect("packages");
    let version = |name: &str| packages.iter().find(|package| package["name"].as_str() == Some(name));
    let locked = version("genai-prices").and_then(|package| package["version"].as_str()).expect("a version");
    let hosted = loaded(&root().join("deploy/examples/openai.toml"));
    assert_eq!(&*hosted.price_version, format!("genai-prices {locked}"));
    let own = loaded(&root().join("routes.toml"));
    assert!(own.price_version.starts_with(&format!("genai-prices {locked}+")), "prices of the file have a digest");
    assert!(own.warnings.iter().all(|problem| problem.severity == Severity::Warning));
}
