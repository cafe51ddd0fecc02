//! Admission decides whether a caller may ask now.
//!
//! A caller is who its key says; a key is found by the SHA-256 of its secret, so the table that is searched holds
//! nothing that could be stolen, and how long a search takes tells nothing about a secret. What is used of limits lives in
//! memory, so that refusing costs no round trip; after a restart a caller may exceed a minute's share once. Admission
//! knows the names that a key may ask for, and neither what models are nor what they cost.

mod auth;
mod issued;
mod issuers;
mod limits;
mod seldom;

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::SystemTime;

use hyper::HeaderMap;

use crate::domain::{App, Caller, Door, Failure, FailureKind, Label};
use crate::route::Pattern;

pub use auth::{Admission, KEY_HEADER, Key, Keys, Tokens};
pub use issued::{Issue, Issued, Standing};
pub use issuers::{Claims, Issuer, IssuerError, IssuerSettings, Issuers, Path, Required, algorithm};
pub use limits::{
    Allowance, Amount, Counted, Estimate, Limit, LimitError, LimitList, Limits, OF_KEYS, Pass, Refused, Remainder, What,
};

pub use seldom::Seldom;

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
    /// The names that it may ask for as the model; `None`: all.
    pub models: Option<Arc<[Pattern]>>,
    /// What it may ask for; `None`: everything.
    pub doors: Option<Arc<[Door]>>,
    /// Requests a minute; `None`: no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens a minute; `None`: no limit.
    pub tokens_per_minute: Option<NonZeroU32>,
    /// Requests at once; `None`: no limit.
    pub concurrent: Option<NonZeroU32>,
}

impl Admitted {
    /// Whether this may be asked for.
    ///
    /// # Errors
    /// `Forbidden`, with what the key is for.
    pub fn may_enter(&self, door: Door) -> Result<(), Failure> {
        let Some(doors) = &self.doors else {
            // The lines of a batch's file name the models, and nobody here reads them.
            if door == Door::Batches && self.models.is_some() {
                let message = format!("{} is for some models only, and a batch may name any", self.whose());
                return Err(Failure::new(FailureKind::Forbidden, message));
            }
            return Ok(());
        };
        if doors.contains(&door) {
            return Ok(());
        }
        let words: Vec<&str> = Door::WORDS
            .iter()
            .copied()
            .filter(|word| Door::named(word).unwrap_or_default().iter().all(|door| doors.contains(door)))
            .collect();
        let message =
            format!("{} may not ask for {}: it is for {}", self.whose(), door.as_str(), listed(words.as_slice()));
        Err(Failure::new(FailureKind::Forbidden, message))
    }

    /// Whether this name may be asked for as the model. It is the name that the client sent: of a model, a tier, an
    /// endpoint, or one that the rules decide on.
    ///
    /// # Errors
    /// `Forbidden`, with the names that may be.
    pub fn may_name(&self, model: &str) -> Result<(), Failure> {
        if self.names(model) {
            return Ok(());
        }
        let names: Vec<String> = self.models.iter().flat_map(|models| models.iter()).map(Pattern::to_string).collect();
        let message = format!("{} may not ask for the model `{model}`: it is for {}", self.whose(), listed(&names));
        Err(Failure::new(FailureKind::Forbidden, message).with_param("model"))
    }

    /// Whether this name may be asked for as the model.
    pub fn names(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|pattern| pattern.matches(model)))
    }

    fn whose(&self) -> String {
        match &self.caller.key {
            Some(key) => format!("the key `{key}`"),
            None => "this caller".to_owned(),
        }
    }
}

fn listed(words: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{}`", word.as_ref())).collect();
    quoted.join(", ")
}

/// Says who asks, by the key in the headers.
///
/// # Errors
/// `Unauthenticated` if there are keys and none of them is presented, or two that differ, or one that is over;
/// `Malformed` if an attribution header is no label; `Overloaded` if it is not known yet which keys there are.
pub fn identify(headers: &HeaderMap, admission: &Admission<'_>, now: SystemTime) -> Result<Admitted, Failure> {
    let app = app(headers);
    let key = if admission.is_open() { None } else { Some(auth::authenticate(headers, admission, now)?) };
    let is_by_token = matches!(key, Some(Cow::Owned(_)));
    let key = key.as_deref();
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
        is_by_token,
        tiers: key.and_then(|key| key.tiers.clone()),
    };
    Ok(Admitted {
        caller,
        may_choose: key.is_none_or(|key| key.may_choose),
        models: key.and_then(|key| key.models.clone()),
        doors: key.and_then(|key| key.doors.clone()),
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
            models: None,
            doors: None,
            requests_per_minute: None,
            tokens_per_minute: None,
            concurrent: None,
            expires_millis: Some(2_000),
        }
    }

    fn ask(headers: &[(&'static str, &str)], millis: u64) -> Result<Admitted, Failure> {
        let keys = Keys::new([key("wb-good")]);
        ask_of(&Admission { keys: &keys, issued: Some(&Issued::default()), tokens: None }, headers, millis)
    }

    fn ask_of(admission: &Admission<'_>, headers: &[(&'static str, &str)], millis: u64) -> Result<Admitted, Failure> {
        let headers = headers.iter().map(|(name, value)| {
            (hyper::header::HeaderName::from_static(name), value.parse().expect("a header value"))
        });
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(millis);
        identify(&headers.collect(), admission, now)
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
        let (keys, issued) = (Keys::default(), Issued::default());
        let admitted =
            ask_of(&Admission { keys: &keys, issued: Some(&issued), tokens: None }, &[], 0).expect("admitted");
        assert!(admitted.caller.key.is_none() && admitted.may_choose);
        let unknown = ask_of(&Admission { keys: &keys, issued: None, tokens: None }, &[("x-api-key", "wb-x")], 0);
        assert_eq!(unknown.expect_err("not known yet").kind, FailureKind::Overloaded);
    }

    #[test]
    fn a_key_made_at_run_time_lets_in_until_it_is_replaced_or_revoked() {
        let issue = |secret: &str, standing| Issue { digest: digest(secret), standing, key: Arc::new(key(secret)) };
        let replaced = Standing::Replaced { until_millis: 1_000 };
        let issues = [issue("wb-new", Standing::Good), issue("wb-old", replaced), issue("wb-gone", Standing::Revoked)];
        let (keys, issued) = (Keys::default(), Issued::new(issues, []));
        let admission = Admission { keys: &keys, issued: Some(&issued), tokens: None };
        let ask = |secret: &str, millis| ask_of(&admission, &[("x-api-key", secret)], millis);
        assert!(ask("wb-new", 0).is_ok() && ask("wb-old", 999).is_ok());
        assert!(ask("wb-old", 1_000).expect_err("replaced").message.contains("another secret"));
        assert!(ask("wb-gone", 0).expect_err("revoked").message.contains("`ana` was revoked"));
        assert!(ask("wb-none", 0).expect_err("unknown").message.contains("not known"));
        assert!(ask_of(&admission, &[], 0).is_err(), "a key anywhere closes the door");
        let only_revoked = Issued::new([issue("wb-gone", Standing::Revoked)], []);
        assert!(!Admission { keys: &keys, issued: Some(&only_revoked), tokens: None }.is_open());
    }

    #[test]
    fn a_revoked_key_of_the_file_lets_nobody_in() {
        let (keys, issued) = (Keys::new([key("wb-good")]), Issued::new([], KeyName::parse("ana").ok()));
        let refused =
            ask_of(&Admission { keys: &keys, issued: Some(&issued), tokens: None }, &[("x-api-key", "wb-good")], 0);
        assert!(refused.expect_err("revoked").message.contains("was revoked"));
        let unknown = ask_of(&Admission { keys: &keys, issued: None, tokens: None }, &[("x-api-key", "wb-good")], 0);
        assert!(unknown.is_ok(), "what the file says counts while the store cannot be read");
    }

    #[test]
    fn a_key_may_be_for_some_doors_and_names_only() {
        let narrow = Key {
            models: Some([Pattern::parse("gpt-*").expect("a pattern")].into()),
            doors: Some(Door::named("embeddings").expect("doors").into()),
            ..key("wb-good")
        };
        let (keys, issued) = (Keys::new([narrow]), Issued::default());
        let admission = Admission { keys: &keys, issued: Some(&issued), tokens: None };
        let admitted = ask_of(&admission, &[("x-api-key", "wb-good")], 0).expect("admitted");
        assert!(admitted.may_enter(Door::Embeddings).is_ok() && admitted.may_name("gpt-5").is_ok());
        let check = |refused: Result<(), Failure>, words: &str| {
            let failure = refused.expect_err("refused");
            assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Forbidden, words));
        };
        check(admitted.may_enter(Door::Chat), "the key `ana` may not ask for chat: it is for `embeddings`");
        check(admitted.may_name("auto"), "the key `ana` may not ask for the model `auto`: it is for `gpt-*`");
    }
}
