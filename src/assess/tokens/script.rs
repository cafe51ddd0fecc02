//! Characters beyond ASCII: what each costs alone, and how much the scripts' common words save.

use super::pairs::Cost;

/// Tokens that o200k needs for the character alone, 1 to 4, two bits each: U+0000 to U+1FFFF. Written by
/// `examples/calibrate_tokens.rs` from the vocabulary.
const ALONE: &[u8; 0x8000] = include_bytes!("characters.bin");

/// Merging neighbours seldom costs tokens; combining marks in odd places are where it does.
const WORST_MERGE: f64 = 1.06;

/// What a character costs in running text of its script.
pub(super) fn cost(character: u32) -> Cost {
    let alone = f64::from(alone(character));
    let (expected, low) = share(character);
    Cost { expected: alone * expected, low: alone * low, high: alone * WORST_MERGE }
}

fn alone(character: u32) -> u8 {
    let place = character as usize;
    ALONE.get(place / 4).map_or(4, |four| (four >> (place % 4 * 2) & 3) + 1)
}

/// The share of the lone characters' cost that running text of the script has, and the least it can have: frequent
/// words and syllables are one token. Measured on the message catalogues of Debian's command-line tools.
fn share(character: u32) -> (f64, f64) {
    match character {
        0x0080..=0x024f => (0.68, 0.15), // Latin with accents
        0x0370..=0x03ff => (0.29, 0.16), // Greek
        0x0400..=0x052f => (0.19, 0.11), // Cyrillic
        0x0530..=0x05ff => (0.62, 0.40), // Armenian, Hebrew
        0x0600..=0x08ff => (0.26, 0.15), // Arabic
        0x0900..=0x0dff => (0.23, 0.13), // the scripts of India
        0x0e00..=0x0fff => (0.41, 0.25), // Thai, Lao, Tibetan
        0x1e00..=0x1fff => (0.22, 0.05), // Vietnamese, old Greek
        0x2000..=0x2bff => (0.85, 0.10), // punctuation, arrows, boxes (rows of them are few tokens)
        0x3000..=0x30ff => (0.60, 0.35), // Japanese syllables and punctuation
        0x3100..=0x9fff => (0.72, 0.45), // Chinese, Japanese
        0xac00..=0xd7ff => (0.51, 0.30), // Korean
        _ => (1.0, 0.40),
    }
}
