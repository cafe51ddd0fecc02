//! The phrases that speak for a signal or against it, group by group, as plain lists.
//!
//! They were written from the definitions of the tags. A group's phrases mean much the same, so that a text which
//! repeats itself gains little. Spelling: lower case; ` | ` between phrases; a trailing `*` lets the word go on
//! (`encrypt*`); a plural `s` is always let through. A phrase begins where a word begins, be it a hump of a camelCase name.

mod architecture;
mod calm;
mod compliance;
mod concurrency;
mod data_integrity;
mod kinds;
mod money;
mod performance;
mod production_infra;
mod reliability;
mod security;
mod situations;
mod stakes;

use crate::domain::{Kind, Tag};

/// What a group of phrases speaks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Says {
    /// A tag that is built in.
    Tag(Tag),
    /// A tag of a company's own, by its number in the settings.
    Own(u16),
    /// Against every tag: the work cannot change what the product does.
    Calm,
    /// Likewise, but only where nothing of the asker's own is named.
    Textbook,
    /// For damage, whatever the tag.
    Stakes,
    /// A sort of work.
    Kind(Kind),
}

/// Phrases that mean much the same.
pub(super) struct Group {
    /// The name by which pairs call it.
    pub(super) name: &'static str,
    /// What it speaks for and how much; a tag needs 1. Empty: it counts only in pairs.
    pub(super) speaks: &'static [(Says, f32)],
    /// How much it counts in code, logs and quotations, where prose is 1.
    pub(super) in_code: f32,
    /// The phrases.
    pub(super) phrases: &'static str,
}

/// Two groups that say more when they stand near each other than each alone.
pub(super) struct Pair {
    /// One group.
    pub(super) first: &'static str,
    /// The other one.
    pub(super) second: &'static str,
    /// How many bytes may lie between them.
    pub(super) within: usize,
    /// What they speak for together.
    pub(super) speaks: &'static [(Says, f32)],
}

const SECURITY: Says = Says::Tag(Tag::Security);
const DATA: Says = Says::Tag(Tag::DataIntegrity);
const RELIABILITY: Says = Says::Tag(Tag::Reliability);
const CONCURRENCY: Says = Says::Tag(Tag::Concurrency);
const PERFORMANCE: Says = Says::Tag(Tag::Performance);
const ARCHITECTURE: Says = Says::Tag(Tag::Architecture);
const MONEY: Says = Says::Tag(Tag::Money);
const COMPLIANCE: Says = Says::Tag(Tag::Compliance);
const INFRA: Says = Says::Tag(Tag::ProductionInfra);
const CALM: Says = Says::Calm;
const TEXTBOOK: Says = Says::Textbook;
const STAKES: Says = Says::Stakes;

/// A group as the lists below write it.
const fn group(name: &'static str, speaks: &'static [(Says, f32)], phrases: &'static str) -> Group {
    Group { name, speaks, in_code: 0.3, phrases }
}

/// A group whose phrases are code, so that code is where they count.
const fn code(name: &'static str, speaks: &'static [(Says, f32)], phrases: &'static str) -> Group {
    Group { name, speaks, in_code: 0.9, phrases }
}

/// A pair as the lists below write it.
const fn pair(first: &'static str, second: &'static str, within: usize, speaks: &'static [(Says, f32)]) -> Pair {
    Pair { first, second, within, speaks }
}

const fn kind(kind: Kind) -> Says {
    Says::Kind(kind)
}

/// Every group.
pub(super) fn groups() -> impl Iterator<Item = &'static Group> {
    [
        security::GROUPS,
        data_integrity::GROUPS,
        reliability::GROUPS,
        concurrency::GROUPS,
        performance::GROUPS,
        architecture::GROUPS,
        money::GROUPS,
        compliance::GROUPS,
        production_infra::GROUPS,
        situations::GROUPS,
        stakes::GROUPS,
        calm::GROUPS,
        kinds::GROUPS,
    ]
    .into_iter()
    .flatten()
}

/// Every pair.
pub(super) fn pairs() -> impl Iterator<Item = &'static Pair> {
    [
        security::PAIRS,
        data_integrity::PAIRS,
        reliability::PAIRS,
        concurrency::PAIRS,
        performance::PAIRS,
        architecture::PAIRS,
        money::PAIRS,
        compliance::PAIRS,
        production_infra::PAIRS,
        situations::PAIRS,
        calm::PAIRS,
    ]
    .into_iter()
    .flatten()
}
