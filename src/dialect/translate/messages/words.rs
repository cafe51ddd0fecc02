//! Anthropic's words for what all dialects have: why an answer ended, what it used, ids, arguments, errors.

use serde_json::{Value, json};

use crate::dialect::anthropic_messages::Counts;
use crate::dialect::translate::Context;
use crate::dialect::translate::neutral::{Stop, ToolCall};
use crate::domain::Usage;

/// The field in the place of arguments that a model wrote as something else than a JSON object. It fits no tool's
/// schema, so that the client tells the model.
const NO_OBJECT: &str = "invalid_arguments";

/// Why an answer ended.
pub(super) fn read_stop(reason: &str, sequence: Option<String>) -> Stop {
    match reason {
        "max_tokens" => Stop::Length,
        "tool_use" => Stop::ToolUse,
        "stop_sequence" => Stop::Sequence(sequence),
        "refusal" => Stop::Refusal,
        "pause_turn" | "compaction" => Stop::Pause,
        "model_context_window_exceeded" => Stop::ContextFull,
        _ => Stop::End,
    }
}

/// The words for why an answer ended, and the sequence at which it did. Some providers say that a model is done when it
/// waits for tools; clients here look at the reason before they run any.
pub(super) fn stop_words(stop: &Stop, has_calls: bool) -> (&'static str, Option<&str>) {
    match stop {
        Stop::End | Stop::ToolUse if has_calls => ("tool_use", None),
        Stop::End | Stop::ToolUse => ("end_turn", None),
        Stop::Length => ("max_tokens", None),
        Stop::Sequence(sequence) => ("stop_sequence", sequence.as_deref()),
        Stop::Refusal => ("refusal", None),
        Stop::Pause => ("pause_turn", None),
        Stop::ContextFull => ("model_context_window_exceeded", None),
    }
}

/// What was used so far; `None` if nothing was told.
pub(super) fn read_usage(usage: &Value, known: Option<Usage>) -> Option<Usage> {
    let told = Counts::of(&usage.to_string()).told()?;
    let mut usage = known.unwrap_or_default();
    usage.update(&told);
    Some(usage)
}

/// The tier of service in OpenAI's words, as the form in the middle has it.
pub(super) fn read_tier(usage: &Value) -> Option<String> {
    let tier = usage.get("service_tier")?.as_str()?;
    Some(if tier == "standard" { "default" } else { tier }.to_owned())
}

/// A `usage` object. Where the provider told nothing, the input is the estimate.
pub(super) fn usage(usage: Option<&Usage>, estimate: u64, tier: Option<&str>) -> Value {
    // Clients take an input of nothing for a fault.
    let guess = Usage { input: estimate.max(1), ..Usage::default() };
    let usage = usage.unwrap_or(&guess);
    let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
    let mut told = json!({
        "input_tokens": usage.total_input().saturating_sub(usage.cache_read).saturating_sub(written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.total_output(),
    });
    if usage.reasoning > 0 {
        told["output_tokens_details"] = json!({"thinking_tokens": usage.reasoning});
    }
    // Anthropic has three tiers; one that is none of them would be a word that its clients do not know.
    if let Some(tier) = tier.and_then(|tier| match tier {
        "default" | "standard" => Some("standard"),
        "priority" => Some("priority"),
        "batch" => Some("batch"),
        _ => None,
    }) {
        told["service_tier"] = json!(tier);
    }
    told
}

/// A call's id as Anthropic takes it: letters, digits, `_` and `-`. Other providers' ids may have more, and a client may
/// bring them back to a model of Anthropic's.
pub(super) fn call_id(id: &str) -> String {
    id.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' }).collect()
}

/// The id of a call in an answer; one of ours where the provider gives none.
pub(super) fn answered_call_id(id: &str, call: usize, context: &Context) -> String {
    if id.is_empty() { format!("toolu_{}_{call}", context.id) } else { call_id(id) }
}

/// A call's arguments as an object, whatever the model wrote.
pub(super) fn arguments(call: &ToolCall) -> Value {
    call.object().map_or_else(|| json!({ NO_OBJECT: call.arguments }), Value::Object)
}

/// Anthropic's word for a sort of error that another provider has another word for.
pub(super) fn error_type(kind: Option<&str>) -> &'static str {
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    let known = [
        ("overloaded", "overloaded_error"),
        ("unavailable", "overloaded_error"),
        ("rate_limit", "rate_limit_error"),
        ("exhausted", "rate_limit_error"),
        ("throttling", "rate_limit_error"),
        ("quota", "rate_limit_error"),
        ("timeout", "timeout_error"),
        ("invalid", "invalid_request_error"),
        ("validation", "invalid_request_error"),
        ("context_length", "invalid_request_error"),
        ("authentication", "authentication_error"),
        ("permission", "permission_error"),
    ];
    known.iter().find(|(part, _)| kind.contains(part)).map_or("api_error", |(_, word)| word)
}
