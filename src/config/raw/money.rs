//! Limits, budgets and prices as they are written.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::value::Datetime;

use super::super::located::Located;
use super::{RawPrice, choices};

/// Of whom something is counted. Nothing named: of everybody together. `"*"`: each has its own.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawScope {
    /// A key's name, or `"*"`.
    pub key: Option<Located<String>>,
    /// A person, or `"*"`.
    pub engineer: Option<Located<String>>,
    /// A team, or `"*"`.
    pub team: Option<Located<String>>,
    /// A feature, or `"*"`.
    pub feature: Option<Located<String>>,
    /// An endpoint, or `"*"`. Not for budgets.
    pub endpoint: Option<Located<String>>,
}

/// How often, how much and how many at once.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawLimit {
    /// Its name, told to whom it refuses.
    pub name: Option<Located<String>>,
    /// Who it is for: `{ team = "payments" }`; `{ engineer = "*" }` gives each engineer as much. Default: everybody
    /// together.
    #[serde(rename = "for")]
    pub whom: Option<Located<RawScope>>,
    /// Requests a minute.
    pub requests_per_minute: Option<Located<u32>>,
    /// Tokens a minute, of prompts and answers.
    pub tokens_per_minute: Option<Located<u32>>,
    /// Requests at once.
    pub concurrent: Option<Located<u32>>,
}

/// How much may be spent.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawBudget {
    /// Its name, told to whom it refuses.
    pub name: Option<Located<String>>,
    /// Who it is for: `{ team = "payments" }`; `{ engineer = "*" }` gives each engineer as much. Default: everybody
    /// together.
    #[serde(rename = "for")]
    pub whom: Option<Located<RawScope>>,
    /// USD in one window.
    pub limit: Option<Located<f64>>,
    /// Over which time it counts. Default `month`.
    pub window: Option<WindowWord>,
    /// The time zone in which days, weeks and months begin, such as `Europe/Berlin`. Default `UTC`.
    pub time_zone: Option<Located<String>>,
    /// At which percentages an alert goes out. Default `[80, 100]`.
    pub alerts: Option<Vec<Located<u32>>>,
    /// What happens to a request that does not fit. Default `refuse`.
    pub on_exceeded: Option<ExceededWord>,
    /// Other limits for some days, each with its reason.
    pub overrides: Vec<Located<RawOverride>>,
    /// Whose decision it is.
    pub owner: Option<Located<String>>,
}

/// Another limit for some days.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawOverride {
    /// USD in one window.
    pub limit: Option<Located<f64>>,
    /// From when on: a date (in the budget's time zone) or a moment.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub from: Option<Located<Datetime>>,
    /// Until when: a date, which no longer counts, or a moment.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub until: Option<Located<Datetime>>,
    /// Why.
    pub why: Option<Located<String>>,
    /// Whose decision it is.
    pub owner: Option<Located<String>>,
}

choices! {
    /// The time over which a budget counts.
    WindowWord {
        /// From midnight to midnight.
        Day = "day",
        /// From Monday to Sunday.
        Week = "week",
        /// A calendar month.
        Month = "month",
        /// All time.
        Total = "total"
    }
    /// What happens to a request that a budget does not hold.
    ExceededWord {
        /// It is refused, with the budget's name and when it begins anew.
        Refuse = "refuse",
        /// It passes; alerts and `budget_used` tell.
        Allow = "allow"
    }
}

/// Where prices come from, beside those of the endpoints.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawPrices {
    /// A price catalogue that `weighbridge prices update` wrote, relative to this file. Default: the one that is built
    /// in.
    pub catalogue: Option<Located<String>>,
    /// Prices that differ from the catalogue: discounts, contracts.
    pub overrides: Vec<Located<RawPriceOverride>>,
}

/// A price that differs from the catalogue.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawPriceOverride {
    /// The provider's id in the catalogue.
    pub provider: Option<Located<String>>,
    /// The model; `gpt-*` means all that begin so. Default: all of the provider's.
    pub model: Option<Located<String>>,
    /// What is taken off the catalogue's price, in percent.
    pub discount_percent: Option<Located<f64>>,
    /// Instead of a discount: the prices.
    pub price: Option<Located<RawPrice>>,
    /// Why: the contract, the invoice.
    pub reason: Option<Located<String>>,
    /// Whose decision it is.
    pub owner: Option<Located<String>>,
    /// From this date on the catalogue's price counts again.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub valid_until: Option<Located<Datetime>>,
}
