//! Google's generateContent as an endpoint's dialect. The model and whether a stream is asked for stand in its URL.

mod answer;
mod config;
mod contents;
mod ids;

use serde_json::{Map, Value, json};

use super::Carry;
use super::neutral::{Request, Tool, ToolChoice};
use crate::domain::Failure;
use contents::Contents;

pub(super) use answer::{Reader, read_reply};

/// What differs between generations of the models.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Generation {
    /// Whether it is older than Gemini 3: thinking is measured in tokens, and what tools return is text.
    is_old: bool,
    /// Whether it wants a signature on its calls.
    wants_signatures: bool,
    /// Whether it thinks in more levels than Gemini 3, which has `high` at most.
    has_xhigh: bool,
}

impl Generation {
    fn of(model: &str) -> Self {
        let is_gemini = model.starts_with("gemini-");
        let is_old = ["gemini-1", "gemini-2"].iter().any(|old| model.starts_with(old));
        let has_xhigh = is_gemini && !is_old && !model.starts_with("gemini-3");
        Self { is_old, wants_signatures: is_gemini && !is_old, has_xhigh }
    }
}

/// Writes a request.
pub(super) fn write_request(request: &Request, model: &str, carry: &mut Carry<'_>) -> Result<Value, Failure> {
    let generation = Generation::of(model);
    let mut contents = Contents::new(generation);
    for message in &request.messages {
        contents.write(message, carry)?;
    }
    let mut body = Map::new();
    let (contents, system) = contents.finish();
    body.insert("contents".to_owned(), Value::Array(contents));
    if !system.is_empty() {
        body.insert("systemInstruction".to_owned(), json!({ "parts": system }));
    }
    if !request.tools.is_empty() {
        let declarations: Vec<Value> = request.tools.iter().map(declaration).collect();
        body.insert("tools".to_owned(), json!([{ "functionDeclarations": declarations }]));
        if let Some(calling) = calling(request) {
            body.insert("toolConfig".to_owned(), json!({ "functionCallingConfig": calling }));
        }
    }
    if request.parallel_tools == Some(false) && !request.tools.is_empty() {
        carry.refuse("parallel_tool_calls", "one call at a time, which cannot be asked for there")?;
    }
    let config = config::write(request, generation, carry)?;
    if !config.is_empty() {
        body.insert("generationConfig".to_owned(), Value::Object(config));
    }
    if let Some(tier) = config::service_tier(request, carry) {
        body.insert("serviceTier".to_owned(), json!(tier));
    }
    Ok(Value::Object(body))
}

fn declaration(tool: &Tool) -> Value {
    let mut written = json!({ "name": tool.name, "parametersJsonSchema": tool.parameters });
    if let Some(description) = &tool.description {
        written["description"] = json!(description);
    }
    written
}

/// `VALIDATED` is `AUTO` with arguments that fit their schemas, as `strict` asks; `ANY` has them fit anyway.
fn calling(request: &Request) -> Option<Value> {
    let is_strict = request.tools.iter().any(|tool| tool.strict == Some(true));
    match &request.tool_choice {
        None if !is_strict => None,
        None | Some(ToolChoice::Auto) => Some(json!({ "mode": if is_strict { "VALIDATED" } else { "AUTO" } })),
        Some(ToolChoice::None) => Some(json!({ "mode": "NONE" })),
        Some(ToolChoice::Required) => Some(json!({ "mode": "ANY" })),
        Some(ToolChoice::Named(name)) => Some(json!({ "mode": "ANY", "allowedFunctionNames": [name] })),
    }
}

#[cfg(test)]
mod tests;
