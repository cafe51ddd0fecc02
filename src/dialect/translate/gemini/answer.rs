//! Answers, whole and streamed. Calls come whole in either.

use serde_json::value::RawValue;

use super::ids;
use crate::dialect::gemini::wire::{Body, Ending, Part as Wire};
use crate::dialect::translate::Read;
use crate::dialect::translate::neutral::{Delta, Part, Reply, Stop, ToolCall};

/// Reads a whole answer.
pub(in crate::dialect::translate) fn read_reply(body: &[u8]) -> Option<Reply> {
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    if body.failure().is_some() || (body.first().is_none() && !body.is_blocked()) {
        return None;
    }
    let mut parts: Vec<Part> = Vec::new();
    let mut calls = 0;
    for part in body.parts() {
        match (read_part(part, calls, body.response_id.as_deref()), parts.last_mut()) {
            (Said::Call(call), _) => {
                calls += 1;
                parts.push(Part::ToolCall(call));
            }
            (Said::Text(more), Some(Part::Text(text))) | (Said::Thought(more), Some(Part::Reasoning(text))) => {
                text.push_str(more);
            }
            (Said::Text(text), _) => parts.push(Part::Text(text.to_owned())),
            (Said::Thought(text), _) => parts.push(Part::Reasoning(text.to_owned())),
            (Said::Nothing, _) => {}
        }
    }
    parts.extend(blocked_words(&body).map(Part::Refusal));
    Some(Reply {
        id: body.response_id.as_deref().map(str::to_owned),
        model: body.model_version.as_deref().map(str::to_owned),
        parts,
        stop: stop(&body, calls).unwrap_or_default(),
        usage: body.usage(),
        service_tier: service_tier(&body),
    })
}

/// The tier of service in the words of the form in the middle, which are OpenAI's.
fn service_tier(body: &Body<'_>) -> Option<String> {
    body.service_tier().map(|tier| if tier == "standard" { "default".to_owned() } else { tier })
}

/// What one part says.
enum Said<'a> {
    Nothing,
    Text(&'a str),
    Thought(&'a str),
    Call(ToolCall),
}

fn read_part<'a>(part: &'a Wire<'_>, number: usize, answer: Option<&str>) -> Said<'a> {
    if let Some(call) = &part.function_call {
        let name = call.name.as_deref().unwrap_or_default();
        let arguments = call.args.map_or("{}", RawValue::get);
        let id = ids::write(&ids::Call {
            given: call.id.as_deref(),
            answer,
            number,
            content: &format!("{name}{arguments}"),
            signature: part.thought_signature.as_deref(),
        });
        return Said::Call(ToolCall { id, name: name.to_owned(), arguments: arguments.to_owned() });
    }
    match part.text.as_deref() {
        None | Some("") => Said::Nothing,
        Some(text) if part.thought == Some(true) => Said::Thought(text),
        Some(text) => Said::Text(text),
    }
}

/// The provider's words for turning the prompt away, if it has any.
fn blocked_words(body: &Body<'_>) -> Option<String> {
    body.prompt_feedback.as_ref()?.block_reason_message.as_deref().map(str::to_owned)
}

/// Google says `STOP` for calls, too.
fn stop(body: &Body<'_>, calls: usize) -> Option<Stop> {
    match body.ending() {
        Ending::None if body.is_blocked() => Some(Stop::Refusal),
        Ending::None | Ending::Broken => None,
        Ending::Stop if calls > 0 => Some(Stop::ToolUse),
        Ending::Stop => Some(Stop::End),
        Ending::Length => Some(Stop::Length),
        Ending::Filter => Some(Stop::Refusal),
    }
}

/// Reads a stream.
#[derive(Default)]
pub(in crate::dialect::translate) struct Reader {
    has_begun: bool,
    has_stopped: bool,
    answer: Option<String>,
    service_tier: Option<String>,
    calls: usize,
}

impl Read for Reader {
    fn read(&mut self, data: &[u8], deltas: &mut Vec<Delta>) {
        let Ok(body) = serde_json::from_slice::<Body<'_>>(data) else { return };
        if let Some(failure) = body.failure() {
            deltas.push(Delta::Error { kind: failure.kind, message: failure.message });
            return;
        }
        if self.answer.is_none() {
            self.answer = body.response_id.as_deref().map(str::to_owned);
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            let model = body.model_version.as_deref().map(str::to_owned);
            deltas.push(Delta::Start { id: self.answer.clone(), model });
        }
        for part in body.parts() {
            self.read_part(part, deltas);
        }
        deltas.extend(blocked_words(&body).map(Delta::Refusal));
        if let Some(tier) = service_tier(&body).filter(|tier| self.service_tier.as_ref() != Some(tier)) {
            self.service_tier = Some(tier.clone());
            deltas.push(Delta::ServiceTier(tier));
        }
        deltas.extend(body.usage().map(Delta::Usage));
        if let Some(stop) = stop(&body, self.calls).filter(|_| !self.has_stopped) {
            self.has_stopped = true;
            deltas.push(Delta::Stop(stop));
        }
    }
}

impl Reader {
    fn read_part(&mut self, part: &Wire<'_>, deltas: &mut Vec<Delta>) {
        match read_part(part, self.calls, self.answer.as_deref()) {
            Said::Nothing => {}
            Said::Text(text) => deltas.push(Delta::Text(text.to_owned())),
            Said::Thought(text) => deltas.push(Delta::Reasoning(text.to_owned())),
            Said::Call(ToolCall { id, name, arguments }) => {
                let call = self.calls;
                self.calls += 1;
                deltas.push(Delta::CallStart { call, id, name });
                deltas.push(Delta::Arguments { call, piece: arguments });
            }
        }
    }
}
