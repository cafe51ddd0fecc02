//! Whether a conversation stays where it is.
//!
//! While tools speak it stays: the decision was made when the human spoke. When the human speaks the rules decide anew. To
//! go to a larger model they are always right; to a smaller one the conversation goes if that costs less, with the
//! provider's cache that is lost by it ([`weigh`]).

use std::time::{Duration, SystemTime};

use super::choose::{Choice, choose, expected_cost, gate};
use super::rule::{Destination, Rules, Target, Tier, tiers_of};
use super::{Situation, decided, denied, reachable};
use crate::domain::{
    Bill, CacheLife, Candidate, Decision, EndpointName, Facts, Failure, Gate, Moving, Outcome, Pico, Reason, Standing,
    Staying, TurnKind, Usage, Weighed,
};

/// How conversations keep their place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The most requests that are expected to follow.
    pub most_left: u32,
    /// After how many calls with the same result a conversation goes to a larger model; `None`: never.
    pub stuck_after: Option<u32>,
    /// After how many more it is refused.
    pub refuse_after: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { most_left: 20, stuck_after: Some(5), refuse_after: 10 }
    }
}

impl Policy {
    /// No figure of it may be larger: no more steps of a conversation are looked at.
    pub const MOST: u32 = 60;

    /// Requests that are expected to follow one before which there were so many answers: as many again, for of a thing
    /// that is seen at any moment of its life as much is left on average as is past. At least one, and no more than the
    /// policy allows, lest a long day justify any move.
    pub fn left(&self, replies: u32) -> u32 {
        replies.clamp(1, self.most_left.max(1))
    }

    fn is_stuck(&self, repeats: u32) -> bool {
        self.stuck_after.is_some_and(|after| repeats >= after)
    }

    fn is_hopeless(&self, repeats: u32) -> bool {
        self.stuck_after.is_some_and(|after| repeats >= after.saturating_add(self.refuse_after))
    }
}

/// The decision about a request in the loop of an agent and its tools. `None`: nothing is known of where it was, or it is
/// gone, so that the rules decide.
pub(super) fn in_tool_loop(rules: &Rules, facts: &Facts, situation: &Situation) -> Option<Result<Decision, Failure>> {
    if facts.turn != TurnKind::Tool {
        return None;
    }
    let policy = rules.policy();
    if policy.is_hopeless(facts.repeats) {
        let stuck = decided(Choice::default(), None, Vec::new());
        let rule = situation.standing.as_ref().and_then(|standing| standing.rule.clone());
        return Some(Ok(Decision { outcome: Outcome::Stuck { repeats: facts.repeats }, rule, ..stuck }));
    }
    let standing = situation.standing.as_deref()?;
    let is_asked_elsewhere = facts.requested_tier.as_ref().is_some_and(|wish| !is_in(standing, wish));
    if is_asked_elsewhere {
        return None;
    }
    if let Some(denied) = denied(rules, facts) {
        return Some(Ok(denied));
    }
    let decision = unstuck(rules, facts, situation, standing).or_else(|| stays(rules, facts, situation, standing))?;
    let by = standing.rule.as_ref().and_then(|name| rules.rule(name));
    let human_review = by.is_some_and(|rule| rule.human_review);
    Some(reachable(Decision { rule: standing.rule.clone(), human_review, ..decision }))
}

/// The larger model, for an agent that makes no progress; once.
fn unstuck(rules: &Rules, facts: &Facts, situation: &Situation, standing: &Standing) -> Option<Decision> {
    if !rules.policy().is_stuck(facts.repeats) || standing.escalated || situation.is_pinned {
        return None;
    }
    let larger = rules.tier(standing.tier.as_ref()?.as_str())?.escalate()?;
    let from = standing.endpoint.clone();
    let reason = Reason::Moves { from, why: Moving::Stuck { repeats: facts.repeats } };
    let choice = choose(rules, facts, situation, &Destination::Tier(larger.clone()));
    // Where the larger model cannot take it the conversation stays.
    let decision = decided(choice, None, vec![reason]);
    (decision.outcome == Outcome::Forward).then_some(decision)
}

/// The same place; where it is full, closed or gone the tier's others, and those that it escalates to. `None`: there is no
/// such place, or somebody else holds what the model thought and needs.
fn stays(rules: &Rules, facts: &Facts, situation: &Situation, standing: &Standing) -> Option<Decision> {
    if situation.held_by.as_ref().is_some_and(|holder| *holder != standing.endpoint) {
        return None;
    }
    let place = place(rules, standing)?;
    let choice = choose(rules, facts, situation, &place);
    let reason = match rules.endpoint(standing.endpoint.as_str()) {
        _ if first(&choice, &standing.endpoint) => {
            Reason::Stays { endpoint: standing.endpoint.clone(), why: Staying::ToolLoop }
        }
        Some(target) => left(standing, closed(rules, facts, situation, target)),
        None => left(standing, None),
    };
    let mut decision = put_first(decided(choice, None, vec![reason]), &standing.endpoint);
    let is_here = |one: &Candidate| one.endpoint == standing.endpoint;
    if situation.held_by.is_some() && decision.candidates.iter().any(is_here) {
        // The others cannot read what the model thought, and in the middle of a loop it cannot go on without.
        decision.candidates.retain(is_here);
    }
    Some(decision)
}

/// Whether it is one of the candidates of the tier that was chosen.
fn first(choice: &Choice, endpoint: &EndpointName) -> bool {
    choice.candidates.iter().any(|one| one.endpoint == *endpoint && one.tier == choice.tier)
}

fn left(standing: &Standing, gate: Option<Gate>) -> Reason {
    let why = gate.map_or(Moving::Gone, |gate| Moving::Unfit { gate });
    Reason::Moves { from: standing.endpoint.clone(), why }
}

/// What keeps the request away from the endpoint, if something does.
fn closed(rules: &Rules, facts: &Facts, situation: &Situation, target: &Target) -> Option<Gate> {
    let may = situation.allowed_tiers.is_none() || tiers_of(rules, &target.name).any(|tier| situation.allows(tier));
    if may { gate(target, facts) } else { Some(Gate::NotAllowed) }
}

fn is_in(standing: &Standing, tier: &str) -> bool {
    standing.tier.as_ref().is_some_and(|known| known.as_str() == tier)
}

/// The tier that a conversation was in, or the endpoint where it was in none.
fn place(rules: &Rules, standing: &Standing) -> Option<Destination> {
    match &standing.tier {
        Some(tier) => rules.tier(tier.as_str()).map(|tier| Destination::Tier(tier.clone())),
        None => rules.endpoint(standing.endpoint.as_str()).map(|target| Destination::Endpoint(target.clone())),
    }
}

/// The decision with this endpoint tried first, if it is one of the tier's.
fn put_first(mut decision: Decision, endpoint: &EndpointName) -> Decision {
    let of_tier = |one: &Candidate| one.endpoint == *endpoint && one.tier == decision.tier;
    if let Some(at) = decision.candidates.iter().position(of_tier) {
        decision.candidates[..=at].rotate_right(1);
    }
    decision
}

/// The decision when the human speaks in a conversation that was answered before: what the rules say now, held against
/// where it is.
pub(super) fn at_human_turn(rules: &Rules, facts: &Facts, situation: &Situation, fresh: Decision) -> Decision {
    let Some(standing) = situation.standing.as_deref().filter(|_| fresh.outcome == Outcome::Forward) else {
        return fresh;
    };
    let Some(to) = fresh.candidates.first() else { return fresh };
    let stays = |why| Reason::Stays { endpoint: standing.endpoint.clone(), why };
    if fresh.candidates.iter().any(|one| one.endpoint == standing.endpoint && one.tier == fresh.tier) {
        let weighed = weighed(rules, facts, standing, &to.endpoint);
        return with(put_first(fresh, &standing.endpoint), stays(Staying::SameTier { weighed }));
    }
    let is_asked = fresh.rule.is_none() || fresh.reasons.iter().any(|one| matches!(one, Reason::RequestedTier { .. }));
    let (here, there) = (rules.endpoint(standing.endpoint.as_str()), rules.endpoint(to.endpoint.as_str()));
    let moving = match (here, there) {
        _ if is_asked => Err(Moving::Asked),
        (Some(here), Some(there)) => match closed(rules, facts, situation, here) {
            Some(gate) => Err(Moving::Unfit { gate }),
            None => preferred(rules, facts, standing, here, there, &fresh),
        },
        _ => Err(Moving::Gone),
    };
    match moving {
        Err(why) => with(fresh, Reason::Moves { from: standing.endpoint.clone(), why }),
        Ok(why) => match place(rules, standing) {
            Some(place) => {
                let choice = choose(rules, facts, situation, &place);
                let Decision { rule, mut reasons, human_review, .. } = fresh;
                reasons.push(stays(why));
                let stayed = decided(choice, None, reasons);
                put_first(Decision { rule, human_review, ..stayed }, &standing.endpoint)
            }
            None => with(fresh, Reason::Moves { from: standing.endpoint.clone(), why: Moving::Gone }),
        },
    }
}

fn with(mut decision: Decision, reason: Reason) -> Decision {
    decision.reasons.push(reason);
    decision
}

/// Whether the conversation stays or goes where the rules would send it, when it can do both.
fn preferred(
    rules: &Rules,
    facts: &Facts,
    standing: &Standing,
    here: &Target,
    there: &Target,
    fresh: &Decision,
) -> Result<Staying, Moving> {
    let tier = standing.tier.as_ref().and_then(|tier| rules.tier(tier.as_str()));
    let to = fresh.tier.as_ref();
    if tier.is_some_and(|tier| to.is_some_and(|to| larger(tier).any(|larger| larger.name() == to))) {
        return Err(Moving::Larger { weighed: weighed(rules, facts, standing, &there.name) });
    }
    let plain = |target| expected_cost(target, facts).map(|expected| expected.cost);
    let (Some(cost_here), Some(cost_there)) = (plain(here), plain(there)) else { return Ok(Staying::Unpriced) };
    if cost_there > cost_here {
        return Err(Moving::Larger { weighed: weighed(rules, facts, standing, &there.name) });
    }
    if standing.escalated {
        return Ok(Staying::Escalated);
    }
    match weighed(rules, facts, standing, &there.name) {
        None => Ok(Staying::Unpriced),
        Some(weighed) if weighed.stay.total <= weighed.go.total => Ok(Staying::Cheaper { weighed }),
        Some(weighed) => Err(Moving::Cheaper { weighed }),
    }
}

/// The sum for going there from where the conversation is; also where nothing hangs on it, for those who read why. `None`
/// if it is there already, or a price is not known.
fn weighed(rules: &Rules, facts: &Facts, standing: &Standing, there: &EndpointName) -> Option<Box<Weighed>> {
    let target = |name: &EndpointName| rules.endpoint(name.as_str()).filter(|_| *there != standing.endpoint);
    weigh(facts, standing, target(&standing.endpoint)?, target(there)?, rules.policy()).map(Box::new)
}

/// The tiers that this one escalates to.
fn larger(tier: &Tier) -> impl Iterator<Item = &Tier> {
    std::iter::successors(tier.escalate().map(|tier| &**tier), |tier| tier.escalate().map(|tier| &**tier))
}

/// What it costs to stay and what it costs to move, from this request on. `None` if a price is not known.
///
/// Staying reads from the cache what is warm, if it still is, and pays for the rest as input, or as what is written to the
/// cache. Moving pays for all of it once. Every request that follows reads the prompt from the cache where it then is, and
/// adds as many new tokens as this one. Answers are taken to be as long as they were of late, everywhere.
pub fn weigh(facts: &Facts, standing: &Standing, here: &Target, there: &Target, policy: &Policy) -> Option<Weighed> {
    let prompt = facts.tokens.expected;
    let new = prompt.saturating_sub(standing.prompt);
    let held = standing.warm.min(prompt - new);
    let is_alive = facts.at_millis < standing.warm_until_millis;
    let warm = if is_alive { held } else { 0 };
    let output = if standing.output == 0 { ASSUMED_OUTPUT } else { standing.output };
    let left = policy.left(facts.replies);
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(facts.at_millis);
    // What this provider did not keep it will not keep either.
    let keeps_here = standing.warm > 0 || standing.prompt == 0;
    let bill = |target: &Target, warm: u64, keeps: bool| {
        let way = Way { target, life: facts.cache_life, at };
        let now = way.cost(warm, prompt - warm, output)?;
        let each = match keeps && way.keeps() {
            true => way.cost(prompt, new, output)?,
            false => way.cost(0, prompt.saturating_add(new), output)?,
        };
        let later = Pico::new(each.get().saturating_mul(left.into()));
        Some(Bill { now, each, total: now + later })
    };
    let (stay, go) = (bill(here, warm, keeps_here)?, bill(there, 0, true)?);
    let other = there.name.clone();
    Some(Weighed { other, prompt, warm, cold: held - warm, new, output, left, stay, go })
}

/// An answer's length before any was seen.
const ASSUMED_OUTPUT: u64 = 512;

/// How prompts are paid for in one place.
struct Way<'a> {
    target: &'a Target,
    life: Option<CacheLife>,
    at: SystemTime,
}

impl Way<'_> {
    /// Whether what was sent is in the cache afterwards.
    fn keeps(&self) -> bool {
        !self.target.dialect.keeps_when_asked() || self.life.is_some()
    }

    fn cost(&self, read: u64, sent: u64, output: u64) -> Option<Pico> {
        let mut usage = Usage { cache_read: read, output, ..Usage::default() };
        match self.life.filter(|_| self.target.dialect.keeps_when_asked()) {
            None => usage.input = sent,
            Some(CacheLife::FiveMinutes) => usage.cache_write_5m = sent,
            Some(CacheLife::Hour | CacheLife::Day) => usage.cache_write_1h = sent,
        }
        match &self.target.flat_rates {
            Some(rates) => Some(rates.cost(&usage)),
            None => self.target.price.cost(&usage, self.at, None),
        }
    }
}

#[cfg(test)]
mod tests;
