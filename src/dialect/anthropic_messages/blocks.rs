//! Messages and the blocks that they are made of, as they stand in the body.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::UNSIGNED;
use crate::dialect::body::{malformed, read, reason, wrong_type};
use crate::dialect::json::span_in;
use crate::domain::{CacheLife, Call, Failure, Image, ImageDetail, ImageSource, Mark, Piece, Span, Text};

/// How Claude Code begins what it says in the human's place.
const REMINDER: &str = "<system-reminder>";

/// One message of the list.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) role: Cow<'a, str>,
    /// A message of the system's may only change settings, and say nothing.
    #[serde(borrow, default)]
    pub(super) content: Option<&'a RawValue>,
}

/// One block of a message. Values are kept as they stand: which of them counts depends on `type`.
#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    source: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl<'a> Block<'a> {
    fn signed(&self) -> Option<Cow<'a, str>> {
        let value = match &*self.kind {
            "thinking" => self.signature,
            "redacted_thinking" => self.data,
            _ => None,
        };
        read::<Plain<'_>>(value?).map(|Plain(text)| text)
    }

    /// The mark of what only the model that wrote this block can read: of its signature, or of what is encrypted.
    pub(super) fn mark(&self) -> Option<Mark> {
        self.signed().filter(|signed| !signed.is_empty() && signed != UNSIGNED).map(|signed| Mark::of(&signed))
    }

    /// Whether a translation wrote it, so that no model of this dialect takes it.
    pub(super) fn is_unsigned(&self) -> bool {
        self.signed().is_some_and(|signed| signed == UNSIGNED)
    }

    /// For how long the client asks that everything up to here be kept.
    pub(super) fn cache_life(&self) -> Option<CacheLife> {
        cache_life(self.cache_control?)
    }

    /// The call of a tool that it is, in the turn of this number.
    pub(super) fn call(&self, body: &[u8], turn: usize) -> Option<Call> {
        let name = self.name.filter(|name| self.kind == "tool_use" && name.get().starts_with('"'))?;
        let arguments = self.input.map_or(Span::default(), |input| span_in(body, input.get()));
        Some(Call { turn: u32::try_from(turn).unwrap_or(u32::MAX), name: span_in(body, name.get()), arguments })
    }

    /// Whether it is text that a client put into the human's mouth.
    pub(super) fn is_reminder(&self) -> bool {
        self.kind == "text" && self.text.is_some_and(is_reminder)
    }
}

/// What a `cache_control` asks for.
pub(super) fn cache_life(control: &RawValue) -> Option<CacheLife> {
    #[derive(Deserialize)]
    struct Control<'a> {
        #[serde(borrow, default)]
        ttl: Option<Cow<'a, str>>,
    }
    let control: Control<'_> = read(control)?;
    Some(if control.ttl.as_deref() == Some("1h") { CacheLife::Hour } else { CacheLife::FiveMinutes })
}

/// Whether a message's words are a client's in the human's place.
pub(super) fn is_reminder(text: &RawValue) -> bool {
    let mut words = text.get().trim_start_matches('"');
    // White space, in JSON's spelling.
    while let Some(rest) = [" ", "\\n", "\\r", "\\t"].iter().find_map(|blank| words.strip_prefix(blank)) {
        words = rest;
    }
    words.starts_with(REMINDER)
}

/// A string, borrowed unless it has escapes.
#[derive(Deserialize)]
struct Plain<'a>(#[serde(borrow)] Cow<'a, str>);

/// The blocks of an array, as they stand and as they are read.
pub(super) fn blocks<'a>(
    param: &'static str,
    content: &'a RawValue,
) -> impl Iterator<Item = Result<(&'a RawValue, Block<'a>), Failure>> {
    let items: Vec<&RawValue> = read(content).unwrap_or_default();
    items.into_iter().map(move |raw| match serde_json::from_str(raw.get()) {
        Ok(block) => Ok((raw, block)),
        Err(error) => {
            Err(malformed(format!("`{param}` holds what is no content block: {}", reason(&error))).with_param(param))
        }
    })
}

/// A string of the body as a piece of text.
pub(super) fn text(body: &[u8], value: &RawValue) -> Piece {
    Piece::Text(Text(span_in(body, value.get())))
}

/// What a block adds to its turn.
pub(super) fn piece(body: &[u8], raw: &RawValue, block: &Block<'_>) -> Result<Piece, Failure> {
    match &*block.kind {
        "text" => match block.text {
            Some(value) if value.get().starts_with('"') => Ok(text(body, value)),
            _ => Err(wrong_type("messages", "made of blocks; a block of text has a string as its `text`")),
        },
        "image" => image(body, block).ok_or_else(|| {
            wrong_type("messages", "made of blocks; an image has a `source` with a `type` and what belongs to it")
        }),
        "tool_use" => Ok(Piece::ToolCalls(span_in(body, raw.get()))),
        // A document, reasoning, what a tool of the provider's did, or what is newer than we are: counted as it stands,
        // forwarded as it came.
        _ => Ok(Piece::Other(span_in(body, raw.get()))),
    }
}

fn image(body: &[u8], block: &Block<'_>) -> Option<Piece> {
    let source: Source<'_> = read(block.source?)?;
    let source = match &*source.kind {
        "base64" => {
            let quoted = source.data.filter(|data| data.get().starts_with('"'))?;
            let span = span_in(body, quoted.get());
            ImageSource::Inline(Span { start: span.start + 1, end: span.end - 1 })
        }
        // Behind a URL, or a file that the provider holds: either way it is not here.
        _ => ImageSource::Url,
    };
    Some(Piece::Image(Image { source, detail: ImageDetail::Auto }))
}

/// What a tool returned: a string or blocks, or nothing.
pub(super) fn tool_result(body: &[u8], block: &Block<'_>) -> Result<Vec<Piece>, Failure> {
    match block.content.map(|content| (content, content.get().as_bytes()[0])) {
        None => Ok(Vec::new()),
        Some((words, b'"')) => Ok(vec![text(body, words)]),
        Some((list, b'[')) => {
            let items = blocks("messages", list);
            items.map(|item| item.and_then(|(raw, block)| piece(body, raw, &block))).collect()
        }
        Some(_) => Err(wrong_type("messages", "made of blocks; a tool's result is a string or an array of blocks")),
    }
}
