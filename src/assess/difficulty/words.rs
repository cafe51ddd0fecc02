//! A text as the words and pairs of words that are in it, each told by a number.

/// How many numbers words and pairs are spread over.
pub(super) const BUCKETS: usize = 1 << 17;
/// How many numbers single words are spread over once more, to tell how many are new.
const SINGLES: usize = 1 << 14;

/// Words that tell how a sentence is built; how often each stands in a text is a feature of its own.
pub(super) const LINKS: [&str; 24] = [
    "and", "or", "also", "then", "both", "each", "if", "not", "except", "with", "for", "between", "from", "to", "of",
    "what", "which", "how", "why", "when", "who", "is", "the", "must",
];

/// What stands in a text at one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sort {
    /// Letters, digits and underscores, with a letter first.
    Word,
    /// The same, with a digit first.
    Number,
    /// A single character that is neither.
    Symbol,
}

/// A word, number or symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    /// Which one it is, whatever the case of its letters.
    pub(super) hash: u32,
    pub(super) sort: Sort,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The words of a text.
pub(super) struct Words {
    /// Each word and each pair of neighbours once, by number.
    pub(super) buckets: Vec<u32>,
    /// Each single word once, by hash.
    pub(super) singles: Vec<u32>,
    /// Each pair of neighbours once, by hash.
    pub(super) pairs: Vec<u32>,
    /// How many words there are, repeats included.
    pub(super) count: usize,
    known: [u64; SINGLES / 64],
}

impl Words {
    /// Reads a text once; each token is told as it comes.
    pub(super) fn of(text: &str, mut told: impl FnMut(Token)) -> Self {
        let mut seen = [0_u64; BUCKETS / 64];
        let mut words = Self {
            buckets: Vec::with_capacity(text.len() / 2),
            singles: Vec::with_capacity(text.len() / 6),
            pairs: Vec::with_capacity(text.len() / 4),
            count: 0,
            known: [0; SINGLES / 64],
        };
        let mut before = 0;
        for token in Tokens::of(text) {
            told(token);
            words.count += usize::from(token.sort != Sort::Symbol);
            if words.meet(token.hash) && token.sort == Sort::Word {
                words.singles.push(token.hash);
            }
            let pair = before ^ token.hash.rotate_left(9);
            for (hash, is_pair) in [(token.hash, false), (pair, before != 0)] {
                let bucket = spread(hash);
                let (cell, bit) = (bucket as usize / 64, 1 << (bucket % 64));
                if seen[cell] & bit == 0 {
                    seen[cell] |= bit;
                    words.buckets.push(bucket);
                    if is_pair {
                        words.pairs.push(hash);
                    }
                }
            }
            before = token.hash;
        }
        words
    }

    /// Whether the word is in the text; in a few thousandths of all cases it is another word that looks alike.
    pub(super) fn has(&self, hash: u32) -> bool {
        let place = spread(hash) as usize % SINGLES;
        self.known[place / 64] & (1 << (place % 64)) != 0
    }

    /// Remembers the word; whether it is new.
    fn meet(&mut self, hash: u32) -> bool {
        let place = spread(hash) as usize % SINGLES;
        let (cell, bit) = (&mut self.known[place / 64], 1 << (place % 64));
        let new = *cell & bit == 0;
        *cell |= bit;
        new
    }
}

/// A number below [`BUCKETS`] that depends on every bit.
pub(super) fn spread(hash: u32) -> u32 {
    scatter(hash) >> (32 - BUCKETS.trailing_zeros())
}

/// Another number in which every bit depends on every bit.
pub(super) fn scatter(hash: u32) -> u32 {
    let mixed = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
    let mixed = (mixed ^ (mixed >> 12)).wrapping_mul(0x297a_2d39);
    mixed ^ (mixed >> 15)
}

/// Walks through the tokens of a text.
pub(super) struct Tokens<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Tokens<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), at: 0 }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        while self.bytes.get(self.at)?.is_ascii_whitespace() {
            self.at += 1;
        }
        let start = self.at;
        let first = self.bytes[start];
        let mut hash = step(0x811c_9dc5, first);
        self.at += 1;
        let sort = match first {
            // Scripts without spaces: a character is a word.
            0xe3..0xf0 => {
                while let Some(byte @ 0x80..0xc0) = self.bytes.get(self.at) {
                    hash = step(hash, *byte);
                    self.at += 1;
                }
                Sort::Word
            }
            _ if is_of_word(first) => {
                while let Some(byte) = self.bytes.get(self.at).filter(|byte| is_of_word(**byte)) {
                    hash = step(hash, *byte);
                    self.at += 1;
                }
                if first.is_ascii_digit() { Sort::Number } else { Sort::Word }
            }
            _ => Sort::Symbol,
        };
        Some(Token { hash, sort, start, end: self.at })
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || (byte >= 0x80 && !(0xe3..0xf0).contains(&byte))
}

fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
}

/// The hash of one word.
pub(super) fn hash_of(word: &str) -> u32 {
    word.bytes().fold(0x811c_9dc5, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        Tokens::of(text).map(|token| &text[token.start..token.end]).collect()
    }

    #[test]
    fn a_text_is_words_numbers_and_symbols() {
        assert_eq!(texts("Add x_1 to f(a, 12px)."), ["Add", "x_1", "to", "f", "(", "a", ",", "12px", ")", "."]);
        assert_eq!(texts("größe 漢字!"), ["größe", "漢", "字", "!"]);
        assert_eq!(texts(" \n\t"), Vec::<&str>::new());
    }

    #[test]
    fn case_and_repeats_change_nothing() {
        let buckets = |text| Words::of(text, |_| {}).buckets;
        assert_eq!(buckets("the Cat the cat the cat"), buckets("the cat the CAT"));
        assert!(Words::of("sort the list", |_| {}).has(hash_of("LIST")));
    }
}
