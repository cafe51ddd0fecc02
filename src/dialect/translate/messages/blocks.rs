//! Parts of messages, written as blocks.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::words;
use crate::dialect::translate::Carry;
use crate::dialect::translate::neutral::{Part, Source, ToolCall};
use crate::domain::Failure;

/// The blocks of a message.
pub(super) fn of(parts: &[Part], carry: &mut Carry<'_>) -> Result<Vec<Value>, Failure> {
    let mut blocks = Vec::with_capacity(parts.len());
    for part in parts {
        blocks.extend(block(part, carry)?);
    }
    Ok(blocks)
}

/// A block of text; none for white space, of which none may be made.
pub(super) fn text(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}))
}

fn block(part: &Part, carry: &mut Carry<'_>) -> Result<Option<Value>, Failure> {
    Ok(match part {
        Part::Text(words) | Part::Refusal(words) => text(words),
        Part::Image { source, detail } => {
            if detail.as_ref().is_some_and(|detail| detail != "auto") {
                carry.hint("messages.content.image_url.detail");
            }
            Some(json!({"type": "image", "source": image_source(source)}))
        }
        Part::File { source, name } => document(source, name.as_deref(), carry)?,
        Part::Audio { .. } => carry.refuse("messages.content.input_audio", "sound").map(|()| None)?,
        Part::ToolCall(call) => Some(tool_use(call, carry)?),
        Part::ToolResult { id, parts, is_error } => {
            let inner = of(parts, carry)?;
            let mut result = json!({"type": "tool_result", "tool_use_id": words::call_id(id)});
            match &inner[..] {
                [] => {}
                [only] if only["type"] == "text" => result["content"] = only["text"].clone(),
                _ => result["content"] = Value::Array(inner),
            }
            if *is_error {
                result["is_error"] = json!(true);
            }
            Some(result)
        }
        // Thoughts are taken back only with the signature of the model that had them.
        Part::Reasoning(_) => {
            carry.hint("messages.reasoning");
            None
        }
    })
}

fn tool_use(call: &ToolCall, carry: &Carry<'_>) -> Result<Value, Failure> {
    let input = call
        .object()
        .ok_or_else(|| carry.malformed("messages.tool_calls.function.arguments", "a JSON object, as text"))?;
    Ok(json!({"type": "tool_use", "id": words::call_id(&call.id), "name": call.name, "input": input}))
}

fn image_source(source: &Source) -> Value {
    match source {
        Source::Base64 { media_type, data } => json!({"type": "base64", "media_type": media_type, "data": data}),
        Source::Url(url) => json!({"type": "url", "url": url}),
    }
}

fn document(source: &Source, name: Option<&str>, carry: &mut Carry<'_>) -> Result<Option<Value>, Failure> {
    let source = match source {
        Source::Base64 { media_type, data } if media_type.starts_with("text/") => {
            let decoded = BASE64_STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let text = decoded.ok_or_else(|| carry.malformed("messages.content.file", "text in UTF-8, as base64"))?;
            json!({"type": "text", "media_type": "text/plain", "data": text})
        }
        Source::Base64 { media_type, .. } if media_type != "application/pdf" => {
            return carry.refuse("messages.content.file", "a file that is neither PDF nor text").map(|()| None);
        }
        source => image_source(source),
    };
    let mut document = json!({"type": "document", "source": source});
    if let Some(name) = name {
        document["title"] = json!(name);
    }
    Ok(Some(document))
}
