//! How likely a prompt needs the large model.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The probability that a small model would not answer as well as the large one, or that nothing is known of prompts
/// like this one. Whoever does not know takes the large model: what is unknown ranks above everything that is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "Told", from = "Told")]
pub struct Difficulty(u16);

/// In the ledger and in JSON.
#[derive(Serialize, Deserialize)]
struct Told {
    /// From 0 to 1; 1 if it is not known.
    score: f64,
    known: bool,
}

impl Difficulty {
    /// The whole, in ten-thousandths.
    pub const WHOLE: u16 = 10_000;
    /// Nothing is known of prompts like this one.
    pub const UNKNOWN: Self = Self(Self::WHOLE);

    /// This probability, which is kept in ten-thousandths. A certainty is never claimed; what is no number is unknown.
    pub fn of(probability: f64) -> Self {
        if probability.is_nan() {
            return Self::UNKNOWN;
        }
        let whole = f64::from(Self::WHOLE);
        Self((probability * whole).round().clamp(0.0, whole - 1.0) as u16)
    }

    /// Whether it is known.
    pub fn is_known(self) -> bool {
        self != Self::UNKNOWN
    }

    /// From 0 to 1; 1 if it is not known.
    pub fn score(self) -> f64 {
        f64::from(self.0) / f64::from(Self::WHOLE)
    }

    /// What rules compare: ten-thousandths, or more than any number if it is not known, so that no upper bound holds.
    pub fn compared(self) -> u64 {
        if self.is_known() { self.0.into() } else { u64::MAX }
    }
}

impl Default for Difficulty {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl fmt::Display for Difficulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_known() { write!(f, "{:.3}", self.score()) } else { f.write_str("unknown") }
    }
}

impl From<Difficulty> for Told {
    fn from(difficulty: Difficulty) -> Self {
        Self { score: difficulty.score(), known: difficulty.is_known() }
    }
}

impl From<Told> for Difficulty {
    fn from(told: Told) -> Self {
        if told.known { Self::of(told.score) } else { Self::UNKNOWN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_harder_than_anything_known() {
        assert!(Difficulty::UNKNOWN > Difficulty::of(1.0) && Difficulty::of(1.0) > Difficulty::of(0.3));
        assert_eq!((Difficulty::UNKNOWN.score(), Difficulty::UNKNOWN.compared()), (1.0, u64::MAX));
        assert!(!Difficulty::of(f64::NAN).is_known() && Difficulty::of(7.0).is_known());
    }

    #[test]
    fn the_ledger_gives_back_what_it_was_told() {
        for difficulty in [Difficulty::UNKNOWN, Difficulty::of(0.0), Difficulty::of(0.4213), Difficulty::of(0.99999)] {
            let told = serde_json::to_string(&difficulty).expect("two fields");
            assert_eq!(serde_json::from_str::<Difficulty>(&told).expect("as told"), difficulty, "{told}");
        }
    }
}
