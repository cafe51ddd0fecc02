//! The kinds of prompts among the examples, so that a prompt of none of them is known as a stranger.

use std::collections::BTreeMap;

use super::fit::Seen;
use super::{Draw, Example};
use crate::assess::difficulty::model::{Kind, Scaling, apart};
use crate::assess::difficulty::shape::FEATURES;

/// A kind has about so many prompts …
const SIZE: usize = 60;
/// … and a group at most so many kinds.
const MOST_OF_A_GROUP: usize = 8;
/// How often prompts change to the kind that is nearest.
const ROUNDS: usize = 8;
/// A feature differs within a kind by at least this share of its difference among all …
const LEAST_SHARE: f32 = 0.15;
/// … and by at least this much, so that what was never seen counts as strange.
const LEAST_SPREAD: f32 = 0.05;

/// The kinds of each group, found by letting prompts gather around those that are far from each other.
pub(super) fn of(
    examples: &[Example],
    seen: &[&Seen],
    features: &[[i8; FEATURES]],
    scaling: &[Scaling],
    seed: u64,
) -> Vec<Kind> {
    let mut groups: BTreeMap<(&str, bool), Vec<usize>> = BTreeMap::new();
    for (place, one) in seen.iter().enumerate() {
        groups.entry((&examples[one.example].group, one.is_whole)).or_default().push(place);
    }
    let mut kinds = Vec::new();
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    for ((group, _), members) in groups {
        let next = numbers.len() as u32;
        let group = *numbers.entry(group).or_insert(next);
        for part in gathered(&members, features, seed) {
            kinds.push(kind(&part, seen, scaling, group));
        }
    }
    kinds
}

fn gathered(members: &[usize], features: &[[i8; FEATURES]], seed: u64) -> Vec<Vec<usize>> {
    let wanted = (members.len() / SIZE).clamp(1, MOST_OF_A_GROUP);
    let mut draw = Draw(seed);
    let mut centres = vec![features[members[draw.below(members.len())]]];
    while centres.len() < wanted {
        // Drawn in proportion to the distance from those that are there.
        let distance =
            |place: &usize| centres.iter().map(|centre| apart(centre, &features[*place]) as u64).min().unwrap_or(0);
        let distances: Vec<u64> = members.iter().map(distance).collect();
        let sum: u64 = distances.iter().sum();
        if sum == 0 {
            break;
        }
        let mut left = draw.next() % sum;
        let chosen = distances.iter().position(|distance| {
            let here = left < *distance;
            left = left.saturating_sub(*distance);
            here
        });
        centres.push(features[members[chosen.unwrap_or(0)]]);
    }
    let mut parts = Vec::new();
    for _ in 0..ROUNDS {
        parts = vec![Vec::new(); centres.len()];
        for place in members {
            let nearest = (0..centres.len()).min_by_key(|centre| apart(&centres[*centre], &features[*place]));
            parts[nearest.unwrap_or(0)].push(*place);
        }
        for (centre, part) in centres.iter_mut().zip(&parts).filter(|(_, part)| !part.is_empty()) {
            for (feature, value) in centre.iter_mut().enumerate() {
                let sum: i64 = part.iter().map(|place| i64::from(features[*place][feature])).sum();
                *value = (sum / part.len() as i64) as i8;
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn kind(part: &[usize], seen: &[&Seen], scaling: &[Scaling], group: u32) -> Kind {
    let count = part.len() as f32;
    let (mut usual, mut narrow) = (Vec::with_capacity(FEATURES), Vec::with_capacity(FEATURES));
    for (feature, Scaling { scale, .. }) in scaling.iter().enumerate() {
        let values = || part.iter().map(|place| seen[*place].sight.shape[feature]);
        let mean = values().sum::<f32>() / count;
        let spread = (values().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt();
        let among_all = if *scale > 0.0 { 1.0 / scale } else { 0.0 };
        usual.push(mean);
        narrow.push(1.0 / spread.max(LEAST_SHARE * among_all).max(LEAST_SPREAD));
    }
    Kind { usual, narrow, group, limit: f32::MAX }
}
