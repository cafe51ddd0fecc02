//! Requests: read once into spans, and changed by splicing.

use std::borrow::Cow;
use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::dialect::Limits;
use crate::dialect::json::{depth, raw, span_in};
use crate::domain::{
    Dialect, Door, Failure, FailureKind, Image, ImageDetail, ImageSource, OutputFormat, Piece, Prompt, Role, Span,
    Text, Turn,
};

/// The fields we act on, as they stand in the body.
#[derive(Default)]
struct Fields<'a> {
    values: [Option<&'a RawValue>; NAMES.len()],
    has_input: bool,
}

const NAMES: [&str; 10] = [
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
];

impl<'a> Fields<'a> {
    fn value(&self, name: &str) -> Option<&'a RawValue> {
        NAMES.iter().position(|known| *known == name).and_then(|place| self.values[place])
    }

    /// The value unless it is absent or `null`.
    fn set(&self, name: &str) -> Option<&'a RawValue> {
        self.value(name).filter(|value| value.get() != "null")
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some(Key(key)) = map.next_key()? {
                    // Parsers differ in whether a second or a differently cased `model` counts; we must not route on
                    // one reading while the upstream acts on another.
                    let Some(place) = NAMES.iter().position(|name| name.eq_ignore_ascii_case(&key)) else {
                        fields.has_input |= key == "input";
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    if NAMES[place] != key {
                        let name = NAMES[place];
                        return Err(serde::de::Error::custom(format_args!(
                            "the field `{name}` is written in lower case here"
                        )));
                    }
                    if fields.values[place].is_some() {
                        let name = NAMES[place];
                        return Err(serde::de::Error::custom(format_args!("the field `{name}` stands twice")));
                    }
                    fields.values[place] = Some(map.next_value()?);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A key, borrowed unless it has escapes (serde copies a plain `Cow`).
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

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

fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Malformed, message)
}

fn wrong_type(param: &'static str, expected: &str) -> Failure {
    malformed(format!("`{param}` must be {expected}")).with_param(param)
}

/// What the parser found wrong, without what it quotes of the body: an error holds no prompt text.
fn reason(error: &serde_json::Error) -> String {
    let words = error.to_string();
    if !words.starts_with("invalid type") && !words.starts_with("invalid value") {
        return words;
    }
    // "invalid type: string "…", expected a map at line 1 column 5": what was expected comes last, in serde's own words.
    let expected = words.rfind(", expected ").map_or("another type", |at| &words[at + ", expected ".len()..]);
    format!("expected {expected}")
}

/// Reads a request's body.
pub fn parse(body: Bytes, limits: &Limits) -> Result<Prompt, Failure> {
    let text = std::str::from_utf8(&body)
        .map_err(|error| malformed(format!("the body is not valid UTF-8 at byte {}", error.valid_up_to())))?;
    let deepest = depth(&body);
    if deepest > limits.max_depth {
        let most = limits.max_depth;
        return Err(malformed(format!("the body nests {deepest} levels deep; this proxy takes {most} at most")));
    }
    let fields: Fields<'_> = serde_json::from_str(text)
        .map_err(|error| malformed(format!("the body is not a valid JSON request: {}", reason(&error))))?;
    let at = |value: &RawValue| span_in(&body, value.get());

    let model = fields.set("model").ok_or_else(|| {
        malformed("`model` is missing: name a model, or `auto` to be routed by the rules").with_param("model")
    })?;
    let name: String = read(model).ok_or_else(|| wrong_type("model", "a string"))?;
    let messages = fields.set("messages").ok_or_else(|| {
        let hint = if fields.has_input { "; a body with `input` belongs to the Responses API" } else { "" };
        malformed(format!("`messages` is missing{hint}")).with_param("messages")
    })?;
    let stream: Option<bool> = typed(&fields, "stream", "true or false")?;
    let tools = fields.set("tools").or_else(|| fields.set("functions"));
    let (output, response_format) = output_format(&fields)?;
    let (wants_usage, stream_options) = match fields.value("stream_options") {
        Some(value) => (wants_usage(value)?, Some(at(value))),
        None => (false, None),
    };
    let answers: Option<u32> = typed(&fields, "n", "a whole number from 1 on")?;
    if answers == Some(0) {
        return Err(wrong_type("n", "a whole number from 1 on"));
    }
    let max_tokens: Option<u64> = typed(&fields, "max_tokens", "a whole number from 0 on")?;
    let max_completion: Option<u64> = typed(&fields, "max_completion_tokens", "a whole number from 0 on")?;

    Ok(Prompt {
        dialect: Dialect::OpenaiChat,
        door: Door::Chat,
        model: name,
        model_span: at(model),
        stream: stream.unwrap_or(false),
        stream_span: fields.value("stream").map(at),
        wants_usage,
        stream_options,
        turns: turns(&body, messages)?,
        tools: tools.map(at),
        tool_count: tools.map_or(Ok(0), tool_count)?,
        response_format: response_format.map(at),
        output,
        max_output: max_completion.or(max_tokens),
        answers: answers.unwrap_or(1),
        pins: Vec::new(),
        signed: Vec::new(),
        body: body.clone(),
    })
}

/// A value read as the type that is expected, `None` if it is another.
fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

/// A field read as the type that is expected; `null` is absent.
fn typed<'a, T: Deserialize<'a>>(
    fields: &Fields<'a>,
    name: &'static str,
    expected: &str,
) -> Result<Option<T>, Failure> {
    fields.set(name).map(|value| read(value).ok_or_else(|| wrong_type(name, expected))).transpose()
}

fn wants_usage(options: &RawValue) -> Result<bool, Failure> {
    let expected = || wrong_type("stream_options", "an object such as {\"include_usage\": true}");
    let read: Option<StreamOptions<'_>> = read(options).ok_or_else(expected)?;
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

fn turns(body: &[u8], messages: &RawValue) -> Result<Vec<Turn>, Failure> {
    if !messages.get().starts_with('[') {
        return Err(wrong_type("messages", "an array"));
    }
    let messages: Vec<Message<'_>> = serde_json::from_str(messages.get()).map_err(|error| {
        malformed(format!("`messages` holds what is no message: {}", reason(&error))).with_param("messages")
    })?;
    if messages.is_empty() {
        return Err(malformed("`messages` is empty: send at least one message").with_param("messages"));
    }
    messages.iter().map(|message| turn(body, message)).collect()
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
    if edits.is_empty() {
        return prompt.body.clone();
    }
    edits.sort_by_key(|(span, _)| span.start);
    let grown: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let mut body = BytesMut::with_capacity(prompt.body.len() + grown);
    let mut from = 0;
    for (span, text) in &edits {
        body.extend_from_slice(&prompt.body[from..span.start as usize]);
        body.extend_from_slice(text.as_bytes());
        from = span.end as usize;
    }
    body.extend_from_slice(&prompt.body[from..]);
    body.freeze()
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
