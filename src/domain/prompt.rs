//! A request body, read once: spans into the bytes as they came.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{CacheLife, Dialect, Door, Mark};

/// A range of bytes of the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The number of bytes.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// A JSON string of the body, its quotes included, escapes not yet undone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text(pub Span);

/// Who speaks in a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Role {
    /// Instructions: `system` and `developer`.
    System,
    /// The human, or what a tool sends in the human's name.
    User,
    /// The model.
    Assistant,
    /// What a tool returned.
    Tool,
    /// A role this dialect does not define; it is forwarded as it came.
    Other,
}

/// How closely the model is asked to look at an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ImageDetail {
    /// One low-resolution view.
    Low,
    /// Full resolution.
    High,
    /// The provider decides.
    #[default]
    Auto,
}

/// Where an image is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImageSource {
    /// In the body, as base64: the span of the base64 text alone.
    Inline(Span),
    /// Behind a URL, which is never fetched.
    Url,
}

/// An image of the prompt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Image {
    /// Where it is.
    pub source: ImageSource,
    /// How closely to look.
    pub detail: ImageDetail,
}

/// A part of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Written text.
    Text(Text),
    /// A picture.
    Image(Image),
    /// Sound as base64: the span of the base64 text.
    Audio(Span),
    /// A file (PDF and the like) or a part this dialect does not define, as it stands in the body.
    Other(Span),
    /// Calls of tools that the model made, as they stand in the body.
    ToolCalls(Span),
}

/// One message of the conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub pieces: Vec<Piece>,
}

/// The form in which the answer is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// As the model likes.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema,
}

/// A request body, parsed once. The bytes stay as they came; everything else points into them.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The body, decoded if it was compressed; valid UTF-8 and valid JSON.
    pub body: Bytes,
    /// The wire format it is in.
    pub dialect: Dialect,
    /// What is asked for.
    pub door: Door,
    /// The model that the client named.
    pub model: String,
    /// Where that name stands, quotes included.
    pub model_span: Span,
    /// Whether the answer is asked for as a stream.
    pub stream: bool,
    /// Where the value of `stream` stands; `None` if the client sent none.
    pub stream_span: Option<Span>,
    /// Whether the client itself asked for usage in the stream.
    pub wants_usage: bool,
    /// Where the value of `stream_options` stands (an object or `null`); `None` if the client sent none.
    pub stream_options: Option<Span>,
    /// The conversation.
    pub turns: Vec<Turn>,
    /// The definitions of tools, as they stand in the body.
    pub tools: Option<Span>,
    /// How many tools are defined.
    pub tool_count: u32,
    /// The schema or format asked for, as it stands in the body.
    pub response_format: Option<Span>,
    /// What that format is.
    pub output: OutputFormat,
    /// The most output tokens that the client allows, each answer; `None`: the model's own limit.
    pub max_output: Option<u64>,
    /// How many answers are asked for (`n`), at least 1.
    pub answers: u32,
    /// Whether a service tier is named that may be dearer than the usual one.
    pub dear_tier: bool,
    /// Whether it is answered before the model has worked, and what comes of it is fetched later.
    pub background: bool,
    /// Ids of what a provider holds and this request goes on from (an earlier response, a conversation).
    pub pins: Vec<Mark>,
    /// The reasoning in the conversation that only the model which wrote it can read.
    pub signed: Vec<Signed>,
    /// The calls of tools in the conversation, in order.
    pub calls: Vec<Call>,
    /// What the client says beside the conversation from which its name for it can be told, as it stands in the body.
    pub named: Option<Span>,
    /// For how long the client asks the provider to keep the prompt; `None`: it does not ask.
    pub cache_life: Option<CacheLife>,
}

/// A call of a tool that the model made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    /// The turn in which it stands, by its place in [`Prompt::turns`].
    pub turn: u32,
    /// The tool's name as a JSON string, quotes included.
    pub name: Span,
    /// What it is called with, as it stands in the body; empty if nothing is.
    pub arguments: Span,
}

/// A signed or encrypted block of reasoning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signed {
    /// Of its signature, or of what is encrypted.
    pub mark: Mark,
    /// Whether the model is in the middle of the tool loop for which it wrote this, and cannot go on without it.
    pub needed: bool,
}

impl Prompt {
    /// What is known of a request whose body is passed on unread, but for the model that it names.
    pub fn passed(door: Door, model: String) -> Self {
        Self {
            body: Bytes::new(),
            dialect: door.dialect(),
            door,
            model,
            model_span: Span::default(),
            stream: false,
            stream_span: None,
            wants_usage: true,
            stream_options: None,
            turns: Vec::new(),
            tools: None,
            tool_count: 0,
            response_format: None,
            output: OutputFormat::Text,
            max_output: None,
            answers: 1,
            dear_tier: false,
            background: false,
            pins: Vec::new(),
            signed: Vec::new(),
            calls: Vec::new(),
            named: None,
            cache_life: None,
        }
    }

    /// The bytes of a span.
    pub fn bytes(&self, span: Span) -> &[u8] {
        self.body.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The text of a JSON string, escapes undone. Borrowed where there are none.
    pub fn text(&self, text: Text) -> Cow<'_, str> {
        let raw = self.bytes(text.0);
        let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
        if memchr::memchr(b'\\', inner).is_none() {
            return String::from_utf8_lossy(inner);
        }
        serde_json::from_slice::<String>(raw).map_or(Cow::Borrowed(""), Cow::Owned)
    }

    /// The written text of one turn, its parts joined by newlines.
    pub fn turn_text(&self, turn: &Turn) -> Cow<'_, str> {
        let mut texts = turn.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(self.text(*text)),
            _ => None,
        });
        let first = texts.next().unwrap_or_default();
        texts.fold(first, |mut joined, text| {
            let whole = joined.to_mut();
            whole.push('\n');
            whole.push_str(&text);
            joined
        })
    }

    /// The images, in order.
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        self.turns.iter().flat_map(|turn| &turn.pieces).filter_map(|piece| match piece {
            Piece::Image(image) => Some(image),
            _ => None,
        })
    }

    /// Whether any turn holds sound.
    pub fn has_audio(&self) -> bool {
        self.turns.iter().flat_map(|turn| &turn.pieces).any(|piece| matches!(piece, Piece::Audio(_)))
    }
}
