//! The conversation.

use serde_json::{Map, Value, json};

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
    for name in ["reasoning_content", "reasoning"] {
        if let Some(Value::String(text)) = fields.take(name) {
            parts.push(Part::Reasoning(text));
        }
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
    fields.hints(&["annotations"], carry);
    Ok(parts)
}

fn read_call(mut call: Fields, carry: &mut Carry<'_>) -> Result<ToolCall, Failure> {
    let id = call.needed_text("id", carry)?;
    let kind = call.text("type", carry)?.unwrap_or_else(|| "function".to_owned());
    call.hints(&["index", "extra_content"], carry);
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
            file.refuse("file_id", "a file at another provider", carry)?;
            let name = file.text("filename", carry)?;
            let Some(data) = file.text("file_data", carry)? else { return Ok(None) };
            file.end(carry)?;
            let source = source_of(&data).ok_or_else(|| carry.malformed(&part.name("file"), "a data URL in base64"))?;
            Part::File { source, name }
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
    let not_a_url = || carry.malformed(&part.name("image_url"), "a URL, or an object with one");
    let missing = not_a_url();
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
    let source = source_of(&url).unwrap_or(Source::Url(url));
    Ok(Part::Image { source, detail })
}

/// What a data URL holds; `None` for any other URL.
fn source_of(url: &str) -> Option<Source> {
    let (media_type, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
    let media_type = media_type.split(';').next().unwrap_or_default();
    Some(Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned() })
}

/// A source as a URL.
fn url_of(source: &Source) -> String {
    match source {
        Source::Url(url) => url.clone(),
        Source::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
    }
}

/// Writes the conversation. Each result of a tool becomes a message of its own, before what else the user said; pictures
/// in results follow in a user's message, for a tool's message here holds text alone.
pub(super) fn write_messages(messages: &[Message], carry: &mut Carry<'_>) -> Result<Vec<Value>, Failure> {
    let mut written = Vec::with_capacity(messages.len());
    for (place, message) in messages.iter().enumerate() {
        let name = format!("messages[{place}]");
        match message.role {
            Role::System => written.push(json!({"role": "system", "content": texts(&message.parts)})),
            Role::User => write_user(&message.parts, &name, &mut written, carry)?,
            Role::Assistant => written.push(write_assistant(&message.parts, carry)),
        }
    }
    Ok(written)
}

/// The texts, joined as paragraphs.
fn texts(parts: &[Part]) -> String {
    let texts: Vec<&str> =
        parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(&**text) } else { None }).collect();
    texts.join("\n\n")
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
        written.push(json!({"role": "tool", "tool_call_id": id, "content": text}));
        said.extend(result.iter().filter(|part| !matches!(part, Part::Text(_))));
    }
    match said.as_slice() {
        [] => {}
        [Part::Text(text)] => written.push(json!({"role": "user", "content": text})),
        said => {
            let parts = said.iter().map(|part| write_part(part, name, carry));
            let parts: Vec<Value> = parts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
            written.push(json!({"role": "user", "content": parts}));
        }
    }
    Ok(())
}

fn write_part(part: &Part, name: &str, carry: &mut Carry<'_>) -> Result<Option<Value>, Failure> {
    let value = match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Image { source, detail } => {
            let mut image = Map::from_iter([("url".to_owned(), Value::from(url_of(source)))]);
            if let Some(detail) = detail {
                image.insert("detail".to_owned(), detail.as_str().into());
            }
            json!({"type": "image_url", "image_url": image})
        }
        Part::File { source: source @ Source::Base64 { .. }, name } => {
            let name = name.as_deref().unwrap_or("document.pdf");
            json!({"type": "file", "file": {"filename": name, "file_data": url_of(source)}})
        }
        Part::Audio { format, data } => json!({"type": "input_audio", "input_audio": {"format": format, "data": data}}),
        Part::File { source: Source::Url(_), .. } => {
            carry.refuse(&format!("{name}.content"), "a file behind a URL")?;
            return Ok(None);
        }
        _ => {
            carry.refuse(&format!("{name}.content"), "a part that only a model says")?;
            return Ok(None);
        }
    };
    Ok(Some(value))
}

fn write_assistant(parts: &[Part], carry: &mut Carry<'_>) -> Value {
    let mut message = Map::from_iter([("role".to_owned(), Value::from("assistant"))]);
    let text = texts(parts);
    let mut calls = Vec::new();
    let mut refusal = String::new();
    for part in parts {
        match part {
            Part::ToolCall(call) => calls.push(write_call(call)),
            Part::Refusal(words) => refusal.push_str(words),
            // What a model thought is its own; servers that want it back want it from their own model only.
            Part::Reasoning(_) => carry.hint("messages.reasoning"),
            _ => {}
        }
    }
    let is_empty = text.is_empty() && (!calls.is_empty() || !refusal.is_empty());
    message.insert("content".to_owned(), if is_empty { Value::Null } else { text.into() });
    if !refusal.is_empty() {
        message.insert("refusal".to_owned(), refusal.into());
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), calls.into());
    }
    Value::Object(message)
}

/// A call of a tool, in a message. No arguments at all are an empty object to most servers.
pub(super) fn write_call(call: &ToolCall) -> Value {
    let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}
