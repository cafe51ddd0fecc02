//! The conversation, read.

use serde_json::Value;

use crate::dialect::translate::Carry;
use crate::dialect::translate::fields::Fields;
use crate::dialect::translate::neutral::{Message, Part, Role, Source, ToolCall, freeform_arguments};
use crate::domain::Failure;

/// Reads the conversation. What tools returned becomes part of a user's message, several in a row of the same one.
pub(super) fn read_messages(messages: Vec<Value>, carry: &mut Carry<'_>) -> Result<Vec<Message>, Failure> {
    let mut read: Vec<Message> = Vec::with_capacity(messages.len());
    for (place, value) in messages.into_iter().enumerate() {
        let mut fields = Fields::of(value, format!("messages[{place}]"), carry)?;
        let said_by = fields.needed_text("role", carry)?;
        let role = match said_by.as_str() {
            "system" | "developer" => Role::System,
            "assistant" => Role::Assistant,
            "user" | "tool" => Role::User,
            _ => {
                carry.refuse(&fields.name("role"), "a role that is not known there")?;
                continue;
            }
        };
        let is_result = said_by == "tool";
        let parts = if is_result { vec![read_result(&mut fields, carry)?] } else { read_parts(&mut fields, carry)? };
        fields.hints(&["name", "cache_control"], carry);
        fields.end(carry)?;
        let follows_result = read.last().is_some_and(|last| matches!(last.parts.last(), Some(Part::ToolResult { .. })));
        match read.last_mut() {
            Some(last) if is_result && follows_result => last.parts.extend(parts),
            _ if parts.is_empty() => {}
            _ => read.push(Message { role, parts }),
        }
    }
    Ok(read)
}

fn read_result(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Part, Failure> {
    let id = fields.needed_text("tool_call_id", carry)?;
    Ok(Part::ToolResult { id, parts: read_content(fields, carry)?, is_error: false })
}

fn read_parts(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    // Two names for the same; clients that keep both send it twice.
    let thought = [fields.take("reasoning_content"), fields.take("reasoning")];
    match thought.into_iter().flatten().next() {
        Some(Value::String(text)) if text.is_empty() => {}
        Some(Value::String(text)) => parts.push(Part::Reasoning(text)),
        Some(_) => carry.hint("messages.reasoning"),
        None => {}
    }
    // Signed by whoever thought it, so nobody else can read it.
    fields.hints(&["reasoning_details"], carry);
    parts.extend(read_content(fields, carry)?);
    parts.extend(fields.text("refusal", carry)?.map(Part::Refusal));
    let calls = fields.name("tool_calls");
    for (place, call) in fields.array("tool_calls", carry)?.unwrap_or_default().into_iter().enumerate() {
        parts.push(Part::ToolCall(read_call(Fields::of(call, format!("{calls}[{place}]"), carry)?, carry)?));
    }
    fields.refuse("function_call", "the form of tools before `tools`", carry)?;
    fields.refuse("audio", "an earlier answer in sound", carry)?;
    if fields.peek("annotations").is_some_and(|list| list.as_array().is_some_and(Vec::is_empty)) {
        fields.take("annotations");
    }
    fields.hints(&["annotations"], carry);
    Ok(parts)
}

fn read_call(mut call: Fields, carry: &mut Carry<'_>) -> Result<ToolCall, Failure> {
    let id = call.needed_text("id", carry)?;
    let kind = call.text("type", carry)?.unwrap_or_else(|| "function".to_owned());
    // Where it stood in a stream.
    call.take("index");
    call.hints(&["extra_content"], carry);
    let inside = call.object(if kind == "custom" { "custom" } else { "function" }, carry)?;
    let mut inside = inside.ok_or_else(|| carry.malformed(&call.name("function"), "an object"))?;
    let name = inside.needed_text("name", carry)?;
    let arguments = match kind.as_str() {
        "custom" => freeform_arguments(&inside.text("input", carry)?.unwrap_or_default()),
        _ => inside.text("arguments", carry)?.unwrap_or_default(),
    };
    inside.end(carry)?;
    call.end(carry)?;
    Ok(ToolCall { id, name, arguments })
}

/// A message's content: nothing, a text, or parts.
fn read_content(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Vec<Part>, Failure> {
    let place = fields.name("content");
    let values = match fields.take("content") {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => return Ok(Vec::new()),
        Some(Value::String(text)) => return Ok(vec![Part::Text(text)]),
        Some(Value::Array(values)) => values,
        Some(_) => return Err(carry.malformed(&place, "a string or an array of parts")),
    };
    let mut parts = Vec::with_capacity(values.len());
    for (number, value) in values.into_iter().enumerate() {
        parts.extend(read_part(Fields::of(value, format!("{place}[{number}]"), carry)?, carry)?);
    }
    Ok(parts)
}

fn read_part(mut part: Fields, carry: &mut Carry<'_>) -> Result<Option<Part>, Failure> {
    let kind = part.needed_text("type", carry)?;
    part.hints(&["cache_control"], carry);
    let read = match kind.as_str() {
        // Cursor sends the parts of Responses here.
        "text" | "input_text" | "output_text" => Part::Text(part.needed_text("text", carry)?),
        "refusal" => Part::Refusal(part.needed_text("refusal", carry)?),
        "image_url" | "input_image" => read_image(&mut part, carry)?,
        "input_audio" => {
            let sound = part.object("input_audio", carry)?;
            let mut sound = sound.ok_or_else(|| carry.malformed(&part.name("input_audio"), "an object"))?;
            let (format, data) = (sound.needed_text("format", carry)?, sound.needed_text("data", carry)?);
            sound.end(carry)?;
            Part::Audio { format, data }
        }
        "file" => {
            let file = part.object("file", carry)?;
            let mut file = file.ok_or_else(|| carry.malformed(&part.name("file"), "an object"))?;
            let is_held = file.peek("file_id").is_some();
            file.refuse("file_id", "a file at another provider", carry)?;
            let (name, data) = (file.text("filename", carry)?, file.text("file_data", carry)?);
            let missing = carry.malformed(&file.name("file_data"), "a data URL in base64");
            file.end(carry)?;
            match data {
                Some(data) => Part::File { source: Source::of_file_data(data), name },
                None if is_held => return part.end(carry).map(|()| None),
                None => return Err(missing),
            }
        }
        _ => {
            carry.refuse(&part.name(&kind), "a part that is not known there")?;
            return Ok(None);
        }
    };
    part.end(carry)?;
    Ok(Some(read))
}

fn read_image(part: &mut Fields, carry: &mut Carry<'_>) -> Result<Part, Failure> {
    let missing = carry.malformed(&part.name("image_url"), "a URL, or an object with one");
    let (url, detail) = match part.take("image_url") {
        Some(Value::String(url)) => (url, part.text("detail", carry)?),
        Some(object @ Value::Object(_)) => {
            let mut image = Fields::of(object, part.name("image_url"), carry)?;
            let read = (image.needed_text("url", carry)?, image.text("detail", carry)?);
            image.end(carry)?;
            read
        }
        _ => return Err(missing),
    };
    Ok(Part::Image { source: Source::of_url(url), detail })
}
