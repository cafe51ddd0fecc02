//! Streamed answers, written. One block is open at a time, whatever comes in whatever order: what cannot be said now
//! waits in a queue until the call that is open has all of its arguments, or the answer ends.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::words;
use crate::dialect::anthropic_messages::UNSIGNED;
use crate::dialect::translate::neutral::{Delta, Stop};
use crate::dialect::translate::{Context, Write};
use crate::dialect::{ping, sse};
use crate::domain::{Dialect, Usage};

/// Writes a stream.
pub(in crate::dialect::translate) struct Writer {
    context: Context,
    is_started: bool,
    has_ended: bool,
    /// How many blocks were begun; the last of them has the index one below.
    blocks: u64,
    open: Open,
    /// The calls, by their numbers.
    calls: BTreeMap<usize, Call>,
    waiting: VecDeque<Waiting>,
    usage: Option<Usage>,
    tier: Option<String>,
    stop: Stop,
}

/// What kind of block is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    Thinking,
    Call(usize),
}

/// What waits for its turn.
enum Waiting {
    Text(String),
    Thinking(String),
    Call(usize),
}

struct Call {
    id: String,
    name: String,
    /// The arguments that have come and are not written yet.
    pending: String,
    extent: Extent,
    has_begun: bool,
    is_closed: bool,
}

impl Write for Writer {
    fn write(&mut self, delta: Delta, out: &mut Vec<u8>) {
        if self.has_ended {
            return;
        }
        match delta {
            Delta::Start { id, model } => self.start(id, model, out),
            Delta::Text(text) | Delta::Refusal(text) => self.say(Waiting::Text(text), out),
            Delta::Reasoning(text) => self.say(Waiting::Thinking(text), out),
            Delta::CallStart { call, id, name } => self.call(call, &id, name, out),
            Delta::Arguments { call, piece } => self.arguments(call, &piece, out),
            Delta::Usage(usage) => self.usage = Some(usage),
            Delta::ServiceTier(tier) => self.tier = Some(tier),
            Delta::Stop(stop) => self.stop = stop,
            Delta::Error { kind, message } => {
                let error = json!({"type": words::error_type(kind.as_deref()), "message": message});
                event("error", &json!({"type": "error", "error": error}), out);
                self.has_ended = true;
            }
            Delta::Ping => out.extend_from_slice(&ping(Dialect::AnthropicMessages)),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        self.start(None, None, out);
        self.close(out);
        self.flush(true, out);
        self.close(out);
        let (reason, sequence) = words::stop_words(&self.stop, !self.calls.is_empty());
        let delta = json!({"stop_reason": reason, "stop_sequence": sequence});
        let usage = self.told();
        event("message_delta", &json!({"type": "message_delta", "delta": delta, "usage": usage}), out);
        event("message_stop", &json!({"type": "message_stop"}), out);
    }
}

fn event(name: &str, data: &Value, out: &mut Vec<u8>) {
    sse::write(Some(name), &data.to_string(), out);
}

impl Writer {
    /// For this request.
    pub(in crate::dialect::translate) fn new(context: Context) -> Self {
        Self {
            context,
            is_started: false,
            has_ended: false,
            blocks: 0,
            open: Open::Nothing,
            calls: BTreeMap::new(),
            waiting: VecDeque::new(),
            usage: None,
            tier: None,
            stop: Stop::End,
        }
    }

    fn told(&self) -> Value {
        words::usage(self.usage.as_ref(), self.context.input_tokens, self.tier.as_deref())
    }

    fn start(&mut self, id: Option<String>, model: Option<String>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_started, true) {
            return;
        }
        let message = json!({
            "id": id.unwrap_or_else(|| format!("msg_{}", self.context.id)),
            "type": "message",
            "role": "assistant",
            "model": model.unwrap_or_else(|| self.context.model.clone()),
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": self.told(),
        });
        event("message_start", &json!({"type": "message_start", "message": message}), out);
    }

    /// Text or thinking: at once, unless a call is still open.
    fn say(&mut self, said: Waiting, out: &mut Vec<u8>) {
        let (Waiting::Text(more) | Waiting::Thinking(more)) = &said else { return };
        if more.is_empty() {
            return;
        }
        if self.must_wait() {
            match (self.waiting.back_mut(), &said) {
                (Some(Waiting::Text(text)), Waiting::Text(_)) => text.push_str(more),
                (Some(Waiting::Thinking(text)), Waiting::Thinking(_)) => text.push_str(more),
                _ => self.waiting.push_back(said),
            }
            return;
        }
        self.start(None, None, out);
        let (kind, name, field, block) = match said {
            Waiting::Text(_) => (Open::Text, "text_delta", "text", json!({"type": "text", "text": ""})),
            _ => {
                let block = json!({"type": "thinking", "thinking": "", "signature": ""});
                (Open::Thinking, "thinking_delta", "thinking", block)
            }
        };
        self.open(kind, block, out);
        self.delta(&json!({"type": name, field: more}), out);
    }

    fn call(&mut self, call: usize, id: &str, name: String, out: &mut Vec<u8>) {
        if self.calls.contains_key(&call) {
            return;
        }
        let id = words::answered_call_id(id, call, &self.context);
        let begun =
            Call { id, name, pending: String::new(), extent: Extent::default(), has_begun: false, is_closed: false };
        self.calls.insert(call, begun);
        let must_wait = self.must_wait();
        self.waiting.push_back(Waiting::Call(call));
        if !must_wait {
            self.flush(false, out);
        }
    }

    fn arguments(&mut self, number: usize, piece: &str, out: &mut Vec<u8>) {
        let Some(call) = self.calls.get_mut(&number).filter(|call| !call.is_closed) else {
            // Nothing comes after the end of the arguments but white space.
            return;
        };
        // Nor before their beginning, where it would hide from clients that there are none.
        let piece = if call.has_begun { piece } else { piece.trim_start() };
        call.has_begun |= !piece.is_empty();
        call.extent.push(piece);
        call.pending.push_str(piece);
        if self.open == Open::Call(number) {
            self.write_pending(number, out);
            self.flush(false, out);
        }
    }

    /// Whether the block that is open has to stay so, because more of it may come.
    fn must_wait(&self) -> bool {
        let Open::Call(number) = self.open else { return false };
        let call = self.calls.get(&number);
        !call.is_some_and(|call| call.extent.is_complete())
    }

    /// Writes what waits, up to the first call whose arguments are not complete; at the end, all of it.
    fn flush(&mut self, is_end: bool, out: &mut Vec<u8>) {
        while is_end || !self.must_wait() {
            match self.waiting.pop_front() {
                None => return,
                Some(Waiting::Call(number)) => {
                    let Some(call) = self.calls.get(&number) else { continue };
                    let block = json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}});
                    self.start(None, None, out);
                    self.open(Open::Call(number), block, out);
                    self.write_pending(number, out);
                    if is_end {
                        self.close(out);
                    }
                }
                Some(said) => self.say(said, out),
            }
        }
    }

    fn write_pending(&mut self, number: usize, out: &mut Vec<u8>) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        let pending = std::mem::take(&mut call.pending);
        if !pending.is_empty() {
            self.delta(&json!({"type": "input_json_delta", "partial_json": pending}), out);
        }
    }

    /// Opens a block of this kind, unless it is the one that is open.
    fn open(&mut self, kind: Open, block: Value, out: &mut Vec<u8>) {
        if self.open == kind {
            return;
        }
        self.close(out);
        let index = self.blocks;
        let start = json!({"type": "content_block_start", "index": index, "content_block": block});
        event("content_block_start", &start, out);
        self.blocks += 1;
        self.open = kind;
    }

    fn delta(&self, delta: &Value, out: &mut Vec<u8>) {
        let delta = json!({"type": "content_block_delta", "index": self.blocks.saturating_sub(1), "delta": delta});
        event("content_block_delta", &delta, out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => return,
            Open::Text => {}
            // A client keeps it and sends it back; by this it can be told from reasoning that a model signed.
            Open::Thinking => self.delta(&json!({"type": "signature_delta", "signature": UNSIGNED}), out),
            Open::Call(number) => {
                if let Some(call) = self.calls.get_mut(&number) {
                    call.is_closed = true;
                }
            }
        }
        let stop = json!({"type": "content_block_stop", "index": self.blocks.saturating_sub(1)});
        event("content_block_stop", &stop, out);
    }
}

/// How far a JSON object has come, in pieces.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Extent {
    depth: u32,
    in_string: bool,
    after_backslash: bool,
    has_closed: bool,
}

impl Extent {
    fn push(&mut self, piece: &str) {
        for byte in piece.bytes() {
            match byte {
                _ if self.after_backslash => self.after_backslash = false,
                b'\\' if self.in_string => self.after_backslash = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.has_closed |= self.depth == 0;
                }
                _ => {}
            }
        }
    }

    /// Whether all of it has come.
    fn is_complete(self) -> bool {
        self.has_closed && self.depth == 0 && !self.in_string
    }
}
