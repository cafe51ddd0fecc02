//! Messages and their blocks, read.

use serde_json::Value;

use crate::dialect::anthropic_messages::UNSIGNED;
use crate::dialect::translate::Carry;
use crate::dialect::translate::fields::Fields;
use crate::dialect::translate::neutral::{Part, Source, ToolCall};
use crate::domain::Failure;

/// What is said in a message of the user's or the model's.
pub(super) fn of_message(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Vec<Part>, Failure> {
    let name = fields.name("content");
    let content = fields.take("content").ok_or_else(|| carry.malformed(&name, "a string or an array of blocks"))?;
    content_parts(content, &name, carry)
}

/// What stands in a string or in an array of blocks.
fn content_parts(content: Value, name: &str, carry: &mut Carry<'_>) -> Result<Vec<Part>, Failure> {
    match content {
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(vec![Part::Text(text)]),
        Value::Array(blocks) => {
            let mut parts = Vec::with_capacity(blocks.len());
            for (place, block) in blocks.into_iter().enumerate() {
                let mut fields = Fields::of(block, format!("{name}[{place}]"), carry)?;
                let kind = fields.needed_text("type", carry)?;
                block_parts(&kind, fields, &mut parts, carry)?;
            }
            Ok(parts)
        }
        _ => Err(carry.malformed(name, "a string or an array of blocks")),
    }
}

fn block_parts(kind: &str, mut block: Fields, parts: &mut Vec<Part>, carry: &mut Carry<'_>) -> Result<(), Failure> {
    block.hints(&["cache_control"], carry);
    match kind {
        "text" => {
            let text = block.needed_text("text", carry)?;
            parts.extend((!text.is_empty()).then_some(Part::Text(text)));
            // Where an earlier answer said it had its words from.
            block.hints(&["citations"], carry);
        }
        "image" => {
            let source = source(&mut block, carry)?;
            parts.extend(source.map(|source| Part::Image { source, detail: None }));
        }
        "document" => document(&mut block, parts, carry)?,
        "search_result" => search_result(&mut block, parts, carry)?,
        "tool_use" => {
            let input = block.take("input").unwrap_or_else(|| Value::Object(serde_json::Map::new()));
            if !input.is_object() {
                return Err(carry.malformed(&block.name("input"), "an object"));
            }
            let (id, name) = (block.needed_text("id", carry)?, block.needed_text("name", carry)?);
            parts.push(Part::ToolCall(ToolCall { id, name, arguments: input.to_string() }));
            // Who called it: the model, or code that ran at the provider.
            block.hints(&["caller"], carry);
        }
        "tool_result" => {
            let name = block.name("content");
            let content = block.take("content");
            let inner = content.map_or(Ok(Vec::new()), |content| content_parts(content, &name, carry))?;
            let id = block.needed_text("tool_use_id", carry)?;
            let is_error = block.truth("is_error", carry)?.unwrap_or(false);
            parts.push(Part::ToolResult { id, parts: inner, is_error });
        }
        // A tool that was not in the request from the start. Here all of them are, so its name is all there is to say.
        "tool_reference" => parts.push(Part::Text(block.needed_text("tool_name", carry)?)),
        "thinking" | "redacted_thinking" => {
            parts.extend(reasoning(&mut block, carry)?);
            return Ok(());
        }
        // Blocks of tools that run at the provider, and what is newer than we are.
        _ => return carry.refuse(&block.name(kind), "a block that only the provider's own models know"),
    }
    block.end(carry)
}

/// Reasoning that a translation wrote came in plain text from another dialect, and goes back as that. What a model of
/// Anthropic's signed is for that model alone.
fn reasoning(block: &mut Fields, carry: &mut Carry<'_>) -> Result<Option<Part>, Failure> {
    let text = block.text("thinking", carry)?.filter(|text| !text.is_empty());
    let is_ours = block.text("signature", carry)?.is_some_and(|signature| signature == UNSIGNED);
    if !is_ours {
        carry.hint("messages.content.thinking");
    }
    Ok(text.filter(|_| is_ours).map(Part::Reasoning))
}

/// Where a picture or a document is; `None` if it may be left out.
fn source(block: &mut Fields, carry: &mut Carry<'_>) -> Result<Option<Source>, Failure> {
    let expected = carry.malformed(&block.name("source"), "an object");
    let mut source = block.object("source", carry)?.ok_or(expected)?;
    let read = match &*source.needed_text("type", carry)? {
        "base64" => Some(Source::Base64 {
            media_type: source.needed_text("media_type", carry)?,
            data: source.needed_text("data", carry)?,
        }),
        "url" => Some(Source::Url(source.needed_text("url", carry)?)),
        "file" => {
            source.refuse("file_id", "a file that the provider holds", carry)?;
            None
        }
        _ => return Err(carry.malformed(&source.name("type"), "`base64`, `url` or `file`")),
    };
    source.end(carry)?;
    Ok(read)
}

fn document(block: &mut Fields, parts: &mut Vec<Part>, carry: &mut Carry<'_>) -> Result<(), Failure> {
    citations(block, carry)?;
    let title = block.text("title", carry)?;
    let about = block.text("context", carry)?;
    let kind = block.peek("source").and_then(|source| source.get("type")).and_then(Value::as_str).unwrap_or_default();
    // What is text anyway goes as text, which every model reads.
    if matches!(kind, "text" | "content") {
        let place = block.name("source");
        let mut source = Fields::of(block.take("source").unwrap_or_default(), place, carry)?;
        source.take("type");
        source.take("media_type");
        let field = if source.peek("data").is_some() { "data" } else { "content" };
        let name = source.name(field);
        let inner = source.take(field).ok_or_else(|| carry.malformed(&name, "a string or an array of blocks"))?;
        parts.extend([title, about].into_iter().flatten().map(Part::Text));
        parts.extend(content_parts(inner, &name, carry)?);
        return source.end(carry);
    }
    parts.extend(about.map(Part::Text));
    let source = source(block, carry)?;
    parts.extend(source.map(|source| Part::File { source, name: title }));
    Ok(())
}

fn search_result(block: &mut Fields, parts: &mut Vec<Part>, carry: &mut Carry<'_>) -> Result<(), Failure> {
    citations(block, carry)?;
    for field in ["title", "source"] {
        parts.push(Part::Text(block.needed_text(field, carry)?));
    }
    let name = block.name("content");
    let content = block.take("content").ok_or_else(|| carry.malformed(&name, "an array of blocks"))?;
    parts.extend(content_parts(content, &name, carry)?);
    Ok(())
}

/// That the answer is to say where its words come from is a thing that no other dialect can ask for.
fn citations(block: &mut Fields, carry: &mut Carry<'_>) -> Result<(), Failure> {
    let name = block.name("citations");
    let Some(mut citations) = block.object("citations", carry)? else { return Ok(()) };
    match citations.truth("enabled", carry)? {
        Some(true) => carry.refuse(&name, "an answer that cites"),
        _ => Ok(()),
    }
}
