//! Requests out of the neutral form.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::dialect::translate::neutral::{
    Format, Message, Part, Reasoning, Request, Role, Source, Tool, ToolCall, ToolChoice,
};
use crate::dialect::translate::{Carry, call_id, effort};
use crate::domain::{Dialect, Failure};

/// The longest id of a call.
const LONGEST_CALL_ID: usize = 64;

/// Writes a request.
pub(in crate::dialect::translate) fn write_request(
    request: &Request,
    model: &str,
    carry: &mut Carry<'_>,
) -> Result<Value, Failure> {
    refuse_what_cannot_be_said(request, carry)?;
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    let mut messages = request.messages.as_slice();
    // Where nobody else speaks, instructions have to be the input.
    if let [first, rest @ ..] = messages
        && first.role == Role::System
        && rest.iter().any(|message| message.role != Role::System)
    {
        body.insert("instructions".to_owned(), json!(texts(&first.parts).join("\n\n")));
        messages = rest;
    }
    body.insert("input".to_owned(), write_input(messages, carry)?);
    // Nobody could ask for an answer that is kept: the caller's dialect has its own ids.
    body.insert("store".to_owned(), json!(false));
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    set("tools", (!request.tools.is_empty()).then(|| request.tools.iter().map(write_tool).collect()));
    set("tool_choice", request.tool_choice.as_ref().map(write_tool_choice));
    set("parallel_tool_calls", request.parallel_tools.map(Value::from));
    set("max_output_tokens", request.max_output.map(Value::from));
    set("temperature", request.sampling.get("temperature").cloned());
    set("top_p", request.sampling.get("top_p").cloned());
    set("text", write_text(request));
    set("reasoning", write_effort(request, model, carry).map(|effort| json!({"effort": effort})));
    set("stream", request.stream.then_some(Value::Bool(true)));
    set("service_tier", write_service_tier(request, carry).map(Value::from));
    Ok(Value::Object(body))
}

fn refuse_what_cannot_be_said(request: &Request, carry: &mut Carry<'_>) -> Result<(), Failure> {
    let is_messages = carry.caller() == Dialect::AnthropicMessages;
    if !request.stop.is_empty() {
        carry.refuse(if is_messages { "stop_sequences" } else { "stop" }, "texts at which the answer ends")?;
    }
    if request.answers > 1 {
        carry.refuse("n", "several answers")?;
    }
    if request.logprobs.is_some() {
        carry.refuse("logprobs", "how probable the tokens of the answer are")?;
    }
    for name in request.sampling.keys().filter(|name| !matches!(name.as_str(), "temperature" | "top_p")) {
        carry.refuse(name, "a number that steers sampling")?;
    }
    Ok(())
}

fn texts(parts: &[Part]) -> Vec<&str> {
    let mut found = Vec::with_capacity(parts.len());
    for part in parts {
        if let Part::Text(text) = part {
            found.push(text.as_str());
        }
    }
    found
}

fn write_input(messages: &[Message], carry: &mut Carry<'_>) -> Result<Value, Failure> {
    let mut items = Vec::new();
    for message in messages {
        // What is said goes on in one item until a call, or what came of one, stands between.
        let mut content = Vec::new();
        let end = |content: &mut Vec<Value>, items: &mut Vec<Value>| {
            if !content.is_empty() {
                let role = match message.role {
                    Role::System => "developer",
                    Role::User => "user",
                    Role::Assistant => "assistant",
                };
                items.push(json!({"type": "message", "role": role, "content": std::mem::take(content)}));
            }
        };
        for part in &message.parts {
            match part {
                Part::ToolCall(ToolCall { id, name, arguments }) => {
                    end(&mut content, &mut items);
                    items.push(
                        json!({"type": "function_call", "call_id": fitting(id), "name": name, "arguments": arguments}),
                    );
                }
                Part::ToolResult { id, parts, is_error } => {
                    end(&mut content, &mut items);
                    if *is_error {
                        carry.hint("messages.content.is_error");
                    }
                    let output = write_output(parts, carry)?;
                    items.push(json!({"type": "function_call_output", "call_id": fitting(id), "output": output}));
                }
                other => content.extend(write_part(other, message.role, carry)?),
            }
        }
        end(&mut content, &mut items);
    }
    Ok(Value::Array(items))
}

/// An id that this dialect takes.
fn fitting(id: &str) -> Cow<'_, str> {
    call_id::fitting(id, LONGEST_CALL_ID, |byte| byte.is_ascii_graphic())
}

/// What a tool returned: a text where it is one.
fn write_output(parts: &[Part], carry: &mut Carry<'_>) -> Result<Value, Failure> {
    match parts {
        [] => Ok(json!("")),
        [Part::Text(text)] => Ok(json!(text)),
        _ => {
            let mut content = Vec::with_capacity(parts.len());
            for part in parts {
                content.extend(write_part(part, Role::User, carry)?);
            }
            Ok(Value::Array(content))
        }
    }
}

fn write_part(part: &Part, role: Role, carry: &mut Carry<'_>) -> Result<Option<Value>, Failure> {
    let written = match part {
        Part::Text(text) if role == Role::Assistant => json!({"type": "output_text", "text": text}),
        Part::Text(text) => json!({"type": "input_text", "text": text}),
        Part::Refusal(text) => json!({"type": "refusal", "refusal": text}),
        Part::Image { source, detail } => {
            json!({"type": "input_image", "image_url": source.url(), "detail": detail.as_deref().unwrap_or("auto")})
        }
        Part::File { source: Source::Url(url), .. } => json!({"type": "input_file", "file_url": url}),
        Part::File { source, name } => {
            let name = name.clone().unwrap_or_else(|| source.file_name());
            json!({"type": "input_file", "filename": name, "file_data": source.url()})
        }
        Part::Audio { .. } => {
            carry.refuse("messages.content.input_audio", "sound")?;
            return Ok(None);
        }
        Part::Reasoning(_) => {
            // Only reasoning that is encrypted by the provider itself is taken back.
            carry.hint("messages.reasoning");
            return Ok(None);
        }
        // Written as items of their own; what a tool returned holds neither.
        Part::ToolCall(_) | Part::ToolResult { .. } => return Ok(None),
    };
    Ok(Some(written))
}

fn write_tool(tool: &Tool) -> Value {
    let mut written = json!({
        "type": "function",
        "name": tool.name,
        "parameters": tool.parameters,
        // Here the default is to hold arguments to the schema, everywhere else it is not.
        "strict": tool.strict.unwrap_or(false),
    });
    if let Some(description) = &tool.description {
        written["description"] = json!(description);
    }
    written
}

fn write_tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({"type": "function", "name": name}),
    }
}

fn write_text(request: &Request) -> Option<Value> {
    let mut text = Map::new();
    if let Some(verbosity) = &request.verbosity {
        text.insert("verbosity".to_owned(), json!(verbosity));
    }
    match &request.format {
        Format::Text => {}
        Format::JsonObject => {
            text.insert("format".to_owned(), json!({"type": "json_object"}));
        }
        Format::JsonSchema { name, description, schema, strict } => {
            let name = name.as_deref().unwrap_or("answer");
            let mut format = json!({"type": "json_schema", "name": name, "schema": schema});
            if let Some(description) = description {
                format["description"] = json!(description);
            }
            if let Some(strict) = strict {
                format["strict"] = json!(strict);
            }
            text.insert("format".to_owned(), format);
        }
    }
    (!text.is_empty()).then_some(Value::Object(text))
}

fn write_effort(request: &Request, model: &str, carry: &mut Carry<'_>) -> Option<String> {
    match request.reasoning.as_ref()? {
        Reasoning::Off => Some(effort::least(model).to_owned()),
        Reasoning::Adaptive => None,
        Reasoning::Effort(effort) => Some(effort::openais(effort, model).to_owned()),
        Reasoning::Budget(budget) => {
            carry.hint("thinking.budget_tokens");
            Some(effort::of_budget(*budget, request.max_output).to_owned())
        }
    }
}

/// The tier of service, in this dialect's words.
fn write_service_tier<'r>(request: &'r Request, carry: &mut Carry<'_>) -> Option<&'r str> {
    let tier = request.service_tier.as_deref()?;
    if matches!(tier, "auto" | "default" | "flex" | "scale" | "priority" | "fast" | "ultrafast") {
        return Some(tier);
    }
    carry.hint("service_tier");
    None
}
