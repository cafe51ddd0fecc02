//! A request in Messages, field by field.

use serde_json::{Map, Value};

use super::system::{self, Changes};
use super::{parts, tools};
use crate::dialect::translate::Carry;
use crate::dialect::translate::fields::Fields;
use crate::dialect::translate::neutral::{Format, Message, Reasoning, Request, Role};
use crate::domain::Failure;

/// What tells the provider how to serve a request, and nothing of the answer.
const HINTS: [&str; 9] = [
    "metadata",
    "cache_control",
    "context_management",
    "compaction",
    "diagnostics",
    "speed",
    "billing_policy",
    "user_profile_id",
    "workspace_id",
];

/// Reads a request.
pub(in crate::dialect::translate) fn read_request(body: &[u8], carry: &mut Carry<'_>) -> Result<Request, Failure> {
    let value: Value = serde_json::from_slice(body).map_err(|_| carry.malformed("body", "a JSON object"))?;
    let mut fields = Fields::of(value, "", carry)?;
    // The endpoint has a name of its own for it.
    fields.take("model");
    let mut request = Request { answers: 1, ..Request::default() };
    request.messages.extend(system::prompt(&mut fields, carry)?);
    let changes = messages(&mut fields, &mut request, carry)?;
    tools::read(&mut fields, changes.tools, &mut request, carry)?;
    request.max_output = fields.count("max_tokens", carry)?;
    request.stop = stop(&mut fields, carry)?;
    request.sampling = sampling(&mut fields, carry)?;
    request.stream = fields.truth("stream", carry)?.unwrap_or(false);
    request.service_tier = service_tier(&mut fields, carry)?;
    let thinking = thinking(&mut fields, carry)?;
    let mut effort = changes.effort;
    if let Some(mut config) = fields.object("output_config", carry)? {
        let first = config.text("effort", carry)?;
        effort = effort.or(first);
        request.format = format(&mut config, "format", carry)?.unwrap_or_default();
        config.hints(&["task_budget"], carry);
        config.end(carry)?;
    }
    if let Some(format) = format(&mut fields, "output_format", carry)? {
        request.format = format;
    }
    request.reasoning = reasoning(thinking, effort, carry);
    held(&mut fields, carry)?;
    fields.hints(&HINTS, carry);
    fields.end(carry)?;
    Ok(request)
}

fn messages(fields: &mut Fields, request: &mut Request, carry: &mut Carry<'_>) -> Result<Changes, Failure> {
    let messages = fields.array("messages", carry)?.unwrap_or_default();
    let last_user = messages.iter().rposition(|message| message.get("role").is_some_and(|role| role == "user"));
    let mut changes = Changes::default();
    for (place, message) in messages.into_iter().enumerate() {
        let mut fields = Fields::of(message, format!("messages[{place}]"), carry)?;
        let role = match &*fields.needed_text("role", carry)? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => {
                let is_answered = last_user.is_some_and(|user| user > place);
                request.messages.extend(system::message(fields, is_answered, &mut changes, carry)?);
                continue;
            }
            _ => return Err(carry.malformed(&fields.name("role"), "`user`, `assistant` or `system`")),
        };
        let parts = parts::of_message(&mut fields, carry)?;
        fields.end(carry)?;
        request.messages.extend((!parts.is_empty()).then_some(Message { role, parts }));
    }
    Ok(changes)
}

fn stop(fields: &mut Fields, carry: &Carry<'_>) -> Result<Vec<String>, Failure> {
    let expected = || carry.malformed("stop_sequences", "an array of strings");
    let items = fields.array("stop_sequences", carry)?.unwrap_or_default();
    items.into_iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(expected)).collect()
}

fn sampling(fields: &mut Fields, carry: &Carry<'_>) -> Result<Map<String, Value>, Failure> {
    let mut sampling = Map::new();
    for name in ["temperature", "top_p", "top_k"] {
        if let Some(number) = fields.number(name, carry)? {
            sampling.insert(name.to_owned(), number);
        }
    }
    Ok(sampling)
}

/// The tier in OpenAI's words, which all other dialects' tiers are read in.
fn service_tier(fields: &mut Fields, carry: &Carry<'_>) -> Result<Option<String>, Failure> {
    let tier = fields.text("service_tier", carry)?;
    Ok(tier.map(|tier| if tier == "standard_only" { "default".to_owned() } else { tier }))
}

fn thinking(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Option<Reasoning>, Failure> {
    let Some(mut thinking) = fields.object("thinking", carry)? else { return Ok(None) };
    let kind = thinking.needed_text("type", carry)?;
    let budget = thinking.count("budget_tokens", carry)?;
    let reasoning = match &*kind {
        "disabled" => Reasoning::Off,
        "adaptive" => Reasoning::Adaptive,
        "enabled" => match budget {
            Some(budget) => Reasoning::Budget(budget),
            None => return Err(carry.malformed("thinking.budget_tokens", "a whole number from 1024 on")),
        },
        // When to think is for a model that can be told so; that it may is for all.
        "between_tools" => {
            carry.hint("thinking.between_tools");
            Reasoning::Adaptive
        }
        _ => return Err(carry.malformed("thinking.type", "`enabled`, `adaptive` or `disabled`")),
    };
    // Whether what it thinks is shown.
    thinking.hints(&["display"], carry);
    thinking.end(carry)?;
    Ok(Some(reasoning))
}

/// An effort says more than that there may be thinking, and less than that there may be none.
fn reasoning(thinking: Option<Reasoning>, effort: Option<String>, carry: &mut Carry<'_>) -> Option<Reasoning> {
    match (thinking, effort) {
        (thinking, None) => thinking,
        (Some(Reasoning::Off), Some(_)) => {
            carry.hint("output_config.effort");
            Some(Reasoning::Off)
        }
        (thinking, Some(effort)) => {
            if matches!(thinking, Some(Reasoning::Budget(_))) {
                carry.hint("thinking.budget_tokens");
            }
            Some(Reasoning::Effort(effort))
        }
    }
}

fn format(fields: &mut Fields, name: &str, carry: &mut Carry<'_>) -> Result<Option<Format>, Failure> {
    let Some(mut format) = fields.object(name, carry)? else { return Ok(None) };
    if format.needed_text("type", carry)? != "json_schema" {
        return Err(carry.malformed(&format.name("type"), "`json_schema`"));
    }
    let schema = format.take("schema").ok_or_else(|| carry.malformed(&format.name("schema"), "a JSON schema"))?;
    let format_name = format.text("name", carry)?;
    format.end(carry)?;
    // Here an answer always fits its schema.
    Ok(Some(Format::JsonSchema { name: format_name, description: None, schema, strict: Some(true) }))
}

/// What only the provider holds or runs.
fn held(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<(), Failure> {
    fields.refuse("container", "a container that the provider runs", carry)?;
    if fields.peek("mcp_servers").is_some_and(|servers| servers.as_array().is_some_and(Vec::is_empty)) {
        fields.take("mcp_servers");
    }
    fields.refuse("mcp_servers", "tools that the provider calls", carry)?;
    fields.refuse("thread", "a conversation that the provider holds", carry)
}
