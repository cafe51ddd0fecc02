//! The body of a streamed answer on its way to the caller.

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming};
use tokio::time::{Instant, Sleep};

use super::{BrokenOff, Ended, Finish, Hear, How, MAX_COUNTED_BYTES, Tally};
use crate::dialect::framing::Framing;
use crate::dialect::sse::{self, Frame as Event};
use crate::dialect::{self, Event as Meaning, Wire, translate};

/// After the last event: how long the upstream has to end the connection's answer properly, so that it can be reused.
const DRAIN: Duration = Duration::from_millis(250);

/// How much of what has come goes on in one piece.
const MOST_JOINED_BYTES: usize = 16 << 10;

/// What is watched.
pub struct Watch {
    /// What the events are in.
    pub wire: Wire,
    /// Says them in the caller's dialect, where that is another.
    pub translator: Option<translate::Stream>,
    /// What the caller is sent while the upstream is silent, and how often; empty: nothing. Clients, and what stands
    /// between, end a connection on which nothing comes.
    pub ping: (Duration, Bytes),
    /// Events that have come already.
    pub held: VecDeque<Event>,
    /// Has the bytes that came after them.
    pub framing: Framing,
    /// The bytes to come.
    pub rest: Incoming,
    /// The longest silence.
    pub idle: Duration,
    /// Until when the first content may take, whatever the longest silence.
    pub first_by: Instant,
    /// When the answer must have ended.
    pub deadline: Instant,
    /// Judges what comes after the events that have come already; `None`: nobody does.
    pub hearing: Option<Box<dyn Hear>>,
    /// Whether usage was asked for by us alone and stays hidden from the caller.
    pub hide_usage: bool,
    /// Ready when the process is ending and answers under way with it.
    pub stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// What a caller is told whose answer breaks off: an event in the dialect, by how it broke off.
    /// Empty where the bytes are no events: then the connection is broken off.
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
    /// When silence has lasted too long.
    silent_until: Instant,
    /// When the caller is sent a sign of life, if nothing is before.
    ping_at: Instant,
    hearing: Option<Box<dyn Hear>>,
    /// What may not go on yet.
    withheld: Vec<Bytes>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Whether the model said that it is done.
    is_finished: bool,
    /// Whether the upstream told of an error in the middle.
    has_failed: bool,
}

struct Source {
    wire: Wire,
    translator: Option<translate::Stream>,
    ping: (Duration, Bytes),
    held: VecDeque<Event>,
    framing: Framing,
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
        let Watch { wire, translator, ping, held, framing, rest, idle, first_by, deadline, .. } = watch;
        let Watch { hearing, hide_usage, stopped, error_event, finish, .. } = watch;
        let is_raw = matches!(framing, Framing::Raw(_));
        let rest = Some(rest);
        let source =
            Source { wire, translator, ping, held, framing, rest, idle, first_by, deadline, hide_usage, error_event };
        let silent_until = source.patience(false);
        let ping_at = Instant::now() + source.ping.0;
        Self {
            timer: Box::pin(tokio::time::sleep_until(silent_until.min(ping_at))),
            silent_until,
            ping_at,
            hearing,
            withheld: Vec::new(),
            watch: source,
            tally: Tally::default(),
            state: State::Flowing(finish),
            stopped,
            // Bytes that are no events have no last word: their end is the end of the body.
            is_finished: is_raw,
            has_failed: false,
        }
    }

    /// Reads one event. The bytes that go on, if any do; `true` if it was the last.
    fn pass(&mut self, event: Event) -> (Option<Bytes>, bool) {
        let data = sse::data(&event.bytes).filter(|_| event.whole);
        let meaning = data.as_ref().map(|data| dialect::read_event(self.watch.wire, data));
        if let Some(translator) = &mut self.watch.translator {
            let said = data.map(|data| translator.event(&data)).unwrap_or_default();
            return self.note(meaning, said);
        }
        match meaning {
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
                let bytes = if hides {
                    dialect::without_usage(self.watch.wire.dialect, &event.bytes)
                } else {
                    Some(event.bytes)
                };
                (bytes, false)
            }
            Some(Meaning::Garbage) | None => {
                // Who takes bytes of a known length does not ask what comes after the last of them.
                let is_raw = matches!(self.watch.framing, Framing::Raw(_));
                let is_last = is_raw && self.watch.rest.as_ref().is_some_and(Body::is_end_stream);
                (Some(event.bytes), is_last)
            }
        }
    }

    /// Takes note of an event that goes on in other words.
    fn note(&mut self, meaning: Option<Meaning>, said: Bytes) -> (Option<Bytes>, bool) {
        let mut is_last = false;
        match meaning {
            Some(Meaning::Done(piece)) => {
                self.count(piece);
                is_last = true;
            }
            Some(Meaning::Piece(piece)) => {
                self.is_finished |= piece.is_end;
                self.count(piece);
            }
            Some(Meaning::Error(_)) => self.has_failed = true,
            Some(Meaning::Garbage) | None => {}
        }
        if !is_last {
            return (Some(said).filter(|said| !said.is_empty()), false);
        }
        (Some(self.with_finish(said)), true)
    }

    /// What was said last, and in a translated answer what ends it.
    fn with_finish(&mut self, said: Bytes) -> Bytes {
        let Some(translator) = &mut self.watch.translator else { return said };
        let rest = translator.finish();
        if said.is_empty() { rest } else { Bytes::from([said, rest].concat()) }
    }

    fn count(&mut self, piece: dialect::Piece) {
        let tally = &mut self.tally;
        if piece.has_content {
            tally.first_content.get_or_insert_with(std::time::Instant::now);
        }
        tally.service_tier = piece.service_tier.or(tally.service_tier.take());
        tally.cost = piece.cost.or(tally.cost);
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
            let last = self.with_withheld(last);
            self.tally.bytes += last.as_ref().map_or(0, |bytes| bytes.len() as u64);
            let verdict = self.hearing.take().and_then(|mut hearing| {
                if how == How::Complete {
                    hearing.end();
                }
                hearing.verdict()
            });
            let recording = finish(Ended { how, tally: mem::take(&mut self.tally), verdict });
            self.state = State::Recording(recording, last);
        }
    }

    /// These bytes after those that were held back.
    fn with_withheld(&mut self, bytes: Option<Bytes>) -> Option<Bytes> {
        if self.withheld.is_empty() {
            return bytes;
        }
        let all: Vec<Bytes> = self.withheld.drain(..).chain(bytes).collect();
        Some(Bytes::from(all.concat()))
    }

    /// The upstream's body is over. Without the model's own word that it is done, the answer is not whole, however
    /// orderly the connection was closed.
    fn end_of_upstream(&mut self, how: How) {
        self.watch.rest = None;
        let had_failed = self.has_failed;
        let leftover = self.watch.framing.finish().map(|event| self.pass(event));
        let (bytes, done) = leftover.unwrap_or((None, false));
        let is_whole = how == How::Complete && (done || self.is_finished) && !self.has_failed;
        if is_whole {
            let bytes = if done { bytes } else { Some(self.with_finish(bytes.unwrap_or_default())) };
            return self.end(How::Complete, bytes.filter(|bytes| !bytes.is_empty()));
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
                    self.silent_until = self.watch.patience(has_content);
                    // While something is withheld the caller hears nothing, however much comes.
                    if self.withheld.is_empty() {
                        self.ping_at = Instant::now() + self.watch.ping.0;
                    }
                    self.timer.as_mut().reset(self.silent_until.min(self.ping_at));
                    if let Ok(bytes) = frame.into_data() {
                        self.watch.framing.push(&bytes);
                    }
                }
                Poll::Ready(Some(Err(_))) => self.end_of_upstream(How::Cut),
                Poll::Ready(None) => self.end_of_upstream(How::Complete),
                Poll::Pending if self.stopped.as_mut().poll(cx).is_ready() => self.end_of_upstream(How::Stopped),
                Poll::Pending => {
                    ready!(self.timer.as_mut().poll(cx));
                    let now = Instant::now();
                    if now < self.silent_until {
                        self.ping_at = now + self.watch.ping.0;
                        self.timer.as_mut().reset(self.silent_until.min(self.ping_at));
                        let ping = &self.watch.ping.1;
                        if !ping.is_empty() && self.watch.framing.is_between_events() {
                            self.tally.bytes += ping.len() as u64;
                            return Poll::Ready(Some(ping.clone()));
                        }
                        continue;
                    }
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
            let heard = self.watch.held.pop_front();
            let is_new = heard.is_none();
            let Some(event) = heard.or_else(|| self.watch.framing.next_frame()) else { break };
            let may_pass = match &mut self.hearing {
                Some(hearing) if is_new => hearing.lets_pass(&event),
                _ => true,
            };
            let (bytes, is_last) = self.pass(event);
            if is_last {
                let how = if self.has_failed { How::Cut } else { How::Complete };
                self.end(how, bytes);
                break;
            }
            if !may_pass {
                self.withheld.extend(bytes);
                continue;
            }
            let bytes = self.with_withheld(bytes);
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
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
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
                    match last {
                        // There is no event that could say it.
                        Some(bytes) if bytes.is_empty() => {
                            this.state = State::Done;
                            return Poll::Ready(Some(Err(BrokenOff)));
                        }
                        Some(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                        None => {}
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
            drop(finish(Ended { how: How::ClientGone, tally: mem::take(&mut self.tally), verdict: None }));
        }
    }
}
