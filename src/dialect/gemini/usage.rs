//! What Google counts, in disjoint buckets.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::Usage;

/// More tokens than any answer has; a provider that claims more is not believed.
const MOST_TOKENS: u64 = 1 << 32;

/// Counts are read one by one, so that a lie in one of them does not lose the others.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Counts<'a> {
    /// The prompt, what was cached of it included.
    #[serde(borrow, default)]
    prompt_token_count: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cached_content_token_count: Option<&'a RawValue>,
    /// What tools of the provider's own fed to the model, beside the prompt.
    #[serde(borrow, default)]
    tool_use_prompt_token_count: Option<&'a RawValue>,
    /// The answer, thoughts not included.
    #[serde(borrow, default)]
    candidates_token_count: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thoughts_token_count: Option<&'a RawValue>,
    #[serde(borrow, default)]
    total_token_count: Option<&'a RawValue>,
    #[serde(borrow, default)]
    prompt_tokens_details: Option<Vec<Modality<'a>>>,
    #[serde(borrow, default)]
    cache_tokens_details: Option<Vec<Modality<'a>>>,
    #[serde(borrow, default)]
    tool_use_prompt_tokens_details: Option<Vec<Modality<'a>>>,
    #[serde(borrow, default)]
    candidates_tokens_details: Option<Vec<Modality<'a>>>,
    #[serde(borrow, default)]
    service_tier: Option<Cow<'a, str>>,
    /// Vertex's word for the tier.
    #[serde(borrow, default)]
    traffic_type: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Modality<'a> {
    #[serde(borrow, default)]
    modality: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    token_count: Option<&'a RawValue>,
}

/// A count, if it is a whole number that can be one.
fn count(value: Option<&RawValue>) -> Option<u64> {
    value?.get().parse().ok().filter(|count| *count < MOST_TOKENS)
}

/// The tokens of one modality.
fn of(details: Option<&Vec<Modality<'_>>>, modality: &str) -> u64 {
    let matching = details.into_iter().flatten().filter(|detail| detail.modality.as_deref() == Some(modality));
    matching.filter_map(|detail| count(detail.token_count)).fold(0, u64::saturating_add)
}

impl Counts<'_> {
    pub(super) fn service_tier(&self) -> Option<String> {
        let by_traffic = || {
            self.traffic_type.as_deref().map(|traffic| match traffic {
                "ON_DEMAND" => "standard".to_owned(),
                "ON_DEMAND_FLEX" => "flex".to_owned(),
                "ON_DEMAND_PRIORITY" => "priority".to_owned(),
                other => other.to_lowercase(),
            })
        };
        self.service_tier.as_deref().map(str::to_lowercase).or_else(by_traffic)
    }

    /// The counts in disjoint buckets, or `None` if none of those that matter is there. What is counted inside another
    /// bucket is taken out of it, and never more than there is. Video and documents have no bucket and stay input.
    pub(super) fn usage(&self) -> Option<Usage> {
        let (prompt, candidates) = (count(self.prompt_token_count), count(self.candidates_token_count));
        let (tools, thoughts) = (count(self.tool_use_prompt_token_count), count(self.thoughts_token_count));
        [prompt, candidates, tools, thoughts].into_iter().flatten().next()?;
        let prompt = prompt.unwrap_or(0);
        let mut input = prompt.saturating_add(tools.unwrap_or(0));
        let mut output = candidates.unwrap_or(0);
        let mut reasoning = thoughts.unwrap_or(0);
        // Should thoughts once be counted inside the answer, the total says so.
        if reasoning > 0 && count(self.total_token_count) == Some(input.saturating_add(output)) {
            reasoning = take(&mut output, reasoning);
        }
        let fresh = |modality: &str| {
            let all = of(self.prompt_tokens_details.as_ref(), modality);
            let cached = of(self.cache_tokens_details.as_ref(), modality);
            all.saturating_sub(cached).saturating_add(of(self.tool_use_prompt_tokens_details.as_ref(), modality))
        };
        let cached = count(self.cached_content_token_count).unwrap_or(0).min(prompt);
        Some(Usage {
            cache_read: take(&mut input, cached),
            audio_input: take(&mut input, fresh("AUDIO")),
            image: take(&mut input, fresh("IMAGE")),
            audio_output: take(&mut output, of(self.candidates_tokens_details.as_ref(), "AUDIO")),
            reasoning,
            input,
            output,
            ..Usage::default()
        })
    }
}

/// Takes so much out of a bucket, and never more than is in it.
fn take(from: &mut u64, tokens: u64) -> u64 {
    let taken = tokens.min(*from);
    *from -= taken;
    taken
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
    fn what_is_cached_leaves_the_prompt_and_thoughts_stand_beside_the_answer() {
        let counted = usage(
            r#"{"promptTokenCount":100,"cachedContentTokenCount":60,"candidatesTokenCount":7,"thoughtsTokenCount":30,
                "toolUsePromptTokenCount":5,"totalTokenCount":142}"#,
        );
        let expected = Usage { input: 45, cache_read: 60, output: 7, reasoning: 30, ..Usage::default() };
        assert_eq!(counted, Some(expected));
        assert_eq!(expected.total(), 142);
    }

    #[test]
    fn sound_and_pictures_are_told_apart_and_those_from_the_cache_are_cached() {
        let counted = usage(
            r#"{"promptTokenCount":400,"cachedContentTokenCount":258,"candidatesTokenCount":20,"totalTokenCount":420,
                "promptTokensDetails":[{"modality":"TEXT","tokenCount":10},{"modality":"IMAGE","tokenCount":358},
                  {"modality":"AUDIO","tokenCount":32}],
                "cacheTokensDetails":[{"modality":"IMAGE","tokenCount":258}],
                "candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":15},{"modality":"TEXT","tokenCount":5}]}"#,
        );
        let expected = Usage {
            input: 10,
            cache_read: 258,
            image: 100,
            audio_input: 32,
            output: 5,
            audio_output: 15,
            ..Usage::default()
        };
        assert_eq!(counted, Some(expected));
    }

    #[test]
    fn thoughts_inside_the_answer_are_not_counted_twice() {
        let told = r#"{"promptTokenCount":10,"candidatesTokenCount":50,"thoughtsTokenCount":30,"totalTokenCount":60}"#;
        assert_eq!(usage(told).map(|usage| (usage.output, usage.reasoning)), Some((20, 30)));
    }

    #[test]
    fn lies_are_not_believed() {
        assert_eq!(usage(r#"{"promptTokenCount":-5,"candidatesTokenCount":"many","totalTokenCount":3}"#), None);
        let cached = usage(r#"{"promptTokenCount":10,"cachedContentTokenCount":99}"#);
        assert_eq!(cached.map(|usage| (usage.input, usage.cache_read)), Some((0, 10)));
        let sound = usage(r#"{"promptTokenCount":10,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":99}]}"#);
        assert_eq!(sound.map(|usage| (usage.input, usage.audio_input)), Some((0, 10)));
    }

    proptest! {
        #[test]
        fn the_buckets_sum_to_the_total(
            text in 0u64..5000, image in 0u64..5000, audio in 0u64..5000, tools in 0u64..5000,
            said in 1u64..5000, spoken in 0u64..5000, thoughts in 0u64..5000,
            cached in 0u64..100, cached_image in 0u64..100,
        ) {
            let prompt = text + image + audio;
            let cached_image = image * cached_image / 100;
            let cached = cached_image + text * cached / 100;
            let told = json!({
                "promptTokenCount": prompt,
                "cachedContentTokenCount": cached,
                "toolUsePromptTokenCount": tools,
                "candidatesTokenCount": said + spoken,
                "thoughtsTokenCount": thoughts,
                "totalTokenCount": prompt + tools + said + spoken + thoughts,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": text}, {"modality": "IMAGE", "tokenCount": image},
                    {"modality": "AUDIO", "tokenCount": audio},
                ],
                "cacheTokensDetails": [
                    {"modality": "IMAGE", "tokenCount": cached_image},
                    {"modality": "TEXT", "tokenCount": cached - cached_image},
                ],
                "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": spoken}],
            });
            let counted = usage(&told.to_string()).expect("usage");
            prop_assert_eq!(counted.total(), prompt + tools + said + spoken + thoughts);
            prop_assert_eq!(counted.total_input(), prompt + tools);
            prop_assert_eq!((counted.image, counted.audio_input), (image - cached_image, audio));
            prop_assert_eq!((counted.reasoning, counted.audio_output), (thoughts, spoken));
        }
    }
}
