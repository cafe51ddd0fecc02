//! What an answer cost by the provider's own word: gateways say so in the usage, each in its way.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::body::read;
use crate::domain::Pico;

/// What is told of money in a `usage` object. Amounts are USD, read as the decimal text that they are.
#[derive(Deserialize, Default)]
struct Costs<'a> {
    /// OpenRouter and those like it: a number. Perplexity: an object with a total.
    #[serde(borrow, default)]
    cost: Option<&'a RawValue>,
    #[serde(borrow, default)]
    total_cost: Option<&'a RawValue>,
    /// DeepInfra.
    #[serde(borrow, default)]
    estimated_cost: Option<&'a RawValue>,
    /// xAI: 10⁻¹⁰ USD.
    #[serde(borrow, default)]
    cost_in_usd_ticks: Option<&'a RawValue>,
    /// OpenRouter, with the customer's own key: `cost` is its fee alone.
    #[serde(borrow, default)]
    is_byok: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cost_details: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Total<'a> {
    #[serde(borrow, default)]
    total_cost: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CostDetails<'a> {
    #[serde(borrow, default)]
    upstream_inference_cost: Option<&'a RawValue>,
}

/// The cost that a `usage` object tells, if it does.
pub(super) fn told(usage: &RawValue) -> Option<Pico> {
    // Most tell none, and are read once only.
    memchr::memmem::find(usage.get().as_bytes(), b"cost")?;
    let costs: Costs<'_> = read(usage)?;
    let cost = costs.cost.and_then(|cost| amount(Some(cost)).or_else(|| amount(read::<Total<'_>>(cost)?.total_cost)));
    let ticks = || {
        let ticks: i128 = costs.cost_in_usd_ticks?.get().parse().ok()?;
        Some(Pico::new(ticks.checked_mul(100)?)).filter(is_plausible)
    };
    let cost = cost.or_else(|| amount(costs.total_cost)).or_else(|| amount(costs.estimated_cost)).or_else(ticks)?;
    if costs.is_byok.is_some_and(|word| word.get() == "true") {
        let details: Option<CostDetails<'_>> = costs.cost_details.and_then(read);
        let beside = details.and_then(|details| amount(details.upstream_inference_cost));
        return Some(cost + beside.unwrap_or_default());
    }
    Some(cost)
}

/// An amount in a number or a text.
fn amount(value: Option<&RawValue>) -> Option<Pico> {
    read_usd(value?.get().trim_matches('"'))
}

/// An amount in USD that can be the cost of an answer.
pub fn read_usd(text: &str) -> Option<Pico> {
    Pico::parse_usd(text.trim()).filter(is_plausible)
}

/// No answer costs less than nothing, or a million.
fn is_plausible(cost: &Pico) -> bool {
    (0..=1_000_000_000_000_000_000).contains(&cost.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gateways_way_is_read_exactly() {
        let check = |usage: &str, pico: Option<i128>| {
            let raw: &RawValue = serde_json::from_str(usage).unwrap();
            assert_eq!(told(raw), pico.map(Pico::new), "{usage}");
        };
        check(r#"{"prompt_tokens":5,"cost":0.000014}"#, Some(14_000_000));
        check(r#"{"cost":1.4e-5}"#, Some(14_000_000));
        check(r#"{"cost":"0.1"}"#, Some(100_000_000_000));
        check(r#"{"cost":{"input_tokens_cost":0.001,"request_cost":0.005,"total_cost":0.006}}"#, Some(6_000_000_000));
        check(r#"{"total_cost":0.3}"#, Some(300_000_000_000));
        check(r#"{"estimated_cost":0.000001}"#, Some(1_000_000));
        check(r#"{"cost_in_usd_ticks":37756000}"#, Some(3_775_600_000));
        let own_key = r#"{"cost":0.01,"is_byok":true,"cost_details":{"upstream_inference_cost":0.2}}"#;
        check(own_key, Some(210_000_000_000));
        let usual = r#"{"cost":0.2,"is_byok":false,"cost_details":{"upstream_inference_cost":0.2}}"#;
        check(usual, Some(200_000_000_000));
        for nothing in [r#"{"prompt_tokens":5}"#, r#"{"cost":null}"#, r#"{"cost":-1}"#, r#"{"cost":"much"}"#, "[]"] {
            check(nothing, None);
        }
        check(r#"{"cost":1e30}"#, None);
    }
}
