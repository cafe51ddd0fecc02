//! One model from examples.

use std::collections::HashMap;

use super::solve::{Rows, Triangle};
use super::{Draw, Example, denoise, kinds};
use crate::assess::difficulty::model::{
    Calibration, Kind, Model, PHRASES, RARITY_STEP, STEP, Scaling, VOCABULARY, apart, dimensions, place_of, rarities,
    scaled,
};
use crate::assess::difficulty::shape::{Asked, FEATURES, Sight, see};
use crate::assess::difficulty::words::{BUCKETS, Words};

/// With how many prompts others are compared.
const LANDMARKS: usize = 320;
/// A feature that hardly differs tells nothing.
const LEAST_SPREAD: f32 = 0.01;
/// What a prompt's copy without its tools counts.
const COPY: f32 = 0.3;

/// What there is to choose: how near is near, and how much the model is held back.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Choice {
    pub(super) sharpness: f32,
    pub(super) penalty: f32,
}

/// A prompt, looked at.
pub(super) struct Seen {
    /// Which example it is.
    pub(super) example: usize,
    pub(super) sight: Sight,
    /// Whether it is the example as it was asked, not its copy without tools.
    pub(super) is_whole: bool,
}

/// Every example, and those with tools once more without them: a model that knows both does not take the one for the
/// other.
pub(super) fn look(examples: &[Example]) -> Vec<Seen> {
    let mut all = Vec::with_capacity(examples.len());
    for (example, one) in examples.iter().enumerate() {
        all.push(Seen { example, sight: see(Asked { text: &one.text, tools: &one.tools }), is_whole: true });
        if !one.tools.is_empty() {
            all.push(Seen { example, sight: see(Asked { text: &one.text, tools: "" }), is_whole: false });
        }
    }
    all
}

/// What is learnt before there is anything to choose.
pub(super) struct Ground<'s> {
    seen: Vec<&'s Seen>,
    wanted: Vec<f32>,
    weights: Vec<f32>,
    rarity: Vec<u8>,
    vocabulary: Vec<u64>,
    phrases: Vec<u64>,
    scaling: Vec<Scaling>,
    features: Vec<[i8; FEATURES]>,
    landmarks: Vec<usize>,
    kinds: Vec<Kind>,
    middle: f32,
}

impl<'s> Ground<'s> {
    /// Learns from the examples that `is_chosen` names.
    pub(super) fn of(examples: &[Example], all: &'s [Seen], is_chosen: &dyn Fn(usize) -> bool, seed: u64) -> Self {
        let chosen: Vec<usize> = (0..examples.len()).filter(|example| is_chosen(*example)).collect();
        let gains: HashMap<usize, f32> = chosen.iter().copied().zip(denoise::gains(examples, &chosen)).collect();
        let seen: Vec<&Seen> = all.iter().filter(|seen| is_chosen(seen.example)).collect();
        let weights: Vec<f32> = seen.iter().map(|seen| if seen.is_whole { 1.0 } else { COPY }).collect();
        let total: f32 = weights.iter().sum();
        let raw: Vec<f32> = seen.iter().map(|seen| gains[&seen.example]).collect();
        let middle = raw.iter().zip(&weights).map(|(gain, weight)| gain * weight).sum::<f32>() / total.max(1.0);
        let scaling = scaling(&seen);
        let features: Vec<[i8; FEATURES]> = seen.iter().map(|seen| scaled(&scaling, &seen.sight.shape)).collect();
        let vocabulary = common(&seen, VOCABULARY, |words| &words.singles);
        let phrases = common(&seen, PHRASES, |words| &words.pairs);
        let rarity = rarity(&seen);
        Self {
            wanted: raw.iter().map(|gain| gain - middle).collect(),
            weights,
            rarity,
            vocabulary,
            phrases,
            landmarks: landmarks(seen.len(), seed),
            kinds: kinds::of(examples, &seen, &features, &scaling, seed),
            scaling,
            features,
            middle,
            seen,
        }
    }

    /// The models of several choices; those that share a sharpness share most of the work.
    pub(super) fn models(&self, choices: &[Choice]) -> Vec<Model> {
        let mut sharpnesses: Vec<f32> = choices.iter().map(|choice| choice.sharpness).collect();
        sharpnesses.dedup();
        let (starts, places, numbers) = self.word_rows();
        let mut models = Vec::with_capacity(choices.len());
        for sharpness in sharpnesses {
            let (triangle, dense) = self.likenesses(sharpness);
            let width = self.landmarks.len();
            let rows =
                Rows { starts: &starts, places: &places, numbers: &numbers, sparse: BUCKETS, dense: &dense, width };
            for choice in choices.iter().filter(|choice| choice.sharpness == sharpness) {
                let solution = rows.fit(&self.wanted, &self.weights, choice.penalty);
                models.push(self.model(&solution, &triangle, sharpness));
            }
        }
        models
    }

    fn word_rows(&self) -> (Vec<usize>, Vec<u32>, Vec<f32>) {
        let (mut starts, mut places, mut numbers) = (vec![0], Vec::new(), Vec::new());
        for seen in &self.seen {
            let buckets = &seen.sight.words.buckets;
            let length = rarities(&self.rarity, buckets);
            places.extend_from_slice(buckets);
            numbers.extend(buckets.iter().map(|bucket| f32::from(self.rarity[*bucket as usize]) / length));
            starts.push(places.len());
        }
        (starts, places, numbers)
    }

    /// How like each prompt is to each landmark, turned so that the penalty is the kernel's.
    fn likenesses(&self, sharpness: f32) -> (Triangle, Vec<f32>) {
        let scale = sharpness * STEP * STEP / dimensions(&self.scaling);
        let like = |one: usize, other: usize| {
            f64::from((-scale * apart(&self.features[one], &self.features[other]) as f32).exp())
        };
        let size = self.landmarks.len();
        let mut matrix = vec![0.0; size * size];
        for (row, one) in self.landmarks.iter().enumerate() {
            for (column, other) in self.landmarks[..=row].iter().enumerate() {
                matrix[row * size + column] = like(*one, *other) + if row == column { 1e-3 } else { 0.0 };
            }
        }
        let triangle = Triangle::of(matrix, size);
        let mut dense = Vec::with_capacity(self.seen.len() * size);
        for one in 0..self.seen.len() {
            let mut row: Vec<f64> = self.landmarks.iter().map(|landmark| like(one, *landmark)).collect();
            triangle.forward(&mut row);
            dense.extend(row.iter().map(|likeness| *likeness as f32));
        }
        (triangle, dense)
    }

    fn model(&self, solution: &[f32], triangle: &Triangle, sharpness: f32) -> Model {
        let (of_words, of_landmarks) = solution.split_at(BUCKETS);
        let mut weights: Vec<f64> = of_landmarks.iter().map(|weight| f64::from(*weight)).collect();
        triangle.backward(&mut weights);
        let largest = of_words.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
        let word_step = (largest / 127.0).max(f32::MIN_POSITIVE);
        Model {
            rarity: self.rarity.clone(),
            word_weights: of_words.iter().map(|weight| (weight / word_step).round() as i8).collect(),
            word_step,
            vocabulary: self.vocabulary.clone(),
            phrases: self.phrases.clone(),
            scaling: self.scaling.clone(),
            landmarks: self.landmarks.iter().flat_map(|landmark| self.features[*landmark]).collect(),
            landmark_weights: weights.iter().map(|weight| *weight as f32).collect(),
            sharpness,
            kinds: self.kinds.clone(),
            middle: self.middle,
            calibration: Calibration { slope: 1.0, offset: 0.0 },
            summary: String::new(),
        }
    }
}

/// Which prompts are landmarks: drawn, without putting any back.
fn landmarks(count: usize, seed: u64) -> Vec<usize> {
    let mut draw = Draw(seed);
    let mut places: Vec<usize> = (0..count).collect();
    let wanted = LANDMARKS.min(count);
    for place in 0..wanted {
        let other = place + draw.below(count - place);
        places.swap(place, other);
    }
    places.truncate(wanted);
    places
}

fn scaling(seen: &[&Seen]) -> Vec<Scaling> {
    let count = seen.len().max(1) as f64;
    (0..FEATURES)
        .map(|feature| {
            let values = || seen.iter().map(|seen| f64::from(seen.sight.shape[feature]));
            let mean = values().sum::<f64>() / count;
            let spread = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt() as f32;
            let scale = if spread > LEAST_SPREAD { 1.0 / spread } else { 0.0 };
            Scaling { mean: mean as f32, scale }
        })
        .collect()
}

/// How rare each word or pair is.
fn rarity(seen: &[&Seen]) -> Vec<u8> {
    let mut having = vec![0_u32; BUCKETS];
    let whole = || seen.iter().filter(|seen| seen.is_whole);
    for seen in whole() {
        seen.sight.words.buckets.iter().for_each(|bucket| having[*bucket as usize] += 1);
    }
    let count = whole().count() as f32;
    let rarity = having.iter().map(|having| match having {
        0 => 0,
        having => (((1.0 + count) / (1.0 + *having as f32)).ln() / RARITY_STEP).round().clamp(1.0, 255.0) as u8,
    });
    rarity.collect()
}

/// A table of `bits` with those set that at least two prompts have.
fn common(seen: &[&Seen], bits: usize, of: fn(&Words) -> &Vec<u32>) -> Vec<u64> {
    let mut having: HashMap<u32, u32> = HashMap::new();
    for seen in seen.iter().filter(|seen| seen.is_whole) {
        of(&seen.sight.words).iter().for_each(|hash| *having.entry(*hash).or_default() += 1);
    }
    let mut table = vec![0_u64; bits / 64];
    for (hash, _) in having.iter().filter(|(_, having)| **having >= 2) {
        let (cell, bit) = place_of(*hash, table.len());
        table[cell] |= bit;
    }
    table
}
