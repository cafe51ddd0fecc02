//! The phrases of all groups, ready to be found in a text and weighed by where they stand.

use std::ops::ControlFlow;

use super::content::capitalised;
use super::finder::Finder;
use super::phrases::{self, Says};
use super::prose::Prose;
use super::settings::OwnPhrases;

/// A text is looked at so closely and no closer: more hits than this say nothing new.
const HITS_AT_MOST: usize = 400;
/// What a phrase counts inside a name, as in `getLoginToken` or `app.security.groups`.
const HUMP: f32 = 0.5;
/// What a phrase counts inside a URL, whose words are somebody else's.
const IN_URL: f32 = 0.2;
/// How far back a URL is looked for.
const URL_REACH: usize = 120;

/// A phrase in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    /// Its group's number.
    pub(super) group: u16,
    /// Where it begins, in bytes of the text.
    pub(super) start: usize,
    /// One past its last byte.
    pub(super) end: usize,
    /// How much it counts where it stands: 1 in plain prose.
    pub(super) strength: f32,
    /// Whether it stands where the wish itself is told: in the opening or the closing words.
    pub(super) central: bool,
}

struct Phrase {
    group: u16,
    goes_on: bool,
}

/// Two groups by their numbers, see [`phrases::Pair`].
pub(super) struct Bond {
    pub(super) first: u16,
    pub(super) second: u16,
    pub(super) within: usize,
    pub(super) speaks: &'static [(Says, f32)],
}

/// What a group of phrases means.
pub(super) struct Meaning {
    /// What it speaks for and how much.
    pub(super) speaks: Vec<(Says, f32)>,
    /// How much it counts in code, logs and quotations.
    in_code: f32,
    /// Whether it is a company's own: then it counts alike wherever it stands, since its words name one thing only.
    own: bool,
}

/// All phrases, ready to be searched for.
pub(super) struct Lexicon {
    finder: Finder,
    phrases: Vec<Phrase>,
    /// The groups, in the order of their numbers.
    pub(super) groups: Vec<Meaning>,
    /// The pairs.
    pub(super) bonds: Vec<Bond>,
}

impl Lexicon {
    /// Prepares the search.
    pub(super) fn new(own: &[OwnPhrases]) -> Self {
        let built_in: Vec<&'static phrases::Group> = phrases::groups().collect();
        let number_of = |name| (0..).zip(&built_in).find(|(_, group)| group.name == name).map(|(number, _)| number);
        let bonds = phrases::pairs().filter_map(|pair| {
            let (first, second) = (number_of(pair.first)?, number_of(pair.second)?);
            Some(Bond { first, second, within: pair.within, speaks: pair.speaks })
        });
        let bonds = bonds.collect();
        let lists = built_in.iter().map(|group| group.phrases.split('|').map(str::trim).collect::<Vec<_>>());
        let lists = lists.chain(own.iter().map(|own| own.phrases.iter().map(String::as_str).collect()));
        let mut texts = Vec::new();
        let mut phrases = Vec::new();
        for (number, list) in (0..).zip(lists) {
            for phrase in list.into_iter().filter(|phrase| !phrase.is_empty()) {
                let text = phrase.strip_suffix('*');
                let goes_on = text.is_some();
                let text = text.unwrap_or(phrase);
                phrases.push(Phrase { group: number, goes_on });
                texts.push(text.to_owned());
                // The search folds the case of ASCII letters only.
                if text.starts_with(|first: char| !first.is_ascii()) {
                    phrases.push(Phrase { group: number, goes_on });
                    texts.push(capitalised(text));
                }
            }
        }
        let meaning =
            |group: &&phrases::Group| Meaning { speaks: group.speaks.to_vec(), in_code: group.in_code, own: false };
        let own = own.iter().map(|own| Meaning { speaks: vec![(own.says, own.weight)], in_code: 1.0, own: true });
        let groups = built_in.iter().map(meaning).chain(own).collect();
        Self { finder: Finder::new(texts), phrases, groups, bonds }
    }

    /// The phrases of a text, in order.
    pub(super) fn find(&self, text: &str, prose: &Prose) -> Vec<Hit> {
        let bytes = text.as_bytes();
        let mut places = prose.places();
        let urls = memchr::memmem::find(bytes, b"://").is_some();
        let mut hits = Vec::new();
        self.finder.find(text, |found| {
            let phrase = &self.phrases[found.phrase];
            let (start, end) = (found.start, found.end);
            let Some(beginning) = beginning(bytes, start).filter(|_| phrase.goes_on || ends(bytes, end)) else {
                return ControlFlow::Continue(());
            };
            let place = places.at(start);
            let group = &self.groups[usize::from(phrase.group)];
            let beginning = if urls && in_url(bytes, start) { beginning * IN_URL } else { beginning };
            // `PaymentStatus`: the end of a hump makes it a name as the beginning of one does.
            let named = letter(bytes[end - 1])
                && bytes.get(end).is_some_and(|next| matches!(next, b'_') || next.is_ascii_uppercase());
            let beginning = if named { beginning.min(HUMP) } else { beginning };
            let strength = match (group.own, place.code) {
                (true, _) => 1.0,
                (false, true) => beginning * group.in_code,
                (false, false) => beginning * place.strength,
            };
            hits.push(Hit { group: phrase.group, start, end, strength, central: place.central && !place.code });
            if hits.len() < HITS_AT_MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        hits
    }
}

/// How much it counts that a phrase begins here; `None` in the middle of a word.
fn beginning(bytes: &[u8], start: usize) -> Option<f32> {
    let first = bytes[start];
    if !letter(first) {
        return Some(1.0);
    }
    match start.checked_sub(1).map(|before| bytes[before]) {
        Some(before) if before.is_ascii_lowercase() && first.is_ascii_uppercase() => Some(HUMP),
        Some(b'_' | b'.') => Some(HUMP),
        Some(before) if before.is_ascii_alphanumeric() || accented(bytes, start) => None,
        _ => Some(1.0),
    }
}

/// Whether a word may end here, a plural's `s` let through.
fn ends(bytes: &[u8], end: usize) -> bool {
    if !letter(bytes[end - 1]) {
        return true;
    }
    let after = |place: usize| bytes.get(place).copied().unwrap_or(b' ');
    let last = bytes[end - 1];
    let over = |place: usize| {
        let next = after(place);
        let hump = next.is_ascii_uppercase() && last.is_ascii_lowercase();
        hump || !(next.is_ascii_alphanumeric() || (0xc3..0xe0).contains(&next))
    };
    over(end) || (matches!(after(end), b's' | b'S') && over(end + 1))
}

fn in_url(bytes: &[u8], start: usize) -> bool {
    let lead = &bytes[start.saturating_sub(URL_REACH)..start];
    let word = lead.iter().rposition(u8::is_ascii_whitespace).map_or(lead, |space| &lead[space..]);
    memchr::memmem::find(word, b"://").is_some()
}

/// Words of alphabets have borders, ideographs have none.
fn letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || (0xc3..0xe0).contains(&byte)
}

/// Whether the character before `start` is a letter of two bytes.
fn accented(bytes: &[u8], start: usize) -> bool {
    start >= 2 && bytes[start - 1] >= 0x80 && (0xc3..0xe0).contains(&bytes[start - 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups_in(text: &str) -> Vec<&'static str> {
        let names: Vec<&str> = phrases::groups().map(|group| group.name).collect();
        let prose = Prose::of(text);
        Lexicon::new(&[]).find(text, &prose).iter().map(|hit| names[usize::from(hit.group)]).collect()
    }

    #[test]
    fn phrases_are_whole_words_plurals_and_humps() {
        assert!(groups_in("two deadlocks").contains(&"race"));
        assert!(groups_in("the AccessControl list getOAuthToken").contains(&"authentication"));
        assert!(!groups_in("Manchester traces the brace").contains(&"race"));
        assert!(!groups_in("vacuum, focus").contains(&"race"));
        assert!(groups_in("这里有竞态").contains(&"race"));
        assert!(!groups_in("blocker").contains(&"threads"));
    }

    #[test]
    fn every_pair_names_two_groups() {
        assert_eq!(Lexicon::new(&[]).bonds.len(), phrases::pairs().count());
    }

    #[test]
    fn group_names_differ_and_weights_are_sane() {
        let mut names: Vec<_> = phrases::groups().map(|group| group.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), phrases::groups().count());
        assert!(phrases::groups().flat_map(|group| group.speaks).all(|(_, weight)| weight.abs() <= 4.0));
    }

    #[test]
    fn phrases_are_lower_case_and_not_empty() {
        for phrase in phrases::groups().flat_map(|group| group.phrases.split('|')) {
            assert_eq!(phrase.trim(), phrase.trim().to_ascii_lowercase(), "{phrase}");
            assert!(phrase.trim().len() > 1, "{phrase}");
        }
    }
}
