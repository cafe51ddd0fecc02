//! A short fingerprint of what a provider gave out: an id, a signature.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The first 63 bits of a SHA-256, so that it fits a signed integer of a database. The same text has the same mark in
/// every version, and no text can be read back from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
pub struct Mark(u64);

impl Mark {
    /// The mark of a text.
    pub fn of(text: &str) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        let first = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Self(first >> 1)
    }

    /// The mark as a number below 2⁶³.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The mark that [`as_u64`](Self::as_u64) gave.
    pub fn from_u64(number: u64) -> Self {
        Self(number & (u64::MAX >> 1))
    }
}
