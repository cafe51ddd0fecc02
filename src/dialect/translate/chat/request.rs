//! Requests: everything but the conversation itself.

use serde_json::{Map, Value, json};

use super::messages::{read_messages, write_messages};
use crate::dialect::translate::Carry;
use crate::dialect::translate::fields::Fields;
use crate::dialect::translate::neutral::{Format, Reasoning, Request, Tool, ToolChoice, freeform_schema};
use crate::domain::{Dialect, Failure};

/// Numbers that steer sampling.
const SAMPLING: [&str; 6] = ["temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty"];

/// Fields that tell the provider something and change no answer.
const HINTS: [&str; 8] = [
    "metadata",
    "user",
    "store",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "stream_options",
    "prediction",
];

/// Reads a request.
pub(in crate::dialect::translate) fn read_request(body: &[u8], carry: &mut Carry<'_>) -> Result<Request, Failure> {
    let value: Value = serde_json::from_slice(body).map_err(|_| carry.malformed("body", "valid JSON"))?;
    let mut fields = Fields::of(value, "", carry)?;
    fields.take("model");
    // Whether usage was asked for is known from the prompt, and is not left out.
    fields.take("stream_options");
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
        tool_choice: fields.take("tool_choice").map(|choice| read_choice(&choice, carry)).transpose()?,
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
    match format.needed_text("type", carry)?.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
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
            Ok(read)
        }
        _ => {
            carry.refuse("response_format.type", "a form of answers that is not known here")?;
            Ok(Format::Text)
        }
    }
}

fn read_tools(fields: &mut Fields, carry: &mut Carry<'_>) -> Result<Vec<Tool>, Failure> {
    let mut tools = Vec::new();
    for (place, value) in fields.array("tools", carry)?.unwrap_or_default().into_iter().enumerate() {
        let mut tool = Fields::of(value, format!("tools[{place}]"), carry)?;
        let kind = tool.needed_text("type", carry)?;
        let Some(mut inside) = tool.object(if kind == "custom" { "custom" } else { "function" }, carry)? else {
            carry.refuse(&format!("tools[{place}].{kind}"), "a tool that runs at the provider")?;
            continue;
        };
        let name = inside.needed_text("name", carry)?;
        let mut description = inside.text("description", carry)?;
        let is_freeform = kind == "custom";
        if let Some(format) = inside.take("format").filter(|_| is_freeform) {
            description = Some(with_grammar(description, &format));
            carry.hint("tools.format");
        }
        let given = inside.take("parameters").filter(|_| !is_freeform);
        let parameters = given.unwrap_or_else(|| if is_freeform { freeform_schema() } else { no_arguments() });
        tools.push(Tool { name, description, parameters, strict: inside.truth("strict", carry)? });
        inside.hints(&["cache_control"], carry);
        tool.hints(&["cache_control"], carry);
        inside.end(carry)?;
        tool.end(carry)?;
    }
    Ok(tools)
}

/// A freeform tool's grammar is told to the model where nothing can enforce it.
fn with_grammar(description: Option<String>, format: &Value) -> String {
    let description = description.unwrap_or_default();
    match format.get("grammar").and_then(|grammar| grammar.get("definition")).and_then(Value::as_str) {
        Some(grammar) => format!("{description}\n\nThe input must fit this grammar:\n{grammar}"),
        None => description,
    }
}

/// The schema of a function without arguments.
fn no_arguments() -> Value {
    json!({"type": "object", "properties": {}})
}

fn read_choice(choice: &Value, carry: &mut Carry<'_>) -> Result<ToolChoice, Failure> {
    let named = |kind: &str| choice.get(kind).and_then(|named| named.get("name")).and_then(Value::as_str);
    match (choice.as_str(), named("function").or(named("custom"))) {
        (Some("none"), _) => Ok(ToolChoice::None),
        (Some("required"), _) => Ok(ToolChoice::Required),
        (None, Some(name)) => Ok(ToolChoice::Named(name.to_owned())),
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        _ => carry.refuse("tool_choice", "a choice that is not known here").map(|()| ToolChoice::Auto),
    }
}

/// Writes a request.
pub(in crate::dialect::translate) fn write_request(
    request: &Request,
    model: &str,
    carry: &mut Carry<'_>,
) -> Result<Value, Failure> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("model", model.into());
    put("messages", write_messages(&request.messages, carry)?.into());
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
        put(if is_openais(model) { "max_completion_tokens" } else { "max_tokens" }, most.into());
    }
    if !request.stop.is_empty() {
        put("stop", request.stop.clone().into());
    }
    request.sampling.iter().for_each(|(name, value)| drop(put(name, value.clone())));
    if let Some(format) = write_format(&request.format) {
        put("response_format", format);
    }
    if let Some(verbosity) = request.verbosity.as_ref().filter(|_| is_openais(model)) {
        put("verbosity", verbosity.as_str().into());
    }
    if let Some(effort) = effort(request, model, carry) {
        put("reasoning_effort", effort.into());
    }
    if let Some(top) = request.logprobs {
        put("logprobs", true.into());
        put("top_logprobs", top.into());
    }
    if request.answers > 1 {
        put("n", request.answers.into());
    }
    if let (Some(tier), Dialect::OpenaiResponses) = (&request.service_tier, carry.from()) {
        put("service_tier", tier.as_str().into());
    } else if request.service_tier.is_some() {
        carry.hint("service_tier");
    }
    if request.stream {
        put("stream", true.into());
        put("stream_options", json!({"include_usage": true}));
    }
    Ok(Value::Object(body))
}

/// Whether a model is one of OpenAI's own of the kind that reasons, by its name.
fn is_openais(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    ["gpt-5", "gpt-6", "gpt-7", "o1", "o3", "o4"].iter().any(|family| name.starts_with(family))
}

/// How much to think, where the model is known to be told so by its name: others refuse the field, and how much a model
/// thinks is its own affair there.
fn effort(request: &Request, model: &str, carry: &mut Carry<'_>) -> Option<String> {
    let asked = request.reasoning.as_ref()?;
    let word = match asked {
        Reasoning::Off => "none",
        Reasoning::Adaptive => return None,
        Reasoning::Effort(effort) if effort == "max" => "xhigh",
        Reasoning::Effort(effort) => effort,
        // The shares of a context in which providers that have both put the words.
        Reasoning::Budget(0..2048) => "low",
        Reasoning::Budget(2048..16384) => "medium",
        Reasoning::Budget(_) => "high",
    };
    if is_openais(model) {
        return Some(word.to_owned());
    }
    carry.hint("reasoning");
    None
}

fn write_tool(tool: &Tool) -> Value {
    let mut function = Map::from_iter([("name".to_owned(), Value::from(tool.name.as_str()))]);
    if let Some(description) = &tool.description {
        function.insert("description".to_owned(), description.as_str().into());
    }
    function.insert("parameters".to_owned(), tool.parameters.clone());
    if let Some(strict) = tool.strict {
        function.insert("strict".to_owned(), strict.into());
    }
    json!({"type": "function", "function": function})
}

fn write_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
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
