//! Answers, whole and streamed.

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::dialect::bedrock_converse::wire::{self, Additional, BlockDelta, BlockStart, Body, Frame, Start, Tier};
use crate::dialect::translate::Read;
use crate::dialect::translate::neutral::{Delta, Part, Reply, Stop, ToolCall};

/// A tool that runs at the provider; its calls are not the client's.
const SERVER_TOOL: &str = "server_tool_use";

/// Reads a whole answer.
pub(in crate::dialect::translate) fn read_reply(body: &[u8]) -> Option<Reply> {
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    if body.output.is_none() || wire::broken(body.stop_reason.as_deref()).is_some() {
        return None;
    }
    let mut parts = Vec::new();
    for block in body.blocks() {
        if let Some(thought) = block.thought().filter(|thought| !thought.is_empty()) {
            parts.push(Part::Reasoning(thought.to_owned()));
        }
        if let Some(text) = block.text.as_deref().filter(|text| !text.is_empty()) {
            parts.push(Part::Text(text.to_owned()));
        }
        if let Some(call) = block.tool_use.as_ref().filter(|call| call.kind.as_deref() != Some(SERVER_TOOL)) {
            parts.push(Part::ToolCall(ToolCall {
                id: call.tool_use_id.clone().into_owned(),
                name: call.name.clone().into_owned(),
                arguments: call.input.map_or("{}", RawValue::get).to_owned(),
            }));
        }
    }
    Some(Reply {
        parts,
        stop: stop(body.stop_reason.as_deref(), body.additional_model_response_fields.as_ref()),
        usage: body.usage.as_ref().and_then(|counts| counts.usage()),
        service_tier: body.service_tier.as_ref().and_then(Tier::name),
        ..Reply::default()
    })
}

fn stop(reason: Option<&str>, additional: Option<&Additional<'_>>) -> Stop {
    match reason.unwrap_or_default() {
        "tool_use" => Stop::ToolUse,
        "max_tokens" => Stop::Length,
        "stop_sequence" => {
            let told = additional.and_then(|additional| additional.stop_sequence.as_deref());
            Stop::Sequence(told.map(str::to_owned))
        }
        "guardrail_intervened" | "content_filtered" | "refusal" => Stop::Refusal,
        "model_context_window_exceeded" => Stop::ContextFull,
        "pause_turn" => Stop::Pause,
        _ => Stop::End,
    }
}

/// Reads a stream.
#[derive(Default)]
pub(in crate::dialect::translate) struct Reader {
    has_begun: bool,
    /// How many calls have begun.
    calls: usize,
    /// The calls that are open, by their block.
    open: HashMap<usize, Open>,
}

struct Open {
    call: usize,
    has_arguments: bool,
}

impl Read for Reader {
    fn read(&mut self, data: &[u8], deltas: &mut Vec<Delta>) {
        let Ok(frame) = serde_json::from_slice::<Frame<'_>>(data) else { return };
        if let Some(error) = frame.error {
            let (kind, message) = (error.kind.map(Into::into), error.message.into_owned());
            deltas.push(Delta::Error { kind, message });
            return;
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            deltas.push(Delta::Start { id: None, model: None });
        }
        if let Some(start) = frame.content_block_start {
            self.start(start, deltas);
        }
        if let Some(delta) = frame.content_block_delta {
            self.delta(delta, deltas);
        }
        if let Some(open) = frame.content_block_stop.and_then(|stop| self.open.remove(&stop.content_block_index))
            && !open.has_arguments
        {
            // A call without arguments has no pieces, but its arguments are an object all the same.
            deltas.push(Delta::Arguments { call: open.call, piece: "{}".to_owned() });
        }
        if let Some(end) = frame.message_stop {
            match wire::broken(end.stop_reason.as_deref()) {
                Some(kind) => deltas.push(Delta::Error { kind: Some(kind.clone()), message: kind }),
                None => {
                    let additional = end.additional_model_response_fields.as_ref();
                    deltas.push(Delta::Stop(stop(end.stop_reason.as_deref(), additional)));
                }
            }
        }
        if let Some(metadata) = frame.metadata {
            deltas.extend(metadata.service_tier.as_ref().and_then(Tier::name).map(Delta::ServiceTier));
            deltas.extend(metadata.usage.as_ref().and_then(|counts| counts.usage()).map(Delta::Usage));
        }
    }
}

impl Reader {
    fn start(&mut self, block: BlockStart<'_>, deltas: &mut Vec<Delta>) {
        let Some(Start { tool_use: Some(call) }) = block.start else { return };
        if call.kind.as_deref() == Some(SERVER_TOOL) {
            return;
        }
        let open = Open { call: self.calls, has_arguments: false };
        self.calls += 1;
        let (id, name) = (call.tool_use_id.into_owned(), call.name.into_owned());
        deltas.push(Delta::CallStart { call: open.call, id, name });
        self.open.insert(block.content_block_index, open);
    }

    fn delta(&mut self, block: BlockDelta<'_>, deltas: &mut Vec<Delta>) {
        let filled = |text: std::borrow::Cow<'_, str>| Some(text.into_owned()).filter(|text| !text.is_empty());
        deltas.extend(block.delta.text.and_then(filled).map(Delta::Text));
        let thought = block.delta.reasoning_content.and_then(|thought| thought.text);
        deltas.extend(thought.and_then(filled).map(Delta::Reasoning));
        let input = block.delta.tool_use.and_then(|call| filled(call.input));
        if let (Some(piece), Some(open)) = (input, self.open.get_mut(&block.content_block_index)) {
            open.has_arguments = true;
            deltas.push(Delta::Arguments { call: open.call, piece });
        }
    }
}
