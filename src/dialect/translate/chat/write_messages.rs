//! The conversation, written.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::dialect::translate::neutral::{Message, Part, Role, Source, ToolCall};
use crate::dialect::translate::{Carry, call_id};
use crate::domain::Failure;

/// The longest id of a call that OpenAI takes.
const LONGEST_CALL_ID: usize = 40;

/// Makers whose models want to have back what they thought while they called tools, and refuse the request without it.
/// Others refuse it with it.
const WANT_REASONING: [&str; 6] = ["deepseek", "kimi", "glm", "minimax", "mimo", "longcat"];

/// Writes the conversation. Each result of a tool becomes a message of its own, before what else the user said; pictures
/// in results follow in a user's message, for a tool's message here holds text alone.
pub(super) fn write_messages(messages: &[Message], model: &str, carry: &mut Carry<'_>) -> Result<Vec<Value>, Failure> {
    let mut written = Vec::with_capacity(messages.len());
    let name = model.to_ascii_lowercase();
    let wants_reasoning = WANT_REASONING.iter().any(|maker| name.contains(maker));
    for (place, message) in messages.iter().enumerate() {
        let name = format!("messages[{place}]");
        match message.role {
            Role::System => written.push(write_system(&message.parts, &name, carry)?),
            Role::User => write_user(&message.parts, &name, &mut written, carry)?,
            Role::Assistant => {
                let keeps_reasoning = wants_reasoning && is_needed(messages, place);
                written.extend(write_assistant(&message.parts, &name, keeps_reasoning, carry)?);
            }
        }
    }
    Ok(written)
}

/// Whether what the model thought is needed to go on: it belongs to the turn that has not ended yet, or to an earlier one
/// in which tools were called.
fn is_needed(messages: &[Message], place: usize) -> bool {
    let is_humans = |message: &Message| {
        message.role == Role::User && !message.parts.iter().any(|part| matches!(part, Part::ToolResult { .. }))
    };
    let start = messages[..place].iter().rposition(is_humans).map_or(0, |human| human + 1);
    let end = messages[place..].iter().position(is_humans).map_or(messages.len(), |human| place + human);
    let mut said = messages[start..end].iter().flat_map(|message| &message.parts);
    end == messages.len() || said.any(|part| matches!(part, Part::ToolCall(_)))
}

/// The texts, joined as paragraphs.
fn texts(parts: &[Part]) -> String {
    let texts: Vec<&str> =
        parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(&**text) } else { None }).collect();
    texts.join("\n\n")
}

fn write_system(parts: &[Part], name: &str, carry: &mut Carry<'_>) -> Result<Value, Failure> {
    if parts.iter().any(|part| !matches!(part, Part::Text(_))) {
        carry.refuse(&format!("{name}.content"), "instructions that are not text")?;
    }
    Ok(json!({"role": "system", "content": texts(parts)}))
}

fn write_user(parts: &[Part], name: &str, written: &mut Vec<Value>, carry: &mut Carry<'_>) -> Result<(), Failure> {
    let mut said = Vec::new();
    for part in parts {
        let Part::ToolResult { id, parts: result, is_error } = part else {
            said.push(part);
            continue;
        };
        let text = texts(result);
        // There is no field for it, so it is said.
        let text = if *is_error { format!("Error: {text}") } else { text };
        written.push(json!({"role": "tool", "tool_call_id": fitting(id), "content": text}));
        said.extend(result.iter().filter(|part| !matches!(part, Part::Text(_))));
    }
    if let [Part::Text(text)] = said.as_slice() {
        written.push(json!({"role": "user", "content": text}));
        return Ok(());
    }
    let mut content = Vec::with_capacity(said.len());
    for part in said {
        content.extend(write_part(part, name, carry)?);
    }
    if !content.is_empty() {
        written.push(json!({"role": "user", "content": content}));
    }
    Ok(())
}

fn write_part(part: &Part, name: &str, carry: &mut Carry<'_>) -> Result<Option<Value>, Failure> {
    let value = match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Image { source, detail } => {
            let mut image = Map::from_iter([("url".to_owned(), Value::from(source.url()))]);
            if let Some(detail) = detail {
                image.insert("detail".to_owned(), detail.as_str().into());
            }
            json!({"type": "image_url", "image_url": image})
        }
        Part::File { source: Source::Url(_), .. } => {
            carry.refuse(&format!("{name}.content"), "a file behind a URL")?;
            return Ok(None);
        }
        Part::File { source, name } => {
            let name = name.clone().unwrap_or_else(|| source.file_name());
            json!({"type": "file", "file": {"filename": name, "file_data": source.url()}})
        }
        Part::Audio { format, data } => json!({"type": "input_audio", "input_audio": {"format": format, "data": data}}),
        Part::ToolCall(_) | Part::ToolResult { .. } | Part::Reasoning(_) | Part::Refusal(_) => {
            carry.refuse(&format!("{name}.content"), "a part that only a model says")?;
            return Ok(None);
        }
    };
    Ok(Some(value))
}

/// A message of the model's; none if nothing of it is left.
fn write_assistant(
    parts: &[Part],
    name: &str,
    keeps_reasoning: bool,
    carry: &mut Carry<'_>,
) -> Result<Option<Value>, Failure> {
    let text = texts(parts);
    let (mut calls, mut refusal, mut thought) = (Vec::new(), String::new(), String::new());
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::ToolCall(call) => calls.push(write_call(call, &fitting(&call.id))),
            Part::Refusal(words) => refusal.push_str(words),
            Part::Reasoning(words) if keeps_reasoning => thought.push_str(words),
            Part::Reasoning(_) => carry.hint("messages.reasoning"),
            Part::Image { .. } | Part::File { .. } | Part::Audio { .. } | Part::ToolResult { .. } => {
                carry.refuse(&format!("{name}.content"), "what no model says")?;
            }
        }
    }
    if text.is_empty() && calls.is_empty() && refusal.is_empty() {
        return Ok(None);
    }
    let mut message = json!({"role": "assistant", "content": (!text.is_empty()).then_some(text)});
    if !thought.is_empty() {
        message["reasoning_content"] = thought.into();
    }
    if !refusal.is_empty() {
        message["refusal"] = refusal.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    Ok(Some(message))
}

/// An id that OpenAI takes.
fn fitting(id: &str) -> Cow<'_, str> {
    call_id::fitting(id, LONGEST_CALL_ID, |byte| byte.is_ascii_graphic())
}

/// A call of a tool, in a message. No arguments at all are an empty object to most servers.
pub(super) fn write_call(call: &ToolCall, id: &str) -> Value {
    let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    json!({"id": id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}
