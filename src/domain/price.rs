//! What an endpoint's tokens cost.

use std::sync::Arc;
use std::time::SystemTime;

use genai_prices::{Calculator, PriceRequest, UsageKey};

use super::{Pico, Usage};

/// Prices set in `routes.toml`, in pico-dollars a token (the file says USD for a million tokens: the same digits × 10⁶).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rates {
    /// A prompt token.
    pub input: u64,
    /// A prompt token read from the cache.
    pub cache_read: u64,
    /// A prompt token written to the cache.
    pub cache_write: u64,
    /// An answer token, reasoning included.
    pub output: u64,
}

impl Rates {
    /// The cost of `usage`. Sound and pictures cost what text costs: who needs more uses the catalogue.
    pub fn cost(&self, usage: &Usage) -> Pico {
        let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
        let plain = usage.input.saturating_add(usage.audio_input).saturating_add(usage.image);
        let parts = [
            (plain, self.input),
            (usage.cache_read, self.cache_read),
            (written, self.cache_write),
            (usage.total_output(), self.output),
        ];
        // Two factors of 64 bits have a product of at most 128, of which a sum of four could pass the signed bound.
        parts
            .into_iter()
            .map(|(tokens, rate)| Pico::new(i128::try_from(u128::from(tokens) * u128::from(rate)).unwrap_or(i128::MAX)))
            .sum()
    }
}

/// A model's place in the price catalogue of the `genai-prices` crate, which knows tiers by context length, cache
/// prices, prices that depend on the date or the time of day, and service tiers.
#[derive(Clone)]
pub struct CataloguePrice {
    catalogue: &'static Calculator,
    provider: Arc<str>,
    model: Arc<str>,
}

impl CataloguePrice {
    /// The price of `model` at `provider`, or `None` if the catalogue has none.
    pub fn find(catalogue: &'static Calculator, provider: &str, model: &str, at: SystemTime) -> Option<Self> {
        let found = Self { catalogue, provider: provider.into(), model: model.into() };
        let probe = Usage { input: 1000, output: 1000, ..Usage::default() };
        found.cost(&probe, at, None).map(|_| found)
    }

    /// The provider's id in the catalogue.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The model that was looked up.
    pub fn model(&self) -> &str {
        &self.model
    }

    fn cost(&self, usage: &Usage, at: SystemTime, service_tier: Option<&str>) -> Option<Pico> {
        let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
        // The catalogue's buckets nest (input includes what was cached); ours do not.
        let buckets = [
            (UsageKey::INPUT_TOKENS, usage.total_input()),
            (UsageKey::CACHE_READ_TOKENS, usage.cache_read),
            (UsageKey::CACHE_WRITE_TOKENS, written),
            (UsageKey::CACHE_WRITE_5M_TOKENS, usage.cache_write_5m),
            (UsageKey::CACHE_WRITE_1H_TOKENS, usage.cache_write_1h),
            (UsageKey::INPUT_AUDIO_TOKENS, usage.audio_input),
            (UsageKey::INPUT_IMAGE_TOKENS, usage.image),
            (UsageKey::OUTPUT_TOKENS, usage.total_output()),
            (UsageKey::OUTPUT_REASONING_TOKENS, usage.reasoning),
            (UsageKey::OUTPUT_AUDIO_TOKENS, usage.audio_output),
        ];
        let reported: genai_prices::Usage =
            buckets.into_iter().filter(|(_, tokens)| *tokens > 0).map(|(key, tokens)| (key, tokens as f64)).collect();
        let mut request = PriceRequest::new(&self.model, &reported).with_provider_id(&self.provider).with_timestamp(at);
        if let Some(tier) = service_tier {
            request = request.with_price_context("service_tier", tier);
        }
        let price = self.catalogue.calculate(&request).ok()?;
        Pico::from_usd(price.total_price)
    }
}

impl std::fmt::Debug for CataloguePrice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CataloguePrice({}/{})", self.provider, self.model)
    }
}

/// What an endpoint's tokens cost.
#[derive(Clone, Debug)]
pub enum Price {
    /// Set in `routes.toml`.
    Fixed(Rates),
    /// From the catalogue.
    Catalogue(CataloguePrice),
    /// Nobody knows. The cost of such an answer is unknown, which is not 0.
    Unpriced,
}

impl Price {
    /// The cost of `usage` at the time `at`, with the service tier that the answer named (`flex`, `priority` …).
    /// `None` if it is unpriced.
    pub fn cost(&self, usage: &Usage, at: SystemTime, service_tier: Option<&str>) -> Option<Pico> {
        match self {
            Price::Fixed(rates) => Some(rates.cost(usage)),
            Price::Catalogue(price) => price.cost(usage, at, service_tier),
            Price::Unpriced => None,
        }
    }

    /// Whether a cost can be told.
    pub fn is_known(&self) -> bool {
        !matches!(self, Price::Unpriced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> SystemTime {
        SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_795_000_000)
    }

    #[test]
    fn a_set_price_is_multiplied_bucket_by_bucket() {
        let rates = Rates { input: 1_000_000, cache_read: 100_000, cache_write: 1_250_000, output: 5_000_000 };
        let usage =
            Usage { input: 10, cache_read: 100, cache_write_5m: 4, output: 3, reasoning: 2, ..Usage::default() };
        assert_eq!(rates.cost(&usage), Pico::new(10_000_000 + 10_000_000 + 5_000_000 + 25_000_000));
    }

    #[test]
    fn the_catalogue_prices_cached_input_once() {
        let price = CataloguePrice::find(Calculator::bundled(), "anthropic", "claude-haiku-4-5", at());
        let price = Price::Catalogue(price.expect("the catalogue has this model"));
        let plain = price.cost(&Usage { input: 1_000_000, ..Usage::default() }, at(), None);
        let cached = price.cost(&Usage { cache_read: 1_000_000, ..Usage::default() }, at(), None);
        assert_eq!(plain, Pico::from_usd(1.0));
        assert_eq!(cached, Pico::from_usd(0.1));
    }

    #[test]
    fn an_unknown_model_has_no_price() {
        assert!(CataloguePrice::find(Calculator::bundled(), "openai", "no-such-model", at()).is_none());
        assert_eq!(Price::Unpriced.cost(&Usage { input: 5, ..Usage::default() }, at(), None), None);
    }
}
