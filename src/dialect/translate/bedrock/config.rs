//! How the answer is to be made: limits, sampling, form, thinking, tier of service.

use serde_json::{Map, Value, json};

use super::Maker;
use super::thinking::Thinking;
use crate::dialect::translate::Carry;
use crate::dialect::translate::messages::thinking::Abilities;
use crate::dialect::translate::neutral::{Format, Request};
use crate::domain::Failure;

/// Adds the settings.
pub(super) fn write(
    request: &Request,
    model: &str,
    maker: Maker,
    body: &mut Map<String, Value>,
    carry: &mut Carry<'_>,
) -> Result<(), Failure> {
    let mut inference = Map::new();
    let mut additional = Map::new();
    let mut output = Map::new();
    if let Some(most) = request.max_output {
        inference.insert("maxTokens".to_owned(), json!(most));
    }
    if !request.stop.is_empty() {
        inference.insert("stopSequences".to_owned(), json!(request.stop));
        if maker == Maker::Anthropic {
            // Which of them it was is told only on request.
            body.insert("additionalModelResponseFieldPaths".to_owned(), json!(["/stop_sequence"]));
        }
    }
    let takes_sampling = maker != Maker::Anthropic || Abilities::of(model).sampling;
    sampling(request, maker, takes_sampling, (&mut inference, &mut additional), carry)?;
    if let Some(format) = format(request, carry)? {
        output.insert("textFormat".to_owned(), format);
    }
    if let Some(reasoning) = &request.reasoning {
        let Thinking { fields, effort } = Thinking::of(reasoning, request, model, maker, carry)?;
        additional.extend(fields);
        output.extend(effort.map(|effort| ("effort".to_owned(), json!(effort))));
    }
    if let Some(tier) = service_tier(request, carry) {
        body.insert("serviceTier".to_owned(), json!({ "type": tier }));
    }
    let parts =
        [("inferenceConfig", inference), ("additionalModelRequestFields", additional), ("outputConfig", output)];
    for (name, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
        body.insert(name.to_owned(), Value::Object(part));
    }
    refuse(request, carry)
}

/// What cannot be said here.
fn refuse(request: &Request, carry: &mut Carry<'_>) -> Result<(), Failure> {
    // How much to say is a matter of taste, and a system prompt's here.
    if request.verbosity.is_some() {
        carry.hint("verbosity");
    }
    if request.answers > 1 {
        carry.refuse("n", "more than one answer")?;
    }
    if request.logprobs.is_some() {
        carry.refuse("logprobs", "probabilities of tokens")?;
    }
    Ok(())
}

fn sampling(
    request: &Request,
    maker: Maker,
    takes_sampling: bool,
    (inference, additional): (&mut Map<String, Value>, &mut Map<String, Value>),
    carry: &mut Carry<'_>,
) -> Result<(), Failure> {
    for (name, value) in &request.sampling {
        let number = value.as_f64();
        let (place, theirs) = match name.as_str() {
            // What is the default anyway needs no word, and newer models of Anthropic's take none.
            "temperature" | "top_p" if maker == Maker::Anthropic && number == Some(1.0) => continue,
            "frequency_penalty" | "presence_penalty" if number == Some(0.0) => continue,
            "temperature" | "top_p" | "top_k" if !takes_sampling => {
                carry.refuse(name, "a sampling parameter, of which this model takes none")?;
                continue;
            }
            "temperature" => (&mut *inference, "temperature"),
            "top_p" => (&mut *inference, "topP"),
            "top_k" if maker == Maker::Anthropic => (&mut *additional, "top_k"),
            _ => {
                carry.refuse(name, "a number that steers sampling")?;
                continue;
            }
        };
        place.insert(theirs.to_owned(), value.clone());
    }
    Ok(())
}

/// The schema goes as text.
fn format(request: &Request, carry: &mut Carry<'_>) -> Result<Option<Value>, Failure> {
    let (name, description, schema) = match &request.format {
        Format::Text => return Ok(None),
        Format::JsonObject => {
            carry.refuse("response_format", "a JSON object without a schema")?;
            return Ok(None);
        }
        Format::JsonSchema { name, description, schema, .. } => (name, description, schema),
    };
    let mut written = json!({ "schema": schema.to_string() });
    if let Some(name) = name {
        written["name"] = json!(name);
    }
    if let Some(description) = description {
        written["description"] = json!(description);
    }
    Ok(Some(json!({ "type": "json_schema", "structure": { "jsonSchema": written } })))
}

/// The tier of service in Amazon's words.
fn service_tier(request: &Request, carry: &mut Carry<'_>) -> Option<&'static str> {
    match request.service_tier.as_deref() {
        None | Some("auto") => None,
        Some("default") => Some("default"),
        Some("flex") => Some("flex"),
        Some("priority") => Some("priority"),
        Some(_) => {
            carry.hint("service_tier");
            None
        }
    }
}
