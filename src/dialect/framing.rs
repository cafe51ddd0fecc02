//! Where events end.

use bytes::Bytes;

use super::sse::{Frame, Splitter};

/// Cuts a stream of bytes into frames.
#[derive(Debug)]
pub enum Framing {
    /// Server-sent events.
    Sse(Splitter),
    /// Bytes that are not looked into: they pass as they come.
    Raw(Option<Bytes>),
}

impl Framing {
    /// For server-sent events.
    pub fn sse() -> Self {
        Framing::Sse(Splitter::default())
    }

    /// For Amazon's binary messages.
    pub fn event_stream() -> Self {
        todo!()
    }

    /// Takes the next bytes in.
    pub fn push(&mut self, bytes: &Bytes) {
        match self {
            Framing::Sse(splitter) => splitter.push(bytes),
            Framing::Raw(next) => *next = Some(bytes.clone()),
        }
    }

    /// The next frame, if one has ended.
    pub fn next_frame(&mut self) -> Option<Frame> {
        match self {
            Framing::Sse(splitter) => splitter.next_frame(),
            Framing::Raw(next) => next.take().map(|bytes| Frame { bytes, whole: false }),
        }
    }

    /// What is left at the end of the stream.
    pub fn finish(&mut self) -> Option<Frame> {
        match self {
            Framing::Sse(splitter) => splitter.finish(),
            Framing::Raw(next) => next.take().map(|bytes| Frame { bytes, whole: false }),
        }
    }
}
