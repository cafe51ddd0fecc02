//! How good scores are, on prompts that were not learnt from.

use serde::Serialize;

use super::{Draw, Example};

/// A figure, and the bounds between which nineteen of twenty resamples lie.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Interval {
    /// On all examples.
    pub value: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// How good the scores of a group of prompts are.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Measured {
    /// Which group; `all` for all together.
    pub group: String,
    /// How many prompts.
    pub prompts: usize,
    /// How well the small model does.
    pub small: f64,
    /// How well the large one does.
    pub large: f64,
    /// The share of the large model's gain that is had, averaged over every share of prompts that it is given: 0.5 is
    /// chance. `None`: the large model gains nothing here.
    pub apgr: Option<Interval>,
    /// The probability that a prompt which needs the large model ranks above one that does not.
    pub auroc: f64,
    /// How far stated probabilities are from what happens, on average over ten classes of them.
    pub calibration_error: f64,
    /// The mean square of that error for each prompt alone.
    pub brier: f64,
}

/// What is saved with a threshold that was fixed on other prompts.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Saving {
    /// Which share of the large model's quality the threshold was made for.
    pub wanted: f64,
    /// The threshold that all prompts together give: the large model from here on.
    pub threshold: f64,
    /// Which share of the prompts the small model answers.
    pub small_share: f64,
    /// Which share of the money is saved, compared with the large model for all.
    pub saved: Interval,
    /// Which share of the large model's quality is kept.
    pub kept: Interval,
}

/// How many resamples make an interval.
const RESAMPLES: usize = 400;

/// Each prompt's examples, and what was said of them by a model that did not learn from them.
pub(super) struct Judged<'e> {
    pub(super) examples: Vec<&'e Example>,
    pub(super) scores: Vec<f64>,
}

impl Judged<'_> {
    pub(super) fn measure(&self, group: &str, seed: u64) -> Measured {
        let all: Vec<usize> = (0..self.scores.len()).collect();
        let mean = |of: fn(&Example) -> f32| {
            self.examples.iter().map(|example| f64::from(of(example))).sum::<f64>() / all.len().max(1) as f64
        };
        let apgr = self.apgr(&all).map(|value| {
            let (low, high) = self.resampled(seed, |chosen| self.apgr(chosen));
            Interval { value, low, high }
        });
        Measured {
            group: group.to_owned(),
            prompts: all.len(),
            small: mean(|example| example.small),
            large: mean(|example| example.large),
            apgr,
            auroc: self.auroc(),
            calibration_error: self.calibration_error(),
            brier: self.brier(),
        }
    }

    /// The area under the share of the gain, prompts with equal scores in no order.
    fn apgr(&self, chosen: &[usize]) -> Option<f64> {
        let mut order: Vec<(f64, f64)> =
            chosen.iter().map(|at| (self.scores[*at], f64::from(self.examples[*at].gain()))).collect();
        order.sort_by(|one, other| other.0.total_cmp(&one.0));
        let gap: f64 = order.iter().map(|(_, gain)| gain).sum();
        if gap <= 0.0 {
            return None;
        }
        let (mut area, mut had) = (0.0, 0.0);
        for tie in order.chunk_by(|one, other| one.0 == other.0) {
            let more: f64 = tie.iter().map(|(_, gain)| gain).sum();
            area += (had + more / 2.0) * tie.len() as f64;
            had += more;
        }
        Some(area / gap / order.len() as f64)
    }

    fn auroc(&self) -> f64 {
        let mut order: Vec<(f64, f64)> =
            self.scores.iter().zip(&self.examples).map(|(score, example)| (*score, f64::from(example.need))).collect();
        order.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (mut below, mut right) = (0.0, 0.0);
        for tie in order.chunk_by(|one, other| one.0 == other.0) {
            let needs: f64 = tie.iter().map(|(_, need)| need).sum();
            let rest = tie.len() as f64 - needs;
            right += needs * (below + rest / 2.0);
            below += rest;
        }
        let needs: f64 = order.iter().map(|(_, need)| need).sum();
        right / (needs * below).max(f64::MIN_POSITIVE)
    }

    fn calibration_error(&self) -> f64 {
        let mut classes = [(0.0, 0.0); 10];
        for (score, example) in self.scores.iter().zip(&self.examples) {
            let class = &mut classes[((score * 10.0) as usize).min(9)];
            class.0 += score;
            class.1 += f64::from(example.need);
        }
        classes.iter().map(|(said, came)| (said - came).abs()).sum::<f64>() / self.scores.len().max(1) as f64
    }

    fn brier(&self) -> f64 {
        let squares = self.scores.iter().zip(&self.examples).map(|(score, example)| {
            let need = f64::from(example.need);
            // What is expected of a prompt that needs the large model in this share of its answers.
            need * (1.0 - score).powi(2) + (1.0 - need) * score.powi(2)
        });
        squares.sum::<f64>() / self.scores.len().max(1) as f64
    }

    /// The share of the large model's quality that is kept, and the share of its cost that is spent.
    fn outcome(&self, chosen: &[usize], thresholds: &[f64]) -> (f64, f64) {
        let (mut quality, mut best, mut cost, mut dearest) = (0.0, 0.0, 0.0, 0.0);
        for &at in chosen {
            let (example, is_large) = (self.examples[at], self.scores[at] >= thresholds[at]);
            quality += f64::from(if is_large { example.large } else { example.small });
            best += f64::from(example.large);
            cost += f64::from(if is_large { example.large_cost } else { example.small_cost });
            dearest += f64::from(example.large_cost);
        }
        (if best > 0.0 { quality / best } else { 1.0 }, if dearest > 0.0 { cost / dearest } else { 1.0 })
    }

    /// The highest threshold that keeps `wanted` of the quality on these prompts.
    fn threshold(&self, chosen: &[usize], wanted: f64) -> f64 {
        let mut order: Vec<usize> = chosen.to_vec();
        order.sort_by(|one, other| self.scores[*one].total_cmp(&self.scores[*other]));
        let best: f64 = order.iter().map(|at| f64::from(self.examples[*at].large)).sum();
        let (mut quality, mut threshold) = (best, 0.0);
        for tie in order.chunk_by(|one, other| self.scores[*one] == self.scores[*other]) {
            // From the most difficult on: the small model takes those below.
            if quality >= wanted * best {
                threshold = self.scores[tie[0]];
            }
            quality -= tie.iter().map(|at| f64::from(self.examples[*at].gain())).sum::<f64>();
        }
        if quality >= wanted * best { f64::from(crate::domain::Difficulty::WHOLE) } else { threshold }
    }

    /// What is saved if each part's threshold is fixed on the other parts.
    pub(super) fn saving(&self, wanted: f64, parts: &[u64], count: u64, seed: u64) -> Saving {
        let all: Vec<usize> = (0..self.scores.len()).collect();
        let fixed: Vec<f64> = (0..count)
            .map(|part| {
                let others: Vec<usize> = all.iter().copied().filter(|at| parts[*at] != part).collect();
                self.threshold(&others, wanted)
            })
            .collect();
        let thresholds: Vec<f64> = parts.iter().map(|part| fixed[*part as usize]).collect();
        let (kept, spent) = self.outcome(&all, &thresholds);
        let (kept_low, kept_high) = self.resampled(seed, |chosen| Some(self.outcome(chosen, &thresholds).0));
        let (low, high) = self.resampled(seed, |chosen| Some(1.0 - self.outcome(chosen, &thresholds).1));
        let small = all.iter().filter(|at| self.scores[**at] < thresholds[**at]).count();
        Saving {
            wanted,
            threshold: self.threshold(&all, wanted).min(1.0),
            small_share: small as f64 / all.len().max(1) as f64,
            saved: Interval { value: 1.0 - spent, low, high },
            kept: Interval { value: kept, low: kept_low, high: kept_high },
        }
    }

    /// Between which bounds a figure lies if whole clusters are drawn again and again.
    fn resampled(&self, seed: u64, figure: impl Fn(&[usize]) -> Option<f64>) -> (f64, f64) {
        let mut clusters: std::collections::BTreeMap<&str, Vec<usize>> = std::collections::BTreeMap::new();
        for (at, example) in self.examples.iter().enumerate() {
            clusters.entry(&example.cluster).or_default().push(at);
        }
        let clusters: Vec<Vec<usize>> = clusters.into_values().collect();
        let mut draw = Draw(seed);
        let mut figures: Vec<f64> = (0..RESAMPLES)
            .filter_map(|_| {
                let drawn = (0..clusters.len()).flat_map(|_| &clusters[draw.below(clusters.len())]);
                figure(&drawn.copied().collect::<Vec<usize>>())
            })
            .collect();
        figures.sort_by(f64::total_cmp);
        let bound = |share: f64| {
            let place = (share * figures.len() as f64) as usize;
            figures.get(place.min(figures.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
        };
        (bound(0.025), bound(0.975))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(gains: &[f32]) -> Vec<Example> {
        let example = |(at, gain): (usize, &f32)| Example {
            small: 1.0 - gain,
            large: 1.0,
            need: *gain,
            small_cost: 0.1,
            large_cost: 1.0,
            cluster: at.to_string(),
            ..Example::default()
        };
        gains.iter().enumerate().map(example).collect()
    }

    fn judged<'e>(examples: &'e [Example], scores: &[f64]) -> Judged<'e> {
        Judged { examples: examples.iter().collect(), scores: scores.to_vec() }
    }

    #[test]
    fn who_knows_everything_has_the_whole_gain_early() {
        let examples = examples(&[1.0, 0.0, 0.0, 0.0]);
        let apgr = |scores: &[f64]| judged(&examples, scores).measure("all", 1).apgr.unwrap().value;
        assert_eq!(apgr(&[0.9, 0.1, 0.2, 0.3]), 0.875);
        assert_eq!(apgr(&[0.0, 0.1, 0.2, 0.3]), 0.125);
        assert_eq!(apgr(&[0.5; 4]), 0.5, "equal scores are chance");
        assert_eq!(judged(&examples, &[0.9, 0.1, 0.2, 0.3]).auroc(), 1.0);
        assert_eq!(judged(&examples, &[0.5; 4]).auroc(), 0.5);
    }

    #[test]
    fn a_threshold_keeps_what_it_was_made_for() {
        let examples = examples(&[0.0, 0.0, 1.0, 1.0, 0.0, 1.0]);
        let judged = judged(&examples, &[0.1, 0.2, 0.3, 0.6, 0.4, 0.9]);
        let all: Vec<usize> = (0..6).collect();
        assert_eq!(judged.threshold(&all, 1.0), 0.3);
        assert_eq!(judged.threshold(&all, 0.8), 0.6, "one of six may be worse");
        assert!(judged.threshold(&all, 0.4) > 1.0, "then the small model takes all");
        let (kept, spent) = judged.outcome(&all, &[0.3; 6]);
        assert_eq!((kept, (spent * 60.0).round()), (1.0, 42.0));
    }

    #[test]
    fn said_and_done_is_calibrated() {
        let examples = examples(&[0.0, 1.0, 0.0, 1.0]);
        assert!(judged(&examples, &[0.5; 4]).calibration_error() < 1e-9);
        assert!((judged(&examples, &[0.9; 4]).calibration_error() - 0.4).abs() < 1e-9);
    }
}
