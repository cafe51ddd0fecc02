//! Whole answers.

use serde_json::{Map, Value, json};

use super::write_messages::write_call;
use super::{answered_call_id, finish_reason, stop_of, usage_in, usage_object, words_of};
use crate::dialect::translate::Context;
use crate::dialect::translate::neutral::{Part, Reply, ToolCall, freeform_arguments, freeform_text};

/// Reads a whole answer: its first choice, for no other dialect has several.
pub(in crate::dialect::translate) fn read_reply(body: &[u8]) -> Option<Reply> {
    let read: Value = serde_json::from_slice(body).ok()?;
    let choice = read.get("choices")?.get(0)?;
    let message = choice.get("message")?;
    let text = |name: &str| message.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut parts = Vec::new();
    let (said, thought) = words_of(&message["content"]);
    let thought = text("reasoning_content").or(text("reasoning")).map_or(thought, str::to_owned);
    parts.extend((!thought.is_empty()).then_some(Part::Reasoning(thought)));
    parts.extend((!said.is_empty()).then_some(Part::Text(said)));
    parts.extend(text("refusal").map(|text| Part::Refusal(text.to_owned())));
    let calls = message.get("tool_calls").and_then(Value::as_array);
    parts.extend(calls.into_iter().flatten().filter_map(read_call));
    let word = choice.get("finish_reason").and_then(Value::as_str).unwrap_or("stop");
    let has_calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let has_refused = parts.iter().any(|part| matches!(part, Part::Refusal(_)));
    let field = |name: &str| read.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Reply {
        id: field("id"),
        model: field("model"),
        parts,
        stop: stop_of(word, has_calls, has_refused),
        usage: usage_in(body),
        service_tier: field("service_tier"),
    })
}

fn read_call(call: &Value) -> Option<Part> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let custom = call.get("custom");
    let inside = custom.or_else(|| call.get("function"))?;
    let arguments = match custom {
        Some(custom) => freeform_arguments(&text(custom, "input").unwrap_or_default()),
        None => text(inside, "arguments").unwrap_or_default(),
    };
    let id = text(call, "id").unwrap_or_default();
    Some(Part::ToolCall(ToolCall { id, name: text(inside, "name")?, arguments }))
}

/// A call in an answer: one of a freeform tool has a text in the place of arguments.
fn answered_call(call: &ToolCall, place: usize, context: &Context) -> Value {
    let id = answered_call_id(&call.id, place, context);
    if context.freeform.contains(&call.name) {
        let custom = json!({"name": call.name, "input": freeform_text(&call.arguments)});
        return json!({"id": id, "type": "custom", "custom": custom});
    }
    write_call(call, &id)
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
    let calls = reply.parts.iter().filter_map(|part| if let Part::ToolCall(call) = part { Some(call) } else { None });
    let calls: Vec<Value> = calls.enumerate().map(|(place, call)| answered_call(call, place, context)).collect();
    let finish_reason = finish_reason(&reply.stop, !calls.is_empty());
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), calls.into());
    }
    let mut body = json!({
        "id": reply.id.clone().unwrap_or_else(|| format!("chatcmpl-{}", context.id)),
        "object": "chat.completion",
        "created": context.created,
        "model": reply.model.as_ref().unwrap_or(&context.model),
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason}],
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
