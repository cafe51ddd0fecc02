//! Requests into the neutral form.

use serde_json::Value;

use super::items::read_input;
use super::tools::{read_tool_choice, read_tools};
use crate::dialect::translate::Carry;
use crate::dialect::translate::fields::Fields;
use crate::dialect::translate::neutral::{Format, Message, Part, Reasoning, Request, Role};
use crate::domain::Failure;

/// What changes no answer that another provider could give.
const HINTS: &[&str] = &[
    "metadata",
    "client_metadata",
    "user",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "store",
    "stream_options",
];

/// Reads a request.
pub(in crate::dialect::translate) fn read_request(body: &[u8], carry: &mut Carry<'_>) -> Result<Request, Failure> {
    let body: Value = serde_json::from_slice(body).map_err(|_| carry.malformed("body", "JSON"))?;
    let mut fields = Fields::of(body, "", carry)?;
    refuse_what_the_provider_holds(&mut fields, carry)?;
    fields.take("model");
    fields.hints(HINTS, carry);

    let mut request = Request { answers: 1, ..Request::default() };
    if let Some(text) = fields.text("instructions", carry)? {
        request.messages.push(Message { role: Role::System, parts: vec![Part::Text(text)] });
    }
    let input = fields.take("input").ok_or_else(|| carry.malformed("input", "a string or an array of items"))?;
    read_tools(fields.array("tools", carry)?.unwrap_or_default(), "tools", &mut request.tools, carry)?;
    read_input(input, &mut request.messages, &mut request.tools, carry)?;
    if let Some(choice) = fields.take("tool_choice") {
        request.tool_choice = read_tool_choice(choice, &mut request.tools, carry)?;
    }
    request.parallel_tools = fields.truth("parallel_tool_calls", carry)?;
    request.max_output = fields.count("max_output_tokens", carry)?;
    for name in ["temperature", "top_p"] {
        if let Some(number) = fields.number(name, carry)? {
            request.sampling.insert(name.to_owned(), number);
        }
    }
    read_text(&mut fields, &mut request, carry)?;
    read_reasoning(&mut fields, &mut request, carry)?;
    refuse_logprobs(&mut fields, carry)?;
    request.stream = fields.truth("stream", carry)?.unwrap_or(false);
    request.service_tier = fields.text("service_tier", carry)?;
    fields.refuse("max_tool_calls", "a limit on the calls of tools", carry)?;
    read_truncation(&mut fields, carry)?;
    fields.end(carry)?;
    Ok(request)
}

/// What refers to a conversation that is not in the body.
fn refuse_what_the_provider_holds(fields: &mut Fields, carry: &Carry<'_>) -> Result<(), Failure> {
    for (name, what) in [
        ("previous_response_id", "an answer that the provider holds"),
        ("conversation", "a conversation that the provider holds"),
        ("prompt", "a prompt that the provider holds"),
    ] {
        if fields.take(name).is_some() {
            return Err(carry.impossible(name, what));
        }
    }
    if fields.truth("background", carry)? == Some(true) {
        return Err(carry.impossible("background", "an answer to be fetched from the provider later"));
    }
    Ok(())
}

fn read_text(fields: &mut Fields, request: &mut Request, carry: &mut Carry<'_>) -> Result<(), Failure> {
    let Some(mut text) = fields.object("text", carry)? else { return Ok(()) };
    request.verbosity = text.text("verbosity", carry)?;
    if let Some(mut format) = text.object("format", carry)? {
        request.format = match format.needed_text("type", carry)?.as_str() {
            "text" => Format::Text,
            "json_object" => Format::JsonObject,
            "json_schema" => Format::JsonSchema {
                name: format.text("name", carry)?,
                description: format.text("description", carry)?,
                schema: format.take("schema").unwrap_or_default(),
                strict: format.truth("strict", carry)?,
            },
            _ => {
                carry.refuse(&format.name("type"), "a form of the answer that this proxy does not know")?;
                Format::Text
            }
        };
        format.end(carry)?;
    }
    text.end(carry)
}

fn read_reasoning(fields: &mut Fields, request: &mut Request, carry: &mut Carry<'_>) -> Result<(), Failure> {
    let Some(mut reasoning) = fields.object("reasoning", carry)? else { return Ok(()) };
    reasoning.hints(&["summary", "generate_summary", "context"], carry);
    if reasoning.peek("mode").and_then(Value::as_str) == Some("standard") {
        reasoning.take("mode");
    }
    request.reasoning = reasoning.text("effort", carry)?.map(|effort| match effort.as_str() {
        "none" => Reasoning::Off,
        _ => Reasoning::Effort(effort),
    });
    reasoning.end(carry)
}

/// How probable an answer's tokens are is asked for in one of two ways, and not carried back.
fn refuse_logprobs(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<(), Failure> {
    let what = "how probable the tokens of the answer are";
    if fields.count("top_logprobs", carry)?.is_some_and(|most| most > 0) {
        carry.refuse("top_logprobs", what)?;
    }
    for name in fields.array("include", carry)?.unwrap_or_default() {
        if name == "message.output_text.logprobs" {
            carry.refuse("include", what)?;
        } else {
            carry.hint("include");
        }
    }
    Ok(())
}

fn read_truncation(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<(), Failure> {
    match fields.peek("truncation").and_then(Value::as_str) {
        Some("disabled") => fields.hints(&["truncation"], carry),
        _ => fields.refuse("truncation", "what is left out where the conversation is too long", carry)?,
    }
    Ok(())
}
