//! Where conversations stand by the rules that are tried. The live proxy keeps a conversation where it was answered; had it
//! been answered elsewhere, it would have stayed there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Conversation, Decision, EndpointName, Facts, RuleName, Session, Standing, TierName, Usage};
use crate::forward::Endpoint;
use crate::record::recorded::Recorded;
use crate::sessions::{Answered, standing_after};

/// At least so many conversations are remembered, and up to twice as many.
const MOST: usize = 1 << 16;

/// Conversations by their thread. Two halves: when the first is full the second is forgotten.
#[derive(Debug, Default)]
pub struct Standings {
    young: HashMap<Session, Arc<Standing>>,
    old: HashMap<Session, Arc<Standing>>,
}

impl Standings {
    /// Where the conversation of a request stands. Of one that began before anybody looked it is where it stayed then.
    pub fn before(&self, recorded: &Recorded, facts: &Facts) -> Option<Arc<Standing>> {
        let thread = facts.thread.filter(|_| facts.conversation == Conversation::Ongoing)?;
        let known = self.young.get(&thread).or_else(|| self.old.get(&thread)).cloned();
        known.or_else(|| stayed(recorded, facts).map(Arc::new))
    }

    /// The conversation was answered.
    pub fn learn(
        &mut self,
        (recorded, facts): (&Recorded, &Facts),
        decision: &Decision,
        endpoint: &Endpoint,
        before: Option<&Standing>,
        usual_life: Duration,
    ) {
        let (Some(thread), Some(usage)) = (facts.thread, &recorded.usage) else { return };
        if facts.door.is_counting() {
            return;
        }
        let candidate = decision.candidates.iter().find(|one| one.endpoint == endpoint.name);
        let answered = Answered {
            facts,
            reasons: &decision.reasons,
            rule: decision.rule.as_ref(),
            endpoint: &endpoint.name,
            dialect: endpoint.dialect,
            tier: candidate.and_then(|candidate| candidate.tier.as_ref()),
            usage: Some(usage),
            at_millis: recorded.at_millis,
        };
        let standing = Arc::new(standing_after(before, &answered, usual_life));
        if self.young.len() >= MOST && !self.young.contains_key(&thread) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(thread, standing);
    }
}

/// Where it stood then, as far as its own entry tells.
fn stayed(recorded: &Recorded, facts: &Facts) -> Option<Standing> {
    let decided = recorded.decided.as_ref()?;
    let Usage { cache_read, .. } = recorded.usage.unwrap_or_default();
    Some(Standing {
        endpoint: EndpointName::parse(decided.stayed_with.as_deref()?).ok()?,
        tier: decided.tier.as_deref().and_then(|tier| TierName::parse(tier).ok()),
        rule: decided.rule.as_deref().and_then(|rule| RuleName::parse(rule).ok()),
        warm: cache_read,
        // What was read was there.
        warm_until_millis: recorded.at_millis.saturating_add(u64::from(cache_read > 0)),
        prompt: facts.tokens.expected,
        output: 0,
        answered_millis: recorded.at_millis,
        replies: facts.replies,
        escalated: false,
    })
}
