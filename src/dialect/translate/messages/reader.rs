//! Streamed answers, read.

use std::collections::BTreeMap;

use serde_json::Value;

use super::words;
use crate::dialect::translate::Read;
use crate::dialect::translate::neutral::Delta;
use crate::domain::Usage;

/// Reads a stream.
#[derive(Default)]
pub(in crate::dialect::translate) struct Reader {
    usage: Option<Usage>,
    /// The calls that are open, by the index of their block.
    open: BTreeMap<u64, Call>,
    /// How many calls there were.
    calls: usize,
}

struct Call {
    number: usize,
    /// The arguments that came with the start of the block. They count if none come after it.
    first: Option<Value>,
    has_pieces: bool,
}

impl Read for Reader {
    fn read(&mut self, data: &[u8], deltas: &mut Vec<Delta>) {
        let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
        let index = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        match event.get("type").and_then(Value::as_str).unwrap_or_default() {
            "message_start" => self.start(&event["message"], deltas),
            "content_block_start" => self.block(index, &event["content_block"], deltas),
            "content_block_delta" => self.delta(index, &event["delta"], deltas),
            "content_block_stop" => self.end(index, deltas),
            "message_delta" => {
                self.told(&event["usage"], deltas);
                let sequence = text(&event["delta"], "stop_sequence");
                let reason = text(&event["delta"], "stop_reason");
                deltas.extend(reason.map(|reason| Delta::Stop(words::read_stop(&reason, sequence))));
            }
            "ping" => deltas.push(Delta::Ping),
            "error" => deltas.push(Delta::Error {
                kind: text(&event["error"], "type"),
                message: text(&event["error"], "message").unwrap_or_default(),
            }),
            _ => {}
        }
    }
}

/// A text that is there and not empty.
fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

impl Reader {
    fn start(&mut self, message: &Value, deltas: &mut Vec<Delta>) {
        deltas.push(Delta::Start { id: text(message, "id"), model: text(message, "model") });
        let mut usage = message.get("usage").cloned().unwrap_or_default();
        if let Some(usage) = usage.as_object_mut() {
            // The first token or two, which would pass for the whole answer if it broke off.
            usage.remove("output_tokens");
        }
        self.told(&usage, deltas);
    }

    fn told(&mut self, usage: &Value, deltas: &mut Vec<Delta>) {
        deltas.extend(words::read_tier(usage).map(Delta::ServiceTier));
        if let Some(usage) = words::read_usage(usage, self.usage) {
            self.usage = Some(usage);
            deltas.push(Delta::Usage(usage));
        }
    }

    fn block(&mut self, index: u64, block: &Value, deltas: &mut Vec<Delta>) {
        match block.get("type").and_then(Value::as_str).unwrap_or_default() {
            "text" => deltas.extend(text(block, "text").map(Delta::Text)),
            "thinking" => deltas.extend(text(block, "thinking").map(Delta::Reasoning)),
            "tool_use" => {
                let number = self.calls;
                self.calls += 1;
                let first = block.get("input").filter(|input| input.as_object().is_some_and(|map| !map.is_empty()));
                self.open.insert(index, Call { number, first: first.cloned(), has_pieces: false });
                deltas.push(Delta::CallStart {
                    call: number,
                    id: text(block, "id").unwrap_or_default(),
                    name: text(block, "name").unwrap_or_default(),
                });
            }
            _ => {}
        }
    }

    fn delta(&mut self, index: u64, delta: &Value, deltas: &mut Vec<Delta>) {
        match delta.get("type").and_then(Value::as_str).unwrap_or_default() {
            "text_delta" => deltas.extend(text(delta, "text").map(Delta::Text)),
            "thinking_delta" => deltas.extend(text(delta, "thinking").map(Delta::Reasoning)),
            "input_json_delta" => {
                if let (Some(call), Some(piece)) = (self.open.get_mut(&index), text(delta, "partial_json")) {
                    call.has_pieces = true;
                    deltas.push(Delta::Arguments { call: call.number, piece });
                }
            }
            // Signatures, which only Anthropic's models can read.
            _ => {}
        }
    }

    /// A call without arguments has an empty object of them in every other dialect.
    fn end(&mut self, index: u64, deltas: &mut Vec<Delta>) {
        if let Some(call) = self.open.remove(&index).filter(|call| !call.has_pieces) {
            let piece = call.first.map_or_else(|| "{}".to_owned(), |input| input.to_string());
            deltas.push(Delta::Arguments { call: call.number, piece });
        }
    }
}
