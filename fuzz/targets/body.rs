//! Bodies of requests: decoded under limits, parsed at every door, and sent on with no byte changed that need not be. The
//! first byte is the coding, the second the door.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde_json::value::RawValue;
use weighbridge::dialect::{Wanted, parse, request_body};
use weighbridge::domain::{Dialect, Door, ImageSource, Piece, Prompt, Span, Text};
use weighbridge::read::{Bounds, Coding, decode};
use weighbridge_fuzz::{LIMITS, mutate::mutate};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate(data, size, max_size, seed, 2) });

const CODINGS: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

/// Small, so that bombs are found by small inputs.
static BOUNDS: LazyLock<Bounds> = LazyLock::new(|| Bounds { max_body_bytes: 256 << 10, ..Bounds::default() });

/// What [`dialect::request_body`](request_body) takes for reasoning of another dialect's and cuts out unasked.
const OWN_MARKS: [&str; 2] = ["rs_weighbridge_", "weighbridge-unsigned"];

fuzz_target!(|data: &[u8]| {
    let [coding, door, wire @ ..] = data else { return };
    let body = match CODINGS.get(usize::from(*coding).wrapping_sub(1)) {
        None => Bytes::copy_from_slice(wire),
        Some(coding) => match decode(wire, *coding, &BOUNDS) {
            Ok(body) => body,
            Err(failure) => return assert!(!failure.message.is_empty()),
        },
    };
    assert!(body.len() <= BOUNDS.max_body_bytes.max(wire.len()));
    let door = Door::ALL[usize::from(*door) % Door::ALL.len()];
    let Ok(prompt) = parse(door, body.clone(), &LIMITS) else { return };
    // Some clients ask in the form of Responses where Chat Completions are asked for.
    let is_of_door =
        prompt.dialect == door.dialect() || (door, prompt.dialect) == (Door::Chat, Dialect::OpenaiResponses);
    assert!(is_of_door && prompt.door == door && prompt.body == body, "{prompt:?}");
    check_spans(&prompt);
    check_sent(&prompt);
});

/// What the prompt points at is there, and is what it is said to be.
fn check_spans(prompt: &Prompt) {
    let text = str::from_utf8(&prompt.body).expect("a prompt is text");
    let at = |span: Span| text.get(span.start as usize..span.end as usize).expect("a span in the body");
    let json = |span: Span| assert!(serde_json::from_str::<&RawValue>(at(span)).is_ok(), "no JSON: {}", at(span));
    let string = |text: Text| {
        let read: String = serde_json::from_str(at(text.0)).expect("a JSON string");
        assert_eq!(prompt.text(text), read);
    };
    if matches!(at(prompt.model_span), "" | "null") {
        assert_eq!(prompt.model, "");
    } else {
        string(Text(prompt.model_span));
        assert_eq!(prompt.text(Text(prompt.model_span)), prompt.model);
    }
    for span in [prompt.stream_span, prompt.stream_options, prompt.tools, prompt.response_format].into_iter().flatten()
    {
        json(span);
    }
    for turn in &prompt.turns {
        for piece in &turn.pieces {
            match piece {
                Piece::Text(text) => string(*text),
                Piece::Image(image) => {
                    if let ImageSource::Inline(span) = image.source {
                        at(span);
                    }
                }
                Piece::Audio(span) => {
                    at(*span);
                }
                Piece::Other(span) | Piece::ToolCalls(span) => json(*span),
            }
        }
        prompt.turn_text(turn);
    }
}

/// What an endpoint is sent: the same bytes under the same name, and under another what a caller of that name would send.
fn check_sent(prompt: &Prompt) {
    let has_own_marks = OWN_MARKS.iter().any(|mark| memchr::memmem::find(&prompt.body, mark.as_bytes()).is_some());
    // Where no model is named, one is put in.
    if !prompt.model.is_empty() && !has_own_marks {
        let same = request_body(prompt, &Wanted { model: &prompt.model, ask_usage: false, foreign: &[] });
        assert_eq!(same, prompt.body);
    }
    let foreign: Vec<_> = prompt.signed.iter().map(|signed| signed.mark).collect();
    let sent = request_body(prompt, &Wanted { model: "far-\"model\"", ask_usage: true, foreign: &foreign });
    // Nothing may be left of a conversation that was only foreign reasoning, so it need not be one.
    let read: BTreeMap<String, &RawValue> =
        serde_json::from_slice(&sent).unwrap_or_else(|error| panic!("{error}: {sent:?}"));
    assert_eq!(read["model"].get(), "\"far-\\\"model\\\"\"");
    if foreign.is_empty() && !has_own_marks {
        let again = parse(prompt.door, sent, &LIMITS).expect("what was a request is one");
        assert_eq!(
            (again.model.as_str(), again.stream, again.turns.len()),
            ("far-\"model\"", prompt.stream, prompt.turns.len())
        );
        assert!(again.wants_usage || !again.stream, "usage was not asked for");
    }
}
