//! Streams, as a caller gets them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{answered_call_id, finish_reason, usage_object};
use crate::dialect::translate::neutral::{Delta, Stop, freeform_text};
use crate::dialect::translate::{Context, Write};
use crate::dialect::{ping, sse};
use crate::domain::{Dialect, Usage};

/// Writes a stream.
#[derive(Debug)]
pub(in crate::dialect::translate) struct Writer {
    context: Context,
    id: Option<String>,
    model: Option<String>,
    service_tier: Option<String>,
    usage: Option<Usage>,
    stop: Stop,
    /// The calls that have begun, by their numbers.
    calls: BTreeMap<usize, Call>,
    has_begun: bool,
    has_ended: bool,
}

/// A call as far as it has got.
#[derive(Debug)]
struct Call {
    /// Where it stands among the calls.
    index: usize,
    /// The arguments of a freeform tool, whose text is not known before they are whole.
    held: Option<String>,
}

impl Writer {
    /// For this request.
    pub(in crate::dialect::translate) fn new(context: Context) -> Self {
        Self {
            context,
            id: None,
            model: None,
            service_tier: None,
            usage: None,
            stop: Stop::End,
            calls: BTreeMap::new(),
            has_begun: false,
            has_ended: false,
        }
    }

    /// A chunk with these choices, and `usage` where it is that of the end.
    fn chunk(&self, choices: Value, usage: Option<&Usage>, out: &mut Vec<u8>) {
        let mut chunk = json!({
            "id": self.id.clone().unwrap_or_else(|| format!("chatcmpl-{}", self.context.id)),
            "object": "chat.completion.chunk",
            "created": self.context.created,
            "model": self.model.as_ref().unwrap_or(&self.context.model),
            "choices": choices,
        });
        if let Some(tier) = &self.service_tier {
            chunk["service_tier"] = json!(tier);
        }
        if let Some(usage) = usage {
            chunk["usage"] = usage_object(usage);
        }
        sse::write(None, &chunk.to_string(), out);
    }

    fn delta(&mut self, mut delta: Value, out: &mut Vec<u8>) {
        // The first chunk says who speaks.
        if !std::mem::replace(&mut self.has_begun, true) {
            delta["role"] = json!("assistant");
            if delta.get("content").is_none() {
                delta["content"] = if delta.get("tool_calls").is_some() { Value::Null } else { json!("") };
            }
        }
        self.chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}]), None, out);
    }

    /// Goes on with what is said under this name; nothing is no piece.
    fn say(&mut self, name: &str, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.delta(json!({ name: text }), out);
        }
    }

    fn begin_call(&mut self, call: usize, id: &str, name: &str, out: &mut Vec<u8>) {
        if self.calls.contains_key(&call) {
            return;
        }
        let index = self.calls.len();
        let is_freeform = self.context.freeform.iter().any(|freeform| freeform == name);
        self.calls.insert(call, Call { index, held: is_freeform.then(String::new) });
        let id = answered_call_id(id, index, &self.context);
        let begun = if is_freeform {
            json!({"index": index, "id": id, "type": "custom", "custom": {"name": name, "input": ""}})
        } else {
            json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}})
        };
        self.delta(json!({"tool_calls": [begun]}), out);
    }

    fn arguments(&mut self, call: usize, piece: &str, out: &mut Vec<u8>) {
        match self.calls.get_mut(&call) {
            // A call that never began has nobody to go to.
            None => {}
            Some(Call { held: Some(held), .. }) => held.push_str(piece),
            Some(_) if piece.is_empty() => {}
            Some(Call { index, .. }) => {
                let piece = json!({"index": index, "function": {"arguments": piece}});
                self.delta(json!({"tool_calls": [piece]}), out);
            }
        }
    }

    /// The texts of freeform tools' calls.
    fn end_calls(&mut self, out: &mut Vec<u8>) {
        let mut held: Vec<(usize, String)> =
            self.calls.values_mut().filter_map(|call| Some((call.index, call.held.take()?))).collect();
        held.sort_unstable();
        for (index, arguments) in held.into_iter().filter(|(_, arguments)| !arguments.is_empty()) {
            let piece = json!({"index": index, "custom": {"input": freeform_text(&arguments)}});
            self.delta(json!({"tool_calls": [piece]}), out);
        }
    }
}

impl Write for Writer {
    fn write(&mut self, delta: Delta, out: &mut Vec<u8>) {
        if self.has_ended {
            return;
        }
        match delta {
            // Every chunk has the same id.
            Delta::Start { id, model } if !self.has_begun => {
                (self.id, self.model) = (id.or(self.id.take()), model.or(self.model.take()));
            }
            Delta::Start { .. } => {}
            Delta::Text(text) => self.say("content", &text, out),
            Delta::Reasoning(text) => self.say("reasoning_content", &text, out),
            Delta::Refusal(text) => self.say("refusal", &text, out),
            Delta::CallStart { call, id, name } => self.begin_call(call, &id, &name, out),
            Delta::Arguments { call, piece } => self.arguments(call, &piece, out),
            Delta::Usage(usage) => self.usage = Some(usage),
            Delta::ServiceTier(tier) => self.service_tier = Some(tier),
            Delta::Stop(stop) => self.stop = stop,
            Delta::Error { kind, message } => {
                self.has_ended = true;
                let kind = kind.as_deref().unwrap_or("server_error");
                let error = json!({"error": {"message": message, "type": kind, "param": null, "code": null}});
                sse::write(None, &error.to_string(), out);
            }
            Delta::Ping => out.extend_from_slice(&ping(Dialect::OpenaiChat)),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.has_ended {
            return;
        }
        self.end_calls(out);
        if !self.has_begun {
            self.delta(json!({}), out);
        }
        self.has_ended = true;
        let reason = finish_reason(&self.stop, !self.calls.is_empty());
        self.chunk(json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": reason}]), None, out);
        if let Some(usage) = self.usage.filter(|_| self.context.wants_usage) {
            self.chunk(json!([]), Some(&usage), out);
        }
        sse::write(None, "[DONE]", out);
    }
}
