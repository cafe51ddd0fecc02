//! Requests: read once into spans, and changed by splicing.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::dialect::Limits;
use crate::dialect::body::{Fields, malformed, read, reason, splice, wrong_type};
use crate::dialect::json::{raw, span_in};
use crate::domain::{
    Call, Dialect, Door, Failure, Image, ImageDetail, ImageSource, OutputFormat, Piece, Prompt, Role, Span, Text, Turn,
};

/// The fields we act on; of `input` only whether it is there.
const NAMES: &[&str] = &[
    "model",
    "messages",
    "stream",
    "stream_options",
    "tools",
    "functions",
    "response_format",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "input",
];

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    image_url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_audio: Option<InputAudio<'a>>,
}

#[derive(Deserialize)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: &'a RawValue,
    #[serde(borrow, default)]
    detail: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct InputAudio<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct StreamOptions<'a> {
    #[serde(borrow, default, deserialize_with = "raw")]
    include_usage: Option<&'a RawValue>,
}

/// Reads a request's body.
pub fn parse(body: Bytes, limits: &Limits) -> Result<Prompt, Failure> {
    let fields = Fields::read(&body, NAMES, limits)?;
    if fields.set("messages").is_none() && fields.set("input").is_some() {
        // Cursor asks here in the form of Responses, and expects the answer in this one.
        return crate::dialect::openai_responses::parse(Door::Chat, body.clone(), limits);
    }
    let at = |value: &RawValue| span_in(&body, value.get());

    let model = fields.set("model").ok_or_else(|| {
        malformed("`model` is missing: name a model, or `auto` to be routed by the rules").with_param("model")
    })?;
    let name: String = read(model).ok_or_else(|| wrong_type("model", "a string"))?;
    let messages = fields
        .set("messages")
        .ok_or_else(|| malformed("`messages` is missing: send the conversation").with_param("messages"))?;
    let stream: Option<bool> = fields.typed("stream", "true or false")?;
    let tools = fields.set("tools").or_else(|| fields.set("functions"));
    let (output, response_format) = output_format(&fields)?;
    let (wants_usage, stream_options) = match fields.value("stream_options") {
        Some(value) => (wants_usage(value)?, Some(at(value))),
        None => (false, None),
    };
    let answers: Option<u32> = fields.typed("n", "a whole number from 1 on")?;
    if answers == Some(0) {
        return Err(wrong_type("n", "a whole number from 1 on"));
    }
    let max_tokens: Option<u64> = fields.typed("max_tokens", "a whole number from 0 on")?;
    let max_completion: Option<u64> = fields.typed("max_completion_tokens", "a whole number from 0 on")?;
    let messages = read_messages(messages)?;

    Ok(Prompt {
        dialect: Dialect::OpenaiChat,
        door: Door::Chat,
        model: name,
        model_span: at(model),
        stream: stream.unwrap_or(false),
        stream_span: fields.value("stream").map(at),
        wants_usage,
        stream_options,
        tools: tools.map(at),
        tool_count: tools.map_or(Ok(0), tool_count)?,
        response_format: response_format.map(at),
        output,
        max_output: max_completion.or(max_tokens),
        answers: answers.unwrap_or(1),
        dear_tier: fields.names_dear_tier(),
        background: false,
        pins: Vec::new(),
        signed: Vec::new(),
        calls: calls(&body, &messages),
        named: fields.set("prompt_cache_key").map(at),
        cache_life: fields.asks_to_keep(),
        turns: messages.iter().map(|message| turn(&body, message)).collect::<Result<_, _>>()?,
        body: body.clone(),
    })
}

/// Whether the options of a stream ask for usage.
pub(super) fn wants_usage(options: &RawValue) -> Result<bool, Failure> {
    let expected = || wrong_type("stream_options", "an object such as {\"include_usage\": true}");
    // A list would be read as the fields in their order, and is nothing that a field can be put into.
    let options = Some(options).filter(|options| !options.get().starts_with('['));
    let read: Option<StreamOptions<'_>> = options.and_then(read).ok_or_else(expected)?;
    match read.and_then(|options| options.include_usage).map(RawValue::get) {
        None | Some("false" | "null") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(expected()),
    }
}

fn output_format<'a>(fields: &Fields<'a>) -> Result<(OutputFormat, Option<&'a RawValue>), Failure> {
    #[derive(Deserialize)]
    struct Format<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }
    let Some(value) = fields.set("response_format") else { return Ok((OutputFormat::Text, None)) };
    let format: Format<'_> =
        read(value).ok_or_else(|| wrong_type("response_format", "an object with a `type` of text"))?;
    let output = match &*format.kind {
        "json_object" => OutputFormat::JsonObject,
        "json_schema" => OutputFormat::JsonSchema,
        _ => OutputFormat::Text,
    };
    Ok((output, Some(value)))
}

fn tool_count(tools: &RawValue) -> Result<u32, Failure> {
    let tools: Vec<IgnoredAny> = read(tools).ok_or_else(|| wrong_type("tools", "an array"))?;
    Ok(u32::try_from(tools.len()).unwrap_or(u32::MAX))
}

fn read_messages(messages: &RawValue) -> Result<Vec<Message<'_>>, Failure> {
    if !messages.get().starts_with('[') {
        return Err(wrong_type("messages", "an array"));
    }
    let messages: Vec<Message<'_>> = serde_json::from_str(messages.get()).map_err(|error| {
        malformed(format!("`messages` holds what is no message: {}", reason(&error))).with_param("messages")
    })?;
    if messages.is_empty() {
        return Err(malformed("`messages` is empty: send at least one message").with_param("messages"));
    }
    Ok(messages)
}

/// The calls of tools that the messages hold; a call that is none of those defined is passed over.
fn calls(body: &[u8], messages: &[Message<'_>]) -> Vec<Call> {
    #[derive(Deserialize)]
    struct Called<'a> {
        #[serde(borrow, default)]
        name: Option<&'a RawValue>,
        #[serde(borrow, default, alias = "input")]
        arguments: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow, default, alias = "custom")]
        function: Option<Called<'a>>,
    }
    let mut calls = Vec::new();
    for (turn, message) in messages.iter().enumerate() {
        let items: Vec<Item<'_>> = message.tool_calls.and_then(read).unwrap_or_default();
        let lone: Option<Called<'_>> = message.function_call.and_then(read);
        for called in items.into_iter().filter_map(|item| item.function).chain(lone) {
            let Some(name) = called.name.filter(|name| name.get().starts_with('"')) else { continue };
            let arguments = called.arguments.map_or(Span::default(), |given| span_in(body, given.get()));
            let turn = u32::try_from(turn).unwrap_or(u32::MAX);
            calls.push(Call { turn, name: span_in(body, name.get()), arguments });
        }
    }
    calls
}

fn turn(body: &[u8], message: &Message<'_>) -> Result<Turn, Failure> {
    let role = match &*message.role {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        _ => Role::Other,
    };
    let mut pieces = Vec::with_capacity(1);
    match message.content.map(|content| (content, content.get().as_bytes()[0])) {
        None | Some((_, b'n')) => {}
        Some((text, b'"')) => pieces.push(Piece::Text(Text(span_in(body, text.get())))),
        Some((parts, b'[')) => {
            let parts: Vec<&RawValue> = read(parts).unwrap_or_default();
            for part in parts {
                pieces.push(piece(body, part)?);
            }
        }
        Some(_) => return Err(wrong_type("messages", "an array whose `content`s are strings or arrays of parts")),
    }
    for calls in [message.tool_calls, message.function_call].into_iter().flatten() {
        pieces.push(Piece::ToolCalls(span_in(body, calls.get())));
    }
    Ok(Turn { role, pieces })
}

fn piece(body: &[u8], raw_part: &RawValue) -> Result<Piece, Failure> {
    let part: Part<'_> = serde_json::from_str(raw_part.get()).map_err(|error| {
        malformed(format!("a message's `content` holds what is no part: {}", reason(&error))).with_param("messages")
    })?;
    let string = |value: &RawValue| value.get().starts_with('"').then(|| span_in(body, value.get()));
    let not_a_string = || wrong_type("messages", "made of parts whose texts and urls are strings");
    if let (Some(image), "image_url") = (part.image_url, &*part.kind) {
        return Ok(Piece::Image(image_of(body, image).ok_or_else(not_a_string)?));
    }
    if let (Some(audio), "input_audio") = (&part.input_audio, &*part.kind) {
        return Ok(Piece::Audio(inside_quotes(string(audio.data).ok_or_else(not_a_string)?)));
    }
    match part.text {
        Some(text) => string(text).map(|span| Piece::Text(Text(span))).ok_or_else(not_a_string),
        // A file, a refusal, or what is newer than we are: counted as it stands, forwarded as it came.
        None => Ok(Piece::Other(span_in(body, raw_part.get()))),
    }
}

/// An image part's picture; the url may stand in an object or, as some clients send it, alone.
fn image_of(body: &[u8], value: &RawValue) -> Option<Image> {
    let object: Option<ImageUrl<'_>> = read(value);
    let (url, detail) = match &object {
        Some(image) => (image.url, image.detail.as_deref()),
        None => (value, None),
    };
    let text = url.get().strip_prefix('"')?.strip_suffix('"')?;
    let detail = match detail {
        Some("low") => ImageDetail::Low,
        Some("high") => ImageDetail::High,
        _ => ImageDetail::Auto,
    };
    let inline = text.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let source = inline.map_or(ImageSource::Url, |(_, base64)| ImageSource::Inline(span_in(body, base64)));
    Some(Image { source, detail })
}

fn inside_quotes(span: Span) -> Span {
    Span { start: span.start + 1, end: span.end - 1 }
}

/// The body to send: the client's bytes, with `model` replaced and usage asked for where the answer is a stream.
pub fn request_body(prompt: &Prompt, model: &str, ask_usage: bool) -> Bytes {
    let mut edits: Vec<(Span, String)> = Vec::new();
    if prompt.model != model {
        // A string always serialises.
        edits.push((prompt.model_span, serde_json::Value::from(model).to_string()));
    }
    if ask_usage && prompt.stream && !prompt.wants_usage {
        edits.extend(usage_edit(prompt));
    }
    splice(&prompt.body, edits)
}

/// The smallest edit after which the body asks for usage; the client's other stream options stay.
fn usage_edit(prompt: &Prompt) -> Option<(Span, String)> {
    let Some(options) = prompt.stream_options else {
        let after = prompt.stream_span?.end;
        return Some((Span { start: after, end: after }, r#","stream_options":{"include_usage":true}"#.to_owned()));
    };
    let value = prompt.bytes(options);
    if value == b"null" {
        return Some((options, r#"{"include_usage":true}"#.to_owned()));
    }
    let read: StreamOptions<'_> = serde_json::from_slice(value).ok()?;
    if let Some(asked) = read.include_usage {
        return Some((span_in(&prompt.body, asked.get()), "true".to_owned()));
    }
    let only = value[1..value.len() - 1].trim_ascii().is_empty();
    let after = options.start + 1;
    let text = if only { r#""include_usage":true"# } else { r#""include_usage":true,"# };
    Some((Span { start: after, end: after }, text.to_owned()))
}

#[cfg(test)]
mod tests;
