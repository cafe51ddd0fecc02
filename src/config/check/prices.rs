//! What an endpoint's tokens cost: set in the file, or known to the catalogue.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use genai_prices::{Calculator, PriceRequest, UsageKey};
use hyper::Uri;

use super::Checker;
use crate::config::located::Located;
use crate::config::problem::quoted;
use crate::config::raw::{RawEndpoint, RawPrice};
use crate::domain::{CataloguePrice, Pico, Price, Rates, Usage};

/// What the catalogue knows of an endpoint's model.
pub(super) struct Known {
    pub(super) price: CataloguePrice,
    pub(super) context_window: Option<u64>,
}

impl Checker<'_, '_> {
    pub(super) fn known(&mut self, raw: &RawEndpoint, url: &Uri, model: &str) -> Option<Known> {
        let catalogue = Calculator::bundled();
        let url = url.to_string();
        let named = raw.provider.as_ref();
        let provider = match named {
            Some(name) => catalogue.find_provider(Some(name), None),
            None => catalogue.find_provider(None, Some(&url)),
        };
        let provider = provider.ok().flatten();
        if let (Some(written), None) = (named, provider) {
            let ids: Vec<&str> = catalogue.providers().map(|provider| provider.id()).collect();
            let message = format!("`provider` cannot be `{}`", written.value());
            self.findings.error(written.span(), message).hint(format!("the catalogue has {}", quoted(ids)));
        }
        let provider = provider?;
        let price = CataloguePrice::find(catalogue, provider.id(), model, self.surroundings.now)?;
        let usage = [(UsageKey::INPUT_TOKENS, 1.0)].into_iter().collect();
        let found = catalogue.calculate(&PriceRequest::new(model, &usage).with_provider_id(provider.id())).ok();
        let entry = found.and_then(|found| provider.models().find(|entry| *entry.id() == *found.model_id));
        Some(Known { price, context_window: entry.and_then(|entry| entry.context_window()) })
    }

    pub(super) fn price(
        &mut self,
        raw: &RawEndpoint,
        known: Option<&Known>,
        subject: &str,
        name: Range<usize>,
    ) -> Price {
        match (&raw.price, known) {
            (Some(price), known) => self.set_price(price, known, subject),
            (None, Some(known)) => Price::Catalogue(known.price.clone()),
            (None, None) => {
                if raw.url.is_some() && raw.model.is_some() {
                    let message = format!("{subject} is unpriced: the catalogue does not know its model");
                    let hint = "add `price = { input = …, output = … }` in USD for a million tokens, \
                                or `provider` if the catalogue files it under another";
                    self.findings.warning(name, message).hint(hint);
                }
                Price::Unpriced
            }
        }
    }

    fn set_price(&mut self, raw: &Located<RawPrice>, known: Option<&Known>, subject: &str) -> Price {
        let mut rate = |written: Option<&Located<f64>>, key: &str| -> Option<u64> {
            let written = written?;
            let pico = (**written * 1e6).round();
            // 10,000 USD a million is a hundred times the dearest model there is.
            if !(0.0..=1e10).contains(&pico) {
                self.findings
                    .error(written.span(), format!("`price.{key}` cannot be `{}`", written.value()))
                    .hint("prices are USD for a million tokens, from 0 to 10000");
                return None;
            }
            Some(pico as u64)
        };
        let input = rate(raw.input.as_ref(), "input");
        let output = rate(raw.output.as_ref(), "output");
        let cache_read = rate(raw.cache_read.as_ref(), "cache_read");
        let cache_write = rate(raw.cache_write.as_ref(), "cache_write");
        let subject = format!("`price` of {subject}");
        self.required(raw.input.as_ref(), &raw.span(), "input", &subject);
        self.required(raw.output.as_ref(), &raw.span(), "output", &subject);
        let (Some(input), Some(output)) = (input, output) else { return Price::Unpriced };
        let rates =
            Rates { input, output, cache_read: cache_read.unwrap_or(input), cache_write: cache_write.unwrap_or(input) };
        if let Some(known) = known {
            self.compare(raw, known);
        }
        Price::Fixed(rates)
    }

    /// A price for a thousand tokens, or for one, written where one for a million belongs.
    fn compare(&mut self, raw: &RawPrice, known: &Known) {
        let at = self.surroundings.now;
        let listed = |usage: &Usage| Price::Catalogue(known.price.clone()).cost(usage, at, None);
        let input = listed(&Usage { input: 1, ..Usage::default() });
        let output = listed(&Usage { output: 1, ..Usage::default() });
        for (written, listed, key) in [(&raw.input, input, "input"), (&raw.output, output, "output")] {
            let (Some(written), Some(listed)) = (written, listed.filter(|listed| *listed > Pico::ZERO)) else {
                continue;
            };
            let ratio = **written * 1e6 / listed.get() as f64;
            if **written > 0.0 && !(1.0 / 300.0..300.0).contains(&ratio) {
                let listed = listed.get() as f64 / 1e6;
                let message = format!("`price.{key}` is `{}`, but the catalogue says {listed}", written.value());
                self.findings.error(written.span(), message).hint("prices are USD for a million tokens");
            }
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// How many tokens a request may have for its price to be tried out: prices step up at 128,000, 200,000 or 272,000.
const SIZES: [u64; 3] = [1, 150_000, 2_000_000];

/// The price as plain rates, if it depends neither on how long a request is nor, for a year to come, on when it is made.
///
/// Asking the catalogue takes two microseconds, which is more than all the rest of deciding. What was used is always
/// priced by the catalogue itself.
pub(super) fn flat(price: &Price, now: SystemTime) -> Option<Rates> {
    match price {
        Price::Fixed(rates) => return Some(*rates),
        Price::Unpriced => return None,
        Price::Catalogue(_) => {}
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
        let catalogue = Calculator::bundled();
        let (mut flats, mut others) = (0, 0);
        let sizes = [10, 100_000, 129_000, 250_000, 300_000, 1_000_000];
        for provider in catalogue.providers() {
            for model in provider.models() {
                let Some(price) = CataloguePrice::find(catalogue, provider.id(), model.id(), now) else { continue };
                let price = Price::Catalogue(price);
                let Some(rates) = flat(&price, now) else {
                    others += 1;
                    continue;
                };
                flats += 1;
                for tokens in sizes {
                    let usage = Usage { input: tokens, output: 77, ..Usage::default() };
                    let at = now + HOUR * 13;
                    assert_eq!(
                        price.cost(&usage, at, None),
                        Some(rates.cost(&usage)),
                        "{provider:?} {model:?} {tokens}"
                    );
                }
            }
        }
        assert!(flats > 100 && others > 0, "{flats} flat, {others} not");
    }
}
