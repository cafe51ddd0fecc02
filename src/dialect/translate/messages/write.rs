//! A request for Messages.

use serde_json::{Map, Value, json};

use super::blocks;
use super::thinking::{self, Abilities, Thinking};
use crate::dialect::translate::Carry;
use crate::dialect::translate::neutral::{Format, Part, Request, Role, Tool, ToolChoice};
use crate::domain::Failure;

/// Writes a request.
pub(in crate::dialect::translate) fn write_request(
    request: &Request,
    model: &str,
    carry: &mut Carry<'_>,
) -> Result<Value, Failure> {
    refuse(request, carry)?;
    let thinking = Thinking::of(request, model, carry);
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    body.insert("max_tokens".to_owned(), json!(thinking.max_tokens));
    let system = system(request, carry)?;
    if !system.is_empty() {
        body.insert("system".to_owned(), Value::Array(system));
    }
    body.insert("messages".to_owned(), messages(request, carry)?);
    if !request.tools.is_empty() {
        body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
        body.extend(tool_choice(request, model, carry)?.map(|choice| ("tool_choice".to_owned(), choice)));
    }
    if !request.stop.is_empty() {
        body.insert("stop_sequences".to_owned(), json!(request.stop));
    }
    sampling(request, model, &mut body, carry)?;
    body.extend(thinking.thinking.map(|thinking| ("thinking".to_owned(), thinking)));
    let config = output_config(request, thinking.effort, carry)?;
    if !config.is_empty() {
        body.insert("output_config".to_owned(), Value::Object(config));
    }
    body.extend(service_tier(request, carry).map(|tier| ("service_tier".to_owned(), json!(tier))));
    body.insert("stream".to_owned(), json!(request.stream));
    Ok(Value::Object(body))
}

/// What cannot be said here.
fn refuse(request: &Request, carry: &mut Carry<'_>) -> Result<(), Failure> {
    if request.answers > 1 {
        carry.refuse("n", "several answers at once")?;
    }
    if request.logprobs.is_some() {
        carry.refuse("logprobs", "how likely the tokens were")?;
    }
    if request.format == Format::JsonObject {
        carry.refuse("response_format", "a JSON object without a schema")?;
    }
    if request.stop.iter().any(|stop| stop.trim().is_empty()) {
        carry.refuse("stop", "white space at which to end")?;
    }
    if request.messages.iter().all(|message| message.role == Role::System) {
        carry.refuse("messages", "a conversation in which only the system speaks")?;
    }
    // How much to say is a matter of taste, and a system prompt's here.
    if request.verbosity.is_some() {
        carry.hint("verbosity");
    }
    Ok(())
}

/// Instructions, wherever they stood: here they stand before the conversation.
fn system(request: &Request, carry: &mut Carry<'_>) -> Result<Vec<Value>, Failure> {
    let mut blocks = Vec::new();
    for part in request.messages.iter().filter(|message| message.role == Role::System).flat_map(|m| &m.parts) {
        match part {
            Part::Text(text) => blocks.extend(blocks::text(text)),
            _ => carry.refuse("messages.content", "instructions that are no text")?,
        }
    }
    Ok(blocks)
}

/// The conversation: what one side says in several messages is one message here, and what tools returned comes first in
/// it, since it has to follow the calls.
fn messages(request: &Request, carry: &mut Carry<'_>) -> Result<Value, Failure> {
    let mut merged: Vec<(Role, Vec<Value>)> = Vec::new();
    for message in request.messages.iter().filter(|message| message.role != Role::System) {
        let blocks = blocks::of(&message.parts, carry)?;
        match merged.last_mut() {
            Some((role, before)) if *role == message.role => before.extend(blocks),
            _ => merged.push((message.role, blocks)),
        }
    }
    let written = merged.into_iter().filter(|(_, blocks)| !blocks.is_empty()).map(|(role, mut blocks)| {
        blocks.sort_by_key(|block| block["type"] != "tool_result");
        json!({"role": if role == Role::Assistant { "assistant" } else { "user" }, "content": blocks})
    });
    Ok(written.collect())
}

fn tool(tool: &Tool) -> Value {
    let mut schema = match &tool.parameters {
        Value::Object(schema) => schema.clone(),
        _ => Map::new(),
    };
    schema.entry("type").or_insert_with(|| json!("object"));
    let mut written = json!({"name": tool.name, "input_schema": schema});
    if let Some(description) = &tool.description {
        written["description"] = json!(description);
    }
    // Not to be strict is the default.
    if tool.strict == Some(true) {
        written["strict"] = json!(true);
    }
    written
}

fn tool_choice(request: &Request, model: &str, carry: &mut Carry<'_>) -> Result<Option<Value>, Failure> {
    let one_at_a_time = request.parallel_tools == Some(false);
    let mut choice = match thinking::tool_choice(request, model, carry)? {
        Some(ToolChoice::None) => return Ok(Some(json!({"type": "none"}))),
        Some(ToolChoice::Required) => json!({"type": "any"}),
        Some(ToolChoice::Named(name)) => json!({"type": "tool", "name": name}),
        Some(ToolChoice::Auto) => json!({"type": "auto"}),
        None if one_at_a_time => json!({"type": "auto"}),
        None => return Ok(None),
    };
    if one_at_a_time {
        choice["disable_parallel_tool_use"] = json!(true);
    }
    Ok(Some(choice))
}

fn sampling(
    request: &Request,
    model: &str,
    body: &mut Map<String, Value>,
    carry: &mut Carry<'_>,
) -> Result<(), Failure> {
    let takes_sampling = Abilities::of(model).sampling;
    for (name, value) in &request.sampling {
        let number = value.as_f64().unwrap_or(f64::NAN);
        let default = match name.as_str() {
            "temperature" | "top_p" => 1.0,
            "frequency_penalty" | "presence_penalty" => 0.0,
            _ => f64::NAN,
        };
        match name.as_str() {
            // What is the default anyway needs no word, and newer models take none.
            _ if number == default => {}
            "temperature" | "top_p" | "top_k" if !takes_sampling => {
                carry.refuse(name, "a sampling parameter, of which this model takes none")?;
            }
            "temperature" if number > 1.0 => carry.refuse(name, "above 1, which is the highest there")?,
            "temperature" | "top_p" | "top_k" => {
                body.insert(name.clone(), value.clone());
            }
            _ => carry.refuse(name, "a sampling parameter that is not known there")?,
        }
    }
    Ok(())
}

fn output_config(
    request: &Request,
    effort: Option<String>,
    carry: &mut Carry<'_>,
) -> Result<Map<String, Value>, Failure> {
    let mut config = Map::new();
    config.extend(effort.map(|effort| ("effort".to_owned(), json!(effort))));
    if let Format::JsonSchema { name, description, schema, .. } = &request.format {
        if !schema.is_object() {
            return Err(carry.malformed("response_format.json_schema.schema", "a JSON schema, which is an object"));
        }
        if name.is_some() {
            carry.hint("response_format.json_schema.name");
        }
        if description.is_some() {
            carry.hint("response_format.json_schema.description");
        }
        config.insert("format".to_owned(), json!({"type": "json_schema", "schema": schema}));
    }
    Ok(config)
}

/// The tier in Anthropic's words. It has two; others are a wish for another price that nobody there grants.
fn service_tier(request: &Request, carry: &mut Carry<'_>) -> Option<&'static str> {
    match request.service_tier.as_deref()? {
        "auto" | "priority" => Some("auto"),
        "default" | "standard_only" => Some("standard_only"),
        _ => {
            carry.hint("service_tier");
            None
        }
    }
}
