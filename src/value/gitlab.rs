//! GitLab's webhook: a merge request that was merged. GitLab does not sign; it sends a token that both sides have.

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::draft::is_name;
use super::outcome::{MERGED_PR, Outcome, Source};
use super::pull_request::PullRequest;
use super::{Told, Untaken};
use crate::domain::{Label, Secret};

/// The header with the token.
pub const TOKEN_HEADER: &str = "x-gitlab-token";
/// The header that says what happened.
pub const EVENT_HEADER: &str = "x-gitlab-event";
/// The header with the delivery's own id; the same one when it is delivered again.
pub const DELIVERY_HEADER: &str = "idempotency-key";

/// Reads a delivery.
///
/// # Errors
/// If it does not show the token, or does and is unreadable.
pub fn read(secret: &Secret, token: Option<&str>, event: Option<&str>, body: &[u8]) -> Result<Told, Untaken> {
    let token = token.ok_or(Untaken::Unsigned)?;
    if !bool::from(token.as_bytes().ct_eq(secret.expose().as_bytes())) {
        return Err(Untaken::Unsigned);
    }
    if event != Some("Merge Request Hook") {
        return Ok(Told::Other);
    }
    let event = serde_json::from_slice(body).map_err(|error| Untaken::Unreadable(error.to_string()))?;
    shipped(event)
}

#[derive(Deserialize)]
struct Event {
    user: Option<Person>,
    project: Project,
    object_attributes: Merged,
    #[serde(default)]
    assignees: Vec<Person>,
    #[serde(default)]
    reviewers: Vec<Person>,
}

#[derive(Deserialize)]
struct Project {
    path_with_namespace: String,
}

#[derive(Deserialize)]
struct Person {
    id: Option<u64>,
    username: String,
}

#[derive(Deserialize)]
struct Merged {
    iid: u64,
    action: Option<String>,
    source_branch: String,
    author_id: Option<u64>,
    merged_at: Option<String>,
    updated_at: Option<String>,
}

fn shipped(event: Event) -> Result<Told, Untaken> {
    let merged = &event.object_attributes;
    if merged.action.as_deref() != Some("merge") {
        return Ok(Told::Other);
    }
    let unreadable = |what: &str| Untaken::Unreadable(what.to_owned());
    // Merging is the last thing that was done to it: where GitLab tells no `merged_at`, it was updated then.
    let at = merged.merged_at.as_deref().or(merged.updated_at.as_deref()).and_then(moment);
    let at = at.ok_or_else(|| unreadable("neither `merged_at` nor `updated_at` is a moment"))?;
    let repository = Some(&event.project.path_with_namespace).filter(|name| is_name(name)).cloned();
    let repository = repository.ok_or_else(|| unreadable("`project.path_with_namespace` is no name"))?;
    let name = PullRequest::new(&repository, merged.iid, '!').to_string();
    Ok(Told::Shipped(Box::new(Outcome {
        kind: Label::parse(MERGED_PR).ok_or_else(|| unreadable("no kind"))?,
        id: name.clone(),
        source: Source::Gitlab,
        at_millis: at.as_millisecond(),
        repository: Some(repository),
        branch: Some(merged.source_branch.clone()).filter(|name| is_name(name)),
        pull_request: Some(name),
        author: author(&event),
        engineer: None,
        team: None,
        feature: None,
        weight: 1,
    })))
}

/// Who wrote it. GitLab tells that by number alone, and names those who merge, are assigned or review; where the author
/// is none of them, nobody is named.
fn author(event: &Event) -> Option<String> {
    let author = event.object_attributes.author_id?;
    let mut people = event.user.iter().chain(&event.assignees).chain(&event.reviewers);
    let found = people.find(|person| person.id == Some(author))?;
    Some(found.username.clone()).filter(|name| is_name(name))
}

/// `2026-11-22T14:00:00Z`, or as older versions write it: `2026-11-22 14:00:00 UTC`.
fn moment(text: &str) -> Option<Timestamp> {
    let older = || {
        let text = text.strip_suffix(" UTC").map_or(text.to_owned(), |text| format!("{text} +0000"));
        strtime::parse("%Y-%m-%d %H:%M:%S %z", text).ok()?.to_timestamp().ok()
    };
    text.parse().ok().or_else(older)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged() -> serde_json::Value {
        serde_json::json!({
            "object_kind": "merge_request",
            "user": {"id": 1, "username": "root"},
            "project": {"path_with_namespace": "group/project"},
            "object_attributes": {
                "id": 99, "iid": 7, "action": "merge", "state": "merged", "source_branch": "checkout/round",
                "author_id": 51, "updated_at": "2026-11-22 14:00:00 UTC", "title": "free text, not kept",
            },
            "assignees": [{"id": 51, "username": "ana"}],
        })
    }

    fn told(event: &str, body: &serde_json::Value) -> Result<Told, Untaken> {
        read(&Secret::new("token"), Some("token"), Some(event), body.to_string().as_bytes())
    }

    #[test]
    fn only_who_has_the_token_is_heard() {
        let check = |token, expected: bool| {
            let told = read(&Secret::new("token"), token, Some("Merge Request Hook"), merged().to_string().as_bytes());
            assert_eq!(told != Err(Untaken::Unsigned), expected, "{token:?}");
        };
        check(Some("token"), true);
        check(Some("tokens"), false);
        check(Some("toke"), false);
        check(Some(""), false);
        check(None, false);
    }

    #[test]
    fn a_merged_merge_request_is_an_outcome() {
        let Ok(Told::Shipped(outcome)) = told("Merge Request Hook", &merged()) else { panic!("an outcome") };
        assert_eq!((outcome.id.as_str(), outcome.at_millis), ("group/project!7", 1_795_356_000_000));
        assert_eq!(outcome.branch.as_deref(), Some("checkout/round"));
        assert_eq!(outcome.author.as_deref(), Some("ana"), "who wrote it, not who merged it");
        let mut unknown = merged();
        unknown["assignees"] = serde_json::json!([]);
        let Ok(Told::Shipped(outcome)) = told("Merge Request Hook", &unknown) else { panic!("an outcome") };
        assert_eq!(outcome.author, None);
    }

    #[test]
    fn whatever_else_happens_is_nothing_to_us() {
        let mut opened = merged();
        opened["object_attributes"]["action"] = "open".into();
        assert_eq!(told("Merge Request Hook", &opened), Ok(Told::Other));
        assert_eq!(told("Push Hook", &merged()), Ok(Told::Other));
        let mut odd = merged();
        odd["object_attributes"]["updated_at"] = "yesterday".into();
        assert!(matches!(told("Merge Request Hook", &odd), Err(Untaken::Unreadable(_))));
    }

    #[test]
    fn moments_are_read_as_both_versions_write_them() {
        for text in ["2026-11-22T14:00:00Z", "2026-11-22 14:00:00 UTC", "2026-11-22 15:00:00 +0100"] {
            assert_eq!(moment(text).map(Timestamp::as_millisecond), Some(1_795_356_000_000), "{text}");
        }
    }
}
