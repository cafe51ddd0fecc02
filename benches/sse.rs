//! What a streamed answer costs on its way: cutting bytes into events, reading them, hiding the usage.
//!
//! `cargo bench --bench sse`

use bytes::Bytes;
use divan::counter::{BytesCount, ItemsCount};
use weighbridge::dialect::sse::{Splitter, data};
use weighbridge::dialect::{self, Event, Wire};
use weighbridge::domain::{Dialect, Door};

const WIRE: Wire = Wire { dialect: Dialect::OpenaiChat, door: Door::Chat };

fn main() {
    divan::main();
}

/// A stream of so many events, each with a word, as OpenAI words them; the last two have the usage and the end.
fn stream(events: usize) -> Vec<u8> {
    let mut stream = String::new();
    for number in 0..events {
        stream.push_str(&format!(
            "data: {{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\
             \"created\":1741569952,\"model\":\"gpt-5-mini\",\"service_tier\":\"default\",\"choices\":[{{\"index\":0,\
             \"delta\":{{\"content\":\" word{number}\"}},\"logprobs\":null,\"finish_reason\":null}}],\"usage\":null}}\n\n"
        ));
    }
    stream.push_str(
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n",
    );
    stream.into_bytes()
}

/// Cuts, with the bytes coming in pieces of this size.
#[divan::bench(args = [64, 1400, 65536])]
fn split(bencher: divan::Bencher<'_, '_>, piece: usize) {
    let stream = stream(1000);
    bencher.counter(BytesCount::of_slice(&stream)).bench(|| {
        let (mut splitter, mut events) = (Splitter::default(), 0);
        for piece in stream.chunks(piece) {
            splitter.push(piece);
            while let Some(frame) = splitter.next_frame() {
                events += usize::from(frame.whole);
            }
        }
        events
    });
}

/// Cuts and reads every event, as the meter does.
#[divan::bench]
fn split_and_read(bencher: divan::Bencher<'_, '_>) {
    let stream = stream(1000);
    bencher.counter(ItemsCount::new(1002usize)).bench(|| {
        let (mut splitter, mut written) = (Splitter::default(), 0);
        for piece in stream.chunks(1400) {
            splitter.push(piece);
            while let Some(frame) = splitter.next_frame() {
                let data = data(&frame.bytes).unwrap_or_default();
                if let Event::Piece(piece) = dialect::read_event(WIRE, &data) {
                    written += piece.text.len();
                }
            }
        }
        written
    });
}

/// Takes a `usage: null` out of an event.
#[divan::bench]
fn hide_usage(bencher: divan::Bencher<'_, '_>) {
    let one = stream(1);
    let end = memchr::memmem::find(&one, b"\n\n").map_or(one.len(), |end| end + 2);
    let frame = Bytes::copy_from_slice(&one[..end]);
    bencher.bench(|| dialect::without_usage(Dialect::OpenaiChat, &frame));
}
