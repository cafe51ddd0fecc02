//! A model as a file: a head of text that says what it is, the numbers, and a checksum over both.

use sha2::{Digest, Sha256};

use super::model::{Calibration, Kind, Model, PHRASES, Scaling, VOCABULARY};
use super::shape::FEATURES;
use super::words::BUCKETS;

/// What every such file begins with. The number changes with whatever a prompt is seen as: words, features, scales.
const HEAD: &str = "weighbridge difficulty model 1\n";
/// No model is as large as this.
const MOST_BYTES: usize = 8 << 20;
/// How many numbers a kind has.
const KIND: usize = 2 * FEATURES + 2;
/// More landmarks would take too long for each prompt.
const MOST_LANDMARKS: usize = 4096;

impl Model {
    /// The file that holds this model. The same model makes the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(HEAD.as_bytes());
        out.extend_from_slice(self.summary.as_bytes());
        out.push(0);
        let counts = [BUCKETS, self.vocabulary.len(), FEATURES, self.landmark_weights.len(), self.kinds.len()];
        counts.iter().for_each(|count| out.extend_from_slice(&(*count as u32).to_le_bytes()));
        out.extend_from_slice(&self.rarity);
        out.extend(self.word_weights.iter().map(|weight| weight.cast_unsigned()));
        self.vocabulary.iter().chain(&self.phrases).for_each(|cell| out.extend_from_slice(&cell.to_le_bytes()));
        out.extend(self.landmarks.iter().map(|step| step.cast_unsigned()));
        let numbers = self.scaling.iter().flat_map(|scaling| [scaling.mean, scaling.scale]);
        let Calibration { slope, offset } = self.calibration;
        let single = [self.word_step, self.sharpness, self.middle, slope, offset];
        let kinds = self
            .kinds
            .iter()
            .flat_map(|kind| kind.usual.iter().chain(&kind.narrow).copied().chain([kind.group as f32, kind.limit]));
        let numbers = numbers.chain(kinds).chain(self.landmark_weights.iter().copied()).chain(single);
        numbers.for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        let sum = Sha256::digest(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// The model that a file holds.
    ///
    /// # Errors
    /// If it is no such file, of another version, or damaged: the text says which, and what to do.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MOST_BYTES {
            return Err(format!("it has {} bytes: no model has as many", bytes.len()));
        }
        let kind = HEAD.trim_end_matches(|c: char| !c.is_alphabetic());
        if !bytes.starts_with(kind.as_bytes()) {
            return Err("it is no model of difficulty; `weighbridge train` makes one".to_owned());
        }
        if !bytes.starts_with(HEAD.as_bytes()) {
            return Err(
                "it was made by another version of weighbridge; train it anew with `weighbridge train`".to_owned()
            );
        }
        let damaged = || "it is damaged: its checksum is another; copy it again or train it anew".to_owned();
        let (body, sum) = bytes.split_last_chunk::<32>().ok_or_else(damaged)?;
        if Sha256::digest(body).as_slice() != sum {
            return Err(damaged());
        }
        Source(&body[HEAD.len()..]).model().ok_or_else(|| "its parts do not fit together; train it anew".to_owned())
    }
}

/// What is left to read.
struct Source<'b>(&'b [u8]);

impl<'b> Source<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn count(&mut self) -> Option<usize> {
        let bytes = self.take(4)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    }

    fn numbers(&mut self, count: usize) -> Option<Vec<f32>> {
        let bytes = self.take(count.checked_mul(4)?)?;
        let numbers = bytes.chunks_exact(4).filter_map(|chunk| Some(f32::from_le_bytes(*chunk.first_chunk()?)));
        let numbers: Vec<f32> = numbers.filter(|number| number.is_finite()).collect();
        (numbers.len() == count).then_some(numbers)
    }

    fn cells(&mut self, count: usize) -> Option<Vec<u64>> {
        let chunks = self.take(count * 8)?.chunks_exact(8);
        Some(chunks.filter_map(|chunk| Some(u64::from_le_bytes(*chunk.first_chunk()?))).collect())
    }

    fn steps(&mut self, count: usize) -> Option<Vec<i8>> {
        Some(self.take(count)?.iter().map(|byte| byte.cast_signed()).collect())
    }

    fn model(mut self) -> Option<Model> {
        let length = memchr::memchr(0, self.0)?;
        let summary = String::from_utf8(self.take(length)?.to_vec()).ok()?;
        self.take(1)?;
        let counts = [self.count()?, self.count()?, self.count()?];
        let (landmarks, kinds) = (self.count()?, self.count()?);
        if counts != [BUCKETS, VOCABULARY / 64, FEATURES] || landmarks > MOST_LANDMARKS || kinds > MOST_LANDMARKS {
            return None;
        }
        let rarity = self.take(BUCKETS)?.to_vec();
        let word_weights = self.steps(BUCKETS)?;
        let vocabulary = self.cells(VOCABULARY / 64)?;
        let phrases = self.cells(PHRASES / 64)?;
        let positions = self.steps(landmarks * FEATURES)?;
        let scaling = self.numbers(2 * FEATURES)?;
        let scaling = scaling.chunks_exact(2).map(|pair| Scaling { mean: pair[0], scale: pair[1] }).collect();
        let kind = |numbers: &[f32]| {
            let (usual, rest) = numbers.split_at(FEATURES);
            let (narrow, rest) = rest.split_at(FEATURES);
            Kind { usual: usual.to_vec(), narrow: narrow.to_vec(), group: rest[0] as u32, limit: rest[1] }
        };
        let kinds = self.numbers(kinds * KIND)?.chunks_exact(KIND).map(kind).collect();
        let landmark_weights = self.numbers(landmarks)?;
        let single = self.numbers(5)?;
        let [word_step, sharpness, middle, slope, offset] = *single.first_chunk()?;
        (self.0.is_empty() && sharpness > 0.0).then_some(Model {
            rarity,
            word_weights,
            word_step,
            vocabulary,
            phrases,
            scaling,
            landmarks: positions,
            landmark_weights,
            sharpness,
            kinds,
            middle,
            calibration: Calibration { slope, offset },

            summary,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::train::sample;
    use super::*;

    #[test]
    fn a_file_gives_back_the_model() {
        let model = sample::model();
        let bytes = model.to_bytes();
        assert_eq!(Model::from_bytes(&bytes), Ok(model.clone()));
        assert_eq!(bytes, model.to_bytes());
    }

    #[test]
    fn a_file_that_is_not_whole_is_refused() {
        let bytes = sample::model().to_bytes();
        let refused = |bytes: &[u8], told: &str| {
            let error = Model::from_bytes(bytes).unwrap_err();
            assert!(error.contains(told), "{error}");
        };
        refused(b"PK\x03\x04", "no model");
        refused(&bytes[..bytes.len() - 1], "damaged");
        refused(&[], "no model");
        let mut turned = bytes.clone();
        turned[5000] ^= 1;
        refused(&turned, "damaged");
        let later = String::from_utf8_lossy(&bytes[..HEAD.len()]).replace('1', "7");
        refused(&[later.as_bytes(), &bytes[HEAD.len()..]].concat(), "another version");
    }
}
