//! Token counts as OpenAI and those who speak like it tell them, into disjoint buckets.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::Usage;

/// More tokens than any answer has; a provider that claims more is not believed.
const MOST_TOKENS: u64 = 1 << 32;

/// A count, if it is a whole number that can be one. Counts are read one by one, so that a lie in one of them does not
/// lose the others.
pub(super) fn count(value: Option<&RawValue>) -> Option<u64> {
    let text = value?.get();
    let count = text.parse::<u64>().ok().or_else(|| {
        let float: f64 = text.parse().ok()?;
        (float >= 0.0 && float.fract() == 0.0).then_some(float as u64)
    })?;
    (count < MOST_TOKENS).then_some(count)
}

/// What is told of one side's tokens besides how many there are.
#[derive(Deserialize, Default)]
pub(super) struct Details<'a> {
    #[serde(borrow, default)]
    cached_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_write_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    audio_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    image_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_tokens: Option<&'a RawValue>,
}

/// What went in and out, as told.
pub(super) struct Told<'a> {
    /// All of the prompt.
    pub input: Option<u64>,
    /// All of the answer.
    pub output: Option<u64>,
    /// Both.
    pub total: Option<u64>,
    /// What a provider that does not say so in the details read from its cache.
    pub cached: Option<u64>,
    /// Of the prompt.
    pub inputs: Option<&'a Details<'a>>,
    /// Of the answer.
    pub outputs: Option<&'a Details<'a>>,
}

impl Told<'_> {
    /// The counts in disjoint buckets, or `None` if the two that matter are missing or no counts. What a provider
    /// counts inside another bucket is taken out of it, and never more than there is.
    pub(super) fn usage(&self) -> Option<Usage> {
        if self.input.is_none() && self.output.is_none() {
            return None;
        }
        let none = Details::default();
        let inputs = self.inputs.unwrap_or(&none);
        let outputs = self.outputs.unwrap_or(&none);
        let mut input = self.input.unwrap_or(0);
        let mut output = self.output.unwrap_or(0);
        let reasoning = count(outputs.reasoning_tokens).unwrap_or(0);
        // Some providers count reasoning beside the answer instead of inside it; then their total says so.
        if reasoning > 0 && self.total == Some(input.saturating_add(output).saturating_add(reasoning)) {
            output = output.saturating_add(reasoning);
        }
        let take = |from: &mut u64, tokens: Option<u64>| {
            let taken = tokens.unwrap_or(0).min(*from);
            *from -= taken;
            taken
        };
        Some(Usage {
            cache_read: take(&mut input, count(inputs.cached_tokens).or(self.cached)),
            cache_write_5m: take(&mut input, count(inputs.cache_write_tokens)),
            cache_write_1h: 0,
            audio_input: take(&mut input, count(inputs.audio_tokens)),
            image: take(&mut input, count(inputs.image_tokens)),
            reasoning: take(&mut output, Some(reasoning)),
            audio_output: take(&mut output, count(outputs.audio_tokens)),
            input,
            output,
            web_searches: 0,
        })
    }
}

/// The provider's own words for an error, at most 300 characters.
pub(super) fn error_text(error: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        message: Cow<'a, str>,
    }
    let message = serde_json::from_str::<Object<'_>>(error.get()).map(|object| object.message.into_owned());
    message.unwrap_or_else(|_| error.get().to_owned()).chars().take(300).collect()
}
