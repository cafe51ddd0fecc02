//! Tokens as the provider counted them, in disjoint buckets.

use serde::Serialize;

/// Who counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UsageSource {
    /// The provider said so.
    Provider,
    /// The provider said nothing; we counted.
    Estimated,
}

/// Tokens of one answer. The buckets are disjoint: their sum is what the provider processed, so a token is never
/// charged twice (cached input that a provider counts inside its prompt tokens is taken out of `input` here).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Usage {
    /// Prompt tokens that are in no bucket below.
    pub input: u64,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: u64,
    /// Prompt tokens written to a cache that lives five minutes, or to one whose life the provider does not tell.
    pub cache_write_5m: u64,
    /// Prompt tokens written to a cache that lives an hour.
    pub cache_write_1h: u64,
    /// Answer tokens that are in no bucket below.
    pub output: u64,
    /// Tokens the model thought with and charged as output.
    pub reasoning: u64,
    /// Prompt tokens that were sound.
    pub audio_input: u64,
    /// Answer tokens that were sound.
    pub audio_output: u64,
    /// Prompt tokens that were pictures, where the provider tells them apart.
    pub image: u64,
}

impl Usage {
    /// All that went in.
    pub fn total_input(&self) -> u64 {
        [self.cache_read, self.cache_write_5m, self.cache_write_1h, self.audio_input, self.image]
            .into_iter()
            .fold(self.input, u64::saturating_add)
    }

    /// All that came out.
    pub fn total_output(&self) -> u64 {
        self.output.saturating_add(self.reasoning).saturating_add(self.audio_output)
    }

    /// Everything.
    pub fn total(&self) -> u64 {
        self.total_input().saturating_add(self.total_output())
    }
}
