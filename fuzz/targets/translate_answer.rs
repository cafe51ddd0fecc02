//! Whole answers and errors in another dialect: what is taken for an answer of the endpoint's is one of the caller's. The
//! first byte is the pair of dialects, the second a status.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde_json::Value;
use weighbridge::dialect::{Wire, read_answer, translate};
use weighbridge_fuzz::{context, mutate::mutate, pair};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate(data, size, max_size, seed, 2) });

fuzz_target!(|data: &[u8]| {
    let [choice, status, body @ ..] = data else { return };
    let (from, door) = pair(*choice);
    let to = door.dialect();

    let status = 400 + u16::from(*status);
    let error: Value = serde_json::from_slice(&translate::error(to, status, body)).expect("JSON");
    assert!(error["error"]["message"].is_string(), "{error}");

    // As the proxy does: what is no answer in the endpoint's own dialect is not translated.
    let said = read_answer(Wire { dialect: from, door }, body);
    let written = translate::answer(from, to, body, &context(door, true));
    let Some(written) = written.filter(|_| said.is_answer) else { return };
    let read = read_answer(Wire { dialect: to, door }, &written);
    assert!(read.is_answer && read.error.is_none(), "{}", String::from_utf8_lossy(&written));
});
