//! Keys as configured: by the hash of their secret, never the secret.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::domain::{KeyName, Label, TierName};

/// The SHA-256 of a key's secret. Secrets are 256 random bits, so a fast hash is enough: there is nothing to guess.
pub type Digest = [u8; 32];

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

    /// The key with this digest.
    pub fn find(&self, digest: &Digest) -> Option<&Arc<Key>> {
        self.by_digest.get(digest)
    }
}
