//! Requests: everything but the conversation itself.

use serde_json::{Map, Value, json};

use super::read_messages::read_messages;
use super::tools::{read_choice, read_tools, write_choice, write_tool};
use super::write_messages::write_messages;
use crate::dialect::translate::fields::Fields;
use crate::dialect::translate::neutral::{Format, Reasoning, Request};
use crate::dialect::translate::{Carry, effort};
use crate::domain::Failure;

/// Numbers that steer sampling.
const SAMPLING: [&str; 6] = ["temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty"];

/// Fields that tell the provider something and change no answer.
const HINTS: [&str; 7] =
    ["metadata", "user", "store", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "prediction"];

/// Reads a request.
pub(in crate::dialect::translate) fn read_request(body: &[u8], carry: &mut Carry<'_>) -> Result<Request, Failure> {
    let value: Value = serde_json::from_slice(body).map_err(|_| carry.malformed("body", "valid JSON"))?;
    let mut fields = Fields::of(value, "", carry)?;
    fields.take("model");
    read_stream_options(&mut fields, carry)?;
    let messages = fields.array("messages", carry)?.ok_or_else(|| carry.malformed("messages", "an array"))?;
    let mut sampling = Map::new();
    for name in SAMPLING {
        if let Some(number) = fields.number(name, carry)? {
            sampling.insert(name.to_owned(), number);
        }
    }
    let max_tokens = fields.count("max_tokens", carry)?;
    let request = Request {
        messages: read_messages(messages, carry)?,
        tools: read_tools(&mut fields, carry)?,
        tool_choice: match fields.take("tool_choice") {
            Some(choice) => read_choice(&choice, carry)?,
            None => None,
        },
        parallel_tools: fields.truth("parallel_tool_calls", carry)?,
        max_output: fields.count("max_completion_tokens", carry)?.or(max_tokens),
        stop: read_stop(&mut fields, carry)?,
        sampling,
        format: read_format(&mut fields, carry)?,
        verbosity: fields.text("verbosity", carry)?,
        reasoning: fields.text("reasoning_effort", carry)?.map(|effort| match effort.as_str() {
            "none" => Reasoning::Off,
            _ => Reasoning::Effort(effort),
        }),
        logprobs: read_logprobs(&mut fields, carry)?,
        answers: fields.count("n", carry)?.unwrap_or(1),
        stream: fields.truth("stream", carry)?.unwrap_or(false),
        service_tier: fields.text("service_tier", carry)?,
    };
    if fields.peek("modalities").is_some_and(|asked| *asked == json!(["text"])) {
        fields.take("modalities");
    }
    fields.refuse("modalities", "an answer in sound", carry)?;
    fields.refuse("audio", "an answer in sound", carry)?;
    fields.refuse("logit_bias", "weights of single tokens", carry)?;
    fields.refuse("functions", "the form of tools before `tools`", carry)?;
    fields.refuse("function_call", "the form of tools before `tools`", carry)?;
    fields.refuse("web_search_options", "a tool that runs at the provider", carry)?;
    fields.hints(&HINTS, carry);
    fields.end(carry)?;
    Ok(request)
}

/// Whether usage was asked for is known from the prompt, and is not left out; how chunks are padded is.
fn read_stream_options(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<(), Failure> {
    let Some(mut options) = fields.object("stream_options", carry)? else { return Ok(()) };
    options.take("include_usage");
    options.hints(&["include_obfuscation"], carry);
    options.end(carry)
}

fn read_logprobs(fields: &mut Fields, carry: &Carry<'_>) -> Result<Option<u64>, Failure> {
    let asked = fields.truth("logprobs", carry)?.unwrap_or(false);
    let top = fields.count("top_logprobs", carry)?;
    Ok(asked.then(|| top.unwrap_or(0)))
}

fn read_stop(fields: &mut Fields, carry: &Carry<'_>) -> Result<Vec<String>, Failure> {
    let strings = || carry.malformed("stop", "a string or an array of strings");
    match fields.take("stop") {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(texts)) => {
            texts.into_iter().map(|text| text.as_str().map(str::to_owned).ok_or_else(strings)).collect()
        }
        Some(_) => Err(strings()),
    }
}

fn read_format(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Format, Failure> {
    let Some(mut format) = fields.object("response_format", carry)? else { return Ok(Format::Text) };
    let read = match format.needed_text("type", carry)?.as_str() {
        "text" => Format::Text,
        "json_object" => Format::JsonObject,
        "json_schema" => {
            let schema = format.object("json_schema", carry)?;
            let mut schema = schema.ok_or_else(|| carry.malformed("response_format.json_schema", "an object"))?;
            let read = Format::JsonSchema {
                name: schema.text("name", carry)?,
                description: schema.text("description", carry)?,
                schema: schema.take("schema").unwrap_or_else(|| json!({})),
                strict: schema.truth("strict", carry)?,
            };
            schema.end(carry)?;
            read
        }
        _ => {
            carry.refuse("response_format.type", "a form of answers that is not known here")?;
            return Ok(Format::Text);
        }
    };
    format.end(carry)?;
    Ok(read)
}

/// Writes a request.
pub(in crate::dialect::translate) fn write_request(
    request: &Request,
    model: &str,
    carry: &mut Carry<'_>,
) -> Result<Value, Failure> {
    refuse(request, model, carry)?;
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("model", model.into());
    put("messages", write_messages(&request.messages, model, carry)?.into());
    if !request.tools.is_empty() {
        put("tools", request.tools.iter().map(write_tool).collect());
        if let Some(choice) = &request.tool_choice {
            put("tool_choice", write_choice(choice));
        }
        if let Some(parallel) = request.parallel_tools {
            put("parallel_tool_calls", parallel.into());
        }
    }
    if let Some(most) = request.max_output {
        // The older name, which every compatible server knows; OpenAI's own models of reasoning take only the newer one.
        put(if effort::reasons(model) { "max_completion_tokens" } else { "max_tokens" }, most.into());
    }
    if !request.stop.is_empty() {
        put("stop", request.stop.clone().into());
    }
    for (name, value) in &request.sampling {
        // Refused above, or left out as the operator allows.
        if name != "top_k" || !effort::is_openais(model) {
            put(name, value.clone());
        }
    }
    if let Some(format) = write_format(&request.format) {
        put("response_format", format);
    }
    match &request.verbosity {
        Some(verbosity) if effort::reasons(model) => drop(put("verbosity", verbosity.as_str().into())),
        // How much to say is a matter of taste, and a system prompt's elsewhere.
        Some(_) => carry.hint("verbosity"),
        None => {}
    }
    if let Some(effort) = write_effort(request, model, carry) {
        put("reasoning_effort", effort.into());
    }
    match request.service_tier.as_deref() {
        // What happens anyway needs no word, which not every server would understand.
        None | Some("auto") => {}
        Some(tier) if effort::is_openais(model) => drop(put("service_tier", tier.into())),
        Some(_) => carry.hint("service_tier"),
    }
    if request.stream {
        put("stream", true.into());
        put("stream_options", json!({"include_usage": true}));
    }
    Ok(Value::Object(body))
}

/// How much to think, where the model is known to be told so by its name: others refuse the field, and how much a model
/// thinks is its own affair there.
fn write_effort<'r>(request: &'r Request, model: &str, carry: &mut Carry<'_>) -> Option<&'r str> {
    let asked = request.reasoning.as_ref()?;
    if !effort::reasons(model) {
        carry.hint("reasoning");
        return None;
    }
    match asked {
        Reasoning::Off => Some(effort::least(model)),
        Reasoning::Adaptive => None,
        Reasoning::Effort(effort) => Some(effort::openais(effort, model)),
        Reasoning::Budget(tokens) => {
            carry.hint("thinking.budget_tokens");
            Some(effort::of_budget(*tokens, request.max_output))
        }
    }
}

/// What cannot be said here, or not be carried back.
fn refuse(request: &Request, model: &str, carry: &mut Carry<'_>) -> Result<(), Failure> {
    if request.answers > 1 {
        carry.refuse("n", "several answers")?;
    }
    if request.logprobs.is_some() {
        carry.refuse("logprobs", "how probable the tokens of the answer are")?;
    }
    if request.sampling.contains_key("top_k") && effort::is_openais(model) {
        carry.refuse("top_k", "a sampling parameter, which OpenAI's models do not take")?;
    }
    Ok(())
}

fn write_format(format: &Format) -> Option<Value> {
    match format {
        Format::Text => None,
        Format::JsonObject => Some(json!({"type": "json_object"})),
        Format::JsonSchema { name, description, schema, strict } => {
            let mut inside = Map::from_iter([
                ("name".to_owned(), Value::from(name.as_deref().unwrap_or("answer"))),
                ("schema".to_owned(), schema.clone()),
            ]);
            if let Some(description) = description {
                inside.insert("description".to_owned(), description.as_str().into());
            }
            if let Some(strict) = strict {
                inside.insert("strict".to_owned(), (*strict).into());
            }
            Some(json!({"type": "json_schema", "json_schema": inside}))
        }
    }
}
