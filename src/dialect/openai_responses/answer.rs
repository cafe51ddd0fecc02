//! Answers, whole and streamed: usage, errors, marks, and whether there is content.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::answer::{Answer, Event, Piece};
use crate::dialect::body::read;
use crate::dialect::cost;
use crate::dialect::counts::{Details, Told, count, error_text};
use crate::dialect::json::raw;
use crate::domain::{Mark, Usage};

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    object: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "raw")]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    service_tier: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    store: Option<&'a RawValue>,
    #[serde(borrow, default)]
    conversation: Option<&'a RawValue>,
    /// All that an answer of the door that only counts has.
    #[serde(borrow, default)]
    input_tokens: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Conversation<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

/// An item of an answer. What it says is read leniently: it counts only where there is no usage.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    /// What a call to the provider's search did.
    #[serde(borrow, default)]
    action: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    summary: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    encrypted_content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
}

/// Adds a value's words, if it is a text.
fn add(value: Option<&RawValue>, text: &mut String) {
    text.push_str(&value.and_then(read::<Cow<'_, str>>).unwrap_or_default());
}

#[derive(Deserialize)]
struct Action<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

impl<'a> Item<'a> {
    /// Whether the provider searched the web, which it charges; pages that it opened or looked through it does not.
    fn is_search(&self) -> bool {
        let is_search = |action: &'a RawValue| read::<Action<'_>>(action).is_none_or(|action| action.kind == "search");
        self.kind.as_deref() == Some("web_search_call") && self.action.is_none_or(is_search)
    }

    fn write_to(&self, text: &mut String) {
        for parts in [self.summary, self.content].into_iter().flatten().filter_map(read::<Vec<Part<'a>>>) {
            for part in parts {
                add(part.text, text);
                add(part.refusal, text);
            }
        }
        for words in [self.name, self.arguments, self.input] {
            add(words, text);
        }
    }

    fn mark(&self) -> Option<Mark> {
        let text: String = read(self.encrypted_content?)?;
        (!text.is_empty()).then(|| Mark::of(&text))
    }
}

impl<'a> Response<'a> {
    fn items(&self) -> Vec<Item<'a>> {
        let raw: Vec<&'a RawValue> = self.output.and_then(read).unwrap_or_default();
        raw.into_iter().filter_map(read).collect()
    }

    fn usage(&self) -> Option<Usage> {
        let usage = self.usage.and_then(read::<Counts<'_>>).and_then(|counts| counts.usage())?;
        let searches = self.items().iter().filter(|item| item.is_search()).count();
        Some(Usage { web_searches: searches as u64, ..usage })
    }

    /// The tier that served; as long as it is only asked for, it may still read `auto`.
    fn service_tier(&self) -> Option<String> {
        self.service_tier.as_deref().filter(|tier| *tier != "auto").map(str::to_owned)
    }

    /// What later requests may go on from: the answer unless it is not stored, its conversation, what is encrypted.
    fn marks(&self) -> Vec<Mark> {
        let is_stored = self.store.is_none_or(|store| store.get() != "false");
        let id = self.id.as_deref().filter(|id| is_stored && !id.is_empty()).map(Mark::of);
        let conversation = self.conversation.and_then(read::<Conversation<'_>>).map(|object| Mark::of(&object.id));
        let encrypted = self.items().into_iter().filter_map(|item| item.mark()).collect::<Vec<_>>();
        id.into_iter().chain(conversation).chain(encrypted).collect()
    }

    fn is(&self, object: &str) -> bool {
        self.object.as_deref() == Some(object)
    }

    fn has_status(&self, statuses: &[&str]) -> bool {
        self.status.as_deref().is_some_and(|status| statuses.contains(&status))
    }

    /// The provider's words where it failed.
    fn error(&self) -> Option<String> {
        if let Some(error) = self.error {
            return Some(error_text(error));
        }
        (self.is("response") && self.has_status(&["failed"])).then(|| "the response failed".to_owned())
    }

    fn is_answer(&self) -> bool {
        let has_output = self.output.is_some_and(|output| output.get().starts_with('['));
        match self.object.as_deref() {
            Some("response") => has_output || self.has_status(&["queued", "in_progress"]),
            Some("response.compaction") => has_output,
            Some("response.input_tokens") => count(self.input_tokens).is_some(),
            _ => false,
        }
    }
}

#[derive(Deserialize)]
struct Counts<'a> {
    #[serde(borrow, default)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    total_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_tokens_details: Option<Details<'a>>,
    #[serde(borrow, default)]
    output_tokens_details: Option<Details<'a>>,
}

impl Counts<'_> {
    fn usage(&self) -> Option<Usage> {
        let told = Told {
            input: count(self.input_tokens),
            output: count(self.output_tokens),
            total: count(self.total_tokens),
            cached: None,
            inputs: self.input_tokens_details.as_ref(),
            outputs: self.output_tokens_details.as_ref(),
        };
        told.usage()
    }
}

/// Reads a whole answer with a status of success.
pub fn read_answer(body: &[u8]) -> Answer {
    let Ok(response) = serde_json::from_slice::<Response<'_>>(body) else { return Answer::default() };
    let mut text = String::new();
    response.items().iter().for_each(|item| item.write_to(&mut text));
    let error = response.error();
    Answer {
        is_answer: error.is_none() && response.is_answer(),
        error,
        usage: response.usage(),
        cost: response.usage.and_then(cost::told),
        service_tier: response.service_tier(),
        text,
        marks: if response.is("response.input_tokens") { Vec::new() } else { response.marks() },
    }
}

#[derive(Deserialize)]
struct StreamEvent<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
}

/// Reads the data of one event.
pub fn read_event(data: &[u8]) -> Event {
    if data.trim_ascii().starts_with(b"[DONE]") {
        // Some send it after the end, as in Chat Completions; it is no end here.
        return Event::Piece(Piece::default());
    }
    let Ok(event) = serde_json::from_slice::<StreamEvent<'_>>(data) else { return Event::Garbage };
    let response = event.response.and_then(read::<Response<'_>>);
    if let Some(error) = event.error {
        return Event::Error(error_text(error));
    }
    let Some(kind) = event.kind.as_deref() else { return Event::Garbage };
    match kind {
        "error" => {
            let mut words = String::new();
            add(event.message, &mut words);
            let words = if words.is_empty() { "the response failed" } else { &words };
            Event::Error(words.chars().take(300).collect())
        }
        "response.failed" => {
            let error = response.and_then(|response| response.error());
            Event::Error(error.unwrap_or_else(|| "the response failed".to_owned()))
        }
        "response.completed" | "response.incomplete" => {
            let piece = response.as_ref().map(told).unwrap_or_default();
            Event::Done(Piece { has_content: true, is_end: true, ..piece })
        }
        _ => Event::Piece(piece(kind, &event, response.as_ref())),
    }
}

/// What an event tells with the whole response, which it repeats as far as it has got.
fn told(response: &Response<'_>) -> Piece {
    Piece {
        has_usage_field: response.usage.is_some(),
        usage: response.usage().map(Into::into),
        cost: response.usage.and_then(cost::told),
        service_tier: response.service_tier(),
        marks: response.marks(),
        ..Piece::default()
    }
}

fn piece(kind: &str, event: &StreamEvent<'_>, response: Option<&Response<'_>>) -> Piece {
    let mut piece = response.map(told).unwrap_or_default();
    let item = event.item.and_then(read::<Item<'_>>);
    if kind.starts_with("response.") && kind.ends_with(".delta") {
        piece.has_content = true;
        add(event.delta, &mut piece.text);
    } else if let (Some(item), "response.output_item.added") = (&item, kind) {
        // A call's name comes in no delta.
        add(item.name, &mut piece.text);
    } else if let (Some(item), "response.output_item.done") = (&item, kind) {
        piece.marks.extend(item.mark());
    }
    piece
}

#[cfg(test)]
mod tests;
