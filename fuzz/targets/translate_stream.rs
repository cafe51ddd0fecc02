//! Streamed answers in another dialect: what the endpoint sends may be anything, the caller gets what its dialect
//! promises. The first byte is the pair of dialects, the second whether usage is asked for; each line after is the data
//! of an event.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use weighbridge::dialect::sse::MAX_EVENT_BYTES;
use weighbridge::dialect::translate::Stream;
use weighbridge_fuzz::{context, mutate::mutate, pair, streams};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate(data, size, max_size, seed, 2) });

fuzz_target!(|data: &[u8]| {
    let [choice, flags, events @ ..] = data else { return };
    // Escapes make it longer, and what ends a stream may say all of it again.
    if events.len() > MAX_EVENT_BYTES / 32 {
        return;
    }
    let (from, door) = pair(*choice);
    let mut stream = Stream::new(from, door.dialect(), context(door, flags & 1 == 1));
    let mut out = Vec::new();
    for event in events.split(|byte| *byte == b'\n') {
        out.extend_from_slice(&stream.event(event));
    }
    out.extend_from_slice(&stream.finish());
    assert!(stream.event(events).is_empty() && stream.finish().is_empty(), "something comes after the end");
    streams::check(door, &out);
});
