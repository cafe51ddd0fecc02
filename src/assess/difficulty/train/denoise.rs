//! One answer of two models is mostly luck. Where other models were asked the same, what they did tells which part of
//! it is the prompt's.

use std::collections::BTreeMap;

use super::solve::Triangle;
use super::{Example, digest};

/// Fewer other models tell nothing.
const LEAST_MODELS: usize = 4;
/// Fewer examples than this cannot tell what the other models say about the two.
const LEAST_EXAMPLES: usize = 60;
/// How the examples are divided, so that none tells about itself.
const PARTS: u64 = 8;
/// How much the relation between models is held back.
const PENALTY: f64 = 20.0;
/// How much the two models' own answers count beside what the others tell.
const OWN: f32 = 0.5;

/// The gain of the large model for each of `chosen`, with less luck in it.
pub(super) fn gains(examples: &[Example], chosen: &[usize]) -> Vec<f32> {
    let mut gains: Vec<f32> = chosen.iter().map(|at| examples[*at].gain()).collect();
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, at) in chosen.iter().enumerate() {
        groups.entry(&examples[*at].group).or_default().push(place);
    }
    for places in groups.into_values() {
        let models = places.iter().map(|place| examples[chosen[*place]].others.len()).min().unwrap_or(0);
        if models >= LEAST_MODELS && places.len() >= LEAST_EXAMPLES {
            let members: Vec<&Example> = places.iter().map(|place| &examples[chosen[*place]]).collect();
            for (place, told) in places.iter().zip(told(&members, models)) {
                gains[*place] = OWN * gains[*place] + (1.0 - OWN) * told;
            }
        }
    }
    gains
}

/// What the other models tell about each one's gain, learnt from the rest.
fn told(members: &[&Example], models: usize) -> Vec<f32> {
    let part = |member: &Example| digest(&member.cluster) / 7 % PARTS;
    let parts: Vec<u64> = members.iter().map(|member| part(member)).collect();
    let mut told = vec![0.0; members.len()];
    for left_out in 0..PARTS {
        let rest = || members.iter().zip(&parts).filter(|(_, part)| **part != left_out).map(|(member, _)| *member);
        let count = rest().count().max(1) as f64;
        let mean = |of: &dyn Fn(&Example) -> f32| rest().map(|member| f64::from(of(member))).sum::<f64>() / count;
        let middle = mean(&Example::gain);
        let means: Vec<f64> = (0..models).map(|model| mean(&|member| member.others[model])).collect();
        let centred = |member: &Example| -> Vec<f64> {
            member.others[..models].iter().zip(&means).map(|(score, mean)| f64::from(*score) - mean).collect()
        };
        let mut matrix = vec![0.0; models * models];
        let mut weights = vec![0.0; models];
        for member in rest() {
            let scores = centred(member);
            let gain = f64::from(member.gain()) - middle;
            for (row, score) in scores.iter().enumerate() {
                weights[row] += score * gain;
                let cells = &mut matrix[row * models..=row * models + row];
                cells.iter_mut().zip(&scores).for_each(|(cell, other)| *cell += score * other);
            }
        }
        (0..models).for_each(|model| matrix[model * models + model] += PENALTY);
        let triangle = Triangle::of(matrix, models);
        triangle.forward(&mut weights);
        triangle.backward(&mut weights);
        for ((member, part), told) in members.iter().zip(&parts).zip(&mut told) {
            if *part == left_out {
                let sum: f64 = centred(member).iter().zip(&weights).map(|(score, weight)| score * weight).sum();
                *told = (middle + sum) as f32;
            }
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_models_find_hard_is_told_from_luck() {
        let mut draw = super::super::Draw(3);
        let mut coin = |chance: f32| f32::from(u8::from((draw.below(1000) as f32) < chance * 1000.0));
        let examples: Vec<Example> = (0..400)
            .map(|number| {
                let small = if number % 2 == 0 { 0.9 } else { 0.3 };
                let others = (0..12).map(|_| coin(small)).collect();
                let (small, cluster) = (coin(small), number.to_string());
                Example { small, large: 1.0, others, cluster, group: "g".into(), ..Example::default() }
            })
            .collect();
        let chosen: Vec<usize> = (0..examples.len()).collect();
        let error = |gains: Vec<f32>| -> f32 {
            let truth = |at: usize| if at.is_multiple_of(2) { 0.1 } else { 0.7 };
            gains.iter().enumerate().map(|(at, gain)| (gain - truth(at)).powi(2)).sum::<f32>()
        };
        let raw = error(examples.iter().map(Example::gain).collect());
        assert!(error(gains(&examples, &chosen)) < 0.5 * raw);
    }
}
