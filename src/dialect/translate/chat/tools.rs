//! Tools and how they are chosen.

use serde_json::{Map, Value, json};

use crate::dialect::translate::fields::Fields;
use crate::dialect::translate::neutral::{Tool, ToolChoice, freeform_schema};
use crate::dialect::translate::{Carry, grammar};
use crate::domain::Failure;

/// Reads the tools: functions, and freeform tools as functions with one argument. Cursor sends them as Responses has
/// them, without an object around what they are.
pub(super) fn read_tools(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Vec<Tool>, Failure> {
    let mut tools = Vec::new();
    for (place, value) in fields.array("tools", carry)?.unwrap_or_default().into_iter().enumerate() {
        let mut tool = Fields::of(value, format!("tools[{place}]"), carry)?;
        let kind = tool.needed_text("type", carry)?;
        if !matches!(kind.as_str(), "function" | "custom") {
            carry.refuse(&tool.name(&kind), "a tool that runs at the provider")?;
            continue;
        }
        match tool.object(&kind, carry)? {
            Some(inside) => {
                tools.push(read_tool(&kind, inside, carry)?);
                tool.hints(&["cache_control"], carry);
                tool.end(carry)?;
            }
            None => tools.push(read_tool(&kind, tool, carry)?),
        }
    }
    Ok(tools)
}

fn read_tool(kind: &str, mut fields: Fields, carry: &mut Carry<'_>) -> Result<Tool, Failure> {
    let name = fields.needed_text("name", carry)?;
    let mut description = fields.text("description", carry)?;
    let (parameters, strict) = if kind == "custom" {
        description = grammar::described(description, &mut fields, carry)?;
        (freeform_schema(), None)
    } else {
        let malformed = carry.malformed(&fields.name("parameters"), "a JSON schema, which is an object");
        let parameters = fields.take("parameters").unwrap_or_else(|| json!({"type": "object", "properties": {}}));
        if !parameters.is_object() {
            return Err(malformed);
        }
        (parameters, fields.truth("strict", carry)?)
    };
    fields.hints(&["cache_control"], carry);
    fields.end(carry)?;
    Ok(Tool { name, description, parameters, strict })
}

/// The names of a request's freeform tools.
pub(in crate::dialect::translate) fn freeform(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let tools = body["tools"].as_array().into_iter().flatten().filter(|tool| tool["type"] == "custom");
    let name = |tool: &Value| tool["custom"]["name"].as_str().or(tool["name"].as_str()).map(str::to_owned);
    tools.filter_map(name).collect()
}

/// Reads `tool_choice`.
pub(super) fn read_choice(choice: &Value, carry: &mut Carry<'_>) -> Result<Option<ToolChoice>, Failure> {
    let named = ["function", "custom"].iter().find_map(|kind| choice.get(kind)?.get("name")?.as_str());
    let is_flat = matches!(choice.get("type").and_then(Value::as_str), Some("function" | "custom"));
    let named = named.or_else(|| choice.get("name").filter(|_| is_flat)?.as_str());
    match (choice.as_str(), named) {
        (Some("none"), _) => Ok(Some(ToolChoice::None)),
        (Some("required"), _) => Ok(Some(ToolChoice::Required)),
        (Some("auto"), _) => Ok(Some(ToolChoice::Auto)),
        (None, Some(name)) => Ok(Some(ToolChoice::Named(name.to_owned()))),
        _ => carry.refuse("tool_choice", "a choice that is not known here").map(|()| None),
    }
}

/// Writes a tool.
pub(super) fn write_tool(tool: &Tool) -> Value {
    let mut function = Map::from_iter([("name".to_owned(), Value::from(tool.name.as_str()))]);
    if let Some(description) = &tool.description {
        function.insert("description".to_owned(), description.as_str().into());
    }
    function.insert("parameters".to_owned(), tool.parameters.clone());
    if let Some(strict) = tool.strict {
        function.insert("strict".to_owned(), strict.into());
    }
    json!({"type": "function", "function": function})
}

/// Writes a choice.
pub(super) fn write_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}
