//! Amazon Bedrock's Converse as an endpoint's dialect. The model and whether a stream is asked for stand in its URL.

mod answer;
mod config;
mod conversation;
mod thinking;

use serde_json::{Map, Value, json};

use super::neutral::{Request, Tool, ToolChoice};
use super::{Carry, messages};
use crate::domain::Failure;
use conversation::Conversation;

pub(super) use answer::{Reader, read_reply};

/// Whose model it is, by its name. Some fields go to the model as they are, in the words of who made it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Maker {
    Anthropic,
    OpenAi,
    Other,
}

impl Maker {
    fn of(model: &str) -> Self {
        if model.contains("anthropic.") {
            Maker::Anthropic
        } else if model.contains("openai.") {
            Maker::OpenAi
        } else {
            Maker::Other
        }
    }
}

/// Writes a request.
pub(super) fn write_request(request: &Request, model: &str, carry: &mut Carry<'_>) -> Result<Value, Failure> {
    let maker = Maker::of(model);
    let mut conversation = Conversation::default();
    for message in &request.messages {
        conversation.write(message, carry)?;
    }
    let mut body = Map::new();
    if let Some(tools) = tools(request, model, conversation.has_tools, carry)? {
        body.insert("toolConfig".to_owned(), tools);
    }
    let (messages, system) = conversation.finish();
    body.insert("messages".to_owned(), Value::Array(messages));
    if !system.is_empty() {
        body.insert("system".to_owned(), Value::Array(system));
    }
    config::write(request, model, maker, &mut body, carry)?;
    Ok(Value::Object(body))
}

/// The tools, and which is to be called. There is no word for "none": tools that are not to be called are not told of,
/// as long as the conversation has no calls, whose tools have to be.
fn tools(request: &Request, model: &str, has_tools: bool, carry: &mut Carry<'_>) -> Result<Option<Value>, Failure> {
    if request.tools.is_empty() {
        if has_tools {
            carry.refuse("tools", "calls in the conversation without the tools that were called")?;
        }
        return Ok(None);
    }
    if request.parallel_tools == Some(false) {
        carry.refuse("parallel_tool_calls", "one call at a time, which cannot be asked for there")?;
    }
    let choice = match messages::thinking::tool_choice(request, model, carry)? {
        None => None,
        Some(ToolChoice::Auto) => Some(json!({ "auto": {} })),
        Some(ToolChoice::Required) => Some(json!({ "any": {} })),
        Some(ToolChoice::Named(name)) => Some(json!({ "tool": { "name": name } })),
        Some(ToolChoice::None) if !has_tools => return Ok(None),
        Some(ToolChoice::None) => {
            carry.refuse("tool_choice", "tools that must not be called, in a conversation where some were")?;
            None
        }
    };
    let mut config = json!({ "tools": request.tools.iter().map(tool).collect::<Vec<_>>() });
    if let Some(choice) = choice {
        config["toolChoice"] = choice;
    }
    Ok(Some(config))
}

fn tool(tool: &Tool) -> Value {
    let mut written = json!({ "name": tool.name, "inputSchema": { "json": tool.parameters } });
    if let Some(description) = tool.description.as_deref().filter(|description| !description.is_empty()) {
        written["description"] = json!(description);
    }
    if tool.strict == Some(true) {
        written["strict"] = json!(true);
    }
    json!({ "toolSpec": written })
}

#[cfg(test)]
mod tests;
