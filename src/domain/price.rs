//! What an endpoint's tokens cost.

use std::sync::Arc;
use std::time::SystemTime;

use super::{CataloguePrice, Ceiling, Pico, Usage};

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
    /// The cost of `usage`. Sound and pictures cost what text costs, and the provider's searches nothing: who needs more
    /// uses the catalogue.
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

/// A price that ends, and the one that counts afterwards.
#[derive(Clone, PartialEq, Debug)]
pub struct Temporary {
    /// From this moment on it counts no more.
    pub until: SystemTime,
    /// What counts before.
    pub price: Price,
    /// What counts from then on.
    pub afterwards: Price,
}

/// What an endpoint's tokens cost.
#[derive(Clone, PartialEq, Debug)]
pub enum Price {
    /// Set in `routes.toml`.
    Fixed(Rates),
    /// From the catalogue.
    Catalogue(CataloguePrice),
    /// Agreed for a time.
    Temporary(Arc<Temporary>),
    /// Nobody knows. The cost of such an answer is unknown, which is not 0.
    Unpriced,
}

impl Price {
    /// The price that counts at a time: one that does not end.
    pub fn at(&self, at: SystemTime) -> &Price {
        match self {
            Price::Temporary(temporary) if at < temporary.until => temporary.price.at(at),
            Price::Temporary(temporary) => temporary.afterwards.at(at),
            price => price,
        }
    }

    /// The cost of `usage` at the time `at`, with the service tier that the answer named (`flex`, `priority` …), to the
    /// pico-dollar. `None` if it is unpriced.
    pub fn cost(&self, usage: &Usage, at: SystemTime, service_tier: Option<&str>) -> Option<Pico> {
        match self.at(at) {
            Price::Fixed(rates) => Some(rates.cost(usage)),
            Price::Catalogue(price) => price.cost(usage, at, service_tier),
            Price::Temporary(_) | Price::Unpriced => None,
        }
    }

    /// An upper bound of what tokens cost from `at` on; with `any_tier` under whatever service tier, else under the usual
    /// one. The provider's searches are not in it: nobody bounds them. `None` if it is unpriced.
    pub fn ceiling(&self, at: SystemTime, any_tier: bool) -> Option<Ceiling> {
        match self {
            Price::Fixed(rates) => {
                let input = rates.input.max(rates.cache_read).max(rates.cache_write);
                Some(Ceiling::flat(input, rates.output))
            }
            Price::Catalogue(price) => Some(price.ceiling(at, any_tier)),
            Price::Temporary(temporary) => {
                let afterwards = temporary.afterwards.ceiling(at, any_tier);
                let before = temporary.price.ceiling(at, any_tier).filter(|_| at < temporary.until);
                match (before, afterwards) {
                    (Some(before), Some(afterwards)) => Some(before.or(&afterwards)),
                    (one, other) => one.or(other),
                }
            }
            Price::Unpriced => None,
        }
    }

    /// Whether a cost can be told.
    pub fn is_known(&self) -> bool {
        match self {
            Price::Temporary(temporary) => temporary.price.is_known() && temporary.afterwards.is_known(),
            price => !matches!(price, Price::Unpriced),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000)
    }

    #[test]
    fn a_set_price_is_multiplied_bucket_by_bucket() {
        let rates = Rates { input: 1_000_000, cache_read: 100_000, cache_write: 1_250_000, output: 5_000_000 };
        let usage =
            Usage { input: 10, cache_read: 100, cache_write_5m: 4, output: 3, reasoning: 2, ..Usage::default() };
        assert_eq!(rates.cost(&usage), Pico::new(10_000_000 + 10_000_000 + 5_000_000 + 25_000_000));
    }

    #[test]
    fn a_price_counts_until_it_ends() {
        let fixed = |input| Price::Fixed(Rates { input, ..Rates::default() });
        let temporary = Temporary { until: at(), price: fixed(1), afterwards: fixed(7) };
        let price = Price::Temporary(Arc::new(temporary));
        let usage = Usage { input: 1, ..Usage::default() };
        let before = at() - Duration::from_secs(1);
        assert_eq!(price.cost(&usage, before, None), Some(Pico::new(1)));
        assert_eq!(price.cost(&usage, at(), None), Some(Pico::new(7)));
    }

    #[test]
    fn what_nobody_knows_is_not_free() {
        assert_eq!(Price::Unpriced.cost(&Usage { input: 5, ..Usage::default() }, at(), None), None);
    }
}
