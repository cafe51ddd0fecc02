use std::sync::Arc;

use super::super::sample::{House, facts, target, to, when};
use super::super::{Action, Balance, Condition, Destination, decide};
use super::*;
use crate::domain::{Conversation, Dialect, FailureKind, Price, Rates, Risk, TierName, TokenCount};

/// USD for a million tokens, as pico-dollars a token.
const USD: u64 = 1_000_000;

/// An Anthropic endpoint at so many dollars: its cache costs a tenth to read and a quarter more to write, answers five
/// times as much.
fn claude(name: &str, usd: u64) -> Target {
    let input = usd * USD;
    let rates = Rates { input, cache_read: input / 10, cache_write: input + input / 4, output: 5 * input };
    let plain = target(name, 1_000_000, 1);
    Target { dialect: Dialect::AnthropicMessages, price: Price::Fixed(rates), flat_rates: Some(rates), ..plain }
}

fn standing(endpoint: &str, tier: &str) -> Standing {
    Standing {
        endpoint: EndpointName::parse(endpoint).expect("a name"),
        tier: TierName::parse(tier).ok(),
        rule: crate::domain::RuleName::parse("last").ok(),
        warm: 100_000,
        warm_until_millis: facts().at_millis + 60_000,
        prompt: 100_000,
        output: 400,
        answered_millis: facts().at_millis - 60_000,
        replies: 1,
        escalated: false,
    }
}

/// A human turn of so many tokens after so many answers, of a client that asks for five minutes.
fn human(tokens: u64, replies: u32) -> Facts {
    let (tokens, cache_life) = (TokenCount::exact(tokens), Some(CacheLife::FiveMinutes));
    Facts { tokens, replies, cache_life, conversation: Conversation::Ongoing, ..facts() }
}

fn pico(micro_usd: i128) -> Pico {
    Pico::new(micro_usd * 1_000_000)
}

#[test]
fn a_hundred_thousand_warm_tokens_are_weighed_to_the_pico_dollar() {
    let (here, there) = (claude("sonnet", 3), claude("haiku", 1));
    let weigh = |replies| {
        let weighed = weigh(&human(100_000, replies), &standing("sonnet", "large"), &here, &there, &Policy::default());
        weighed.expect("priced")
    };
    let once = weigh(1);
    assert_eq!((once.prompt, once.warm, once.cold, once.new, once.left), (100_000, 100_000, 0, 0, 1));
    // 100,000 × $0.30 are $0.03, an answer of 400 × $15 is $0.006.
    let stay = Bill { now: pico(36_000), each: pico(36_000), total: pico(72_000) };
    // 100,000 × $1.25 are $0.125, then 100,000 × $0.10 are $0.01; the answer is $0.002.
    let go = Bill { now: pico(127_000), each: pico(12_000), total: pico(139_000) };
    assert_eq!((once.stay, once.go), (stay, go));
    // What is saved each time, $0.024, makes up for the $0.091 of moving after four requests.
    assert!(weigh(3).stay.total < weigh(3).go.total);
    assert_eq!((weigh(4).stay.total, weigh(4).go.total), (pico(180_000), pico(175_000)));
}

#[test]
fn a_cold_cache_is_paid_anew_in_both_places() {
    let (here, there) = (claude("sonnet", 3), claude("haiku", 1));
    let cold = Standing { warm_until_millis: facts().at_millis, ..standing("sonnet", "large") };
    let weighed = weigh(&human(101_000, 1), &cold, &here, &there, &Policy::default()).expect("priced");
    assert_eq!((weighed.warm, weighed.cold, weighed.new), (0, 100_000, 1000));
    // 101,000 × $3.75 and the answer; then 101,000 × $0.30, 1,000 × $3.75 and the answer.
    assert_eq!((weighed.stay.now, weighed.stay.each), (pico(378_750 + 6_000), pico(30_300 + 3_750 + 6_000)));
    assert!(weighed.stay.total > weighed.go.total);
}

#[test]
fn new_tokens_are_not_warm_and_come_with_each_request() {
    let (here, there) = (claude("sonnet", 3), claude("haiku", 1));
    let weighed =
        weigh(&human(120_000, 2), &standing("sonnet", "large"), &here, &there, &Policy::default()).expect("priced");
    assert_eq!((weighed.warm, weighed.new, weighed.left), (100_000, 20_000, 2));
    assert_eq!(weighed.stay.now, pico(30_000 + 75_000 + 6_000));
    assert_eq!(weighed.stay.each, pico(36_000 + 75_000 + 6_000));
    assert_eq!(weighed.go.now, pico(150_000 + 2_000));
    assert_eq!(weighed.stay.total, weighed.stay.now + weighed.stay.each + weighed.stay.each);
}

#[test]
fn who_keeps_nothing_is_paid_in_full_each_time() {
    let (here, there) = (claude("sonnet", 3), claude("haiku", 1));
    let unasked = Facts { cache_life: None, ..human(100_000, 1) };
    let none = Standing { warm: 0, ..standing("sonnet", "large") };
    let weighed = weigh(&unasked, &none, &here, &there, &Policy::default()).expect("priced");
    assert_eq!((weighed.stay.now, weighed.stay.each), (pico(306_000), pico(306_000)));
    assert_eq!((weighed.go.now, weighed.go.each), (pico(102_000), pico(102_000)));
    // A provider that keeps prompts by itself reads them, whatever the client asks for.
    let gpt = Target { dialect: Dialect::OpenaiChat, ..claude("gpt", 1) };
    let weighed = weigh(&unasked, &none, &here, &gpt, &Policy::default()).expect("priced");
    assert_eq!((weighed.go.now, weighed.go.each), (pico(102_000), pico(12_000)));
}

#[test]
fn what_has_no_price_is_not_weighed() {
    let unpriced = Target { price: Price::Unpriced, flat_rates: None, ..claude("haiku", 1) };
    let standing = standing("sonnet", "large");
    assert_eq!(weigh(&human(100_000, 1), &standing, &claude("sonnet", 3), &unpriced, &Policy::default()), None);
}

#[test]
fn as_many_requests_are_expected_as_there_have_been() {
    let policy = Policy { most_left: 20, ..Policy::default() };
    assert_eq!([0, 1, 7, 20, 300].map(|replies| policy.left(replies)), [1, 1, 7, 20, 20]);
}

fn with(standing: Standing) -> Situation {
    Situation { may_choose: true, standing: Some(Arc::new(standing)), ..Situation::default() }
}

fn names(decision: &Decision) -> Vec<&str> {
    decision.candidates.iter().map(|candidate| candidate.endpoint.as_str()).collect()
}

fn tier(decision: &Decision) -> &str {
    decision.tier.as_ref().map_or("", |tier| tier.as_str())
}

fn small(endpoint: &str, tier: &str) -> Standing {
    Standing { warm: 50, prompt: 50, ..standing(endpoint, tier) }
}

fn tool(facts: Facts) -> Facts {
    Facts { turn: TurnKind::Tool, conversation: Conversation::Ongoing, repeats: 1, replies: 3, ..facts }
}

#[test]
fn in_a_tool_loop_the_place_stays_whatever_balance_and_rules_say() {
    let house = House::new(Balance::RoundRobin);
    let rules = house.rules(vec![when(Condition::Risk(vec![Risk::High]), "risky", &house.large)], to(&house.cheap));
    for sequence in 0..4 {
        let situation = Situation { sequence, ..with(small("mid", "cheap")) };
        for risk in [Risk::Low, Risk::High] {
            let decision = decide(&rules, &Facts { risk, ..tool(facts()) }, &situation).expect("decided");
            assert_eq!(names(&decision)[..2], ["mid", "small"]);
            assert_eq!(
                decision.rule.as_ref().map(|rule| rule.as_str()),
                Some("last"),
                "who decided at the human's turn"
            );
            let stays = Reason::Stays { endpoint: EndpointName::parse("mid").expect("a name"), why: Staying::ToolLoop };
            assert_eq!((decision.reasons.as_slice(), decision.turn()), ([stays].as_slice(), Some("stayed")));
        }
    }
}

#[test]
fn a_denial_and_a_wish_count_in_a_tool_loop_too() {
    let house = House::new(Balance::First);
    let closed = house.rules(vec![], Action::Deny("closed".into()));
    let decision = decide(&closed, &tool(facts()), &with(small("mid", "cheap"))).expect("decided");
    assert_eq!(decision.outcome, Outcome::Deny("closed".into()));
    let rules = house.rules(vec![], to(&house.cheap));
    let wish = Facts { requested_tier: Some("large".to_owned()), ..tool(facts()) };
    let decision = decide(&rules, &wish, &with(small("mid", "cheap"))).expect("decided");
    assert_eq!(names(&decision), ["big"]);
}

#[test]
fn what_does_not_fit_any_more_goes_on_elsewhere() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], to(&house.cheap));
    let grown = Facts { tokens: TokenCount::exact(1500), ..tool(facts()) };
    let decision = decide(&rules, &grown, &with(small("small", "cheap"))).expect("decided");
    assert_eq!(names(&decision), ["mid", "big"]);
    assert!(matches!(
        &decision.reasons[0],
        Reason::Moves { why: Moving::Unfit { gate: Gate::ContextWindow { .. } }, .. }
    ));
    let larger = Facts { tokens: TokenCount::exact(5000), ..tool(facts()) };
    let decision = decide(&rules, &larger, &with(small("small", "cheap"))).expect("decided");
    assert_eq!((names(&decision), tier(&decision)), (vec!["big"], "large"), "it escalates");
    let decision = decide(&rules, &tool(facts()), &with(small("gone", "cheap"))).expect("decided");
    assert_eq!((names(&decision), decision.turn()), (vec!["small", "mid", "big"], Some("moved")));
    let decision = decide(&rules, &tool(facts()), &with(small("gone", "no-tier"))).expect("decided");
    assert!(matches!(decision.reasons[0], Reason::Rule { .. }), "the rules decide");
}

#[test]
fn reasoning_that_one_holds_keeps_the_loop_there_and_what_a_provider_keeps_always() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], to(&house.cheap));
    let held = |by: &str, is_pinned| Situation {
        held_by: EndpointName::parse(by).ok(),
        is_pinned,
        ..with(small("mid", "cheap"))
    };
    let decision = decide(&rules, &tool(facts()), &held("mid", false)).expect("decided");
    assert_eq!((names(&decision), tier(&decision)), (vec!["mid"], "cheap"));
    let decision = decide(&rules, &tool(facts()), &held("big", false)).expect("decided");
    assert_eq!(names(&decision), ["big"], "what holds it goes before where it stood");
    let stuck = Facts { repeats: 7, ..tool(facts()) };
    assert_eq!(names(&decide(&rules, &stuck, &held("mid", false)).expect("decided")), ["big"]);
    assert_eq!(names(&decide(&rules, &stuck, &held("mid", true)).expect("decided")), ["mid"]);
}

#[test]
fn a_stuck_agent_gets_a_larger_model_once_and_is_then_refused() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], to(&house.cheap)).with_policy(Policy { refuse_after: 3, ..Policy::default() });
    let at = |repeats, standing| decide(&rules, &Facts { repeats, ..tool(facts()) }, &with(standing)).expect("decided");
    assert_eq!(names(&at(4, small("small", "cheap")))[0], "small");
    let larger = at(5, small("small", "cheap"));
    assert_eq!((names(&larger), larger.turn()), (vec!["big"], Some("escalated")));
    assert_eq!(
        larger.reasons,
        [Reason::Moves { from: EndpointName::parse("small").expect("a name"), why: Moving::Stuck { repeats: 5 } }]
    );
    let escalated = Standing { escalated: true, ..small("big", "large") };
    assert_eq!(names(&at(7, escalated.clone())), ["big"]);
    let refused = at(8, escalated);
    assert_eq!((&refused.outcome, refused.turn()), (&Outcome::Stuck { repeats: 8 }, Some("stuck")));
    let never = house.rules(vec![], to(&house.cheap)).with_policy(Policy { stuck_after: None, ..Policy::default() });
    let decision = decide(&never, &Facts { repeats: 50, ..tool(facts()) }, &with(small("small", "cheap")));
    assert_eq!(names(&decision.expect("decided"))[0], "small");
}

#[test]
fn when_the_human_speaks_the_same_tier_keeps_its_endpoint() {
    let house = House::new(Balance::RoundRobin);
    let rules = house.rules(vec![], to(&house.cheap));
    for sequence in 0..4 {
        let situation = Situation { sequence, ..with(small("mid", "cheap")) };
        let decision = decide(&rules, &human(100, 3), &situation).expect("decided");
        assert_eq!(names(&decision)[0], "mid");
        assert!(
            matches!(&decision.reasons[1], Reason::Stays { why: Staying::SameTier { .. }, .. }),
            "{:?}",
            decision.reasons
        );
    }
}

#[test]
fn to_a_larger_model_the_rules_are_always_right_and_to_a_smaller_one_if_it_pays() {
    let house = House::new(Balance::First);
    let risky = || vec![when(Condition::Risk(vec![Risk::High]), "risky", &house.large)];
    let rules = house.rules(risky(), to(&house.cheap));
    let decision = decide(&rules, &Facts { risk: Risk::High, ..human(100, 3) }, &with(small("mid", "cheap")));
    let decision = decision.expect("decided");
    assert_eq!((names(&decision), decision.turn()), (vec!["big"], Some("escalated")));

    // At one price for everything nothing is lost by moving, so the cheaper one costs less.
    let at_large = |standing| decide(&rules, &human(100, 3), &with(standing)).expect("decided");
    let decision = at_large(small("big", "large"));
    assert_eq!((names(&decision)[0], decision.turn()), ("small", Some("moved")));
    assert!(matches!(&decision.reasons[1], Reason::Moves { why: Moving::Cheaper { .. }, .. }));
    let escalated = at_large(Standing { escalated: true, ..small("big", "large") });
    assert_eq!((names(&escalated), escalated.turn()), (vec!["big"], Some("stayed")));
    assert_eq!(
        escalated.rule.as_ref().map(|rule| rule.as_str()),
        Some("last"),
        "the rule that matched is told all the same"
    );
    assert_eq!(tier(&escalated), "large");
}

#[test]
fn a_conversation_that_would_cost_more_elsewhere_stays_and_its_tier_with_it() {
    let mut house = House::new(Balance::First);
    let (haiku, sonnet) = (Arc::new(claude("haiku", 1)), Arc::new(claude("sonnet", 3)));
    house.large = super::super::sample::tier("large", &[&sonnet], Balance::First, None);
    house.cheap = super::super::sample::tier("cheap", &[&haiku], Balance::First, Some(&house.large));
    house.endpoints = vec![haiku, sonnet];
    let rules = house.rules(vec![], to(&house.cheap));
    let at = |replies| decide(&rules, &human(100_000, replies), &with(standing("sonnet", "large"))).expect("decided");
    let stays = at(3);
    assert_eq!((names(&stays), tier(&stays)), (vec!["sonnet"], "large"));
    assert!(matches!(&stays.reasons[1], Reason::Stays { why: Staying::Cheaper { .. }, .. }));
    assert_eq!(names(&at(4))[0], "haiku");
}

#[test]
fn who_is_asked_for_by_name_is_asked() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], to(&house.cheap));
    let named = |model: &str| {
        let facts = Facts { requested_model: model.to_owned(), ..human(100, 3) };
        decide(&rules, &facts, &with(small("mid", "cheap"))).expect("decided")
    };
    assert_eq!(names(&named("big")), ["big"]);
    assert_eq!(names(&named("cheap"))[0], "mid", "of a tier the one that it had");
    let forbidden = Situation {
        allowed_tiers: Some([TierName::parse("large").expect("a name")].into()),
        ..with(small("mid", "cheap"))
    };
    let decision = decide(&rules, &tool(facts()), &forbidden).expect("decided");
    assert_eq!(names(&decision), ["big"], "its key may have lost the tier");
    let nothing = Situation { allowed_tiers: Some(Vec::new().into()), ..forbidden };
    let refused = decide(&rules, &tool(facts()), &nothing).expect_err("refused");
    assert_eq!(refused.kind, FailureKind::Forbidden);
}

#[test]
fn an_endpoint_of_its_own_is_kept_like_a_tier() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], Action::Route(Destination::Endpoint(house.endpoints[1].clone())));
    let alone = Standing { tier: None, ..small("mid", "cheap") };
    let decision = decide(&rules, &tool(facts()), &with(alone)).expect("decided");
    assert_eq!((names(&decision), decision.turn()), (vec!["mid"], Some("stayed")));
}
