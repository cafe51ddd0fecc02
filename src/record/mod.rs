//! The ledger: one entry for each request, one line for each attempt.

pub mod entry;
