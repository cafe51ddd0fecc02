//! A request tried out on the rules, without sending it: what `explain` and the file's own tests do.

use std::sync::Arc;

use super::Config;
use crate::assess;
use crate::assess::tokens::{Encoding, count_exact};
use crate::domain::{Assessment, Caller, Facts, HeaderFacts, Prompt};
use crate::route::{self, Situation};

/// Judges a prompt as a configuration says: the assessor, handed in by whoever has one.
pub type Assess<'a> = dyn Fn(&Prompt, &assess::Settings) -> Assessment + 'a;

/// A request, and who sends it.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The request.
    pub prompt: Prompt,
    /// Who asks.
    pub caller: Caller,
    /// Whether they may wish for a tier or name one.
    pub may_choose: bool,
    /// The tier they wish for.
    pub requested_tier: Option<String>,
    /// The headers they send, by lower-case name.
    pub headers: HeaderFacts,
    /// How much of a budget is taken as used, in hundredths of a percent; `None`: they count under none.
    pub budget_used: Option<u32>,
}

impl Trial {
    /// What the rules see of it at the moment `at_millis`, and what that was judged by. Tokens are counted exactly where
    /// the live proxy would count them.
    pub fn facts(&self, config: &Config, assess: &Assess<'_>, at_millis: u64) -> (Facts, Assessment) {
        let rules = &config.rules;
        let assessment = assess(&self.prompt, &config.assess);
        let asked = rules.header_names().filter_map(|name| {
            let value = self.headers.get(name)?;
            Some((Arc::clone(name), value.clone()))
        });
        let wish = self.requested_tier.clone();
        let mut facts = route::facts(&self.prompt, &assessment, &self.caller, at_millis, wish, asked.collect());
        if route::needs_exact_tokens(rules, &facts) {
            facts.tokens = count_exact(&self.prompt, Encoding::for_model(&self.prompt.model));
        }
        facts.budget_used = self.budget_used;
        (facts, assessment)
    }

    /// The moment as it is taken here: nothing measured, and of a split the share that comes first by name.
    pub fn situation(&self) -> Situation {
        Situation { allowed_tiers: self.caller.tiers.clone(), may_choose: self.may_choose, ..Situation::default() }
    }
}
