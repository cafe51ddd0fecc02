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
