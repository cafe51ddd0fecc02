//! How the answer is to be made: sampling, form, thinking, tier of service.

use serde_json::{Map, Value, json};

use super::Generation;
use crate::dialect::translate::Carry;
use crate::dialect::translate::neutral::{Format, Reasoning, Request};
use crate::domain::Failure;

/// The generation's settings.
pub(super) fn write(
    request: &Request,
    generation: Generation,
    carry: &mut Carry<'_>,
) -> Result<Map<String, Value>, Failure> {
    let mut config = Map::new();
    if let Some(most) = request.max_output {
        config.insert("maxOutputTokens".to_owned(), json!(most));
    }
    if !request.stop.is_empty() {
        config.insert("stopSequences".to_owned(), json!(request.stop));
    }
    for (name, value) in &request.sampling {
        let theirs = match name.as_str() {
            "temperature" => "temperature",
            "top_p" => "topP",
            "top_k" => "topK",
            "seed" => "seed",
            "frequency_penalty" => "frequencyPenalty",
            "presence_penalty" => "presencePenalty",
            _ => {
                carry.refuse(name, "a number that steers sampling")?;
                continue;
            }
        };
        config.insert(theirs.to_owned(), value.clone());
    }
    format(request, &mut config, carry);
    if let Some(reasoning) = &request.reasoning
        && let Some(thinking) = thinking(reasoning, generation, carry)?
    {
        config.insert("thinkingConfig".to_owned(), thinking);
    }
    // How much to say is a matter of taste, and a system prompt's here.
    if request.verbosity.is_some() {
        carry.hint("verbosity");
    }
    // The neutral answer is one answer, and without probabilities.
    if request.answers > 1 {
        carry.refuse("n", "more than one answer")?;
    }
    if request.logprobs.is_some() {
        carry.refuse("logprobs", "probabilities of tokens")?;
    }
    Ok(config)
}

fn format(request: &Request, config: &mut Map<String, Value>, carry: &mut Carry<'_>) {
    if request.format == Format::Text {
        return;
    }
    config.insert("responseMimeType".to_owned(), json!("application/json"));
    if let Format::JsonSchema { description, schema, .. } = &request.format {
        config.insert("responseJsonSchema".to_owned(), schema.clone());
        if description.is_some() {
            carry.hint("response_format.json_schema.description");
        }
    }
}

/// Whoever asks for thinking is shown it, where the caller's dialect has a place for it.
fn thinking(reasoning: &Reasoning, generation: Generation, carry: &mut Carry<'_>) -> Result<Option<Value>, Failure> {
    let is_old = generation.is_old;
    Ok(Some(match reasoning {
        Reasoning::Off if is_old => json!({ "thinkingBudget": 0 }),
        // As little as there is.
        Reasoning::Off => json!({ "thinkingLevel": "MINIMAL" }),
        Reasoning::Adaptive if is_old => json!({ "thinkingBudget": -1, "includeThoughts": true }),
        Reasoning::Adaptive => json!({ "includeThoughts": true }),
        Reasoning::Budget(tokens) => json!({ "thinkingBudget": tokens, "includeThoughts": true }),
        Reasoning::Effort(effort) => {
            let (budget, level) = match effort.as_str() {
                // The budgets are what Google's own OpenAI-compatible URL makes of these words.
                "minimal" => (1024, "MINIMAL"),
                "low" => (1024, "LOW"),
                "medium" => (8192, "MEDIUM"),
                "high" => (24576, "HIGH"),
                "xhigh" | "max" => (24576, if generation.has_xhigh { "XHIGH" } else { "HIGH" }),
                _ => {
                    carry.refuse("reasoning_effort", "a word that is not known here")?;
                    return Ok(None);
                }
            };
            match is_old {
                true => json!({ "thinkingBudget": budget, "includeThoughts": true }),
                false => json!({ "thinkingLevel": level, "includeThoughts": true }),
            }
        }
    }))
}

/// The tier of service in Google's words.
pub(super) fn service_tier(request: &Request, carry: &mut Carry<'_>) -> Option<&'static str> {
    match request.service_tier.as_deref() {
        None | Some("auto") => None,
        Some("default") => Some("standard"),
        Some("flex") => Some("flex"),
        Some("priority") => Some("priority"),
        Some(_) => {
            carry.hint("service_tier");
            None
        }
    }
}
