//! Instructions, read: those before the conversation, and those within it.

use serde_json::Value;

use super::tools::{self, Change};
use crate::dialect::translate::Carry;
use crate::dialect::translate::fields::Fields;
use crate::dialect::translate::neutral::{Message, Part, Role};
use crate::domain::Failure;

/// How Claude Code begins the block of its system prompt by which Anthropic knows the client. It is no instruction, and
/// it differs from request to request, so that a prompt cache would never be of use behind it.
const ATTRIBUTION: &str = "x-anthropic-billing-header:";

/// What messages within the conversation change of the request around it.
#[derive(Default)]
pub(super) struct Changes {
    /// How much to think, from here on.
    pub(super) effort: Option<String>,
    /// Which tools there are.
    pub(super) tools: Vec<Change>,
}

/// The instructions before the conversation.
pub(super) fn prompt(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Option<Message>, Failure> {
    let Some(content) = fields.take("system") else { return Ok(None) };
    let mut changes = Changes::default();
    let parts = texts(content, "system", &mut changes, carry)?;
    Ok((!parts.is_empty()).then_some(Message { role: Role::System, parts }))
}

/// A message of the system's within the conversation. `is_answered`: whether a message of the user's stands after it.
pub(super) fn message(
    mut fields: Fields,
    is_answered: bool,
    changes: &mut Changes,
    carry: &mut Carry<'_>,
) -> Result<Option<Message>, Failure> {
    if let Some(mut config) = fields.object("output_config", carry)? {
        changes.effort = config.text("effort", carry)?.or(changes.effort.take());
        config.end(carry)?;
    }
    let is_cleared = match fields.text("clear_at", carry)?.as_deref() {
        None | Some("never") => false,
        Some("next_user_message") => is_answered,
        Some(_) => return Err(carry.malformed(&fields.name("clear_at"), "`never` or `next_user_message`")),
    };
    let name = fields.name("content");
    let parts = fields.take("content").map_or(Ok(Vec::new()), |content| texts(content, &name, changes, carry))?;
    fields.end(carry)?;
    Ok((!parts.is_empty() && !is_cleared).then_some(Message { role: Role::System, parts }))
}

fn texts(content: Value, name: &str, changes: &mut Changes, carry: &mut Carry<'_>) -> Result<Vec<Part>, Failure> {
    let blocks = match content {
        Value::String(text) if text.is_empty() => return Ok(Vec::new()),
        Value::String(text) => return Ok(vec![Part::Text(text)]),
        Value::Array(blocks) => blocks,
        _ => return Err(carry.malformed(name, "a string or an array of blocks of text")),
    };
    let mut parts = Vec::with_capacity(blocks.len());
    for (place, block) in blocks.into_iter().enumerate() {
        let mut block = Fields::of(block, format!("{name}[{place}]"), carry)?;
        match &*block.needed_text("type", carry)? {
            "text" => {
                let text = block.needed_text("text", carry)?;
                if text.starts_with(ATTRIBUTION) {
                    carry.hint("system.x-anthropic-billing-header");
                } else if !text.is_empty() {
                    parts.push(Part::Text(text));
                }
                block.hints(&["citations"], carry);
            }
            "tool_addition" => changes.tools.extend(tools::addition(&mut block, carry)?),
            "tool_removal" => changes.tools.extend(tools::removal(&mut block, carry)?),
            kind => {
                carry.refuse(&block.name(kind), "a block that is no text")?;
                continue;
            }
        }
        block.hints(&["cache_control"], carry);
        block.end(carry)?;
    }
    Ok(parts)
}
