//! The catalogue's data: prices as decimal text, and when each counts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::CatalogueError;
use crate::domain::UnitPrice;
use crate::domain::unit_price::Published;

macro_rules! keys {
    ($($name:ident = $word:literal per $per:literal,)*) => {
        /// What a price is for, among those that our buckets of usage can tell apart.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Key { $($name,)* Nothing }

        const KEYS: &[(&str, u32)] = &[$(($word, $per),)*];
    };
}

keys! {
    Input = "input_mtok" per 1_000_000,
    CacheRead = "cache_read_mtok" per 1_000_000,
    CacheWrite = "cache_write_mtok" per 1_000_000,
    CacheWrite5m = "cache_write_5m_mtok" per 1_000_000,
    CacheWrite1h = "cache_write_1h_mtok" per 1_000_000,
    InputAudio = "input_audio_mtok" per 1_000_000,
    InputImage = "input_image_mtok" per 1_000_000,
    Output = "output_mtok" per 1_000_000,
    OutputReasoning = "output_reasoning_mtok" per 1_000_000,
    OutputAudio = "output_audio_mtok" per 1_000_000,
    Requests = "requests_kcount" per 1_000,
    WebSearches = "web_searches_kcount" per 1_000,
}

const COUNT: usize = Key::Nothing as usize;

pub(super) struct Provider {
    /// Whose models it sells besides its own.
    pub(super) fallbacks: Vec<String>,
    pub(super) models: HashMap<String, Arc<Listing>>,
}

/// What is listed for one model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// The last that is active counts; there is at least one.
    standard: Vec<(Option<Active>, PriceSet)>,
    variants: Vec<Variant>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Variant {
    when: BTreeMap<String, String>,
    active: Option<Active>,
    prices: PriceSet,
}

type PriceSet = [Option<Tiered>; COUNT];

/// A price, and other ones for longer prompts.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Tiered {
    base: UnitPrice,
    /// From more than so many prompt tokens on, in rising order.
    steps: Vec<(u64, UnitPrice)>,
}

impl Tiered {
    fn at(&self, prompt_tokens: u64) -> UnitPrice {
        let step = self.steps.iter().rev().find(|(start, _)| prompt_tokens > *start);
        step.map_or(self.base, |(_, price)| *price)
    }
}

/// When a price counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Active {
    /// From this second since 1970 on.
    From(i64),
    /// Between two seconds of the day in UTC, over midnight if the second comes first.
    Hours(i64, i64),
}

impl Active {
    fn holds(self, second: i64) -> bool {
        match self {
            Active::From(start) => second >= start,
            Active::Hours(start, end) => {
                let now = second.rem_euclid(86_400);
                if end < start { now >= start || now < end } else { (start..end).contains(&now) }
            }
        }
    }
}

/// One price, by the catalogue's word for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Listed {
    /// The catalogue's key, such as `input_mtok`.
    pub key: &'static str,
    /// For how many units it is.
    pub per: u32,
    /// USD for a million units.
    #[serde(skip)]
    pub price: UnitPrice,
}

/// The prices that count for one request.
pub(super) struct Prices<'a>([Option<&'a Tiered>; COUNT]);

impl Prices<'_> {
    /// The price under the first of these keys that has one.
    pub(super) fn first(&self, keys: &[Key], prompt_tokens: u64) -> Option<UnitPrice> {
        keys.iter().find_map(|key| match key {
            Key::Nothing => Some(UnitPrice::default()),
            key => self.0[*key as usize].map(|tiered| tiered.at(prompt_tokens)),
        })
    }

    /// The lengths of prompts above which some price is another.
    pub(super) fn thresholds(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flatten().flat_map(|tiered| tiered.steps.iter().map(|(start, _)| *start))
    }

    pub(super) fn listed(&self, prompt_tokens: u64) -> Vec<Listed> {
        let with_key = KEYS.iter().zip(self.0);
        with_key
            .filter_map(|((key, per), tiered)| Some(Listed { key, per: *per, price: tiered?.at(prompt_tokens) }))
            .collect()
    }
}

impl Listing {
    /// What counts at this time and in these circumstances.
    pub(super) fn at(&self, at: SystemTime, context: &[(&str, &str)]) -> Prices<'_> {
        let second = match at.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX) - 1,
        };
        let holds = |active: Option<Active>| active.is_none_or(|active| active.holds(second));
        let standard = self.standard.iter().rev().find(|(active, _)| holds(*active)).or(self.standard.first());
        let mut prices = [None; COUNT];
        if let Some((_, set)) = standard {
            prices = set.each_ref().map(Option::as_ref);
        }
        let mut is_set = [false; COUNT];
        for variant in &self.variants {
            let fits = |(key, value): (&String, &String)| context.contains(&(key.as_str(), value.as_str()));
            if context.is_empty() || !holds(variant.active) || !variant.when.iter().all(fits) {
                continue;
            }
            for (place, price) in variant.prices.iter().enumerate() {
                if let (Some(price), false) = (price, is_set[place]) {
                    (prices[place], is_set[place]) = (Some(price), true);
                }
            }
        }
        Prices(prices)
    }

    /// One moment for each set of prices that counts at `at` or later: now, from each later date on, and at each hour at
    /// which a price changes.
    pub(super) fn moments(&self, at: SystemTime) -> Vec<SystemTime> {
        const DAY: u64 = 86_400;
        let now = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut bases = vec![now];
        let mut seconds = Vec::new();
        let conditions = self.standard.iter().map(|(active, _)| active);
        for active in conditions.chain(self.variants.iter().map(|variant| &variant.active)).flatten() {
            match *active {
                Active::From(start) => bases.extend(u64::try_from(start).ok().filter(|start| *start > now)),
                Active::Hours(start, end) => {
                    seconds.extend([start, end].into_iter().filter_map(|second| u64::try_from(second).ok()));
                }
            }
        }
        let hours = bases.iter().flat_map(|base| {
            // The first time after it at which a clock in UTC shows this second of the day.
            seconds.iter().map(move |second| base + (second + DAY - base % DAY) % DAY)
        });
        let moments = hours.collect::<Vec<_>>().into_iter().chain(bases.iter().copied());
        moments.map(|second| UNIX_EPOCH + std::time::Duration::from_secs(second)).collect()
    }

    /// The service tiers that have prices of their own.
    pub(super) fn service_tiers(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().flat_map(|variant| {
            let batch = variant.when.get("processing").filter(|word| *word == "batch");
            variant.when.get("service_tier").or(batch).map(String::as_str)
        })
    }

    /// Every price in it with the words for where it stands, for a check of magnitudes.
    pub fn all(&self) -> impl Iterator<Item = Listed> {
        let sets = self.standard.iter().map(|(_, set)| set).chain(self.variants.iter().map(|variant| &variant.prices));
        sets.flat_map(|set| KEYS.iter().zip(set)).flat_map(|((key, per), tiered)| {
            let prices = tiered
                .iter()
                .flat_map(|tiered| std::iter::once(tiered.base).chain(tiered.steps.iter().map(|(_, price)| *price)));
            prices.map(|price| Listed { key, per: *per, price })
        })
    }
}

#[derive(Deserialize)]
struct RawProvider<'a> {
    id: String,
    #[serde(default)]
    fallback_model_providers: Option<Vec<String>>,
    #[serde(borrow)]
    models: Vec<RawModel<'a>>,
}

#[derive(Deserialize)]
struct RawModel<'a> {
    id: String,
    #[serde(borrow)]
    prices: &'a RawValue,
    #[serde(default)]
    price_variants: Option<Vec<RawVariant>>,
}

#[derive(Deserialize)]
struct RawVariant {
    when: BTreeMap<String, String>,
    prices: BTreeMap<String, Published>,
    #[serde(default)]
    constraint: Option<RawConstraint>,
}

#[derive(Deserialize)]
struct RawConditional {
    prices: BTreeMap<String, Published>,
    #[serde(default)]
    constraint: Option<RawConstraint>,
}

#[derive(Deserialize)]
struct RawConstraint {
    #[serde(default)]
    start_date: Option<String>,
    #[serde(default)]
    start_time: Option<String>,
    #[serde(default)]
    end_time: Option<String>,
}

#[derive(Deserialize)]
struct RawTiered {
    base: Published,
    tiers: Vec<RawStep>,
}

#[derive(Deserialize)]
struct RawStep {
    start: Published,
    price: Published,
}

/// Reads what has the crate's word that it is a catalogue.
pub(super) fn read(json: &[u8]) -> Result<HashMap<String, Provider>, CatalogueError> {
    let raw: Vec<RawProvider<'_>> = serde_json::from_slice(json)?;
    let mut providers = HashMap::with_capacity(raw.len());
    for provider in raw {
        let mut models = HashMap::with_capacity(provider.models.len());
        for model in provider.models {
            let place = format!("{}/{}", provider.id, model.id);
            let wrong = |what| CatalogueError::Price { place, what };
            let listing = listing(&model).map_err(wrong)?;
            models.insert(model.id, Arc::new(listing));
        }
        let fallbacks = provider.fallback_model_providers.unwrap_or_default();
        providers.insert(provider.id, Provider { fallbacks, models });
    }
    Ok(providers)
}

fn listing(model: &RawModel<'_>) -> Result<Listing, String> {
    let prices = model.prices.get();
    let standard = if prices.starts_with('[') {
        let raw: Vec<RawConditional> = serde_json::from_str(prices).map_err(|error| error.to_string())?;
        let set = |one: &RawConditional| Ok((active(one.constraint.as_ref())?, price_set(&one.prices)?));
        raw.iter().map(set).collect::<Result<Vec<_>, String>>()?
    } else {
        let raw = serde_json::from_str(prices).map_err(|error| error.to_string())?;
        vec![(None, price_set(&raw)?)]
    };
    let variant = |raw: &RawVariant| -> Result<Variant, String> {
        let active = active(raw.constraint.as_ref())?;
        Ok(Variant { when: raw.when.clone(), active, prices: price_set(&raw.prices)? })
    };
    let variants = model.price_variants.iter().flatten().map(variant).collect::<Result<_, _>>()?;
    Ok(Listing { standard, variants })
}

/// The prices that our usage can ask for; others (hours of sound, pages) have no bucket here.
fn price_set(raw: &BTreeMap<String, Published>) -> Result<PriceSet, String> {
    let mut set = [const { None }; COUNT];
    for (place, (key, per)) in KEYS.iter().enumerate() {
        if let Some(published) = raw.get(*key).filter(|published| published.text() != "null") {
            set[place] = Some(tiered(published.text(), *per).map_err(|what| format!("`{key}`: {what}"))?);
        }
    }
    Ok(set)
}

fn tiered(text: &str, per: u32) -> Result<Tiered, String> {
    let price = |text: &str| {
        UnitPrice::parse(text, per)
            .ok_or_else(|| format!("`{text}` is no price: a number from 0 with at most 18 decimals"))
    };
    if !text.starts_with('{') {
        return Ok(Tiered { base: price(text)?, steps: Vec::new() });
    }
    let raw: RawTiered = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let step = |raw: &RawStep| {
        let start = raw.start.text().trim_end_matches(".0").parse::<u64>();
        Ok((start.map_err(|_| format!("a tier cannot start at `{}`", raw.start.text()))?, price(raw.price.text())?))
    };
    let mut steps = raw.tiers.iter().map(step).collect::<Result<Vec<_>, String>>()?;
    steps.sort_by_key(|(start, _)| *start);
    Ok(Tiered { base: price(raw.base.text())?, steps })
}

fn active(raw: Option<&RawConstraint>) -> Result<Option<Active>, String> {
    let Some(raw) = raw else { return Ok(None) };
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    match (text(&raw.start_date), text(&raw.start_time), text(&raw.end_time)) {
        (Some(date), None, None) => {
            let day: jiff::civil::Date = date.parse().map_err(|_| format!("`{date}` is no date"))?;
            let start = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| error.to_string())?;
            Ok(Some(Active::From(start.timestamp().as_second())))
        }
        (None, Some(start), Some(end)) => Ok(Some(Active::Hours(second_of_day(&start)?, second_of_day(&end)?))),
        _ => Err("a condition that this version does not know".to_owned()),
    }
}

/// A time of day such as `16:30:00Z` or `08:00:00+08:00`, in UTC.
fn second_of_day(text: &str) -> Result<i64, String> {
    let moment: jiff::Timestamp = format!("2000-01-02T{text}").parse().map_err(|_| format!("`{text}` is no time"))?;
    Ok(moment.as_second().rem_euclid(86_400))
}
