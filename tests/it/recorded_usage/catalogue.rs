//! The independent calculation: the catalogue's file read as text, fractions of whole numbers, one rounding.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Case;

/// A fraction; the denominator is a power of ten.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    numerator: u128,
    zeros: u32,
}

impl Amount {
    /// A number as it is printed, such as `0.075`.
    fn printed(text: &str) -> Self {
        assert!(text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'), "{text}");
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        Self { numerator: format!("{whole}{part}").parse().expect("digits"), zeros: part.len() as u32 }
    }

    fn times(self, units: u64) -> Self {
        Self { numerator: self.numerator * u128::from(units), ..self }
    }

    fn per(self, zeros: u32) -> Self {
        Self { zeros: self.zeros + zeros, ..self }
    }

    fn plus(self, other: Self) -> Self {
        let zeros = self.zeros.max(other.zeros);
        let widened = |amount: Self| amount.numerator * 10_u128.pow(zeros - amount.zeros);
        Self { numerator: widened(self) + widened(other), zeros }
    }

    /// Whole pico-dollars, half to even.
    pub fn rounded(amount: &Self) -> i128 {
        if amount.zeros <= 12 {
            return (amount.numerator * 10_u128.pow(12 - amount.zeros)) as i128;
        }
        let unit = 10_u128.pow(amount.zeros - 12);
        let (whole, rest) = (amount.numerator / unit, amount.numerator % unit);
        let up = rest * 2 > unit || (rest * 2 == unit && whole % 2 == 1);
        (whole + u128::from(up)) as i128
    }
}

#[derive(Deserialize)]
struct Provider {
    id: String,
    #[serde(default)]
    fallback_model_providers: Vec<String>,
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    prices: Box<RawValue>,
    #[serde(default)]
    price_variants: Vec<Variant>,
}

type Prices = BTreeMap<String, Box<RawValue>>;

#[derive(Deserialize)]
struct Variant {
    when: BTreeMap<String, String>,
    prices: Prices,
    #[serde(default)]
    constraint: Constraint,
}

#[derive(Deserialize)]
struct Conditional {
    prices: Prices,
    #[serde(default)]
    constraint: Constraint,
}

#[derive(Deserialize, Default)]
struct Constraint {
    start_date: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
}

#[derive(Deserialize)]
struct Stepped {
    base: Box<RawValue>,
    tiers: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    start: u64,
    price: Box<RawValue>,
}

impl Constraint {
    /// Dates and times of the same form compare as their texts do.
    fn holds(&self, now: u64) -> bool {
        let now = jiff::Timestamp::from_second(now as i64).expect("a time").to_string();
        let (date, time) = now.split_once('T').expect("a date and a time");
        let time = &time[..8];
        let between = |start: &str, end: &str| {
            assert!(start.ends_with('Z') && end.ends_with('Z'));
            let (start, end) = (&start[..8], &end[..8]);
            if end < start { time >= start || time < end } else { time >= start && time < end }
        };
        self.start_date.as_deref().is_none_or(|start| date >= start)
            && self.start_time.as_deref().zip(self.end_time.as_deref()).is_none_or(|(start, end)| between(start, end))
    }
}

/// The catalogue that is built in, as text.
pub struct Published(Vec<Provider>);

impl Published {
    pub fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/prices.json");
        Self(serde_json::from_slice(&std::fs::read(path).expect("the catalogue")).expect("JSON"))
    }

    fn model(&self, provider: &str, model: &str) -> &Model {
        let provider = self.0.iter().find(|known| known.id == provider).expect("a provider");
        let lenders = provider.fallback_model_providers.iter();
        let lenders = lenders.filter_map(|id| self.0.iter().find(|known| known.id == *id));
        let found = std::iter::once(provider).chain(lenders).flat_map(|one| &one.models).find(|one| one.id == model);
        found.expect("a model")
    }

    /// The price that counts under the first of these keys that has one, as printed, and for how many units.
    fn price(&self, model: &Model, keys: &[&str], now: u64, context: &[(&str, &str)], prompt: u64) -> Option<Amount> {
        let text = model.prices.get();
        let standard: Prices = if text.starts_with('[') {
            let all: Vec<Conditional> = serde_json::from_str(text).expect("prices");
            let first =
                all.iter().position(|one| one.constraint.start_date.is_none() && one.constraint.start_time.is_none());
            let last = all.iter().rposition(|one| one.constraint.holds(now)).or(first).expect("one that always holds");
            all.into_iter().nth(last).expect("there").prices
        } else {
            serde_json::from_str(text).expect("prices")
        };
        let holds = |variant: &&Variant| {
            let wanted = |(key, value): (&String, &String)| context.contains(&(key.as_str(), value.as_str()));
            !context.is_empty() && variant.when.iter().all(wanted) && variant.constraint.holds(now)
        };
        keys.iter().find_map(|key| {
            let of_variant = model.price_variants.iter().filter(holds).find_map(|variant| variant.prices.get(*key));
            let text = of_variant.or_else(|| standard.get(*key))?.get();
            let printed = match text.starts_with('{') {
                true => {
                    let stepped: Stepped = serde_json::from_str(text).expect("steps");
                    let above = stepped.tiers.iter().filter(|step| prompt > step.start).max_by_key(|step| step.start);
                    Amount::printed(above.map_or(stepped.base.get(), |step| step.price.get()))
                }
                false => Amount::printed(text),
            };
            Some(printed.per(if key.ends_with("_kcount") { 3 } else { 6 }))
        })
    }

    /// What a case costs, unrounded.
    pub fn cost(&self, provider: &str, model: &str, now: u64, context: &[(&str, &str)], case: &Case) -> Amount {
        let model = self.model(provider, model);
        let plain = case.text + case.of_tools;
        let prompt = plain + case.cached + case.written_5m + case.written_1h + case.sound + case.pictures;
        let parts: [(u64, &[&str]); 10] = [
            (plain, &["input_mtok"]),
            (case.cached, &["cache_read_mtok", "input_mtok"]),
            (case.written_5m, &["cache_write_5m_mtok", "cache_write_mtok", "input_mtok"]),
            (case.written_1h, &["cache_write_1h_mtok", "cache_write_mtok", "input_mtok"]),
            (case.sound, &["input_audio_mtok", "input_mtok"]),
            (case.pictures, &["input_image_mtok", "input_mtok"]),
            (case.answer, &["output_mtok"]),
            (case.thought, &["output_reasoning_mtok", "output_mtok"]),
            (case.spoken, &["output_audio_mtok", "output_mtok"]),
            (case.searches, &["web_searches_kcount"]),
        ];
        let request = self.price(model, &["requests_kcount"], now, context, prompt);
        let nothing = Amount { numerator: 0, zeros: 0 };
        parts.into_iter().filter(|(units, _)| *units > 0).fold(request.unwrap_or(nothing), |sum, (units, keys)| {
            let price = self.price(model, keys, now, context, prompt).unwrap_or(nothing);
            sum.plus(price.times(units))
        })
    }
}
