//! Events out of bytes that are cut anywhere: server-sent ones, and Amazon's binary messages. The first byte says which,
//! the second how many bytes after it say how long the pieces are.
#![no_main]

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use weighbridge::dialect::framing::Framing;
use weighbridge::dialect::sse::{Frame, MAX_EVENT_BYTES, data};
use weighbridge::dialect::{Event, Wire, read_event};
use weighbridge::domain::{Dialect, Door};

fuzz_target!(|input: &[u8]| {
    let [kind, cuts, rest @ ..] = input else { return };
    let (cuts, bytes) = rest.split_at(usize::from(*cuts).min(rest.len()));
    match kind % 16 {
        0..8 => check_sse(bytes, cuts),
        // An event that is about as large as may be looked into. It takes its time.
        8 => check_sse(&padded(bytes), &[255, 254, 250]),
        9..12 => check_messages(bytes, cuts),
        _ => check_messages(&messages(bytes), cuts),
    }
});

/// What comes out of bytes that come in these pieces.
fn frames(kind: &str, bytes: &[u8], cuts: &[u8]) -> Vec<Frame> {
    let mut framing = Framing::of(Some(kind.as_bytes())).expect("a stream of events");
    let mut found = Vec::new();
    let mut rest = bytes;
    let mut lengths = cuts.iter().map(|cut| length(*cut)).cycle();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(lengths.next().unwrap_or(rest.len()).min(rest.len()));
        rest = after;
        framing.push(&Bytes::copy_from_slice(piece));
        found.extend(std::iter::from_fn(|| framing.next_frame()));
    }
    found.extend(framing.finish());
    assert_eq!(framing.finish(), None);
    found
}

/// How long a piece is: mostly short ones, where the ends of lines are.
fn length(cut: u8) -> usize {
    if cut < 250 { usize::from(cut) + 1 } else { 1 << (8 + 2 * (cut - 250)) }
}

/// These bytes behind so many others that the event with them is at the limit.
fn padded(bytes: &[u8]) -> Vec<u8> {
    let over = bytes.first().map_or(0, |byte| usize::from(*byte) / 2);
    let mut out = vec![b'x'; MAX_EVENT_BYTES + over - bytes.len().min(64)];
    out[..6].copy_from_slice(b"data: ");
    out.extend_from_slice(bytes);
    out
}

/// The data of the events that are whole, after looking at each in every dialect.
fn read(frames: &[Frame]) -> Vec<Vec<u8>> {
    let whole = frames.iter().filter(|frame| frame.whole);
    let data: Vec<_> = whole.filter_map(|frame| data(&frame.bytes)).map(|data| data.into_owned()).collect();
    for (dialect, data) in Dialect::ALL.iter().flat_map(|dialect| data.iter().map(move |data| (*dialect, data))) {
        for door in [Door::Chat, Door::Completions, Door::Audio] {
            read_event(Wire { dialect, door }, data);
        }
    }
    data
}

fn check_sse(bytes: &[u8], cuts: &[u8]) {
    let whole = frames("text/event-stream", bytes, &[]);
    let cut = frames("text/event-stream", bytes, cuts);
    for frames in [&whole, &cut] {
        let joined: Vec<u8> = frames.iter().flat_map(|frame| &frame.bytes[..]).copied().collect();
        assert_eq!(joined, bytes, "other bytes come out than went in");
        assert!(frames.iter().all(|frame| !frame.whole || frame.bytes.len() <= MAX_EVENT_BYTES));
    }
    // Where the halves of `\r\n` come in two pieces, the second begins the next event, which an event at the very limit
    // is one byte shorter by.
    if bytes.len() < MAX_EVENT_BYTES {
        assert_eq!(read(&whole), read(&cut));
    }
}

fn check_messages(bytes: &[u8], cuts: &[u8]) {
    let kind = "application/vnd.amazon.eventstream";
    let (whole, cut) = (frames(kind, bytes, &[]), frames(kind, bytes, cuts));
    assert_eq!(whole, cut);
    let told = read(&whole);
    assert_eq!(told.len(), whole.len(), "every frame is an event with data");
    for frame in &whole {
        // The name stands twice around what came, and a message has room for less than it is long.
        assert!(frame.whole && frame.bytes.len() <= 3 * MAX_EVENT_BYTES);
        assert!(frame.bytes.starts_with(b"event: ") && frame.bytes.ends_with(b"\n\n"));
        let lines = frame.bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
        assert_eq!(lines, 3, "{:?}", frame.bytes);
    }
    let is_error = |data: &Vec<u8>| {
        matches!(read_event(Wire { dialect: Dialect::BedrockConverse, door: Door::Chat }, data), Event::Error(_))
    };
    let first = bytes.first_chunk().map(|length| u32::from_be_bytes(*length) as usize);
    if first.is_some_and(|length| length > MAX_EVENT_BYTES) {
        assert!(told.len() == 1 && told.iter().all(is_error), "a message that is too large");
    }
}

/// Messages with right checksums, one a line: what sort it is, its name, and what it says. A line of no sort goes as it is.
fn messages(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(3, |byte| *byte == b' ');
        let mut part = || parts.next().unwrap_or_default();
        let (sort, name, payload) = (part(), String::from_utf8_lossy(part()).into_owned(), part());
        let headers: &[(&'static str, &str)] = match sort {
            b"e" => &[(":event-type", &name), (":message-type", "event")],
            b"x" => &[(":message-type", "exception"), (":exception-type", &name)],
            b"r" => &[(":message-type", "error"), (":error-code", &name), (":error-message", &name)],
            b"n" => &[("name", &name)],
            _ => {
                out.extend_from_slice(line);
                continue;
            }
        };
        let message = headers.iter().fold(Message::new(payload.to_vec()), |message, (name, value)| {
            message.add_header(Header::new(*name, HeaderValue::String((*value).to_owned().into())))
        });
        // A name can be too long for a header.
        let mut message_bytes = Vec::new();
        if write_message_to(&message, &mut message_bytes).is_ok() {
            out.extend_from_slice(&message_bytes);
        }
    }
    out
}
