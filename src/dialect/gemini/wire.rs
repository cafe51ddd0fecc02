//! An answer as it stands in the bytes; each event of a stream is one, too.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::usage::Counts;
use crate::domain::Usage;

/// The longest part of a provider's words that is passed on.
const LONGEST_WORDS: usize = 300;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Body<'a> {
    #[serde(borrow, default)]
    pub candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, default)]
    pub prompt_feedback: Option<Feedback<'a>>,
    #[serde(borrow, default)]
    pub usage_metadata: Option<Counts<'a>>,
    #[serde(borrow, default)]
    pub model_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub response_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Candidate<'a> {
    #[serde(borrow, default)]
    pub content: Option<Content<'a>>,
    #[serde(borrow, default)]
    pub finish_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub finish_message: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(in crate::dialect) struct Content<'a> {
    #[serde(borrow, default)]
    pub parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Part<'a> {
    #[serde(borrow, default)]
    pub text: Option<Cow<'a, str>>,
    /// Whether the text is what the model thought.
    #[serde(default)]
    pub thought: Option<bool>,
    #[serde(borrow, default)]
    pub thought_signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub function_call: Option<FunctionCall<'a>>,
}

#[derive(Deserialize)]
pub(in crate::dialect) struct FunctionCall<'a> {
    #[serde(borrow, default)]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Feedback<'a> {
    #[serde(borrow, default)]
    pub block_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub block_reason_message: Option<Cow<'a, str>>,
}

/// How the answer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dialect) enum Ending {
    /// It did not.
    None,
    /// The model was done, or came to a text at which it was to end: they are not told apart.
    Stop,
    /// It is as long as it may be.
    Length,
    /// A filter ended it.
    Filter,
    /// It is broken: a call that is none, or a reason that the provider does not tell.
    Broken,
}

/// The provider's error.
pub(in crate::dialect) struct Failure {
    pub kind: Option<String>,
    pub message: String,
}

impl Ending {
    fn of(reason: &str) -> Self {
        match reason {
            "" | "FINISH_REASON_UNSPECIFIED" => Ending::None,
            // The second: as long as one request's answer may be. To go on takes a token that no caller knows.
            "MAX_TOKENS" | "CONTINUATION" => Ending::Length,
            "SAFETY"
            | "RECITATION"
            | "LANGUAGE"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "IMAGE_SAFETY"
            | "IMAGE_PROHIBITED_CONTENT"
            | "IMAGE_RECITATION"
            | "MODEL_ARMOR"
            | "ESCALATION"
            | "PUP_LIMITED_DISABLED" => Ending::Filter,
            "MALFORMED_FUNCTION_CALL"
            | "UNEXPECTED_TOOL_CALL"
            | "TOO_MANY_TOOL_CALLS"
            | "MISSING_THOUGHT_SIGNATURE"
            | "MALFORMED_RESPONSE"
            | "NO_IMAGE"
            | "IMAGE_OTHER"
            | "OTHER" => Ending::Broken,
            _ => Ending::Stop,
        }
    }
}

impl<'a> Body<'a> {
    /// The first candidate; more are never asked for.
    pub fn first(&self) -> Option<&Candidate<'a>> {
        self.candidates.as_ref()?.first()
    }

    pub fn parts(&self) -> impl Iterator<Item = &Part<'a>> {
        self.first()
            .and_then(|first| first.content.as_ref())
            .and_then(|content| content.parts.as_ref())
            .into_iter()
            .flatten()
    }

    pub fn ending(&self) -> Ending {
        self.first().and_then(|first| first.finish_reason.as_deref()).map_or(Ending::None, Ending::of)
    }

    /// Whether the prompt was turned away by a filter.
    pub fn is_blocked(&self) -> bool {
        self.prompt_feedback.as_ref().is_some_and(|feedback| feedback.block_reason.is_some())
    }

    /// The provider's error, or why the model's answer is broken.
    pub fn failure(&self) -> Option<Failure> {
        if let Some(error) = self.error {
            return Some(Failure::of(error));
        }
        let first = self.first().filter(|_| self.ending() == Ending::Broken)?;
        let kind = first.finish_reason.as_deref().unwrap_or_default();
        let message = match first.finish_message.as_deref() {
            Some(message) => format!("{kind}: {message}").chars().take(LONGEST_WORDS).collect(),
            None => kind.to_owned(),
        };
        Some(Failure { kind: Some(kind.to_owned()), message })
    }

    pub fn usage(&self) -> Option<Usage> {
        self.usage_metadata.as_ref().and_then(Counts::usage)
    }

    pub fn service_tier(&self) -> Option<String> {
        self.usage_metadata.as_ref().and_then(Counts::service_tier)
    }

    /// What the model wrote, thoughts and calls included.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for part in self.parts() {
            text.push_str(part.text.as_deref().unwrap_or_default());
            if let Some(call) = &part.function_call {
                text.push_str(call.name.as_deref().unwrap_or_default());
                text.push_str(call.args.map_or("", RawValue::get));
            }
        }
        text
    }
}

impl Failure {
    fn of(error: &RawValue) -> Self {
        #[derive(Deserialize)]
        struct Object<'a> {
            #[serde(borrow)]
            message: Cow<'a, str>,
            #[serde(borrow, default)]
            status: Option<Cow<'a, str>>,
        }
        let (kind, message) = match serde_json::from_str::<Object<'_>>(error.get()) {
            Ok(object) => (object.status.map(Cow::into_owned), object.message),
            Err(_) => (None, Cow::Borrowed(error.get())),
        };
        Self { kind, message: message.chars().take(LONGEST_WORDS).collect() }
    }
}
