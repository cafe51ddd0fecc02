//! What an endpoint's tokens cost: set in the file, agreed for a time, or known to the catalogue.

mod agreed;
mod dearest;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::Uri;
use sha2::{Digest, Sha256};

use super::{CheckedEndpoint, Checker};
use crate::config::located::Located;
use crate::config::problem::quoted;
use crate::config::raw::{RawEndpoint, RawPrice};
use crate::domain::{Catalogue, CataloguePrice, Price, Rates, Temporary, UnitPrice, Usage};
use agreed::Agreed;

/// Where prices come from.
#[derive(Default)]
pub(in crate::config) struct Prices {
    /// The catalogue that the file names, once it was read.
    catalogue: Option<Arc<Catalogue>>,
    /// Prices that differ from it, in order: the first that fits counts.
    agreed: Vec<Agreed>,
}

impl Prices {
    /// The catalogue that counts.
    pub(super) fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.clone().unwrap_or_else(Catalogue::bundled)
    }
}

/// What the catalogue knows of an endpoint.
pub(super) struct Known {
    pub(super) provider: String,
    pub(super) price: Option<CataloguePrice>,
}

impl Checker<'_, '_> {
    pub(super) fn known(&mut self, raw: &RawEndpoint, url: &Uri, model: &str) -> Option<Known> {
        let catalogue = self.prices.catalogue();
        let provider = match &raw.provider {
            Some(name) => self.provider(&catalogue, name)?,
            None => catalogue.provider_at(&url.to_string())?.to_owned(),
        };
        let price = catalogue.find(&provider, model, self.surroundings.now);
        Some(Known { provider, price })
    }

    /// A provider's id in the catalogue.
    fn provider(&mut self, catalogue: &Catalogue, written: &Located<String>) -> Option<String> {
        let found = catalogue.provider_named(written).map(str::to_owned);
        if found.is_none() {
            let message = format!("`provider` cannot be `{}`", written.value());
            let hint = format!("the catalogue has {}", quoted(catalogue.provider_ids()));
            self.findings.error(written.span(), message).hint(hint);
        }
        found
    }

    pub(super) fn price(
        &mut self,
        raw: &RawEndpoint,
        known: Option<&Known>,
        subject: &str,
        name: Range<usize>,
    ) -> Price {
        let listed = known.and_then(|known| known.price.as_ref());
        let otherwise = listed.cloned().map_or(Price::Unpriced, Price::Catalogue);
        if let Some(price) = &raw.price {
            return self.set_price(price, listed, otherwise, subject);
        }
        let model = raw.model.as_ref().map_or("", |model| model.as_str());
        if let Some(agreed) = known.and_then(|known| self.prices.agreed_for(known, model)) {
            return agreed.applied_to(otherwise);
        }
        if !otherwise.is_known() && raw.url.is_some() && raw.model.is_some() {
            let message = format!("{subject} is unpriced: the catalogue does not know its model");
            let hint = "add `price = { input = …, output = … }` in USD for a million tokens, \
                        or `provider` if the catalogue files it under another";
            self.findings.warning(name, message).hint(hint);
        }
        otherwise
    }

    fn set_price(
        &mut self,
        raw: &Located<RawPrice>,
        listed: Option<&CataloguePrice>,
        otherwise: Price,
        subject: &str,
    ) -> Price {
        let subject = format!("`price` of {subject}");
        let Some(rates) = self.rates(raw, &subject) else { return Price::Unpriced };
        if let Some(listed) = listed {
            self.compare(raw, std::slice::from_ref(listed));
        }
        let Some(written) = &raw.valid_until else { return Price::Fixed(rates) };
        let Some(until) = self.moment(written, "valid_until") else { return Price::Unpriced };
        self.warn_if_over(written, until, &subject);
        let until = SystemTime::UNIX_EPOCH + Duration::from_millis(until);
        Price::Temporary(Arc::new(Temporary { until, price: Price::Fixed(rates), afterwards: otherwise }))
    }

    fn warn_if_over(&mut self, written: &Located<toml::value::Datetime>, until: u64, subject: &str) {
        if until <= self.surroundings.now_millis() {
            let message = format!("{subject} was valid until {}: the catalogue's price counts", written.value());
            self.findings.warning(written.span(), message).hint("set a new `valid_until`, or take it out");
        }
    }

    fn rates(&mut self, raw: &Located<RawPrice>, subject: &str) -> Option<Rates> {
        let mut rate = |written: Option<&Located<f64>>, key: &str| -> Option<u64> {
            let written = written?;
            let exact = UnitPrice::parse(&written.value().to_string(), 1_000_000).and_then(UnitPrice::to_pico);
            // 10,000 USD a million is a hundred times the dearest model there is.
            let good = exact.filter(|pico| *pico <= 10_000_000_000);
            if good.is_none() {
                self.findings
                    .error(written.span(), format!("`price.{key}` cannot be `{}`", written.value()))
                    .hint("prices are USD for a million tokens, from 0 to 10000, with at most 6 decimals");
            }
            good
        };
        let input = rate(raw.input.as_ref(), "input");
        let output = rate(raw.output.as_ref(), "output");
        let cache_read = rate(raw.cache_read.as_ref(), "cache_read");
        let cache_write = rate(raw.cache_write.as_ref(), "cache_write");
        self.required(raw.input.as_ref(), &raw.span(), "input", subject);
        self.required(raw.output.as_ref(), &raw.span(), "output", subject);
        let (input, output) = (input?, output?);
        Some(Rates {
            input,
            output,
            cache_read: cache_read.unwrap_or(input),
            cache_write: cache_write.unwrap_or(input),
        })
    }

    /// A price for a thousand tokens, or for one, written where one for a million belongs: off by so much from the
    /// nearest of those that it stands for.
    fn compare(&mut self, raw: &RawPrice, listed: &[CataloguePrice]) {
        let at = self.surroundings.now;
        let keys = [
            (&raw.input, "input", ["input_mtok", "input_mtok"]),
            (&raw.output, "output", ["output_mtok", "output_mtok"]),
            (&raw.cache_read, "cache_read", ["cache_read_mtok", "input_mtok"]),
            (&raw.cache_write, "cache_write", ["cache_write_mtok", "input_mtok"]),
        ];
        for (written, key, words) in keys {
            let Some(written) = written.as_ref().filter(|written| ***written > 0.0) else { continue };
            let of = |price: &CataloguePrice| {
                let prices = price.listed(at, None, 1);
                let found = words.iter().find_map(|word| prices.iter().find(|listed| listed.key == *word));
                found.map(|listed| listed.price.usd_per_million()).filter(|usd| *usd > 0.0)
            };
            let off = |usd: f64| (**written / usd).max(usd / **written);
            let nearest = listed.iter().filter_map(of).min_by(|one, other| off(*one).total_cmp(&off(*other)));
            if let Some(usd) = nearest.filter(|usd| off(*usd) >= 300.0) {
                let message = format!("`price.{key}` is `{}`, but the catalogue says {usd}", written.value());
                self.findings.error(written.span(), message).hint("prices are USD for a million tokens");
            }
        }
    }
}

/// The catalogue's version and, if the file sets prices, a digest of them: two entries of the ledger with the same
/// version were priced alike.
pub(super) fn version(catalogue: Arc<Catalogue>, endpoints: &[&CheckedEndpoint]) -> Arc<str> {
    let mut digest = Sha256::new();
    let mut any = false;
    for checked in endpoints {
        let told = told(&checked.endpoint.price);
        if !told.is_empty() {
            any = true;
            digest.update(format!("{}={told};", checked.endpoint.name));
        }
    }
    if !any {
        return Arc::clone(catalogue.version());
    }
    let hex: String = digest.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{}+{hex}", catalogue.version()).into()
}

/// What makes a price differ from the catalogue's; empty if nothing does.
fn told(price: &Price) -> String {
    match price {
        Price::Fixed(rates) => format!("{:?}", [rates.input, rates.cache_read, rates.cache_write, rates.output]),
        Price::Catalogue(price) if price.discount().millionths() > 0 => {
            format!("-{}", price.discount().millionths())
        }
        Price::Temporary(temporary) => {
            let millis = temporary.until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
            format!("{}<{millis}>{}", told(&temporary.price), told(&temporary.afterwards))
        }
        Price::Catalogue(_) | Price::Unpriced => String::new(),
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// How many tokens a request may have for its price to be tried out: prices step up at 100,000, 128,000, 200,000 or
/// 272,000.
const SIZES: [u64; 4] = [1, 110_000, 150_000, 2_000_000];

/// The price as plain rates, if it depends neither on how long a request is nor, for a year to come, on when it is made.
///
/// While deciding they are asked for every candidate; what was used is always priced by the price itself.
pub(super) fn flat(price: &Price, now: SystemTime) -> Option<Rates> {
    match price {
        Price::Fixed(rates) => return Some(*rates),
        Price::Unpriced => return None,
        Price::Catalogue(_) | Price::Temporary(_) => {}
    }
    let unit = |usage: Usage| u64::try_from(price.cost(&usage, now, None)?.get()).ok();
    let rates = Rates {
        input: unit(Usage { input: 1, ..Usage::default() })?,
        output: unit(Usage { output: 1, ..Usage::default() })?,
        cache_read: unit(Usage { cache_read: 1, ..Usage::default() })?,
        cache_write: unit(Usage { cache_write_5m: 1, ..Usage::default() })?,
    };
    let same = |usage: &Usage, at: SystemTime| price.cost(usage, at, None) == Some(rates.cost(usage));
    let sizes = SIZES.into_iter().all(|tokens| same(&Usage { input: tokens, output: tokens, ..Usage::default() }, now));
    let hours = (0..24).map(|hours| HOUR * hours);
    let weeks = (0..53).map(|weeks| HOUR * 24 * 7 * weeks);
    let sample = Usage { input: 1000, output: 1000, ..Usage::default() };
    let always = hours.chain(weeks).all(|later| same(&sample, now + later));
    (sizes && always).then_some(rates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_with_steps_or_hours_is_not_flat() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600);
        let catalogue = Catalogue::bundled();
        let (mut flats, mut others) = (0, 0);
        let sizes = [10, 100_000, 129_000, 250_000, 300_000, 1_000_000];
        for (provider, model, _) in catalogue.listings() {
            let Some(price) = catalogue.find(provider, model, now) else { continue };
            let price = Price::Catalogue(price);
            let Some(rates) = flat(&price, now) else {
                others += 1;
                continue;
            };
            flats += 1;
            for tokens in sizes {
                let usage = Usage { input: tokens, output: 77, ..Usage::default() };
                let at = now + HOUR * 13;
                assert_eq!(price.cost(&usage, at, None), Some(rates.cost(&usage)), "{provider} {model} {tokens}");
            }
        }
        assert!(flats > 100 && others > 0, "{flats} flat, {others} not");
    }
}
