//! Streams, as an endpoint sends them.

use serde_json::Value;

use super::{stop_of, usage_in};
use crate::dialect::translate::Read;
use crate::dialect::translate::neutral::{Delta, Stop};

/// Reads a stream.
#[derive(Debug, Default)]
pub(in crate::dialect::translate) struct Reader {
    has_begun: bool,
    has_refused: bool,
    /// The stream's own number of each call, in the order in which they began.
    calls: Vec<u64>,
}

impl Read for Reader {
    fn read(&mut self, data: &[u8], deltas: &mut Vec<Delta>) {
        let Ok(chunk) = serde_json::from_slice::<Value>(data) else { return };
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            deltas.push(error_of(error));
            return;
        }
        let text = |name: &str| chunk.get(name).and_then(Value::as_str).map(str::to_owned);
        if !self.has_begun {
            self.has_begun = true;
            deltas.push(Delta::Start { id: text("id").filter(|id| !id.is_empty()), model: text("model") });
        }
        let choices = chunk.get("choices").and_then(Value::as_array);
        if let Some(choice) = choices.and_then(|choices| choices.iter().find(|choice| is_first(choice))) {
            self.read_choice(choice, deltas);
        }
        deltas.extend(text("service_tier").map(Delta::ServiceTier));
        deltas.extend(usage_in(data).map(Delta::Usage));
    }
}

fn text_of<'v>(value: Option<&'v Value>, name: &str) -> Option<&'v str> {
    value.and_then(|value| value.get(name)).and_then(Value::as_str)
}

/// Whether a choice belongs to the first answer; others are never asked for where there is a translation.
fn is_first(choice: &Value) -> bool {
    choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0
}

/// A provider's error in the middle of a stream.
fn error_of(error: &Value) -> Delta {
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    let message = text("message").or_else(|| error.as_str().map(str::to_owned)).unwrap_or_else(|| error.to_string());
    Delta::Error { kind: text("type"), message }
}

impl Reader {
    fn read_choice(&mut self, choice: &Value, deltas: &mut Vec<Delta>) {
        let delta = choice.get("delta");
        let text = |name: &str| {
            let text = delta.and_then(|delta| delta.get(name)).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        deltas.extend(text("reasoning_content").or_else(|| text("reasoning")).map(Delta::Reasoning));
        deltas.extend(text("content").map(Delta::Text));
        let refusal = text("refusal");
        self.has_refused |= refusal.is_some();
        deltas.extend(refusal.map(Delta::Refusal));
        let calls = delta.and_then(|delta| delta.get("tool_calls")).and_then(Value::as_array);
        for call in calls.into_iter().flatten() {
            self.read_call(call, deltas);
        }
        if let Some(word) = choice.get("finish_reason").and_then(Value::as_str) {
            let stop = match stop_of(word) {
                Stop::End if !self.calls.is_empty() => Stop::ToolUse,
                Stop::End if self.has_refused => Stop::Refusal,
                stop => stop,
            };
            deltas.push(Delta::Stop(stop));
        }
    }

    fn read_call(&mut self, call: &Value, deltas: &mut Vec<Delta>) {
        let number = call.get("index").and_then(Value::as_u64).unwrap_or(0);
        let inside = call.get("function").or_else(|| call.get("custom"));
        let (id, name) = (text_of(Some(call), "id"), text_of(inside, "name").filter(|name| !name.is_empty()));
        let known = self.calls.iter().rposition(|known| *known == number);
        let place = match (known, name) {
            // Servers that number every call 0 tell them apart by a new name with a new id.
            (Some(place), None) => place,
            (Some(place), Some(_)) if id.is_none_or(str::is_empty) => place,
            (_, name) => {
                self.calls.push(number);
                let place = self.calls.len() - 1;
                let id = id.filter(|id| !id.is_empty()).map_or_else(|| format!("call_{place}"), str::to_owned);
                deltas.push(Delta::CallStart { call: place, id, name: name.unwrap_or_default().to_owned() });
                place
            }
        };
        let piece = text_of(inside, "arguments").or_else(|| text_of(inside, "input")).filter(|piece| !piece.is_empty());
        deltas.extend(piece.map(|piece| Delta::Arguments { call: place, piece: piece.to_owned() }));
    }
}
