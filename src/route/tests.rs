//! Decisions, from values to values.

use std::sync::Arc;
use std::time::Duration;

use super::sample::{House, facts, rule, target, tier, to, when};
use super::*;
use crate::domain::{
    Decision, Door, EndpointName, Facts, Failure, FailureKind, Outcome, OutputFormat, Pico, Price, Reason, Risk,
    TierName, TokenCount,
};

fn free() -> Situation {
    Situation { may_choose: true, ..Situation::default() }
}

fn candidates(decision: &Decision) -> Vec<&str> {
    decision.candidates.iter().map(|candidate| candidate.endpoint.as_str()).collect()
}

fn tier_name(name: &str) -> TierName {
    TierName::parse(name).expect("a name")
}

fn refused(result: Result<Decision, Failure>, kind: FailureKind) -> String {
    let failure = result.expect_err("refused");
    assert_eq!(failure.kind, kind, "{failure}");
    failure.message
}

#[test]
fn the_first_rule_that_holds_decides() {
    let house = House::new(Balance::First);
    let risky = when(Condition::Risk(vec![Risk::High]), "risky", &house.large);
    let shadowed = when(Condition::Risk(vec![Risk::High, Risk::Low]), "later", &house.cheap);
    let rules = house.rules(vec![risky, shadowed], to(&house.cheap));
    let check = |risk, rule: &str, first: &str| {
        let decision = decide(&rules, &Facts { risk, ..facts() }, &free()).expect("decided");
        assert_eq!((decision.rule.expect("a rule").as_str(), decision.candidates[0].endpoint.as_str()), (rule, first));
    };
    check(Risk::High, "risky", "big");
    check(Risk::Low, "later", "small");
    check(Risk::Medium, "last", "small");
}

#[test]
fn a_tier_is_followed_by_the_tier_it_escalates_to() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], to(&house.cheap));
    let decision = decide(&rules, &facts(), &free()).expect("decided");
    assert_eq!(candidates(&decision), ["small", "mid", "big"]);
    assert_eq!(decision.candidates[2].tier, Some(tier_name("large")));
    assert_eq!(decision.tier, Some(tier_name("cheap")));
}

#[test]
fn what_does_not_fit_is_no_candidate() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], to(&house.cheap));
    let with = |tokens, max_output| Facts { tokens: TokenCount::exact(tokens), max_output, ..facts() };
    let check = |facts: &Facts, expected: &[&str]| {
        assert_eq!(candidates(&decide(&rules, facts, &free()).expect("decided")), expected, "{facts:?}");
    };
    check(&with(950, Some(50)), &["small", "mid", "big"]);
    check(&with(951, Some(50)), &["mid", "big"]);
    check(&with(1000, None), &["small", "mid", "big"]);
    check(&with(1950, Some(51)), &["big"]);
    // Each of four answers of 25 tokens has the window for itself.
    check(&Facts { answers: 4, ..with(975, Some(100)) }, &["small", "mid", "big"]);
    let estimated = TokenCount { low: 800, expected: 900, high: 1100 };
    check(&Facts { tokens: estimated, max_output: None, ..facts() }, &["mid", "big"]);
}

#[test]
fn an_outgrown_tier_escalates_and_says_so() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], to(&house.cheap));
    let decision = decide(&rules, &Facts { tokens: TokenCount::exact(5000), ..facts() }, &free()).expect("decided");
    assert_eq!((candidates(&decision), decision.tier.as_ref()), (vec!["big"], Some(&tier_name("large"))));
    assert!(decision.reasons.contains(&Reason::Escalated { from: tier_name("cheap"), to: tier_name("large") }));
    assert_eq!(decision.gated_out.len(), 2);
    let huge = decide(&rules, &Facts { tokens: TokenCount::exact(50_000), ..facts() }, &free()).expect("decided");
    assert_eq!((huge.outcome, huge.gated_out.len(), huge.ceiling), (Outcome::NoneFits, 3, None));
}

#[test]
fn abilities_are_gates() {
    let mut blind = target("blind", 1000, 1);
    blind.abilities = Abilities { images: false, audio: false, tools: false, json_schema: false };
    let blind = Arc::new(blind);
    let only = tier("only", &[&blind], Balance::First, None);
    let rules = Rules::new(
        Pattern::parse("auto").into_iter().collect(),
        vec![blind],
        vec![only.clone()],
        vec![],
        rule("last", to(&only)),
    );
    let gate = |facts: Facts| {
        let decision = decide(&rules, &facts, &free()).expect("decided");
        decision.gated_out.first().map(|left_out| left_out.gate)
    };
    assert_eq!(gate(facts()), None);
    assert_eq!(gate(Facts { images: 1, ..facts() }), Some(Gate::Images));
    assert_eq!(gate(Facts { audio: true, ..facts() }), Some(Gate::Audio));
    assert_eq!(gate(Facts { tools: 1, ..facts() }), Some(Gate::Tools));
    assert_eq!(gate(Facts { output: OutputFormat::JsonSchema, ..facts() }), Some(Gate::JsonSchema));
    assert_eq!(gate(Facts { output: OutputFormat::JsonObject, ..facts() }), None);
}

#[test]
fn round_robin_takes_turns_among_those_that_fit() {
    let house = House::new(Balance::RoundRobin);
    let rules = house.rules(vec![], to(&house.cheap));
    let first = |sequence, tokens| {
        let facts = Facts { tokens: TokenCount::exact(tokens), ..facts() };
        let decision = decide(&rules, &facts, &Situation { sequence, ..free() }).expect("decided");
        decision.candidates[0].endpoint.to_string()
    };
    assert_eq!([first(0, 100), first(1, 100), first(2, 100)], ["small", "mid", "small"]);
    assert_eq!([first(0, 1500), first(1, 1500)], ["mid", "mid"]);
}

#[test]
fn weights_are_shares_of_the_traffic() {
    let house = House::new(Balance::Weighted);
    let rules = house.rules(vec![], to(&house.cheap));
    let mids = (0..3000).filter(|draw| {
        let decision = decide(&rules, &facts(), &Situation { draw: *draw, ..free() }).expect("decided");
        assert_eq!(decision.candidates.len(), 3, "the others stay as fallbacks");
        decision.candidates[0].endpoint.as_str() == "mid"
    });
    let mids = mids.count();
    assert!((1900..2100).contains(&mids), "two of three: {mids}");
}

#[test]
fn the_fastest_goes_first_and_the_unmeasured_before_it() {
    let house = House::new(Balance::LeastLatency);
    let rules = house.rules(vec![], to(&house.cheap));
    let name = |name| crate::domain::EndpointName::parse(name).expect("a name");
    let first = |latency| {
        let decision = decide(&rules, &facts(), &Situation { latency, ..free() }).expect("decided");
        decision.candidates[0].endpoint.to_string()
    };
    let (fast, slow) = (Duration::from_millis(10), Duration::from_millis(90));
    assert_eq!(first(vec![(name("small"), slow), (name("mid"), fast)]), "mid");
    assert_eq!(first(vec![(name("small"), fast)]), "mid");
    assert_eq!(first(vec![]), "small");
}

#[test]
fn the_cheapest_goes_first_and_the_unpriced_last() {
    let house = House::new(Balance::First);
    let mut unpriced = target("unpriced", 5000, 0);
    (unpriced.price, unpriced.flat_rates, unpriced.ceilings) = (Price::Unpriced, None, None);
    let unpriced = Arc::new(unpriced);
    let targets = [&unpriced, &house.endpoints[2], &house.endpoints[0]];
    let any = tier("any", &targets, Balance::LeastCost, None);
    let rules = house.rules(vec![], to(&any));
    let decision = decide(&rules, &facts(), &free()).expect("decided");
    assert_eq!(candidates(&decision), ["small", "big", "unpriced"]);
    assert_eq!(decision.ceiling, None, "an unpriced candidate has no ceiling");
}

#[test]
fn the_ceiling_is_the_dearest_attempt() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], to(&house.cheap));
    let ceiling = |facts: Facts| decide(&rules, &facts, &free()).expect("decided").ceiling;
    assert_eq!(ceiling(facts()), Some(Pico::new((100 + 50) * 100)));
    let estimated = TokenCount { low: 50, expected: 100, high: 130 };
    assert_eq!(ceiling(Facts { tokens: estimated, ..facts() }), Some(Pico::new((130 + 50) * 100)));
    // Where the client sets no bound the endpoint's counts, for each answer.
    assert_eq!(ceiling(Facts { max_output: None, answers: 3, ..facts() }), Some(Pico::new((100 + 600) * 100)));
    // A client's bound beyond the endpoint's own is none.
    assert_eq!(ceiling(Facts { max_output: Some(999), ..facts() }), Some(Pico::new((100 + 200) * 100)));
    assert_eq!(ceiling(Facts { dear_tier: true, ..facts() }), Some(Pico::new((100 + 50) * 200)));
}

#[test]
fn where_nobody_bounds_the_answer_the_context_window_does() {
    let unbounded = |window: Option<u64>| {
        let target = super::Target { max_output: None, context_window: window, ..target("open", 1000, 10) };
        let only = tier("only", &[&Arc::new(target)], Balance::First, None);
        let house = House::new(Balance::First);
        let rules = house.rules(vec![], to(&only));
        decide(&rules, &Facts { max_output: None, ..facts() }, &free()).expect("decided").ceiling
    };
    assert_eq!(unbounded(Some(1000)), Some(Pico::new((100 + 900) * 10)));
    assert_eq!(unbounded(None), None);
}

#[test]
fn a_name_that_is_not_routed_goes_straight_there() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], to(&house.cheap));
    let named = |model: &str| Facts { requested_model: model.to_owned(), ..facts() };
    let check = |model: &str, expected: &[&str], tier: Option<&str>| {
        let decision = decide(&rules, &named(model), &free()).expect("decided");
        assert_eq!((candidates(&decision), &decision.rule), (expected.to_vec(), &None));
        assert_eq!(decision.tier, tier.map(tier_name));
        assert_eq!(decision.reasons, [Reason::RequestedByName { name: model.to_owned() }]);
    };
    check("large", &["big"], Some("large"));
    check("mid", &["mid"], None);
    check("mid-model", &["mid"], None);
    let bound = Situation { may_choose: false, ..free() };
    assert!(refused(decide(&rules, &named("mid"), &bound), FailureKind::Forbidden).contains("`auto`"));
}

#[test]
fn a_name_chooses_where_a_request_goes_and_not_whether_it_may() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], Action::Deny("closed".into()));
    for model in ["large", "mid", "mid-model", "gpt-9"] {
        let named = Facts { requested_model: model.to_owned(), ..facts() };
        let decision = decide(&rules, &named, &free()).expect("decided");
        assert_eq!(decision.outcome, Outcome::Deny("closed".into()), "{model}");
        assert!(decision.candidates.is_empty());
    }
}

#[test]
fn an_unknown_model_is_told_what_there_is() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], to(&house.cheap));
    let unknown = Facts { requested_model: "lrage".to_owned(), ..facts() };
    let message = refused(decide(&rules, &unknown, &free()), FailureKind::UnknownModel);
    assert_eq!(
        message,
        "no model of that name; there are: `auto`, `cheap`, `large`, `small`, `mid`, `big`; did you mean `large`?"
    );
    let bound = Situation { may_choose: false, ..free() };
    assert_eq!(
        refused(decide(&rules, &unknown, &bound), FailureKind::UnknownModel),
        "no model of that name; there are: `auto`"
    );
}

#[test]
fn a_wish_overrides_the_route_but_no_denial() {
    let house = House::new(Balance::First);
    let wish = |tier: &str| Facts { requested_tier: Some(tier.to_owned()), ..facts() };
    let rules = house.rules(vec![], to(&house.cheap));
    let decision = decide(&rules, &wish("large"), &free()).expect("decided");
    assert_eq!((candidates(&decision), &decision.tier), (vec!["big"], &Some(tier_name("large"))));
    assert!(decision.reasons.contains(&Reason::RequestedTier { tier: tier_name("large") }));
    assert!(refused(decide(&rules, &wish("huge"), &free()), FailureKind::UnknownModel).contains("`cheap`, `large`"));
    let bound = Situation { may_choose: false, ..free() };
    refused(decide(&rules, &wish("large"), &bound), FailureKind::Forbidden);
    let closed = house.rules(vec![], Action::Deny("no".into()));
    assert_eq!(decide(&closed, &wish("large"), &free()).expect("decided").outcome, Outcome::Deny("no".into()));
}

#[test]
fn a_key_opens_only_its_tiers() {
    let house = House::new(Balance::First);
    let cheap_only = Situation { allowed_tiers: Some([tier_name("cheap")].into()), ..free() };
    let named = |model: &str| Facts { requested_model: model.to_owned(), ..facts() };
    let rules = house.rules(vec![], to(&house.cheap));
    let decision = decide(&rules, &facts(), &cheap_only).expect("decided");
    assert_eq!(candidates(&decision), ["small", "mid"], "no fallback to a closed tier");
    assert_eq!(decision.gated_out[0].gate, Gate::NotAllowed);
    refused(decide(&rules, &named("large"), &cheap_only), FailureKind::Forbidden);
    refused(decide(&rules, &named("big"), &cheap_only), FailureKind::Forbidden);
    assert!(decide(&rules, &named("small"), &cheap_only).is_ok());
    let to_large = house.rules(vec![], to(&house.large));
    refused(decide(&to_large, &facts(), &cheap_only), FailureKind::Forbidden);
}

#[test]
fn a_split_sends_shares() {
    let house = House::new(Balance::First);
    let arms = vec![(Destination::Tier(house.cheap.clone()), 90), (Destination::Tier(house.large.clone()), 10)];
    let rules = house.rules(vec![], Action::Split(Split::new(arms).expect("shares")));
    let at = |draw| decide(&rules, &facts(), &Situation { draw, ..free() }).expect("decided").tier;
    assert_eq!((at(0), at(89), at(90), at(99)), {
        let (cheap, large) = (tier_name("cheap"), tier_name("large"));
        (Some(cheap.clone()), Some(cheap), Some(large.clone()), Some(large))
    });
    assert!(Split::new(vec![(Destination::Tier(house.large), 0)]).is_none());
}

#[test]
fn an_expired_rule_gives_way() {
    let house = House::new(Balance::First);
    let now = facts().at_millis;
    let mut skipped = when(Condition::Stream(false), "skipped", &house.large);
    skipped.until_millis = Some(now);
    let mut last = rule("last", to(&house.large));
    last.expires = Some(Expiry { at_millis: now, fallback: house.cheap.clone() });
    let tiers = vec![house.cheap.clone(), house.large.clone()];
    let routed: Vec<Pattern> = Pattern::parse("auto").into_iter().collect();
    let rules = Rules::new(routed, house.endpoints.clone(), tiers, vec![skipped], last);
    let decision = decide(&rules, &facts(), &free()).expect("decided");
    assert_eq!(decision.tier, Some(tier_name("cheap")));
    assert!(
        matches!(decision.reasons.as_slice(), [Reason::Rule { .. }, Reason::RuleExpired { rule }] if rule.as_str() == "last")
    );
    let before = Facts { at_millis: now - 1, ..facts() };
    assert_eq!(decide(&rules, &before, &free()).expect("decided").rule.expect("a rule").as_str(), "skipped");
}

#[test]
fn tokens_are_counted_exactly_only_where_a_bound_lies_inside_the_estimate() {
    let house = House::new(Balance::First);
    let long = when(Condition::Tokens(Range { min: 500, max: u64::MAX }), "long", &house.large);
    let rules = house.rules(vec![long], to(&house.cheap));
    let check = |low, high, max_output, expected| {
        let facts = Facts { tokens: TokenCount { low, expected: low, high }, max_output, ..facts() };
        assert_eq!(needs_exact_tokens(&rules, &facts), expected, "{low}..{high} {max_output:?}");
    };
    check(400, 499, None, false);
    check(400, 500, None, true);
    check(500, 600, None, false);
    // The window of `small` is 1,000 tokens, of which the answer takes its part.
    check(900, 1000, None, false);
    check(900, 1001, None, true);
    check(900, 951, Some(50), true);
    check(800, 950, Some(50), false);
    check(600, 600, Some(50), false);
}

#[test]
fn an_explanation_agrees_with_the_decision() {
    let house = House::new(Balance::First);
    let risky = when(Condition::Risk(vec![Risk::Medium, Risk::High]), "risky", &house.large);
    let nested = Condition::Any(vec![
        When(vec![Condition::Stream(true)]),
        When(vec![Condition::Named(Name::Team, vec![Pattern::parse("core-*").expect("a pattern")])]),
    ]);
    let rules = house.rules(vec![risky, when(nested, "nested", &house.large)], to(&house.cheap));
    let explanation = explain(&rules, &facts(), &free());
    insta::assert_snapshot!(explanation, @"
    rules
      risky   no: risk is low, asked for medium or high
      nested  no: any is stream is false, team is absent, asked for (stream true) or (team core-*)
      last    matched
    decision
      1. small (tier cheap)
      2. mid (tier cheap)
      3. big (tier large)
      because rule last matched: why last
      one attempt costs at most $0.000000015
    expected cost
      cheap  $0.0000000015 on small (100 tokens in, 50 out assumed)
      large  $0.000000015 on big (100 tokens in, 50 out assumed)
    ");
    assert_eq!(explanation.decision, decide(&rules, &facts(), &free()).ok());
}

#[test]
fn a_client_sees_what_it_may_name() {
    let house = House::new(Balance::First);
    let rules = house.rules(vec![], to(&house.cheap));
    let models = rules.models();
    let names: Vec<(&str, Served)> = models.iter().map(|(name, what)| (&**name, *what)).collect();
    assert_eq!(names[..2], [("auto", Served::Routed), ("cheap", Served::Tier)]);
    assert!(!names.iter().any(|(name, _)| name.contains('*')));
}

#[test]
fn what_is_no_conversation_goes_to_who_serves_it_unless_a_rule_names_its_door_or_denies() {
    let mut house = House::new(Balance::First);
    house.endpoints.push(Arc::new(Target { serves: [Door::Embeddings].into(), ..target("embeds", 1000, 1) }));
    let facts = Facts { door: Door::Embeddings, requested_model: "auto".to_owned(), ..facts() };
    let decide_with =
        |rules: Vec<Conditional>, facts: &Facts| decide(&house.rules(rules, to(&house.cheap)), facts, &free());
    let risky = || when(Condition::Risk(vec![Risk::Low, Risk::Medium, Risk::High]), "risky", &house.large);
    let decision = decide_with(vec![risky()], &facts).expect("decided");
    assert_eq!((candidates(&decision), &decision.rule), (vec!["embeds"], &None), "rules without a door are passed by");

    let named = when(Condition::Doors(vec![Door::Embeddings]), "about-embeddings", &house.large);
    let decision = decide_with(vec![risky(), named], &facts).expect("decided");
    assert_eq!(decision.rule.as_ref().map(|rule| rule.as_str()), Some("about-embeddings"));
    assert_eq!(decision.outcome, Outcome::NoneFits, "the large tier serves no embeddings");

    let mut denies = risky();
    denies.rule.action = Action::Deny("not here".into());
    let decision = decide_with(vec![denies], &facts).expect("decided");
    assert_eq!(decision.outcome, Outcome::Deny("not here".into()));

    let by_name = Facts { requested_model: "embeds".to_owned(), ..facts.clone() };
    assert_eq!(candidates(&decide_with(vec![], &by_name).expect("decided")), ["embeds"]);
    let unknown = Facts { requested_model: "text-embedding-9".to_owned(), ..facts.clone() };
    refused(decide_with(vec![], &unknown), FailureKind::UnknownModel);
}

#[test]
fn what_one_endpoint_holds_goes_there_whatever_the_rules_say_but_not_past_a_denial() {
    let house = House::new(Balance::First);
    let holder = EndpointName::parse("big").expect("a name");
    let situation = Situation { held_by: Some(holder.clone()), ..free() };
    let rules = house.rules(vec![], to(&house.cheap));
    let decision = decide(&rules, &facts(), &situation).expect("decided");
    assert_eq!(candidates(&decision), ["big"]);
    assert_eq!(decision.reasons, [Reason::HeldBy { endpoint: holder }]);

    let mut denies = when(Condition::Risk(vec![Risk::Low]), "no", &house.large);
    denies.rule.action = Action::Deny("not here".into());
    let rules = house.rules(vec![denies], to(&house.cheap));
    assert_eq!(decide(&rules, &facts(), &situation).expect("decided").outcome, Outcome::Deny("not here".into()));

    let gone = Situation { held_by: EndpointName::parse("gone").ok(), ..free() };
    refused(decide(&house.rules(vec![], to(&house.cheap)), &facts(), &gone), FailureKind::NotHeld);
}
