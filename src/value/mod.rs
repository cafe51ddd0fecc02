//! What the money bought: outcomes (a merged pull request, a closed ticket), the spend that belongs to each, what one
//! costs, and alerts when it costs more than it did.
//!
//! Outcomes are told by code hosts (`github`, `gitlab`), by the admin API or by a CSV file (`draft`), and kept in a
//! store (`book`). `join` says which spend belongs to which outcome, and `cost` adds up. Both are pure: spend comes in
//! as values, because it is `record` that reads the ledger.

pub mod alerts;
pub mod book;
pub mod cost;
pub mod draft;
pub mod github;
pub mod gitlab;
pub mod join;
pub mod mapping;
pub mod outcome;
pub mod pull_request;
pub mod spend;

use crate::domain::Secret;
use mapping::Mapping;

/// Where outcomes come from.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The secret with which GitHub signs; `None`: its webhook is closed.
    pub github: Option<Secret>,
    /// The token that GitLab sends; `None`: its webhook is closed.
    pub gitlab: Option<Secret>,
    /// Whose and what for an outcome is, where it does not say so itself.
    pub mapping: Mapping,
}

/// What a message of a code host tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// Something shipped.
    Shipped(Box<outcome::Outcome>),
    /// The code host tries whether somebody listens.
    Ping,
    /// Something else happened, which is nothing to us.
    Other,
}

/// Why a message of a code host is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Untaken {
    /// It is not signed as it must be. Whoever sent it learns no more than this.
    #[error("the signature is missing or wrong")]
    Unsigned,
    /// It is signed, and cannot be read.
    #[error("the message cannot be read: {0}")]
    Unreadable(String),
}
