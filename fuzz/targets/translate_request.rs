//! Requests in another dialect: refused, or what the endpoint's dialect takes. The first byte is the pair of dialects, the
//! second what the endpoint's settings say.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde_json::Value;
use weighbridge::dialect::{Wanted, parse, translate};
use weighbridge::domain::FailureKind;
use weighbridge_fuzz::{DOORS, LIMITS, mutate::mutate, pair};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate(data, size, max_size, seed, 2) });

/// What some operators allow to be left out.
const OMIT: [&str; 8] =
    ["n", "logprobs", "tools.web_search", "tools.web_search_20250305", "seed", "stop", "context_management", "include"];

fuzz_target!(|data: &[u8]| {
    let [choice, settings, body @ ..] = data else { return };
    let (to, door) = pair(*choice);
    let Ok(prompt) = parse(door, Bytes::copy_from_slice(body), &LIMITS) else { return };
    // Some clients ask in the form of Responses where Chat Completions are asked for.
    if prompt.dialect == to {
        return;
    }
    let omit: Vec<String> = OMIT.iter().take(usize::from(settings >> 1)).map(|name| (*name).to_owned()).collect();
    let wanted = Wanted { model: "far-model", ask_usage: settings & 1 == 1, foreign: &[] };
    let request = match translate::request(&prompt, to, &wanted, &omit) {
        Ok(request) => request,
        Err(failure) => {
            let is_the_callers = matches!(failure.kind, FailureKind::Untranslatable | FailureKind::Malformed);
            assert!(is_the_callers && !failure.message.is_empty(), "{failure:?}");
            return;
        }
    };
    let written: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert!(written.is_object(), "{written}");
    let conversations = ["messages", "input", "contents"].map(|name| &written[name]);
    let is_said = |value: &Value| value.as_array().is_some_and(|turns| !turns.is_empty());
    assert!(conversations.into_iter().any(is_said), "nobody says anything: {written}");
    assert!(request.left_out.is_sorted(), "{:?}", request.left_out);

    // What callers speak too is read as a caller's would be, and goes back where it came from.
    let Some(back) = DOORS.into_iter().find(|door| door.dialect() == to) else { return };
    let read = parse(back, request.body.clone(), &LIMITS);
    let read = read.unwrap_or_else(|failure| panic!("{}: {written}", failure.message));
    assert_eq!((read.model.as_str(), read.stream), ("far-model", prompt.stream));
    if let Ok(again) = translate::request(&read, door.dialect(), &wanted, &omit) {
        assert!(parse(door, again.body, &LIMITS).is_ok(), "there and back: {written}");
    }
});
