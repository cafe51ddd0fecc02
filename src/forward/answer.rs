//! An upstream's answer, from the moment on from which it is the caller's.

use std::collections::VecDeque;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::scrutiny::Hearing;
use crate::dialect::framing::Framing;
use crate::dialect::sse::Frame;
use crate::dialect::{Answer, Wire, translate};
use crate::domain::Verdict;

/// An answer that is the caller's now.
#[derive(Debug)]
pub struct Got {
    /// The provider's status.
    pub status: StatusCode,
    /// The provider's headers that go on.
    pub headers: HeaderMap,
    /// The answer.
    pub body: AnswerBody,
    /// The hints that the endpoint was not sent because its dialect has no place for them.
    pub left_out: Vec<String>,
    /// What its verification found, if it is over.
    pub verdict: Option<Verdict>,
}

/// An answer's body.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it.
    Whole {
        /// The bytes as they came.
        bytes: Bytes,
        /// What they say; `None` for an error of the provider's.
        answer: Option<Box<Answer>>,
    },
    /// Its beginning, and where the rest comes from.
    Stream(Box<AnswerStream>),
}

/// A streamed answer.
#[derive(Debug)]
pub struct AnswerStream {
    /// What its events are in.
    pub wire: Wire,
    /// Says them in the caller's dialect, where that is another.
    pub translator: Option<translate::Stream>,
    /// The events that were held back, the last of them with content.
    pub held: VecDeque<Frame>,
    /// Has the bytes that came after them.
    pub framing: Framing,
    /// The bytes to come.
    pub rest: Incoming,
    /// Until when its first content may take.
    pub first_by: Instant,
    /// When the answer must have ended.
    pub deadline: Instant,
    /// Judges what is still to come; `None`: nothing does, or it is over.
    pub hearing: Option<Box<Hearing>>,
}
