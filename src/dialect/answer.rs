//! What we look for in answers.

use crate::domain::{Mark, Pico, Usage, UsageUpdate};

/// What a whole answer with a status of success turned out to be.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Answer {
    /// Whether it is an answer at all: the dialect's JSON, with something in it and no error.
    pub is_answer: bool,
    /// The provider's error, where a status of success carries one.
    pub error: Option<String>,
    /// What the provider counted.
    pub usage: Option<Usage>,
    /// What it cost by the provider's own word.
    pub cost: Option<Pico>,
    /// The service tier that it names, which changes the price.
    pub service_tier: Option<String>,
    /// What the model wrote, tool calls included, where it has to be counted here because there is no usage.
    pub text: String,
    /// What later requests may go on from, and only this endpoint holds or can read: the answer's id where the provider
    /// keeps it, signatures of reasoning.
    pub marks: Vec<Mark>,
}

/// What one event of a stream turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The dialect's last event, with what else it tells.
    Done(Piece),
    /// A piece of the answer.
    Piece(Piece),
    /// The provider's error, in its own words.
    Error(String),
    /// Not what the dialect defines.
    Garbage,
}

/// A piece of a streamed answer.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Piece {
    /// Whether it holds content: text, reasoning, a refusal, a tool call, sound, or the end of the answer.
    pub has_content: bool,
    /// Whether the model says with it that it is done.
    pub is_end: bool,
    /// Whether the bytes hold a usage field, even one that is null.
    pub has_usage_field: bool,
    /// What the provider counted so far; cumulative, so what it tells replaces what came before.
    pub usage: Option<UsageUpdate>,
    /// What it cost so far by the provider's own word.
    pub cost: Option<Pico>,
    /// The service tier that it names.
    pub service_tier: Option<String>,
    /// What the model wrote in it.
    pub text: String,
    /// As in [`Answer::marks`].
    pub marks: Vec<Mark>,
}
