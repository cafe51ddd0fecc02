//! Whether and how a request's answer is verified, and what follows from it for budgets, headers and books.

use std::sync::Arc;

use super::Proxy;
use super::trail::Trail;
use crate::config::Config;
use crate::dialect;
use crate::dialect::sse::Frame;
use crate::domain::{Caller, Decision, Door, Failure, Prompt, Verdict};
use crate::forward::{Hearing, Verification};
use crate::meter::Hear;
use crate::verify::Step;

/// What the answer is held against; `None`: it is not. Only where another tier could give a better one is there anything
/// to be gained. Completions of code while somebody types are no conversation, and several answers at once are nothing
/// that a verdict could be about.
fn verification(config: &Config, prompt: &Prompt, decision: &Decision) -> Option<Verification> {
    let is_turn = matches!(prompt.door, Door::Chat | Door::Responses | Door::Messages);
    if !is_turn || prompt.answers > 1 || !has_other_tier(decision) {
        return None;
    }
    let checks = config.verify.of(decision.rule.as_ref())?.clone();
    let demand = dialect::demand(prompt);
    Some(Verification { checks, demand, tier: decision.tier.clone(), may_escalate: true })
}

fn has_other_tier(decision: &Decision) -> bool {
    let first = decision.candidates.first().map(|candidate| &candidate.tier);
    first.is_some_and(|first| first.is_some() && decision.candidates.iter().any(|one| one.tier != *first))
}

impl Proxy {
    /// Reserves what the request can cost at most, and says how its answer is verified. Where a budget has no room for two
    /// answers but for one, there is one, whatever it is worth.
    ///
    /// # Errors
    /// `BudgetExceeded` if there is no room for one either.
    pub(super) async fn hold_verified(
        &self,
        config: &Config,
        trail: &mut Trail,
        caller: &Caller,
        prompt: &Prompt,
    ) -> Result<Option<Arc<Verification>>, Failure> {
        let Some(decision) = trail.decision.clone() else { return Ok(None) };
        let mut verification = verification(config, prompt, &decision);
        let is_held = match (&verification, decision.escalated_ceiling) {
            (Some(_), Some(both)) => self.hold_if_room(config, trail, caller, both).await,
            _ => false,
        };
        if !is_held {
            self.hold(config, trail, caller, decision.ceiling).await?;
            let is_bounded = decision.escalated_ceiling.is_some();
            verification = verification.map(|one| Verification { may_escalate: !is_bounded, ..one });
        }
        trail.straight_to = verification.as_ref().and_then(|_| {
            let other = decision.candidates.iter().find(|one| one.tier != decision.tier)?;
            config.endpoints.get(&other.endpoint).cloned()
        });
        Ok(verification.map(Arc::new))
    }
}

impl Hear for Hearing {
    fn lets_pass(&mut self, event: &Frame) -> bool {
        // What has failed when part of it is out cannot be mended: the rest goes, too.
        !matches!(self.hear(event), Step::Hold)
    }

    fn end(&mut self) {
        Hearing::end(self);
    }

    fn verdict(&self) -> Option<Verdict> {
        Hearing::verdict(self)
    }
}
