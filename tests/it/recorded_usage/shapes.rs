//! Answers as the providers send them, whole and streamed, with filler for words.

use serde_json::{Value, json};

use super::Case;

/// Whose answer it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    Chat,
    Responses,
    Messages,
    Gemini,
}

/// All the tokens there are.
pub fn total(case: &Case) -> u64 {
    prompt(case) + case.answer + case.thought + case.spoken
}

fn prompt(case: &Case) -> u64 {
    case.text + case.cached + case.written_5m + case.written_1h + case.sound + case.pictures + case.of_tools
}

fn events(events: impl IntoIterator<Item = Value>, named: bool) -> String {
    let line = |event: Value| match (named, event["type"].as_str()) {
        (true, Some(kind)) => format!("event: {kind}\ndata: {event}\n\n"),
        _ => format!("data: {event}\n\n"),
    };
    events.into_iter().map(line).collect()
}

fn with(mut value: Value, key: &str, tier: Option<&str>) -> Value {
    if let Some(tier) = tier {
        value[key] = json!(tier);
    }
    value
}

impl Shape {
    /// The case without what a provider of this shape cannot tell.
    pub fn able(self, case: Case) -> Case {
        match self {
            // Written caches have one life, and searches are items of an answer in Responses only.
            Shape::Chat => Case {
                written_5m: 0,
                text: case.text + case.of_tools + case.written_5m + case.written_1h,
                of_tools: 0,
                written_1h: 0,
                searches: 0,
                ..case
            },
            Shape::Responses => Case {
                written_5m: 0,
                text: case.text + case.of_tools + case.written_5m + case.written_1h,
                of_tools: 0,
                written_1h: 0,
                sound: 0,
                spoken: 0,
                ..case
            },
            Shape::Messages => {
                Case { text: case.text + case.of_tools, of_tools: 0, sound: 0, pictures: 0, spoken: 0, ..case }
            }
            Shape::Gemini => Case {
                text: case.text + case.written_5m + case.written_1h,
                written_5m: 0,
                written_1h: 0,
                searches: 0,
                ..case
            },
        }
    }

    /// The answer.
    pub fn body(self, case: &Case, model: &str, tier: Option<&str>, streamed: bool) -> String {
        match (self, streamed) {
            (Shape::Chat, false) => chat(case, model, tier).to_string(),
            (Shape::Chat, true) => chat_stream(case, model, tier),
            (Shape::Responses, false) => response(case, model, tier, "completed").to_string(),
            (Shape::Responses, true) => response_stream(case, model, tier),
            (Shape::Messages, false) => message(case, model, tier).to_string(),
            (Shape::Messages, true) => message_stream(case, model, tier),
            (Shape::Gemini, false) => gemini(case, model, tier, "lorem ipsum", true).to_string(),
            (Shape::Gemini, true) => gemini_stream(case, model, tier),
        }
    }
}

fn chat_usage(case: &Case) -> Value {
    let answer = case.answer + case.thought + case.spoken;
    json!({
        "prompt_tokens": prompt(case), "completion_tokens": answer, "total_tokens": prompt(case) + answer,
        "prompt_tokens_details": {
            "cached_tokens": case.cached, "audio_tokens": case.sound, "image_tokens": case.pictures,
        },
        "completion_tokens_details": {
            "reasoning_tokens": case.thought, "audio_tokens": case.spoken, "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

fn chat(case: &Case, model: &str, tier: Option<&str>) -> Value {
    let body = json!({
        "id": "chatcmpl-CKrJ9rSbV2Wl", "object": "chat.completion", "created": 1_795_003_200, "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "lorem ipsum", "refusal": null,
            "annotations": []}, "logprobs": null, "finish_reason": "stop"}],
        "usage": chat_usage(case), "system_fingerprint": "fp_51db84afab",
    });
    with(body, "service_tier", tier)
}

fn chat_stream(case: &Case, model: &str, tier: Option<&str>) -> String {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-CKrJ9rSbV2Wl", "object": "chat.completion.chunk", "created": 1_795_003_200, "model": model,
            "system_fingerprint": "fp_51db84afab", "choices": choices, "usage": usage, "obfuscation": "x7Fz",
        });
        with(chunk, "service_tier", tier)
    };
    let delta =
        |delta: Value, reason: Value| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}]);
    let all = [
        chunk(delta(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null), Value::Null),
        chunk(delta(json!({"content": "lorem"}), Value::Null), Value::Null),
        chunk(delta(json!({"content": " ipsum"}), Value::Null), Value::Null),
        chunk(delta(json!({}), json!("stop")), Value::Null),
        chunk(json!([]), chat_usage(case)),
    ];
    events(all, false) + "data: [DONE]\n\n"
}

fn response(case: &Case, model: &str, tier: Option<&str>, status: &str) -> Value {
    let answer = case.answer + case.thought;
    let is_done = status == "completed";
    let mut output = vec![json!({"id": "rs_0d1", "type": "reasoning", "summary": []})];
    for number in 0..case.searches {
        let action = json!({"type": "search", "query": "lorem", "sources": []});
        output.push(
            json!({"id": format!("ws_{number}"), "type": "web_search_call", "status": "completed", "action": action}),
        );
    }
    // Opening what was found is no search.
    let action = json!({"type": "open_page", "url": "https://example.com/"});
    output.push(json!({"id": "ws_page", "type": "web_search_call", "status": "completed", "action": action}));
    let content = json!([{"type": "output_text", "annotations": [], "logprobs": [], "text": "lorem ipsum"}]);
    output.push(
        json!({"id": "msg_0d1", "type": "message", "status": "completed", "role": "assistant", "content": content}),
    );
    let usage = json!({
        "input_tokens": prompt(case), "input_tokens_details": {"cached_tokens": case.cached, "image_tokens": case.pictures},
        "output_tokens": answer, "output_tokens_details": {"reasoning_tokens": case.thought},
        "total_tokens": prompt(case) + answer,
    });
    let body = json!({
        "id": "resp_0d1f", "object": "response", "created_at": 1_795_003_200, "status": status, "background": false,
        "error": null, "incomplete_details": null, "instructions": null, "max_output_tokens": null, "model": model,
        "output": if is_done { json!(output) } else { json!([]) }, "parallel_tool_calls": true,
        "previous_response_id": null, "reasoning": {"effort": "medium", "summary": null}, "store": true,
        "temperature": 1.0, "text": {"format": {"type": "text"}, "verbosity": "medium"}, "tool_choice": "auto",
        "tools": [{"type": "web_search"}], "top_p": 1.0, "truncation": "disabled",
        "usage": if is_done { usage } else { Value::Null }, "user": null, "metadata": {},
    });
    // Until it is known who serves it, it says what was asked for.
    with(body, "service_tier", if is_done { tier } else { Some("auto") })
}

fn response_stream(case: &Case, model: &str, tier: Option<&str>) -> String {
    let begun = response(case, model, tier, "in_progress");
    let item = json!({"id": "msg_0d1", "type": "message", "status": "in_progress", "role": "assistant", "content": []});
    let all = [
        json!({"type": "response.created", "sequence_number": 0, "response": begun}),
        json!({"type": "response.in_progress", "sequence_number": 1, "response": begun}),
        json!({"type": "response.output_item.added", "sequence_number": 2, "output_index": 1, "item": item}),
        json!({"type": "response.output_text.delta", "sequence_number": 3, "item_id": "msg_0d1", "output_index": 1,
            "content_index": 0, "delta": "lorem ipsum", "logprobs": []}),
        json!({"type": "response.completed", "sequence_number": 4, "response": response(case, model, tier, "completed")}),
    ];
    events(all, true)
}

fn message_usage(case: &Case, tier: Option<&str>) -> Value {
    let usage = json!({
        "input_tokens": case.text, "cache_creation_input_tokens": case.written_5m + case.written_1h,
        "cache_read_input_tokens": case.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": case.written_5m, "ephemeral_1h_input_tokens": case.written_1h},
        "output_tokens": case.answer + case.thought, "output_tokens_details": {"thinking_tokens": case.thought},
        "server_tool_use": {"web_search_requests": case.searches, "web_fetch_requests": 1},
        "inference_geo": "global",
    });
    with(usage, "service_tier", tier)
}

fn message(case: &Case, model: &str, tier: Option<&str>) -> Value {
    json!({
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant", "model": model,
        "content": [{"type": "text", "text": "lorem ipsum"}], "stop_reason": "end_turn", "stop_sequence": null,
        "container": null, "context_management": null, "usage": message_usage(case, tier),
    })
}

fn message_stream(case: &Case, model: &str, tier: Option<&str>) -> String {
    let mut first = message_usage(&Case { answer: 1, thought: 0, searches: 0, ..*case }, tier);
    let told = first.as_object_mut().expect("an object");
    told.remove("output_tokens_details");
    told.remove("server_tool_use");
    let half = json!({"output_tokens": (case.answer + case.thought) / 2});
    // The totals again, cumulative, and without how the written cache divides.
    let last = json!({
        "input_tokens": case.text, "cache_creation_input_tokens": case.written_5m + case.written_1h,
        "cache_read_input_tokens": case.cached, "output_tokens": case.answer + case.thought,
        "output_tokens_details": {"thinking_tokens": case.thought},
        "server_tool_use": {"web_search_requests": case.searches, "web_fetch_requests": 1},
    });
    let message = json!({
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": first,
    });
    let all = [
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lorem ipsum"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": null, "stop_sequence": null}, "usage": half}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": last}),
        json!({"type": "message_stop"}),
    ];
    events(all, true)
}

fn modality(parts: &[(&str, u64)]) -> Value {
    let told = parts.iter().filter(|(_, tokens)| *tokens > 0);
    told.map(|(modality, tokens)| json!({"modality": modality, "tokenCount": tokens})).collect()
}

/// Google counts what tools fed in beside the prompt, and thoughts beside the answer; the parts of a cache inside both.
fn gemini(case: &Case, model: &str, tier: Option<&str>, text: &str, is_last: bool) -> Value {
    let told = prompt(case) - case.of_tools;
    let mut usage = json!({
        "promptTokenCount": told, "totalTokenCount": total(case),
        "promptTokensDetails":
            modality(&[("TEXT", case.text + case.cached), ("AUDIO", case.sound), ("IMAGE", case.pictures)]),
        "candidatesTokensDetails": modality(&[("TEXT", case.answer), ("AUDIO", case.spoken)]),
    });
    let optional = [
        ("cachedContentTokenCount", case.cached),
        ("toolUsePromptTokenCount", case.of_tools),
        ("thoughtsTokenCount", case.thought),
        ("candidatesTokenCount", case.answer + case.spoken),
    ];
    for (key, tokens) in optional.into_iter().filter(|(_, tokens)| *tokens > 0) {
        usage[key] = json!(tokens);
    }
    if case.cached > 0 {
        usage["cacheTokensDetails"] = modality(&[("TEXT", case.cached)]);
    }
    if case.of_tools > 0 {
        usage["toolUsePromptTokensDetails"] = modality(&[("TEXT", case.of_tools)]);
    }
    // Vertex names the kind of traffic, AI Studio the tier.
    let key = if tier.is_some_and(|tier| tier.starts_with("ON_DEMAND")) { "trafficType" } else { "serviceTier" };
    let usage = with(usage, key, tier);
    let mut candidate = json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
    if is_last {
        candidate["finishReason"] = json!("STOP");
    }
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "kZc9aZ3"})
}

fn gemini_stream(case: &Case, model: &str, tier: Option<&str>) -> String {
    let begun = Case { answer: case.answer.min(2), thought: 0, spoken: 0, ..*case };
    let all = [gemini(&begun, model, tier, "lorem", false), gemini(case, model, tier, " ipsum", true)];
    events(all, false)
}
