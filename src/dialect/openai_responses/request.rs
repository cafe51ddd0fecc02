//! Requests: read once into spans, and changed by splicing.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::items::{Item, Items, OWN_REASONING};
use crate::dialect::body::{Fields, malformed, read, reason, splice, wrong_type};
use crate::dialect::json::span_in;
use crate::dialect::{Limits, Wanted};
use crate::domain::{Call, Dialect, Door, Failure, Mark, OutputFormat, Piece, Prompt, Role, Span, Text, Turn};

const NAMES: &[&str] = &[
    "model",
    "input",
    "instructions",
    "stream",
    "tools",
    "text",
    "max_output_tokens",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "background",
    "previous_response_id",
    "conversation",
    "prompt",
    "messages",
];

/// Reads a request's body. It comes through the door of Chat Completions too: a client has its reasons.
pub fn parse(door: Door, body: Bytes, limits: &Limits) -> Result<Prompt, Failure> {
    let fields = Fields::read(&body, NAMES, limits)?;
    let at = |value: &RawValue| span_in(&body, value.get());

    let model = fields.set("model").ok_or_else(|| {
        malformed("`model` is missing: name a model, or `auto` to be routed by the rules").with_param("model")
    })?;
    let name: String = read(model).ok_or_else(|| wrong_type("model", "a string"))?;
    let stream: Option<bool> = fields.typed("stream", "true or false")?;
    let max_output: Option<u64> = fields.typed("max_output_tokens", "a whole number from 0 on")?;
    let (output, response_format) = output_format(&fields)?;
    let pins = pins(&fields)?;
    let input = input(&body, &fields, !pins.is_empty())?;
    let tools = fields.set("tools").map(at).or(input.tools);
    let mut turns: Vec<Turn> = instructions(&body, &fields)?.into_iter().collect();
    let before = u32::try_from(turns.len()).unwrap_or(0);
    turns.extend(input.turns);
    let calls = input.calls.into_iter().map(|call| Call { turn: call.turn + before, ..call });

    Ok(Prompt {
        dialect: Dialect::OpenaiResponses,
        door,
        model: name,
        model_span: at(model),
        stream: stream.unwrap_or(false),
        stream_span: fields.value("stream").map(at),
        // Every stream of this dialect ends with it.
        wants_usage: true,
        stream_options: None,
        turns,
        tools,
        tool_count: tools.map_or(Ok(0), |tools| tool_count(&body, tools))?,
        response_format: response_format.map(at),
        output,
        max_output,
        answers: 1,
        dear_tier: fields.names_dear_tier(),
        background: fields.typed("background", "true or false")?.unwrap_or(false),
        pins,
        signed: input.signed,
        calls: calls.collect(),
        named: fields.set("prompt_cache_key").map(at),
        cache_life: fields.asks_to_keep(),
        body: body.clone(),
    })
}

fn output_format<'a>(fields: &Fields<'a>) -> Result<(OutputFormat, Option<&'a RawValue>), Failure> {
    #[derive(Deserialize)]
    struct Config<'a> {
        #[serde(borrow, default)]
        format: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Format<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }
    let config: Option<Config<'a>> = fields.typed("text", "an object such as {\"format\": {\"type\": \"text\"}}")?;
    let Some(value) = config.and_then(|config| config.format) else { return Ok((OutputFormat::Text, None)) };
    let format: Format<'_> =
        read(value).ok_or_else(|| wrong_type("text", "an object whose `format` has a `type` of text"))?;
    let output = match &*format.kind {
        "json_object" => OutputFormat::JsonObject,
        "json_schema" => OutputFormat::JsonSchema,
        _ => OutputFormat::Text,
    };
    Ok((output, Some(value)))
}

fn tool_count(body: &[u8], tools: Span) -> Result<u32, Failure> {
    let tools = &body[tools.start as usize..tools.end as usize];
    let tools: Vec<IgnoredAny> = serde_json::from_slice(tools).map_err(|_| wrong_type("tools", "an array"))?;
    Ok(u32::try_from(tools.len()).unwrap_or(u32::MAX))
}

/// What the provider holds and the request goes on from.
fn pins(fields: &Fields<'_>) -> Result<Vec<Mark>, Failure> {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    let previous: Option<String> = fields.typed("previous_response_id", "a string")?;
    let conversation = fields.set("conversation").map(|value| {
        let object = Some(value).filter(|value| value.get().starts_with('{')).and_then(read::<Object<'_>>);
        let id = object.map(|object| object.id.into_owned()).or_else(|| read(value));
        id.ok_or_else(|| wrong_type("conversation", "an id, or an object with an `id`"))
    });
    let ids = previous.into_iter().chain(conversation.transpose()?);
    Ok(ids.map(|id| Mark::of(&id)).collect())
}

fn instructions(body: &[u8], fields: &Fields<'_>) -> Result<Option<Turn>, Failure> {
    let Some(value) = fields.set("instructions") else { return Ok(None) };
    if !value.get().starts_with('"') {
        return Err(wrong_type("instructions", "a string"));
    }
    let text = Piece::Text(Text(span_in(body, value.get())));
    Ok(Some(Turn { role: Role::System, pieces: vec![text] }))
}

/// The conversation. It may be missing where the provider holds one to go on from, or the whole prompt.
fn input(body: &[u8], fields: &Fields<'_>, goes_on: bool) -> Result<Items, Failure> {
    let Some(value) = fields.set("input") else {
        if goes_on || fields.set("prompt").is_some() {
            return Ok(Items::default());
        }
        let is_chat = fields.set("messages").is_some();
        let hint = if is_chat { "; a body with `messages` belongs to Chat Completions" } else { "" };
        return Err(malformed(format!("`input` is missing{hint}")).with_param("input"));
    };
    match value.get().as_bytes()[0] {
        b'"' => {
            let text = Piece::Text(Text(span_in(body, value.get())));
            Ok(Items { turns: vec![Turn { role: Role::User, pieces: vec![text] }], ..Items::default() })
        }
        b'[' => Items::read(body, &raw_items(value)?, fields.set("tools").is_some()),
        _ => Err(wrong_type("input", "a string or an array of items")),
    }
}

fn raw_items(input: &RawValue) -> Result<Vec<&RawValue>, Failure> {
    serde_json::from_str(input.get())
        .map_err(|error| malformed(format!("`input` cannot be read: {}", reason(&error))).with_param("input"))
}

/// The body to send: the client's bytes with another `model`, and without the reasoning that is foreign to it.
pub fn request_body(prompt: &Prompt, wanted: &Wanted<'_>) -> Bytes {
    let mut edits: Vec<(Span, String)> = Vec::new();
    if prompt.model != wanted.model {
        // A string always serialises.
        edits.push((prompt.model_span, serde_json::Value::from(wanted.model).to_string()));
    }
    let has_foreign = prompt.signed.iter().any(|signed| wanted.foreign.contains(&signed.mark));
    if has_foreign || memchr::memmem::find(&prompt.body, OWN_REASONING.as_bytes()).is_some() {
        edits.extend(foreign_items(prompt, wanted.foreign).into_iter().map(|span| (span, String::new())));
    }
    splice(&prompt.body, edits)
}

/// The spans to cut so that the reasoning of these marks, and what we made ourselves, is gone and what is left of `input`
/// is an array still.
fn foreign_items(prompt: &Prompt, foreign: &[Mark]) -> Vec<Span> {
    // What has been parsed can be parsed again, and its depth was looked at then.
    let Ok(fields) = Fields::read(&prompt.body, NAMES, &Limits { max_depth: u32::MAX }) else { return Vec::new() };
    let Some(items) = fields.set("input").and_then(|input| raw_items(input).ok()) else { return Vec::new() };
    let is_foreign = |item: &&RawValue| {
        let item: Option<Item<'_>> = read(item).filter(Item::is_reasoning);
        item.is_some_and(|item| item.is_own_reasoning() || item.mark().is_some_and(|mark| foreign.contains(&mark)))
    };
    let spans: Vec<Span> = items.iter().map(|item| span_in(&prompt.body, item.get())).collect();
    let goes: Vec<bool> = items.iter().map(is_foreign).collect();
    // The items that go at the end take the comma before them with them, all others the one after.
    let kept = goes.iter().rposition(|goes| !goes).map_or(0, |last| last + 1);
    let mut cuts: Vec<Span> = (0..kept)
        .filter(|place| goes[*place])
        .map(|place| Span { start: spans[place].start, end: spans[place + 1].start })
        .collect();
    if let (Some(first), Some(last)) = (spans.get(kept), spans.last()) {
        let start = if kept == 0 { first.start } else { spans[kept - 1].end };
        cuts.push(Span { start, end: last.end });
    }
    cuts
}

#[cfg(test)]
mod tests;
