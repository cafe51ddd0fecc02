//! What serde leaves open: how deep a text nests, and where in the body a borrowed value stands.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::domain::Span;

/// How many levels of arrays and objects stand inside each other. One pass; strings are skipped. The text need not be
/// valid JSON.
pub(super) fn depth(text: &[u8]) -> u32 {
    let (mut depth, mut deepest, mut at) = (0u32, 0u32, 0usize);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = end_of_string(text, at + 1),
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// Where the quote stands that closes the string whose first character is at `at`; the end of the text if none does.
fn end_of_string(text: &[u8], mut at: usize) -> usize {
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return at;
        }
        at += 2;
    }
    text.len()
}

/// Where `part`, which is borrowed from `whole`, stands in it.
pub(super) fn span_in(whole: &[u8], part: &str) -> Span {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    // Bodies are limited to far less than 4 GiB before they are parsed.
    Span { start: start as u32, end: (start + part.len()) as u32 }
}

/// A value as it stands in the text, `null` too, which `Option<&RawValue>` alone would swallow.
pub(super) fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_inside_strings_do_not_nest() {
        let check = |text: &str, expected| assert_eq!(depth(text.as_bytes()), expected, "{text}");
        check("1", 0);
        check("{}", 1);
        check(r#"{"a":[{"b":1}],"c":[]}"#, 3);
        check(r#"["[[[[", "\"[[", "\\"]"#, 1);
        check(r#"["unclosed [[["#, 1);
        check(r#"["ends in a backslash \"#, 1);
    }

    #[test]
    fn a_hundred_thousand_levels_are_counted_without_recursion() {
        assert_eq!(depth("[".repeat(100_000).as_bytes()), 100_000);
    }
}
