//! Where a conversation stands after an answer. Pure.

use std::time::Duration;

use crate::domain::{Dialect, EndpointName, Facts, Moving, Reason, RuleName, Standing, TierName, Usage};

/// An answer, as far as the next request of its conversation depends on it.
#[derive(Clone, Debug)]
pub struct Answered<'a> {
    /// What the rules saw of the request.
    pub facts: &'a Facts,
    /// Why it went where it went.
    pub reasons: &'a [Reason],
    /// The rule that decided.
    pub rule: Option<&'a RuleName>,
    /// Who answered.
    pub endpoint: &'a EndpointName,
    /// In which dialect.
    pub dialect: Dialect,
    /// As part of which tier.
    pub tier: Option<&'a TierName>,
    /// What it used; `None`: nobody said.
    pub usage: Option<&'a Usage>,
    /// When it was over, in milliseconds since 1970 UTC.
    pub at_millis: u64,
}

/// Where a conversation stands after this answer; `before`: where it stood. `usual_life` is how long providers keep a
/// prompt where the client does not say.
pub fn standing_after(before: Option<&Standing>, answered: &Answered<'_>, usual_life: Duration) -> Standing {
    let Answered { facts, endpoint, usage, .. } = answered;
    let stayed = before.filter(|before| before.endpoint == **endpoint);
    let life = facts.cache_life.map_or(usual_life, |life| life.time());
    let output = usage.map_or(0, |usage| usage.total_output());
    Standing {
        endpoint: (*endpoint).clone(),
        tier: answered.tier.cloned(),
        rule: answered.rule.cloned(),
        warm: usage.map_or(0, |usage| warm(answered, usage, stayed)),
        warm_until_millis: answered.at_millis.saturating_add(u64::try_from(life.as_millis()).unwrap_or(u64::MAX)),
        prompt: facts.tokens.expected,
        // The newest answer counts half.
        output: before.map_or(output, |before| before.output.midpoint(output)),
        answered_millis: answered.at_millis,
        replies: facts.replies.saturating_add(1),
        escalated: before.is_some_and(|before| before.escalated) || is_escalation(answered.reasons),
    }
}

/// Prompt tokens that are in the provider's cache now. Where a client has to ask for that, they are those that were read
/// or written. Where a provider keeps what it likes, it is the whole prompt: unless the one before should have been there
/// and nothing of it was read, so that this provider keeps nothing.
fn warm(answered: &Answered<'_>, usage: &Usage, stayed: Option<&Standing>) -> u64 {
    let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
    if written > 0 || answered.dialect.keeps_when_asked() {
        return usage.cache_read.saturating_add(written);
    }
    let should_be_there = |before: &Standing| {
        (LEAST_KEPT..=answered.facts.tokens.expected).contains(&before.prompt)
            && answered.facts.at_millis < before.warm_until_millis
    };
    let keeps_nothing = usage.cache_read == 0 && stayed.is_some_and(should_be_there);
    if keeps_nothing { 0 } else { usage.total_input() }
}

/// Shorter prompts are kept by no provider.
const LEAST_KEPT: u64 = 2048;

/// Whether a conversation was taken to a larger model because a smaller one did not get on.
fn is_escalation(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| matches!(reason, Reason::Moves { why: Moving::Stuck { .. }, .. }))
}
