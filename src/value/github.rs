//! GitHub's webhook: a pull request that was merged. What is read here was signed with the secret that both sides have.

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use super::draft::is_name;
use super::outcome::{MERGED_PR, Outcome, Source};
use super::pull_request::PullRequest;
use super::{Told, Untaken};
use crate::domain::{Label, Secret};

/// The header with the signature: `sha256=` and 64 hexadecimal digits.
pub const SIGNATURE_HEADER: &str = "x-hub-signature-256";
/// The header that says what happened.
pub const EVENT_HEADER: &str = "x-github-event";
/// The header with the delivery's own id; the same one when it is delivered again.
pub const DELIVERY_HEADER: &str = "x-github-delivery";

/// Reads a delivery. The signature is compared in constant time, over the body as it came, before anything in it is
/// looked at.
///
/// # Errors
/// If it is not signed with the secret, or is signed and unreadable.
pub fn read(secret: &Secret, signature: Option<&str>, event: Option<&str>, body: &[u8]) -> Result<Told, Untaken> {
    verify(secret, signature.ok_or(Untaken::Unsigned)?, body)?;
    match event {
        Some("ping") => Ok(Told::Ping),
        Some("pull_request") => {
            let event = serde_json::from_slice(body).map_err(|error| Untaken::Unreadable(error.to_string()))?;
            shipped(event)
        }
        _ => Ok(Told::Other),
    }
}

fn verify(secret: &Secret, signature: &str, body: &[u8]) -> Result<(), Untaken> {
    let digits = signature.strip_prefix("sha256=").ok_or(Untaken::Unsigned)?;
    let told = bytes_of(digits).ok_or(Untaken::Unsigned)?;
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map_err(|_| Untaken::Unsigned)?;
    mac.update(body);
    mac.verify_slice(&told).map_err(|_| Untaken::Unsigned)
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

#[derive(Deserialize)]
struct Event {
    action: String,
    pull_request: Merged,
    repository: Repository,
}

#[derive(Deserialize)]
struct Merged {
    number: u64,
    #[serde(default)]
    merged: bool,
    merged_at: Option<jiff::Timestamp>,
    user: Option<User>,
    head: Head,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "ref")]
    branch: String,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

fn shipped(event: Event) -> Result<Told, Untaken> {
    let Event { action, pull_request: merged, repository } = event;
    if action != "closed" || !merged.merged {
        return Ok(Told::Other);
    }
    let unreadable = |what: &str| Untaken::Unreadable(what.to_owned());
    let at = merged.merged_at.ok_or_else(|| unreadable("a merged pull request without `merged_at`"))?;
    let repository = Some(repository.full_name).filter(|name| is_name(name));
    let repository = repository.ok_or_else(|| unreadable("`repository.full_name` is no name"))?;
    let name = PullRequest::new(&repository, merged.number, '#').to_string();
    Ok(Told::Shipped(Box::new(Outcome {
        kind: Label::parse(MERGED_PR).ok_or_else(|| unreadable("no kind"))?,
        id: name.clone(),
        source: Source::Github,
        at_millis: at.as_millisecond(),
        repository: Some(repository),
        branch: Some(merged.head.branch).filter(|name| is_name(name)),
        pull_request: Some(name),
        author: merged.user.map(|user| user.login).filter(|name| is_name(name)),
        engineer: None,
        team: None,
        feature: None,
        weight: 1,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation: a secret, a body and their signature.
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn merged() -> serde_json::Value {
        serde_json::json!({
            "action": "closed", "number": 42,
            "pull_request": {
                "number": 42, "merged": true, "merged_at": "2026-11-22T14:00:00Z", "title": "free text, not kept",
                "user": {"login": "octocat"}, "merged_by": {"login": "bot"},
                "head": {"ref": "checkout/round", "repo": {"full_name": "octocat/shop"}}, "base": {"ref": "main"},
            },
            "repository": {"full_name": "example/shop"},
        })
    }

    fn signed(event: &str, body: &serde_json::Value) -> Result<Told, Untaken> {
        let body = body.to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        read(&Secret::new(SECRET), Some(&format!("sha256={digits}")), Some(event), body.as_bytes())
    }

    #[test]
    fn only_what_was_signed_with_the_secret_is_read() {
        let check = |secret, signature, body: &[u8], expected| {
            assert_eq!(read(&Secret::new(secret), signature, Some("ping"), body), expected, "{signature:?}");
        };
        check(SECRET, Some(SIGNATURE), BODY, Ok(Told::Ping));
        check("another secret", Some(SIGNATURE), BODY, Err(Untaken::Unsigned));
        check(SECRET, Some(SIGNATURE), b"Hello, World", Err(Untaken::Unsigned));
        check(SECRET, None, BODY, Err(Untaken::Unsigned));
        for bad in ["", "sha256=", "sha1=757107", &SIGNATURE[..69], &SIGNATURE[7..], "sha256=zz", "sha256=é"] {
            check(SECRET, Some(bad), BODY, Err(Untaken::Unsigned));
        }
    }

    #[test]
    fn a_merged_pull_request_is_an_outcome() {
        let Ok(Told::Shipped(outcome)) = signed("pull_request", &merged()) else { panic!("an outcome") };
        assert_eq!((outcome.kind.as_str(), outcome.id.as_str()), ("merged-pr", "example/shop#42"));
        assert_eq!(outcome.at_millis, 1_795_356_000_000, "when it was merged, whenever that is told");
        assert_eq!(outcome.repository.as_deref(), Some("example/shop"), "not the fork that it came from");
        assert_eq!(outcome.branch.as_deref(), Some("checkout/round"));
        assert_eq!(outcome.author.as_deref(), Some("octocat"), "who wrote it, not who merged it");
    }

    #[test]
    fn whatever_else_happens_is_nothing_to_us() {
        let mut closed = merged();
        closed["pull_request"]["merged"] = false.into();
        assert_eq!(signed("pull_request", &closed), Ok(Told::Other));
        let mut opened = merged();
        opened["action"] = "opened".into();
        assert_eq!(signed("pull_request", &opened), Ok(Told::Other));
        assert_eq!(signed("push", &merged()), Ok(Told::Other));
        let mut odd = merged();
        odd["pull_request"]["merged_at"] = serde_json::Value::Null;
        assert!(matches!(signed("pull_request", &odd), Err(Untaken::Unreadable(_))));
    }
}
