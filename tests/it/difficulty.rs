//! A team learns from its own labels which prompts need the large model, and its rules ask.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const RULES: &str = r#"
    [endpoints.mini]
    url = "http://127.0.0.1:9"
    model = "mini"
    price = { input = 1, output = 1 }
    context_window = 8192

    [endpoints.big]
    url = "http://127.0.0.1:9"
    model = "big"
    price = { input = 9, output = 9 }
    context_window = 8192

    [tiers.cheap]
    endpoints = ["mini"]

    [tiers.large]
    endpoints = ["big"]

    [assess]
    difficulty = "team.model"

    [[rules]]
    name = "hard-for-the-small-model"
    when = { difficulty = ">= 0.4" }
    route = "large"
    why = "it answered these worse"
    owner = "o"

    [[rules]]
    name = "all"
    route = "cheap"
    why = "w"
    owner = "o"

    [[tests]]
    prompt = "What is 31 plus 8 apples?"
    expect = { rule = "all" }

    [[tests]]
    prompt = "Prove that for every set of tokens there is a graph of bridges whose colouring is minimal."
    expect = { rule = "hard-for-the-small-model" }

    [[tests]]
    prompt = "¿Qué tal? zxqv wqpt vvvlk 99:¤ ≈≈ krzt plmb vrrr tlk brzzk ¤¤ wqqt {{{ ]]] ;;; ### zzz"
    expect = { rule = "hard-for-the-small-model" }
"#;

fn weighbridge(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weighbridge"));
    command.current_dir(folder).args(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn labels(count: usize) -> String {
    let things = ["apples", "lorries", "ledgers", "bridges", "tokens", "prompts", "engineers", "invoices"];
    let line = |number: usize| {
        let (one, other) = (things[number % 8], things[number / 8 % 8]);
        let (prompt, label) = match number % 2 {
            0 => (format!("What is {number} plus {} {one}?", number * 7 % 50), "small"),
            _ => {
                let text = format!(
                    "Prove that for every set of {one} there is a graph of {other} whose colouring is minimal."
                );
                (text, if number % 10 == 1 { "small" } else { "large" })
            }
        };
        json!({"prompt": prompt, "label": label}).to_string() + "\n"
    };
    (0..count).map(line).collect()
}

#[test]
fn a_team_trains_its_own_model_and_its_rules_ask_it() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("labels.jsonl"), labels(120)).expect("written");
    fs::write(folder.path().join("routes.toml"), RULES).expect("written");
    let train = ["train", "--data", "labels.jsonl", "--out", "team.model", "--json"];
    let done = weighbridge(folder.path(), &train, "");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert!(report["measured"][0]["apgr"]["low"].as_f64().expect("a number") > 0.6, "{report}");
    let model = fs::read(folder.path().join("team.model")).expect("written");
    weighbridge(folder.path(), &train, "");
    assert_eq!(model, fs::read(folder.path().join("team.model")).expect("again"), "the same data make the same file");

    let tested = weighbridge(folder.path(), &["test"], "");
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));

    let asked = "{\"id\":1,\"prompt\":\"What is 44 plus 3 ledgers?\"}\n{\"id\":2,\"prompt\":\"¿Qué tal? zxqv wqpt vvvlk 99:¤ ≈≈ krzt ¤¤ {{{ ]]] ;;; ###\"}\n";
    let assessed = weighbridge(folder.path(), &["assess", "--jsonl", "--difficulty", "team.model"], asked);
    let answers: Vec<Value> = String::from_utf8_lossy(&assessed.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert!(answers[0]["difficulty"].as_f64().expect("a number") < 0.4 && answers[0]["difficulty_known"] == true);
    assert!(answers[1]["difficulty"] == 1.0 && answers[1]["difficulty_known"] == false, "{answers:?}");

    let mut damaged = model;
    damaged[9_000] ^= 1;
    fs::write(folder.path().join("team.model"), damaged).expect("written");
    let refused = weighbridge(folder.path(), &["check"], "");
    let said = String::from_utf8_lossy(&refused.stdout).into_owned() + &String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("team.model") && said.contains("damaged"), "{said}");
}

#[test]
fn too_few_labels_are_told_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("labels.jsonl"), labels(20)).expect("written");
    let done = weighbridge(folder.path(), &["train", "--data", "labels.jsonl", "--out", "team.model"], "");
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("20 examples are too few"));
    assert!(!folder.path().join("team.model").exists());
}
