//! What the shipped rules do with prompts whose outcomes are known: one line `{"id","tier","rule","difficulty"}` for each
//! line `{"id","prompt","tools"?}` of standard input. `make policy` adds money and quality to it and draws the picture.
//!
//! ```text
//! cargo run --release --example policy -- routes.toml < PROMPTS.jsonl
//! ```

#![expect(clippy::print_stdout, reason = "an example is read on the terminal")]
#![expect(clippy::unwrap_used, reason = "an example that cannot go on panics")]

use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};
use weighbridge::config::{Strictness, Trial, load};
use weighbridge::dialect::{Limits, parse};
use weighbridge::domain::{App, Caller, Door, HeaderFacts};
use weighbridge::route::decide;

fn main() {
    let path = std::env::args().nth(1).unwrap_or_else(|| "routes.toml".to_owned());
    let config = load(Path::new(&path), SystemTime::now(), &|_| None, Strictness::Check).unwrap();
    for line in std::io::stdin().lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": line["prompt"]}]});
        let prompt = parse(Door::Chat, body.to_string().into(), &Limits { max_depth: 128 }).unwrap();
        let caller = Caller::unknown(App::OTHER);
        let headers = HeaderFacts::new();
        let trial = Trial { prompt, caller, may_choose: true, requested_tier: None, headers, budget_used: None };
        let (facts, _) = trial.facts(&config.rules, &|prompt| config.assessor.assess(prompt), 0);
        let decision = decide(&config.rules, &facts, &trial.situation()).unwrap();
        let tier = decision.tier.as_ref().map_or("large", |tier| tier.as_str());
        let rule = decision.rule.as_ref().map(|rule| rule.as_str());
        println!("{}", json!({"id": line["id"], "tier": tier, "rule": rule, "difficulty": facts.difficulty.score()}));
    }
}
