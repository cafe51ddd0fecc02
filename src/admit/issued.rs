//! Keys that were made at run time, and names that are refused: a picture of them, made anew with each change.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::Key;
use super::auth::{refused, revoked};
use crate::domain::{Digest, Failure, KeyName};

/// How a secret of a key stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is the key's.
    Good,
    /// It was the key's before another was made, and is refused from this moment on (milliseconds since 1970 UTC).
    Replaced {
        /// The moment.
        until_millis: u64,
    },
    /// The key was revoked.
    Revoked,
}

/// A secret of a key.
#[derive(Clone, Debug)]
pub struct Issue {
    /// The hash of the secret.
    pub digest: Digest,
    /// How it stands.
    pub standing: Standing,
    /// The key.
    pub key: Arc<Key>,
}

/// Keys that were made at run time, and names that are refused.
#[derive(Clone, Debug, Default)]
pub struct Issued {
    by_digest: HashMap<Digest, Issue>,
    revoked: HashSet<KeyName>,
}

impl Issued {
    /// These secrets, and these names of keys of the file that are refused.
    pub fn new(issues: impl IntoIterator<Item = Issue>, revoked: impl IntoIterator<Item = KeyName>) -> Self {
        Self {
            by_digest: issues.into_iter().map(|issue| (issue.digest, issue)).collect(),
            revoked: revoked.into_iter().collect(),
        }
    }

    /// Whether no key was ever made. One that was revoked counts: revoking the last key lets nobody in.
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }

    /// Whether the key of the file is refused.
    pub(super) fn is_revoked(&self, name: &KeyName) -> bool {
        self.revoked.contains(name)
    }

    /// The key with this digest, if its secret stands. The table is searched by a hash of the secret, and the match
    /// compared in constant time.
    pub(super) fn find(&self, digest: &Digest, millis: u64) -> Result<Option<&Key>, Failure> {
        let Some(issue) = self.by_digest.get(digest).filter(|issue| bool::from(issue.digest.ct_eq(digest))) else {
            return Ok(None);
        };
        match issue.standing {
            Standing::Revoked => Err(revoked(&issue.key.name)),
            Standing::Replaced { until_millis } if millis >= until_millis => {
                let name = &issue.key.name;
                Err(refused(&format!("the key `{name}` has another secret by now: set your tool to the new one")))
            }
            Standing::Good | Standing::Replaced { .. } => Ok(Some(&issue.key)),
        }
    }
}
