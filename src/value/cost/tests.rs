//! The join and the sums, over rows as a ledger has them.

use proptest::prelude::*;

use super::*;
use crate::route::Pattern;
use crate::value::mapping::BranchOf;
use crate::value::outcome::Source;
use crate::value::spend::HOUR_MILLIS;

fn label(text: &str) -> Option<Label> {
    Label::parse(text)
}

fn outcome(number: u64, hour: i64, branch: &str, feature: &str, engineer: &str) -> Outcome {
    let name = format!("example/shop#{number}");
    Outcome {
        kind: label("merged-pr").unwrap(),
        id: name.clone(),
        source: Source::Github,
        at_millis: hour * HOUR_MILLIS,
        repository: Some("example/shop".into()),
        branch: Some(branch.into()).filter(|branch: &String| !branch.is_empty()),
        pull_request: Some(name),
        author: None,
        engineer: label(engineer),
        team: None,
        feature: label(feature),
        weight: 1,
    }
}

fn spend(hour: i64, branch: &str, feature: &str, engineer: &str, pico: i128) -> Spend {
    let told = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Spend {
        hour_millis: hour * HOUR_MILLIS,
        branch: told(branch),
        feature: told(feature),
        engineer: told(engineer),
        rule: told("everything-else"),
        tier: told("cheap"),
        amount: Amount { requests: 1, cost: Some(Pico::new(pico)), ..Amount::default() },
        ..Spend::default()
    }
}

fn question(per: Per) -> Question {
    Question { per, period: 100 * HOUR_MILLIS..200 * HOUR_MILLIS, before: None, min_outcomes: 1, only: Vec::new() }
}

fn known<'k>(spend: &'k [Spend], outcomes: &'k [Outcome], mapping: &'k Mapping) -> Known<'k> {
    Known { spend, earlier: &[], before: &[], outcomes, mapping }
}

fn line<'c>(costs: &'c Costs, key: &str) -> &'c Line {
    costs.lines.iter().find(|line| line.key.as_deref() == Some(key)).unwrap_or_else(|| panic!("{key}: {costs:#?}"))
}

#[test]
fn a_feature_bears_all_its_spend_and_a_pull_request_its_own() {
    let outcomes = [
        outcome(1, 150, "checkout/a", "checkout", "ana"),
        outcome(2, 160, "checkout/b", "checkout", "ana"),
        outcome(3, 160, "search/a", "search", "bo"),
        outcome(4, 250, "search/b", "search", "bo"),
    ];
    let rows = [
        spend(110, "checkout/a", "checkout", "ana", 1_000),
        spend(120, "checkout/b", "checkout", "ana", 2_001),
        spend(130, "checkout/c", "checkout", "ana", 7_000),
        spend(130, "search/a", "search", "bo", 500),
        spend(170, "search/b", "search", "bo", 40),
        spend(170, "", "", "", 3),
    ];
    let mapping = Mapping::default();
    let costs = |per| super::costs(&question(per), &known(&rows, &outcomes, &mapping));
    let by_feature = costs(Per::Feature);
    let checkout = line(&by_feature, "checkout");
    assert_eq!((checkout.outcomes, checkout.account.total.cost), (2, Some(Pico::new(10_001))));
    assert_eq!(checkout.cost_per_outcome, Some(Pico::new(5_001)), "half a pico-dollar is rounded up");
    assert_eq!((checkout.direct, checkout.direct_per_outcome), (Some(Pico::new(3_001)), Some(Pico::new(1_501))));
    assert_eq!(checkout.account.unjoined.cost, Some(Pico::new(7_000)), "work that has not shipped");
    let search = line(&by_feature, "search");
    assert_eq!((search.outcomes, search.cost_per_outcome), (1, Some(Pico::new(540))), "#4 shipped after the period");
    assert_eq!(search.account.joined.cost, Some(Pico::new(540)), "and what was spent on it is joined all the same");
    assert_eq!(search.direct, Some(Pico::new(500)));
    assert_eq!(by_feature.total.account.total.cost, Some(Pico::new(10_544)));
    assert_eq!(by_feature.total.outcomes, 3);

    let by_pr = costs(Per::PullRequest);
    assert_eq!(line(&by_pr, "example/shop#2").cost_per_outcome, Some(Pico::new(2_001)));
    assert_eq!(line(&by_pr, "example/shop#4").cost_per_outcome, None, "it shipped later");
    let by_branch = costs(Per::Branch);
    assert_eq!(line(&by_branch, "example/shop:checkout/a").cost_per_outcome, Some(Pico::new(1_000)));
    assert_eq!(line(&by_branch, "checkout/c").outcomes, 0);
}

#[test]
fn what_was_spent_before_the_period_is_part_of_the_direct_cost() {
    let outcomes = [outcome(1, 150, "checkout/a", "checkout", "ana")];
    let rows = [spend(110, "checkout/a", "checkout", "ana", 1_000)];
    let earlier = [spend(90, "checkout/a", "checkout", "ana", 234)];
    let mapping = Mapping::default();
    let known = Known { earlier: &earlier, ..known(&rows, &outcomes, &mapping) };
    let costs = costs(&question(Per::PullRequest), &known);
    let line = line(&costs, "example/shop#1");
    assert_eq!((line.cost_per_outcome, line.direct), (Some(Pico::new(1_000)), Some(Pico::new(1_234))));
    assert_eq!(costs.total.account.total.cost, Some(Pico::new(1_000)), "the account is of the period");
}

#[test]
fn spend_without_a_feature_is_given_that_of_its_branch_or_its_outcome() {
    let mapping = Mapping {
        branches: vec![BranchOf {
            branch: Pattern::parse("till/*").unwrap(),
            repository: None,
            feature: label("till").unwrap(),
        }],
        ..Mapping::default()
    };
    let outcomes = [outcome(1, 150, "round", "checkout", "ana")];
    let rows = [spend(110, "till/x", "", "", 1), spend(110, "round", "", "", 20), spend(110, "other", "", "", 300)];
    let costs = costs(&question(Per::Feature), &known(&rows, &outcomes, &mapping));
    assert_eq!(line(&costs, "till").account.total.cost, Some(Pico::new(1)));
    assert_eq!(line(&costs, "checkout").account.total.cost, Some(Pico::new(20)));
    assert!(costs.lines.iter().any(|line| line.key.is_none() && line.account.total.cost == Some(Pico::new(300))));
}

#[test]
fn an_outcome_without_a_feature_is_given_that_of_the_spend_joined_to_it_if_it_is_one() {
    let outcomes = [outcome(1, 150, "a", "", ""), outcome(2, 150, "b", "", ""), outcome(3, 150, "c", "", "bo")];
    let rows = [
        spend(110, "a", "checkout", "ana", 1_000),
        spend(110, "a", "", "ana", 200),
        spend(110, "b", "checkout", "ana", 30),
        spend(110, "b", "search", "ana", 4),
    ];
    let earlier = [spend(90, "c", "search", "ana", 5)];
    let mapping = Mapping::default();
    let known = Known { earlier: &earlier, ..known(&rows, &outcomes, &mapping) };
    let by_feature = costs(&question(Per::Feature), &known);
    let checkout = line(&by_feature, "checkout");
    assert_eq!((checkout.outcomes, checkout.cost_per_outcome), (1, Some(Pico::new(1_230))));
    assert_eq!(line(&by_feature, "search").outcomes, 1, "by what was spent before the period");
    let none = by_feature.lines.iter().find(|line| line.key.is_none()).unwrap();
    assert_eq!(none.outcomes, 1, "#2 was worked on for two");
    let by_engineer = costs(&question(Per::Engineer), &known);
    assert_eq!(line(&by_engineer, "ana").outcomes, 2);
    assert_eq!(line(&by_engineer, "bo").outcomes, 1, "what was told counts");
}

#[test]
fn a_trend_needs_enough_outcomes_on_both_sides() {
    let outcomes: Vec<Outcome> = [10, 20, 30, 110, 120, 130]
        .iter()
        .zip(1..)
        .map(|(hour, number)| outcome(number, *hour, "", "checkout", "ana"))
        .collect();
    let (rows, before) = ([spend(110, "", "checkout", "ana", 4_500)], [spend(10, "", "checkout", "ana", 3_000)]);
    let mapping = Mapping::default();
    let known = Known { before: &before, ..known(&rows, &outcomes, &mapping) };
    let asked = |min_outcomes| {
        let question = Question { before: Some(0..100 * HOUR_MILLIS), min_outcomes, ..question(Per::Feature) };
        costs(&question, &known).total.trend.unwrap()
    };
    assert_eq!(asked(3), Trend { outcomes_before: 3, before: Some(Pico::new(1_000)), change_permille: Some(500) });
    assert_eq!(asked(4).change_permille, None);
    assert_eq!(
        costs(&question(Per::Feature), &known).total.trend,
        None,
        "a period without beginning has none before it"
    );
}

#[test]
fn what_drove_the_cost_is_named_and_escalations_are_taken_out() {
    let mut escalated = spend(110, "", "checkout", "ana", 700);
    escalated.escalated = true;
    escalated.tier = Some("large".into());
    escalated.rule = Some("judgement".into());
    let unpriced = Spend { amount: Amount { requests: 2, unpriced: 2, ..Amount::default() }, ..escalated.clone() };
    let rows = [spend(110, "", "checkout", "ana", 300), escalated, unpriced];
    let outcomes = [outcome(1, 150, "", "checkout", "ana")];
    let mapping = Mapping::default();
    let costs = costs(&question(Per::Feature), &known(&rows, &outcomes, &mapping));
    let total = &costs.total;
    assert_eq!((total.cost_per_outcome, total.net_of_escalations), (Some(Pico::new(1_000)), Some(Pico::new(300))));
    assert_eq!((total.escalated.requests, total.account.total.unpriced), (3, 2));
    let drivers: Vec<_> = total.tiers.iter().map(|one| (one.name.as_deref().unwrap(), one.share_permille)).collect();
    assert_eq!(drivers, [("large", 700), ("cheap", 300)]);
    assert_eq!(total.rules[0].name.as_deref(), Some("judgement"));
}

#[test]
fn what_is_asked_for_alone_counts_alone_and_is_joined_as_ever() {
    let outcomes = [outcome(1, 150, "", "checkout", "ana"), outcome(2, 150, "", "checkout", "bo")];
    let rows =
        [spend(110, "", "checkout", "ana", 10), spend(110, "", "checkout", "bo", 200), spend(110, "", "", "", 3)];
    let mapping = Mapping::default();
    let question = Question { only: vec![(Per::Engineer, "bo".into())], ..question(Per::Feature) };
    let costs = costs(&question, &known(&rows, &outcomes, &mapping));
    assert_eq!((costs.lines.len(), costs.total.outcomes), (1, 1));
    assert_eq!(costs.total.cost_per_outcome, Some(Pico::new(200)));
}

#[test]
fn what_weighs_more_counts_as_more() {
    let outcomes = [Outcome { weight: 3, ..outcome(1, 150, "", "checkout", "ana") }];
    let rows = [spend(110, "", "checkout", "ana", 1_000)];
    let mapping = Mapping::default();
    let total = costs(&question(Per::Feature), &known(&rows, &outcomes, &mapping)).total;
    assert_eq!((total.outcomes, total.weight, total.cost_per_outcome), (1, 3, Some(Pico::new(333))));
}

#[test]
fn nothing_known_is_never_0() {
    let mapping = Mapping::default();
    let outcomes = [outcome(1, 150, "", "checkout", "ana")];
    let total = costs(&question(Per::Feature), &known(&[], &outcomes, &mapping)).total;
    assert_eq!((total.cost_per_outcome, total.direct_per_outcome), (None, None));
    let rows = [spend(110, "", "checkout", "ana", 1_000)];
    let total = costs(&question(Per::Feature), &known(&rows, &[], &mapping)).total;
    assert_eq!((total.outcomes, total.cost_per_outcome), (0, None));
}

#[test]
fn quotients_are_rounded_to_the_nearest() {
    let check =
        |amount, among, expected: i128| assert_eq!(divided(Pico::new(amount), among), Some(Pico::new(expected)));
    check(7, 2, 4);
    check(-7, 2, -4);
    check(10, 3, 3);
    check(11, 3, 4);
    assert_eq!(divided(Pico::new(7), 0), None);
}

prop_compose! {
    fn any_row()(
        hour in 90..210_i64, names in prop::array::uniform4(0..4_usize), pico in prop::option::of(0..i64::MAX), number in 0..8_u64,
    ) -> Spend {
        let branches = ["", "checkout/a", "example/shop:search/a", "stray"];
        let row = spend(hour, branches[names[0]], ["", "checkout", "search", "till"][names[1]], ["", "ana", "bo", "cleo"][names[2]], 0);
        let pull_request = (names[3] == 0).then(|| format!("#{number}"));
        let amount = Amount { requests: 1, cost: pico.map(|pico| Pico::new(pico.into())), unpriced: u64::from(pico.is_none()), ..Amount::default() };
        Spend { pull_request, amount, escalated: number % 2 == 0, ..row }
    }
}

prop_compose! {
    fn any_outcome()(number in 0..6_u64, hour in 90..210_i64, names in prop::array::uniform3(0..3_usize)) -> Outcome {
        let branches = ["", "checkout/a", "search/a"];
        outcome(number, hour, branches[names[0]], ["", "checkout", "search"][names[1]], ["", "ana", "bo"][names[2]])
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn joined_unjoined_and_ambiguous_add_up_to_the_total_exactly(
        rows in prop::collection::vec(any_row(), 0..40),
        outcomes in prop::collection::vec(any_outcome(), 0..12),
        per in prop::sample::select(vec![Per::Feature, Per::Engineer, Per::Team, Per::Branch, Per::PullRequest]),
    ) {
        let mapping = Mapping::default();
        let costs = costs(&question(per), &known(&rows, &outcomes, &mapping));
        let spent: i128 = rows.iter().filter_map(|row| row.amount.cost).map(Pico::get).sum();
        let cost = |amount: &Amount| amount.cost.unwrap_or_default().get();
        for line in costs.lines.iter().chain([&costs.total]) {
            let Account { total, joined, ambiguous, unjoined } = &line.account;
            prop_assert_eq!(cost(joined) + cost(ambiguous) + cost(unjoined), cost(total));
            prop_assert_eq!(joined.requests + ambiguous.requests + unjoined.requests, total.requests);
            prop_assert_eq!(joined.unpriced + ambiguous.unpriced + unjoined.unpriced, total.unpriced);
        }
        prop_assert_eq!(cost(&costs.total.account.total), spent);
        prop_assert_eq!(costs.total.account.total.requests, rows.len() as u64);
        let lines: i128 = costs.lines.iter().map(|line| cost(&line.account.total)).sum();
        prop_assert_eq!(lines, spent, "and the lines to the total");
        let shipped = outcomes.iter().filter(|one| question(per).period.contains(&one.at_millis)).count() as u64;
        prop_assert_eq!(costs.total.outcomes, shipped);
        prop_assert_eq!(costs.lines.iter().map(|line| line.outcomes).sum::<u64>(), shipped);
        // What is joined to outcomes of the period is part of what is joined at all.
        prop_assert!(costs.total.direct.unwrap_or_default().get() <= cost(&costs.total.account.joined));
        let direct: i128 = costs.lines.iter().filter_map(|line| line.direct).map(Pico::get).sum();
        prop_assert_eq!(direct, costs.total.direct.unwrap_or_default().get());
    }
}
