//! The wire formats that callers and upstreams speak: bytes and values only.
//!
//! A dialect reads a request into a [`Prompt`], changes the few bytes that must change, finds the usage and the errors
//! in answers, and words our own errors. It never re-writes what it does not have to: provider prompt caches depend on
//! the bytes. To add a dialect: one module here, one variant of [`Dialect`], and the compiler names the rest.

mod answer;
mod json;
pub mod openai_chat;
pub mod sse;

use bytes::Bytes;

use crate::domain::{Dialect, Failure, Prompt, RequestId};

pub use answer::{Answer, Event, Piece};

/// What a request's JSON may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of arrays and objects inside each other.
    pub max_depth: u32,
}

/// Reads a request's body.
///
/// # Errors
/// [`Malformed`](crate::domain::FailureKind::Malformed), naming the field and what to do.
pub fn parse(dialect: Dialect, body: Bytes, limits: &Limits) -> Result<Prompt, Failure> {
    match dialect {
        Dialect::OpenaiChat => openai_chat::parse(body, limits),
    }
}

/// The body to send: the client's bytes with another `model` and, where `ask_usage`, with usage asked for in a stream.
pub fn request_body(prompt: &Prompt, model: &str, ask_usage: bool) -> Bytes {
    match prompt.dialect {
        Dialect::OpenaiChat => openai_chat::request_body(prompt, model, ask_usage),
    }
}

/// The path below an endpoint's base URL.
pub fn path(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenaiChat => "/v1/chat/completions",
    }
}

/// Reads a whole answer with a status of success.
pub fn read_answer(dialect: Dialect, body: &[u8]) -> Answer {
    match dialect {
        Dialect::OpenaiChat => openai_chat::read_answer(body),
    }
}

/// Reads the data of one event of a streamed answer.
pub fn read_event(dialect: Dialect, data: &[u8]) -> Event {
    match dialect {
        Dialect::OpenaiChat => openai_chat::read_event(data),
    }
}

/// An event's bytes without the usage that the client did not ask for; `None`: nothing of it is left.
pub fn without_usage(dialect: Dialect, frame: &Bytes) -> Option<Bytes> {
    match dialect {
        Dialect::OpenaiChat => openai_chat::without_usage(frame),
    }
}

/// The body of an error of ours.
pub fn error_body(dialect: Dialect, failure: &Failure, id: Option<RequestId>) -> Bytes {
    match dialect {
        Dialect::OpenaiChat => openai_chat::error_body(failure, id),
    }
}

/// An error of ours inside a stream whose status of success has gone out, ended as the dialect ends a stream.
pub fn error_event(dialect: Dialect, failure: &Failure, id: RequestId) -> Bytes {
    match dialect {
        Dialect::OpenaiChat => openai_chat::error_event(failure, id),
    }
}
