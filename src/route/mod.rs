//! Rules and facts make a decision. Deciding does no I/O and reads no clock: the live proxy, `explain`, `test` and
//! whoever tries rules on old traffic call the same pure function, [`decide`]. What the moment adds (chance, turns,
//! latencies, what the caller's key allows) comes in as a value, the [`Situation`].
//!
//! The room does not know the file that rules are written in; `config` builds [`Rules`] from it, and only rules that
//! hold together can be built.

mod choose;
mod condition;
mod explain;
mod facts;
pub mod logic;
mod pattern;
mod rule;
#[cfg(test)]
mod sample;
mod stay;
#[cfg(test)]
mod tests;
mod time;
mod trial;

use std::sync::Arc;
use std::time::Duration;

pub use choose::ExpectedCost;
pub use condition::{Condition, Name, Range, SetTest, When, conversation_word, output_word, turn_word, words};
pub use explain::{Explanation, InWords, RuleVerdict, TierCost, Verdict, explain, gate_text, reason_text};
pub use facts::facts;
pub use pattern::Pattern;
pub use rule::{
    Abilities, Action, Balance, Ceilings, Conditional, Destination, Expiry, Member, Rule, Rules, Served, Split, Target,
    Tier,
};
pub use stay::{Policy, weigh};
pub use time::{TimeWindow, WEEKDAYS};
pub use trial::{Arm, Experiment, Halted, Run};

use crate::domain::{
    Decision, EndpointName, Facts, Failure, FailureKind, Gate, Mark, Outcome, Pico, Reason, Standing, TierName,
};
use choose::{Choice, choose, output_each, serving};
use rule::Room;

/// What the moment adds to the facts.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    /// A random number: which arm of a split, which endpoint of a weighted tier.
    pub draw: u64,
    /// Counts up by one each request: whose turn it is in a round-robin tier.
    pub sequence: u64,
    /// How long each endpoint lately took to its first byte, where that was measured.
    pub latency: Vec<(EndpointName, Duration)>,
    /// The tiers that the caller's key allows; `None`: all.
    pub allowed_tiers: Option<Arc<[TierName]>>,
    /// Whether the caller may wish for a tier, or name a tier or an endpoint as the model.
    pub may_choose: bool,
    /// The endpoint that holds what the request goes on from.
    pub held_by: Option<EndpointName>,
    /// Whether nobody else can serve it: it goes on from what a provider keeps, and not from reasoning that can be left out.
    pub is_pinned: bool,
    /// Where the conversation stands; `None`: it is new, or nothing is known of it.
    pub standing: Option<Arc<Standing>>,
    /// The experiments that have ended before their date.
    pub halted: Halted,
}

impl Situation {
    fn allows(&self, tier: &TierName) -> bool {
        self.allowed_tiers.as_ref().is_none_or(|allowed| allowed.contains(tier))
    }
}

/// Where a request goes, and why.
///
/// A refusal by rule and a request that fits nowhere are decisions like others ([`Outcome`]).
///
/// # Errors
/// `UnknownModel` if the model is neither routed nor the name of anything, or the wish is no tier; `Forbidden` if the
/// caller's key does not allow what was asked for by name, or nothing of what the rules chose.
pub fn decide(rules: &Rules, facts: &Facts, situation: &Situation) -> Result<Decision, Failure> {
    if let Some(holder) = situation.held_by.as_ref().filter(|_| situation.is_pinned) {
        return held(rules, facts, situation, holder);
    }
    if !facts.door.is_conversation() {
        return beside(rules, facts, situation);
    }
    if let Some(decision) = stay::in_tool_loop(rules, facts, situation) {
        return decision.map(|decision| trial::noted(rules, facts, situation, decision));
    }
    if let Some(holder) = &situation.held_by {
        return held(rules, facts, situation, holder);
    }
    let fresh = if rules.routes(&facts.requested_model) {
        by_rule(rules, facts, situation)
    } else {
        by_name(rules, facts, situation)
    };
    fresh.map(|fresh| stay::at_human_turn(rules, facts, situation, fresh))
}

/// A request that names a model which the rules route.
fn by_rule(rules: &Rules, facts: &Facts, situation: &Situation) -> Result<Decision, Failure> {
    let rule = winner(rules, facts);
    let mut reasons = vec![Reason::Rule { rule: rule.name.clone(), why: rule.why.clone() }];
    let destination = match follow(rule, facts, situation, &mut reasons) {
        Ok(destination) => destination,
        Err(words) => return Ok(denial(rule, words, reasons)),
    };
    let wish = wished(rules, facts, situation)?;
    if let Some(tier) = &wish {
        reasons.push(Reason::RequestedTier { tier: tier.name().clone() });
    }
    let destination = wish.map_or(destination, Destination::Tier);
    let choice = choose(rules, facts, situation, &destination);
    let decision = decided(choice, Some(rule), reasons);
    reachable(decision)
}

/// The dearest that a request to this endpoint can cost whose prompt was not read. `None` if nobody bounds it.
pub fn ceiling_unread(rules: &Rules, endpoint: &EndpointName) -> Option<Pico> {
    rules.endpoint(endpoint.as_str()).and_then(|target| choose::ceiling_unread(target))
}

/// Whether some bound (a rule's, or the context window of an endpoint) lies inside the bounds of the estimate, so that
/// counting exactly may change the decision.
pub fn needs_exact_tokens(rules: &Rules, facts: &Facts) -> bool {
    if facts.tokens.is_exact() {
        return false;
    }
    rules.thresholds().iter().any(|threshold| {
        let room = match threshold.room {
            Room::Nothing => 0,
            Room::OneAnswer => output_each(facts),
            Room::AllAnswers => facts.max_output.unwrap_or(0),
        };
        facts.tokens.straddles(threshold.tokens.saturating_sub(room))
    })
}

/// The first rule that takes the request.
fn winner<'r>(rules: &'r Rules, facts: &Facts) -> &'r Rule {
    let holds = |conditional: &&Conditional| !conditional.is_past(facts.at_millis) && conditional.when.holds(facts);
    rules.conditional().iter().find(holds).map_or(rules.last(), |conditional| &conditional.rule)
}

impl Conditional {
    fn is_past(&self, at_millis: u64) -> bool {
        self.until_millis.is_some_and(|until| until <= at_millis)
    }
}

/// What the rule does with the request: where it goes, or else the words it is refused with.
fn follow(
    rule: &Rule,
    facts: &Facts,
    situation: &Situation,
    reasons: &mut Vec<Reason>,
) -> Result<Destination, Arc<str>> {
    if let Some(expiry) = rule.expires.as_ref().filter(|expiry| expiry.at_millis <= facts.at_millis) {
        reasons.push(Reason::RuleExpired { rule: rule.name.clone() });
        return Ok(Destination::Tier(expiry.fallback.clone()));
    }
    match &rule.action {
        Action::Route(destination) => Ok(destination.clone()),
        Action::Split(split) => {
            let destination = split.pick(lot(rule.name.as_str(), facts, situation.draw));
            reasons.push(Reason::Split { to: destination.name().into() });
            Ok(destination.clone())
        }
        Action::Experiment(experiment) => {
            let (destination, reason) = experiment.follow(facts, situation);
            reasons.push(reason);
            Ok(destination.clone())
        }
        Action::Deny(words) => Err(words.clone()),
    }
}

/// The number by which a request falls to one of several ways: the same for all requests of a session, and for each `salt`
/// another. What belongs to no session falls by chance.
fn lot(salt: &str, facts: &Facts, draw: u64) -> u64 {
    facts.session.map_or(draw, |session| Mark::of(&format!("{salt}/{session}")).as_u64())
}

fn denial(rule: &Rule, words: Arc<str>, reasons: Vec<Reason>) -> Decision {
    let refused = decided(Choice::default(), Some(rule), reasons);
    Decision { outcome: Outcome::Deny(words), ..refused }
}

fn decided(choice: Choice, rule: Option<&Rule>, mut reasons: Vec<Reason>) -> Decision {
    reasons.extend(choice.escalations);
    Decision {
        outcome: if choice.candidates.is_empty() { Outcome::NoneFits } else { Outcome::Forward },
        rule: rule.map(|rule| rule.name.clone()),
        tier: choice.tier,
        candidates: choice.candidates,
        gated_out: choice.gated_out,
        reasons,
        ceiling: choice.ceiling,
        escalated_ceiling: choice.escalated_ceiling,
        human_review: rule.is_some_and(|rule| rule.human_review),
    }
}

/// The decision, unless nothing but the caller's key stands in its way.
fn reachable(decision: Decision) -> Result<Decision, Failure> {
    let closed = decision.outcome == Outcome::NoneFits
        && !decision.gated_out.is_empty()
        && decision.gated_out.iter().all(|left_out| left_out.gate == Gate::NotAllowed);
    if !closed {
        return Ok(decision);
    }
    let place = decision.tier.as_ref().map_or("the endpoint it asks for".to_owned(), |tier| format!("tier `{tier}`"));
    Err(Failure::new(FailureKind::Forbidden, format!("this request goes to {place}, which your key does not allow")))
}

/// A request that goes on from what one endpoint holds goes there, unless a rule denies it.
fn held(rules: &Rules, facts: &Facts, situation: &Situation, holder: &EndpointName) -> Result<Decision, Failure> {
    if let Some(denied) = denied(rules, facts) {
        return Ok(denied);
    }
    let Some(target) = rules.endpoint(holder.as_str()) else {
        let message = "the endpoint that holds what this request goes on from is not configured any more: begin anew";
        return Err(Failure::new(FailureKind::NotHeld, message));
    };
    let choice = choose(rules, facts, situation, &Destination::Endpoint(target.clone()));
    reachable(decided(choice, None, vec![Reason::HeldBy { endpoint: holder.clone() }]))
}

/// A request that is no conversation: rules that name its door count, then the name of a model, then whoever serves it.
fn beside(rules: &Rules, facts: &Facts, situation: &Situation) -> Result<Decision, Failure> {
    if let Some(denied) = denied(rules, facts) {
        return Ok(denied);
    }
    let model = facts.requested_model.as_str();
    if !model.is_empty() && !rules.routes(model) {
        return by_name(rules, facts, situation);
    }
    let about_it = |conditional: &&Conditional| {
        conditional.when.names_a_door() && !conditional.is_past(facts.at_millis) && conditional.when.holds(facts)
    };
    if let Some(Conditional { rule, .. }) = rules.conditional().iter().find(about_it) {
        let mut reasons = vec![Reason::Rule { rule: rule.name.clone(), why: rule.why.clone() }];
        return match follow(rule, facts, situation, &mut reasons) {
            Ok(destination) => reachable(decided(choose(rules, facts, situation, &destination), Some(rule), reasons)),
            Err(words) => Ok(denial(rule, words, reasons)),
        };
    }
    reachable(decided(serving(rules, facts, situation), None, vec![Reason::ServedBy]))
}

/// The denial of the first rule that takes the request and denies it, however it is routed otherwise.
fn denied(rules: &Rules, facts: &Facts) -> Option<Decision> {
    let rule = winner(rules, facts);
    let Action::Deny(words) = &rule.action else { return None };
    let reasons = vec![Reason::Rule { rule: rule.name.clone(), why: rule.why.clone() }];
    Some(denial(rule, Arc::clone(words), reasons))
}

/// The tier that the caller wishes for, if it does.
fn wished(rules: &Rules, facts: &Facts, situation: &Situation) -> Result<Option<Arc<Tier>>, Failure> {
    let Some(wish) = facts.requested_tier.as_deref() else { return Ok(None) };
    if !situation.may_choose {
        let message = "your key does not allow a wish; leave the header `x-weighbridge-tier` out";
        return Err(Failure::new(FailureKind::Forbidden, message));
    }
    let Some(tier) = rules.tier(wish) else {
        let tiers: Vec<&str> = rules.tiers().iter().map(|tier| tier.name().as_str()).collect();
        let message = format!("`x-weighbridge-tier` names no tier; there are: {}", listed(&tiers));
        return Err(Failure::new(FailureKind::UnknownModel, message));
    };
    if !situation.allows(tier.name()) {
        let message = format!("your key does not allow tier `{}`", tier.name());
        return Err(Failure::new(FailureKind::Forbidden, message));
    }
    Ok(Some(tier.clone()))
}

/// A model that the rules do not route is the name of a tier, of an endpoint or of an endpoint's model.
fn by_name(rules: &Rules, facts: &Facts, situation: &Situation) -> Result<Decision, Failure> {
    let name = &facts.requested_model;
    let Some(destination) = rules.named(name) else { return Err(unknown(rules, facts, situation)) };
    if !situation.may_choose {
        let message = match routed_names(rules) {
            names if names.is_empty() => "your key does not allow choosing a tier or an endpoint".to_owned(),
            names => format!("your key does not allow choosing a tier or an endpoint; ask for {}", listed(&names)),
        };
        return Err(Failure::new(FailureKind::Forbidden, message).with_param("model"));
    }
    // Naming a model chooses where a request goes, not whether it may go.
    if let Some(denied) = denied(rules, facts) {
        return Ok(denied);
    }
    let choice = choose(rules, facts, situation, &destination);
    let decision = decided(choice, None, vec![Reason::RequestedByName { name: name.clone() }]);
    reachable(decision).map_err(|failure| failure.with_param("model"))
}

fn routed_names(rules: &Rules) -> Vec<String> {
    let routed = rules.models().into_iter().filter(|(_, what)| *what == Served::Routed);
    routed.map(|(name, _)| name.to_string()).collect()
}

fn unknown(rules: &Rules, facts: &Facts, situation: &Situation) -> Failure {
    let models = rules.models();
    let usable = models.iter().filter(|(_, what)| situation.may_choose || *what == Served::Routed);
    let names: Vec<&str> = usable.map(|(name, _)| &**name).collect();
    let close = |name: &&&str| strsim::damerau_levenshtein(name, &facts.requested_model) <= name.len().div_ceil(3);
    let likely =
        names.iter().filter(close).min_by_key(|name| strsim::damerau_levenshtein(name, &facts.requested_model));
    let hint = likely.map_or(String::new(), |name| format!("; did you mean `{name}`?"));
    let message = match names.is_empty() {
        true => format!("no model of that name{hint}"),
        false => format!("no model of that name; there are: {}{hint}", listed(&names)),
    };
    Failure::new(FailureKind::UnknownModel, message).with_param("model")
}

fn listed(names: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(", ")
}
