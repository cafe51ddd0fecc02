//! A body on its way through: sent on as it arrives, never whole in memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// A caller's body: what has been looked at, then what is still to come, up to a limit.
#[derive(Debug)]
pub struct Upload {
    begun: Option<Bytes>,
    rest: Incoming,
    left: u64,
}

impl Upload {
    /// A body of which `begun` has arrived; longer than `most` bytes altogether it breaks off.
    pub fn new(begun: Bytes, rest: Incoming, most: u64) -> Self {
        Self { begun: Some(begun).filter(|begun| !begun.is_empty()), rest, left: most }
    }

    fn take(&mut self, bytes: Bytes) -> io::Result<Frame<Bytes>> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left
            .ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "the body is larger than this proxy takes"))?;
        Ok(Frame::data(bytes))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if let Some(begun) = this.begun.take() {
            return Poll::Ready(Some(this.take(begun)));
        }
        let frame = match ready!(Pin::new(&mut this.rest).poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => Err(io::Error::other(error)),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => this.take(bytes),
                Err(trailers) => Ok(trailers),
            },
        };
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.begun.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let begun = self.begun.as_ref().map_or(0, |begun| begun.len() as u64);
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(begun + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(begun + upper);
        }
        hint
    }
}
