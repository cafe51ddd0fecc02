//! What somebody may do on the admin port.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What somebody may do on the admin port; each may also do what those before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Make, rotate and revoke callers' keys, override budgets, tell outcomes.
    Operator,
    /// Make and revoke tokens for the admin port.
    Admin,
}

impl Role {
    /// The role of this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Role::Viewer, Role::Operator, Role::Admin].into_iter().find(|role| role.as_str() == text)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
