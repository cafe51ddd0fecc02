//! Chat Completions, as a caller speaks it and as an endpoint does.

mod messages;
mod reply;
mod request;
mod stream_in;
mod stream_out;

use serde_json::{Map, Value, json};

use super::neutral::Stop;
use crate::domain::Usage;

pub(super) use reply::{read_reply, write_reply};
pub(super) use request::{read_request, write_request};
pub(super) use stream_in::Reader;
pub(super) use stream_out::Writer;

/// Why an answer ended, in the words of Chat Completions. Which text ended it, and that a turn is only paused, it cannot
/// say: both look like an end.
fn finish_reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence(_) | Stop::Pause => "stop",
        Stop::Length | Stop::ContextFull => "length",
        Stop::ToolUse => "tool_calls",
        Stop::Refusal => "content_filter",
    }
}

/// Why an answer ended, from the word of Chat Completions.
fn stop_of(finish_reason: &str) -> Stop {
    match finish_reason {
        "length" => Stop::Length,
        "tool_calls" | "function_call" => Stop::ToolUse,
        "content_filter" => Stop::Refusal,
        _ => Stop::End,
    }
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
