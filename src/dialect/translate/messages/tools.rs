//! Tools and how they are chosen, read.

use serde_json::Value;

use crate::dialect::translate::Carry;
use crate::dialect::translate::fields::Fields;
use crate::dialect::translate::neutral::{Request, Tool, ToolChoice};
use crate::domain::Failure;

/// Tools that the client runs, but that are defined by Anthropic, so that a request only names them.
const DEFINED_BY_ANTHROPIC: [&str; 4] = ["bash", "text_editor", "computer", "memory"];

/// A change of the tools within a conversation.
pub(super) enum Change {
    /// There is a new one.
    Defined(Tool),
    /// One that was defined is to be had.
    Added(String),
    /// One is no longer to be had.
    Removed(String),
}

/// Reads the tools as they are after these changes, and how they are chosen.
pub(super) fn read(
    fields: &mut Fields,
    changes: Vec<Change>,
    request: &mut Request,
    carry: &mut Carry<'_>,
) -> Result<(), Failure> {
    for (place, value) in fields.array("tools", carry)?.unwrap_or_default().into_iter().enumerate() {
        request.tools.extend(tool(value, format!("tools[{place}]"), carry)?);
    }
    let mut removed: Vec<String> = Vec::new();
    for change in changes {
        match change {
            Change::Defined(tool) => {
                request.tools.retain(|known| known.name != tool.name);
                removed.retain(|name| *name != tool.name);
                request.tools.push(tool);
            }
            Change::Added(tool) => removed.retain(|name| *name != tool),
            Change::Removed(tool) => removed.push(tool),
        }
    }
    request.tools.retain(|tool| !removed.contains(&tool.name));
    choice(fields, request, carry)
}

/// A tool that is to be had from here on.
pub(super) fn addition(block: &mut Fields, carry: &mut Carry<'_>) -> Result<Option<Change>, Failure> {
    let expected = carry.malformed(&block.name("tool"), "an object");
    let mut reference = block.object("tool", carry)?.ok_or(expected)?;
    let change = match &*reference.needed_text("type", carry)? {
        "tool_definition" => {
            let definition = reference.take("definition").unwrap_or_default();
            tool(definition, "tools".to_owned(), carry)?.map(Change::Defined)
        }
        "tool_reference" => Some(Change::Added(reference.needed_text("name", carry)?)),
        kind => return carry.refuse(&reference.name(kind), "tools that the provider calls").map(|()| None),
    };
    reference.end(carry)?;
    Ok(change)
}

/// A tool that is no longer to be had.
pub(super) fn removal(block: &mut Fields, carry: &mut Carry<'_>) -> Result<Option<Change>, Failure> {
    Ok(match addition(block, carry)? {
        Some(Change::Added(name)) => Some(Change::Removed(name)),
        Some(Change::Defined(tool)) => Some(Change::Removed(tool.name)),
        other => other,
    })
}

fn choice(fields: &mut Fields, request: &mut Request, carry: &mut Carry<'_>) -> Result<(), Failure> {
    let Some(mut choice) = fields.object("tool_choice", carry)? else { return Ok(()) };
    let kind = choice.needed_text("type", carry)?;
    request.tool_choice = Some(match &*kind {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "tool" => ToolChoice::Named(choice.needed_text("name", carry)?),
        "none" => ToolChoice::None,
        _ => return Err(carry.malformed(&choice.name("type"), "`auto`, `any`, `tool` or `none`")),
    });
    request.parallel_tools = choice.truth("disable_parallel_tool_use", carry)?.map(|disabled| !disabled);
    choice.end(carry)?;
    if request.tools.is_empty() {
        // All of them were left out, and nothing is there to choose from.
        (request.tool_choice, request.parallel_tools) = (None, None);
    }
    Ok(())
}

fn tool(value: Value, place: String, carry: &mut Carry<'_>) -> Result<Option<Tool>, Failure> {
    let mut fields = Fields::of(value, place, carry)?;
    if let Some(kind) = fields.text("type", carry)?.filter(|kind| kind != "custom") {
        let kind = without_date(&kind);
        let what = if DEFINED_BY_ANTHROPIC.contains(&kind) {
            "a tool that only the provider's own models know"
        } else {
            "a tool that runs at the provider"
        };
        return carry.refuse(&fields.name(kind), what).map(|()| None);
    }
    let tool = Tool {
        name: fields.needed_text("name", carry)?,
        description: fields.text("description", carry)?,
        parameters: fields
            .take("input_schema")
            .filter(Value::is_object)
            .ok_or_else(|| carry.malformed(&fields.name("input_schema"), "a JSON schema, which is an object"))?,
        strict: fields.truth("strict", carry)?,
    };
    let callers = fields.peek("allowed_callers").and_then(Value::as_array);
    if callers.is_some_and(|callers| !callers.iter().any(|caller| caller == "direct")) {
        fields.refuse("allowed_callers", "a tool for code that runs at the provider", carry)?;
    }
    let hints = ["cache_control", "eager_input_streaming", "defer_loading", "input_examples", "allowed_callers"];
    fields.hints(&hints, carry);
    fields.end(carry)?;
    Ok(Some(tool))
}

/// A tool's type without the day of its version: `web_search_20250305` is `web_search`.
fn without_date(kind: &str) -> &str {
    match kind.rsplit_once('_') {
        Some((name, date)) if date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => kind,
    }
}
