//! Anthropic Messages.

use bytes::Bytes;

use crate::dialect::answer::{Answer, Event};
use crate::dialect::{Limits, Wanted};
use crate::domain::{Door, Failure, Prompt, RequestId};

/// Reads a request's body.
pub fn parse(door: Door, body: Bytes, limits: &Limits) -> Result<Prompt, Failure> {
    todo!("{door:?} {body:?} {limits:?}")
}
/// The body to send.
pub fn request_body(prompt: &Prompt, wanted: &Wanted<'_>) -> Bytes {
    todo!("{prompt:?} {}", wanted.model)
}
/// Reads a whole answer.
pub fn read_answer(body: &[u8]) -> Answer {
    todo!("{body:?}")
}
/// Reads the data of one event.
pub fn read_event(data: &[u8]) -> Event {
    todo!("{data:?}")
}
/// The body of an error of ours.
pub fn error_body(failure: &Failure, id: Option<RequestId>) -> Bytes {
    todo!("{failure:?} {id:?}")
}
/// An error of ours inside a stream.
pub fn error_event(failure: &Failure, id: RequestId) -> Bytes {
    todo!("{failure:?} {id:?}")
}
