//! Among candidates: first the gates (what does not fit is no candidate), then the order, then the fallbacks.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Situation;
use super::rule::{Balance, Destination, Member, Rules, Target, Tier, tiers_of};
use crate::domain::{Candidate, Door, Facts, Gate, GatedOut, OutputFormat, Pico, Reason, TierName, Usage};

/// The candidates for one request.
#[derive(Default)]
pub(super) struct Choice {
    pub(super) tier: Option<TierName>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) gated_out: Vec<GatedOut>,
    pub(super) escalations: Vec<Reason>,
    pub(super) ceiling: Option<Pico>,
    pub(super) escalated_ceiling: Option<Pico>,
}

/// Finds the candidates at `destination`, in the order in which they are to be tried.
pub(super) fn choose(rules: &Rules, facts: &Facts, situation: &Situation, destination: &Destination) -> Choice {
    let mut chosen = Choosing { facts, situation, choice: Choice::default(), targets: Vec::new() };
    match destination {
        Destination::Endpoint(target) => {
            let allowed =
                situation.allowed_tiers.is_none() || tiers_of(rules, &target.name).any(|tier| situation.allows(tier));
            chosen.consider(target, None, allowed);
        }
        Destination::Tier(tier) => chosen.tier_and_fallbacks(tier),
    }
    let targets = std::mem::take(&mut chosen.targets);
    chosen.choice.ceiling = ceiling(&targets, facts);
    chosen.choice.escalated_ceiling = escalated_ceiling(&chosen.choice, &targets, facts);
    chosen.choice
}

/// Every endpoint that serves what is asked for, in the order of their names.
pub(super) fn serving(rules: &Rules, facts: &Facts, situation: &Situation) -> Choice {
    let mut chosen = Choosing { facts, situation, choice: Choice::default(), targets: Vec::new() };
    for target in rules.endpoints().iter().filter(|target| target.serves.contains(&facts.door)) {
        let allowed =
            situation.allowed_tiers.is_none() || tiers_of(rules, &target.name).any(|tier| situation.allows(tier));
        chosen.consider(target, None, allowed);
    }
    let targets = std::mem::take(&mut chosen.targets);
    chosen.choice.ceiling = ceiling(&targets, facts);
    chosen.choice
}

struct Choosing<'a> {
    facts: &'a Facts,
    situation: &'a Situation,
    choice: Choice,
    targets: Vec<&'a Target>,
}

impl<'a> Choosing<'a> {
    fn tier_and_fallbacks(&mut self, first: &'a Arc<Tier>) {
        self.choice.tier = Some(first.name().clone());
        let mut next = Some(first);
        while let Some(tier) = next {
            let allowed = self.situation.allows(tier.name());
            let members = tier.members();
            if tier.balance() == Balance::First {
                members.iter().for_each(|member| self.consider(&member.target, Some(tier.name()), allowed));
            } else {
                for member in ordered(tier, self.facts, self.situation) {
                    self.consider(&member.target, Some(tier.name()), allowed);
                }
            }
            next = tier.escalate();
            if let (true, Some(to)) = (self.choice.candidates.is_empty(), next) {
                let escalated = Reason::Escalated { from: tier.name().clone(), to: to.name().clone() };
                self.choice.escalations.push(escalated);
                self.choice.tier = Some(to.name().clone());
            }
        }
    }

    fn consider(&mut self, target: &'a Target, tier: Option<&TierName>, allowed: bool) {
        let known = |name| name == &target.name;
        if self.choice.candidates.iter().map(|candidate| &candidate.endpoint).any(known) {
            return;
        }
        let closed = if allowed { gate(target, self.facts) } else { Some(Gate::NotAllowed) };
        match closed {
            Some(gate) => {
                // An endpoint that a second tier holds too is left out for the same reason once more.
                let left_out = GatedOut { endpoint: target.name.clone(), gate };
                if !self.choice.gated_out.contains(&left_out) {
                    self.choice.gated_out.push(left_out);
                }
            }
            None => {
                self.choice.candidates.push(Candidate { endpoint: target.name.clone(), tier: tier.cloned() });
                self.targets.push(target);
            }
        }
    }
}

/// The gate that keeps a request away from an endpoint, if one does.
pub(super) fn gate(target: &Target, facts: &Facts) -> Option<Gate> {
    let needed = facts.tokens.high.saturating_add(output_each(facts));
    if !target.serves.contains(&facts.door) {
        return Some(Gate::Door);
    }
    if let Some(window) = target.context_window.filter(|window| needed > *window) {
        return Some(Gate::ContextWindow { needed, window });
    }
    let abilities = target.abilities;
    let needs = [
        (facts.images > 0 && !abilities.images, Gate::Images),
        (facts.audio && !abilities.audio, Gate::Audio),
        (facts.tools > 0 && !abilities.tools, Gate::Tools),
        (facts.output == OutputFormat::JsonSchema && !abilities.json_schema, Gate::JsonSchema),
    ];
    needs.into_iter().find_map(|(lacks, gate)| lacks.then_some(gate))
}

/// The room that one answer may take in the context window.
pub(super) fn output_each(facts: &Facts) -> u64 {
    facts.max_output.unwrap_or(0).div_ceil(u64::from(facts.answers.max(1)))
}

/// A tier's endpoints in the order in which they are to be tried, gates left aside.
fn ordered<'t>(tier: &'t Tier, facts: &Facts, situation: &Situation) -> Vec<&'t Member> {
    let mut members: Vec<&Member> = tier.members().iter().collect();
    match tier.balance() {
        Balance::First => {}
        Balance::RoundRobin => {
            // A gated-out member would hand its turn to its neighbour, so turns are counted among those that fit.
            members.retain(|member| gate(&member.target, facts).is_none());
            if let Ok(count) = u64::try_from(members.len())
                && count > 0
            {
                members.rotate_left((situation.sequence % count) as usize);
            }
            members.extend(tier.members().iter().filter(|member| gate(&member.target, facts).is_some()));
        }
        Balance::Weighted => members = by_weight(members, facts, situation.draw),
        Balance::LeastLatency => members.sort_by_key(|member| latency(&member.target, situation)),
        Balance::LeastCost => {
            members.sort_by_cached_key(|member| {
                let cost = expected_cost(&member.target, facts).map(|expected| expected.cost);
                (cost.is_none(), cost)
            });
        }
    }
    members
}

fn by_weight<'t>(members: Vec<&'t Member>, facts: &Facts, draw: u64) -> Vec<&'t Member> {
    let (mut fitting, rest): (Vec<_>, Vec<_>) =
        members.into_iter().partition(|member| gate(&member.target, facts).is_none());
    let mut picked = Vec::with_capacity(fitting.len() + rest.len());
    let mut draw = draw;
    loop {
        // Each pick uses a number of its own, or a tier inside a split would see only a slice of the numbers.
        draw = scramble(draw);
        let total: u64 = fitting.iter().map(|member| u64::from(member.weight)).sum();
        if total == 0 {
            break;
        }
        let mut left = draw % total;
        let place = fitting.iter().position(|member| match left.checked_sub(u64::from(member.weight)) {
            Some(less) => {
                left = less;
                false
            }
            None => true,
        });
        picked.extend(place.map(|place| fitting.remove(place)));
    }
    picked.extend(fitting);
    picked.extend(rest);
    picked
}

/// One step of SplitMix64: spreads any number evenly over all numbers.
fn scramble(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn latency(target: &Target, situation: &Situation) -> Duration {
    let measured = situation.latency.iter().find(|(name, _)| *name == target.name);
    measured.map_or(Duration::ZERO, |(_, latency)| *latency)
}

/// What a request likely costs on an endpoint, and how long an answer that assumes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExpectedCost {
    /// The cost.
    pub cost: Pico,
    /// The output tokens that were assumed.
    pub output: u64,
}

/// An answer's length as assumed where costs are compared before it is known. Most answers are shorter than the bound
/// that a client sets; what matters is that the same number stands for every endpoint, and that `explain` shows it.
const ASSUMED_OUTPUT: u64 = 512;

/// What a request likely costs on an endpoint: the expected prompt, and an answer of at most [`ASSUMED_OUTPUT`] tokens,
/// less where the client or the endpoint allows less. `None` if it is unpriced.
pub(super) fn expected_cost(target: &Target, facts: &Facts) -> Option<ExpectedCost> {
    let bound = output_bound(target, facts).unwrap_or(u64::MAX);
    let output = bound.min(ASSUMED_OUTPUT.saturating_mul(facts.answers.max(1).into()));
    cost(target, facts, facts.tokens.expected, output).map(|cost| ExpectedCost { cost, output })
}

/// The dearest that one attempt at one of these can cost: each token of the prompt's upper bound in the dearest bucket,
/// and the longest answer there can be. `None` if nobody bounds it.
fn ceiling(targets: &[&Target], facts: &Facts) -> Option<Pico> {
    let dearest = |target: &&Target| {
        let ceilings = target.ceilings.as_ref()?;
        let ceiling = if facts.dear_tier { &ceilings.any_tier } else { &ceilings.usual };
        Some(ceiling.cost(facts.tokens.high, longest_answer(target, facts)?))
    };
    let costs: Option<Vec<Pico>> = targets.iter().map(dearest).collect();
    costs?.into_iter().max()
}

/// The dearest that an answer of the first tier and one of another can cost together.
fn escalated_ceiling(choice: &Choice, targets: &[&Target], facts: &Facts) -> Option<Pico> {
    let own = choice.candidates.iter().take_while(|candidate| candidate.tier == choice.tier).count();
    let (first, others) = targets.split_at(own);
    if first.is_empty() || others.is_empty() {
        return None;
    }
    Some(ceiling(first, facts)? + ceiling(others, facts)?)
}

/// The most output tokens there can be: what the client allows, what the endpoint does, and what the context window has
/// room for; the least of those that are known.
fn longest_answer(target: &Target, facts: &Facts) -> Option<u64> {
    if matches!(facts.door, Door::Embeddings | Door::Rerank) {
        return Some(0);
    }
    let answers = u64::from(facts.answers.max(1));
    let room = target.context_window.map(|window| window.saturating_sub(facts.tokens.low));
    let by_endpoint = [target.max_output, room].into_iter().flatten().min().map(|each| each.saturating_mul(answers));
    [facts.max_output, by_endpoint].into_iter().flatten().min()
}

/// The dearest that a request can cost whose prompt was not read: the whole context window of the endpoint.
pub(super) fn ceiling_unread(target: &Target) -> Option<Pico> {
    let window = target.context_window?;
    let longest = target.max_output.map_or(window, |most| most.min(window));
    target.ceilings.as_ref().map(|ceilings| ceilings.any_tier.cost(window, longest))
}

/// The most output tokens there can be, all answers together; `None` if nobody bounds them.
fn output_bound(target: &Target, facts: &Facts) -> Option<u64> {
    let answers = u64::from(facts.answers.max(1));
    let by_endpoint = target.max_output.map(|each| each.saturating_mul(answers));
    facts.max_output.or(by_endpoint)
}

fn cost(target: &Target, facts: &Facts, input: u64, output: u64) -> Option<Pico> {
    let usage = Usage { input, output, ..Usage::default() };
    if let Some(rates) = &target.flat_rates {
        return Some(rates.cost(&usage));
    }
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(facts.at_millis);
    target.price.cost(&usage, at, None)
}
