//! Chat Completions, as a caller speaks it and as an endpoint does.

mod read_messages;
mod reply;
mod request;
mod stream_in;
mod stream_out;
mod tools;
mod write_messages;

use serde_json::{Map, Value, json};

use super::Context;
use super::neutral::Stop;
use crate::domain::Usage;

pub(super) use reply::{read_reply, write_reply};
pub(super) use request::{read_request, write_request};
pub(super) use stream_in::Reader;
pub(super) use stream_out::Writer;
pub(super) use tools::freeform;

/// Why an answer ended, in the words of Chat Completions. Which text ended it, and that a turn is only paused, it cannot
/// say: both look like an end. Some providers say that a model is done when it waits for tools.
fn finish_reason(stop: &Stop, has_calls: bool) -> &'static str {
    match stop {
        Stop::End | Stop::ToolUse if has_calls => "tool_calls",
        Stop::End | Stop::ToolUse | Stop::Sequence(_) | Stop::Pause => "stop",
        Stop::Length | Stop::ContextFull => "length",
        Stop::Refusal => "content_filter",
    }
}

/// Why an answer ended, from the word of Chat Completions. Some servers say `stop` where the model waits for tools, and
/// OpenAI says it where the model refused.
fn stop_of(finish_reason: &str, has_calls: bool, has_refused: bool) -> Stop {
    match finish_reason {
        "length" => Stop::Length,
        "tool_calls" | "function_call" => Stop::ToolUse,
        "content_filter" => Stop::Refusal,
        _ if has_calls => Stop::ToolUse,
        _ if has_refused => Stop::Refusal,
        _ => Stop::End,
    }
}

/// The id of a call in an answer; one of ours where the provider gives none.
fn answered_call_id(id: &str, call: usize, context: &Context) -> String {
    if id.is_empty() { format!("call_{}_{call}", context.id) } else { id.to_owned() }
}

/// What a message's content says, and what it thinks: a text, or parts as Mistral sends them.
fn words_of(content: &Value) -> (String, String) {
    let texts = |parts: &Value| -> String {
        let parts = parts.as_array().into_iter().flatten().filter(|part| part["type"] == "text");
        parts.filter_map(|part| part["text"].as_str()).collect()
    };
    if let Some(text) = content.as_str() {
        return (text.to_owned(), String::new());
    }
    let thoughts = content.as_array().into_iter().flatten().filter(|part| part["type"] == "thinking");
    let thought = thoughts.map(|part| texts(&part["thinking"])).collect();
    (texts(content), thought)
}

/// Usage as Chat Completions writes it: what was read from a cache, thought or heard is counted inside the totals too.
fn usage_object(usage: &Usage) -> Value {
    let mut inputs = Map::from_iter([("cached_tokens".to_owned(), json!(usage.cache_read))]);
    let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
    let mut outputs = Map::from_iter([("reasoning_tokens".to_owned(), json!(usage.reasoning))]);
    let more = [("cache_write_tokens", written), ("audio_tokens", usage.audio_input), ("image_tokens", usage.image)];
    inputs.extend(
        more.into_iter().filter(|(_, tokens)| *tokens > 0).map(|(name, tokens)| (name.to_owned(), json!(tokens))),
    );
    if usage.audio_output > 0 {
        outputs.insert("audio_tokens".to_owned(), json!(usage.audio_output));
    }
    json!({
        "prompt_tokens": usage.total_input(),
        "completion_tokens": usage.total_output(),
        "total_tokens": usage.total(),
        "prompt_tokens_details": inputs,
        "completion_tokens_details": outputs,
    })
}

/// The usage in an answer or an event.
fn usage_in(body: &[u8]) -> Option<Usage> {
    crate::dialect::openai_chat::read_answer(body).usage
}

#[cfg(test)]
mod tests;
