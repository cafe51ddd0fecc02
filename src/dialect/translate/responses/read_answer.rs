//! Answers into the neutral form, whole and streamed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::dialect::translate::Read;
use crate::dialect::translate::neutral::{Delta, Part, Reply, Stop, ToolCall, freeform_arguments};
use crate::dialect::{Event, Piece, openai_responses};
use crate::domain::Usage;

fn text(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

/// What an item says.
fn parts_of(item: &Value) -> Vec<Part> {
    let texts = |name: &str| -> Vec<String> {
        item[name].as_array().into_iter().flatten().filter_map(|part| text(part, "text")).collect()
    };
    match item["type"].as_str() {
        Some("message") => item["content"].as_array().into_iter().flatten().filter_map(content_part).collect(),
        Some("reasoning") => {
            let (summary, content) = (texts("summary"), texts("content"));
            let said = if summary.is_empty() { content } else { summary }.join("\n\n");
            if said.is_empty() { Vec::new() } else { vec![Part::Reasoning(said)] }
        }
        Some("function_call" | "custom_tool_call") => vec![Part::ToolCall(call_of(item))],
        _ => Vec::new(),
    }
}

fn content_part(part: &Value) -> Option<Part> {
    match part["type"].as_str()? {
        "output_text" => text(part, "text").map(Part::Text),
        "refusal" => text(part, "refusal").map(Part::Refusal),
        _ => None,
    }
}

fn call_of(item: &Value) -> ToolCall {
    let id = text(item, "call_id").or_else(|| text(item, "id")).unwrap_or_default();
    let arguments = match text(item, "input").filter(|_| item["type"] == "custom_tool_call") {
        Some(input) => freeform_arguments(&input),
        None => text(item, "arguments").unwrap_or_default(),
    };
    ToolCall { id, name: text(item, "name").unwrap_or_default(), arguments }
}

/// Why a response ended.
fn stop_of(response: &Value, calls_tools: bool, refuses: bool) -> Stop {
    match response["incomplete_details"]["reason"].as_str() {
        Some("content_filter") => Stop::Refusal,
        Some("max_output_tokens") => Stop::Length,
        _ if calls_tools => Stop::ToolUse,
        _ if refuses => Stop::Refusal,
        _ => Stop::End,
    }
}

/// Reads a whole answer.
pub(in crate::dialect::translate) fn read_reply(body: &[u8]) -> Option<Reply> {
    let answer = openai_responses::read_answer(body);
    if !answer.is_answer {
        return None;
    }
    let response: Value = serde_json::from_slice(body).ok()?;
    let parts: Vec<Part> = response["output"].as_array()?.iter().flat_map(parts_of).collect();
    let calls_tools = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let refuses = parts.iter().any(|part| matches!(part, Part::Refusal(_)));
    Some(Reply {
        id: text(&response, "id"),
        model: text(&response, "model"),
        stop: stop_of(&response, calls_tools, refuses),
        parts,
        usage: answer.usage,
        service_tier: answer.service_tier,
    })
}

/// Reads a stream.
#[derive(Debug, Default)]
pub(in crate::dialect::translate) struct Reader {
    has_begun: bool,
    has_ended: bool,
    refuses: bool,
    /// The numbers of the calls, by where their items stand in the output.
    calls: BTreeMap<u64, usize>,
    /// Where the items stand whose content has been told in pieces, each with the event that told the first: some
    /// servers tell the same reasoning in two ways.
    told: BTreeMap<u64, String>,
    /// Where the items stand that are done.
    done: BTreeSet<u64>,
}

impl Read for Reader {
    fn read(&mut self, data: &[u8], deltas: &mut Vec<Delta>) {
        let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
        if self.has_ended {
            return;
        }
        let place = event["output_index"].as_u64().unwrap_or_default();
        match event["type"].as_str().unwrap_or_default() {
            "response.created" | "response.in_progress" | "response.queued" => self.begin(&event["response"], deltas),
            "response.output_item.added" => self.add_item(place, &event["item"], deltas),
            "response.output_item.done" => self.end_item(place, &event["item"], deltas),
            "response.completed" | "response.incomplete" => self.end(data, &event["response"], deltas),
            "response.failed" => self.fail(&event["response"]["error"], deltas),
            "error" if event["error"].is_object() => self.fail(&event["error"], deltas),
            "error" => self.fail(&event, deltas),
            kind => match event["delta"].as_str() {
                Some(piece) => self.go_on(place, kind, piece, deltas),
                None if kind == "response.reasoning_summary_part.added" => {
                    // Its parts are told apart by an empty line.
                    if event["summary_index"].as_u64().is_some_and(|index| index > 0) {
                        deltas.push(Delta::Reasoning("\n\n".to_owned()));
                    }
                }
                None if event["error"].is_object() => self.fail(&event["error"], deltas),
                None => deltas.push(Delta::Ping),
            },
        }
    }
}

impl Reader {
    fn begin(&mut self, response: &Value, deltas: &mut Vec<Delta>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            deltas.push(Delta::Start { id: text(response, "id"), model: text(response, "model") });
        }
    }

    fn add_item(&mut self, place: u64, item: &Value, deltas: &mut Vec<Delta>) {
        let is_call = matches!(item["type"].as_str(), Some("function_call" | "custom_tool_call"));
        if is_call && !self.calls.contains_key(&place) {
            let call = self.calls.len();
            self.calls.insert(place, call);
            let ToolCall { id, name, .. } = call_of(item);
            deltas.push(Delta::CallStart { call, id, name });
        }
    }

    fn go_on(&mut self, place: u64, kind: &str, piece: &str, deltas: &mut Vec<Delta>) {
        let delta = match kind {
            "response.output_text.delta" => Delta::Text(piece.to_owned()),
            "response.refusal.delta" => {
                self.refuses = true;
                Delta::Refusal(piece.to_owned())
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                if self.told.get(&place).is_some_and(|first| first != kind) {
                    return;
                }
                Delta::Reasoning(piece.to_owned())
            }
            "response.function_call_arguments.delta" => match self.calls.get(&place) {
                Some(call) => Delta::Arguments { call: *call, piece: piece.to_owned() },
                // Told whole when it is done.
                None => return,
            },
            // A freeform tool's text is no JSON before it is whole; what else there is, nobody else can say.
            _ => return deltas.push(Delta::Ping),
        };
        self.told.entry(place).or_insert_with(|| kind.to_owned());
        deltas.push(delta);
    }

    /// The end of an item, whose content may have come in pieces or comes only now.
    fn end_item(&mut self, place: u64, item: &Value, deltas: &mut Vec<Delta>) {
        if !self.done.insert(place) {
            return;
        }
        self.add_item(place, item, deltas);
        if self.told.contains_key(&place) {
            return;
        }
        for part in parts_of(item) {
            deltas.push(match part {
                Part::Text(text) => Delta::Text(text),
                Part::Reasoning(text) => Delta::Reasoning(text),
                Part::Refusal(text) => {
                    self.refuses = true;
                    Delta::Refusal(text)
                }
                Part::ToolCall(call) => match self.calls.get(&place) {
                    Some(number) => Delta::Arguments { call: *number, piece: call.arguments },
                    None => continue,
                },
                _ => continue,
            });
        }
    }

    fn end(&mut self, data: &[u8], response: &Value, deltas: &mut Vec<Delta>) {
        self.begin(response, deltas);
        for (place, item) in (0..).zip(response["output"].as_array().into_iter().flatten()) {
            self.end_item(place, item, deltas);
        }
        if let Event::Done(Piece { usage: Some(told), .. }) = openai_responses::read_event(data) {
            let mut usage = Usage::default();
            usage.update(&told);
            deltas.push(Delta::Usage(usage));
        }
        if let Some(tier) = text(response, "service_tier") {
            deltas.push(Delta::ServiceTier(tier));
        }
        deltas.push(Delta::Stop(stop_of(response, !self.calls.is_empty(), self.refuses)));
        self.has_ended = true;
    }

    fn fail(&mut self, error: &Value, deltas: &mut Vec<Delta>) {
        let kind = text(error, "code").or_else(|| text(error, "type").filter(|kind| kind != "error"));
        let message = text(error, "message").unwrap_or_else(|| "the response failed".to_owned());
        deltas.push(Delta::Error { kind, message });
        self.has_ended = true;
    }
}
