//! `routes.toml` from the outside: what is accepted, what is told of what is not.

use std::path::Path;
use std::time::{Duration, SystemTime};

use weighbridge::config::{Config, Problems, Strictness, Surroundings, parse};

/// 22 November 2026.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600)
}

fn check(text: &str) -> Result<Config, Problems> {
    let none = |_: &str| None;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let around = Surroundings { folder, now: now(), env: &none, strictness: Strictness::Check };
    parse(text, "routes.toml", &around)
}

/// What is told of a file, as `check` prints it.
fn told(text: &str) -> String {
    match check(text) {
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
