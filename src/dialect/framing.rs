//! Events out of the bytes of a streamed answer, whatever they are wrapped in.
//!
//! All but one dialect stream server-sent events. Amazon's binary messages (`application/vnd.amazon.eventstream`) are
//! turned into such events here, so that nothing after this has to know them. Their JSON does not say which event it
//! is, so it is put under the event's name: `{"contentBlockDelta": {…}}`. Exceptions, and bytes that are no messages,
//! become `{"error": {"type": …, "message": …}}`.

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use crate::dialect::sse::{Frame, MAX_EVENT_BYTES, Splitter};

/// A message's length, its headers' length and their checksum, before all else; its checksum, after all else.
const SMALLEST_MESSAGE: usize = 16;

/// Cuts a stream of bytes into events.
#[derive(Debug)]
pub enum Framing {
    /// Server-sent events, which pass as they came.
    Sse(Splitter),
    /// Amazon's binary messages.
    EventStream(Messages),
    /// Bytes that are no events, such as a file's: they pass as they come.
    Raw(Option<Bytes>),
}

impl Default for Framing {
    fn default() -> Self {
        Framing::Sse(Splitter::default())
    }
}

impl Framing {
    /// How the events are told apart of an answer with this `content-type`; `None`: it is no stream of events.
    pub fn of(content_type: Option<&[u8]>) -> Option<Self> {
        let kind = content_type?.split(|byte| *byte == b';').next()?.trim_ascii().to_ascii_lowercase();
        match kind.as_slice() {
            b"text/event-stream" => Some(Framing::default()),
            b"application/vnd.amazon.eventstream" => Some(Framing::EventStream(Messages::default())),
            _ => None,
        }
    }

    /// Whether nothing but whole events have come out, so that another one may stand between them.
    pub fn is_between_events(&self) -> bool {
        match self {
            Framing::Sse(splitter) => splitter.is_between_events(),
            Framing::EventStream(_) => true,
            Framing::Raw(_) => false,
        }
    }

    /// Takes the next bytes in.
    pub fn push(&mut self, bytes: &Bytes) {
        match self {
            Framing::Sse(splitter) => splitter.push(bytes),
            Framing::EventStream(messages) => messages.push(bytes),
            Framing::Raw(next) => *next = Some(bytes.clone()),
        }
    }

    /// The next event, if one has ended.
    pub fn next_frame(&mut self) -> Option<Frame> {
        match self {
            Framing::Sse(splitter) => splitter.next_frame(),
            Framing::EventStream(messages) => messages.next_frame(),
            Framing::Raw(next) => next.take().map(|bytes| Frame { bytes, whole: false }),
        }
    }

    /// What is left at the end of the stream: an event without its blank line. `None` if nothing is left, or a piece of
    /// a binary message, which says nothing.
    pub fn finish(&mut self) -> Option<Frame> {
        match self {
            Framing::Sse(splitter) => splitter.finish(),
            Framing::EventStream(_) => None,
            Framing::Raw(next) => next.take().map(|bytes| Frame { bytes, whole: false }),
        }
    }
}

/// Amazon's binary messages, out of bytes that are cut anywhere.
#[derive(Debug, Default)]
pub struct Messages {
    buffer: BytesMut,
    /// After bytes that are no message nobody knows where the next one begins.
    is_broken: bool,
}

impl Messages {
    fn push(&mut self, bytes: &[u8]) {
        if !self.is_broken {
            self.buffer.extend_from_slice(bytes);
        }
    }

    fn next_frame(&mut self) -> Option<Frame> {
        if self.is_broken {
            return None;
        }
        let event = match self.next_message()? {
            Ok(message) => event(&message),
            Err(why) => Err(why),
        };
        let bytes = event.unwrap_or_else(|why| {
            (self.is_broken, self.buffer) = (true, BytesMut::new());
            error("eventStreamError", &why)
        });
        Some(Frame { bytes, whole: true })
    }

    /// The next message if all of it is there, or why what is there is none.
    fn next_message(&mut self) -> Option<Result<Message, String>> {
        let length = u32::from_be_bytes(*self.buffer.first_chunk()?) as usize;
        if !(SMALLEST_MESSAGE..=MAX_EVENT_BYTES).contains(&length) {
            return Some(Err(format!("a message of {length} bytes in the provider's stream")));
        }
        if self.buffer.len() < length {
            return None;
        }
        let message = self.buffer.split_to(length).freeze();
        Some(read_message_from(message).map_err(|why| format!("a broken message in the provider's stream: {why}")))
    }
}

/// The server-sent event that says what a message says.
fn event(message: &Message) -> Result<Bytes, String> {
    let header = |wanted: &str| {
        let header = message.headers().iter().find(|header| header.name().as_str() == wanted)?;
        header.value().as_string().ok().map(|value| value.as_str())
    };
    match header(":message-type") {
        Some("event") => {
            let name = header(":event-type").filter(|name| is_word(name));
            Ok(named(name.ok_or("an event without a name in the provider's stream")?, message.payload()))
        }
        Some("exception") => {
            let payload: Value = serde_json::from_slice(message.payload()).unwrap_or_default();
            let told = ["message", "Message", "originalMessage"].into_iter().find_map(|name| payload[name].as_str());
            let kind = header(":exception-type").unwrap_or("exception");
            Ok(error(kind, told.unwrap_or("the provider broke off")))
        }
        Some("error") => {
            let told = header(":error-message").unwrap_or("the provider broke off");
            Ok(error(header(":error-code").unwrap_or("error"), told))
        }
        _ => Err("a message of no known type in the provider's stream".to_owned()),
    }
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn named(name: &str, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(payload.len() + 2 * name.len() + 24);
    for part in ["event: ", name, "\ndata: {\"", name, "\":"] {
        out.extend_from_slice(part.as_bytes());
    }
    // Line ends would end the data. In JSON they can only stand between tokens, where any white space will do.
    let payload: &[u8] = if payload.is_empty() { b"{}" } else { payload };
    out.extend(payload.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    out.extend_from_slice(b"}\n\n");
    Bytes::from(out)
}

fn error(kind: &str, told: &str) -> Bytes {
    let data = json!({"error": {"type": kind, "message": told}});
    Bytes::from(format!("event: error\ndata: {data}\n\n"))
}

#[cfg(test)]
mod tests {
    use aws_smithy_eventstream::frame::write_message_to;
    use aws_smithy_types::event_stream::{Header, HeaderValue};
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::{Event, bedrock_converse, sse};

    fn message(headers: &[(&'static str, &str)], payload: &str) -> Vec<u8> {
        let message = Message::new(payload.as_bytes().to_vec());
        let message = headers.iter().fold(message, |message, (name, value)| {
            message.add_header(Header::new(*name, HeaderValue::String(value.to_string().into())))
        });
        let mut bytes = Vec::new();
        write_message_to(&message, &mut bytes).expect("a message");
        bytes
    }

    fn event_of(name: &str, payload: &str) -> Vec<u8> {
        let json = ("content-type", "application/json");
        message(&[(":event-type", name), json, (":message-type", "event")], payload)
    }

    /// All events of a stream whose bytes come in these pieces.
    fn frames(pieces: &[&[u8]]) -> Vec<String> {
        let mut framing = Framing::of(Some(b"application/vnd.amazon.eventstream")).expect("a stream");
        let mut found = Vec::new();
        for piece in pieces {
            framing.push(&Bytes::copy_from_slice(piece));
            while let Some(frame) = framing.next_frame() {
                assert!(frame.whole);
                found.push(String::from_utf8(frame.bytes.to_vec()).expect("text"));
            }
        }
        found.extend(framing.finish().map(|frame| format!("{frame:?}")));
        found
    }

    #[test]
    fn a_message_becomes_an_event_with_its_name_inside() {
        let bytes = event_of("contentBlockDelta", "{\"delta\":\n{\"text\":\"hi\"}}");
        let expected = "event: contentBlockDelta\ndata: {\"contentBlockDelta\":{\"delta\": {\"text\":\"hi\"}}}\n\n";
        assert_eq!(frames(&[&bytes]), [expected]);
    }

    #[test]
    fn exceptions_and_errors_keep_the_providers_words() {
        let exception = [(":message-type", "exception"), (":exception-type", "throttlingException")];
        let error = [(":message-type", "error"), (":error-code", "InternalError"), (":error-message", "oh")];
        let bytes = [message(&exception, r#"{"message":"slow \"down\""}"#), message(&error, "")].concat();
        let expected = [
            "event: error\ndata: {\"error\":{\"message\":\"slow \\\"down\\\"\",\"type\":\"throttlingException\"}}\n\n",
            "event: error\ndata: {\"error\":{\"message\":\"oh\",\"type\":\"InternalError\"}}\n\n",
        ];
        let values = |frames: &[String]| -> Vec<Value> {
            let data = |frame: &String| frame.lines().nth(1).expect("data").strip_prefix("data: ").map(str::to_owned);
            frames.iter().filter_map(data).map(|data| serde_json::from_str(&data).expect("JSON")).collect()
        };
        assert_eq!(values(&frames(&[&bytes])), values(&expected.map(str::to_owned)));
    }

    #[test]
    fn what_comes_out_is_read_as_what_went_in() {
        let stream = [
            event_of("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"hi"}}"#),
            event_of("metadata", r#"{"usage":{"inputTokens":3,"outputTokens":2}}"#),
            message(&[(":message-type", "exception"), (":exception-type", "x")], r#"{"message":"slow down"}"#),
            b"\0\0\0\x10 no message!".to_vec(),
        ];
        let events: Vec<Event> = frames(&[&stream.concat()])
            .iter()
            .map(|frame| bedrock_converse::read_event(&sse::data(frame.as_bytes()).expect("data")))
            .collect();
        let [Event::Piece(text), Event::Done(last), Event::Error(slow), Event::Error(broken)] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!((text.text.as_str(), slow.as_str()), ("hi", "slow down"));
        assert_eq!(last.usage.and_then(|told| told.output), Some(2));
        assert!(broken.contains("broken message"), "{broken}");
    }

    #[test]
    fn a_broken_message_ends_the_stream_with_an_error() {
        let good = event_of("messageStart", r#"{"role":"assistant"}"#);
        let check = |bad: &[u8], words: &str| {
            let found = frames(&[&good, bad, &good]);
            assert_eq!(found.len(), 2, "{found:?}");
            assert!(found[1].contains("\"error\"") && found[1].contains(words), "{}", found[1]);
        };
        for at in [8, 20, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            check(&bad, "a broken message");
        }
        check(&(u32::MAX).to_be_bytes(), "4294967295 bytes");
        check(&((MAX_EVENT_BYTES as u32) + 1).to_be_bytes(), &format!("{} bytes", MAX_EVENT_BYTES + 1));
        check(&15_u32.to_be_bytes(), "15 bytes");
        check(&message(&[(":message-type", "event"), (":event-type", "a\nb")], "{}"), "without a name");
        check(&message(&[], "{}"), "no known type");
    }

    #[test]
    fn an_unfinished_message_says_nothing() {
        let bytes = event_of("messageStop", "{}");
        assert_eq!(frames(&[&bytes[..bytes.len() - 1]]), Vec::<String>::new());
    }

    #[test]
    fn the_content_type_tells_the_framing() {
        let check = |kind: Option<&[u8]>, amazon: bool| {
            assert_eq!(matches!(Framing::of(kind), Some(Framing::EventStream(_))), amazon, "{kind:?}");
        };
        check(Some(b"application/vnd.amazon.eventstream"), true);
        check(Some(b"Application/Vnd.Amazon.EventStream; charset=x"), true);
        check(Some(b"text/event-stream"), false);
        check(None, false);
    }

    proptest! {
        #[test]
        fn what_was_changed_on_the_way_is_never_believed(at in 0usize..150, change in 1u8.., text in "[a-z]{0,30}") {
            let mut bytes = event_of("contentBlockDelta", &json!({"text": text}).to_string());
            let at = at % bytes.len();
            bytes[at] ^= change;
            let found = frames(&[&bytes]);
            prop_assert!(found.iter().all(|frame| frame.starts_with("event: error")), "{found:?}");
        }

        #[test]
        fn any_cut_gives_the_same_frames(
            events in prop::collection::vec(("[a-zA-Z]{1,12}", "[a-zü ]{0,30}"), 0..6),
            cuts in prop::collection::vec(0usize..900, 0..12),
        ) {
            let stream: Vec<u8> = events
                .iter()
                .flat_map(|(name, text)| event_of(name, &json!({"text": text}).to_string()))
                .collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            let whole = frames(&[&stream]);
            prop_assert_eq!(whole.len(), events.len());
            prop_assert_eq!(frames(&pieces), whole);
        }
    }
}
