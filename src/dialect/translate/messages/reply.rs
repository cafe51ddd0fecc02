//! Whole answers.

use serde_json::{Value, json};

use super::words;
use crate::dialect::anthropic_messages::UNSIGNED;
use crate::dialect::translate::Context;
use crate::dialect::translate::neutral::{Part, Reply, ToolCall};

/// Reads a whole answer.
pub(in crate::dialect::translate) fn read_reply(body: &[u8]) -> Option<Reply> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let content = answer.get("content")?.as_array()?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    let usage = answer.get("usage");
    Some(Reply {
        id: text("id"),
        model: text("model"),
        parts: content.iter().filter_map(part).collect(),
        stop: words::read_stop(&text("stop_reason").unwrap_or_default(), text("stop_sequence")),
        usage: usage.and_then(|usage| words::read_usage(usage, None)),
        service_tier: usage.and_then(words::read_tier),
    })
}

/// What a block says. Reasoning that is hidden says nothing, and tools of the provider's are asked for by nobody who
/// speaks another dialect.
fn part(block: &Value) -> Option<Part> {
    let text = |name: &str| block.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    match block.get("type")?.as_str()? {
        "text" => text("text").map(Part::Text),
        "thinking" => text("thinking").map(Part::Reasoning),
        "tool_use" => Some(Part::ToolCall(ToolCall {
            id: text("id").unwrap_or_default(),
            name: text("name").unwrap_or_default(),
            arguments: block.get("input").map_or_else(|| "{}".to_owned(), Value::to_string),
        })),
        _ => None,
    }
}

/// Writes a whole answer.
pub(in crate::dialect::translate) fn write_reply(reply: &Reply, context: &Context) -> Value {
    let mut calls = 0;
    let content: Vec<Value> = reply.parts.iter().filter_map(|part| block(part, &mut calls, context)).collect();
    let (reason, sequence) = words::stop_words(&reply.stop, calls > 0);
    json!({
        "id": reply.id.clone().unwrap_or_else(|| format!("msg_{}", context.id)),
        "type": "message",
        "role": "assistant",
        "model": reply.model.as_deref().unwrap_or(&context.model),
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": words::usage(reply.usage.as_ref(), context.input_tokens, reply.service_tier.as_deref()),
    })
}

fn block(part: &Part, calls: &mut usize, context: &Context) -> Option<Value> {
    match part {
        Part::Text(text) | Part::Refusal(text) if !text.is_empty() => Some(json!({"type": "text", "text": text})),
        Part::Reasoning(text) if !text.is_empty() => {
            Some(json!({"type": "thinking", "thinking": text, "signature": UNSIGNED}))
        }
        Part::ToolCall(call) => {
            let id = words::answered_call_id(&call.id, *calls, context);
            *calls += 1;
            let input = words::arguments(call);
            Some(json!({"type": "tool_use", "id": id, "name": call.name, "input": input}))
        }
        // No model answers with the rest.
        _ => None,
    }
}
