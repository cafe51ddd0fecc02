//! Finds many phrases in a text at once, where words begin.
//!
//! A general automaton for these thousands of phrases takes tens of megabytes or walks through its memory for each byte.
//! Phrases begin where words begin, so it is enough to look there: the first four bytes lead to the few phrases that
//! share them, and those are compared. ASCII letters match in either case.

/// How many slots the first bytes are spread over.
const SLOT_BITS: u32 = 14;

/// A set of phrases, ready to be searched for.
pub(super) struct Finder {
    phrases: Vec<Box<str>>,
    /// By how many first bytes a phrase is found: 4, 3 or 2 and its length.
    tables: [Table; 3],
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

/// Phrases by their first bytes: those of slot `s` are `entries[offsets[s]..offsets[s + 1]]`.
struct Table {
    offsets: Vec<u16>,
    entries: Vec<u16>,
}

impl Finder {
    /// Takes at most 65,535 phrases of two bytes and more.
    pub(super) fn new(phrases: impl IntoIterator<Item = String>) -> Self {
        let phrases: Vec<Box<str>> = phrases.into_iter().map(String::into_boxed_str).collect();
        let mut begins = [Begin::Never; 256];
        let mut slots: [Vec<(usize, u16)>; 3] = Default::default();
        for (number, phrase) in (0_u16..).zip(&phrases) {
            let bytes = phrase.as_bytes();
            let first = bytes[0];
            let begin = if first.is_ascii_alphanumeric() { Begin::Word } else { Begin::Anywhere };
            begins[usize::from(first)] = begin;
            begins[usize::from(first.to_ascii_uppercase())] = begin;
            let length = bytes.len().clamp(2, 4);
            slots[4 - length].push((slot(bytes, length), number));
        }
        Self { tables: slots.map(Table::new), phrases, begins }
    }

    /// Every phrase at every place, in the order of their beginnings.
    pub(super) fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Match> + 'a {
        let bytes = text.as_bytes();
        (0..bytes.len())
            .filter(move |&start| match self.begins[usize::from(bytes[start])] {
                Begin::Never => false,
                Begin::Anywhere => true,
                Begin::Word => start == 0 || begins_word(bytes[start - 1], bytes[start]),
            })
            .flat_map(move |start| self.at(bytes, start))
    }

    fn at<'a>(&'a self, bytes: &'a [u8], start: usize) -> impl Iterator<Item = Match> + 'a {
        let rest = &bytes[start..];
        let candidates =
            |length: usize| if rest.len() >= length { self.tables[4 - length].slot(slot(rest, length)) } else { &[] };
        let entries = candidates(4).iter().chain(candidates(3)).chain(candidates(2));
        entries.filter_map(move |&entry| {
            let phrase = self.phrases[usize::from(entry)].as_bytes();
            let found = rest.get(..phrase.len())?.eq_ignore_ascii_case(phrase);
            found.then_some(Match { phrase: usize::from(entry), start, end: start + phrase.len() })
        })
    }
}

impl Table {
    fn new(mut slots: Vec<(usize, u16)>) -> Self {
        slots.sort_unstable();
        let offset = |slot| slots.partition_point(|(of, _)| *of < slot) as u16;
        Self {
            offsets: (0..=1 << SLOT_BITS).map(offset).collect(),
            entries: slots.iter().map(|(_, number)| *number).collect(),
        }
    }

    fn slot(&self, slot: usize) -> &[u16] {
        &self.entries[usize::from(self.offsets[slot])..usize::from(self.offsets[slot + 1])]
    }
}

/// The slot of a text's first bytes, whatever their case.
fn slot(bytes: &[u8], length: usize) -> usize {
    let key = bytes[..length].iter().fold(0_u32, |key, byte| key << 8 | u32::from(byte | 0x20));
    (key.wrapping_mul(0x9e37_79b1) >> (32 - SLOT_BITS)) as usize
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
        finder.find(text).map(|found| (found.phrase, found.start)).collect()
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
