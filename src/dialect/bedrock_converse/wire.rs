//! An answer and the events of a stream as they stand in the bytes.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::usage::Counts;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Body<'a> {
    #[serde(borrow, default)]
    pub output: Option<Output<'a>>,
    #[serde(borrow, default)]
    pub stop_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub usage: Option<Counts<'a>>,
    #[serde(borrow, default)]
    pub service_tier: Option<Tier<'a>>,
    #[serde(borrow, default)]
    pub additional_model_response_fields: Option<Additional<'a>>,
}

#[derive(Deserialize)]
pub(in crate::dialect) struct Output<'a> {
    #[serde(borrow, default)]
    pub message: Option<Message<'a>>,
}

#[derive(Deserialize)]
pub(in crate::dialect) struct Message<'a> {
    #[serde(borrow, default)]
    pub content: Vec<Block<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Block<'a> {
    #[serde(borrow, default)]
    pub text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub tool_use: Option<ToolUse<'a>>,
    #[serde(borrow, default)]
    pub reasoning_content: Option<Reasoning<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct ToolUse<'a> {
    #[serde(borrow)]
    pub tool_use_id: Cow<'a, str>,
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// A whole call's arguments, a JSON value; they come later in a stream.
    #[serde(borrow, default)]
    pub input: Option<&'a RawValue>,
    /// `server_tool_use`: the provider runs it.
    #[serde(borrow, default, rename = "type")]
    pub kind: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Reasoning<'a> {
    #[serde(borrow, default)]
    pub reasoning_text: Option<ReasoningText<'a>>,
}

#[derive(Deserialize)]
pub(in crate::dialect) struct ReasoningText<'a> {
    #[serde(borrow)]
    pub text: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(in crate::dialect) struct Tier<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

/// What of the model's own answer was asked for.
#[derive(Deserialize)]
pub(in crate::dialect) struct Additional<'a> {
    #[serde(borrow, default)]
    pub stop_sequence: Option<Cow<'a, str>>,
}

/// One event: one of these is there. What begins a message says nothing that matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Frame<'a> {
    #[serde(borrow, default)]
    pub content_block_start: Option<BlockStart<'a>>,
    #[serde(borrow, default)]
    pub content_block_delta: Option<BlockDelta<'a>>,
    #[serde(default)]
    pub content_block_stop: Option<BlockStop>,
    #[serde(borrow, default)]
    pub message_stop: Option<MessageStop<'a>>,
    #[serde(borrow, default)]
    pub metadata: Option<Metadata<'a>>,
    #[serde(borrow, default)]
    pub error: Option<Failure<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct BlockStart<'a> {
    #[serde(default)]
    pub content_block_index: usize,
    #[serde(borrow, default)]
    pub start: Option<Start<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Start<'a> {
    #[serde(borrow, default)]
    pub tool_use: Option<ToolUse<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct BlockDelta<'a> {
    #[serde(default)]
    pub content_block_index: usize,
    #[serde(borrow)]
    pub delta: Delta<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct BlockStop {
    #[serde(default)]
    pub content_block_index: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Delta<'a> {
    #[serde(borrow, default)]
    pub text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub tool_use: Option<Input<'a>>,
    #[serde(borrow, default)]
    pub reasoning_content: Option<Thought<'a>>,
}

#[derive(Deserialize)]
pub(in crate::dialect) struct Input<'a> {
    #[serde(borrow)]
    pub input: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(in crate::dialect) struct Thought<'a> {
    #[serde(borrow, default)]
    pub text: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct MessageStop<'a> {
    #[serde(borrow, default)]
    pub stop_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub additional_model_response_fields: Option<Additional<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect) struct Metadata<'a> {
    #[serde(borrow, default)]
    pub usage: Option<Counts<'a>>,
    #[serde(borrow, default)]
    pub service_tier: Option<Tier<'a>>,
}

#[derive(Deserialize)]
pub(in crate::dialect) struct Failure<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub message: Cow<'a, str>,
}

impl<'a> Body<'a> {
    pub fn blocks(&self) -> impl Iterator<Item = &Block<'a>> {
        self.output.as_ref().and_then(|output| output.message.as_ref()).into_iter().flat_map(|message| &message.content)
    }
}

impl Block<'_> {
    pub fn thought(&self) -> Option<&str> {
        Some(&self.reasoning_content.as_ref()?.reasoning_text.as_ref()?.text)
    }
}

impl Tier<'_> {
    pub fn name(&self) -> Option<String> {
        self.kind.as_deref().map(str::to_owned)
    }
}

/// The word for how the model broke off, if what it wrote is of no use.
pub(in crate::dialect) fn broken(stop_reason: Option<&str>) -> Option<String> {
    stop_reason.filter(|reason| matches!(*reason, "malformed_model_output" | "malformed_tool_use")).map(str::to_owned)
}
