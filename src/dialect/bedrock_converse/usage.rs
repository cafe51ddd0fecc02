//! What Amazon counts, in disjoint buckets.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::Usage;

/// More tokens than any answer has; a provider that claims more is not believed.
const MOST_TOKENS: u64 = 1 << 32;

/// Counts are read one by one, so that a lie in one of them does not lose the others. Input excludes what was read from
/// the cache or written to it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Counts<'a> {
    #[serde(borrow, default)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_read_input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_write_input_tokens: Option<&'a RawValue>,
    /// How what was written divides by how long it lives.
    #[serde(borrow, default)]
    cache_details: Option<Vec<Written<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(borrow, default)]
    ttl: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    input_tokens: Option<&'a RawValue>,
}

/// A count, if it is a whole number that can be one.
fn count(value: Option<&RawValue>) -> Option<u64> {
    value?.get().parse().ok().filter(|count| *count < MOST_TOKENS)
}

impl Counts<'_> {
    /// The counts in disjoint buckets, or `None` if the two that matter are missing or no counts.
    pub(in crate::dialect) fn usage(&self) -> Option<Usage> {
        let (input, output) = (count(self.input_tokens), count(self.output_tokens));
        input.or(output)?;
        let (for_an_hour, all_told) = self.written();
        let written = count(self.cache_write_input_tokens).unwrap_or(all_told);
        let cache_write_1h = for_an_hour.min(written);
        Some(Usage {
            input: input.unwrap_or(0),
            output: output.unwrap_or(0),
            cache_read: count(self.cache_read_input_tokens).unwrap_or(0),
            cache_write_5m: written - cache_write_1h,
            cache_write_1h,
            ..Usage::default()
        })
    }

    /// What the details say was written for an hour, and in all.
    fn written(&self) -> (u64, u64) {
        let details = self.cache_details.iter().flatten();
        details.fold((0, 0), |(for_an_hour, all), written| {
            let tokens = count(written.input_tokens).unwrap_or(0);
            let is_long = written.ttl.as_deref() == Some("1h");
            (for_an_hour + if is_long { tokens } else { 0 }, all + tokens)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn usage(json: &str) -> Option<Usage> {
        serde_json::from_str::<Counts<'_>>(json).expect("an object").usage()
    }

    #[test]
    fn the_cache_stands_beside_the_input() {
        let counted = usage(
            r#"{"inputTokens":4,"outputTokens":50,"totalTokens":1780,"cacheReadInputTokens":1000,
                "cacheWriteInputTokens":726,"cacheDetails":[{"ttl":"1h","inputTokens":700},{"ttl":"5m","inputTokens":26}]}"#,
        );
        let expected = Usage {
            input: 4,
            cache_read: 1000,
            cache_write_5m: 26,
            cache_write_1h: 700,
            output: 50,
            ..Usage::default()
        };
        assert_eq!(counted, Some(expected));
    }

    #[test]
    fn lies_are_not_believed() {
        assert_eq!(usage(r#"{"inputTokens":-5,"outputTokens":"many"}"#), None);
        assert_eq!(usage(r#"{"inputTokens":1e30,"outputTokens":null,"totalTokens":5}"#), None);
        let hour = r#"{"inputTokens":1,"cacheWriteInputTokens":5,"cacheDetails":[{"ttl":"1h","inputTokens":9}]}"#;
        assert_eq!(usage(hour).map(|usage| (usage.cache_write_5m, usage.cache_write_1h)), Some((0, 5)));
    }

    proptest! {
        #[test]
        fn the_buckets_sum_to_the_total(
            input in 0u64..5000, output in 0u64..5000, read in 0u64..5000, short in 0u64..5000, long in 0u64..5000,
            has_details in any::<bool>(), has_write in any::<bool>(),
        ) {
            let mut told = json!({
                "inputTokens": input, "outputTokens": output, "cacheReadInputTokens": read,
                "totalTokens": input + output + read + short + long,
            });
            if has_details || !has_write {
                told["cacheDetails"] = json!([{"ttl": "1h", "inputTokens": long}, {"ttl": "5m", "inputTokens": short}]);
            }
            if has_write {
                told["cacheWriteInputTokens"] = json!(short + long);
            }
            let counted = usage(&told.to_string()).expect("usage");
            prop_assert_eq!(counted.total(), input + output + read + short + long);
            prop_assert_eq!(counted.cache_write_1h, if has_details || !has_write { long } else { 0 });
        }
    }
}
