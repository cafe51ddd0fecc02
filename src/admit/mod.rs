//! Admission decides whether a caller may ask now.
//!
//! A caller is who its key says; a key is found by the SHA-256 of its secret, so the table that is searched holds
//! nothing that could be stolen, and how long a search takes tells nothing about a secret. What
//! is used of limits lives in memory, so that refusing costs no round trip; after a restart a caller may exceed a minute's
//! share once. Admission knows no models and no prices.

mod auth;
mod limits;

use std::num::NonZeroU32;
use std::time::SystemTime;

use hyper::HeaderMap;

use crate::domain::{App, Caller, Failure, FailureKind, Label};

pub use auth::{KEY_HEADER, Key, Keys};
pub use limits::{
    Allowance, Amount, Counted, Estimate, Limit, LimitError, LimitList, Limits, OF_KEYS, Pass, Refused, Remainder, What,
};

/// Attribution headers that a client may send; they are read here and never forwarded.
pub const FEATURE_HEADER: &str = "x-weighbridge-feature";
/// The person, where the key does not fix one.
pub const ENGINEER_HEADER: &str = "x-weighbridge-engineer";
/// The team, where the key does not fix one.
pub const TEAM_HEADER: &str = "x-weighbridge-team";

/// The branch that the work is done on, by which spend is joined to what shipped.
pub const BRANCH_HEADER: &str = "x-weighbridge-branch";
/// The pull request that the work is for.
pub const PULL_REQUEST_HEADER: &str = "x-weighbridge-pr";

/// Who is let in, and what else the key allows.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Who asks.
    pub caller: Caller,
    /// Whether it may name a tier or an endpoint itself.
    pub may_choose: bool,
    /// Requests a minute; `None`: no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens a minute; `None`: no limit.
    pub tokens_per_minute: Option<NonZeroU32>,
    /// Requests at once; `None`: no limit.
    pub concurrent: Option<NonZeroU32>,
}

/// Says who asks, by the key in the headers.
///
/// # Errors
/// `Unauthenticated` if keys are configured and none of them is presented, or two that differ; `Malformed` if an
/// attribution header is no label.
pub fn identify(headers: &HeaderMap, keys: &Keys, now: SystemTime) -> Result<Admitted, Failure> {
    let app = app(headers);
    let key = if keys.is_open() { None } else { Some(auth::authenticate(headers, keys, now)?) };
    let fixed = |part: fn(&Key) -> &Option<Label>| key.and_then(|key| part(key).clone());
    let engineer = label(headers, ENGINEER_HEADER)?;
    let team = label(headers, TEAM_HEADER)?;
    let feature = label(headers, FEATURE_HEADER)?;
    let caller = Caller {
        key: key.map(|key| key.name.clone()),
        engineer: fixed(|key| &key.engineer).or(engineer),
        team: fixed(|key| &key.team).or(team),
        feature: feature.or_else(|| fixed(|key| &key.feature)),
        branch: label(headers, BRANCH_HEADER)?,
        pull_request: label(headers, PULL_REQUEST_HEADER)?,
        app,
        tiers: key.and_then(|key| key.tiers.clone()),
    };
    Ok(Admitted {
        caller,
        may_choose: key.is_none_or(|key| key.may_choose),
        requests_per_minute: key.and_then(|key| key.requests_per_minute),
        tokens_per_minute: key.and_then(|key| key.tokens_per_minute),
        concurrent: key.and_then(|key| key.concurrent),
    })
}

/// The tool that asks, by its `user-agent`.
pub fn app(headers: &HeaderMap) -> App {
    let user_agent = headers.get(hyper::header::USER_AGENT).and_then(|value| value.to_str().ok());
    user_agent.map_or(App::OTHER, App::from_user_agent)
}

fn label(headers: &HeaderMap, name: &'static str) -> Result<Option<Label>, Failure> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let label = value.to_str().ok().map(str::trim);
    match label {
        Some("") => Ok(None),
        Some(text) => Label::parse(text).map(Some).ok_or_else(|| no_label(name)),
        None => Err(no_label(name)),
    }
}

fn no_label(name: &str) -> Failure {
    let message = format!("the header `{name}` must be 1 to 96 printable ASCII characters without spaces");
    Failure::new(FailureKind::Malformed, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{KeyName, digest};

    fn key(secret: &str) -> Key {
        Key {
            name: KeyName::parse("ana").expect("a name"),
            digest: digest(secret),
            engineer: Label::parse("ana"),
            team: None,
            feature: Label::parse("checkout"),
            tiers: None,
            may_choose: false,
            requests_per_minute: None,
            tokens_per_minute: None,
            concurrent: None,
            expires_millis: Some(2_000),
        }
    }

    fn ask(headers: &[(&'static str, &str)], millis: u64) -> Result<Admitted, Failure> {
        let headers = headers.iter().map(|(name, value)| {
            (hyper::header::HeaderName::from_static(name), value.parse().expect("a header value"))
        });
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(millis);
        identify(&headers.collect(), &Keys::new([key("wb-good")]), now)
    }

    #[test]
    fn each_way_to_present_a_key_is_accepted() {
        let ways: [&[(&'static str, &str)]; 5] = [
            &[("authorization", "Bearer wb-good")],
            &[("x-api-key", "wb-good")],
            &[("api-key", "wb-good")],
            &[("x-goog-api-key", "wb-good")],
            &[("x-weighbridge-key", "wb-good"), ("authorization", "Bearer sk-of-the-provider")],
        ];
        for headers in ways {
            assert_eq!(ask(headers, 0).expect("admitted").caller.key.expect("a key").as_str(), "ana");
        }
    }

    #[test]
    fn a_missing_wrong_contradictory_or_expired_key_is_refused_without_repeating_it() {
        let check = |headers: &[(&'static str, &str)], millis, message: &str| {
            let failure = ask(headers, millis).expect_err("refused");
            assert_eq!(failure.kind, FailureKind::Unauthenticated);
            assert!(failure.message.contains(message) && !failure.message.contains("wb-"), "{}", failure.message);
        };
        check(&[], 0, "no key");
        check(&[("authorization", "Basic eA==")], 0, "no key");
        check(&[("authorization", "Bearer wb-bad")], 0, "not known");
        check(&[("authorization", "Bearer wb-good"), ("x-api-key", "wb-other")], 0, "differ");
        check(&[("authorization", "Bearer wb-good")], 2_000, "expired");
        check(&[("authorization", "Bearer wb-good"), ("x-weighbridge-key", "wb-bad")], 0, "not known");
    }

    #[test]
    fn headers_fill_in_what_the_key_leaves_open() {
        let admitted = ask(
            &[
                ("authorization", "Bearer wb-good"),
                (ENGINEER_HEADER, "mallory"),
                (TEAM_HEADER, "payments"),
                (FEATURE_HEADER, "refunds"),
            ],
            0,
        );
        let caller = admitted.expect("admitted").caller;
        let text = |label: Option<Label>| label.map(|label| label.to_string());
        assert_eq!(text(caller.engineer).as_deref(), Some("ana"), "what the key fixes, no header changes");
        assert_eq!(text(caller.team).as_deref(), Some("payments"));
        assert_eq!(text(caller.feature).as_deref(), Some("refunds"));
    }

    #[test]
    fn a_label_with_spaces_is_refused() {
        let failure =
            ask(&[("authorization", "Bearer wb-good"), (FEATURE_HEADER, "two words")], 0).expect_err("refused");
        assert_eq!(failure.kind, FailureKind::Malformed);
    }

    #[test]
    fn without_keys_everybody_may_ask() {
        let admitted = identify(&HeaderMap::new(), &Keys::default(), SystemTime::UNIX_EPOCH).expect("admitted");
        assert!(admitted.caller.key.is_none() && admitted.may_choose);
    }
}
