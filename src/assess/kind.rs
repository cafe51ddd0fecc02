//! The sort of work that is asked for.

use super::lexicon::Lexicon;
use super::phrases::Says;
use super::risk::Heard;
use crate::domain::{Evidence, Kind, Signal};

/// What a phrase counts that stands elsewhere than where the wish is told.
const ASIDE: f32 = 0.3;
/// How many bytes the first words take, which mostly name the work …
const FIRST_WORDS: usize = 48;
/// … and what they count.
const FIRST: f32 = 2.0;
/// Less than this says nothing: then something that is not as it should be is the likeliest.
const ENOUGH: f32 = 0.3;
/// A wish of a few words that names no work is small talk.
const FEW_WORDS: usize = 24;

/// The kind with the most evidence in the last human turn, and that evidence.
pub(super) fn kind(lexicon: &Lexicon, heard: &Heard) -> (Kind, Vec<Evidence>) {
    let mut scores = [0.0_f32; Kind::ALL.len()];
    let mut counted = vec![0_u8; lexicon.groups.len()];
    let mut evidence = Vec::new();
    for hit in &heard.hits {
        for &(says, weight) in &lexicon.groups[usize::from(hit.group)].speaks {
            let Says::Kind(kind) = says else { continue };
            let repeats = &mut counted[usize::from(hit.group)];
            let place = if hit.start < FIRST_WORDS {
                FIRST
            } else if hit.central {
                1.0
            } else {
                ASIDE
            };
            let weight = weight * hit.strength * place / f32::from(1 + *repeats).powi(2);
            *repeats = repeats.saturating_add(1).min(10);
            scores[kind as usize] += weight;
            let (offset, length) = (hit.start as u32, (hit.end - hit.start) as u32);
            evidence.push(Evidence { signal: Signal::Kind(kind), turn: heard.turn, offset, length, weight });
        }
    }
    let best = Kind::ALL.iter().copied().max_by(|one, other| scores[*one as usize].total_cmp(&scores[*other as usize]));
    let kind = best.filter(|kind| scores[*kind as usize] >= ENOUGH).unwrap_or(if heard.prose <= FEW_WORDS {
        Kind::Chat
    } else {
        Kind::Bugfix
    });
    evidence.retain(|piece| piece.signal == Signal::Kind(kind));
    (kind, evidence)
}
