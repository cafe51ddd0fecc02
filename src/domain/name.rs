//! Names given in `routes.toml`: each kind its own type, so that a tier is never taken for an endpoint.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty or longer than 64 bytes.
    #[error("a name has 1 to 64 characters, this has {0}")]
    Length(usize),
    /// The text holds this character.
    #[error("a name is made of letters, digits, `-`, `_` and `.`, this has {0:?}")]
    Character(char),
}

fn checked(text: &str) -> Result<Arc<str>, NameError> {
    if text.is_empty() || text.len() > 64 {
        return Err(NameError::Length(text.len()));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        Some(c) => Err(NameError::Character(c)),
        None => Ok(text.into()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name in `text`: 1 to 64 ASCII letters, digits, `-`, `_` or `.`.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                checked(text).map(Self)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                super::text::from_text(deserializer, Self::parse)
            }
        }
    };
}

name!(
    /// An endpoint: one model behind one URL with one credential (`[endpoints.NAME]`).
    EndpointName
);
name!(
    /// A tier: a named, ordered group of endpoints (`[tiers.NAME]`).
    TierName
);
name!(
    /// A rule (`[[rules]] name = …`).
    RuleName
);
name!(
    /// A caller's key (`[keys.NAME]`); the name, never the secret.
    KeyName
);
name!(
    /// A budget (`[[budgets]] name = …`).
    BudgetName
);
name!(
    /// A limit on rates (`[[limits]] name = …`).
    LimitName
);
name!(
    /// A risk tag of a company's own (`[assess.tags.NAME]`).
    OwnTag
);
name!(
    /// Whoever issues callers' tokens (`[issuers.NAME]`).
    IssuerName
);
