//! Feedback as it is told: `{"request_id": "…", "rating": "good" | "bad", "reason": "…"}`.

use serde::Deserialize;

use super::Rating;
use crate::domain::{Failure, FailureKind, RequestId};

/// The most bytes that a message may have.
pub const MOST_BYTES: usize = 8 << 10;

/// The most characters that a reason may have.
pub const MOST_REASON: usize = 1000;

/// What somebody tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// Of which request.
    pub request_id: RequestId,
    /// What is said of its answer.
    pub rating: Rating,
    /// Why.
    pub reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    request_id: String,
    rating: String,
    reason: Option<String>,
}

impl Draft {
    /// Reads a message.
    ///
    /// # Errors
    /// `Malformed`, with the field that is wrong and what it must be.
    pub fn read(body: &[u8]) -> Result<Self, Failure> {
        let malformed = |message: String| Failure::new(FailureKind::Malformed, message);
        let written: Written = serde_json::from_slice(body).map_err(|error| {
            malformed(format!(
                "feedback is JSON such as {{\"request_id\": \"…\", \"rating\": \"good\", \"reason\": \"…\"}}: {error}"
            ))
        })?;
        let request_id = RequestId::parse(written.request_id.trim()).ok_or_else(|| {
            malformed("`request_id` is what the header `x-weighbridge-request-id` of the answer says".to_owned())
                .with_param("request_id")
        })?;
        let rating = Rating::parse(&written.rating)
            .ok_or_else(|| malformed("`rating` is \"good\" or \"bad\"".to_owned()).with_param("rating"))?;
        let reason = written.reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        if reason.as_ref().is_some_and(|reason| reason.chars().count() > MOST_REASON) {
            let message = format!("`reason` has at most {MOST_REASON} characters");
            return Err(malformed(message).with_param("reason"));
        }
        // PostgreSQL's text holds every character but this one.
        let reason = reason.map(|reason| reason.replace('\0', "\u{fffd}"));
        Ok(Self { request_id, rating, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0199a3c0-0000-7000-8000-000000000001";

    fn read(rest: &str) -> Result<Draft, String> {
        Draft::read(format!(r#"{{"request_id": "{ID}", {rest}}}"#).as_bytes()).map_err(|failure| failure.message)
    }

    #[test]
    fn a_message_says_which_request_and_good_or_bad() {
        let draft = read(r#""rating": "bad", "reason": "  it made\u0000 up a flag "#.to_owned().as_str());
        assert!(draft.is_err(), "an open text");
        let draft = read(r#""rating": "bad", "reason": "  it made\u0000 up a flag ""#).expect("a draft");
        assert_eq!((draft.rating, draft.reason.as_deref()), (Rating::Bad, Some("it made\u{fffd} up a flag")));
        assert_eq!(read(r#""rating": "good", "reason": " ""#).expect("a draft").reason, None);
    }

    #[test]
    fn what_is_wrong_is_told_by_field() {
        let check = |rest: &str, word: &str| {
            let told = read(rest).expect_err(rest);
            assert!(told.contains(word), "{rest}: {told}");
        };
        check(r#""rating": "meh""#, "`rating`");
        check(r#""rating": "good", "stars": 5"#, "stars");
        check(&format!(r#""rating": "bad", "reason": "{}""#, "x".repeat(MOST_REASON + 1)), "1000");
        let other = Draft::read(br#"{"request_id": "chatcmpl-1", "rating": "bad"}"#).expect_err("no id of ours");
        assert!(other.message.contains("x-weighbridge-request-id"), "{}", other.message);
    }
}
