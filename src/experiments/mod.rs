//! Experiments while they run and when they are over: what their arms add up to (`tally`, `book`), what ends them early
//! (`guard`), and which arm was best (`verdict`), with the arithmetic for all of it (`stats`).
//!
//! Everything but the book is pure: requests come in as values, because it is `record` that reads the ledger. Which arm a
//! request goes is decided by `route`.

pub mod book;
pub mod guard;
pub mod observed;
pub mod stats;
pub mod tally;
pub mod verdict;

use crate::domain::Over;

/// How an experiment ended before its date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Why.
    pub over: Over,
    /// The figures, in a sentence.
    pub detail: String,
    /// When, in milliseconds since 1970 UTC.
    pub at_millis: i64,
}
