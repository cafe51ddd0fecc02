//! What differs between two catalogues.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use serde::Serialize;

use crate::config::Config;
use crate::domain::{Catalogue, CataloguePrice, Listing, Price};

/// What differs.
#[derive(Debug, Default, Serialize)]
pub(super) struct Difference {
    /// Models of the endpoints.
    pub in_use: Vec<InUse>,
    /// Models that are new.
    pub added: usize,
    /// Models that are there no more.
    pub removed: usize,
    /// Models with another price, now or at another time.
    pub changed: usize,
    /// Providers that are new.
    pub providers_added: Vec<String>,
    /// Providers that are there no more.
    pub providers_removed: Vec<String>,
}

/// What changes for one endpoint.
#[derive(Debug, Serialize)]
pub(super) struct InUse {
    /// The endpoint.
    pub endpoint: String,
    /// Its provider and model in the catalogue.
    pub model: String,
    /// Whether the new catalogue does not know it, so that it would be unpriced.
    pub removed: bool,
    /// Prices of today that change, by their key: from what to what, in USD for a million units.
    pub prices: BTreeMap<&'static str, (Option<String>, Option<String>)>,
    /// Whether a price for other times, lengths or tiers of service changes.
    pub others_change: bool,
    /// The price that is off by a factor of 1000 or more: a slip of the decimal point, and no change of price.
    pub implausible: Option<&'static str>,
}

impl Difference {
    /// Whether nothing differs.
    pub(super) fn is_none(&self) -> bool {
        self.added + self.removed + self.changed == 0
    }
}

type Listings<'a> = HashMap<(&'a str, &'a str), &'a Listing>;

fn listings(catalogue: &Catalogue) -> Listings<'_> {
    catalogue.listings().map(|(provider, model, listing)| ((provider, model), listing)).collect()
}

/// What differs for this configuration.
pub(super) fn compare(config: &Config, new: &Catalogue, now: SystemTime) -> Difference {
    let (before, after) = (listings(&config.catalogue), listings(new));
    let gone = |one: &[&str], other: &[&str]| {
        one.iter().filter(|id| !other.contains(id)).map(|id| (*id).to_owned()).collect::<Vec<_>>()
    };
    let (old_ids, new_ids) = (config.catalogue.provider_ids(), new.provider_ids());
    Difference {
        in_use: in_use(config, new, now),
        added: after.keys().filter(|key| !before.contains_key(*key)).count(),
        removed: before.keys().filter(|key| !after.contains_key(*key)).count(),
        changed: after.iter().filter(|(key, listing)| before.get(*key).is_some_and(|known| known != *listing)).count(),
        providers_added: gone(&new_ids, &old_ids),
        providers_removed: gone(&old_ids, &new_ids),
    }
}

/// The catalogue's price under an endpoint's, whether or not another was agreed.
fn listed(price: &Price) -> Option<&CataloguePrice> {
    match price {
        Price::Catalogue(price) => Some(price),
        Price::Temporary(temporary) => listed(&temporary.price).or(listed(&temporary.afterwards)),
        Price::Fixed(_) | Price::Unpriced => None,
    }
}

fn in_use(config: &Config, new: &Catalogue, now: SystemTime) -> Vec<InUse> {
    let mut changes = Vec::new();
    for target in config.rules.endpoints() {
        let Some(before) = listed(&target.price) else { continue };
        let after = new.find(before.provider(), &target.model, now);
        let of = |price: &CataloguePrice| -> BTreeMap<&'static str, _> {
            price.listed(now, None, 1).into_iter().map(|listed| (listed.key, listed.price)).collect()
        };
        let (old, newer) = (of(before), after.as_ref().map(of).unwrap_or_default());
        let keys = old.keys().chain(newer.keys()).copied().filter(|key| old.get(key) != newer.get(key));
        let prices: BTreeMap<_, _> = keys
            .map(|key| (key, (old.get(key).map(ToString::to_string), newer.get(key).map(ToString::to_string))))
            .collect();
        let implausible = newer.iter().find(|(key, price)| {
            let before = old.get(*key).map_or(0.0, |price| price.usd_per_million());
            let ratio = price.usd_per_million() / before;
            before > 0.0 && price.usd_per_million() > 0.0 && !(0.001..1000.0).contains(&ratio)
        });
        let undiscounted = before.clone().discounted(crate::domain::Discount::NONE);
        let others_change = prices.is_empty() && after.as_ref().is_some_and(|after| *after != undiscounted);
        if after.is_none() || !prices.is_empty() || others_change {
            changes.push(InUse {
                endpoint: target.name.to_string(),
                model: format!("{}/{}", before.provider(), before.model()),
                removed: after.is_none(),
                prices: if after.is_none() { BTreeMap::new() } else { prices },
                others_change,
                implausible: implausible.map(|(key, _)| *key),
            });
        }
    }
    changes
}
