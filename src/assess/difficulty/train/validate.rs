//! Learns, and asks the model about prompts that it did not learn from: once for each part of the examples, and for the
//! bounds of what it knows once for each group.

use std::collections::BTreeSet;
use std::thread;

use serde::Serialize;

use super::fit::{Choice, Ground, Seen, look};
use super::measure::Judged;
use super::{Example, LEAST_EXAMPLES, LEAST_OF_EACH, Measured, Plan, Saving, digest};
use crate::assess::difficulty::model::{Calibration, Model, Reading};

/// Into how many parts the examples are divided.
const PARTS: u64 = 5;
/// What is tried; which is best the examples themselves tell.
const CHOICES: [Choice; 6] = [
    Choice { sharpness: 1.4, penalty: 3.0 },
    Choice { sharpness: 1.4, penalty: 10.0 },
    Choice { sharpness: 1.4, penalty: 30.0 },
    Choice { sharpness: 0.35, penalty: 3.0 },
    Choice { sharpness: 0.35, penalty: 10.0 },
    Choice { sharpness: 0.35, penalty: 30.0 },
];
/// Which share of prompts like those learnt from may be taken for strangers: they get the large model, which costs a
/// little; a stranger that is taken for known may get a wrong answer.
const STRANGERS: f64 = 0.05;

/// What was found while learning.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// How many examples there are.
    pub examples: usize,
    /// How many of them need the large model.
    pub need_large: f64,
    /// Of all together, and of each group if there are several.
    pub measured: Vec<Measured>,
    /// What is saved at 95 % and at 99 % of the large model's quality.
    pub savings: Vec<Saving>,
    /// Which share of each group would be known to a model that never saw that group.
    pub strangers: Vec<Stranger>,
    /// Which share of prompts that were not learnt from is known, although the like of them was.
    pub known: f64,
    /// What speaks against using the model; empty if nothing does.
    pub objections: Vec<String>,
}

/// A group of prompts, asked of a model that learnt from all others.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Stranger {
    /// Which group.
    pub group: String,
    /// Which share of it is taken as known.
    pub known: f64,
    /// How good the scores are, those of strangers all being 1.
    pub apgr: Option<super::Interval>,
}

/// What is said of each example by a model that did not learn from it.
struct Unseen {
    readings: Vec<Reading>,
    scores: Vec<f64>,
    parts: Vec<u64>,
    curve: Calibration,
    best: Choice,
}

/// Learns from the examples. The report is about prompts that were not learnt from; the model learns from all.
///
/// # Errors
/// If there are too few examples to learn anything from.
pub fn train(examples: &[Example], plan: &Plan) -> Result<(Model, Report, Vec<f64>), String> {
    enough(examples)?;
    let all = look(examples);
    let unseen = unseen(examples, &all, plan.seed);
    let ground = Ground::of(examples, &all, &|_| true, plan.seed);
    let mut model = ground.models(&[unseen.best]).remove(0);
    model.calibration = unseen.curve;
    set_limits(&mut model, &unseen.readings);
    model.summary.clone_from(&plan.summary);
    let report = report(examples, &all, &unseen, &model, plan);
    Ok((model, report, unseen.scores))
}

fn enough(examples: &[Example]) -> Result<(), String> {
    let need = examples.iter().filter(|example| example.need > 0.5).count();
    let few = if examples.len() < LEAST_EXAMPLES {
        Some(format!("{} examples are too few to learn from: {LEAST_EXAMPLES} at least", examples.len()))
    } else if need.min(examples.len() - need) < LEAST_OF_EACH {
        let rest = examples.len() - need;
        Some(format!(
            "{need} examples need the large model and {rest} do not: of each there must be {LEAST_OF_EACH} at least"
        ))
    } else {
        None
    };
    few.map_or(Ok(()), Err)
}

fn part_of(example: &Example) -> u64 {
    digest(&example.cluster) % PARTS
}

/// What the model of the best choice says of the part that it did not learn from.
fn unseen(examples: &[Example], all: &[Seen], seed: u64) -> Unseen {
    let parts: Vec<u64> = examples.iter().map(part_of).collect();
    let middle = examples.iter().map(Example::gain).sum::<f32>() / examples.len() as f32;
    let of_part = |part: u64| {
        let ground = Ground::of(examples, all, &|example| parts[example] != part, seed);
        let mut models = ground.models(&CHOICES);
        // What was left out has another mean than the rest, in the other direction: it must not rank the parts.
        models.iter_mut().for_each(|model| model.middle = middle);
        let asked = || all.iter().filter(|seen| seen.is_whole && parts[seen.example] == part);
        models.iter().map(|model| asked().map(|seen| (seen.example, model.read_sight(&seen.sight))).collect()).collect()
    };
    let told: Vec<Vec<Vec<(usize, Reading)>>> = side_by_side(PARTS, &of_part);
    let nothing = Reading { gain: 0.0, strangeness: 0.0, limit: 0.0, group: 0 };
    let mut by_choice = vec![vec![nothing; examples.len()]; CHOICES.len()];
    for (choice, readings) in told.iter().flat_map(|part| part.iter().enumerate()) {
        readings.iter().for_each(|(example, reading)| by_choice[choice][*example] = *reading);
    }
    let error = |choice: usize| -> f64 {
        let pairs = by_choice[choice].iter().zip(examples);
        pairs.map(|(reading, example)| f64::from(reading.gain - example.gain()).powi(2)).sum()
    };
    let best = || (0..CHOICES.len()).min_by(|one, other| error(*one).total_cmp(&error(*other))).unwrap_or(0);
    let best = best();
    // One curve for all parts: it has two figures, and a curve of its own for each part would rank the parts by luck.
    let readings = by_choice.swap_remove(best);
    let gains: Vec<f32> = readings.iter().map(|reading| reading.gain).collect();
    let needs: Vec<f32> = examples.iter().map(|example| example.need).collect();
    let curve = calibrate(&gains, &needs);
    let scores = gains.iter().map(|gain| at(curve, *gain)).collect();
    Unseen { readings, scores, parts, curve, best: CHOICES[best] }
}

/// Does the work of each part on as many processors as there are; the order of the results is that of the parts.
fn side_by_side<T: Send>(parts: u64, work: &(dyn Fn(u64) -> T + Sync)) -> Vec<T> {
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    let mut done = Vec::new();
    let numbers: Vec<u64> = (0..parts).collect();
    for some in numbers.chunks(at_once) {
        thread::scope(|scope| {
            let running: Vec<_> = some.iter().map(|part| scope.spawn(move || work(*part))).collect();
            done.extend(running.into_iter().map(|one| one.join().expect("learning panics only on a bug")));
        });
    }
    done
}

fn at(curve: Calibration, gain: f32) -> f64 {
    1.0 / (1.0 + f64::from(-(curve.slope * gain + curve.offset)).exp())
}

/// The logistic curve that makes probabilities of gains, by Newton's method. It never falls: a model that is wrong about
/// everything is not turned round.
fn calibrate(gains: &[f32], needs: &[f32]) -> Calibration {
    let (mut slope, mut offset) = (1.0_f64, 0.0_f64);
    for _ in 0..50 {
        // A weak pull towards a slope of 1 keeps few examples from a certainty that they do not give.
        let (mut g, mut h) = ([slope - 1.0, 0.0], [1.0, 0.0, 1e-6]);
        for (gain, need) in gains.iter().zip(needs) {
            let gain = f64::from(*gain);
            let said = 1.0 / (1.0 + (-(slope * gain + offset)).exp());
            let (error, spread) = (said - f64::from(*need), said * (1.0 - said));
            g = [g[0] + error * gain, g[1] + error];
            h = [h[0] + spread * gain * gain, h[1] + spread * gain, h[2] + spread];
        }
        let determinant = h[0] * h[2] - h[1] * h[1];
        let step = [(h[2] * g[0] - h[1] * g[1]) / determinant, (h[0] * g[1] - h[1] * g[0]) / determinant];
        slope -= step[0].clamp(-2.0, 2.0);
        offset -= step[1].clamp(-2.0, 2.0);
        if step[0].abs() + step[1].abs() < 1e-9 {
            break;
        }
    }
    Calibration { slope: slope.max(1e-3) as f32, offset: offset as f32 }
}

/// A group with fewer prompts than this cannot tell what is usual in it.
const LEAST_OF_A_GROUP: usize = 40;

/// Each kind's limit is the strangeness that few prompts near its group have, as seen by models that did not learn from
/// them.
fn set_limits(model: &mut Model, readings: &[Reading]) {
    let limit = |of: &dyn Fn(&Reading) -> bool| {
        let mut values: Vec<f32> =
            readings.iter().filter(|reading| of(reading)).map(|reading| reading.strangeness).collect();
        values.sort_by(f32::total_cmp);
        let place = ((1.0 - STRANGERS) * values.len() as f64) as usize;
        let enough = values.len() >= LEAST_OF_A_GROUP;
        values.get(place.min(values.len().saturating_sub(1))).copied().filter(|_| enough)
    };
    let of_all = limit(&|_| true).unwrap_or(f32::MAX);
    for kind in &mut model.kinds {
        kind.limit = limit(&|reading| reading.group == kind.group).unwrap_or(of_all).min(of_all);
    }
}

fn report(examples: &[Example], all: &[Seen], unseen: &Unseen, model: &Model, plan: &Plan) -> Report {
    let groups: BTreeSet<&str> = examples.iter().map(|example| example.group.as_str()).collect();
    let judged = |of: &dyn Fn(&Example) -> bool| {
        let chosen: Vec<usize> = (0..examples.len()).filter(|at| of(&examples[*at])).collect();
        let scores = chosen.iter().map(|at| unseen.scores[*at]).collect();
        Judged { examples: chosen.iter().map(|at| &examples[*at]).collect(), scores }
    };
    let whole = judged(&|_| true);
    let mut measured = vec![whole.measure("all", plan.seed)];
    if groups.len() > 1 {
        measured.extend(groups.iter().map(|group| judged(&|one| one.group == *group).measure(group, plan.seed)));
    }
    let savings = [0.95, 0.99].map(|wanted| whole.saving(wanted, &unseen.parts, PARTS, plan.seed)).to_vec();
    let within = |reading: &&Reading| {
        let mut kinds = model.kinds.iter();
        kinds.find(|kind| kind.group == reading.group).is_none_or(|kind| reading.strangeness <= kind.limit)
    };
    let known = unseen.readings.iter().filter(within).count();
    let strangers = if groups.len() > 1 { strangers(examples, all, &groups, unseen.best, plan) } else { Vec::new() };
    Report {
        examples: examples.len(),
        need_large: examples.iter().map(|example| f64::from(example.need)).sum::<f64>() / examples.len() as f64,
        objections: objections(&measured[0]),
        measured,
        savings,
        strangers,
        known: known as f64 / examples.len() as f64,
    }
}

fn objections(all: &Measured) -> Vec<String> {
    match all.apgr {
        None => vec!["the large model does not do better than the small one on these prompts".to_owned()],
        Some(apgr) if apgr.low <= 0.5 => vec![format!(
            "it cannot be told from chance: APGR {:.3} with an interval from {:.3} to {:.3}",
            apgr.value, apgr.low, apgr.high
        )],
        Some(_) => Vec::new(),
    }
}

/// For each group, what a model says of it that learnt from all others.
fn strangers(
    examples: &[Example],
    all: &[Seen],
    groups: &BTreeSet<&str>,
    choice: Choice,
    plan: &Plan,
) -> Vec<Stranger> {
    let names: Vec<&str> = groups.iter().copied().collect();
    let of_group = |number: u64| {
        let group = names[number as usize];
        // A near-duplicate in another group would make the stranger an acquaintance.
        let own: BTreeSet<&str> =
            examples.iter().filter(|one| one.group == group).map(|one| one.cluster.as_str()).collect();
        let is_other = |at: usize| !own.contains(examples[at].cluster.as_str());
        let learnt_from: Vec<&Seen> = all.iter().filter(|seen| seen.is_whole && is_other(seen.example)).collect();
        if learnt_from.len() < LEAST_EXAMPLES {
            return Stranger { group: group.to_owned(), known: 0.0, apgr: None };
        }
        let held_back = |at: usize| digest(&examples[at].cluster).is_multiple_of(PARTS);
        let ground = Ground::of(examples, all, &|at| is_other(at) && !held_back(at), plan.seed);
        let mut model = ground.models(&[choice]).remove(0);
        let own_kind: Vec<Reading> = learnt_from
            .iter()
            .filter(|seen| held_back(seen.example))
            .map(|seen| model.read_sight(&seen.sight))
            .collect();
        if !own_kind.is_empty() {
            set_limits(&mut model, &own_kind);
        }
        let asked: Vec<&Seen> =
            all.iter().filter(|seen| seen.is_whole && examples[seen.example].group == group).collect();
        let readings: Vec<Reading> = asked.iter().map(|seen| model.read_sight(&seen.sight)).collect();
        let known = readings.iter().filter(|reading| reading.is_known()).count();
        let score = |reading: &Reading| if reading.is_known() { model.probability(reading.gain) } else { 1.0 };
        let judged = Judged {
            examples: asked.iter().map(|seen| &examples[seen.example]).collect(),
            scores: readings.iter().map(score).collect(),
        };
        let known = known as f64 / readings.len().max(1) as f64;
        Stranger { group: group.to_owned(), known, apgr: judged.measure(group, plan.seed).apgr }
    };
    side_by_side(names.len() as u64, &of_group)
}
