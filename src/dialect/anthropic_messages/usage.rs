//! Usage, as Anthropic counts it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::counts::count;
use crate::domain::{Usage, UsageUpdate};

/// A `usage` object. What was read from and written to a cache is not in `input_tokens`; what the model thought with is
/// in `output_tokens`. Values are read one by one, so that a lie in one of them does not lose the others.
#[derive(Deserialize, Default)]
pub(in crate::dialect) struct Counts<'a> {
    #[serde(borrow, default)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_read_input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_creation_input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_creation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_tokens_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    iterations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow, default)]
    server_tool_use: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct ServerTools<'a> {
    #[serde(borrow, default)]
    web_search_requests: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct CacheCreation<'a> {
    #[serde(borrow, default)]
    ephemeral_5m_input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ephemeral_1h_input_tokens: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct OutputDetails<'a> {
    #[serde(borrow, default)]
    thinking_tokens: Option<&'a RawValue>,
}

/// Models that ran within an answer and whose tokens Anthropic charges beside the totals: what made the conversation
/// shorter, and a model asked for advice (which has a price of its own that an answer does not tell).
const BESIDE_THE_TOTALS: [&str; 2] = ["compaction", "advisor_message"];

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

/// An object inside, or an empty one for whatever else stands there.
fn inside<'a, T: Deserialize<'a> + Default>(value: Option<&'a RawValue>) -> T {
    value.and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
}

impl<'a> Counts<'a> {
    /// The counts of a `usage` object; none if it is something else.
    pub(in crate::dialect) fn of(usage: &'a str) -> Self {
        serde_json::from_str(usage).unwrap_or_default()
    }

    /// The tier of service that answered.
    pub(in crate::dialect) fn service_tier(&self) -> Option<String> {
        self.service_tier.and_then(|tier| serde_json::from_str(tier.get()).ok())
    }

    /// What it tells, in disjoint buckets; `None` if that is nothing.
    pub(in crate::dialect) fn told(&self) -> Option<UsageUpdate> {
        let mut told = self.own();
        let iterations: Vec<&RawValue> = inside(self.iterations);
        for iteration in iterations {
            let is_beside = |kind: Kind<'_>| BESIDE_THE_TOTALS.contains(&&*kind.kind);
            if serde_json::from_str(iteration.get()).is_ok_and(is_beside) {
                let mut more = Usage::default();
                more.update(&Counts::of(iteration.get()).own());
                add(&mut told, &more);
            }
        }
        (told != UsageUpdate::default()).then_some(told)
    }

    fn own(&self) -> UsageUpdate {
        let output = count(self.output_tokens);
        let details: OutputDetails<'_> = inside(self.output_tokens_details);
        let thinking = output.map(|all| count(details.thinking_tokens).unwrap_or(0).min(all));
        let mut told = UsageUpdate {
            input: count(self.input_tokens),
            cache_read: count(self.cache_read_input_tokens),
            output: output.zip(thinking).map(|(all, thinking)| all - thinking),
            reasoning: thinking,
            web_searches: count(inside::<ServerTools<'_>>(self.server_tool_use).web_search_requests),
            ..UsageUpdate::default()
        };
        let split: CacheCreation<'_> = inside(self.cache_creation);
        let (short, long) = (count(split.ephemeral_5m_input_tokens), count(split.ephemeral_1h_input_tokens));
        let total = count(self.cache_creation_input_tokens);
        if short.is_none() && long.is_none() {
            told.cache_write = total;
            return told;
        }
        // Where the parts do not make up the total, the total is what is charged.
        let (short, long) = (short.unwrap_or(0), long.unwrap_or(0));
        let total = total.unwrap_or(short + long);
        told.cache_write_1h = Some(long.min(total));
        told.cache_write_5m = Some(total - long.min(total));
        told
    }
}

/// Adds tokens that are charged beside the totals to those totals that are told.
fn add(told: &mut UsageUpdate, more: &Usage) {
    if more.cache_write_5m + more.cache_write_1h > 0 {
        let unsplit = told.cache_write.take();
        told.cache_write_5m = told.cache_write_5m.or(unsplit).or(Some(0));
        told.cache_write_1h = told.cache_write_1h.or(Some(0));
    }
    let buckets = [
        (&mut told.input, more.input),
        (&mut told.cache_read, more.cache_read),
        (&mut told.cache_write_5m, more.cache_write_5m),
        (&mut told.cache_write_1h, more.cache_write_1h),
        (&mut told.output, more.output),
        (&mut told.reasoning, more.reasoning),
    ];
    for (bucket, tokens) in buckets {
        *bucket = bucket.map(|told| told + tokens);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn usage(told: &serde_json::Value) -> Option<Usage> {
        let text = told.to_string();
        Counts::of(&text).told().map(|told| {
            let mut usage = Usage::default();
            usage.update(&told);
            usage
        })
    }

    #[test]
    fn caches_stand_beside_the_input_and_thinking_in_the_output() {
        let counted = usage(&json!({
            "input_tokens": 10, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 300,
            "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
            "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}, "service_tier": "standard"
        }));
        let expected = Usage {
            input: 10,
            cache_read: 1000,
            cache_write_5m: 100,
            cache_write_1h: 200,
            output: 30,
            reasoning: 20,
            ..Usage::default()
        };
        assert_eq!(counted, Some(expected));
    }

    #[test]
    fn lies_are_not_believed() {
        assert_eq!(usage(&json!({"input_tokens": -5, "output_tokens": "many"})), None);
        assert_eq!(usage(&json!({"input_tokens": 1e18, "output_tokens": null})), None);
        let split = json!({"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 9});
        let counted = usage(&json!({"cache_creation_input_tokens": 8, "cache_creation": split})).expect("usage");
        assert_eq!((counted.cache_write_5m, counted.cache_write_1h), (0, 8));
        let counted = usage(&json!({"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 9}}));
        assert_eq!(counted.map(|usage| usage.total_output()), Some(5));
    }

    #[test]
    fn runs_that_are_charged_beside_the_totals_are_added() {
        let run = |kind: &str, input: u64| {
            json!({"type": kind, "input_tokens": input, "output_tokens": 3,
            "cache_creation_input_tokens": 2, "cache_read_input_tokens": 0})
        };
        let counted = usage(&json!({
            "input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 4,
            "iterations": [run("compaction", 1000), run("message", 10), run("advisor_message", 100)]
        }));
        let expected = Usage { input: 1110, output: 11, cache_write_5m: 8, ..Usage::default() };
        assert_eq!(counted, Some(expected));
    }

    proptest! {
        #[test]
        fn buckets_sum_to_what_the_provider_counted(
            input in 0_u64..1 << 32, read in 0_u64..1 << 32, output in 0_u64..1 << 32,
            thinking in prop::option::of(0_u64..1 << 32),
            written in prop::option::of((0_u64..1 << 31, 0_u64..1 << 31, any::<bool>())),
        ) {
            let mut told = json!({"input_tokens": input, "cache_read_input_tokens": read, "output_tokens": output});
            let mut total = input + read + output;
            if let Some(thinking) = thinking {
                told["output_tokens_details"] = json!({"thinking_tokens": thinking});
            }
            if let Some((short, long, is_split)) = written {
                told["cache_creation_input_tokens"] = json!(short + long);
                total += short + long;
                if is_split {
                    told["cache_creation"] =
                        json!({"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long});
                }
            }
            prop_assert_eq!(usage(&told).map(|usage| usage.total()), Some(total));
        }
    }
}
