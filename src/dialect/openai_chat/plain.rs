//! What else comes in JSON.

use bytes::Bytes;

use crate::dialect::Limits;
use crate::domain::{Door, Failure, Prompt};

/// Reads a request's body.
pub fn parse_plain(door: Door, body: Bytes, limits: &Limits) -> Result<Prompt, Failure> {
    todo!("{door:?} {body:?} {limits:?}")
}
