//! How many tokens a prompt has: a fast estimate with bounds that were measured, and the exact count for when a
//! threshold lies between them.
//!
//! The estimate reads the body's bytes once, as they stand, without a vocabulary. It is made for `o200k`; how wide the
//! bounds are, and on which texts that was measured, stands in `docs/assessment.md`.

mod attachments;
mod exact;
pub mod pairs;
mod script;

pub use exact::{Encoding, count_exact, count_text, preload};

use self::pairs::Sum;
use crate::domain::{Piece, Prompt, Text, TokenCount};

/// What a message costs beside its text: its frame and the name of its role.
const MESSAGE_TOKENS: u64 = 4;
/// What opens the answer.
const REPLY_TOKENS: u64 = 3;
/// The bounds hold this share beside the sums (texts differ in vocabulary) …
const HIGH_SHARE: f64 = 1.12;
const LOW_SHARE: f64 = 0.86;
/// … and a little of the root of the count, for short texts scatter more.
const SCATTER: f64 = 1.2;

/// About how many tokens a prompt has. Takes time linear in its length whatever it holds.
pub fn estimate(prompt: &Prompt) -> TokenCount {
    let mut sum = Sum::default();
    let mut attached = TokenCount::default();
    for piece in prompt.turns.iter().flat_map(|turn| &turn.pieces) {
        match *piece {
            Piece::Text(text) => sum.add_json_text(within_quotes(prompt, text)),
            Piece::ToolCalls(span) => sum.add_json_text(prompt.bytes(span)),
            Piece::Image(_) | Piece::Audio(_) | Piece::Other(_) => attachments::add(&mut attached, prompt, piece),
        }
    }
    for span in [prompt.tools, prompt.response_format].into_iter().flatten() {
        sum.add_json_text(prompt.bytes(span));
    }
    let text = bounds(sum);
    let frame = MESSAGE_TOKENS * prompt.turns.len() as u64 + REPLY_TOKENS;
    TokenCount {
        low: text.low + attached.low + frame,
        expected: text.expected + attached.expected + frame,
        high: text.high + attached.high + frame,
    }
}

/// About how many tokens a text has that stands in a JSON body, without its quotes.
pub fn estimate_text(raw: &[u8]) -> TokenCount {
    let mut sum = Sum::default();
    sum.add_json_text(raw);
    bounds(sum)
}

fn bounds(sum: Sum) -> TokenCount {
    let sum = sum.tokens();
    let scatter = SCATTER * sum.expected.sqrt();
    let expected = sum.expected.round();
    let low = (sum.low.min(sum.expected) * LOW_SHARE - scatter).floor().clamp(0.0, expected);
    let high = (sum.high.max(sum.expected) * HIGH_SHARE + scatter).ceil();
    TokenCount { low: low as u64, expected: expected as u64, high: high as u64 }
}

fn within_quotes(prompt: &Prompt, text: Text) -> &[u8] {
    let raw = prompt.bytes(text.0);
    raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::sample;
    use crate::domain::Role;

    /// Texts of the sorts that estimators get wrong.
    fn sorts() -> Vec<String> {
        let cycle = |alphabet: &str, length: usize| -> String {
            let alphabet: Vec<char> = alphabet.chars().collect();
            let step = |state: &mut u32| {
                *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Some(alphabet[(*state >> 16) as usize % alphabet.len()])
            };
            std::iter::successors(Some(7_u32), |state| Some(state.wrapping_add(1)))
                .scan(7_u32, |state, _| step(state))
                .take(length)
                .collect()
        };
        let alphabets = [
            "abcdefghijklmnopqrstuvwxyz",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            "0123456789abcdef",
            "0123456789",
            "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
            "的一是不了人在有这大国上个说要们为子和你龘靐齉爩",
            "😀😃😄😁👩🏽🚀🦀",
            "абвгдежзийклмнопрстуфхцчшщъыьэюя",
            "กขคฆงจฉชซฌญฎฏฐ",
        ];
        let mut texts: Vec<String> = alphabets.iter().map(|alphabet| cycle(alphabet, 5000)).collect();
        texts.extend([" ", "\n", "\t", "a", "=", "/", ".", "0", "\"", "_"].map(|one| one.repeat(5000)));
        texts
    }

    #[test]
    fn no_sort_of_text_passes_the_upper_bound() {
        for text in sorts() {
            let exact = count_text(&text, Encoding::O200k);
            let json = serde_json::to_string(&text).unwrap();
            let estimate = estimate_text(&json.as_bytes()[1..json.len() - 1]);
            let start: String = text.chars().take(8).collect();
            assert!(exact <= estimate.high, "{start:?}…: {exact} > {estimate:?}");
        }
    }

    #[test]
    fn prose_code_and_json_lie_inside_the_bounds() {
        let texts = [
            "Please review the change below: does it hold the lock for longer than it has to, and what would you do instead?",
            include_str!("mod.rs"),
            include_str!("../../domain/prompt.rs"),
            r#"{"id": 17, "name": "Ada", "tags": ["a", "b"], "price": 12.5, "nested": {"ok": true, "list": [1, 2, 3]}}"#,
            "Bitte schreibe mir eine Funktion, die alle Dateien eines Ordners umbenennt und dabei nichts überschreibt.",
        ];
        for text in texts {
            let exact = count_text(text, Encoding::O200k);
            let json = serde_json::to_string(text).unwrap();
            let estimate = estimate_text(&json.as_bytes()[1..json.len() - 1]);
            assert!(estimate.low <= exact && exact <= estimate.high, "{exact} not in {estimate:?}: {text:.40}");
        }
    }

    #[test]
    fn the_estimate_of_a_prompt_agrees_with_its_count() {
        let prompt = sample::turns(&[
            (Role::System, "You are a helpful assistant. Answer in the language of the user."),
            (Role::User, "What does this function do?\n\nfn main() { println!(\"{}\", 1 + 1); }"),
        ]);
        let (estimate, exact) = (estimate(&prompt), count_exact(&prompt, Encoding::O200k));
        assert!(exact.is_exact() && exact.low > 2 * MESSAGE_TOKENS + REPLY_TOKENS);
        assert!(estimate.low <= exact.low && exact.low <= estimate.high, "{exact:?} not in {estimate:?}");
    }

    #[test]
    fn an_empty_prompt_is_its_frame() {
        assert_eq!(estimate(&sample::turns(&[])).expected, REPLY_TOKENS);
    }
}
