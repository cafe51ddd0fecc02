//! What an agent's session has come to since the human spoke, read from the request itself: clients send the whole
//! conversation each time. The prompt of a session says little about how hard it will be; what happens in it says much.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::domain::{Difficulty, Piece, Prompt, Role};

/// What happened since the human spoke last.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Trajectory {
    /// How many calls of tools the model made.
    pub calls: u32,
    /// How many tools answered with an error.
    pub errors: u32,
    /// How many calls had been made before in the same words.
    pub repeats: u32,
    /// How many times as long the conversation is as when the human spoke; at least 1.
    pub growth: f32,
}

/// How much of a tool's answer is searched for errors, at each end.
const LOOK: usize = 512;
/// What tools say when something went wrong, in the words of shells, compilers, test runners and agents' own tools.
const ERRORS: [&str; 18] = [
    "Traceback (most recent call last)",
    "Error:",
    "error:",
    "error[",
    "ERROR",
    "FAILED",
    "failed with",
    "command not found",
    "No such file or directory",
    "Permission denied",
    "panicked at",
    "Exception:",
    "Exception in",
    "non-zero exit",
    "exit code 1",
    "Exit code 1",
    "<tool_use_error>",
    "\"is_error\":true",
];

/// Each error makes the rest that is not yet feared smaller by this (in the exponent) …
const PER_ERROR: f32 = 0.12;
/// … each call that was made before, which is the surest sign of being stuck …
const PER_REPEAT: f32 = 0.3;
/// … each call beyond those that most sessions have …
const PER_LONG_CALL: f32 = 0.02;
const USUAL_CALLS: u32 = 12;
/// … and each doubling of the conversation.
const PER_DOUBLING: f32 = 0.05;

impl Trajectory {
    /// Reads the turns after the human's last. Takes time linear in the length of the conversation.
    pub fn of(prompt: &Prompt) -> Self {
        let spoke = prompt.turns.iter().rposition(|turn| turn.role == Role::User).map_or(0, |last| last + 1);
        let bytes = |piece: &Piece| match piece {
            Piece::Text(text) => text.0.len(),
            Piece::ToolCalls(span) | Piece::Other(span) => span.len(),
            Piece::Image(_) | Piece::Audio(_) => 0,
        };
        let (before, after) = prompt.turns.split_at(spoke);
        let size = |turns: &[crate::domain::Turn]| turns.iter().flat_map(|turn| &turn.pieces).map(bytes).sum::<usize>();
        let (old, new) = (size(before), size(after));
        let mut trajectory = Self { growth: (old + new) as f32 / old.max(1) as f32, ..Self::default() };
        let mut made = HashSet::new();
        for turn in after {
            for piece in &turn.pieces {
                match piece {
                    Piece::ToolCalls(span) => {
                        trajectory.calls += 1;
                        trajectory.repeats += u32::from(!made.insert(wording(prompt.bytes(*span))));
                    }
                    Piece::Text(text) if turn.role == Role::Tool => {
                        trajectory.errors += u32::from(is_error(prompt.bytes(text.0)));
                    }
                    _ => {}
                }
            }
        }
        trajectory
    }

    /// How much is to be feared of it.
    fn fear(&self) -> f32 {
        let long = self.calls.saturating_sub(USUAL_CALLS) as f32;
        PER_ERROR * self.errors as f32
            + PER_REPEAT * self.repeats as f32
            + PER_LONG_CALL * long
            + PER_DOUBLING * self.growth.max(1.0).log2()
    }
}

/// The difficulty of a session in which this has happened: never less than before, and more with every error, repeated
/// call and doubling. What is unknown stays so.
pub fn raise(difficulty: Difficulty, trajectory: &Trajectory) -> Difficulty {
    if !difficulty.is_known() || trajectory.calls == 0 {
        return difficulty;
    }
    let spared = (1.0 - difficulty.score()) * f64::from(-trajectory.fear()).exp();
    Difficulty::of(1.0 - spared).max(difficulty)
}

/// A call's name and arguments as a number. Ids differ from call to call, so their values are passed over.
fn wording(json: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let (mut at, mut skip) = (0, false);
    while let Some(open) = json[at..].iter().position(|byte| *byte == b'"').map(|place| at + place) {
        json[at..open].hash(&mut hasher);
        let close = end_of_string(json, open + 1);
        let string = &json[open + 1..close.min(json.len())];
        let is_key = json.get(close + 1..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"));
        if !skip {
            string.hash(&mut hasher);
        }
        skip = is_key && matches!(string, b"id" | b"call_id" | b"tool_use_id" | b"toolUseId");
        at = (close + 1).min(json.len());
    }
    json[at..].hash(&mut hasher);
    hasher.finish()
}

fn end_of_string(json: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < json.len() && json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    at
}

fn is_error(text: &[u8]) -> bool {
    let head = &text[..LOOK.min(text.len())];
    let tail = &text[text.len().saturating_sub(LOOK).max(head.len())..];
    let within = |part: &[u8]| ERRORS.iter().any(|word| memchr::memmem::find(part, word.as_bytes()).is_some());
    within(head) || within(tail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::assess::sample;

    fn call(id: &str, arguments: &str) -> String {
        format!(r#"[{{"id":"{id}","type":"function","function":{{"name":"run","arguments":"{arguments}"}}}}]"#)
    }

    #[test]
    fn a_session_is_read_from_where_the_human_spoke() {
        let prompt = sample::session(&[
            (Role::User, "an earlier wish"),
            (Role::Assistant, &call("a", "make")),
            (Role::Tool, "error: old"),
            (Role::User, "fix the build"),
            (Role::Assistant, &call("b", "make")),
            (Role::Tool, "src/main.rs:3: error: no"),
            (Role::Assistant, &call("c", "make test")),
            (Role::Tool, "all 7 tests passed"),
            (Role::Assistant, &call("d", "make")),
            (Role::Tool, "error: no"),
        ]);
        let trajectory = Trajectory::of(&prompt);
        assert_eq!((trajectory.calls, trajectory.errors, trajectory.repeats), (3, 2, 1));
        assert!(trajectory.growth > 1.5);
        let easy = Difficulty::of(0.2);
        assert!(raise(easy, &trajectory) > easy);
    }

    #[test]
    fn nothing_happened_yet() {
        let prompt = sample::session(&[(Role::User, "fix the build")]);
        assert_eq!(raise(Difficulty::of(0.2), &Trajectory::of(&prompt)), Difficulty::of(0.2));
        let stuck = Trajectory { calls: 9, errors: 9, repeats: 9, growth: 40.0 };
        assert_eq!(raise(Difficulty::UNKNOWN, &stuck), Difficulty::UNKNOWN);
        assert!(raise(Difficulty::of(0.1), &stuck).score() > 0.9);
    }

    proptest! {
        #[test]
        fn more_trouble_is_never_easier(
            score in 0.0..1.0_f64, calls in 0..80_u32, errors in 0..40_u32, repeats in 0..40_u32, growth in 1.0..90.0_f32,
            more in 0..5_u32, which in 0..4_u8,
        ) {
            let before = Trajectory { calls, errors, repeats, growth };
            let after = match which {
                0 => Trajectory { calls: calls + more, ..before },
                1 => Trajectory { errors: errors + more, ..before },
                2 => Trajectory { repeats: repeats + more, ..before },
                _ => Trajectory { growth: growth * (1 + more) as f32, ..before },
            };
            let difficulty = Difficulty::of(score);
            prop_assert!(raise(difficulty, &after) >= raise(difficulty, &before));
            prop_assert!(raise(difficulty, &before) >= difficulty);
        }
    }
}
