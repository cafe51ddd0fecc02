//! Which lines of a human turn are the human's own words, and which are code, logs and quotations.

/// Opening words count more: a title says what the matter is …
const OPENING: usize = 180;
/// … and so do the last ones, where a wish follows what was pasted.
const CLOSING: usize = 160;
/// The strength of prose by how much prose came before it.
const FADING: [(usize, f32); 4] = [(OPENING, 1.3), (700, 1.0), (1600, 0.75), (usize::MAX, 0.5)];

/// What one line is.
#[derive(Clone, Copy, Debug)]
struct Line {
    start: usize,
    /// How many bytes of prose came before it; `None` for code and the like.
    before: Option<usize>,
}

/// A turn's text, line by line.
pub(super) struct Prose {
    lines: Vec<Line>,
    /// How many bytes of prose there are.
    pub(super) length: usize,
}

/// What a place in a text is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Whether it is code, a log or a quotation.
    pub(super) code: bool,
    /// How much prose counts here.
    pub(super) strength: f32,
    /// Whether it is in the opening or the closing words.
    pub(super) central: bool,
}

impl Prose {
    /// Looks at each line once.
    pub(super) fn of(text: &str) -> Self {
        let mut lines = Vec::new();
        let mut length = 0;
        let mut block = Block::None;
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let trimmed = line.trim();
            let within = block.advance(trimmed);
            let prose = !within && !trimmed.is_empty() && !is_pasted(line, trimmed);
            lines.push(Line { start, before: prose.then_some(length) });
            length += if prose { trimmed.len() } else { 0 };
            start += line.len();
        }
        Self { lines, length }
    }

    /// Asks for places in rising order.
    pub(super) fn places(&self) -> Places<'_> {
        Places { prose: self, line: 0 }
    }
}

/// A cursor over a text's places.
pub(super) struct Places<'a> {
    prose: &'a Prose,
    line: usize,
}

impl Places<'_> {
    /// What is at this byte. Steps back a little where phrases overlap a line's end.
    pub(super) fn at(&mut self, byte: usize) -> Place {
        let lines = &self.prose.lines;
        while self.line + 1 < lines.len() && lines[self.line + 1].start <= byte {
            self.line += 1;
        }
        while self.line > 0 && lines[self.line].start > byte {
            self.line -= 1;
        }
        let Some(Line { start, before: Some(before) }) = lines.get(self.line).copied() else {
            return Place { code: true, strength: 0.0, central: false };
        };
        let before = before + (byte - start);
        let closing = before + CLOSING >= self.prose.length;
        let faded = FADING.iter().find(|(end, _)| before < *end).map_or(0.5, |(_, strength)| *strength);
        let strength = if closing { faded.max(1.0) } else { faded };
        Place { code: false, strength, central: closing || before < OPENING }
    }
}

/// A part of several lines that is not prose.
enum Block {
    None,
    /// Between fences of this kind.
    Fenced(&'static str),
}

impl Block {
    /// Goes on by a line; whether that line belongs to a block.
    fn advance(&mut self, line: &str) -> bool {
        match self {
            Block::None => {
                let fence =
                    ["```", "~~~", "{code", "{noformat", "{quote"].into_iter().find(|fence| line.starts_with(fence));
                if let Some(fence) = fence {
                    let closed = line.len() > fence.len() && line[fence.len()..].contains(fence);
                    if !closed {
                        *self = Block::Fenced(fence);
                    }
                    return true;
                }
                false
            }
            Block::Fenced(fence) => {
                if line.contains(*fence) {
                    *self = Block::None;
                }
                true
            }
        }
    }
}

/// Whether a line outside of fences looks like code, a log, a stack trace or a quotation all the same.
fn is_pasted(line: &str, trimmed: &str) -> bool {
    let indented = line.starts_with("    ") || line.starts_with('\t');
    let starts = [
        "> ",
        "at ",
        "Caused by:",
        "Traceback",
        "[INFO]",
        "[ERROR]",
        "[WARN",
        "INFO ",
        "WARN ",
        "ERROR ",
        "DEBUG ",
        "npm ERR",
        "npm info",
        "npm verb",
        "import ",
        "#include",
        "package ",
        "$ ",
        "| ",
        "+--",
        "diff --git",
        "@@ ",
        "{\"",
        "</",
        "<div",
        "at org.",
    ];
    let ends = [';', '{', '}', ')', ']', '>'];
    if starts.iter().any(|start| trimmed.starts_with(start)) {
        // `at` begins sentences too; a stack trace's line ends with its place in parentheses.
        return !trimmed.starts_with("at ") || trimmed.ends_with(')');
    }
    if indented && !trimmed.starts_with(['-', '*', '#']) {
        return true;
    }
    if trimmed.ends_with([';', '{', '}']) && trimmed.len() < 160 {
        return true;
    }
    // A timestamp at the start is a log line's.
    let date = trimmed.as_bytes();
    if date.len() > 19
        && date[..4].iter().all(u8::is_ascii_digit)
        && matches!(date[4], b'-' | b'/')
        && date[5].is_ascii_digit()
    {
        return true;
    }
    let symbols = trimmed
        .bytes()
        .filter(|byte| {
            matches!(byte, b'=' | b'(' | b')' | b'{' | b'}' | b'<' | b'>' | b';' | b'[' | b']' | b'$' | b'|')
        })
        .count();
    trimmed.ends_with(ends) && symbols * 12 > trimmed.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_code(text: &str, word: &str) -> bool {
        Prose::of(text).places().at(text.find(word).unwrap()).code
    }

    #[test]
    fn fences_and_pasted_lines_are_no_prose() {
        let text = "why is it slow?\n```rust\nlet lock = mutex;\n```\nthe password\n{code:java}\nvault\n{code}\n2026-01-02 10:11:12 ERROR deadlock\nthanks";
        for word in ["lock", "vault", "deadlock"] {
            assert!(is_code(text, word), "{word}");
        }
        for word in ["slow", "password", "thanks"] {
            assert!(!is_code(text, word), "{word}");
        }
    }

    #[test]
    fn a_wish_after_a_long_paste_counts_fully() {
        let text = format!("{}\nfix the race", "some words about the matter at hand. ".repeat(100));
        let place = Prose::of(&text).places().at(text.find("race").unwrap());
        assert!(place.central && place.strength >= 1.0);
    }
}
