//! How good assessments are, in figures: what is dangerous, what is dear, and how well tags and content are found.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{AnyTag, Content, ContentSet, Risk, Tag, TagSet};

/// What is true of one prompt, and what was assessed.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) tags: [TagSet; 2],
    pub(super) risk: [Risk; 2],
    pub(super) content: [ContentSet; 2],
}

/// A figure from 0 to 1; none if there is nothing to measure it on.
pub(super) type Figure = Option<f64>;

/// Precision, recall and their harmonic mean, over so many that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Found {
    pub(super) precision: Figure,
    pub(super) recall: Figure,
    pub(super) f1: Figure,
    pub(super) there: usize,
}

/// Right ones, false ones, missing ones.
#[derive(Clone, Copy, Default)]
struct Counts {
    right: usize,
    wrong: usize,
    missing: usize,
}

impl Counts {
    fn add(&mut self, there: bool, found: bool) {
        self.right += usize::from(there && found);
        self.wrong += usize::from(found && !there);
        self.missing += usize::from(there && !found);
    }

    fn found(self) -> Found {
        let Counts { right, wrong, missing } = self;
        Found {
            precision: share(right, right + wrong),
            recall: share(right, right + missing),
            f1: share(2 * right, 2 * right + wrong + missing),
            there: right + missing,
        }
    }
}

fn share(part: usize, whole: usize) -> Figure {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Everything that is measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    /// How much of what is high was called low.
    pub(super) missed: Figure,
    /// How much of what is low was called high.
    pub(super) wasted: Figure,
    /// How often the level is right.
    pub(super) level: Figure,
    /// How many were called high.
    pub(super) called_high: Figure,
    /// How many were called low.
    pub(super) called_low: Figure,
    /// Whether there is any tag.
    pub(super) any_tag: Found,
    /// All tags together.
    pub(super) micro: Found,
    /// The mean of the tags' F1, of those that are there.
    pub(super) macro_f1: Figure,
    pub(super) tags: BTreeMap<String, Found>,
    pub(super) content: BTreeMap<&'static str, Found>,
    /// What is true, low to high, and what each was called, low to high.
    pub(super) levels: [[usize; 3]; 3],
}

const LEVELS: [Risk; 3] = [Risk::Low, Risk::Medium, Risk::High];

/// The figures of some rows. `tags` are those that are asked for.
pub(super) fn figures<'r>(rows: impl Iterator<Item = &'r Row>, tags: &[AnyTag]) -> Figures {
    let (mut any, mut all, mut levels) = (Counts::default(), Counts::default(), [[0_usize; 3]; 3]);
    let mut by_tag = vec![Counts::default(); tags.len()];
    let mut by_content = [Counts::default(); Content::ALL.len()];
    for row in rows {
        let [there, found] = &row.tags;
        any.add(!there.is_empty(), !found.is_empty());
        for (tag, counts) in tags.iter().zip(&mut by_tag) {
            counts.add(there.has(tag), found.has(tag));
            all.add(there.has(tag), found.has(tag));
        }
        for (content, counts) in Content::ALL.iter().zip(&mut by_content) {
            counts.add(row.content[0].contains(*content), row.content[1].contains(*content));
        }
        let place = |risk: Risk| LEVELS.iter().position(|level| *level == risk).unwrap_or(0);
        levels[place(row.risk[0])][place(row.risk[1])] += 1;
    }
    let f1s: Vec<f64> = by_tag
        .iter()
        .map(|counts| counts.found())
        .filter(|found| found.there > 0)
        .map(|found| found.f1.unwrap_or(0.0))
        .collect();
    let total: usize = levels.iter().flatten().sum();
    let called = |place: usize| share(levels.iter().map(|row| row[place]).sum(), total);
    Figures {
        missed: share(levels[2][0], levels[2].iter().sum()),
        wasted: share(levels[0][2], levels[0].iter().sum()),
        level: share(levels[0][0] + levels[1][1] + levels[2][2], total),
        called_high: called(2),
        called_low: called(0),
        any_tag: any.found(),
        micro: all.found(),
        macro_f1: (!f1s.is_empty()).then(|| f1s.iter().sum::<f64>() / f1s.len() as f64),
        tags: tags.iter().map(ToString::to_string).zip(by_tag.iter().map(|counts| counts.found())).collect(),
        content: Content::ALL
            .iter()
            .map(|one| one.as_str())
            .zip(by_content.iter().map(|counts| counts.found()))
            .collect(),
        levels,
    }
}

/// The tags that are measured: those that are built in, and others that stand in the labels.
pub(super) fn measured_tags(rows: &[Row]) -> Vec<AnyTag> {
    let mut own: Vec<AnyTag> = rows.iter().flat_map(|row| row.tags[0].own()).cloned().map(AnyTag::Own).collect();
    own.sort();
    own.dedup();
    Tag::ALL.iter().copied().map(AnyTag::Known).chain(own).collect()
}

/// From where to where the middle 95 of 100 values lie when the rows are drawn anew, by the figure's name.
pub(super) type Intervals = BTreeMap<String, [f64; 2]>;

/// Draws the rows anew, with repetition, `times` over.
pub(super) fn intervals(rows: &[Row], tags: &[AnyTag], times: usize) -> Intervals {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut drawn: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..times {
        let sample = (0..rows.len()).map(|_| &rows[chance.below(rows.len())]);
        for (name, figure) in named(&figures(sample, tags)) {
            drawn.entry(name).or_default().extend(figure);
        }
    }
    let bounds = drawn.into_iter().filter(|(_, values)| !values.is_empty()).map(|(name, mut values)| {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| values[(part * (values.len() - 1) as f64).round() as usize];
        (name, [at(0.025), at(0.975)])
    });
    bounds.collect()
}

/// The figures for which there are intervals, by name.
fn named(figures: &Figures) -> Vec<(String, Figure)> {
    let single = [
        ("missed", figures.missed),
        ("wasted", figures.wasted),
        ("level", figures.level),
        ("any_tag", figures.any_tag.f1),
        ("micro", figures.micro.f1),
        ("macro", figures.macro_f1),
    ];
    let single = single.into_iter().map(|(name, figure)| (name.to_owned(), figure));
    let tags = figures.tags.iter().map(|(tag, found)| (tag.clone(), found.f1));
    let content = figures.content.iter().map(|(content, found)| ((*content).to_owned(), found.f1));
    single.chain(tags).chain(content).collect()
}

/// Chance that is the same in every run (xorshift64*): two runs on one file print one table.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((drawn * bound as u64) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tags: [&[Tag]; 2], risk: [Risk; 2], content: [&[Content]; 2]) -> Row {
        Row {
            tags: tags.map(|tags| tags.iter().copied().collect()),
            risk,
            content: content.map(|content| content.iter().copied().collect()),
        }
    }

    fn rows() -> Vec<Row> {
        use Risk::{High, Low, Medium};
        vec![
            row([&[Tag::Money], &[Tag::Money, Tag::Security]], [High, Low], [&[Content::HasPii], &[]]),
            row([&[Tag::Money], &[]], [High, High], [&[], &[]]),
            row([&[], &[Tag::Security]], [Low, High], [&[], &[Content::HasPii]]),
            row([&[], &[]], [Low, Medium], [&[], &[]]),
        ]
    }

    #[test]
    fn figures_are_counted_by_hand() {
        let rows = rows();
        let figures = figures(rows.iter(), &measured_tags(&rows));
        assert_eq!((figures.missed, figures.wasted, figures.level), (Some(0.5), Some(0.5), Some(0.25)));
        assert_eq!(figures.any_tag, Found { precision: Some(0.5), recall: Some(0.5), f1: Some(0.5), there: 2 });
        // One right, two wrong, one missing.
        assert_eq!(figures.micro.f1, Some(2.0 / 5.0));
        // Only `money` is there.
        assert_eq!(figures.macro_f1, Some(2.0 / 3.0));
        assert_eq!(figures.content["has_pii"].f1, Some(0.0));
        assert_eq!(figures.content["injection"].f1, None);
        assert_eq!(figures.levels, [[0, 1, 1], [0, 0, 0], [1, 0, 1]]);
    }

    #[test]
    fn intervals_hold_the_figure_and_are_the_same_each_time() {
        let rows: Vec<Row> = std::iter::repeat_with(rows).take(20).flatten().collect();
        let tags = measured_tags(&rows);
        let once = intervals(&rows, &tags, 200);
        assert_eq!(once, intervals(&rows, &tags, 200));
        let [low, high] = once["missed"];
        assert!(low < 0.5 && 0.5 < high && high - low < 0.5, "{low} {high}");
        assert!(!once.contains_key("injection"));
    }
}
