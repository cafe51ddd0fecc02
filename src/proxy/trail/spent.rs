//! What a request used and cost, out of what its answers told.

use super::{Billing, Trail};
use crate::assess::tokens;
use crate::budget::Reservation;
use crate::domain::{Door as Kind, Pico, TierName, Usage, UsageSource};
use crate::forward::{Endpoint, Tried, Used};
use crate::meter::Tally;
use crate::record::entry::Ending;

/// What an answer used and cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Tokens, and who counted them.
    pub usage: Option<(Usage, UsageSource)>,
    /// What they cost; `None`: unpriced, or nothing was used.
    pub cost: Option<Pico>,
    /// What they cost by the provider's own word.
    pub provider_cost: Option<Pico>,
    /// Whether the provider's word is all that is known of the cost.
    pub is_told: bool,
    /// Whether it is only known what they can have cost at most.
    pub is_ceiling: bool,
    /// What they would have cost on the baseline tier.
    pub baseline: Option<Pico>,
    /// What they would have cost on the tier that is asked if the answer fails its verification.
    pub straight: Option<Pico>,
    /// What is known to have been spent, also where not all of it is.
    pub known: Pico,
}

impl Spent {
    /// Together with what an answer used that was thrown away. That would not have been asked for on another tier, so
    /// there is nothing to compare it with.
    pub(super) fn with(self, more: &Spent) -> Self {
        let both = |one: Option<Pico>, other: Option<Pico>| one.zip(other).map(|(one, other)| one + other);
        let Some((usage, source)) = self.usage else {
            return Self { baseline: None, straight: None, ..*more };
        };
        let Some((other, other_source)) = more.usage else { return self };
        let is_estimated = [source, other_source].contains(&UsageSource::Estimated);
        Self {
            usage: Some((usage + other, if is_estimated { UsageSource::Estimated } else { UsageSource::Provider })),
            cost: both(self.cost, more.cost),
            provider_cost: both(self.provider_cost, more.provider_cost),
            is_told: self.is_told,
            is_ceiling: self.is_ceiling,
            baseline: self.baseline,
            straight: self.straight,
            known: self.known + more.known,
        }
    }
}

impl Trail {
    /// Whether an answer without usage is counted here: where tokens are what is paid for, and the model has answered.
    fn is_countable(&self, tally: &Tally, ending: Ending) -> bool {
        match self.kind {
            Some(Kind::Chat | Kind::Messages | Kind::Completions | Kind::Embeddings | Kind::Rerank) => true,
            // Begun in the background, it has said nothing yet, or goes on although nobody listens.
            Some(Kind::Responses) => !tally.text.is_empty() && (!self.is_background || ending == Ending::Complete),
            _ => false,
        }
    }

    /// What an answer used and cost. Usage that the provider did not tell is counted here.
    pub(super) fn spent(&self, endpoint: &Endpoint, tally: &Tally, told_cost: Option<Pico>, ending: Ending) -> Spent {
        if let Billing::AtCeiling(_) = self.billing {
            let cost = self.reservation.as_ref().map(Reservation::amount);
            return Spent { cost, is_ceiling: true, ..Spent::default() };
        }
        let is_told_here = match self.billing {
            // A batch tells its usage each time it is looked at, and at another price than ours.
            Billing::Usual if matches!(self.kind, Some(Kind::Files | Kind::Batches)) => false,
            Billing::Usual => tally.usage.is_some() || self.is_countable(tally, ending),
            Billing::Once(mark) => tally.usage.is_some() && self.books.recall.close(mark),
            Billing::Elsewhere | Billing::AtCeiling(_) => false,
        };
        if !is_told_here || self.kind.is_some_and(Kind::is_counting) {
            return Spent::default();
        }
        let (usage, source) = match tally.usage {
            // A provider that counts the prompt first and the answer last has not counted one that broke off.
            Some(usage) if usage.total_output() > 0 || tally.text.is_empty() => (usage, UsageSource::Provider),
            Some(usage) => {
                let output = self.counted(endpoint, tally).output;
                (Usage { output, ..usage }, UsageSource::Estimated)
            }
            None => (self.counted(endpoint, tally), UsageSource::Estimated),
        };
        let tier = tally.service_tier.as_deref();
        let baseline = self.config.baseline.as_ref().and_then(|name| self.config.endpoints.get(name));
        let ours = endpoint.price.cost(&usage, self.at, tier);
        let provider_cost = tally.cost.or(told_cost);
        // A gateway's word is better than none. A cost of 0 is no word: what nobody prices must not look free.
        let told = provider_cost.filter(|cost| ours.is_none() && *cost > Pico::ZERO);
        let cost = ours.or(told);
        Spent {
            usage: Some((usage, source)),
            cost,
            provider_cost,
            is_told: told.is_some(),
            is_ceiling: false,
            baseline: baseline.and_then(|baseline| baseline.price.cost(&usage, self.at, None)),
            straight: None,
            known: cost.unwrap_or(Pico::ZERO),
        }
    }

    /// What an answer that was verified costs on the tier that is asked if it fails: there it costs what it cost.
    pub(super) fn straight(&self, spent: &Spent, endpoint: &Endpoint, tier: Option<&TierName>) -> Option<Pico> {
        let other = self.straight_to.as_ref()?;
        let first = self.decision.as_ref().and_then(|decision| decision.tier.as_ref());
        if tier != first || endpoint.name == other.name {
            return spent.cost;
        }
        spent.usage.and_then(|(usage, _)| other.price.cost(&usage, self.at, None))
    }

    /// What each try used whose answer goes to nobody.
    pub(super) fn in_vain(&self) -> Vec<Option<Spent>> {
        let spent = |tried: &Tried| {
            let used = tried.used_in_vain()?;
            let endpoint = self.config.endpoints.get(&tried.endpoint)?;
            let Used { usage, cost, service_tier, text } = used;
            let tally = Tally { usage, cost, service_tier, text, ..Tally::default() };
            Some(self.spent(endpoint, &tally, None, Ending::Complete)).filter(|spent| spent.usage.is_some())
        };
        self.tried.iter().map(spent).collect()
    }

    fn counted(&self, endpoint: &Endpoint, tally: &Tally) -> Usage {
        let encoding = tokens::Encoding::for_model(&endpoint.model);
        // Up to a quarter of a second, and more the first time: no other request must wait for it.
        let written = tokio::task::block_in_place(|| tokens::count_text(&tally.text, encoding));
        // What was not kept is as dense as what was.
        let kept = (tally.text.len() as u64).max(1);
        let output = written + written * tally.uncounted_bytes / kept;
        let expected = || self.facts.as_ref().map_or(0, |facts| facts.tokens.expected);
        let input = self.prompt_tokens.unwrap_or_else(expected);
        Usage { input, output, ..Usage::default() }
    }
}
