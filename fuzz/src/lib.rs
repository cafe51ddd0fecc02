//! What the fuzz targets share: how a first byte chooses dialects, a mutator that knows JSON, and what must be true of
//! every translated stream.

pub mod mutate;
pub mod streams;

use bytes::Bytes;
use serde_json::json;
use weighbridge::dialect::translate::{Context, of_request};
use weighbridge::dialect::{Limits, parse};
use weighbridge::domain::{Dialect, Door, Prompt};

/// As the proxy has it unless told otherwise.
pub const LIMITS: Limits = Limits { max_depth: 128 };

/// The doors through which conversations come, each in a dialect of its own.
pub const DOORS: [Door; 3] = [Door::Chat, Door::Responses, Door::Messages];

/// An endpoint's dialect and the door of a caller that speaks another one, all pairs in turn.
pub fn pair(choice: u8) -> (Dialect, Door) {
    let pairs = Dialect::ALL.iter().flat_map(|dialect| DOORS.map(|door| (*dialect, door)));
    let pairs: Vec<_> = pairs.filter(|(dialect, door)| *dialect != door.dialect()).collect();
    pairs[usize::from(choice) % pairs.len()]
}

/// What an answer needs to know of a plain request through this door.
pub fn context(door: Door, wants_usage: bool) -> Context {
    let body = match door {
        Door::Responses => json!({"model": "auto", "input": "x", "instructions": "Be brief.", "tools": [
            {"type": "function", "name": "look", "parameters": {"type": "object"}},
            {"type": "custom", "name": "patch"},
            {"type": "namespace", "name": "agents", "tools": [{"type": "function", "name": "spawn"}]},
            {"type": "tool_search", "execution": "client"},
        ]}),
        _ => json!({"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}),
    };
    let prompt: Prompt = parse(door, Bytes::from(body.to_string()), &LIMITS).expect("a request");
    let context = of_request(&prompt, door.dialect());
    Context { id: "x1".to_owned(), created: 1_700_000_000, input_tokens: 40, wants_usage, ..context }
}
