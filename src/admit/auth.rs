//! Keys: by the hash of their secret, never the secret.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use subtle::ConstantTimeEq;

use crate::domain::{Digest, Failure, FailureKind, KeyName, Label, TierName, digest};

/// One caller's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in `routes.toml`.
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
    /// Requests a minute; `None`: no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens a minute; `None`: no limit.
    pub tokens_per_minute: Option<NonZeroU32>,
    /// Requests at once; `None`: no limit.
    pub concurrent: Option<NonZeroU32>,
    /// From this moment (milliseconds since 1970 UTC) it is refused; `None`: never.
    pub expires_millis: Option<u64>,
}

/// Every key.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    by_digest: HashMap<Digest, Arc<Key>>,
}

impl Keys {
    /// These keys. Two with the same secret are refused by `check` before they get here; of such the last counts.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        Self { by_digest: keys.into_iter().map(|key| (key.digest, Arc::new(key))).collect() }
    }

    /// Whether no keys are configured, so that everybody on a loopback listener may ask.
    pub fn is_open(&self) -> bool {
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

/// Where clients put their key, in the order in which it is looked for.
const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// Where a caller puts its key whose other credentials are for the provider: then this one alone counts.
pub const KEY_HEADER: &str = "x-weighbridge-key";

/// The key that the headers present.
pub(super) fn authenticate<'k>(headers: &HeaderMap, keys: &'k Keys, now: SystemTime) -> Result<&'k Key, Failure> {
    let refused = |message: &str| Failure::new(FailureKind::Unauthenticated, message);
    let bearer = headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let texts = |names: &'static [&'static str]| {
        names.iter().flat_map(|name| headers.get_all(*name)).filter_map(|value| value.to_str().ok())
    };
    let own: Vec<&str> = texts(&[KEY_HEADER]).collect();
    let general = bearer.chain(texts(&KEY_HEADERS)).filter(|_| own.is_empty());
    let mut presented = own.iter().copied().chain(general).filter(|secret| !secret.is_empty()).map(digest);
    let first = presented.next().ok_or_else(|| {
        refused("no key was sent: set your tool's API key to a Weighbridge key (header `authorization: Bearer <key>`)")
    })?;
    if presented.any(|other| !bool::from(other.ct_eq(&first))) {
        return Err(refused("two keys were sent and they differ: send one"));
    }
    let key = keys.find(&first).ok_or_else(|| {
        refused("the key is not known: check it for typing errors, or ask the owner of routes.toml for one")
    })?;
    let millis = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    if key.expires_millis.is_some_and(|expires| millis >= expires) {
        let name = &key.name;
        return Err(refused(&format!("the key `{name}` has expired: ask the owner of routes.toml for a new one")));
    }
    Ok(key)
}
