//! Ids of calls that go to a provider which did not give them.

use std::borrow::Cow;

use crate::domain::Mark;

/// An id of at most so many bytes, all of which `fits`. Other providers' ids may be longer (Gemini's hold a signature) or
/// have other letters. The same id always becomes the same, so that a result finds its call.
pub(super) fn fitting(id: &str, longest: usize, fits: fn(u8) -> bool) -> Cow<'_, str> {
    if (1..=longest).contains(&id.len()) && id.bytes().all(fits) {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(format!("call-{:016x}", Mark::of(id).as_u64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_does_not_fit_is_replaced_by_one_of_its_own() {
        let short = |id: &str| fitting(id, 40, |byte| byte.is_ascii_graphic()).into_owned();
        assert_eq!(short("call_1"), "call_1");
        assert_eq!(short(&"x".repeat(40)), "x".repeat(40));
        let (one, other) = (short(&"x".repeat(41)), short(&"x".repeat(42)));
        assert_eq!(one, short(&"x".repeat(41)), "the same id becomes the same");
        assert_ne!(one, other, "and another one another");
        for replaced in [one, other, short(""), short("a b")] {
            assert_eq!((replaced.len(), replaced.starts_with("call-")), (21, true), "{replaced}");
        }
    }
}
