//! The items of a request's `input`: messages, calls of tools, what tools returned, reasoning.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::body::{malformed, read, reason, wrong_type};
use crate::dialect::json::span_in;
use crate::domain::{Call, Failure, Image, ImageDetail, ImageSource, Mark, Piece, Role, Signed, Span, Text, Turn};

/// A conversation, and the reasoning in it that only the model which wrote it can read.
#[derive(Default)]
pub(super) struct Items {
    pub turns: Vec<Turn>,
    pub signed: Vec<Signed>,
    /// The calls of tools in it.
    pub calls: Vec<Call>,
    /// The tools that stand in an item instead of in `tools`.
    pub tools: Option<Span>,
}

/// How the ids of reasoning begin that no provider knows, because we have put it into this dialect ourselves.
pub const OWN_REASONING: &str = "rs_weighbridge_";

/// An item.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    role: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    encrypted_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tools: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    action: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    image_url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    detail: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    input_audio: Option<InputAudio<'a>>,
}

/// An image's url as Chat Completions writes it, which some clients send here too.
#[derive(Deserialize)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: &'a RawValue,
}

#[derive(Deserialize)]
struct InputAudio<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Item<'_> {
    /// Its type; an item without one is a message if somebody speaks in it, else a reference to another.
    fn kind(&self) -> &str {
        let untyped = if self.role.is_some() { "message" } else { "item_reference" };
        self.kind.as_deref().unwrap_or(untyped)
    }

    pub(super) fn is_reasoning(&self) -> bool {
        self.kind() == "reasoning"
    }

    /// Whether it is reasoning that we have put into this dialect: a provider looks for it and fails to find it.
    pub(super) fn is_own_reasoning(&self) -> bool {
        self.is_reasoning() && self.id.as_deref().is_some_and(|id| id.starts_with(OWN_REASONING))
    }

    /// Of what is encrypted in it.
    pub(super) fn mark(&self) -> Option<Mark> {
        let text: String = read(self.encrypted_content?)?;
        (!text.is_empty()).then(|| Mark::of(&text))
    }

    /// The call of a tool that it is, in the turn of this number.
    fn call(&self, body: &[u8], turn: usize) -> Option<Call> {
        if !self.kind().ends_with("_call") {
            return None;
        }
        let at = |value: &RawValue| span_in(body, value.get());
        let name = self.name.filter(|name| name.get().starts_with('"')).map_or(Span::default(), at);
        // Functions have arguments, custom tools an input, and a shell or a screen has actions.
        let arguments = self.arguments.or(self.input).or(self.action).map_or(Span::default(), at);
        let turn = u32::try_from(turn).unwrap_or(u32::MAX);
        (!name.is_empty() || !arguments.is_empty()).then_some(Call { turn, name, arguments })
    }

    fn role(&self) -> Role {
        match (self.kind(), self.role.as_deref()) {
            ("message" | "additional_tools", Some("system" | "developer")) => Role::System,
            ("message", Some("user")) => Role::User,
            ("message", Some("assistant")) | ("reasoning", _) => Role::Assistant,
            (kind, _) if kind.ends_with("_call") => Role::Assistant,
            (kind, _) if kind.ends_with("_output") => Role::Tool,
            _ => Role::Other,
        }
    }
}

impl Items {
    /// Reads the items. Where the body `has_tools`, those that stand in an item are counted as they stand.
    pub(super) fn read(body: &[u8], raw: &[&RawValue], has_tools: bool) -> Result<Self, Failure> {
        let mut items = Self { turns: Vec::with_capacity(raw.len()), ..Self::default() };
        // Reasoning is for the tool loop in which it stands, which the human's next word ends. What else is encrypted
        // is a conversation made short: it stands for all that came before it.
        let mut is_history: Vec<bool> = Vec::new();
        for raw in raw {
            let item: Item<'_> = serde_json::from_str(raw.get()).map_err(|error| {
                malformed(format!("`input` holds what is no item: {}", reason(&error))).with_param("input")
            })?;
            if let (Some(tools), "additional_tools", false, None) = (item.tools, item.kind(), has_tools, items.tools) {
                items.tools = Some(span_in(body, tools.get()));
                continue;
            }
            let turn = turn(body, &item, span_in(body, raw.get()))?;
            if turn.role == Role::User {
                items.signed.iter_mut().zip(&is_history).for_each(|(signed, is_history)| signed.needed &= is_history);
            }
            if let Some(mark) = item.mark() {
                items.signed.push(Signed { mark, needed: true });
                is_history.push(!item.is_reasoning());
            }
            items.calls.extend(item.call(body, items.turns.len()));
            items.turns.push(turn);
        }
        Ok(items)
    }
}

fn turn(body: &[u8], item: &Item<'_>, whole: Span) -> Result<Turn, Failure> {
    let role = item.role();
    let (kind, said) = (item.kind(), if role == Role::Tool { item.output } else { item.content });
    let pieces = match (kind, said) {
        (kind, _) if kind.ends_with("_call") => vec![Piece::ToolCalls(whole)],
        (kind, Some(said)) if kind == "message" || role == Role::Tool => pieces(body, said, kind == "message")?,
        ("message", None) => Vec::new(),
        // What is newer than we are: counted as it stands, forwarded as it came.
        _ => vec![Piece::Other(whole)],
    };
    Ok(Turn { role, pieces })
}

fn pieces(body: &[u8], said: &RawValue, is_message: bool) -> Result<Vec<Piece>, Failure> {
    match said.get().as_bytes()[0] {
        b'"' => Ok(vec![Piece::Text(Text(span_in(body, said.get())))]),
        b'[' => {
            let parts: Vec<&RawValue> = read(said).unwrap_or_default();
            parts.into_iter().map(|part| piece(body, part)).collect()
        }
        _ if is_message => Err(wrong_type("input", "made of items whose `content`s are strings or arrays of parts")),
        b'{' => Ok(vec![piece(body, said)?]),
        _ => Ok(vec![Piece::Other(span_in(body, said.get()))]),
    }
}

fn piece(body: &[u8], raw_part: &RawValue) -> Result<Piece, Failure> {
    let part: Part<'_> = serde_json::from_str(raw_part.get()).map_err(|error| {
        malformed(format!("an item of `input` holds what is no part: {}", reason(&error))).with_param("input")
    })?;
    let string = |value: &RawValue| value.get().starts_with('"').then(|| span_in(body, value.get()));
    let not_a_string = || wrong_type("input", "made of parts whose texts and urls are strings");
    let kind = part.kind.as_deref().unwrap_or_default();
    if matches!(kind, "input_image" | "image_url" | "computer_screenshot") {
        return Ok(Piece::Image(image_of(body, &part).ok_or_else(not_a_string)?));
    }
    if let (Some(audio), "input_audio") = (&part.input_audio, kind) {
        let quoted = string(audio.data).ok_or_else(not_a_string)?;
        return Ok(Piece::Audio(Span { start: quoted.start + 1, end: quoted.end - 1 }));
    }
    match part.text.or(part.refusal) {
        Some(text) => string(text).map(|span| Piece::Text(Text(span))).ok_or_else(not_a_string),
        // A file, or what is newer than we are.
        None => Ok(Piece::Other(span_in(body, raw_part.get()))),
    }
}

/// An image part's picture; one that the provider holds is behind a URL for us.
fn image_of(body: &[u8], part: &Part<'_>) -> Option<Image> {
    let detail = match part.detail.as_deref() {
        Some("low") => ImageDetail::Low,
        Some("high" | "original") => ImageDetail::High,
        _ => ImageDetail::Auto,
    };
    let Some(value) = part.image_url else { return Some(Image { source: ImageSource::Url, detail }) };
    let object: Option<ImageUrl<'_>> = read(value);
    let url = object.map_or(value, |object| object.url);
    let text = url.get().strip_prefix('"')?.strip_suffix('"')?;
    let inline = text.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let source = inline.map_or(ImageSource::Url, |(_, base64)| ImageSource::Inline(span_in(body, base64)));
    Some(Image { source, detail })
}
