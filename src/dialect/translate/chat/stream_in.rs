//! Streams, as an endpoint sends them.

use serde_json::Value;

use super::{stop_of, usage_in, words_of};
use crate::dialect::translate::Read;
use crate::dialect::translate::neutral::Delta;

/// Reads a stream.
#[derive(Debug, Default)]
pub(in crate::dialect::translate) struct Reader {
    has_begun: bool,
    has_refused: bool,
    /// The calls, in the order in which they began.
    calls: Vec<Call>,
}

/// A call as far as it has got.
#[derive(Debug)]
struct Call {
    /// The stream's own number of it, which need not be its alone.
    number: u64,
    id: String,
    arguments: String,
}

impl Call {
    /// Whether nothing can come after what has come.
    fn is_whole(&self) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(&self.arguments).is_ok()
    }
}

impl Read for Reader {
    fn read(&mut self, data: &[u8], deltas: &mut Vec<Delta>) {
        let Ok(chunk) = serde_json::from_slice::<Value>(data) else { return };
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            deltas.push(error_of(error));
            return;
        }
        let field = |name: &str| text_of(&chunk, name).map(str::to_owned);
        let choices = chunk.get("choices").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        // Azure's first chunk is about the prompt, and knows neither id nor model.
        if !self.has_begun && !choices.is_empty() {
            self.has_begun = true;
            deltas.push(Delta::Start { id: field("id"), model: field("model") });
        }
        if let Some(choice) = choices.iter().find(|choice| is_first(choice)) {
            self.read_choice(choice, deltas);
        }
        deltas.extend(field("service_tier").map(Delta::ServiceTier));
        deltas.extend(usage_in(data).map(Delta::Usage));
    }
}

/// A text that is there and not empty.
fn text_of<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Whether a choice belongs to the first answer; others are never asked for where there is a translation.
fn is_first(choice: &Value) -> bool {
    choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0
}

/// A provider's error in the middle of a stream.
fn error_of(error: &Value) -> Delta {
    let message = text_of(error, "message").or(error.as_str()).map_or_else(|| error.to_string(), str::to_owned);
    let kind = text_of(error, "type").or_else(|| text_of(error, "code"));
    Delta::Error { kind: kind.map(str::to_owned), message }
}

impl Reader {
    fn read_choice(&mut self, choice: &Value, deltas: &mut Vec<Delta>) {
        let delta = &choice["delta"];
        let (said, thought) = words_of(&delta["content"]);
        let thought =
            text_of(delta, "reasoning_content").or_else(|| text_of(delta, "reasoning")).map_or(thought, str::to_owned);
        deltas.extend((!thought.is_empty()).then_some(Delta::Reasoning(thought)));
        deltas.extend((!said.is_empty()).then_some(Delta::Text(said)));
        let refusal = text_of(delta, "refusal");
        self.has_refused |= refusal.is_some();
        deltas.extend(refusal.map(|refusal| Delta::Refusal(refusal.to_owned())));
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.read_call(call, deltas);
        }
        if let Some(word) = text_of(choice, "finish_reason") {
            deltas.push(Delta::Stop(stop_of(word, !self.calls.is_empty(), self.has_refused)));
        }
    }

    fn read_call(&mut self, piece: &Value, deltas: &mut Vec<Delta>) {
        let number = piece.get("index").and_then(Value::as_u64).unwrap_or(0);
        // A call of a freeform tool has its text where a function has arguments; nothing was asked for as one, yet a model
        // that knows a tool by its name may answer so. Who writes it on tells the text from JSON.
        let custom = piece.get("custom");
        let function = custom.unwrap_or(&piece["function"]);
        let (id, name) = (text_of(piece, "id").unwrap_or_default(), text_of(function, "name"));
        let call = match (self.calls.iter().rposition(|call| call.number == number), name) {
            (Some(known), None) => known,
            // Servers that number every call 0 tell them apart by another id, or begin the next when one is whole;
            // others say the name again with every piece.
            (Some(known), Some(_)) if self.goes_on(known, id) => known,
            (_, name) => {
                self.calls.push(Call { number, id: id.to_owned(), arguments: String::new() });
                let (call, name) = (self.calls.len() - 1, name.unwrap_or_default());
                deltas.push(Delta::CallStart { call, id: id.to_owned(), name: name.to_owned() });
                call
            }
        };
        if let Some(piece) = text_of(function, if custom.is_some() { "input" } else { "arguments" }) {
            self.calls[call].arguments.push_str(piece);
            deltas.push(Delta::Arguments { call, piece: piece.to_owned() });
        }
    }

    /// Whether a piece with this id belongs to a call that is known.
    fn goes_on(&self, call: usize, id: &str) -> bool {
        let call = &self.calls[call];
        if id.is_empty() || call.id.is_empty() { !call.is_whole() } else { call.id == id }
    }
}
