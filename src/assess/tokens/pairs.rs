//! The estimator's kernel: how likely a token begins between two neighbouring characters.
//!
//! A tokenizer cuts at some places of a text and not at others. Whether it cuts between `q` and `z` or between `t` and
//! `h` can be counted once, over much text; the sum of those shares over a text is its expected number of tokens. Two
//! more sums are kept beside it: what the count could be if the text were of the worst sort in which such a pair is
//! common (random letters, base64), and what if of the kindest (one character repeated). They become the bounds.

use super::script;

/// How many classes a character falls into: each letter for itself (but `Z` with `X`), everything else in groups.
pub const CLASSES: usize = 64;
/// The class of everything outside ASCII.
pub const BEYOND_ASCII: u8 = 63;
/// The class of a line break, which is also what comes before a text.
pub const LINE_BREAK: u8 = 54;

const SPACE: u8 = 53;
/// The class of a space that follows a space or a line break: the tokenizer takes a run of them as one token, and cuts
/// before the last of them, so that it is the run's end that costs.
const INDENT: u8 = 51;

/// Shares are kept in steps of 1/255.
const STEPS: f64 = 255.0;
/// Marks the bytes that begin more than themselves: backslash and everything beyond ASCII.
const SPECIAL: u8 = 0x80;
/// How many pairs fit into the packed sums before a lane could overflow: 8192 · 255 < 2²¹.
const BLOCK: usize = 8192;
const LANE: u32 = 21;
const LANE_MASK: u64 = (1 << LANE) - 1;

/// The class of an ASCII character; [`BEYOND_ASCII`] for any other byte.
pub const fn class_of(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte - b'a',
        b'A'..=b'Y' => 26 + byte - b'A',
        b'Z' => 26 + b'X' - b'A',
        b'0'..=b'9' => 52,
        b' ' => SPACE,
        b'\n' | b'\r' => LINE_BREAK,
        0..=0x1f | 0x7f => 55,
        b'.' | b',' | b';' | b':' | b'!' | b'?' => 56,
        b'(' | b')' | b'[' | b']' | b'{' | b'}' => 57,
        b'"' | b'\'' | b'`' => 58,
        b'_' => 59,
        b'-' | b'=' | b'+' | b'*' | b'~' => 60,
        b'/' | b'\\' | b'|' | b'<' | b'>' => 61,
        b'#' | b'$' | b'%' | b'&' | b'@' | b'^' => 62,
        _ => BEYOND_ASCII,
    }
}

/// The class that a character has as the one before the next.
pub const fn as_previous(previous: u8, class: u8) -> u8 {
    if class == SPACE && matches!(previous, SPACE | INDENT | LINE_BREAK) { INDENT } else { class }
}

/// Whether a space belongs to a run, so that a cut before it counts at the run's end.
pub const fn in_run(previous: u8, class: u8) -> bool {
    class == SPACE && matches!(previous, SPACE | INDENT)
}

const CLASS_OF: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let class = class_of(byte as u8);
        let special = class == BEYOND_ASCII || byte as u8 == b'\\';
        table[byte] = if special { class | SPECIAL } else { class };
        byte += 1;
    }
    table
};

/// Three shares a pair (expected, low, high), written by `examples/calibrate_tokens.rs`.
const MEASURED: &[u8; CLASSES * CLASSES * 3] = include_bytes!("pairs.bin");

/// The three shares of a pair side by side in one word, so that one load and one addition serve all of them.
static PACKED: [u64; CLASSES * CLASSES] = {
    let mut table = [0; CLASSES * CLASSES];
    let mut pair = 0;
    while pair < CLASSES * CLASSES {
        table[pair] = MEASURED[pair * 3] as u64
            | (MEASURED[pair * 3 + 1] as u64) << LANE
            | (MEASURED[pair * 3 + 2] as u64) << (2 * LANE);
        pair += 1;
    }
    table
};

/// The place of a pair in the table.
pub const fn pair_index(previous: u8, class: u8) -> usize {
    (previous as usize & (CLASSES - 1)) << 6 | (class as usize & (CLASSES - 1))
}

/// What was summed over some texts.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sum {
    /// The pairs' shares in steps: expected, low, high.
    steps: [u64; 3],
    /// The characters beyond ASCII.
    beyond_ascii: Cost,
}

/// Tokens that something costs.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Cost {
    /// To be expected.
    pub expected: f64,
    /// If the text is of the kindest sort.
    pub low: f64,
    /// If the text is of the worst sort.
    pub high: f64,
}

impl Sum {
    /// What it comes to.
    pub fn tokens(&self) -> Cost {
        let [expected, low, high] = self.steps.map(|steps| steps as f64 / STEPS);
        Cost {
            expected: expected + self.beyond_ascii.expected,
            low: low + self.beyond_ascii.low,
            high: high + self.beyond_ascii.high,
        }
    }

    /// Adds a text as it stands in a JSON body: escapes are read as the character they stand for.
    pub fn add_json_text(&mut self, raw: &[u8]) {
        let mut rest = raw;
        let mut previous = LINE_BREAK;
        while !rest.is_empty() {
            let block = &rest[..rest.len().min(BLOCK)];
            let (mut packed, mut plain) = (0, 0);
            for &byte in block {
                let class = CLASS_OF[usize::from(byte)];
                if class & SPECIAL != 0 {
                    break;
                }
                packed += PACKED[pair_index(previous, class)];
                previous = as_previous(previous, class);
                plain += 1;
            }
            self.add_packed(packed);
            rest = &rest[plain..];
            if plain < block.len() {
                let (character, length) = special_character(rest);
                previous = self.add_character(previous, character);
                rest = &rest[length.min(rest.len())..];
            }
        }
    }

    fn add_packed(&mut self, packed: u64) {
        for (lane, steps) in (0..).zip(&mut self.steps) {
            *steps += (packed >> (lane * LANE)) & LANE_MASK;
        }
    }

    fn add_character(&mut self, previous: u8, character: u32) -> u8 {
        if let Ok(byte) = u8::try_from(character)
            && byte.is_ascii()
        {
            let class = class_of(byte);
            self.add_packed(PACKED[pair_index(previous, class)]);
            return as_previous(previous, class);
        }
        let cost = script::cost(character);
        self.beyond_ascii.expected += cost.expected;
        self.beyond_ascii.low += cost.low;
        self.beyond_ascii.high += cost.high;
        BEYOND_ASCII
    }
}

/// The character that an escape or a UTF-8 sequence at the start of `rest` stands for, and how many bytes it takes.
fn special_character(rest: &[u8]) -> (u32, usize) {
    if rest[0] != b'\\' {
        return utf8_character(rest);
    }
    match rest.get(1) {
        Some(b'n' | b'r') => (u32::from(b'\n'), 2),
        Some(b't' | b'b' | b'f') => (u32::from(b'\t'), 2),
        Some(b'u') => match unit(rest) {
            Some(high @ 0xd800..=0xdbff) => match unit(rest.get(6..).unwrap_or_default()) {
                Some(low @ 0xdc00..=0xdfff) => (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12),
                _ => (high, 6),
            },
            Some(unit) => (unit, 6),
            None => (u32::from(b'u'), 2),
        },
        Some(&other) if other.is_ascii() => (u32::from(other), 2),
        // A backslash that escapes nothing: not JSON, but nothing here may depend on it.
        _ => (u32::from(b'\\'), 1),
    }
}

/// The code unit of a `\uXXXX` at the start of `rest`.
fn unit(rest: &[u8]) -> Option<u32> {
    let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
}

fn utf8_character(rest: &[u8]) -> (u32, usize) {
    let lead = rest[0];
    let length = match lead {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
        _ => 1,
    };
    let first = u32::from(lead) & (0xff >> (length + 1));
    let character = rest.iter().take(length).skip(1).fold(first, |bits, &byte| bits << 6 | u32::from(byte & 0x3f));
    (character, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(raw: &str) -> Cost {
        let mut sum = Sum::default();
        sum.add_json_text(raw.as_bytes());
        sum.tokens()
    }

    #[test]
    fn an_escape_costs_what_its_character_costs() {
        for (escaped, plain) in [(r"\u4f60\u597d", "你好"), (r"\ud83d\ude00", "😀"), (r"\u0061bc", "abc")] {
            assert_eq!(sum(escaped), sum(plain), "{escaped}");
        }
        assert!(sum(r"one\ntwo").expected < 4.5);
    }

    #[test]
    fn broken_escapes_and_cut_sequences_are_walked_to_the_end() {
        for raw in [r"\", r"\u", r"\u12", r"\ud83d", r"\ud83dx", r"\uzzzz"] {
            assert!(sum(raw).high > 0.0, "{raw}");
        }
        let mut cut = Sum::default();
        cut.add_json_text(&"你".as_bytes()[..2]);
        cut.add_json_text(&[0x80, 0xff]);
        assert!(cut.tokens().expected.is_finite());
    }

    #[test]
    fn a_long_text_does_not_overflow_a_lane() {
        let text = "qZ".repeat(100_000);
        let (one, all) = (sum(&text[..2000]), sum(&text));
        assert!((all.high / one.high - 100.0).abs() < 0.1);
    }
}
