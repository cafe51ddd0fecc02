//! What a company says of its own: how careful to be, and which words name its risks.

use std::sync::Arc;

use super::difficulty;
use super::phrases::Says;
use crate::domain::{AnyTag, OwnTag, Risk};

/// How careful an assessment is: from 0, where nothing dangerous may be called low whatever that costs, to 1, where no
/// dear model may be asked in vain.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Dial(f32);

impl Dial {
    /// The positions whose effect is told.
    pub const POSITIONS: [Self; 5] = [Self(0.0), Self(0.25), Self(0.5), Self(0.75), Self(1.0)];

    /// A position from 0 to 1.
    pub fn at(position: f64) -> Option<Self> {
        (0.0..=1.0).contains(&position).then_some(Self(position as f32))
    }

    /// From 0 to 1.
    pub fn position(self) -> f32 {
        self.0
    }

    /// What it is at its ends and in the middle: `careful` at 0, `middle`, `thrifty` at 1.
    pub(super) fn between(self, careful: f32, middle: f32, thrifty: f32) -> f32 {
        let (from, to, way) =
            if self.0 < 0.5 { (careful, middle, self.0 * 2.0) } else { (middle, thrifty, self.0 * 2.0 - 1.0) };
        from + (to - from) * way
    }
}

impl Default for Dial {
    fn default() -> Self {
        Self(0.5)
    }
}

/// Words of a company's own that speak for a tag.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct OwnPhrases {
    pub(super) says: Says,
    pub(super) weight: f32,
    /// In small letters where they are ASCII, each of two bytes or more.
    pub(super) phrases: Vec<String>,
}

/// A tag to which the configuration says something.
#[derive(Clone, PartialEq, Debug)]
pub struct TagSettings {
    tag: AnyTag,
    weight: f32,
    least_risk: Option<Risk>,
    phrases: Vec<String>,
}

/// Why a phrase is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PhraseError {
    /// It is too short to name anything.
    #[error("`{0}` has fewer than 2 characters, so it would be found everywhere")]
    Short(String),
    /// It would never be found, or is not meant as one.
    #[error("`{0}` has more than 200 characters")]
    Long(String),
    /// It would never be found.
    #[error("`{0}` has a line break or a `*` elsewhere than at its end")]
    Sign(String),
}

/// How many characters a phrase may have.
const LONGEST: usize = 200;

impl TagSettings {
    /// How much a phrase counts unless the configuration says so: enough for the tag by itself.
    pub const WEIGHT: f32 = 1.0;

    /// The phrases are words as they stand in prompts; a `*` at the end lets the last word go on. `weight` is how much of
    /// what a tag needs one of them is; `least_risk` the level that work with this tag has at least.
    ///
    /// # Errors
    /// Every phrase that cannot be searched for.
    pub fn new(
        tag: AnyTag,
        weight: f32,
        least_risk: Option<Risk>,
        phrases: &[String],
    ) -> Result<Self, Vec<PhraseError>> {
        let (good, bad): (Vec<_>, Vec<_>) = phrases.iter().map(|phrase| phrase_in(phrase)).partition(Result::is_ok);
        let bad: Vec<PhraseError> = bad.into_iter().filter_map(Result::err).collect();
        let phrases = good.into_iter().filter_map(Result::ok).collect();
        if bad.is_empty() { Ok(Self { tag, weight, least_risk, phrases }) } else { Err(bad) }
    }
}

fn phrase_in(written: &str) -> Result<String, PhraseError> {
    let phrase = written.trim();
    let words = phrase.strip_suffix('*').unwrap_or(phrase);
    match words.chars().count() {
        0 | 1 => Err(PhraseError::Short(written.to_owned())),
        length if length > LONGEST => Err(PhraseError::Long(written.to_owned())),
        _ if words.contains(['*', '\n', '\r']) => Err(PhraseError::Sign(written.to_owned())),
        _ => Ok(phrase.to_ascii_lowercase()),
    }
}

/// What the configuration says of assessments.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// How careful they are.
    pub dial: Dial,
    /// What is known of how difficult prompts are.
    pub difficulty: Arc<difficulty::Model>,
    /// What is said of tags, built in or a company's own; each tag once.
    pub tags: Vec<TagSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { dial: Dial::default(), difficulty: difficulty::shipped(), tags: Vec::new() }
    }
}

impl Settings {
    /// A company's own tags, in the order of their numbers.
    pub(super) fn own_tags(&self) -> Vec<OwnTag> {
        let own = self.tags.iter().filter_map(|settings| match &settings.tag {
            AnyTag::Own(name) => Some(name.clone()),
            AnyTag::Known(_) => None,
        });
        own.collect()
    }

    /// The phrases, with their tags by number.
    pub(super) fn phrases(&self) -> Vec<OwnPhrases> {
        let mut numbers = 0..;
        let mut says = |tag: &AnyTag| match tag {
            AnyTag::Known(tag) => Some(Says::Tag(*tag)),
            AnyTag::Own(_) => numbers.next().map(Says::Own),
        };
        let phrases = self.tags.iter().filter_map(|settings| {
            let says = says(&settings.tag)?;
            Some(OwnPhrases { says, weight: settings.weight, phrases: settings.phrases.clone() })
        });
        phrases.collect()
    }

    /// The level that work with this tag has at least.
    pub(super) fn least_risk(&self, tag: &AnyTag) -> Option<Risk> {
        self.tags.iter().find(|settings| settings.tag == *tag)?.least_risk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dial_has_bounds_and_goes_evenly() {
        assert!(Dial::at(-0.1).is_none() && Dial::at(1.1).is_none() && Dial::at(f64::NAN).is_none());
        assert_eq!(Dial::default(), Dial::POSITIONS[2]);
        let at = |position| Dial::at(position).unwrap().between(1.0, 2.0, 4.0);
        assert_eq!((at(0.0), at(0.25), at(0.5), at(0.75), at(1.0)), (1.0, 1.5, 2.0, 3.0, 4.0));
    }

    #[test]
    fn phrases_that_cannot_be_found_are_refused_all_at_once() {
        let phrases = ["x", "services/ledger", "a*b", " Ledgerd* "].map(str::to_owned);
        let errors = TagSettings::new(AnyTag::parse("ledger").unwrap(), 1.0, None, &phrases).unwrap_err();
        assert_eq!(errors, [PhraseError::Short("x".to_owned()), PhraseError::Sign("a*b".to_owned())]);
        let good = TagSettings::new(AnyTag::parse("ledger").unwrap(), 1.0, None, &phrases[3..]).unwrap();
        assert_eq!(good.phrases, ["ledgerd*"]);
    }
}
