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
    /// Searches of the web that the provider made for it: no tokens, and charged each.
    pub web_searches: u64,
}

/// What one event of a stream tells of usage. Counts are cumulative: what is told replaces what was known, what is left
/// out (`None`) stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UsageUpdate {
    /// See [`Usage::input`].
    pub input: Option<u64>,
    /// See [`Usage::cache_read`].
    pub cache_read: Option<u64>,
    /// Prompt tokens written to a cache of whatever life; counts where the two below are not told.
    pub cache_write: Option<u64>,
    /// See [`Usage::cache_write_5m`].
    pub cache_write_5m: Option<u64>,
    /// See [`Usage::cache_write_1h`].
    pub cache_write_1h: Option<u64>,
    /// See [`Usage::output`].
    pub output: Option<u64>,
    /// See [`Usage::reasoning`].
    pub reasoning: Option<u64>,
    /// See [`Usage::audio_input`].
    pub audio_input: Option<u64>,
    /// See [`Usage::audio_output`].
    pub audio_output: Option<u64>,
    /// See [`Usage::image`].
    pub image: Option<u64>,
    /// See [`Usage::web_searches`].
    pub web_searches: Option<u64>,
}

impl From<Usage> for UsageUpdate {
    fn from(usage: Usage) -> Self {
        Self {
            input: Some(usage.input),
            cache_read: Some(usage.cache_read),
            cache_write: None,
            cache_write_5m: Some(usage.cache_write_5m),
            cache_write_1h: Some(usage.cache_write_1h),
            output: Some(usage.output),
            reasoning: Some(usage.reasoning),
            audio_input: Some(usage.audio_input),
            audio_output: Some(usage.audio_output),
            image: Some(usage.image),
            // Counted by few and never taken back: 0 says nothing new.
            web_searches: (usage.web_searches > 0).then_some(usage.web_searches),
        }
    }
}

impl std::ops::Add for Usage {
    type Output = Self;

    /// Both together; at its bound where that is passed, for an upstream may claim any number.
    fn add(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write_5m: self.cache_write_5m.saturating_add(other.cache_write_5m),
            cache_write_1h: self.cache_write_1h.saturating_add(other.cache_write_1h),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            audio_input: self.audio_input.saturating_add(other.audio_input),
            audio_output: self.audio_output.saturating_add(other.audio_output),
            image: self.image.saturating_add(other.image),
            web_searches: self.web_searches.saturating_add(other.web_searches),
        }
    }
}

impl Usage {
    /// Takes in what an event tells.
    pub fn update(&mut self, told: &UsageUpdate) {
        let fields = [
            (&mut self.input, told.input),
            (&mut self.cache_read, told.cache_read),
            (&mut self.cache_write_5m, told.cache_write_5m),
            (&mut self.cache_write_1h, told.cache_write_1h),
            (&mut self.output, told.output),
            (&mut self.reasoning, told.reasoning),
            (&mut self.audio_input, told.audio_input),
            (&mut self.audio_output, told.audio_output),
            (&mut self.image, told.image),
            (&mut self.web_searches, told.web_searches),
        ];
        for (known, told) in fields {
            *known = told.unwrap_or(*known);
        }
        // A total that agrees with what is known says nothing new of how it divides.
        if let (Some(total), None, None) = (told.cache_write, told.cache_write_5m, told.cache_write_1h)
            && total != self.cache_write_5m.saturating_add(self.cache_write_1h)
        {
            self.cache_write_5m = total.saturating_sub(self.cache_write_1h);
        }
    }

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
