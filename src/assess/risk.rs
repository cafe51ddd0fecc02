//! Risk tags and risk level, from what the phrases say.

use super::lexicon::{Bond, Hit, Lexicon};
use crate::domain::{Evidence, Risk, Signal, Tag, TagSet};

/// How much evidence a tag needs: in a short wish each word is about the matter, in a long text many are not.
const ENOUGH: f32 = 0.65;
const ENOUGH_LONG: f32 = 0.9;
/// How many bytes of prose make a long text.
const LONG: f32 = 500.0;
/// This share of it is worth a second look: no tag, but not low either.
const DOUBTFUL: f32 = 0.7;
/// What a second phrase of the same group adds.
const REPEATED: f32 = 0.3;
/// What calm counts that stands elsewhere than where the wish is told.
const CALM_ASIDE: f32 = 0.25;
/// How far a tag may stay behind the strongest one.
const SECONDARY: f32 = 0.6;

/// One human turn and what was found in it.
pub(super) struct Heard {
    /// Its number in the prompt.
    pub(super) turn: u32,
    /// How much it counts: 1 for the last human turn.
    pub(super) share: f32,
    /// How many bytes of prose it has.
    pub(super) prose: usize,
    /// What was found.
    pub(super) hits: Vec<Hit>,
}

/// The sums for every signal, and what they are made of.
#[derive(Default)]
pub(super) struct Scales {
    tags: [f32; Tag::ALL.len()],
    calm: f32,
    stakes: f32,
    /// How many bytes of prose the last human turn has.
    prose: f32,
    /// Every contribution.
    pub(super) evidence: Vec<Evidence>,
}

impl Scales {
    /// Adds what was heard in one turn.
    pub(super) fn add(&mut self, lexicon: &Lexicon, heard: &Heard) {
        self.prose += heard.prose as f32 * heard.share;
        let mut best: Vec<Option<Hit>> = vec![None; lexicon.groups.len()];
        let mut second = vec![0.0_f32; lexicon.groups.len()];
        for hit in &heard.hits {
            let group = usize::from(hit.group);
            match &mut best[group] {
                Some(known) if known.strength >= hit.strength => second[group] = second[group].max(hit.strength),
                known => {
                    second[group] = known.map_or(0.0, |known| known.strength);
                    *known = Some(*hit);
                }
            }
        }
        for (group, hit) in lexicon.groups.iter().zip(&best).filter_map(|(group, hit)| Some((group, (*hit)?))) {
            let strength = hit.strength + REPEATED * second[usize::from(hit.group)];
            for &(signal, weight) in group.speaks {
                self.weigh(heard, &hit, signal, weight * strength);
            }
        }
        for bond in &lexicon.bonds {
            if let (Some(_), Some(_)) = (best[usize::from(bond.first)], best[usize::from(bond.second)])
                && let Some(hit) = nearest(bond, &heard.hits)
            {
                for &(signal, weight) in bond.speaks {
                    self.weigh(heard, &hit, signal, weight * hit.strength);
                }
            }
        }
    }

    fn weigh(&mut self, heard: &Heard, hit: &Hit, signal: Signal, weight: f32) {
        let weight = weight * heard.share;
        match signal {
            Signal::Tag(tag) => self.tags[tag as usize] += weight,
            Signal::Risk(Risk::Low) => self.calm += if hit.central { weight } else { weight * CALM_ASIDE },
            Signal::Risk(_) => self.stakes += weight,
            Signal::Kind(_) | Signal::Content(_) => return,
        }
        self.evidence.push(Evidence {
            signal,
            turn: heard.turn,
            offset: hit.start as u32,
            length: (hit.end - hit.start) as u32,
            weight,
        });
    }

    /// The tags with enough evidence for them.
    pub(super) fn tags(&self) -> TagSet {
        let strongest = self.strongest();
        let enough = |tag: &Tag| {
            let score = self.score(*tag);
            score >= self.enough() && score >= strongest * SECONDARY
        };
        Tag::ALL.iter().copied().filter(enough).collect()
    }

    /// The damage that a wrong answer may do.
    pub(super) fn risk(&self, tags: TagSet) -> Risk {
        if tags.is_empty() {
            return if self.strongest() >= DOUBTFUL * self.enough() { Risk::Medium } else { Risk::Low };
        }
        if self.stakes + 0.4 * (tags.len() as f32 - 1.0) >= 0.8 { Risk::High } else { Risk::Medium }
    }

    fn enough(&self) -> f32 {
        ENOUGH + (ENOUGH_LONG - ENOUGH) * (self.prose / LONG).min(1.0)
    }

    fn score(&self, tag: Tag) -> f32 {
        self.tags[tag as usize] - self.calm
    }

    fn strongest(&self) -> f32 {
        Tag::ALL.iter().map(|tag| self.score(*tag)).fold(0.0, f32::max)
    }
}

/// The stretch that covers a phrase of each group, if two stand near enough; as strong as the weaker one.
fn nearest(bond: &Bond, hits: &[Hit]) -> Option<Hit> {
    let of = |group: u16| hits.iter().filter(move |hit| hit.group == group);
    let near = |one: &Hit, other: &Hit| {
        let apart = one.start.max(other.start).saturating_sub(one.end.min(other.end));
        let overlapping = one.start < other.end && other.start < one.end;
        (!overlapping && apart <= bond.within).then(|| Hit {
            group: one.group,
            start: one.start.min(other.start),
            end: one.end.max(other.end),
            strength: one.strength.min(other.strength),
            central: one.central || other.central,
        })
    };
    of(bond.first)
        .flat_map(|one| of(bond.second).filter_map(move |other| near(one, other)))
        .max_by(|one, other| one.strength.total_cmp(&other.strength))
}
