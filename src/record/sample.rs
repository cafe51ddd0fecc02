//! Entries for this room's tests.

use std::sync::Arc;

use super::entry::{Attempt, Charge, Ending, Entry};
use crate::domain::{
    App, Candidate, Check, Confidence, Content, Conversation, Decision, Dialect, Difficulty, Door, EndpointName,
    Evidence, Facts, HeaderFacts, KeyName, Kind, Label, Mark, Outcome, OutputFormat, Pico, Reason, RequestId, Risk,
    RuleName, RulesVersion, Signal, Tag, TierName, TokenCount, TurnKind, Usage, UsageSource, Verdict,
};

/// 2026-11-22 00:00:00 UTC.
pub const MIDNIGHT: u64 = 1_795_305_600_000;

/// The id of the entry with this number.
pub fn id(number: u64) -> RequestId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    RequestId::new(MIDNIGHT, random)
}

/// An entry with everything in it.
pub fn full(number: u64) -> Entry {
    let tier = TierName::parse("cheap").ok();
    let endpoint = EndpointName::parse("mini").expect("letters make a name");
    let model: Arc<str> = "gpt-5-mini".into();
    let facts = facts();
    Entry {
        id: id(number),
        at_millis: MIDNIGHT + number,
        door: "/v1/chat/completions",
        dialect: Some(Dialect::OpenaiChat),
        key: facts.key.clone(),
        engineer: facts.engineer.clone(),
        team: facts.team.clone(),
        feature: facts.feature.clone(),
        branch: Label::parse("invoices/rounding"),
        pull_request: Label::parse("payments#42"),
        app: facts.app,
        evidence: vec![Evidence {
            signal: Signal::Tag(Tag::Money.into()),
            turn: 1,
            offset: 12,
            length: 7,
            weight: 1.5,
        }],
        decision: Some(Arc::new(decision(&endpoint, tier.clone()))),
        facts: Some(Arc::new(facts)),
        rules_version: RulesVersion::from_digest(&[7; 32]),
        attempts: vec![
            attempt(&endpoint, tier.clone(), &model, Some(503), "status_5xx"),
            attempt(&endpoint, tier, &model, Some(200), "ok"),
        ],
        endpoint: Some(endpoint),
        tier: None,
        model: Some(model),
        usage: Some(Usage { input: 1200, cache_read: 800, output: 300, reasoning: 50, ..Usage::default() }),
        usage_source: Some(UsageSource::Provider),
        service_tier: Some("default".into()),
        price_version: Some("genai-prices 0.2.1".into()),
        cost: Some(Pico::new(910_000_001)),
        reserved: Some(Pico::new(5_000_000_000)),
        provider_cost: Some(Pico::new(910_000_000)),
        baseline: Some(Pico::new(4_400_000_000)),
        straight: None,
        status: 200,
        ending: Ending::Complete,
        failure: None,
        fault: None,
        streamed: true,
        total_us: 1_250_000,
        first_byte_us: Some(310_000),
        overhead_us: 180,
        request_bytes: 8_192,
        held: vec![Mark::of("resp_1")],
        closes: None,
        response_bytes: 2_048,
    }
}

/// One whose first answer failed its verification and was thrown away at this cost, which the entry's cost holds.
pub fn escalated(number: u64, thrown: Option<i128>) -> Entry {
    let tiny = EndpointName::parse("tiny").expect("letters make a name");
    let charge = Charge {
        usage: Usage { input: 7, output: 3, ..Usage::default() },
        source: UsageSource::Provider,
        service_tier: None,
        price_version: "genai-prices 0.2.1".into(),
        cost: thrown.map(Pico::new),
        provider_cost: None,
    };
    let first = Attempt {
        verdict: Some(Verdict::Failed(Check::Json)),
        charge: Some(charge),
        ..attempt(&tiny, TierName::parse("cheap").ok(), &"tiny-model".into(), Some(200), "ok")
    };
    let full = full(number);
    Entry {
        attempts: vec![first, full.attempts[1].clone()],
        tier: TierName::parse("large").ok(),
        straight: Some(Pico::new(900_000_000)),
        ..full
    }
}

/// One that was refused before anything was known of it.
pub fn refused(number: u64) -> Entry {
    Entry {
        dialect: None,
        key: None,
        engineer: None,
        team: None,
        feature: None,
        branch: None,
        pull_request: None,
        app: App::OTHER,
        facts: None,
        evidence: Vec::new(),
        decision: None,
        attempts: Vec::new(),
        endpoint: None,
        tier: None,
        model: None,
        usage: None,
        usage_source: None,
        service_tier: None,
        price_version: None,
        cost: None,
        reserved: None,
        provider_cost: None,
        baseline: None,
        straight: None,
        status: 401,
        ending: Ending::Refused,
        failure: Some("unauthenticated"),
        fault: Some(crate::domain::Fault::Caller),
        streamed: false,
        first_byte_us: None,
        ..full(number)
    }
}

fn facts() -> Facts {
    Facts {
        at_millis: MIDNIGHT,
        dialect: Dialect::OpenaiChat,
        door: Door::Chat,
        requested_model: "auto".into(),
        requested_tier: None,
        key: KeyName::parse("payments-ci").ok(),
        engineer: Label::parse("ana"),
        team: Label::parse("payments"),
        feature: Label::parse("invoices"),
        app: App::from_user_agent("OpenAI/Python 2.1"),
        tokens: TokenCount { low: 1900, expected: 2000, high: 2100 },
        answers: 1,
        dear_tier: false,
        max_output: Some(1024),
        tags: [Tag::Money].into_iter().collect(),
        risk: Risk::Medium,
        confidence: Confidence::of_percent(71),
        kind: Kind::Refactor,
        content: [Content::HasPii].into_iter().collect(),
        difficulty: Difficulty::of(0.42),
        tools: 2,
        images: 0,
        audio: false,
        output: OutputFormat::Text,
        stream: true,
        turn: TurnKind::Human,
        conversation: Conversation::Ongoing,
        budget_used: Some(1_250),
        headers: HeaderFacts::new(),
        ..Facts::default()
    }
}

fn decision(endpoint: &EndpointName, tier: Option<TierName>) -> Decision {
    let rule = RuleName::parse("everything-else").expect("letters and hyphens make a name");
    Decision {
        outcome: Outcome::Forward,
        rule: Some(rule.clone()),
        tier: tier.clone(),
        candidates: vec![Candidate { endpoint: endpoint.clone(), tier }],
        gated_out: Vec::new(),
        reasons: vec![Reason::Rule { rule, why: "Most traffic is boilerplate.".into() }],
        ceiling: Some(Pico::new(5_000_000_000)),
        escalated_ceiling: None,
        human_review: false,
    }
}

fn attempt(
    endpoint: &EndpointName,
    tier: Option<TierName>,
    model: &Arc<str>,
    status: Option<u16>,
    outcome: &'static str,
) -> Attempt {
    Attempt {
        endpoint: endpoint.clone(),
        tier,
        model: Arc::clone(model),
        started_us: 200,
        duration_us: 1_249_000,
        status,
        outcome,
        provider_request_id: Some("req_0123456789".into()),
        verdict: None,
        charge: None,
    }
}
