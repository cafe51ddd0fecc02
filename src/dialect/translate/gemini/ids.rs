//! Ids of calls, with what Gemini wants to have back inside.
//!
//! From Gemini 3 on a call has a `thoughtSignature`, and a tool loop that comes back without it is refused. It has an id
//! of its own as well, which is to stand in the result. No caller's dialect has a place for either, but every client
//! sends a call's id back as it came, so they travel in there:
//!
//! - `gemini-ID` or `call-ANSWER-NUMBER`, as Google gave an id or one was made up here,
//! - then, if the call was signed, `_sig_` and the signature in URL-safe base64.
//!
//! Letters, digits, `-` and `_` are all that Anthropic's API takes in an id, should the conversation move there.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::domain::Mark;

/// Google's word for "no signature here, let it pass", for calls of other models or ids that lost theirs.
pub(super) const NO_SIGNATURE: &str = "skip_thought_signature_validator";

const GIVEN: &str = "gemini-";
const MADE_UP: &str = "call-";
const SIGNED: &str = "_sig_";

/// The longest id. It stands twice in each request that follows, so beyond this the signature stays behind: the loop
/// goes on with [`NO_SIGNATURE`], if not quite as well.
const LONGEST: usize = 4096;

/// What an id holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Held<'a> {
    /// Google's own id for the call.
    pub given: Option<&'a str>,
    /// The signature, in standard base64.
    pub signature: Option<String>,
}

/// A call as Google made it.
pub(super) struct Call<'a> {
    /// Google's id for it.
    pub given: Option<&'a str>,
    /// Google's id for the answer that it is in.
    pub answer: Option<&'a str>,
    /// Which call of that answer it is.
    pub number: usize,
    /// Name and arguments, which tell it from others where the answer has no id.
    pub content: &'a str,
    /// Its signature.
    pub signature: Option<&'a str>,
}

/// The id that the caller sees.
pub(super) fn write(call: &Call<'_>) -> String {
    let mut id = match call.given {
        Some(given) if is_plain(given) => format!("{GIVEN}{given}"),
        _ => match call.answer {
            Some(answer) if is_plain(answer) => format!("{MADE_UP}{answer}-{}", call.number),
            _ => format!("{MADE_UP}{:x}-{}", Mark::of(call.content).as_u64(), call.number),
        },
    };
    let signature = call.signature.and_then(|signature| {
        let known = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
        known.iter().find_map(|engine| engine.decode(signature).ok())
    });
    if let Some(signature) = signature.filter(|signature| !signature.is_empty()) {
        let signature = URL_SAFE_NO_PAD.encode(signature);
        if id.len() + SIGNED.len() + signature.len() <= LONGEST {
            id.push_str(SIGNED);
            id.push_str(&signature);
        }
    }
    id
}

/// What an id holds; nothing, if it is not one of these.
pub(super) fn read(id: &str) -> Held<'_> {
    let (name, signature) = match id.split_once(SIGNED) {
        Some((name, signature)) => (name, URL_SAFE_NO_PAD.decode(signature).ok()),
        None => (id, None),
    };
    if !name.starts_with(GIVEN) && !name.starts_with(MADE_UP) {
        return Held::default();
    }
    Held { given: name.strip_prefix(GIVEN), signature: signature.map(|signature| STANDARD.encode(signature)) }
}

/// Whether it can stand in an id as it is.
fn is_plain(given: &str) -> bool {
    let letters = given.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let is_told_from_signature = format!("{given}{SIGNED}").find(SIGNED) == Some(given.len());
    letters && !given.is_empty() && given.len() <= 128 && is_told_from_signature
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call<'a>(given: Option<&'a str>, answer: Option<&'a str>, signature: Option<&'a str>) -> Call<'a> {
        Call { given, answer, number: 2, content: "f{}", signature }
    }

    #[test]
    fn an_id_holds_what_google_gave() {
        let check = |call: Call<'_>, id: &str, given: Option<&str>, signature: Option<&str>| {
            assert_eq!(write(&call), id);
            assert_eq!(read(id), Held { given, signature: signature.map(str::to_owned) }, "{id}");
        };
        let signature = Some("ab+/cg==");
        check(call(Some("x_1"), Some("r"), signature), "gemini-x_1_sig_ab-_cg", Some("x_1"), signature);
        check(call(Some("x_1"), None, None), "gemini-x_1", Some("x_1"), None);
        check(call(None, Some("Ab_c"), signature), "call-Ab_c-2_sig_ab-_cg", None, signature);
        check(call(Some("a b"), Some("r"), None), "call-r-2", None, None);
        check(call(Some("a_sig_b"), Some("r"), Some("?")), "call-r-2", None, None);
        check(call(Some("a_sig"), Some("r"), signature), "call-r-2_sig_ab-_cg", None, signature);
    }

    #[test]
    fn ids_of_others_hold_nothing() {
        for id in ["toolu_01", "call_abc", "fc_sig_ab-_cg", ""] {
            assert_eq!(read(id), Held::default(), "{id}");
        }
    }

    #[test]
    fn without_an_answers_id_the_content_tells_calls_apart() {
        let one = write(&call(None, None, None));
        let other = write(&Call { content: "g{}", ..call(None, None, None) });
        assert_ne!(one, other);
        assert_eq!(read(&one), Held::default());
    }

    #[test]
    fn a_signature_too_long_stays_behind() {
        let signature = "A".repeat(LONGEST);
        assert_eq!(write(&call(Some("x"), None, Some(&signature))), "gemini-x");
    }

    proptest! {
        #[test]
        fn every_signature_comes_back(bytes in prop::collection::vec(any::<u8>(), 1..200), given in "[a-zA-Z0-9_-]{1,20}") {
            let signature = STANDARD.encode(&bytes);
            let id = write(&call(Some(&given), Some("r"), Some(&signature)));
            prop_assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
            prop_assert_eq!(read(&id).signature, Some(signature));
            prop_assert_eq!(read(&id).given, is_plain(&given).then_some(&*given));
        }
    }
}
