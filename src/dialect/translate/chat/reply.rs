//! Whole answers.

use serde_json::{Map, Value, json};

use super::messages::write_call;
use super::{finish_reason, stop_of, usage_in, usage_object};
use crate::dialect::translate::Context;
use crate::dialect::translate::neutral::{Part, Reply, Stop, ToolCall, freeform_arguments};

/// Reads a whole answer: its first choice, for no other dialect has several.
pub(in crate::dialect::translate) fn read_reply(body: &[u8]) -> Option<Reply> {
    let read: Value = serde_json::from_slice(body).ok()?;
    let choice = read.get("choices")?.get(0)?;
    let message = choice.get("message")?;
    let text = |name: &str| message.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut parts = Vec::new();
    parts.extend(text("reasoning_content").or(text("reasoning")).map(|text| Part::Reasoning(text.to_owned())));
    parts.extend(text("content").map(|text| Part::Text(text.to_owned())));
    parts.extend(text("refusal").map(|text| Part::Refusal(text.to_owned())));
    let calls = message.get("tool_calls").and_then(Value::as_array);
    parts.extend(calls.into_iter().flatten().enumerate().filter_map(|(place, call)| read_call(place, call)));
    let word = choice.get("finish_reason").and_then(Value::as_str).unwrap_or("stop");
    let has_calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let has_refused = parts.iter().any(|part| matches!(part, Part::Refusal(_)));
    let stop = match stop_of(word) {
        // Some servers say `stop` where the model waits for tools.
        Stop::End if has_calls => Stop::ToolUse,
        Stop::End if has_refused => Stop::Refusal,
        stop => stop,
    };
    let field = |name: &str| read.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Reply {
        id: field("id"),
        model: field("model"),
        parts,
        stop,
        usage: usage_in(body),
        service_tier: field("service_tier"),
    })
}

fn read_call(place: usize, call: &Value) -> Option<Part> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let custom = call.get("custom");
    let inside = custom.or_else(|| call.get("function"))?;
    let arguments = match custom {
        Some(custom) => freeform_arguments(&text(custom, "input").unwrap_or_default()),
        None => text(inside, "arguments").unwrap_or_default(),
    };
    let id = text(call, "id").filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{place}"));
    Some(Part::ToolCall(ToolCall { id, name: text(inside, "name")?, arguments }))
}

/// Writes a whole answer.
pub(in crate::dialect::translate) fn write_reply(reply: &Reply, context: &Context) -> Value {
    let mut message = Map::from_iter([("role".to_owned(), Value::from("assistant"))]);
    let joined = |pick: fn(&Part) -> Option<&str>| -> Option<String> {
        let texts: Vec<&str> = reply.parts.iter().filter_map(pick).collect();
        (!texts.is_empty()).then(|| texts.concat())
    };
    let content = joined(|part| if let Part::Text(text) = part { Some(text) } else { None });
    let refusal = joined(|part| if let Part::Refusal(text) = part { Some(text) } else { None });
    let thought = joined(|part| if let Part::Reasoning(text) = part { Some(text) } else { None });
    message.insert("content".to_owned(), content.into());
    message.insert("refusal".to_owned(), refusal.into());
    if let Some(thought) = thought {
        message.insert("reasoning_content".to_owned(), thought.into());
    }
    let calls: Vec<Value> = reply
        .parts
        .iter()
        .filter_map(|part| if let Part::ToolCall(call) = part { Some(write_call(call)) } else { None })
        .collect();
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), calls.into());
    }
    let mut body = json!({
        "id": reply.id.clone().unwrap_or_else(|| format!("chatcmpl-{}", context.id)),
        "object": "chat.completion",
        "created": context.created,
        "model": reply.model.as_ref().unwrap_or(&context.model),
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(&reply.stop)}],
    });
    if let Some(fields) = body.as_object_mut() {
        if let Some(usage) = &reply.usage {
            fields.insert("usage".to_owned(), usage_object(usage));
        }
        if let Some(tier) = &reply.service_tier {
            fields.insert("service_tier".to_owned(), tier.as_str().into());
        }
    }
    body
}
