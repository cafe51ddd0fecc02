//! Finds many phrases in a text at once, where words begin.
//!
//! A general automaton for these thousands of phrases takes tens of megabytes or walks through its memory for each byte.
//! Phrases begin where words begin, so it is enough to look there: the first bytes lead to the few phrases that share
//! them, and those are compared. ASCII letters match in either case.

use std::ops::ControlFlow;

/// How many slots the first bytes are spread over …
const SLOT_BITS: u32 = 13;
const SLOTS: usize = 1 << SLOT_BITS;
/// … and how many marks tell that nothing begins like this: so many that they seldom err, so few that they stay in the
/// nearest cache.
const MARK_BITS: u32 = 17;
/// What folds the case of eight ASCII letters; it does no harm to what is no letter, for the phrase is compared in full.
const FOLD: u64 = 0x2020_2020_2020_2020;
/// The bytes by which a phrase is found: its first four, or all of a shorter one.
const MASKS: [u32; 3] = [0xffff_ffff, 0xffff_ff00, 0xffff_0000];

/// A set of phrases, ready to be searched for.
pub(super) struct Finder {
    /// All phrases, one behind the other.
    letters: Vec<u8>,
    /// The phrases of slot `s` are `entries[offsets[s]..offsets[s + 1]]`.
    entries: Vec<Entry>,
    offsets: Vec<u16>,
    /// One bit a mark.
    marks: Vec<u64>,
    /// What may begin a phrase.
    begins: [Begin; 256],
}

/// A phrase in a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Match {
    /// The phrase's number.
    pub(super) phrase: usize,
    /// Its first byte.
    pub(super) start: usize,
    /// One past its last byte.
    pub(super) end: usize,
}

/// Whether a phrase may begin with a byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    Never,
    /// A letter or digit, at the beginning of a word or hump.
    Word,
    /// Anything else, wherever it stands.
    Anywhere,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Its first eight bytes, and which of them are its own.
    head: u64,
    own: u64,
    start: u32,
    length: u16,
    phrase: u16,
}

impl Entry {
    /// Its first bytes by which it is found.
    fn key(&self) -> u32 {
        (self.head >> 32) as u32
    }
}

impl Finder {
    /// Takes at most 65,535 phrases of two bytes and more.
    pub(super) fn new(phrases: impl IntoIterator<Item = String>) -> Self {
        let mut begins = [Begin::Never; 256];
        let (mut letters, mut entries) = (Vec::new(), Vec::new());
        for (number, phrase) in (0_u16..).zip(phrases) {
            let bytes = phrase.as_bytes();
            let first = bytes[0];
            let begin = if first.is_ascii_alphanumeric() { Begin::Word } else { Begin::Anywhere };
            begins[usize::from(first)] = begin;
            begins[usize::from(first.to_ascii_uppercase())] = begin;
            let own = !(u64::MAX.checked_shr(8 * bytes.len() as u32).unwrap_or(0));
            let (head, start) = (head(bytes) & own, letters.len() as u32);
            entries.push(Entry { head, own, start, length: bytes.len() as u16, phrase: number });
            letters.extend_from_slice(bytes);
        }
        entries.sort_unstable_by_key(|entry: &Entry| (slot(entry.key()), entry.phrase));
        let offset = |bound: usize| entries.partition_point(|entry| slot(entry.key()) < bound) as u16;
        let offsets = (0..=SLOTS).map(offset).collect();
        let mut marks = vec![0; (1 << MARK_BITS) / 64];
        for mark in entries.iter().map(|entry| mark(entry.key())) {
            marks[mark / 64] |= 1 << (mark % 64);
        }
        Self { letters, entries, offsets, marks, begins }
    }

    /// Tells every phrase at every place, in the order of their beginnings, as long as it is asked to go on.
    pub(super) fn find(&self, text: &str, mut told: impl FnMut(Match) -> ControlFlow<()>) {
        let bytes = text.as_bytes();
        let mut before = b' ';
        for (start, &first) in bytes.iter().enumerate() {
            let may_begin = match self.begins[usize::from(first)] {
                Begin::Never => false,
                Begin::Anywhere => true,
                Begin::Word => begins_word(before, first),
            };
            before = first;
            if may_begin && self.at(bytes, start, &mut told).is_break() {
                return;
            }
        }
    }

    fn at(&self, bytes: &[u8], start: usize, told: &mut impl FnMut(Match) -> ControlFlow<()>) -> ControlFlow<()> {
        let rest = &bytes[start..];
        let head = head(rest);
        for mask in MASKS {
            let key = (head >> 32) as u32 & mask;
            if self.marks[mark(key) / 64] & (1 << (mark(key) % 64)) == 0 {
                continue;
            }
            let slot = slot(key);
            for entry in &self.entries[usize::from(self.offsets[slot])..usize::from(self.offsets[slot + 1])] {
                if head & entry.own != entry.head || entry.key() != key {
                    continue;
                }
                let (from, length) = (entry.start as usize, usize::from(entry.length));
                let letters = &self.letters[from..from + length];
                if rest.get(..length).is_some_and(|here| here.eq_ignore_ascii_case(letters)) {
                    told(Match { phrase: usize::from(entry.phrase), start, end: start + length })?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// The first eight bytes whatever their case; a shorter text is filled up.
fn head(bytes: &[u8]) -> u64 {
    let first = bytes.first_chunk().copied().unwrap_or_else(|| {
        let mut filled = [0; 8];
        filled[..bytes.len().min(8)].copy_from_slice(&bytes[..bytes.len().min(8)]);
        filled
    });
    u64::from_be_bytes(first) | FOLD
}

fn slot(key: u32) -> usize {
    (spread(key) >> (32 - SLOT_BITS)) as usize
}

fn mark(key: u32) -> usize {
    (spread(key) >> (32 - MARK_BITS)) as usize
}

/// Spreads keys over all numbers: the upper bits depend on every byte.
fn spread(key: u32) -> u32 {
    (key ^ key >> 15).wrapping_mul(0x9e37_79b1)
}

fn begins_word(before: u8, first: u8) -> bool {
    !before.is_ascii_alphanumeric()
        || first.is_ascii_uppercase() && before.is_ascii_lowercase()
        || first.is_ascii_digit() != before.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(phrases: &[&str], text: &str) -> Vec<(usize, usize)> {
        let finder = Finder::new(phrases.iter().map(|phrase| (*phrase).to_owned()));
        let mut all = Vec::new();
        finder.find(text, |found| {
            all.push((found.phrase, found.start));
            ControlFlow::Continue(())
        });
        all
    }

    #[test]
    fn phrases_are_found_where_words_begin_in_either_case() {
        assert_eq!(found(&["lock", "oom", "db"], "LOCK a block, OOM; the db (doom)"), [(0, 0), (1, 14), (2, 23)]);
        assert_eq!(found(&["token"], "accessToken access_token accesstoken"), [(0, 6), (0, 19)]);
    }

    #[test]
    fn overlapping_phrases_are_all_found() {
        assert_eq!(found(&["race", "race condition", "condition"], "race condition"), [(0, 0), (1, 0), (2, 5)]);
    }

    #[test]
    fn signs_and_ideographs_need_no_word_border() {
        assert_eq!(found(&["://", "死锁", ".env"], "http://x 有死锁.env"), [(0, 4), (1, 12), (2, 18)]);
    }

    #[test]
    fn the_end_of_a_text_is_no_place_to_read_beyond() {
        assert_eq!(found(&["lock", "lo", "loc"], "lo"), [(1, 0)]);
    }
}
