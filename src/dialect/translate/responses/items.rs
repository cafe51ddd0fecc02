//! The items of a request's `input` into messages.

use serde_json::Value;

use super::tools::{SEARCH, definitions, flat_name, read_tools};
use crate::dialect::openai_responses::OWN_REASONING;
use crate::dialect::translate::Carry;
use crate::dialect::translate::fields::Fields;
use crate::dialect::translate::neutral::{Message, Part, Role, Source, Tool, ToolCall, freeform_arguments};
use crate::domain::Failure;

/// What an item says, and who says it; what stands in one message with the item before is told by `joins`.
struct Said {
    role: Role,
    parts: Vec<Part>,
    joins: bool,
}

/// Reads `input`: messages, and tools where they stand in an item.
pub(super) fn read_input(
    value: Value,
    messages: &mut Vec<Message>,
    tools: &mut Vec<Tool>,
    carry: &mut Carry<'_>,
) -> Result<(), Failure> {
    let items = match value {
        Value::String(text) => {
            messages.push(Message { role: Role::User, parts: vec![Part::Text(text)] });
            return Ok(());
        }
        Value::Array(items) => items,
        _ => return Err(carry.malformed("input", "a string or an array of items")),
    };
    // Whether the last message may take in what the next item says.
    let mut is_open = false;
    for (number, item) in items.into_iter().enumerate() {
        let fields = Fields::of(item, format!("input[{number}]"), carry)?;
        let Some(said) = read_item(fields, tools, carry)?.filter(|said| !said.parts.is_empty()) else { continue };
        match messages.last_mut() {
            Some(last) if is_open && said.joins && last.role == said.role => last.parts.extend(said.parts),
            _ => messages.push(Message { role: said.role, parts: said.parts }),
        }
        is_open = said.joins;
    }
    Ok(())
}

fn read_item(mut fields: Fields, tools: &mut Vec<Tool>, carry: &mut Carry<'_>) -> Result<Option<Said>, Failure> {
    let untyped = if fields.peek("role").is_some() { "message" } else { "item_reference" };
    let kind = fields.text("type", carry)?.unwrap_or_else(|| untyped.to_owned());
    if kind == "item_reference" {
        return Err(carry.impossible(&fields.name("id"), "an item that the provider holds"));
    }
    let is_own = fields.peek("id").and_then(Value::as_str).is_some_and(|id| id.starts_with(OWN_REASONING));
    // Names and states of an answer's items at the provider that gave it: they say nothing to another one.
    for field in ["id", "status", "created_by"] {
        fields.take(field);
    }
    fields.hints(&["phase", "caller", "async", "internal_chat_message_metadata_passthrough"], carry);
    let is_clients = fields.peek("execution").and_then(Value::as_str) == Some("client");
    let said = match kind.as_str() {
        "message" => read_message(&mut fields, carry)?,
        "function_call" | "custom_tool_call" => read_call(&kind, &mut fields, carry)?,
        "function_call_output" | "custom_tool_call_output" => read_output(&mut fields, carry)?,
        "tool_search_call" if is_clients => read_search(&mut fields, carry)?,
        "tool_search_output" if is_clients => read_found(&mut fields, tools, carry)?,
        "additional_tools" => {
            fields.take("role");
            let place = fields.name("tools");
            read_tools(fields.array("tools", carry)?.unwrap_or_default(), &place, tools, carry)?;
            return fields.end(carry).map(|()| None);
        }
        "reasoning" => return read_reasoning(fields, is_own, carry),
        "compaction" => {
            let name = fields.name("encrypted_content");
            return Err(carry.impossible(&name, "a conversation that only its provider can read"));
        }
        _ => return carry.refuse(&fields.name(&kind), "an item of what runs at the provider").map(|()| None),
    };
    fields.end(carry)?;
    Ok(Some(said))
}

fn read_message(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Said, Failure> {
    let role = match fields.needed_text("role", carry)?.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return Err(carry.malformed(&fields.name("role"), "user, assistant, system or developer")),
    };
    let place = fields.name("content");
    let parts = read_content(fields.take("content"), &place, carry)?;
    Ok(Said { role, parts, joins: role == Role::Assistant })
}

fn read_content(value: Option<Value>, place: &str, carry: &mut Carry<'_>) -> Result<Vec<Part>, Failure> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::Text(text)]),
        Some(Value::Array(values)) => {
            let mut parts = Vec::with_capacity(values.len());
            for (number, value) in values.into_iter().enumerate() {
                parts.extend(read_part(Fields::of(value, format!("{place}[{number}]"), carry)?, carry)?);
            }
            Ok(parts)
        }
        Some(_) => Err(carry.malformed(place, "a string or an array of parts")),
    }
}

fn read_part(mut fields: Fields, carry: &mut Carry<'_>) -> Result<Option<Part>, Failure> {
    let kind = fields.needed_text("type", carry)?;
    fields.hints(&["prompt_cache_breakpoint"], carry);
    let part = match kind.as_str() {
        "input_text" | "output_text" | "text" => {
            for field in ["annotations", "logprobs"] {
                if fields.peek(field).is_some_and(|list| list.as_array().is_none_or(|list| !list.is_empty())) {
                    fields.hints(&[field], carry);
                }
                fields.take(field);
            }
            Some(Part::Text(fields.needed_text("text", carry)?))
        }
        "refusal" => Some(Part::Refusal(fields.needed_text("refusal", carry)?)),
        "input_image" => read_image(&mut fields, carry)?,
        "input_file" => read_file(&mut fields, carry)?,
        "input_audio" => {
            let mut audio =
                Fields::of(fields.take("input_audio").unwrap_or_default(), fields.name("input_audio"), carry)?;
            let (format, data) = (audio.needed_text("format", carry)?, audio.needed_text("data", carry)?);
            audio.end(carry)?;
            Some(Part::Audio { format, data })
        }
        _ => return carry.refuse(&fields.name(&kind), "a part that this proxy does not know").map(|()| None),
    };
    fields.end(carry)?;
    Ok(part)
}

fn read_image(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Option<Part>, Failure> {
    fields.refuse("file_id", "a picture that the provider holds", carry)?;
    let mut detail = fields.text("detail", carry)?;
    if detail.as_deref() == Some("original") {
        // No other dialect looks closer than closely.
        carry.hint("input.content.detail");
        detail = Some("high".to_owned());
    }
    let url = fields.text("image_url", carry)?;
    Ok(url.map(|url| Part::Image { source: Source::of_url(url), detail }))
}

fn read_file(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Option<Part>, Failure> {
    fields.refuse("file_id", "a file that the provider holds", carry)?;
    fields.hints(&["detail"], carry);
    let name = fields.text("filename", carry)?;
    let (data, url) = (fields.text("file_data", carry)?, fields.text("file_url", carry)?);
    let source = match (data, url) {
        (Some(data), _) => Some(Source::of_file_data(data)),
        (None, url) => url.map(Source::Url),
    };
    Ok(source.map(|source| Part::File { source, name }))
}

fn read_call(kind: &str, fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Said, Failure> {
    let id = fields.needed_text("call_id", carry)?;
    let namespace = fields.text("namespace", carry)?;
    let name = flat_name(namespace.as_deref(), &fields.needed_text("name", carry)?);
    let arguments = if kind == "custom_tool_call" {
        freeform_arguments(&fields.needed_text("input", carry)?)
    } else {
        fields.needed_text("arguments", carry)?
    };
    Ok(Said { role: Role::Assistant, parts: vec![Part::ToolCall(ToolCall { id, name, arguments })], joins: true })
}

fn read_output(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Said, Failure> {
    let id = fields.needed_text("call_id", carry)?;
    // The call has them.
    fields.take("name");
    fields.take("namespace");
    let place = fields.name("output");
    let parts = read_content(fields.take("output"), &place, carry)?;
    Ok(Said { role: Role::User, parts: vec![Part::ToolResult { id, parts, is_error: false }], joins: true })
}

/// The client's search among tools, which is a function like any other elsewhere.
fn read_search(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Said, Failure> {
    fields.take("execution");
    let id = fields.needed_text("call_id", carry)?;
    let arguments = match fields.take("arguments") {
        Some(Value::String(text)) => text,
        other => other.unwrap_or_default().to_string(),
    };
    let call = ToolCall { id, name: SEARCH.to_owned(), arguments };
    Ok(Said { role: Role::Assistant, parts: vec![Part::ToolCall(call)], joins: true })
}

/// What such a search has found: from then on the tools can be called.
fn read_found(fields: &mut Fields, tools: &mut Vec<Tool>, carry: &mut Carry<'_>) -> Result<Said, Failure> {
    fields.take("execution");
    let id = fields.needed_text("call_id", carry)?;
    let place = fields.name("tools");
    let found = fields.array("tools", carry)?.unwrap_or_default();
    let names: Vec<String> = definitions(&found).into_iter().map(|tool| tool.flat).collect();
    read_tools(found, &place, tools, carry)?;
    let text = if names.is_empty() { "No tools found.".to_owned() } else { format!("Found: {}", names.join(", ")) };
    let result = Part::ToolResult { id, parts: vec![Part::Text(text)], is_error: false };
    Ok(Said { role: Role::User, parts: vec![result], joins: true })
}

/// Reasoning in plain text is carried: that of items which a translation wrote (`is_own`) stands in their summary. The
/// summary of another's is not what the model thought, and what is encrypted only the model that wrote it can read.
fn read_reasoning(mut fields: Fields, is_own: bool, carry: &mut Carry<'_>) -> Result<Option<Said>, Failure> {
    let encrypted = fields.take("encrypted_content");
    let (summary, content) = (fields.array("summary", carry)?, fields.array("content", carry)?);
    let (summary, content) = (summary.unwrap_or_default(), content.unwrap_or_default());
    if encrypted.is_some() || (!is_own && !summary.is_empty()) {
        carry.hint("input.reasoning");
    }
    fields.end(carry)?;
    let told = if is_own && content.is_empty() { summary } else { content };
    let texts = told.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
    let parts = texts.map(|text| Part::Reasoning(text.to_owned())).collect();
    Ok(Some(Said { role: Role::Assistant, parts, joins: true }))
}
