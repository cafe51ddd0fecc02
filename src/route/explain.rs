//! Why a request goes where it goes: each rule with its match or the first condition that failed, and what it would
//! cost on each tier. The conditions are asked by the code that decides, not by a second copy of it.

use std::fmt;

use serde::Serialize;

use super::choose::{ExpectedCost, expected_cost, gate};
use super::condition::Condition;
use super::rule::{Conditional, Rules, Tier};
use super::{Situation, decide};
use crate::domain::{
    Bill, Decision, EndpointName, Facts, Gate, Moving, Outcome, Pico, Reason, RuleName, Staying, TierName, Weighed,
};

/// Why a request goes where it goes.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Explanation {
    /// Whether the rules decide; not if the client named a tier or an endpoint as the model.
    pub routed_by_rules: bool,
    /// Every rule, in the order of the file.
    pub rules: Vec<RuleVerdict>,
    /// The decision; `None` if the request is refused before one is made.
    pub decision: Option<Decision>,
    /// Why there is no decision.
    pub refusal: Option<String>,
    /// What the request likely costs on each tier.
    pub costs: Vec<TierCost>,
}

/// What became of a rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RuleVerdict {
    /// Which.
    pub rule: RuleName,
    /// What became of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What became of a rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It decides.
    Matched,
    /// Its time is over.
    Expired,
    /// One of its conditions does not hold.
    Missed {
        /// The first that does not, by its key.
        matcher: String,
        /// What it asks for.
        wanted: String,
        /// What the request has.
        found: String,
    },
    /// An earlier rule decided, or the rules were not asked.
    NotReached,
}

/// What a request likely costs on a tier.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TierCost {
    /// The tier.
    pub tier: TierName,
    /// Its first endpoint that the request fits; `None` if it fits none.
    pub endpoint: Option<EndpointName>,
    /// The prompt tokens expected.
    pub input_tokens: u64,
    /// The output tokens assumed; `None` if there is no cost to tell.
    pub output_tokens: Option<u64>,
    /// The cost; `None` if the endpoint is unpriced.
    pub cost_usd: Option<Pico>,
}

/// Explains what [`decide`] does with a request.
pub fn explain(rules: &Rules, facts: &Facts, situation: &Situation) -> Explanation {
    let routed_by_rules = rules.routes(&facts.requested_model);
    let (decision, refusal) = match decide(rules, facts, situation) {
        Ok(decision) => (Some(decision), None),
        Err(failure) => (None, Some(failure.to_string())),
    };
    Explanation {
        routed_by_rules,
        rules: verdicts(rules, facts, routed_by_rules),
        decision,
        refusal,
        costs: rules.tiers().iter().map(|tier| tier_cost(tier, facts)).collect(),
    }
}

fn verdicts(rules: &Rules, facts: &Facts, asked: bool) -> Vec<RuleVerdict> {
    let mut decided = !asked;
    let mut verdicts = Vec::with_capacity(rules.conditional().len() + 1);
    for conditional in rules.conditional() {
        let verdict = if decided { Verdict::NotReached } else { verdict(conditional, facts) };
        decided |= verdict == Verdict::Matched;
        verdicts.push(RuleVerdict { rule: conditional.rule.name.clone(), verdict });
    }
    let verdict = if decided { Verdict::NotReached } else { Verdict::Matched };
    verdicts.push(RuleVerdict { rule: rules.last().name.clone(), verdict });
    verdicts
}

fn verdict(conditional: &Conditional, facts: &Facts) -> Verdict {
    if conditional.is_past(facts.at_millis) {
        return Verdict::Expired;
    }
    conditional.when.first_miss(facts).map_or(Verdict::Matched, |miss| missed(miss, facts))
}

fn missed(condition: &Condition, facts: &Facts) -> Verdict {
    Verdict::Missed { matcher: condition.key(), wanted: condition.to_string(), found: condition.found(facts) }
}

fn tier_cost(tier: &Tier, facts: &Facts) -> TierCost {
    let fitting = tier.members().iter().find(|member| gate(&member.target, facts).is_none());
    let expected: Option<ExpectedCost> = fitting.and_then(|member| expected_cost(&member.target, facts));
    TierCost {
        tier: tier.name().clone(),
        endpoint: fitting.map(|member| member.target.name.clone()),
        input_tokens: facts.tokens.expected,
        output_tokens: expected.map(|expected| expected.output),
        cost_usd: expected.map(|expected| expected.cost),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rules")?;
        let width = self.rules.iter().map(|verdict| verdict.rule.as_str().len()).max().unwrap_or(0);
        for RuleVerdict { rule, verdict } in &self.rules {
            writeln!(f, "  {:width$}  {verdict}", rule.as_str())?;
        }
        writeln!(f, "decision")?;
        match (&self.decision, &self.refusal) {
            (Some(decision), _) => InWords(decision).fmt(f)?,
            (None, refusal) => writeln!(f, "  refused: {}", refusal.as_deref().unwrap_or_default())?,
        }
        writeln!(f, "expected cost")?;
        let width = self.costs.iter().map(|cost| cost.tier.as_str().len()).max().unwrap_or(0);
        self.costs.iter().try_for_each(|cost| writeln!(f, "  {:width$}  {cost}", cost.tier.as_str()))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Matched => f.write_str("matched"),
            Verdict::Expired => f.write_str("no: it expired"),
            Verdict::NotReached => f.write_str("not reached"),
            Verdict::Missed { matcher, wanted, found } => write!(f, "no: {matcher} is {found}, asked for {wanted}"),
        }
    }
}

impl fmt::Display for TierCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(endpoint) = &self.endpoint else { return f.write_str("fits none of its endpoints") };
        match (self.cost_usd, self.output_tokens) {
            (Some(cost), Some(output)) => {
                write!(f, "${cost} on {endpoint} ({} tokens in, {output} out assumed)", self.input_tokens)
            }
            _ => write!(f, "unpriced on {endpoint}"),
        }
    }
}

/// A decision in words, each on a line of its own.
#[derive(Clone, Copy, Debug)]
pub struct InWords<'d>(pub &'d Decision);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decision(f, self.0)
    }
}

fn write_decision(f: &mut fmt::Formatter<'_>, decision: &Decision) -> fmt::Result {
    match &decision.outcome {
        Outcome::Forward => {}
        Outcome::Deny(words) => writeln!(f, "  refused by rule: {words}")?,
        Outcome::NoneFits => writeln!(f, "  refused: no endpoint can take it")?,
        Outcome::Stuck { repeats } => writeln!(f, "  refused: the agent made the same call {repeats} times")?,
    }
    for (place, candidate) in decision.candidates.iter().enumerate() {
        let tier = candidate.tier.as_ref().map_or(String::new(), |tier| format!(" (tier {tier})"));
        writeln!(f, "  {}. {}{tier}", place + 1, candidate.endpoint)?;
    }
    for left_out in &decision.gated_out {
        writeln!(f, "  left out: {}, {}", left_out.endpoint, gate_text(left_out.gate))?;
    }
    for reason in &decision.reasons {
        writeln!(f, "  because {}", reason_text(reason))?;
    }
    if let Some(ceiling) = decision.ceiling {
        writeln!(f, "  one attempt costs at most ${ceiling}")?;
    }
    if decision.human_review {
        writeln!(f, "  a human is to look at the answer before it is used")?;
    }
    Ok(())
}

/// Why an endpoint is left out, in words.
pub fn gate_text(gate: Gate) -> String {
    match gate {
        Gate::ContextWindow { needed, window } => format!("{needed} tokens do not fit into its window of {window}"),
        Gate::Images => "it takes no images".to_owned(),
        Gate::Audio => "it takes no sound".to_owned(),
        Gate::Tools => "it takes no tools".to_owned(),
        Gate::Door => "it does not serve what is asked for".to_owned(),
        Gate::JsonSchema => "it does not answer to a JSON schema".to_owned(),
        Gate::NotAllowed => "the key does not allow it".to_owned(),
    }
}

/// A reason in words.
pub fn reason_text(reason: &Reason) -> String {
    match reason {
        Reason::Rule { rule, why } => format!("rule {rule} matched: {why}"),
        Reason::RequestedByName { name } => format!("the client asked for {name} by name"),
        Reason::RequestedTier { tier } => format!("the client wished for tier {tier}"),
        Reason::RuleExpired { rule } => format!("rule {rule} expired, so its fallback counts"),
        Reason::Split { to } => format!("the split sent it to {to}"),
        Reason::Experiment { experiment, arm, to } => {
            format!("in experiment {experiment} its session is of arm {arm}, which goes to {to}")
        }
        Reason::ExperimentOver { experiment, why, to } => {
            format!("experiment {experiment} draws no arms ({}), so its control goes to {to}", why.words())
        }
        Reason::HeldBy { endpoint } => format!("{endpoint} holds what the request goes on from"),
        Reason::ServedBy => "no rule is about it, so whoever serves it answers".to_owned(),
        Reason::Escalated { from, to } => format!("tier {from} cannot take it, so it goes to {to}"),
        Reason::Stays { endpoint, why } => staying(endpoint, why),
        Reason::Moves { from, why } => moving(from, why),
    }
}

fn staying(endpoint: &EndpointName, why: &Staying) -> String {
    match why {
        Staying::ToolLoop => format!("a tool spoke last, so the conversation stays with {endpoint}"),
        Staying::SameTier { weighed } => {
            let sums = weighed.as_ref().map(|weighed| format!(": {}", sums(endpoint, weighed))).unwrap_or_default();
            format!("the conversation stays with {endpoint}, which is of the same tier{sums}")
        }
        Staying::Escalated => format!("a smaller model failed in this conversation, so it stays with {endpoint}"),
        Staying::Unpriced => format!("a price is not known, so the conversation stays with {endpoint}"),
        Staying::Cheaper { weighed } => format!("the conversation stays with {endpoint}: {}", sums(endpoint, weighed)),
    }
}

fn moving(from: &EndpointName, why: &Moving) -> String {
    let because = match why {
        Moving::Asked => "the client asked for another place".to_owned(),
        Moving::Gone => "it is not there any more".to_owned(),
        Moving::Unfit { gate } => gate_text(*gate),
        Moving::Larger { weighed } => {
            let sums = weighed.as_ref().map(|weighed| format!(": {}", sums(from, weighed))).unwrap_or_default();
            format!("the rules ask for a larger model{sums}")
        }
        Moving::Stuck { repeats } => format!("the agent made the same call {repeats} times with the same result"),
        Moving::Cheaper { weighed } => sums(from, weighed),
    };
    format!("the conversation leaves {from}: {because}")
}

/// The arithmetic, on one line.
fn sums(here: &EndpointName, weighed: &Weighed) -> String {
    let Weighed { other, prompt, warm, cold, new, output, left, stay, go } = weighed;
    let cold = if *cold > 0 { format!(" ({cold} were, until it was over)") } else { String::new() };
    let bill = |bill: &Bill| format!("${} now and {left} times ${}, ${} in all", bill.now, bill.each, bill.total);
    format!(
        "of {prompt} tokens {warm} are in its cache{cold}, {new} are new, {output} are expected out; staying with {here} \
         costs {}; moving to {other} {}",
        bill(stay),
        bill(go)
    )
}
