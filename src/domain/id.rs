//! Ids as types: a request's, and that of a set of rules.

use std::fmt;

use serde::{Serialize, Serializer};
use uuid::Uuid;

/// One request's id: a UUID of version 7, so ids sort by the time they were made (millisecond steps).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A new id for the moment `unix_millis`, with 74 random bits from `random`.
    pub fn new(unix_millis: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_millis, &random).into_uuid())
    }

    /// The 16 bytes, big-endian, as the ledger keeps them.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id from its 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The id from its hyphenated text, or `None` if that is no UUID.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Which text of `routes.toml` decided: the first 12 hexadecimal digits of its SHA-256.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RulesVersion(std::sync::Arc<str>);

impl RulesVersion {
    /// The version of a file whose SHA-256 is `digest`.
    pub fn from_digest(digest: &[u8; 32]) -> Self {
        let hex: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        Self(hex.into())
    }

    /// The twelve hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RulesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RulesVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
