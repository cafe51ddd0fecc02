//! What comes of trying rules on past requests, with figures done by hand.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::books::Books;
use super::coverage::Covering;
use super::report::Report;
use super::sample::recorded;
use super::side::{Place, Side};
use super::*;
use crate::config::{Config, Strictness, Surroundings, parse};
use crate::domain::{Label, Outcome, RuleName, Tag};
use crate::record::recorded::Decided;

/// A token costs 0.1, 0.4 USD a million in `small`, ten times that in `big`; cached ones a tenth, written ones 1.25 times.
const PLACES: &str = r#"
[endpoints.small]
url = "http://127.0.0.1:1/v1"
model = "small-1"
price = { input = 0.1, output = 0.4, cache_read = 0.01, cache_write = 0.125 }
context_window = 50000

[endpoints.big]
url = "http://127.0.0.1:2/v1"
model = "big-1"
price = { input = 1.0, output = 4.0, cache_read = 0.1, cache_write = 1.25 }

[tiers.cheap]
endpoints = ["small"]
escalate = "large"

[tiers.large]
endpoints = ["big"]

[routing]
models = ["auto"]
baseline = "large"
"#;

const LAST: &str = r#"
[[rules]]
name = "last"
route = "cheap"
why = "w"
owner = "o"
"#;

fn rule(name: &str, when: &str, does: &str) -> String {
    format!("[[rules]]\nname = \"{name}\"\nwhen = {when}\n{does}\nwhy = \"w\"\nowner = \"o\"\n")
}

fn config(rules: &str) -> Config {
    let around = Surroundings {
        folder: Path::new("."),
        now: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_305_600_000),
        env: &|_| None,
        strictness: Strictness::Check,
        catalogue: None,
    };
    parse(&format!("{PLACES}{rules}{LAST}"), "routes.toml", &around).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A past request with these facts.
fn asked(number: u64, change: impl FnOnce(&mut Facts)) -> Recorded {
    let mut one = recorded(number);
    if let Ok(facts) = &mut one.facts {
        change(facts);
    }
    one
}

fn high(facts: &mut Facts) {
    facts.risk = Risk::High;
    facts.tags = [Tag::Money].into_iter().collect();
}

fn replayed(new: &str, requests: Vec<Recorded>) -> Report {
    let config = config(new);
    let mut replay = Replay::new(Side::new(&config, Some(Books::new(&config.budgets))), None, 10);
    requests.into_iter().for_each(|one| replay.add(one));
    replay.finished()
}

fn compared(old: &str, new: &str, requests: Vec<Recorded>) -> Report {
    let (old, new) = (config(old), config(new));
    let side = |config| Side::new(config, None);
    let mut replay = Replay::new(side(&new), Some(side(&old)), 10);
    requests.into_iter().for_each(|one| replay.add(one));
    replay.finished()
}

#[test]
fn the_same_rules_change_nothing() {
    let requests = (0..50).map(|number| asked(number, |facts| facts.tools = number as u32)).collect();
    let report = replayed("", requests);
    assert_eq!((report.replayed, report.changed, report.other_rule, report.other_model), (50, 0, 0, 0));
    assert_eq!((report.costs.difference, report.costs.requests), (Pico::ZERO, 50));
    assert_eq!((report.rules[0].requests, report.rules[0].before, report.shown.len()), (50, 50, 0));
}

#[test]
fn a_rule_that_takes_some_is_added_up_by_hand() {
    let money = rule("money", r#"{ tags = "money" }"#, "route = \"large\"");
    let requests = vec![asked(1, high), asked(2, |_| {}), asked(3, high)];
    let report = replayed(&money, requests);
    // 1,000 tokens in and 100 out: 0.00014 USD on small, 0.0014 on big.
    let (small, big) = (Pico::new(140_000_000), Pico::new(1_400_000_000));
    assert_eq!((report.changed, report.changed_share), (2, Some(6_666)));
    assert_eq!((report.costs.old, report.costs.new), (small + small + small, big + small + big));
    assert_eq!(report.costs.difference_share, Some(60_000), "three times 0.00014 become 0.00294");
    let moved = report.moves.iter().find(|one| one.from != one.to).expect("some move");
    assert_eq!((moved.from.to_string(), moved.to.to_string()), ("cheap".to_owned(), "large".to_owned()));
    assert_eq!((moved.sums.requests, moved.sums.high_risk, moved.sums.new), (2, 2, big + big));
    assert_eq!((report.high_risk.requests, report.high_risk.to_cheap), (2, 0), "to a dearer one");
    let shown = &report.shown[0];
    assert_eq!(shown.why[0], "rule last is not reached any more");
    assert_eq!(shown.why[1], "rule money matches: tags any of money (found money)");
}

#[test]
fn high_risk_that_turns_cheap_is_counted() {
    let money = rule("money", r#"{ tags = "money" }"#, "route = \"large\"");
    let report = compared(&money, "", vec![asked(1, high), asked(2, high), asked(3, |facts| facts.risk = Risk::High)]);
    let high = report.high_risk;
    assert_eq!((high.requests, high.to_cheap, high.to_cheap_share), (3, 2, Some(6_666)));
    assert_eq!(report.shown[0].why[0], "rule money is not in the new file");
    assert!(report.shown[0].why[1].starts_with("rule last matches: it takes every request"));
    assert_eq!(report.shown[0].why[2], "rule last was not reached in the old file");
}

#[test]
fn a_tier_that_gets_a_cheaper_model_turns_high_risk_cheap_as_well() {
    let mut one = asked(1, high);
    one.decided = Some(Decided { tier: Some("large".into()), first: Some("huge".into()), ..one.decided.unwrap() });
    (one.endpoint, one.model) = (Some("huge".into()), Some("huge-1".into()));
    one.cost = Some(Pico::new(9_000_000_000));
    let all = rule("all", r#"{ tags = "money" }"#, "route = \"large\"");
    let report = replayed(&all, vec![one]);
    assert_eq!((report.changed, report.other_model, report.high_risk.to_cheap), (0, 1, 1));
}

#[test]
fn moving_a_conversation_writes_what_was_cached() {
    let money = rule("money", r#"{ tags = "money" }"#, "route = \"large\"");
    let warm = |number| {
        let mut one = asked(number, high);
        one.usage = Some(Usage { input: 0, cache_read: 10_000, output: 100, ..Usage::default() });
        one.cost = Some(Pico::new(10_000 * 10_000 + 100 * 400_000));
        one
    };
    let report = replayed(&money, vec![warm(1), warm(2)]);
    // The first is written (1.25 USD a million), the second read (0.1); 100 tokens of answer cost 4 USD a million.
    let first = 10_000 * 1_250_000 + 100 * 4_000_000;
    let second = 10_000 * 100_000 + 100 * 4_000_000;
    assert_eq!(report.costs.new, Pico::new(first + second));
    assert_eq!(report.costs.cold.tokens, 10_000);
    assert_eq!(report.costs.cold.cost, Pico::new(10_000 * (1_250_000 - 100_000)));
}

#[test]
fn what_is_denied_newly_costs_nothing_and_is_told() {
    let deny = rule("no", r#"{ tags = "money" }"#, "deny = \"no\"");
    let report = replayed(&deny, vec![asked(1, high), asked(2, |_| {})]);
    assert_eq!((report.unanswered.newly, report.unanswered.no_longer), (1, 0));
    assert_eq!((report.costs.requests, report.costs.no_longer_answered), (1, Pico::new(140_000_000)));
    let mut denied = asked(3, |_| {});
    let outcome = Outcome::Deny("no".into());
    denied.decided = Some(Decided { outcome, tier: None, first: None, ..denied.decided.unwrap() });
    (denied.endpoint, denied.model, denied.usage, denied.cost) = (None, None, None, None);
    let report = replayed("", vec![denied]);
    assert_eq!((report.unanswered.no_longer, report.changed, report.costs.unpriced), (1, 1, 0));
}

#[test]
fn what_cannot_be_replayed_is_counted_with_its_reason() {
    let refused = Recorded { facts: Err(Unseen::Refused("unauthenticated".into())), ..recorded(1) };
    let missing = Recorded { facts: Err(Unseen::Missing), ..recorded(2) };
    let strange =
        Recorded { facts: Err(Unseen::Unreadable("the facts: unknown variant `morse`".into())), ..recorded(3) };
    let report = replayed("", vec![refused, missing, strange, recorded(4)]);
    assert_eq!((report.entries, report.replayed), (4, 1));
    let reasons: Vec<&str> = report.left_out.keys().map(String::as_str).collect();
    assert_eq!(
        reasons,
        [
            "not readable: the facts: unknown variant `morse`",
            "refused before the rules were asked (unauthenticated)",
            "without facts"
        ]
    );
}

#[test]
fn a_conversation_that_an_endpoint_holds_stays_there() {
    let mut held = asked(1, high);
    held.decided = Some(Decided {
        rule: None,
        tier: None,
        first: Some("small".into()),
        held_by: Some("small".into()),
        ..held.decided.unwrap()
    });
    let money = rule("money", r#"{ tags = "money" }"#, "route = \"large\"");
    let report = replayed(&money, vec![held]);
    assert_eq!((report.changed, report.by_no_rule), (0, 1));
}

#[test]
fn two_files_draw_alike() {
    let split = rule("half", r#"{ tags = "money" }"#, "split = { cheap = 50, large = 50 }");
    let requests: Vec<Recorded> = (0..400).map(|number| asked(number, high)).collect();
    let report = compared(&split, &split, requests.clone());
    assert_eq!(report.changed, 0);
    let to = |report: &Report, tier: &str| {
        let to = |one: &&Move| one.to == Place::Tier(tier.into());
        report.moves.iter().filter(to).map(|one| one.sums.requests).sum::<u64>()
    };
    assert!((150..250).contains(&to(&report, "large")), "{:?}", report.moves);
    let tenth = rule("half", r#"{ tags = "money" }"#, "split = { cheap = 90, large = 10 }");
    let report = compared(&split, &tenth, requests);
    assert!((20..70).contains(&to(&report, "large")), "{:?}", report.moves);
    assert!(report.moves.iter().all(|one| one.from != Place::Tier("cheap".into()) || one.to == one.from));
    assert_eq!(report.drawn_anew, report.changed);
}

#[test]
fn budgets_see_what_the_replay_costs() {
    let budget = r#"
        [[budgets]]
        name = "teams"
        for = { team = "*" }
        limit = 0.0005
        window = "day"
    "#;
    let brown_out = rule("brown-out", r#"{ budget_used = ">= 50%" }"#, "route = \"large\"");
    let team = |facts: &mut Facts| facts.team = Label::parse("payments");
    let report = replayed(&format!("{budget}{brown_out}"), (0..4).map(|number| asked(number, team)).collect());
    // 0.00014 and 0.00028 are below and above one half of 0.0005: the third goes to the large tier and bursts the budget.
    assert_eq!((report.rules[0].requests, report.rules[1].requests), (2, 2));
    let bursts = report.bursts.expect("replayed");
    assert_eq!((bursts.len(), bursts[0].requests_after, &*bursts[0].holder), (1, 1, "payments"));
}

#[test]
fn rules_that_decide_nothing_are_told_and_why() {
    let rules = [
        rule("money", r#"{ tags = "money" }"#, "route = \"large\""),
        rule("dear-money", r#"{ tags = "money", risk = "high" , tools = false }"#, "route = \"large\""),
        rule("pictures", "{ images = true }", "route = \"large\""),
    ];
    // `check` would see that the second is part of the first: so the first asks for a header that all requests have.
    let rules = rules.concat().replace(r#"{ tags = "money" }"#, r#"{ tags = "money", app = "other" }"#);
    let config = config(&rules);
    let mut covering = Covering::new(Side::new(&config, None));
    let search = |facts: &mut Facts| facts.team = Label::parse("search");
    let requests = [asked(1, high), asked(2, search), asked(3, search), asked(4, |_| {})];
    requests.into_iter().for_each(|one| covering.add(one));
    let coverage = covering.finished(2);
    let names = |pick: fn(&super::coverage::Covered) -> bool| {
        let picked = coverage.rules.iter().filter(|one| pick(one));
        picked.map(|one| RuleName::parse(&one.rule).unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(|one| one.is_dead), ["dear-money", "pictures"]);
    assert_eq!(names(|one| one.is_shadowed), ["dear-money"]);
    assert_eq!(coverage.rules[1].taken_by, Some(Arc::from("money")));
    assert_eq!((coverage.last_rule_share, coverage.rules[3].recorded), (Some(7_500), 4));
    let unmatched: Vec<_> = coverage.unmatched.iter().map(|one| (one.dimension, &*one.value, one.requests)).collect();
    assert_eq!(unmatched, [("team", "search", 2)], "the app has a request that another rule takes");
}
