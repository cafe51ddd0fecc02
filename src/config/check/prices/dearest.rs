//! What an endpoint's tokens cost at most, for budgets to reserve.

use super::Known;
use crate::config::check::{Checker, Declared};
use crate::config::located::Located;
use crate::config::raw::RawFile;
use crate::domain::{Ceiling, Price};
use crate::route::Ceilings;

impl Checker<'_, '_> {
    /// By its own price, or by the dearest of its provider's models if it is unpriced. `None`: nobody knows.
    pub(in crate::config::check) fn ceilings(&self, price: &Price, known: Option<&Known>) -> Option<Ceilings> {
        let now = self.surroundings.now;
        let of =
            |price: &Price| Some(Ceilings { usual: price.ceiling(now, false)?, any_tier: price.ceiling(now, true)? });
        of(price).or_else(|| {
            let provider = &known?.provider;
            let catalogue = self.prices.catalogue();
            let models: Vec<&str> =
                catalogue.listings().filter(|(id, _, _)| id == provider).map(|(_, model, _)| model).collect();
            let prices = models.into_iter().filter_map(|model| catalogue.find(provider, model, now));
            let dearer = |one: Ceilings, other: Ceilings| Ceilings {
                usual: Ceiling::or(&one.usual, &other.usual),
                any_tier: Ceiling::or(&one.any_tier, &other.any_tier),
            };
            prices.filter_map(|price| of(&Price::Catalogue(price))).reduce(dearer)
        })
    }

    /// Budgets cannot hold what nobody bounds.
    pub(in crate::config::check) fn unbounded(&mut self, file: &RawFile, declared: &Declared) {
        if file.budgets.is_empty() {
            return;
        }
        for written in file.endpoints.keys() {
            let Some(checked) = declared.endpoints.get(written.as_str()) else { continue };
            let target = &checked.target;
            let (message, hint) = if target.ceilings.is_none() {
                let message =
                    format!("budgets cannot hold requests to endpoint `{}`: nobody knows its price", target.name);
                (message, "nothing is reserved for them; add `price = { input = …, output = … }`")
            } else if target.context_window.or(target.max_output).is_none() {
                let message = format!(
                    "budgets cannot hold every request to endpoint `{}`: nobody knows how long its answers can be",
                    target.name
                );
                (message, "nothing is reserved for requests without `max_tokens`; add `max_output` or `context_window`")
            } else {
                continue;
            };
            self.findings.warning(Located::span(written), message).hint(hint);
        }
    }
}
