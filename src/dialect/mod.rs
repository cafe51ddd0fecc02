//! The wire formats that callers and upstreams speak: bytes and values only.
//!
//! A dialect reads a request into a [`Prompt`], changes the few bytes that must change, finds the usage and the errors
//! in answers, and words our own errors. It never re-writes what it does not have to: provider prompt caches depend on
//! the bytes. Only where caller and endpoint speak differently does [`translate`] re-write. To add a dialect: one module
//! here, one in `translate`, one variant of [`Dialect`], and the compiler names the rest.

mod answer;
pub mod anthropic_messages;
pub mod bedrock_converse;
mod body;
#[cfg(test)]
mod calls_tests;
mod cost;
mod counts;
pub mod framing;
pub mod gemini;
mod json;
pub mod openai_chat;
pub mod openai_responses;
mod said;
pub mod sse;
pub mod translate;

use bytes::Bytes;

use crate::domain::{Dialect, Door, Failure, Mark, Prompt, RequestId};

pub use answer::{Answer, Event, Piece};
pub use cost::read_usd;
pub use said::{Listener, demand, said};

/// What a request's JSON may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of arrays and objects inside each other.
    pub max_depth: u32,
}

/// What a body is changed to, for the endpoint that it goes to.
pub struct Wanted<'a> {
    /// The model that the endpoint is asked for.
    pub model: &'a str,
    /// Whether a stream is asked for its usage, where the dialect leaves that to the client.
    pub ask_usage: bool,
    /// The signed reasoning that the model cannot read and that is to be taken out.
    pub foreign: &'a [Mark],
}

/// Reads the body of a request that came through `door`.
///
/// # Errors
/// [`Malformed`](crate::domain::FailureKind::Malformed), naming the field and what to do.
pub fn parse(door: Door, body: Bytes, limits: &Limits) -> Result<Prompt, Failure> {
    match door {
        Door::Chat => openai_chat::parse(body, limits),
        Door::Responses | Door::Compact | Door::InputTokens => openai_responses::parse(door, body, limits),
        Door::Messages | Door::CountTokens => anthropic_messages::parse(door, body, limits),
        _ => openai_chat::parse_plain(door, body, limits),
    }
}

/// What a body looks like to be asked of, where nobody says: Responses have an `input`, and Messages have fields and
/// blocks that Chat Completions does not.
pub fn likely_door(body: &[u8]) -> Door {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(body) else { return Door::Chat };
    let has = |name: &str| fields.contains_key(name);
    let blocks = fields.get("messages").and_then(serde_json::Value::as_array).into_iter().flatten();
    let mut kinds = blocks
        .filter_map(|message| message.get("content")?.as_array())
        .flatten()
        .filter_map(|block| block.get("type")?.as_str());
    if !has("messages") {
        return if has("input") { Door::Responses } else { Door::Chat };
    }
    let own_fields = ["system", "stop_sequences", "thinking", "top_k", "anthropic_version", "output_config"];
    let own_blocks = ["tool_use", "tool_result", "thinking", "image", "document"];
    let is_messages = own_fields.iter().any(|name| has(name)) || kinds.any(|kind| own_blocks.contains(&kind));
    if is_messages { Door::Messages } else { Door::Chat }
}

/// The body for an endpoint of the same dialect: the client's bytes with another `model`, with usage asked for in a
/// stream, and without reasoning that is foreign to that model.
pub fn request_body(prompt: &Prompt, wanted: &Wanted<'_>) -> Bytes {
    match prompt.dialect {
        Dialect::OpenaiChat if prompt.door != Door::Chat => openai_chat::plain_request_body(prompt, wanted),
        Dialect::OpenaiChat => openai_chat::request_body(prompt, wanted.model, wanted.ask_usage),
        Dialect::OpenaiResponses => openai_responses::request_body(prompt, wanted),
        Dialect::AnthropicMessages => anthropic_messages::request_body(prompt, wanted),
        // No caller speaks these.
        Dialect::Gemini | Dialect::BedrockConverse => prompt.body.clone(),
    }
}

/// What an answer is in: the endpoint's dialect, and what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The endpoint's dialect.
    pub dialect: Dialect,
    /// What was asked for.
    pub door: Door,
}

impl Wire {
    /// Whether the answer has a form of its own, of which no more than usage is looked for.
    pub fn is_plain(self) -> bool {
        !matches!(
            self.door,
            Door::Chat
                | Door::Completions
                | Door::Responses
                | Door::Compact
                | Door::InputTokens
                | Door::Messages
                | Door::CountTokens
        )
    }
}

/// Reads a whole answer with a status of success.
pub fn read_answer(wire: Wire, body: &[u8]) -> Answer {
    match wire.dialect {
        _ if wire.is_plain() => openai_chat::read_plain_answer(body),
        Dialect::OpenaiResponses if wire.door == Door::Completions => openai_chat::read_answer(body),
        Dialect::OpenaiChat => openai_chat::read_answer(body),
        Dialect::OpenaiResponses => openai_responses::read_answer(body),
        Dialect::AnthropicMessages => anthropic_messages::read_answer(body),
        Dialect::Gemini => gemini::read_answer(body),
        Dialect::BedrockConverse => bedrock_converse::read_answer(body),
    }
}

/// Reads the data of one event of a streamed answer.
pub fn read_event(wire: Wire, data: &[u8]) -> Event {
    match wire.dialect {
        _ if wire.is_plain() => openai_chat::read_plain_event(data),
        Dialect::OpenaiResponses if wire.door == Door::Completions => openai_chat::read_event(data),
        Dialect::OpenaiChat => openai_chat::read_event(data),
        Dialect::OpenaiResponses => openai_responses::read_event(data),
        Dialect::AnthropicMessages => anthropic_messages::read_event(data),
        Dialect::Gemini => gemini::read_event(data),
        Dialect::BedrockConverse => bedrock_converse::read_event(data),
    }
}

/// An event's bytes without the usage that the client did not ask for; `None`: nothing of it is left.
pub fn without_usage(dialect: Dialect, frame: &Bytes) -> Option<Bytes> {
    match dialect {
        Dialect::OpenaiChat => openai_chat::without_usage(frame),
        // Only Chat Completions leaves it to the client.
        _ => Some(frame.clone()),
    }
}

/// The body of an error of ours.
pub fn error_body(dialect: Dialect, failure: &Failure, id: Option<RequestId>) -> Bytes {
    match dialect {
        Dialect::AnthropicMessages => anthropic_messages::error_body(failure, id),
        // Responses are refused in the same shape.
        _ => openai_chat::error_body(failure, id),
    }
}

/// An error of ours inside a stream whose status of success has gone out, ended as the dialect ends a stream.
pub fn error_event(dialect: Dialect, failure: &Failure, id: RequestId) -> Bytes {
    match dialect {
        Dialect::AnthropicMessages => anthropic_messages::error_event(failure, id),
        Dialect::OpenaiResponses => openai_responses::error_event(failure, id),
        _ => openai_chat::error_event(failure, id),
    }
}

/// What callers are sent while an upstream is silent, so that no idle timer ends their wait.
pub fn ping(dialect: Dialect) -> Bytes {
    match dialect {
        Dialect::AnthropicMessages => Bytes::from_static(b"event: ping\ndata: {\"type\": \"ping\"}\n\n"),
        // A comment, which the format of events allows anywhere between them.
        _ => Bytes::from_static(b": waiting\n\n"),
    }
}

/// A provider's error in the caller's dialect, for a caller and an endpoint that speak differently: status, type and
/// words stay the provider's.
pub fn provider_error(dialect: Dialect, status: u16, body: &[u8]) -> Bytes {
    translate::error(dialect, status, body)
}
