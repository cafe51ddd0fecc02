//! Whether an agent goes in circles: the same calls of tools with the same results, over and over, at the end of a
//! conversation.
//!
//! A step is what the model called since it was last told anything, and what came of it. Steps are compared from the last
//! one backwards, and only as far as they repeat, so the work is that of reading the end of the conversation.

use std::hash::{DefaultHasher, Hasher};

use super::{Piece, Prompt, Role, Span};

/// The longest round of steps that is noticed: one step over and over, or two or three that take turns.
const LONGEST_ROUND: usize = 3;

/// How many steps are looked at; of three that take turns, as many as a configuration may ask for.
const MOST_STEPS: usize = 384;

/// What clients add to results that changes each time and that no tool said: Codex' measures and Claude Code's reminders.
const CHANGING_LINES: [&[u8]; 2] = [b"Wall time", b"Chunk ID"];
const REMINDER: (&[u8], &[u8]) = (b"<system-reminder>", b"</system-reminder>");

/// What an agent does again and again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Repeated {
    /// How often it has been done in a row; 1: once. 0: no tool spoke last.
    pub times: u32,
    /// The last tool that was called, its name as a JSON string.
    pub tool: Option<Span>,
}

impl Prompt {
    /// How often the agent has done what it did last, with the same result.
    pub fn repeated(&self) -> Repeated {
        let mut steps = Steps::new(self);
        if steps.at(0).is_none() {
            return Repeated::default();
        }
        let times = (1..=LONGEST_ROUND).map(|round| steps.rounds(round)).max().unwrap_or(1);
        Repeated { times: u32::try_from(times).unwrap_or(u32::MAX), tool: self.calls.last().map(|call| call.name) }
    }
}

/// A step, from `first` to before `end` among the turns.
#[derive(Clone, Copy)]
struct Step {
    calls: u64,
    results: Option<u64>,
    first: usize,
    end: usize,
}

/// The steps of a conversation since the human last spoke, the last one first, as far as they were looked at.
struct Steps<'p> {
    prompt: &'p Prompt,
    found: Vec<Step>,
    /// How many turns and calls lie before those found.
    turns: usize,
    calls: usize,
    is_over: bool,
}

impl<'p> Steps<'p> {
    fn new(prompt: &'p Prompt) -> Self {
        Self { prompt, found: Vec::new(), turns: prompt.turns.len(), calls: prompt.calls.len(), is_over: false }
    }

    /// How often the last `round` steps have been made in a row.
    fn rounds(&mut self, round: usize) -> usize {
        let mut same = 0;
        while self.are_same(same, same + round) {
            same += 1;
        }
        (same + round) / round
    }

    fn are_same(&mut self, one: usize, other: usize) -> bool {
        let (Some(a), Some(b)) = (self.at(one), self.at(other)) else { return false };
        a.calls == b.calls && self.results(one) == self.results(other)
    }

    fn at(&mut self, place: usize) -> Option<Step> {
        while self.found.len() <= place && !self.is_over {
            match self.before() {
                Some(step) if self.found.len() < MOST_STEPS => self.found.push(step),
                _ => self.is_over = true,
            }
        }
        self.found.get(place).copied()
    }

    /// What came of a step; read only where its calls were made before.
    fn results(&mut self, place: usize) -> Option<u64> {
        let step = self.found.get_mut(place)?;
        if step.results.is_none() {
            let mut hasher = DefaultHasher::new();
            for turn in &self.prompt.turns[step.first..step.end] {
                if turn.role == Role::Tool {
                    turn.pieces.iter().for_each(|piece| result(self.prompt, piece, &mut hasher));
                    hasher.write_u8(b'.');
                }
            }
            step.results = Some(hasher.finish());
        }
        step.results
    }

    /// The step before those found: results, and before them the calls.
    fn before(&mut self) -> Option<Step> {
        let (end, mut has_results) = (self.turns, false);
        while let Some(turn) = self.turns.checked_sub(1).map(|last| &self.prompt.turns[last]) {
            match turn.role {
                Role::Tool => has_results = true,
                Role::System | Role::Other => {}
                Role::User => return None,
                Role::Assistant => break,
            }
            self.turns -= 1;
        }
        while let Some(turn) = self.turns.checked_sub(1).map(|last| &self.prompt.turns[last]) {
            if matches!(turn.role, Role::Tool | Role::User) {
                break;
            }
            self.turns -= 1;
        }
        let first = self.turns;
        let mut hasher = DefaultHasher::new();
        let before = self.calls;
        while let Some(call) = self.calls.checked_sub(1).map(|last| &self.prompt.calls[last]) {
            if (call.turn as usize) < first {
                break;
            }
            hasher.write(self.prompt.bytes(call.name));
            hasher.write(self.prompt.bytes(call.arguments));
            hasher.write_u8(b';');
            self.calls -= 1;
        }
        let has_calls = self.calls < before;
        (has_results && has_calls).then(|| Step { calls: hasher.finish(), results: None, first, end })
    }
}

/// What a tool said, without what its client added.
fn result(prompt: &Prompt, piece: &Piece, hasher: &mut DefaultHasher) {
    match piece {
        Piece::Text(text) => {
            let mut rest = prompt.bytes(text.0);
            while let Some(begin) = memchr::memmem::find(rest, REMINDER.0) {
                lines(&rest[..begin], hasher);
                let end = memchr::memmem::find(&rest[begin..], REMINDER.1);
                rest = end.map_or(&[][..], |end| &rest[begin + end + REMINDER.1.len()..]);
            }
            lines(rest.strip_suffix(b"\"").unwrap_or(rest), hasher);
        }
        Piece::Image(image) => match image.source {
            super::ImageSource::Inline(span) => hasher.write(prompt.bytes(span)),
            // What is behind a URL cannot be compared, so it is taken for another each time.
            super::ImageSource::Url => hasher.write_usize(std::ptr::from_ref(image).addr()),
        },
        Piece::Audio(span) | Piece::Other(span) | Piece::ToolCalls(span) => hasher.write(prompt.bytes(*span)),
    }
    hasher.write_u8(b',');
}

/// Lines of a JSON string as it stands, without those that change each time and without blank ends.
fn lines(text: &[u8], hasher: &mut DefaultHasher) {
    let mut from = 0;
    let ends = memchr::memmem::find_iter(text, b"\\n").chain(std::iter::once(text.len()));
    for end in ends {
        let line = &text[from..end];
        let bare = line.strip_prefix(b"\"").unwrap_or(line);
        if !bare.is_empty() && !CHANGING_LINES.iter().any(|start| bare.starts_with(start)) {
            hasher.write(bare);
            hasher.write_u8(b'\n');
        }
        from = (end + 2).min(text.len());
    }
}
