//! The body of a streamed answer on its way to the caller.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming};
use tokio::time::{Instant, Sleep};

use super::{Ended, Finish, How, MAX_COUNTED_BYTES, Tally};
use crate::dialect::sse::{self, Frame as Event, Splitter};
use crate::dialect::{self, Event as Meaning};
use crate::domain::Dialect;

/// After the last event: how long the upstream has to end the connection's answer properly, so that it can be reused.
const DRAIN: Duration = Duration::from_millis(250);

/// How much of what has come goes on in one piece.
const MOST_JOINED_BYTES: usize = 16 << 10;

/// What is watched.
pub struct Watch {
    /// The wire format of the events.
    pub dialect: Dialect,
    /// Events that have come already.
    pub held: VecDeque<Event>,
    /// Has the bytes that came after them.
    pub splitter: Splitter,
    /// The bytes to come.
    pub rest: Incoming,
    /// The longest silence.
    pub idle: Duration,
    /// Until when the first content may take, whatever the longest silence.
    pub first_by: Instant,
    /// When the answer must have ended.
    pub deadline: Instant,
    /// Whether usage was asked for by us alone and stays hidden from the caller.
    pub hide_usage: bool,
    /// Ready when the process is ending and answers under way with it.
    pub stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// What a caller is told whose answer breaks off: an event in the dialect, by how it broke off.
    pub error_event: Box<dyn Fn(How) -> Bytes + Send>,
    /// Records the end.
    pub finish: Finish,
}

/// A streamed answer's body, watched. Dropped before its end, it records that the caller hung up.
pub struct Metered {
    watch: Source,
    tally: Tally,
    state: State,
    timer: Pin<Box<Sleep>>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Whether the model said that it is done.
    is_finished: bool,
    /// Whether the upstream told of an error in the middle.
    has_failed: bool,
}

struct Source {
    dialect: Dialect,
    held: VecDeque<Event>,
    splitter: Splitter,
    rest: Option<Incoming>,
    idle: Duration,
    first_by: Instant,
    deadline: Instant,
    hide_usage: bool,
    error_event: Box<dyn Fn(How) -> Bytes + Send>,
}

impl Source {
    /// Until when the next piece may take.
    fn patience(&self, has_content: bool) -> Instant {
        let by = Instant::now() + self.idle;
        self.deadline.min(if has_content { by } else { by.max(self.first_by) })
    }
}

enum State {
    Flowing(Finish),
    /// The end is being recorded; then these last bytes go.
    Recording(Pin<Box<dyn Future<Output = ()> + Send>>, Option<Bytes>),
    /// All is sent; the upstream's end of answer is awaited, so that the connection can be reused.
    Draining,
    Done,
}

impl Metered {
    /// Watches an answer.
    pub fn new(watch: Watch) -> Self {
        let Watch { dialect, held, splitter, rest, idle, first_by, deadline, hide_usage, stopped, error_event, finish } =
            watch;
        let rest = Some(rest);
        let source = Source { dialect, held, splitter, rest, idle, first_by, deadline, hide_usage, error_event };
        Self {
            timer: Box::pin(tokio::time::sleep_until(source.patience(false))),
            watch: source,
            tally: Tally::default(),
            state: State::Flowing(finish),
            stopped,
            is_finished: false,
            has_failed: false,
        }
    }

    /// Reads one event. The bytes that go on, if any do; `true` if it was the last.
    fn pass(&mut self, event: Event) -> (Option<Bytes>, bool) {
        let meaning = sse::data(&event.bytes).filter(|_| event.whole);
        match meaning.map(|data| dialect::read_event(self.watch.dialect, &data)) {
            Some(Meaning::Done(piece)) => {
                self.count(piece);
                (Some(event.bytes), true)
            }
            Some(Meaning::Error(_)) => {
                self.has_failed = true;
                (Some(event.bytes), false)
            }
            Some(Meaning::Piece(piece)) => {
                self.is_finished |= piece.is_end;
                let hides = self.watch.hide_usage && piece.has_usage_field;
                self.count(piece);
                let bytes =
                    if hides { dialect::without_usage(self.watch.dialect, &event.bytes) } else { Some(event.bytes) };
                (bytes, false)
            }
            Some(Meaning::Garbage) | None => (Some(event.bytes), false),
        }
    }

    fn count(&mut self, piece: dialect::Piece) {
        let tally = &mut self.tally;
        if piece.has_content {
            tally.first_content.get_or_insert_with(std::time::Instant::now);
        }
        tally.service_tier = piece.service_tier.or(tally.service_tier.take());
        if let Some(told) = piece.usage {
            tally.usage.get_or_insert_default().update(&told);
        }
        tally.marks.extend(piece.marks);
        // Once output is counted by the provider, nothing needs to be kept for counting it here.
        if tally.usage.is_some_and(|usage| usage.total_output() > 0) {
            tally.text = String::new();
        } else if tally.text.len() + piece.text.len() <= MAX_COUNTED_BYTES {
            tally.text.push_str(&piece.text);
        } else {
            tally.uncounted_bytes += piece.text.len() as u64;
        }
    }

    /// The answer has ended: has it recorded, and then sends `last`.
    fn end(&mut self, how: How, last: Option<Bytes>) {
        if let State::Flowing(finish) = mem::replace(&mut self.state, State::Done) {
            self.tally.bytes += last.as_ref().map_or(0, |bytes| bytes.len() as u64);
            let recording = finish(Ended { how, tally: mem::take(&mut self.tally) });
            self.state = State::Recording(recording, last);
        }
    }

    /// The upstream's body is over. Without the model's own word that it is done, the answer is not whole, however
    /// orderly the connection was closed.
    fn end_of_upstream(&mut self, how: How) {
        self.watch.rest = None;
        let had_failed = self.has_failed;
        let leftover = self.watch.splitter.finish().map(|event| self.pass(event));
        let (bytes, done) = leftover.unwrap_or((None, false));
        let is_whole = how == How::Complete && (done || self.is_finished) && !self.has_failed;
        if is_whole {
            return self.end(How::Complete, bytes);
        }
        let how = if how == How::Complete { How::Cut } else { how };
        let told = (!had_failed).then(|| (self.watch.error_event)(how));
        self.end(how, told);
    }

    fn poll_flowing(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.pass_what_is_there() {
                return Poll::Ready(Some(bytes));
            }
            if !matches!(self.state, State::Flowing(_)) {
                return Poll::Ready(None);
            }
            let Some(rest) = &mut self.watch.rest else { return Poll::Ready(None) };
            match Pin::new(rest).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let has_content = self.tally.first_content.is_some();
                    self.timer.as_mut().reset(self.watch.patience(has_content));
                    if let Ok(bytes) = frame.into_data() {
                        self.watch.splitter.push(&bytes);
                    }
                }
                Poll::Ready(Some(Err(_))) => self.end_of_upstream(How::Cut),
                Poll::Ready(None) => self.end_of_upstream(How::Complete),
                Poll::Pending if self.stopped.as_mut().poll(cx).is_ready() => self.end_of_upstream(How::Stopped),
                Poll::Pending => {
                    ready!(self.timer.as_mut().poll(cx));
                    self.end_of_upstream(How::TimedOut);
                }
            }
        }
    }

    /// The events that have come, together: one write to the caller instead of one for each. The last event of all is
    /// not among them, it waits for the record.
    fn pass_what_is_there(&mut self) -> Option<Bytes> {
        let mut first: Option<Bytes> = None;
        let mut joined = BytesMut::new();
        while matches!(self.state, State::Flowing(_)) && joined.len() < MOST_JOINED_BYTES {
            let Some(event) = self.watch.held.pop_front().or_else(|| self.watch.splitter.next_frame()) else { break };
            let (bytes, is_last) = self.pass(event);
            if is_last {
                let how = if self.has_failed { How::Cut } else { How::Complete };
                self.end(how, bytes);
                break;
            }
            self.tally.bytes += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
            match (bytes, &first) {
                (None, _) => {}
                (Some(bytes), None) => first = Some(bytes),
                (Some(bytes), Some(begin)) => {
                    if joined.is_empty() {
                        joined.extend_from_slice(begin);
                    }
                    joined.extend_from_slice(&bytes);
                }
            }
        }
        if joined.is_empty() { first } else { Some(joined.freeze()) }
    }
}

impl Body for Metered {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Flowing(_) => {
                    if let Some(bytes) = ready!(this.poll_flowing(cx)) {
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                }
                State::Recording(recording, last) => {
                    ready!(recording.as_mut().poll(cx));
                    let last = last.take();
                    this.timer.as_mut().reset(Instant::now() + DRAIN);
                    this.state = State::Draining;
                    if let Some(bytes) = last {
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                }
                State::Draining => {
                    if let Some(rest) = &mut this.watch.rest {
                        let next = Pin::new(rest).poll_frame(cx);
                        if next.is_pending() {
                            ready!(this.timer.as_mut().poll(cx));
                        }
                        if matches!(next, Poll::Ready(Some(Ok(_)))) {
                            continue;
                        }
                        this.watch.rest = None;
                    }
                    this.state = State::Done;
                }
                State::Done => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if let State::Flowing(finish) = mem::replace(&mut self.state, State::Done) {
            // Nobody is left to wait until the entry is written.
            drop(finish(Ended { how: How::ClientGone, tally: mem::take(&mut self.tally) }));
        }
    }
}
