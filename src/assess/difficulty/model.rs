//! What was learnt, and what it says of a prompt.
//!
//! A prompt's difficulty is a sum of two opinions: that of its words, and that of the training prompts that are built
//! like it (`landmarks`). Both are quantized when they are learnt, so that the file and the memory hold the same model.

use super::shape::{Asked, FEATURES, Sight, see};
use super::words::scatter;
use crate::domain::Difficulty;

/// Features are kept in steps of this many standard deviations, within ±127 steps.
pub(super) const STEP: f32 = 3.0 / 127.0;
/// Rarities are kept in steps of this much.
pub(super) const RARITY_STEP: f32 = 1.0 / 16.0;

/// What was learnt from prompts and what came of them.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    /// How rare each word is, in [`RARITY_STEP`]s; 0: it was never seen.
    pub(super) rarity: Vec<u8>,
    /// What each word counts, in steps of `word_step`.
    pub(super) word_weights: Vec<i8>,
    pub(super) word_step: f32,
    /// One bit for each single word that at least two of the prompts had.
    pub(super) vocabulary: Vec<u64>,
    /// The same for pairs of words.
    pub(super) phrases: Vec<u64>,
    /// How each feature is made comparable with the others; a scale of 0 leaves it out.
    pub(super) scaling: Vec<Scaling>,
    /// Prompts that others are compared with: their features, one landmark behind the other.
    pub(super) landmarks: Vec<i8>,
    /// What each landmark counts.
    pub(super) landmark_weights: Vec<f32>,
    /// How near is near.
    pub(super) sharpness: f32,
    /// The kinds of prompts that were learnt from.
    pub(super) kinds: Vec<Kind>,
    /// What is said of a prompt of which nothing is known.
    pub(super) middle: f32,
    /// From what is learnt to a probability.
    pub(super) calibration: Calibration,
    /// Who trained it on what, as it was told; for those who look at the file.
    pub(super) summary: String,
}

/// `(value - mean) * scale`.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Scaling {
    pub(super) mean: f32,
    pub(super) scale: f32,
}

/// A logistic curve.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Calibration {
    pub(super) slope: f32,
    pub(super) offset: f32,
}

/// Prompts that are built alike: what is usual for each feature, and how much that differs within the kind.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Kind {
    pub(super) usual: Vec<f32>,
    /// One divided by how much it differs.
    pub(super) narrow: Vec<f32>,
    /// The group of examples that it is of, by number.
    pub(super) group: u32,
    /// How strange a prompt may be whose nearest kind this is.
    pub(super) limit: f32,
}

/// A feature that is further off than this many times its usual difference is simply wrong; one alone does not decide.
const WRONG: f32 = 16.0;

impl Kind {
    /// How unlike its kind a prompt is: 1 is as unlike as its members are on average.
    pub(super) fn distance(&self, shape: &[f32; FEATURES]) -> f32 {
        let parts = shape.iter().zip(&self.usual).zip(&self.narrow);
        let squares = parts.map(|((value, usual), narrow)| ((value - usual) * narrow).powi(2).min(WRONG));
        squares.sum::<f32>() / FEATURES as f32
    }
}

/// What is seen of a prompt before anything is said about it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reading {
    /// How much the large model is expected to gain, as learnt.
    pub gain: f32,
    /// How unlike all that was learnt from it is.
    pub strangeness: f32,
    /// How unlike it may be and still be known.
    pub limit: f32,
    /// Which group the nearest kind is of.
    pub(super) group: u32,
}

impl Reading {
    /// Whether such prompts were learnt from.
    pub fn is_known(&self) -> bool {
        self.strangeness <= self.limit
    }
}

/// What new words and new pairs of words count, beside the distance from the nearest kind. Found on sources that were left
/// out: an unknown sort of prompt is built in another way first of all, and then says other things.
const NEW_WORDS: f32 = 1.0;
const NEW_PAIRS: f32 = 1.5;

impl Model {
    /// How likely the large model is needed for this; unknown if nothing like it was learnt from.
    pub fn judge(&self, asked: Asked<'_>) -> Difficulty {
        let reading = self.read(asked);
        if reading.is_known() { Difficulty::of(self.probability(reading.gain)) } else { Difficulty::UNKNOWN }
    }

    /// What is seen of a prompt.
    pub fn read(&self, asked: Asked<'_>) -> Reading {
        self.read_sight(&see(asked))
    }

    /// The probability that this gain stands for.
    pub fn probability(&self, gain: f32) -> f64 {
        let Calibration { slope, offset } = self.calibration;
        1.0 / (1.0 + f64::from(-(slope * gain + offset)).exp())
    }

    /// Who trained it on what.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    pub(super) fn read_sight(&self, sight: &Sight) -> Reading {
        let of_words = self.of_words(&sight.words.buckets);
        let new_words = 1.0 - familiar(&self.vocabulary, &sight.words.singles);
        let new_pairs = 1.0 - familiar(&self.phrases, &sight.words.pairs);
        let of_landmarks = self.of_landmarks(&scaled(&self.scaling, &sight.shape));
        let (mut far, mut limit, mut group) = (f32::MAX, 0.0, 0);
        for kind in &self.kinds {
            let distance = kind.distance(&sight.shape);
            if distance < far {
                (far, limit, group) = (distance, kind.limit, kind.group);
            }
        }
        let strangeness = far + NEW_WORDS * new_words + NEW_PAIRS * new_pairs;
        Reading { gain: self.middle + of_words + of_landmarks, strangeness, limit, group }
    }

    fn of_words(&self, buckets: &[u32]) -> f32 {
        let (mut sum, mut square) = (0_i64, 0_u64);
        for &bucket in buckets {
            let (rarity, weight) = (self.rarity[bucket as usize], self.word_weights[bucket as usize]);
            sum += i64::from(rarity) * i64::from(weight);
            square += u64::from(rarity) * u64::from(rarity);
        }
        sum as f32 * self.word_step / (square as f32).sqrt().max(1.0)
    }

    fn of_landmarks(&self, features: &[i8; FEATURES]) -> f32 {
        let scale = self.sharpness * STEP * STEP / self.dimensions();
        let landmarks = self.landmarks.chunks_exact(FEATURES).zip(&self.landmark_weights);
        landmarks.map(|(landmark, weight)| (-scale * apart(landmark, features) as f32).exp() * weight).sum()
    }

    fn dimensions(&self) -> f32 {
        dimensions(&self.scaling)
    }
}

/// How many bits the vocabulary has, and the phrases.
pub(super) const VOCABULARY: usize = 1 << 16;
pub(super) const PHRASES: usize = 1 << 19;

/// Where a word's bit is in a table of `cells`.
pub(super) fn place_of(hash: u32, cells: usize) -> (usize, u64) {
    let place = scatter(hash) as usize % (cells * 64);
    (place / 64, 1 << (place % 64))
}

/// Which share of these a table has.
fn familiar(table: &[u64], hashes: &[u32]) -> f32 {
    let places = hashes.iter().map(|hash| place_of(*hash, table.len()));
    let known = places.filter(|(cell, bit)| table[*cell] & bit != 0).count();
    (known + 1) as f32 / (hashes.len() + 1) as f32
}

/// How many features count.
pub(super) fn dimensions(scaling: &[Scaling]) -> f32 {
    scaling.iter().filter(|scaling| scaling.scale > 0.0).count().max(1) as f32
}

/// Features made comparable, in [`STEP`]s.
pub(super) fn scaled(scaling: &[Scaling], shape: &[f32; FEATURES]) -> [i8; FEATURES] {
    let mut features = [0; FEATURES];
    for ((feature, value), Scaling { mean, scale }) in features.iter_mut().zip(shape).zip(scaling) {
        *feature = ((value - mean) * scale / STEP).round().clamp(-127.0, 127.0) as i8;
    }
    features
}

/// The square of the distance, in steps.
pub(super) fn apart(one: &[i8], other: &[i8]) -> i32 {
    let squares = one.iter().zip(other).map(|(one, other)| {
        let apart = i16::from(*one) - i16::from(*other);
        i32::from(apart) * i32::from(apart)
    });
    squares.sum()
}

/// The length of a text's words when each counts by its rarity.
pub(super) fn rarities(rarity: &[u8], buckets: &[u32]) -> f32 {
    let square: u64 = buckets.iter().map(|bucket| u64::from(rarity[*bucket as usize]).pow(2)).sum();
    (square as f32).sqrt().max(1.0)
}
