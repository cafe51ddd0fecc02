//! Whose a key is, what it may do, and until when.

use std::num::NonZeroU32;

use serde::{Deserialize, Deserializer, Serialize};

use super::Moment;
use crate::domain::{Door, Label, TierName};
use crate::route::Pattern;

/// Whose a key is, what it may do, and until when: what `[keys.NAME]` of routes.toml says, under the same names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// The person; fixed by the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engineer: Option<Label>,
    /// The person's team; fixed by the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Label>,
    /// What the work is for, unless a header says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature: Option<Label>,
    /// The tiers it may use; `None`: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<TierName>>,
    /// The names that it may ask for as the model; `None`: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<Pattern>>,
    /// What it may ask for; `None`: everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doors: Option<Vec<DoorWord>>,
    /// Whether it may wish for a tier, or name one or an endpoint as the model.
    pub may_choose: bool,
    /// Requests a minute; `None`: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens a minute; `None`: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<NonZeroU32>,
    /// Requests at once; `None`: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<NonZeroU32>,
    /// From then on it is refused; `None`: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            engineer: None,
            team: None,
            feature: None,
            tiers: None,
            models: None,
            doors: None,
            may_choose: true,
            requests_per_minute: None,
            tokens_per_minute: None,
            concurrent: None,
            expires: None,
        }
    }
}

/// A word for what may be asked for: `chat`, `embeddings` …
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DoorWord(&'static str);

impl DoorWord {
    /// The word in this text.
    ///
    /// # Errors
    /// Which words there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = Door::WORDS.iter().find(|word| **word == text);
        known.map(|word| Self(word)).ok_or_else(|| format!("`{text}` is no door: there are {}", Door::WORDS.join(", ")))
    }

    /// The doors that it names.
    pub fn doors(&self) -> &'static [Door] {
        Door::named(self.0).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for DoorWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_written_as_in_the_file_and_read_as_they_are_written() {
        let text = r#"{"engineer":"ana","tiers":["cheap"],"models":["gpt-*"],"doors":["chat"],"may_choose":true,
                       "requests_per_minute":60,"expires":"2027-12-31"}"#;
        let grants: Grants = serde_json::from_str(text).expect("grants");
        let written = serde_json::to_string(&grants).expect("JSON");
        assert!(written.contains("2027-12-31T00:00:00Z") && !written.contains("null"), "{written}");
        assert_eq!(serde_json::from_str::<Grants>(&written).expect("the same"), grants);
        assert_eq!(serde_json::from_str::<Grants>("{}").expect("nothing"), Grants::default());
    }

    #[test]
    fn what_is_wrong_is_told() {
        let check = |text: &str, words: &str| {
            let error = serde_json::from_str::<Grants>(text).expect_err(text).to_string();
            assert!(error.contains(words), "{error}");
        };
        check(r#"{"engeneer": "ana"}"#, "unknown field `engeneer`");
        check(r#"{"engineer": "two words"}"#, "without spaces");
        check(r#"{"doors": ["chats"]}"#, "there are chat, completions");
        check(r#"{"models": ["a*b"]}"#, "a star");
        check(r#"{"requests_per_minute": 0}"#, "nonzero");
        check(r#"{"expires": "soon"}"#, "no moment");
    }
}
