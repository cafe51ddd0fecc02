//! The catalogue that the file names, and prices that were agreed with a provider.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Known, Prices};
use crate::config::check::Checker;
use crate::config::located::Located;
use crate::config::raw::{RawPriceOverride, RawPrices};
use crate::config::{Strictness, UnusableCatalogue};
use crate::domain::{Catalogue, CataloguePrice, Discount, Price, Rates, Temporary};

/// A price that differs from the catalogue's, for a time.
#[derive(Clone)]
pub(super) struct Agreed {
    provider: String,
    /// A model, or what all of them begin with.
    model: String,
    is_prefix: bool,
    until: SystemTime,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Discount(Discount),
    Rates(Rates),
}

impl Agreed {
    fn is_for(&self, provider: &str, model: &str) -> bool {
        let same = if self.is_prefix { model.starts_with(&*self.model) } else { model == self.model };
        same && self.provider == provider
    }

    /// The price as agreed; what it is taken off counts again afterwards.
    pub(super) fn applied_to(&self, listed: Price) -> Price {
        let price = match (self.what, &listed) {
            (What::Rates(rates), _) => Price::Fixed(rates),
            (What::Discount(discount), Price::Catalogue(price)) => Price::Catalogue(price.clone().discounted(discount)),
            // There is nothing to take it off.
            (What::Discount(_), _) => return listed,
        };
        Price::Temporary(Arc::new(Temporary { until: self.until, price, afterwards: listed }))
    }
}

impl Prices {
    /// What was agreed for an endpoint, by the name of its model that the file has or the catalogue.
    pub(super) fn agreed_for(&self, known: &Known, model: &str) -> Option<&Agreed> {
        let id = known.price.as_ref().map_or(model, CataloguePrice::model);
        self.agreed.iter().find(|agreed| agreed.is_for(&known.provider, model) || agreed.is_for(&known.provider, id))
    }
}

impl Checker<'_, '_> {
    pub(in crate::config::check) fn prices(&mut self, raw: &RawPrices) -> Prices {
        let catalogue = raw.catalogue.as_ref().and_then(|written| self.catalogue(written));
        let counts = catalogue.clone().unwrap_or_else(Catalogue::bundled);
        let agreed = raw.overrides.iter().filter_map(|one| self.agreed(one, &counts)).collect();
        Prices { catalogue, agreed }
    }

    fn catalogue(&mut self, written: &Located<String>) -> Option<Arc<Catalogue>> {
        if let Some(other) = &self.surroundings.catalogue {
            return Some(Arc::clone(other));
        }
        match crate::config::catalogue_of(&self.surroundings.path(written)) {
            Ok(catalogue) => Some(Arc::new(catalogue)),
            Err(UnusableCatalogue::Missing) if self.surroundings.strictness == Strictness::Check => {
                let message = format!("there is no `{}`: the catalogue that is built in counts", written.value());
                let hint = "`weighbridge prices update --from FILE|URL` writes it; `serve` does not start without it";
                self.findings.warning(written.span(), message).hint(hint);
                None
            }
            Err(error) => {
                let message = format!("the price catalogue `{}` cannot be used: {error}", written.value());
                let hint = "`weighbridge prices update --from FILE|URL` writes one; without `catalogue` the one that is \
                            built in counts";
                self.findings.error(written.span(), message).hint(hint);
                None
            }
        }
    }

    fn agreed(&mut self, raw: &Located<RawPriceOverride>, catalogue: &Catalogue) -> Option<Agreed> {
        let subject = "an override of prices";
        let span = raw.span();
        for (key, written) in [("reason", &raw.reason), ("owner", &raw.owner)] {
            let given = self.required(written.as_ref(), &span, key, subject);
            if let Some(empty) = given.filter(|given| given.trim().is_empty()) {
                self.findings.error(empty.span(), format!("`{key}` of {subject} is empty"));
            }
        }
        let provider = self.required(raw.provider.as_ref(), &span, "provider", subject);
        let provider = provider.and_then(|written| self.provider(catalogue, written));
        let until = self.required(raw.valid_until.as_ref(), &span, "valid_until", subject);
        let until = until.and_then(|written| {
            let until = self.moment(written, "valid_until")?;
            self.warn_if_over(written, until, subject);
            Some(SystemTime::UNIX_EPOCH + Duration::from_millis(until))
        });
        let pattern = raw.model.as_ref().map_or("*", |model| model.as_str());
        let (model, is_prefix) = pattern.strip_suffix('*').map_or((pattern, false), |prefix| (prefix, true));
        if let Some(written) = raw.model.as_ref().filter(|_| model.contains('*') || pattern.is_empty()) {
            let message = format!("`model` of {subject} cannot be `{pattern}`");
            self.findings.error(written.span(), message).hint("a model, or what all of them begin with and then `*`");
        }
        let (model, provider_id) = (model.to_owned(), provider.clone().unwrap_or_default());
        let meant = Agreed {
            provider: provider_id,
            model,
            is_prefix,
            until: SystemTime::UNIX_EPOCH,
            what: What::Discount(Discount::NONE),
        };
        let what = self.what(raw, subject, &meant, catalogue)?;
        Some(Agreed { provider: provider?, until: until?, what, ..meant })
    }

    fn what(
        &mut self,
        raw: &Located<RawPriceOverride>,
        subject: &str,
        meant: &Agreed,
        catalogue: &Catalogue,
    ) -> Option<What> {
        match (&raw.discount_percent, &raw.price) {
            (Some(percent), None) => {
                let discount = Discount::percent(**percent);
                if discount.is_none() {
                    let message = format!("`discount_percent` cannot be `{}`", percent.value());
                    self.findings.error(percent.span(), message).hint("above 0, at most 100, with at most 4 decimals");
                }
                discount.map(What::Discount)
            }
            (None, Some(price)) => {
                let rates = self.rates(price, &format!("`price` of {subject}"))?;
                let now = self.surroundings.now;
                let matching = catalogue.listings().filter(|(provider, model, _)| meant.is_for(provider, model));
                let listed = matching.filter_map(|(provider, model, _)| catalogue.find(provider, model, now));
                self.compare(price, &listed.collect::<Vec<_>>());
                Some(What::Rates(rates))
            }
            _ => {
                let message = format!("{subject} needs either `discount_percent` or `price`");
                self.findings.error(raw.span(), message);
                None
            }
        }
    }
}
