//! Risk tags and risk level, from what the phrases say.

use super::lexicon::{Bond, Hit, Lexicon};
use crate::domain::{Evidence, Kind, Risk, Signal, Tag, TagSet};

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

/// From here on the damage is high.
const HIGH: f32 = 0.55;
/// What the signs of a live system or of a loss add to it.
const STAKES: f32 = 0.4;
/// What it adds that more than one tag is touched.
const SEVERAL: f32 = 0.4;
/// A long report tells what an error would look like, so one is seen sooner.
const LONG_TELLS: f32 = 0.25;
/// So much at stake is not low even where no tag is known.
const DOUBTFUL_STAKES: f32 = 0.3;

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
        let by_group = ByGroup::of(&heard.hits, lexicon.groups.len());
        for (number, group) in (0..).zip(&lexicon.groups) {
            let mut hits = by_group.strongest(number);
            let Some(hit) = hits.next() else { continue };
            let strength = hit.strength + REPEATED * hits.next().map_or(0.0, |second| second.strength);
            for &(signal, weight) in group.speaks {
                self.weigh(heard, hit, signal, weight * strength);
            }
        }
        for bond in &lexicon.bonds {
            if let Some(hit) = by_group.nearest(bond) {
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
        let strongest = self.strongest().min(STRONG);
        let enough = |tag: &Tag| {
            let score = self.score(*tag);
            score >= self.enough() && score >= strongest * SECONDARY
        };
        Tag::ALL.iter().copied().filter(enough).collect()
    }

    /// The damage that a wrong answer may do.
    pub(super) fn risk(&self, tags: TagSet, kind: Kind) -> Risk {
        if tags.is_empty() {
            let in_doubt = self.strongest() >= DOUBTFUL * self.enough() || self.stakes - self.calm >= DOUBTFUL_STAKES;
            return if in_doubt { Risk::Medium } else { Risk::Low };
        }
        let worst = tags.iter().map(damage_of_tag).fold(0.0, f32::max);
        let several = if tags.len() > 1 { SEVERAL } else { 0.0 };
        let long = LONG_TELLS * (self.prose / LONG).min(1.0);
        let damage = worst + damage_of_kind(kind) + several + self.stakes.clamp(0.0, 1.2) * STAKES - long;
        if damage >= HIGH { Risk::High } else { Risk::Medium }
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

/// How costly a wrong answer tends to be, and how late it shows, by what it touches.
fn damage_of_tag(tag: Tag) -> f32 {
    match tag {
        Tag::ProductionInfra => 0.6,
        Tag::DataIntegrity | Tag::Money | Tag::Architecture => 0.5,
        Tag::Concurrency => 0.45,
        Tag::Reliability => 0.35,
        Tag::Compliance => 0.3,
        Tag::Security => 0.2,
        Tag::Performance => 0.1,
    }
}

/// How costly a wrong answer tends to be by the sort of work: a plan is followed, a script is tried.
fn damage_of_kind(kind: Kind) -> f32 {
    match kind {
        Kind::Design | Kind::DebugIncident => 0.5,
        Kind::Review | Kind::DataQuery => 0.4,
        Kind::Refactor => 0.15,
        Kind::Boilerplate | Kind::Explain | Kind::Tests | Kind::Docs | Kind::Chat => -0.1,
        Kind::Bugfix | Kind::Other => 0.0,
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
