//! The response object, which every answer is and a stream begins and ends with.

use serde_json::{Map, Value, json};

use super::tools::defined;
use crate::dialect::translate::Context;
use crate::domain::Usage;

/// The fields of a request that its answer repeats, with what OpenAI puts in their place where they are left out: typed
/// clients want them all.
fn repeated() -> Map<String, Value> {
    let fields = json!({
        "background": false,
        "instructions": null,
        "max_output_tokens": null,
        "max_tool_calls": null,
        "metadata": {},
        "parallel_tool_calls": true,
        "prompt_cache_key": null,
        "reasoning": {"effort": null, "summary": null},
        "safety_identifier": null,
        "service_tier": "default",
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "user": null,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// What an answer repeats of its request.
pub(in crate::dialect::translate) fn echo(body: &[u8]) -> Map<String, Value> {
    let mut fields = repeated();
    let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut tools = defined(&body);
    tools.iter_mut().filter_map(Value::as_object_mut).filter(|tool| tool["type"] == "function").for_each(|tool| {
        tool.entry("strict").or_insert(json!(false));
        tool.entry("parameters").or_insert(Value::Null);
    });
    for (name, value) in fields.iter_mut() {
        if let Some(told) = body.get_mut(name).filter(|told| !told.is_null()) {
            *value = told.take();
        }
    }
    fields.insert("tools".to_owned(), Value::Array(tools));
    // What tier it is, the provider says.
    fields.insert("service_tier".to_owned(), json!("default"));
    if let Some(text) = fields.get_mut("text").and_then(Value::as_object_mut) {
        text.entry("format").or_insert(json!({"type": "text"}));
    }
    fields
}

/// A response object as far as an answer has got.
pub(super) struct Response<'a> {
    /// Its id.
    pub id: &'a str,
    /// The model that answers.
    pub model: &'a str,
    /// `in_progress`, `completed`, `incomplete`, `failed`.
    pub status: &'a str,
    /// The items that are done.
    pub output: &'a [Value],
    /// What was used; `None` before the end.
    pub usage: Option<Usage>,
    /// The tier of service.
    pub service_tier: Option<&'a str>,
    /// Why it is not complete.
    pub incomplete: Option<&'a str>,
    /// Why it failed.
    pub error: Option<Value>,
}

impl Response<'_> {
    /// As JSON.
    pub(super) fn write(&self, context: &Context) -> Value {
        let mut fields = repeated();
        fields.extend(context.echo.iter().map(|(name, value)| (name.clone(), value.clone())));
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        set("id", json!(self.id));
        set("object", json!("response"));
        set("created_at", json!(context.created));
        set("status", json!(self.status));
        set("completed_at", Value::Null);
        set("error", self.error.clone().unwrap_or_default());
        set("incomplete_details", self.incomplete.map_or(Value::Null, |reason| json!({"reason": reason})));
        set("model", json!(self.model));
        set("output", json!(self.output));
        set("previous_response_id", Value::Null);
        set("store", json!(false));
        set("usage", self.usage.as_ref().map_or(Value::Null, write_usage));
        if let Some(tier) = self.service_tier {
            set("service_tier", json!(tier));
        }
        Value::Object(fields)
    }
}

fn write_usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.total_input(),
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m.saturating_add(usage.cache_write_1h),
        },
        "output_tokens": usage.total_output(),
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total(),
    })
}
