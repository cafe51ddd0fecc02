//! The sums of what the phrases say, and the risk tags that they make.

use super::lexicon::{Bond, Hit, Lexicon};
use super::phrases::Says;
use super::settings::Dial;
use crate::domain::{AnyTag, Evidence, OwnTag, Risk, Signal, Tag, TagSet};

/// How much evidence a tag needs: in a short wish each word is about the matter, in a long text many are not.
const ENOUGH: f32 = 0.55;
const ENOUGH_LONG: f32 = 0.78;
/// How much of that it needs at the careful and at the thrifty end of the dial.
const CAREFUL: f32 = 0.7;
const THRIFTY: f32 = 1.6;
/// How many bytes of prose make a long text.
const LONG: f32 = 500.0;
/// What a second phrase of the same group adds.
const REPEATED: f32 = 0.3;
/// What calm counts that stands elsewhere than where the wish is told.
const CALM_ASIDE: f32 = 0.25;
/// How far a tag may stay behind the strongest one.
const SECONDARY: f32 = 0.6;
/// A tag this strong asks no more of the others.
const STRONG: f32 = 2.4;

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
pub(super) struct Scales<'a> {
    own_tags: &'a [OwnTag],
    tags: [f32; Tag::ALL.len()],
    own: Vec<f32>,
    /// What speaks against every tag.
    pub(super) calm: f32,
    /// What of it speaks against a company's own tags, too: their words are never those of a textbook.
    calm_of_own: f32,
    /// What speaks for damage.
    pub(super) stakes: f32,
    /// How many bytes of prose the human turns have, older ones counted less.
    pub(super) prose: f32,
    /// Every contribution.
    pub(super) evidence: Vec<Evidence>,
}

impl<'a> Scales<'a> {
    /// Nothing heard yet.
    pub(super) fn new(own_tags: &'a [OwnTag]) -> Self {
        let own = vec![0.0; own_tags.len()];
        Self {
            own_tags,
            tags: Default::default(),
            own,
            calm: 0.0,
            calm_of_own: 0.0,
            stakes: 0.0,
            prose: 0.0,
            evidence: Vec::new(),
        }
    }

    /// Adds what was heard in one turn.
    pub(super) fn add(&mut self, lexicon: &Lexicon, heard: &Heard) {
        self.prose += heard.prose as f32 * heard.share;
        let by_group = ByGroup::of(&heard.hits, lexicon.groups.len());
        for (number, group) in (0..).zip(&lexicon.groups) {
            let mut hits = by_group.strongest(number);
            let Some(hit) = hits.next() else { continue };
            let strength = hit.strength + REPEATED * hits.next().map_or(0.0, |second| second.strength);
            for &(says, weight) in &group.speaks {
                self.weigh(heard, hit, says, weight * strength);
            }
        }
        for bond in &lexicon.bonds {
            if let Some(hit) = by_group.nearest(bond) {
                for &(says, weight) in bond.speaks {
                    self.weigh(heard, &hit, says, weight * hit.strength);
                }
            }
        }
    }

    fn weigh(&mut self, heard: &Heard, hit: &Hit, says: Says, weight: f32) {
        let weight = weight * heard.share;
        let signal = match says {
            Says::Tag(tag) => {
                self.tags[tag as usize] += weight;
                Signal::Tag(tag.into())
            }
            Says::Own(number) => {
                self.own[usize::from(number)] += weight;
                Signal::Tag(AnyTag::Own(self.own_tags[usize::from(number)].clone()))
            }
            Says::Calm | Says::Textbook => {
                let weight = if hit.central { weight } else { weight * CALM_ASIDE };
                self.calm += weight;
                self.calm_of_own += if says == Says::Calm { weight } else { 0.0 };
                Signal::Risk(Risk::Low)
            }
            Says::Stakes => {
                self.stakes += weight;
                Signal::Risk(Risk::High)
            }
            Says::Kind(_) => return,
        };
        let (offset, length) = (hit.start as u32, (hit.end - hit.start) as u32);
        self.evidence.push(Evidence { signal, turn: heard.turn, offset, length, weight });
    }

    /// The tags with enough evidence for them. A company's own are not held against the others: their words are names.
    pub(super) fn tags(&self, dial: Dial) -> TagSet {
        let needed = self.enough() * dial.between(CAREFUL, 1.0, THRIFTY);
        let least = needed.max(self.strongest().min(STRONG) * SECONDARY);
        let known = Tag::ALL.iter().copied().filter(|tag| self.score(*tag) >= least).map(AnyTag::Known);
        let own = self.own_tags.iter().zip(&self.own).filter(|(_, weight)| *weight - self.calm_of_own >= needed);
        known.chain(own.map(|(name, _)| AnyTag::Own(name.clone()))).collect()
    }

    /// How much evidence a tag needs in a text of this length.
    pub(super) fn enough(&self) -> f32 {
        ENOUGH + (ENOUGH_LONG - ENOUGH) * self.length()
    }

    /// How long the text is: 0 for a few words, 1 for a report.
    pub(super) fn length(&self) -> f32 {
        (self.prose / LONG).min(1.0)
    }

    /// What speaks for a built-in tag when calm is taken off.
    pub(super) fn score(&self, tag: Tag) -> f32 {
        self.tags[tag as usize] - self.calm
    }

    /// What speaks for the strongest built-in tag.
    pub(super) fn strongest(&self) -> f32 {
        Tag::ALL.iter().map(|tag| self.score(*tag)).fold(0.0, f32::max)
    }
}

/// The strongest few hits of each group; more of them would say nothing new and cost a pair its time.
struct ByGroup<'a> {
    hits: &'a [Hit],
    /// The numbers of a group's hits, the strongest first.
    kept: Vec<[Option<u16>; KEPT]>,
}

/// How many hits of a group are kept.
const KEPT: usize = 6;

impl<'a> ByGroup<'a> {
    fn of(hits: &'a [Hit], groups: usize) -> Self {
        let mut kept = vec![[None; KEPT]; groups];
        for (number, hit) in (0_u16..).zip(hits) {
            let list = &mut kept[usize::from(hit.group)];
            let weaker =
                |other: &Option<u16>| other.is_none_or(|other| hits[usize::from(other)].strength < hit.strength);
            if let Some(place) = list.iter().position(weaker) {
                list[place..].rotate_right(1);
                list[place] = Some(number);
            }
        }
        Self { hits, kept }
    }

    fn strongest(&self, group: u16) -> impl Iterator<Item = &'a Hit> {
        self.kept[usize::from(group)].into_iter().flatten().map(|number| &self.hits[usize::from(number)])
    }

    /// The stretch that covers a phrase of each group, if two stand near enough; as strong as the weaker one.
    fn nearest(&self, bond: &Bond) -> Option<Hit> {
        let joined = |one: &Hit, other: &Hit| {
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
        self.strongest(bond.first)
            .flat_map(|one| self.strongest(bond.second).filter_map(move |other| joined(one, other)))
            .max_by(|one, other| one.strength.total_cmp(&other.strength))
    }
}
