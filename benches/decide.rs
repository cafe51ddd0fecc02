//! How long deciding takes: rules and facts in, a decision out. The promise is less than 2 µs for 20 rules.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use divan::{Bencher, black_box};
use weighbridge::config::{Config, Strictness, Surroundings, parse};
use weighbridge::domain::{Conversation, Difficulty, Facts, Kind, Label, Risk, Tag, TagSet, TokenCount};
use weighbridge::route::{Situation, decide, explain, needs_exact_tokens};

fn main() {
    divan::main();
}

const PLACES: &str = r#"
[endpoints.small]
url = "http://127.0.0.1:7301/v1"
model = "small"
price = { input = 0.02, output = 0.04 }
context_window = 8192
max_output = 1024

[endpoints.mini]
url = "https://api.openai.com/v1"
model = "gpt-5-mini"
max_output = 128000

[endpoints.big]
url = "https://api.openai.com/v1"
model = "gpt-5"
max_output = 128000

[tiers.own]
endpoints = ["small"]
escalate = "own-large"

[tiers.own-large]
endpoints = [{ name = "small", weight = 2 }]

[tiers.hosted]
endpoints = ["mini"]
escalate = "hosted-large"

[tiers.hosted-large]
endpoints = ["big"]
"#;

/// A file with so many rules, of which only the last holds for [`facts`]: each asks for something else.
fn file(rules: usize, tier: &str) -> String {
    let whens = [
        r#"{ tags.any = ["security", "money"], risk = ">= medium" }"#,
        r#"{ kind = ["design", "debug-incident"], turn = "human" }"#,
        r#"{ tokens = ">= 60000" }"#,
        r#"{ team = ["platform", "core-*"], feature = "checkout" }"#,
        r#"{ any = [{ images = true }, { tools = ">= 40" }] }"#,
        r#"{ not = { conversation = "ongoing" }, stream = true }"#,
        r#"{ header = { x-team = "search-*" } }"#,
        r#"{ content = "has_secret" }"#,
        r#"{ requested_model = "gpt-*", app = "codex" }"#,
    ];
    let mut file = PLACES.to_owned();
    for place in 1..rules {
        let when = whens[place % whens.len()];
        let team = format!("team-{place}");
        writeln!(
            file,
            "[[rules]]\nname = \"rule-{place}\"\nwhen = {{ all = [{when}, {{ engineer = \"*-{team}\" }}] }}\n\
             route = \"hosted\"\nwhy = \"w\"\nowner = \"o\""
        )
        .expect("a String takes every write");
    }
    writeln!(file, "[[rules]]\nname = \"last\"\nroute = \"{tier}\"\nwhy = \"w\"\nowner = \"o\"")
        .expect("a String takes every write");
    file
}

fn config(rules: usize, tier: &str) -> Config {
    let around = Surroundings {
        folder: Path::new("."),
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600),
        env: &|_| None,
        strictness: Strictness::Check,
        catalogue: None,
    };
    parse(&file(rules, tier), "routes.toml", &around).expect("a good file")
}

fn facts() -> Facts {
    Facts {
        at_millis: 1_795_305_600_000,
        requested_model: "auto".to_owned(),
        engineer: Label::parse("ana"),
        team: Label::parse("platform"),
        tokens: TokenCount { low: 1800, expected: 2000, high: 2200 },
        max_output: Some(500),
        tags: [Tag::Security].into_iter().collect::<TagSet>(),
        risk: Risk::High,
        difficulty: Difficulty::of(0.6),
        kind: Kind::Design,
        tools: 12,
        stream: true,
        conversation: Conversation::Ongoing,
        ..Facts::default()
    }
}

/// Every rule is asked in vain but the last; endpoints with prices set in the file.
#[divan::bench(args = [1, 5, 20, 100])]
fn own_prices(bencher: Bencher<'_, '_>, rules: usize) {
    let (config, facts, situation) = (config(rules, "own"), facts(), Situation::default());
    bencher.bench(|| decide(black_box(&config.rules), black_box(&facts), &situation));
}

/// The same with prices from the catalogue, which the ceiling asks once for each candidate.
#[divan::bench(args = [1, 20])]
fn catalogue_prices(bencher: Bencher<'_, '_>, rules: usize) {
    let (config, facts, situation) = (config(rules, "hosted"), facts(), Situation::default());
    bencher.bench(|| decide(black_box(&config.rules), black_box(&facts), &situation));
}

/// Whether tokens must be counted exactly before deciding.
#[divan::bench]
fn needs_exact(bencher: Bencher<'_, '_>) {
    let (config, facts) = (config(20, "own"), facts());
    bencher.bench(|| needs_exact_tokens(black_box(&config.rules), black_box(&facts)));
}

/// The same decision with every reason in words.
#[divan::bench]
fn explained(bencher: Bencher<'_, '_>) {
    let (config, facts, situation) = (config(20, "own"), facts(), Situation::default());
    bencher.bench(|| explain(black_box(&config.rules), black_box(&facts), &situation).to_string());
}

/// Reading and checking the whole file, as a reload does.
#[divan::bench]
fn reading_the_file(bencher: Bencher<'_, '_>) {
    bencher.bench(|| config(20, "own"));
}
