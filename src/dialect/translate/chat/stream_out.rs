//! Streams, as a caller gets them.

use serde_json::{Value, json};

use super::{finish_reason, usage_object};
use crate::dialect::sse;
use crate::dialect::translate::neutral::{Delta, Stop};
use crate::dialect::translate::{Context, Write};
use crate::domain::Usage;

/// Writes a stream.
#[derive(Debug)]
pub(in crate::dialect::translate) struct Writer {
    context: Context,
    id: Option<String>,
    model: Option<String>,
    service_tier: Option<String>,
    usage: Option<Usage>,
    stop: Option<Stop>,
    has_begun: bool,
    has_failed: bool,
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
            stop: None,
            has_begun: false,
            has_failed: false,
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
        if let Some(fields) = chunk.as_object_mut() {
            if let Some(tier) = &self.service_tier {
                fields.insert("service_tier".to_owned(), tier.as_str().into());
            }
            if let Some(usage) = usage {
                fields.insert("usage".to_owned(), usage_object(usage));
            }
        }
        sse::write(None, &chunk.to_string(), out);
    }

    fn delta(&mut self, mut delta: Value, out: &mut Vec<u8>) {
        // The first chunk says who speaks.
        if !std::mem::replace(&mut self.has_begun, true)
            && let Some(fields) = delta.as_object_mut()
        {
            fields.insert("role".to_owned(), "assistant".into());
            fields.entry("content").or_insert_with(|| "".into());
        }
        self.chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}]), None, out);
    }
}

impl Write for Writer {
    fn write(&mut self, delta: Delta, out: &mut Vec<u8>) {
        if self.has_failed {
            return;
        }
        match delta {
            Delta::Start { id, model } => (self.id, self.model) = (id.or(self.id.take()), model.or(self.model.take())),
            Delta::Text(text) => self.delta(json!({"content": text}), out),
            Delta::Reasoning(text) => self.delta(json!({"reasoning_content": text}), out),
            Delta::Refusal(text) => self.delta(json!({"refusal": text}), out),
            Delta::CallStart { call, id, name } => {
                let function = json!({"name": name, "arguments": ""});
                let call = json!({"index": call, "id": id, "type": "function", "function": function});
                self.delta(json!({"tool_calls": [call]}), out);
            }
            Delta::Arguments { call, piece } => {
                let call = json!({"index": call, "function": {"arguments": piece}});
                self.delta(json!({"tool_calls": [call]}), out);
            }
            Delta::Usage(usage) => self.usage = Some(usage),
            Delta::ServiceTier(tier) => self.service_tier = Some(tier),
            Delta::Stop(stop) => self.stop = Some(stop),
            Delta::Error { kind, message } => {
                self.has_failed = true;
                let error = json!({"error": {"message": message, "type": kind, "param": null, "code": null}});
                sse::write(None, &error.to_string(), out);
            }
            Delta::Ping => out.extend_from_slice(b": waiting\n\n"),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.has_failed {
            return;
        }
        if !self.has_begun {
            self.delta(json!({}), out);
        }
        let stop = self.stop.take().unwrap_or_default();
        let end = json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": finish_reason(&stop)}]);
        self.chunk(end, None, out);
        if let Some(usage) = self.usage.take().filter(|_| self.context.wants_usage) {
            self.chunk(json!([]), Some(&usage), out);
        }
        sse::write(None, "[DONE]", out);
    }
}
