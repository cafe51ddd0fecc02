//! Server-sent events out of bytes that are cut anywhere.
//!
//! A [`Splitter`] only finds where events end: the bytes that come out are, put together, the bytes that went in. Lines
//! may end in `\n`, `\r\n` or a lone `\r`, as the standard allows.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

/// The largest event that is looked into. A larger one passes in pieces, unread. The last event of Responses repeats the
/// whole answer, pictures in base64 included.
pub const MAX_EVENT_BYTES: usize = 16 << 20;

/// One event with the blank line that ends it, or a piece of one that is too large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The bytes as they came.
    pub bytes: Bytes,
    /// Whether the bytes are one whole event.
    pub whole: bool,
}

/// Cuts a stream of bytes into events.
#[derive(Debug, Default)]
pub struct Splitter {
    buffer: BytesMut,
    /// How much of the buffer has been looked at.
    scanned: usize,
    /// Whether the line that begins or goes on at `scanned` has any bytes yet.
    in_line: bool,
    /// Whether the last byte looked at was a `\r` that ended a line, so that a `\n` right after it is its other half.
    after_cr: bool,
    /// Whether an event too large is passing through in pieces.
    oversize: bool,
}

impl Splitter {
    /// Takes the next bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event, if one has ended.
    pub fn next_frame(&mut self) -> Option<Frame> {
        self.skip_other_half();
        while let Some(found) = memchr::memchr2(b'\n', b'\r', &self.buffer[self.scanned..]) {
            let line_end = self.scanned + found;
            let blank = found == 0 && !self.in_line;
            self.after_cr = self.buffer[line_end] == b'\r';
            self.scanned = line_end + 1;
            self.in_line = false;
            self.skip_other_half();
            if blank {
                let whole = !std::mem::take(&mut self.oversize);
                return Some(self.cut(whole));
            }
        }
        self.in_line |= self.scanned < self.buffer.len();
        self.scanned = self.buffer.len();
        if self.buffer.len() > MAX_EVENT_BYTES {
            self.oversize = true;
            return Some(self.cut(false));
        }
        None
    }

    /// Whether nothing but whole events have come out.
    pub fn is_between_events(&self) -> bool {
        !self.oversize
    }

    fn skip_other_half(&mut self) {
        if let Some(&next) = self.buffer.get(self.scanned) {
            self.scanned += usize::from(std::mem::take(&mut self.after_cr) && next == b'\n');
        }
    }

    /// What is left at the end of the stream: an event without its blank line. `None` if nothing is left.
    pub fn finish(&mut self) -> Option<Frame> {
        self.scanned = self.buffer.len();
        (!self.buffer.is_empty()).then(|| self.cut(!self.oversize))
    }

    fn cut(&mut self, whole: bool) -> Frame {
        let bytes = self.buffer.split_to(self.scanned).freeze();
        self.scanned = 0;
        Frame { whole: whole && bytes.len() <= MAX_EVENT_BYTES, bytes }
    }
}

/// Adds an event to a stream: its name, where the dialect names events, and its data, which has no line ends.
pub fn write(name: Option<&str>, data: &str, out: &mut Vec<u8>) {
    for part in name.map(|name| ["event: ", name, "\n"]).into_iter().flatten().chain(["data: ", data, "\n\n"]) {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The data of an event: its `data` lines, joined by newlines; `None` if it has none (a comment, a ping).
pub fn data(frame: &[u8]) -> Option<Cow<'_, [u8]>> {
    let frame = frame.strip_prefix(b"\xef\xbb\xbf").unwrap_or(frame);
    let mut lines = frame.split(|byte| matches!(byte, b'\n' | b'\r')).filter_map(|line| {
        let rest = line.strip_prefix(b"data")?;
        match rest.strip_prefix(b":") {
            Some(value) => Some(value.strip_prefix(b" ").unwrap_or(value)),
            None => rest.is_empty().then_some(rest),
        }
    });
    let first = lines.next()?;
    Some(lines.fold(Cow::Borrowed(first), |mut joined, line| {
        let whole = joined.to_mut();
        whole.push(b'\n');
        whole.extend_from_slice(line);
        joined
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The data of every event of a stream whose bytes come in these pieces.
    fn events(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let (mut splitter, mut found, mut passed) = (Splitter::default(), Vec::new(), Vec::new());
        let mut take = |frame: Frame| {
            passed.extend_from_slice(&frame.bytes);
            if let Some(data) = data(&frame.bytes).filter(|_| frame.whole) {
                found.push(data.into_owned());
            }
        };
        for piece in pieces {
            splitter.push(piece);
            while let Some(frame) = splitter.next_frame() {
                take(frame);
            }
        }
        splitter.finish().into_iter().for_each(&mut take);
        (found, passed)
    }

    #[test]
    fn lines_end_in_any_of_three_ways() {
        for end in ["\n", "\r\n", "\r"] {
            let stream =
                ["data: one", "", ": ping", "", "event: x", "data:two", "data: lines", "", "data: last"].join(end);
            let (found, passed) = events(&[stream.as_bytes()]);
            assert_eq!(found, [b"one".to_vec(), b"two\nlines".to_vec(), b"last".to_vec()], "{end:?}");
            assert_eq!(passed, stream.as_bytes());
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_data() {
        assert_eq!(data(b"\xef\xbb\xbfdata: x\n\n").as_deref(), Some(&b"x"[..]));
    }

    #[test]
    fn an_event_too_large_passes_unread_and_the_next_is_read() {
        let huge = format!("data: {}\n\n", "x".repeat(MAX_EVENT_BYTES + 10));
        let (found, passed) = events(&[huge.as_bytes(), b"data: next\n\n"]);
        assert_eq!(found, [b"next".to_vec()]);
        assert_eq!(passed.len(), huge.len() + "data: next\n\n".len());
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events_and_the_same_bytes(
            lines in prop::collection::vec("(data: ?[a-zü]{0,6}|: c|event: e|)(\n|\r\n|\r)", 0..20),
            cuts in prop::collection::vec(0usize..400, 0..12),
        ) {
            let stream = lines.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            let (whole, _) = events(&[&stream]);
            let (cut, passed) = events(&pieces);
            prop_assert_eq!(cut, whole);
            prop_assert_eq!(passed, stream);
        }
    }
}
