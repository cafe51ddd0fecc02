//! The risk level: how likely a wrong answer does no harm, some or much, and what to call it at the dial's position.
//!
//! Two linear models of a few dozen features were fitted by `examples/train_risk.rs`; their weights are `level.txt`.

use super::risk::Scales;
use super::settings::Dial;
use crate::domain::{Confidence, Kind, Risk, Tag, TagSet};

/// The fitted weights, one feature a line.
const WEIGHTS: &str = include_str!("level.txt");
/// More evidence than this says nothing new.
const AMPLE: f32 = 2.5;
/// From which likelihood on a level is called high, and medium, at the dial's ends and in its middle.
const HIGH: [f32; 3] = [0.22, 0.37, 0.7];
const MEDIUM: [f32; 3] = [0.15, 0.35, 0.6];
/// Where nothing can be judged the level is as sure as a guess: so many of a hundred prompts are low.
const GUESS: Confidence = Confidence::of_percent(50);

/// What the level is judged by, in a fixed order: see [`names`].
pub type Features = Vec<f32>;

/// The names of the features, in their order.
pub fn names() -> Vec<String> {
    let tags = Tag::ALL.iter().flat_map(|tag| [format!("evidence {tag}"), format!("tagged {tag}")]);
    let kinds = Kind::ALL.iter().map(|kind| format!("kind {kind}"));
    let rest = ["any tag", "several tags", "strongest", "near a tag", "calm", "stakes", "stakes and a tag", "length"];
    ["constant".to_owned()].into_iter().chain(tags).chain(kinds).chain(rest.map(str::to_owned)).collect()
}

/// What the level is judged by. The tags are those of the dial's middle.
pub(super) fn features(scales: &Scales<'_>, tags: &TagSet, kind: Kind) -> Features {
    let yes = |is: bool| f32::from(u8::from(is));
    let mut features = Vec::with_capacity(48);
    features.push(1.0);
    for tag in Tag::ALL {
        features.push(scales.score(*tag).clamp(0.0, AMPLE));
        features.push(yes(tags.contains(*tag)));
    }
    features.extend(Kind::ALL.iter().map(|one| yes(*one == kind)));
    let tagged = yes(!tags.is_empty());
    let stakes = scales.stakes.clamp(0.0, 1.5);
    features.extend([
        tagged,
        yes(tags.len() > 1),
        scales.strongest().clamp(0.0, AMPLE),
        (scales.strongest() / scales.enough()).clamp(0.0, 1.0),
        scales.calm.clamp(0.0, AMPLE),
        stakes,
        stakes * tagged,
        scales.length(),
    ]);
    features
}

/// The two models: one for "medium at least", one for "high".
pub(super) struct Model {
    medium: Vec<f32>,
    high: Vec<f32>,
}

impl Model {
    /// The embedded one.
    pub(super) fn embedded() -> Self {
        let rows = WEIGHTS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let mut fields = line.split('\t').skip(1).map(|field| field.parse::<f32>().ok());
            Some((fields.next()??, fields.next()??))
        });
        let (medium, high) = rows.unzip();
        Self { medium, high }
    }

    /// How likely the level is medium at least, and how likely it is high.
    fn likelihoods(&self, features: &[f32]) -> (f32, f32) {
        let at_least_medium = likelihood(&self.medium, features);
        (at_least_medium, likelihood(&self.high, features).min(at_least_medium))
    }
}

/// What to call it, and how surely that is right. `least` is the level below which the configuration lets nothing be
/// called; `judgeable` is false where the text has nothing that is understood.
pub(super) fn level(
    model: &Model,
    features: &[f32],
    dial: Dial,
    least: Option<Risk>,
    judgeable: bool,
) -> (Risk, Confidence) {
    let (at_least_medium, high) = model.likelihoods(features);
    let [high_from, medium_from] =
        [HIGH, MEDIUM].map(|[careful, middle, thrifty]| dial.between(careful, middle, thrifty));
    let (risk, likely) = match () {
        () if high >= high_from => (Risk::High, high),
        () if at_least_medium >= medium_from => (Risk::Medium, at_least_medium - high),
        () => (Risk::Low, 1.0 - at_least_medium),
    };
    let (risk, likely) = match least.filter(|least| *least >= risk) {
        // By the company's word it is no less: what is open is whether it is more.
        Some(Risk::High) => (Risk::High, 1.0),
        Some(Risk::Medium) => (Risk::Medium, 1.0 - high),
        _ => (risk, likely),
    };
    let confidence = Confidence::of_percent((likely * 100.0).round() as u8);
    (risk, if judgeable { confidence } else { confidence.min(GUESS) })
}

fn likelihood(weights: &[f32], features: &[f32]) -> f32 {
    let sum: f32 = weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum();
    1.0 / (1.0 + (-sum).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_weights_are_those_of_the_features() {
        let rows: Vec<&str> = WEIGHTS.lines().filter(|line| !line.starts_with('#')).collect();
        let named: Vec<&str> = rows.iter().filter_map(|row| row.split('\t').next()).collect();
        assert_eq!(named, names());
        let model = Model::embedded();
        assert_eq!((model.medium.len(), model.high.len()), (names().len(), names().len()));
    }

    #[test]
    fn the_dial_moves_the_level_one_way() {
        let model = Model { medium: vec![0.0], high: vec![-0.5] };
        let levels = Dial::POSITIONS.map(|dial| level(&model, &[1.0], dial, None, true).0);
        assert!(levels.is_sorted_by(|careful, thrifty| careful >= thrifty), "{levels:?}");
        assert_eq!((levels[0], levels[4]), (Risk::High, Risk::Low));
    }

    #[test]
    fn what_cannot_be_judged_is_a_guess() {
        let model = Model { medium: vec![-9.0], high: vec![-9.0] };
        assert_eq!(level(&model, &[1.0], Dial::default(), None, true), (Risk::Low, Confidence::of_percent(100)));
        assert_eq!(level(&model, &[1.0], Dial::default(), None, false), (Risk::Low, GUESS));
    }

    #[test]
    fn nothing_is_called_less_than_the_least() {
        let model = Model { medium: vec![-9.0], high: vec![-9.0] };
        for risk in [Risk::Medium, Risk::High] {
            assert_eq!(level(&model, &[1.0], Dial::default(), Some(risk), true), (risk, Confidence::of_percent(100)));
        }
    }
}
