//! What is known of a prompt before it is sent: its size, the risks it touches, the sort of work, what it carries.
//!
//! Everything is weighed by plain evidence, and the evidence is kept as places, never as text, so that an operator can
//! see why a prompt went where it went. The human's own words decide: agents wrap a one-line wish in thousands of tokens
//! of instructions and tool output that are full of alarming words. Nothing here knows models, rules or prices.

mod content;
mod kind;
mod lexicon;
mod phrases;
mod prose;
mod risk;
pub mod tokens;

#[cfg(test)]
mod sample;

use std::borrow::Cow;

use self::lexicon::Lexicon;
use self::prose::Prose;
use self::risk::{Heard, Scales};
use crate::domain::{Assessment, Kind, Prompt, Role};

/// How much of a long human turn is searched for phrases, at each end.
const LOOK: usize = 4096;
/// How many pieces of evidence are kept.
const EVIDENCE_AT_MOST: usize = 32;
/// How much the human turns count, from the last one back; older ones are not looked at.
const SHARES: [f32; 3] = [1.0, 0.55, 0.25];

/// Assesses prompts. Made once and shared: it holds the automata.
pub struct Assessor {
    lexicon: Lexicon,
    content: content::Detector,
}

impl Default for Assessor {
    fn default() -> Self {
        Self::new()
    }
}

impl Assessor {
    /// Builds the automata, which takes some tens of milliseconds.
    pub fn new() -> Self {
        Self { lexicon: Lexicon::new(), content: content::Detector::new() }
    }

    /// What is known of a prompt. Takes time linear in its length.
    pub fn assess(&self, prompt: &Prompt) -> Assessment {
        let human = || (0_u32..).zip(&prompt.turns).filter(|(_, turn)| turn.role == Role::User);
        let texts: Vec<(u32, Cow<'_, str>)> = human().map(|(number, turn)| (number, prompt.turn_text(turn))).collect();
        let heard: Vec<Heard> =
            texts.iter().rev().zip(SHARES).map(|((turn, text), share)| self.hear(*turn, text, share)).collect();

        let mut scales = Scales::default();
        heard.iter().for_each(|heard| scales.add(&self.lexicon, heard));
        let (kind, of_kind) = heard.first().map_or((Kind::Other, Vec::new()), |last| kind::kind(&self.lexicon, last));
        let tags = scales.tags();
        let risk = scales.risk(tags, kind);
        let mut evidence = scales.evidence;
        evidence.extend(of_kind);

        let (content, found) = self.content.find(texts.iter().map(|(turn, text)| (*turn, text.as_ref())));
        evidence.extend(found);
        evidence.sort_by(|one, other| other.weight.abs().total_cmp(&one.weight.abs()));
        evidence.truncate(EVIDENCE_AT_MOST);

        Assessment {
            tokens: tokens::estimate(prompt),
            tags,
            risk,
            kind,
            content,
            images: prompt.images().count() as u32,
            evidence,
        }
    }

    fn hear(&self, turn: u32, text: &str, share: f32) -> Heard {
        let head = &text[..text.floor_char_boundary(LOOK.min(text.len()))];
        let tail_start = text.ceil_char_boundary(text.len().saturating_sub(LOOK)).max(head.len());
        let tail = &text[tail_start..];
        let prose = Prose::of(head);
        let mut hits = self.lexicon.find(head, &prose);
        if !tail.is_empty() {
            let mut after = self.lexicon.find(tail, &Prose::of(tail));
            for hit in &mut after {
                hit.start += tail_start;
                hit.end += tail_start;
            }
            hits.extend(after);
        }
        Heard { turn, share, prose: prose.length, hits }
    }
}
