//! Keys: by the hash of their secret, never the secret.

use std::borrow::Cow;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use subtle::ConstantTimeEq;

use super::Issued;
use super::issuers::{Issuer, Issuers, is_token};
use crate::domain::{Digest, Door, Failure, FailureKind, KeyName, Label, TierName, digest};
use crate::route::Pattern;

/// One caller's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: KeyName,
    /// The hash of its secret.
    pub digest: Digest,
    /// The person; fixed by the key.
    pub engineer: Option<Label>,
    /// The person's team; fixed by the key.
    pub team: Option<Label>,
    /// What the work is for, unless a header says otherwise.
    pub feature: Option<Label>,
    /// The tiers it may use; `None`: all.
    pub tiers: Option<Arc<[TierName]>>,
    /// Whether it may wish for a tier with `x-weighbridge-tier`, or name a tier or an endpoint as the model.
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
    /// From this moment (milliseconds since 1970 UTC) it is refused; `None`: never.
    pub expires_millis: Option<u64>,
}

/// Every key of `routes.toml`.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    by_digest: HashMap<Digest, Arc<Key>>,
}

impl Keys {
    /// These keys. Two with the same secret are refused by `check` before they get here; of such the last counts.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        Self { by_digest: keys.into_iter().map(|key| (key.digest, Arc::new(key))).collect() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }

    /// Every key, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.by_digest.values()
    }

    /// The key with this digest. The table is searched by a hash of the secret, and the match compared in constant time.
    fn find(&self, digest: &Digest) -> Option<&Key> {
        self.by_digest.get(digest).filter(|key| bool::from(key.digest.ct_eq(digest))).map(Arc::as_ref)
    }
}

/// What says who may ask, apart from the request.
#[derive(Clone, Copy)]
pub struct Admission<'a> {
    /// The keys of `routes.toml`.
    pub keys: &'a Keys,
    /// Keys that were made at run time, and what was revoked; `None`: that could not be read since the start.
    pub issued: Option<&'a Issued>,
    /// Whose tokens may be shown instead of a key; `None`: nobody's.
    pub tokens: Option<Tokens<'a>>,
}

/// Whose tokens may be shown instead of a key.
#[derive(Clone, Copy)]
pub struct Tokens<'a> {
    /// Who signs them.
    pub issuers: &'a [Arc<Issuer>],
    /// What is known of these.
    pub known: &'a Issuers,
}

impl<'a> Admission<'a> {
    /// Whether there is neither a key nor an issuer anywhere, so that everybody on a loopback listener may ask.
    pub fn is_open(&self) -> bool {
        self.keys.is_empty()
            && self.tokens.is_none_or(|tokens| tokens.issuers.is_empty())
            && self.issued.is_some_and(Issued::is_empty)
    }

    /// The key with this digest, if it lets anybody in.
    fn find(&self, digest: &Digest, millis: u64) -> Result<&'a Key, Failure> {
        if let Some(key) = self.keys.find(digest) {
            let is_revoked = self.issued.is_some_and(|issued| issued.is_revoked(&key.name));
            return if is_revoked { Err(revoked(&key.name)) } else { Ok(key) };
        }
        match self.issued {
            Some(issued) => issued.find(digest, millis)?.ok_or_else(|| {
                refused("the key is not known: check it for typing errors, or ask whoever runs this proxy for one")
            }),
            None => {
                let message = "the proxy could not read its keys yet: try again shortly";
                Err(Failure::new(FailureKind::Overloaded, message).with_retry_after(Duration::from_secs(2)))
            }
        }
    }
}

/// Where clients put their key, in the order in which it is looked for.
const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// Where a caller puts its key whose other credentials are for the provider: then this one alone counts.
pub const KEY_HEADER: &str = "x-weighbridge-key";

/// What the headers present as a key, in the order in which it is looked for.
pub(super) fn presented(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let bearer = headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let texts = |names: &'static [&'static str]| {
        names.iter().flat_map(|name| headers.get_all(*name)).filter_map(|value| value.to_str().ok())
    };
    let is_own = headers.contains_key(KEY_HEADER);
    let general = bearer.chain(texts(&KEY_HEADERS)).filter(move |_| !is_own);
    texts(&[KEY_HEADER]).chain(general).filter(|secret| !secret.is_empty())
}

/// The key that the headers present, or what a token stands for.
pub(super) fn authenticate<'k>(
    headers: &HeaderMap,
    admission: &Admission<'k>,
    now: SystemTime,
) -> Result<Cow<'k, Key>, Failure> {
    let mut presented = presented(headers);
    let first = presented.next().ok_or_else(|| {
        refused("no key was sent: set your tool's API key to a Weighbridge key (header `authorization: Bearer <key>`)")
    })?;
    let hash = digest(first);
    if presented.any(|other| !bool::from(digest(other).ct_eq(&hash))) {
        return Err(refused("two keys were sent and they differ: send one"));
    }
    if let Some(tokens) = admission.tokens.filter(|tokens| !tokens.issuers.is_empty() && is_token(first)) {
        let key = tokens.known.key(tokens.issuers, first, now)?;
        let is_revoked = admission.issued.is_some_and(|issued| issued.is_revoked(&key.name));
        return if is_revoked { Err(revoked(&key.name)) } else { Ok(Cow::Owned(Key::clone(&key))) };
    }
    let millis = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let key = admission.find(&hash, millis)?;
    if key.expires_millis.is_some_and(|expires| millis >= expires) {
        let name = &key.name;
        return Err(refused(&format!("the key `{name}` has expired: ask whoever runs this proxy for a new one")));
    }
    Ok(Cow::Borrowed(key))
}

pub(super) fn refused(message: &str) -> Failure {
    Failure::new(FailureKind::Unauthenticated, message)
}

pub(super) fn revoked(name: &KeyName) -> Failure {
    refused(&format!("the key `{name}` was revoked: ask whoever runs this proxy for a new one"))
}
