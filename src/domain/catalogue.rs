//! The price catalogue: the data of the `genai-prices` crate, and its decimals as they are published.
//!
//! The crate finds providers and models; what it computes passes through floats. So the same data is read here a second
//! time, price by price as decimal text, and costs are whole arithmetic.

mod data;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use genai_prices::{Calculator, PriceRequest, UsageKey};

pub use data::{Listed, Listing};

use super::unit_price::Charge;
use super::{Ceiling, Discount, Pico, Step, UnitPrice, Usage};
use data::{Key, Prices};

/// The catalogue that is built in, and which it is.
const BUNDLED: &[u8] = include_bytes!("../../data/prices.json");
const BUNDLED_VERSION: &str = "genai-prices 0.2.1";

static BUILT_IN: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let catalogue = Catalogue::parse(BUNDLED, BUNDLED_VERSION);
    Arc::new(catalogue.expect("the catalogue that is built in was read by the tests"))
});

/// A price catalogue, whole.
pub struct Catalogue {
    calculator: Calculator,
    providers: HashMap<String, data::Provider>,
    version: Arc<str>,
}

/// Why a file is no price catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It is not in the format of `genai-prices`.
    #[error("it is no catalogue in the format of genai-prices, version 2: {0}")]
    Format(#[from] genai_prices::Error),
    /// A price cannot be read exactly.
    #[error("{place}: {what}")]
    Price {
        /// The provider and the model.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// It is not JSON of the expected shape.
    #[error("it is no price catalogue: {0}")]
    Json(#[from] serde_json::Error),
}

impl Catalogue {
    /// The one that is built in.
    pub fn bundled() -> Arc<Self> {
        Arc::clone(&BUILT_IN)
    }

    /// From the data that `genai-prices` publishes, as JSON.
    ///
    /// # Errors
    /// If it is something else, or a price in it cannot be read exactly.
    pub fn parse(json: &[u8], version: &str) -> Result<Self, CatalogueError> {
        let calculator = Calculator::from_json(json)?;
        Ok(Self { calculator, providers: data::read(json)?, version: version.into() })
    }

    /// Which it is.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The ids of the providers it knows.
    pub fn provider_ids(&self) -> Vec<&str> {
        self.calculator.providers().map(|provider| provider.id()).collect()
    }

    /// The id of the provider that has this name or alias.
    pub fn provider_named(&self, name: &str) -> Option<&str> {
        self.calculator.find_provider(Some(name), None).ok().flatten().map(|provider| provider.id())
    }

    /// The id of the provider at this address.
    pub fn provider_at(&self, url: &str) -> Option<&str> {
        self.calculator.find_provider(None, Some(url)).ok().flatten().map(|provider| provider.id())
    }

    /// Every model's prices: the provider's id, the model's, and what is listed.
    pub fn listings(&self) -> impl Iterator<Item = (&str, &str, &Listing)> {
        self.providers.iter().flat_map(|(provider, listed)| {
            listed.models.iter().map(move |(model, prices)| (provider.as_str(), model.as_str(), &**prices))
        })
    }

    /// The price of `model` at `provider`, or `None` if the catalogue has none for its prompt tokens.
    pub fn find(&self, provider: &str, model: &str, at: SystemTime) -> Option<CataloguePrice> {
        let usage = [(UsageKey::INPUT_TOKENS, 1000.0)].into_iter().collect();
        let request = PriceRequest::new(model, &usage).with_provider_id(provider).with_timestamp(at);
        let found = self.calculator.calculate(&request).ok()?;
        let selected = self.providers.get(&found.provider_id)?;
        // Where a provider sells another's models, the other's prices count; which of them it is the id alone does not
        // tell, the price does.
        let lenders = selected.fallbacks.iter().filter_map(|id| self.providers.get(id)).map(|lender| (lender, false));
        let candidates = std::iter::once((selected, true)).chain(lenders);
        let (listing, own) = candidates
            .filter_map(|(provider, own)| Some((provider.models.get(&found.model_id)?, own)))
            .find(|(listing, _)| {
                let exact = listing.at(at, &[]).input_price(1000).map_or(0.0, |price| price.usd_per_million() / 1000.0);
                (exact - found.input_price).abs() <= 1e-9 * exact.max(found.input_price)
            })?;
        listing.at(at, &[]).input_price(1)?;
        let context_window = self
            .calculator
            .providers()
            .filter(|provider| *provider.id() == *found.provider_id)
            .flat_map(|provider| provider.models())
            .find(|entry| *entry.id() == *found.model_id)
            .and_then(|entry| entry.context_window());
        Some(CataloguePrice {
            listing: Arc::clone(listing),
            has_variants: own,
            discount: Discount::NONE,
            provider: found.provider_id.into(),
            model: found.model_id.into(),
            context_window,
        })
    }

    /// What the catalogue's own crate computes: in floats, for comparison only.
    #[cfg(test)]
    fn in_floats(&self, provider: &str, model: &str, usage: &Usage, at: SystemTime, tier: Option<&str>) -> Option<f64> {
        let written = usage.cache_write_5m + usage.cache_write_1h;
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
            (UsageKey::WEB_SEARCHES, usage.web_searches),
        ];
        let reported: genai_prices::Usage =
            buckets.into_iter().filter(|(_, units)| *units > 0).map(|(key, units)| (key, units as f64)).collect();
        let mut request = PriceRequest::new(model, &reported).with_provider_id(provider).with_timestamp(at);
        for (key, value) in context(tier) {
            request = request.with_price_context(key, value);
        }
        self.calculator.calculate(&request).ok().map(|price| price.total_price)
    }
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Catalogue({})", self.version)
    }
}

/// A model's place in the catalogue: tiers by context length, prices of caches, prices that depend on the date or the
/// hour, service tiers.
#[derive(Clone)]
pub struct CataloguePrice {
    listing: Arc<Listing>,
    /// Prices of service tiers are those of who sells the model, not of whom it is borrowed from.
    has_variants: bool,
    discount: Discount,
    provider: Arc<str>,
    model: Arc<str>,
    context_window: Option<u64>,
}

impl CataloguePrice {
    /// The provider's id in the catalogue.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The model's id in the catalogue, which stands for all its dated names.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// How many tokens of prompt and answer the model holds, where the catalogue says.
    pub fn context_window(&self) -> Option<u64> {
        self.context_window
    }

    /// What is taken off it.
    pub fn discount(&self) -> Discount {
        self.discount
    }

    /// The same with so much taken off.
    #[must_use]
    pub fn discounted(self, discount: Discount) -> Self {
        Self { discount, ..self }
    }

    /// What is listed for a unit of each kind at this time, in a request with so many prompt tokens.
    pub fn listed(&self, at: SystemTime, service_tier: Option<&str>, prompt_tokens: u64) -> Vec<Listed> {
        self.prices(at, service_tier).listed(prompt_tokens)
    }

    pub(super) fn cost(&self, usage: &Usage, at: SystemTime, service_tier: Option<&str>) -> Option<Pico> {
        let prices = self.prices(at, service_tier);
        let total = usage.total_input();
        let mut charge = Charge::default();
        for (units, keys) in buckets(usage) {
            if units > 0 {
                charge.add(units, prices.first(keys, total)?);
            }
        }
        if let Some(each) = prices.first(&[Key::Requests], total) {
            charge.add(1, each);
        }
        Some(charge.rounded(self.discount))
    }

    /// An upper bound of what tokens cost from `at` on; with `any_tier` under whatever service tier.
    pub(super) fn ceiling(&self, at: SystemTime, any_tier: bool) -> Ceiling {
        // Answers name the usual tier as well, and the cheaper ones.
        let named = self.listing.service_tiers().filter(|tier| any_tier || !is_dear(tier)).map(Some);
        let tiers: Vec<Option<&str>> = std::iter::once(None).chain(named).collect();
        let moments = self.listing.moments(at);
        let each = || moments.iter().flat_map(|at| tiers.iter().map(|tier| self.prices(*at, *tier)));
        let dearest = |above: u64, prompt: u64| {
            let step = |prices: Prices<'_>| self.dearest(&prices, prompt);
            each()
                .map(step)
                .fold(Step { above, ..Step::default() }, |dearest, step| dearest.max(Step { above, ..step }))
        };
        let thresholds: Vec<u64> = each().flat_map(|prices| prices.thresholds().collect::<Vec<_>>()).collect();
        let longer = thresholds.into_iter().map(|above| dearest(above, above.saturating_add(1)));
        Ceiling::of_steps(dearest(0, 1), longer.collect())
    }

    /// The dearest bucket of a prompt and of an answer.
    fn dearest(&self, prices: &Prices<'_>, prompt_tokens: u64) -> Step {
        let price = |keys: &[Key]| prices.first(keys, prompt_tokens).map_or(0, |price| price.ceil_pico(self.discount));
        let all = buckets(&Usage::default()).map(|(_, keys)| keys);
        let dearest = |keys: &[&'static [Key]]| keys.iter().map(|keys| price(keys)).max().unwrap_or(0);
        Step {
            above: 0,
            input: dearest(&all[INPUTS]),
            output: dearest(&all[OUTPUTS]),
            request: price(&[Key::Requests]),
        }
    }

    fn prices(&self, at: SystemTime, service_tier: Option<&str>) -> Prices<'_> {
        let context = if self.has_variants { context(service_tier) } else { Vec::new() };
        self.listing.at(at, &context)
    }
}

/// The buckets of usage, and under which keys each is priced: the first that has a price counts, for what has none of its
/// own costs what the wider bucket costs. A model that lists no price for its answers (embeddings) charges none.
///
/// First those of a prompt, then those of an answer.
fn buckets(usage: &Usage) -> [(u64, &'static [Key]); 10] {
    [
        (usage.input, &[Key::Input]),
        (usage.cache_read, &[Key::CacheRead, Key::Input]),
        (usage.cache_write_5m, &[Key::CacheWrite5m, Key::CacheWrite, Key::Input]),
        (usage.cache_write_1h, &[Key::CacheWrite1h, Key::CacheWrite, Key::Input]),
        (usage.audio_input, &[Key::InputAudio, Key::Input]),
        (usage.image, &[Key::InputImage, Key::Input]),
        (usage.output, &[Key::Output, Key::Nothing]),
        (usage.reasoning, &[Key::OutputReasoning, Key::Output, Key::Nothing]),
        (usage.audio_output, &[Key::OutputAudio, Key::Output, Key::Nothing]),
        (usage.web_searches, &[Key::WebSearches]),
    ]
}

/// Where the buckets of a prompt stand among them, and where those of an answer.
const INPUTS: std::ops::Range<usize> = 0..6;
const OUTPUTS: std::ops::Range<usize> = 6..9;

/// Whether a service tier costs more than the usual one, as providers call it.
fn is_dear(tier: &str) -> bool {
    matches!(tier, "priority" | "fast")
}

/// The circumstances that choose among prices: what providers call a tier of service, and that batches are told as one.
fn context(service_tier: Option<&str>) -> Vec<(&'static str, &str)> {
    let Some(tier) = service_tier else { return Vec::new() };
    let batch = (tier == "batch").then_some(("processing", "batch"));
    std::iter::once(("service_tier", tier)).chain(batch).collect()
}

impl std::fmt::Debug for CataloguePrice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CataloguePrice({}/{})", self.provider, self.model)
    }
}

impl PartialEq for CataloguePrice {
    fn eq(&self, other: &Self) -> bool {
        let of = |price: &Self| (price.discount, price.has_variants);
        of(self) == of(other) && (Arc::ptr_eq(&self.listing, &other.listing) || self.listing == other.listing)
    }
}

impl Prices<'_> {
    fn input_price(&self, prompt_tokens: u64) -> Option<UnitPrice> {
        self.first(&[Key::Input], prompt_tokens).or_else(|| self.first(&[Key::Requests], prompt_tokens))
    }
}

#[cfg(test)]
mod tests;
