//! What a request asks of its answer and what the answer says, in the words that verifications know.
//!
//! Answers are read as for a translation, by the one reader that each dialect has. What that leaves out because no other
//! dialect has a place for it (sound, pictures, what a provider's own tools did) is noticed here: an answer that holds
//! such a thing is not empty.

use bytes::Bytes;
use serde_json::Value;

use super::translate::neutral::{Delta, Part, Reply, Stop};
use super::translate::{self, Read};
use super::{Wire, sse};
use crate::domain::{Called, Demand, Dialect, Finish, Prompt, Role, Said, Saying, Span, Tool, Tools};

/// A schema or definitions of tools larger than this are not looked at.
const MOST_BYTES: usize = 1 << 20;

/// What a request asks of its answer.
pub fn demand(prompt: &Prompt) -> Demand {
    let part = |span: Option<Span>| {
        span.map_or_else(Bytes::new, |span| prompt.body.slice(span.start as usize..span.end as usize))
    };
    let mut demand = Demand::new(prompt.output, (part(prompt.response_format), schema), (part(prompt.tools), tools));
    demand.max_output = prompt.max_output;
    demand.follows_tool = prompt.turns.last().is_some_and(|turn| turn.role == Role::Tool);
    demand
}

/// The schema in the format that a request asks for, as the dialects write it.
fn schema(format: &[u8]) -> Option<Value> {
    let format: Value = serde_json::from_slice(format).ok().filter(|_| format.len() <= MOST_BYTES)?;
    format.pointer("/json_schema/schema").or_else(|| format.get("schema")).cloned()
}

/// The definitions of tools, as the dialects write them. Of what is of another kind (a server's tools, a search for tools,
/// a group of them) nobody can say by which names it is called.
fn tools(definitions: &[u8]) -> Tools {
    let read = serde_json::from_slice(definitions).ok().filter(|_| definitions.len() <= MOST_BYTES);
    let Some(Value::Array(definitions)) = read else {
        return Tools { named: Vec::new(), is_open: !definitions.is_empty() };
    };
    let mut tools = Tools::default();
    for mut definition in definitions {
        let kind = definition.get("type").and_then(Value::as_str).unwrap_or("function").to_owned();
        let nested = ["function", "custom"].into_iter().find(|name| definition.get(name).is_some_and(Value::is_object));
        let mut inside = nested.and_then(|name| definition.get_mut(name)).map(Value::take).unwrap_or(definition);
        let parameters = ["parameters", "input_schema"].into_iter().find(|name| inside.get(name).is_some());
        let parameters = parameters.and_then(|name| inside.get_mut(name)).map(Value::take);
        let parameters = parameters.filter(|schema| !schema.is_null());
        match inside.get("name").and_then(Value::as_str) {
            Some(name) if kind != "namespace" => tools.named.push(Tool {
                name: name.to_owned(),
                is_freeform: kind == "custom" && parameters.is_none(),
                parameters,
            }),
            _ => tools.is_open = true,
        }
        tools.is_open |= !matches!(kind.as_str(), "function" | "custom");
    }
    tools
}

/// What a whole answer with a status of success says; `None` if that cannot be read.
pub fn said(wire: Wire, body: &[u8]) -> Option<Said> {
    let reply = translate::read_reply(wire.dialect, body)?;
    let has_more = has_more(wire.dialect, body);
    let mut said = Said { finish: finish(&reply.stop), has_more, ..Said::default() };
    if is_in_progress(wire.dialect, body) {
        said.finish = Finish::Open;
    }
    let Reply { parts, .. } = reply;
    for part in parts {
        said.ends_in_call = matches!(part, Part::ToolCall(_));
        match part {
            Part::Text(text) => said.text.push_str(&text),
            Part::Refusal(text) => said.refusal.push_str(&text),
            Part::ToolCall(call) => said.calls.push(Called { name: call.name, arguments: call.arguments }),
            _ => {}
        }
    }
    Some(said)
}

fn finish(stop: &Stop) -> Finish {
    match stop {
        Stop::End | Stop::ToolUse => Finish::Done,
        Stop::Sequence(_) => Finish::Sequence,
        Stop::Length | Stop::ContextFull => Finish::Length,
        Stop::Refusal => Finish::Refused,
        Stop::Pause => Finish::Paused,
    }
}

/// Whether the provider goes on making the answer, and tells of it later.
fn is_in_progress(dialect: Dialect, body: &[u8]) -> bool {
    if dialect != Dialect::OpenaiResponses {
        return false;
    }
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    let status = answer.as_ref().and_then(|answer| answer["status"].as_str());
    matches!(status, Some("queued" | "in_progress"))
}

/// Whether a whole answer holds what no other dialect has a place for.
fn has_more(dialect: Dialect, body: &[u8]) -> bool {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return false };
    let any = |list: &Value, is_more: fn(&Value) -> bool| list.as_array().is_some_and(|list| list.iter().any(is_more));
    match dialect {
        Dialect::OpenaiChat => any(&answer["choices"], |choice| is_more_of_chat(&choice["message"])),
        Dialect::OpenaiResponses => any(&answer["output"], is_more_of_responses),
        Dialect::AnthropicMessages => any(&answer["content"], is_more_of_messages),
        Dialect::Gemini => any(&answer["candidates"], |one| holds_more_of_gemini(&one["content"]["parts"])),
        Dialect::BedrockConverse => any(&answer["output"]["message"]["content"], is_more_of_bedrock),
    }
}

/// Whether an event of a stream does.
fn event_has_more(dialect: Dialect, event: &Value) -> bool {
    match dialect {
        Dialect::OpenaiChat => {
            event["choices"].as_array().is_some_and(|choices| choices.iter().any(|one| is_more_of_chat(&one["delta"])))
        }
        Dialect::OpenaiResponses => {
            event["type"] == "response.output_item.added" && is_more_of_responses(&event["item"])
        }
        Dialect::AnthropicMessages => {
            event["type"] == "content_block_start" && is_more_of_messages(&event["content_block"])
        }
        Dialect::Gemini => event["candidates"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| holds_more_of_gemini(&one["content"]["parts"]))),
        Dialect::BedrockConverse => {
            let start = &event["contentBlockStart"]["start"];
            let delta = &event["contentBlockDelta"]["delta"];
            start.as_object().is_some_and(|start| start.keys().any(|name| name != "toolUse"))
                || start["toolUse"]["type"] == "server_tool_use"
                || delta.as_object().is_some_and(|delta| delta.keys().any(|name| is_new_to_bedrock(name)))
        }
    }
}

fn is_more_of_chat(message: &Value) -> bool {
    let is_there = |value: &Value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => true,
    };
    // The last is how functions were called before there were tools.
    ["audio", "images", "function_call"].iter().any(|name| is_there(&message[name]))
}

fn is_more_of_responses(item: &Value) -> bool {
    !matches!(item["type"].as_str(), Some("message" | "reasoning" | "function_call" | "custom_tool_call"))
}

fn is_more_of_messages(block: &Value) -> bool {
    !matches!(block["type"].as_str(), Some("text" | "thinking" | "redacted_thinking" | "tool_use"))
}

fn holds_more_of_gemini(parts: &Value) -> bool {
    let is_known = |part: &Value| part.get("text").is_some() || part.get("functionCall").is_some();
    parts.as_array().is_some_and(|parts| parts.iter().any(|part| !is_known(part)))
}

fn is_more_of_bedrock(block: &Value) -> bool {
    block["toolUse"]["type"] == "server_tool_use"
        || block.as_object().is_some_and(|block| block.keys().any(|name| is_new_to_bedrock(name)))
}

fn is_new_to_bedrock(name: &str) -> bool {
    !matches!(name, "text" | "toolUse" | "reasoningContent")
}

/// Hears what a streamed answer says, event by event.
pub struct Listener {
    dialect: Dialect,
    reader: Box<dyn Read>,
    deltas: Vec<Delta>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl Listener {
    /// Of a stream in this dialect.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, reader: translate::reader(dialect), deltas: Vec::new() }
    }

    /// What an event says, as it came: its lines, its data among them.
    pub fn hear(&mut self, event: &[u8]) -> Vec<Saying> {
        let Some(data) = sse::data(event) else { return Vec::new() };
        self.reader.read(&data, &mut self.deltas);
        let mut sayings: Vec<Saying> = self.deltas.drain(..).filter_map(saying).collect();
        let says_nothing = sayings.iter().all(|saying| matches!(saying, Saying::Finish(_)));
        if says_nothing && serde_json::from_slice(&data).is_ok_and(|event| event_has_more(self.dialect, &event)) {
            sayings.insert(0, Saying::More);
        }
        sayings
    }
}

fn saying(delta: Delta) -> Option<Saying> {
    Some(match delta {
        Delta::Text(text) => Saying::Text(text),
        Delta::Reasoning(_) => Saying::Thought,
        Delta::Refusal(text) => Saying::Refusal(text),
        Delta::CallStart { name, .. } => Saying::Call(name),
        Delta::Arguments { call, piece } => Saying::Arguments { call, piece },
        Delta::Stop(stop) => Saying::Finish(finish(&stop)),
        Delta::Start { .. } | Delta::Usage(_) | Delta::ServiceTier(_) | Delta::Error { .. } | Delta::Ping => {
            return None;
        }
    })
}

#[cfg(test)]
mod tests;
