//! Exact counts, with OpenAI's own vocabularies.
//!
//! Text is counted in pieces of at most [`PIECE`] bytes, cut at white space where there is any. The tokenizer's regular
//! expression backtracks and gives up with a panic on a megabyte of spaces; a piece is too short for that, and bounds
//! the quadratic part of long words. The sum is the true count or, by a few parts in ten thousand, more.

use std::sync::LazyLock;

use tiktoken_rs::CoreBPE;

use super::{MESSAGE_TOKENS, REPLY_TOKENS, attachments};
use crate::domain::{Piece, Prompt, Span, TokenCount};

/// The longest piece given to the tokenizer, in bytes.
const PIECE: usize = 4096;

/// A vocabulary.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Encoding {
    /// `o200k_base`: GPT-4o and everything since; the closest public one for other makers' models.
    O200k,
    /// `cl100k_base`: GPT-4, GPT-3.5 and the embedding models.
    Cl100k,
}

static O200K: LazyLock<&'static CoreBPE> = LazyLock::new(tiktoken_rs::o200k_base_singleton);
static CL100K: LazyLock<&'static CoreBPE> = LazyLock::new(tiktoken_rs::cl100k_base_singleton);

impl Encoding {
    /// The vocabulary of a model; o200k for one that is not known.
    pub fn for_model(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let old = ["gpt-4-", "gpt-3.5", "gpt-35", "text-embedding-"];
        if name == "gpt-4" || old.iter().any(|prefix| name.starts_with(prefix)) { Self::Cl100k } else { Self::O200k }
    }

    fn vocabulary(self) -> &'static CoreBPE {
        match self {
            Encoding::O200k => *O200K,
            Encoding::Cl100k => *CL100K,
        }
    }
}

/// Loads the o200k vocabulary, which takes a few hundred milliseconds and 40 MB or so: for who measures the counting
/// alone. The proxy loads it when it first has to count exactly, which most never have to.
pub fn preload() {
    LazyLock::force(&O200K);
}

/// How many tokens a text has.
pub fn count_text(text: &str, encoding: Encoding) -> u64 {
    let vocabulary = encoding.vocabulary();
    pieces(text).map(|piece| vocabulary.count_ordinary(piece) as u64).sum()
}

/// How many tokens a prompt has. Text, tools and schemas are counted; images, sound and files are estimated as ever, so
/// a prompt with any of them still has bounds.
pub fn count_exact(prompt: &Prompt, encoding: Encoding) -> TokenCount {
    let mut tokens = MESSAGE_TOKENS * prompt.turns.len() as u64 + REPLY_TOKENS;
    let mut attached = TokenCount::default();
    for piece in prompt.turns.iter().flat_map(|turn| &turn.pieces) {
        match *piece {
            Piece::Text(text) => tokens += count_text(&prompt.text(text), encoding),
            Piece::ToolCalls(span) => tokens += count_span(prompt, span, encoding),
            Piece::Image(_) | Piece::Audio(_) | Piece::Other(_) => attachments::add(&mut attached, prompt, piece),
        }
    }
    for span in [prompt.tools, prompt.response_format].into_iter().flatten() {
        tokens += count_span(prompt, span, encoding);
    }
    TokenCount { low: tokens + attached.low, expected: tokens + attached.expected, high: tokens + attached.high }
}

fn count_span(prompt: &Prompt, span: Span, encoding: Encoding) -> u64 {
    count_text(&String::from_utf8_lossy(prompt.bytes(span)), encoding)
}

/// The text in pieces of at most [`PIECE`] bytes, each cut before the last white space that a piece can reach.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(cut(rest));
        rest = after;
        Some(piece)
    })
}

fn cut(text: &str) -> usize {
    if text.len() <= PIECE {
        return text.len();
    }
    let end = (0..=PIECE).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(text.len());
    // A token takes the space before a word with it, so the cut comes before the space: after a non-space.
    let bytes = text.as_bytes();
    (PIECE / 2..end)
        .rev()
        .find(|&place| matches!(bytes[place], b' ' | b'\n') && !bytes[place - 1].is_ascii_whitespace())
        .unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_model_names_its_vocabulary() {
        for model in ["gpt-4o", "gpt-4.1-mini", "openai/gpt-5", "o3", "claude-haiku-4-5", "gpt-4o-mini", "gpt-4.5"] {
            assert_eq!(Encoding::for_model(model), Encoding::O200k, "{model}");
        }
        for model in ["gpt-4", "gpt-4-turbo", "openai/gpt-3.5-turbo", "text-embedding-3-small"] {
            assert_eq!(Encoding::for_model(model), Encoding::Cl100k, "{model}");
        }
    }

    #[test]
    fn known_counts() {
        assert_eq!(count_text("hello world", Encoding::O200k), 2);
        assert_eq!(count_text("tiktoken is great!", Encoding::Cl100k), 6);
        assert_eq!(count_text("", Encoding::O200k), 0);
    }

    #[test]
    fn a_megabyte_of_anything_is_counted_without_a_panic() {
        let base64: String = (0..1_000_000_u32)
            .map(|i| char::from(b"ABCDEFGHabcdefgh01234567+/zyxwvu"[(i.wrapping_mul(2_654_435_761) >> 27) as usize]))
            .collect();
        for text in [
            " ".repeat(1_000_000),
            "a".repeat(1_000_000),
            base64,
            "龘靐齉".repeat(111_111),
            "😀".repeat(250_000),
            "=".repeat(1_000_000),
        ] {
            assert!(count_text(&text, Encoding::O200k) > 0);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn pieces_lose_nothing_and_count_a_little_high(words in proptest::collection::vec("[a-zA-Z]{1,9}|[0-9]{1,6}|\\PC|[.,;:(){}\"]", 800..6000), breaks in 3_usize..30) {
            let text: String = words.iter().enumerate().map(|(place, word)| if place % breaks == 0 { format!("\n{word}") } else { format!(" {word}") }).collect();
            prop_assert_eq!(pieces(&text).collect::<String>(), text.as_str());
            let (exact, chunked) = (O200K.count_ordinary(&text) as u64, count_text(&text, Encoding::O200k));
            prop_assert!(chunked >= exact, "{} < {}", chunked, exact);
            prop_assert!(chunked as f64 <= exact as f64 * 1.01 + 2.0, "{} > {}", chunked, exact);
        }
    }
}
