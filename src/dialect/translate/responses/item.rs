//! An item of an answer that is being written, and the events that fill it.

use serde_json::{Value, json};

use super::tools::{Definition, Sort};
use super::write_answer::Events;
use crate::dialect::openai_responses::OWN_REASONING;
use crate::dialect::translate::neutral::freeform_text;

/// An item, as far as it has got.
#[derive(Debug)]
pub(super) struct Item {
    id: String,
    kind: Kind,
    /// `in_progress` until it is done.
    status: String,
}

#[derive(Debug)]
enum Kind {
    /// Texts and refusals, in turns.
    Message(Vec<Content>),
    /// A summary of what the model thought: all that a client is shown of reasoning.
    Reasoning(String),
    /// A call of a tool, with its arguments.
    Call { id: String, tool: Definition, arguments: String },
}

#[derive(Debug)]
enum Content {
    Text(String),
    Refusal(String),
}

impl Content {
    fn value(&self) -> Value {
        match self {
            Content::Text(text) => json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []}),
            Content::Refusal(text) => json!({"type": "refusal", "refusal": text}),
        }
    }
}

impl Item {
    fn new(id: String, kind: Kind) -> Self {
        Self { id, kind, status: "in_progress".to_owned() }
    }

    pub(super) fn message(id: String) -> Self {
        Self::new(format!("msg_{id}"), Kind::Message(Vec::new()))
    }

    pub(super) fn reasoning(id: String) -> Self {
        Self::new(format!("{OWN_REASONING}{id}"), Kind::Reasoning(String::new()))
    }

    /// A call with this id of its own.
    pub(super) fn call(id: String, call_id: String, tool: Definition) -> Self {
        let start = match tool.sort {
            Sort::Function => "fc",
            Sort::Freeform => "ctc",
            Sort::Search => "tsc",
        };
        Self::new(format!("{start}_{id}"), Kind::Call { id: call_id, tool, arguments: String::new() })
    }

    pub(super) fn is_message(&self) -> bool {
        matches!(self.kind, Kind::Message(_))
    }

    pub(super) fn is_reasoning(&self) -> bool {
        matches!(self.kind, Kind::Reasoning(_))
    }

    fn is_done(&self) -> bool {
        self.status != "in_progress"
    }

    /// As it stands in an answer's output.
    pub(super) fn value(&self) -> Value {
        let (id, status) = (&self.id, &self.status);
        match &self.kind {
            Kind::Message(contents) => {
                let content: Vec<Value> = contents.iter().map(Content::value).collect();
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
            }
            Kind::Reasoning(text) if text.is_empty() => json!({"id": id, "type": "reasoning", "summary": []}),
            Kind::Reasoning(text) => {
                json!({"id": id, "type": "reasoning", "summary": [{"type": "summary_text", "text": text}]})
            }
            Kind::Call { id: call_id, tool, arguments } => self.call_value(call_id, tool, arguments),
        }
    }

    fn call_value(&self, call_id: &str, tool: &Definition, arguments: &str) -> Value {
        let (id, status) = (&self.id, &self.status);
        let mut value = json!({"id": id, "status": status, "call_id": call_id, "name": tool.name});
        if let Some(namespace) = &tool.namespace {
            value["namespace"] = json!(namespace);
        }
        // A text and an object are not told before they are whole.
        let whole = Some(arguments).filter(|_| self.is_done());
        let fields = match tool.sort {
            Sort::Function => [("type", json!("function_call")), ("arguments", json!(arguments))],
            Sort::Freeform => {
                [("type", json!("custom_tool_call")), ("input", json!(whole.map(freeform_text).unwrap_or_default()))]
            }
            Sort::Search => {
                value["execution"] = json!("client");
                let read = whole.map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)));
                [("type", json!("tool_search_call")), ("arguments", read.unwrap_or_else(|| json!({})))]
            }
        };
        for (name, field) in fields {
            value[name] = field;
        }
        if tool.sort == Sort::Search {
            value.as_object_mut().map(|value| value.remove("name"));
        }
        value
    }

    /// Goes on with text in a message.
    pub(super) fn add_text(&mut self, place: usize, piece: &str, events: &mut Events<'_>) {
        self.say(place, piece, false, events);
    }

    /// Goes on with a refusal in a message.
    pub(super) fn add_refusal(&mut self, place: usize, piece: &str, events: &mut Events<'_>) {
        self.say(place, piece, true, events);
    }

    fn say(&mut self, place: usize, piece: &str, refuses: bool, events: &mut Events<'_>) {
        let Kind::Message(contents) = &mut self.kind else { return };
        if contents.last().is_none_or(|last| matches!(last, Content::Refusal(_)) != refuses) {
            end_content(&self.id, place, contents, events);
            let content = if refuses { Content::Refusal(String::new()) } else { Content::Text(String::new()) };
            let part = json!({"item_id": self.id, "output_index": place, "content_index": contents.len(), "part": content.value()});
            events.add("response.content_part.added", part);
            contents.push(content);
        }
        let index = contents.len() - 1;
        let mut delta = json!({"item_id": self.id, "output_index": place, "content_index": index, "delta": piece});
        match contents.last_mut() {
            Some(Content::Text(text)) => {
                text.push_str(piece);
                delta["logprobs"] = json!([]);
                events.add("response.output_text.delta", delta);
            }
            Some(Content::Refusal(text)) => {
                text.push_str(piece);
                events.add("response.refusal.delta", delta);
            }
            None => {}
        }
    }

    /// Goes on with a summary of reasoning.
    pub(super) fn add_summary(&mut self, place: usize, piece: &str, events: &mut Events<'_>) {
        let Kind::Reasoning(text) = &mut self.kind else { return };
        let at = json!({"item_id": self.id, "output_index": place, "summary_index": 0});
        let with = |name: &str, value: Value| {
            let mut fields = at.clone();
            fields[name] = value;
            fields
        };
        if text.is_empty() {
            let part = with("part", json!({"type": "summary_text", "text": ""}));
            events.add("response.reasoning_summary_part.added", part);
        }
        text.push_str(piece);
        events.add("response.reasoning_summary_text.delta", with("delta", json!(piece)));
    }

    /// Goes on with a call's arguments.
    pub(super) fn add_arguments(&mut self, place: usize, piece: &str, events: &mut Events<'_>) {
        let Kind::Call { tool, arguments, .. } = &mut self.kind else { return };
        arguments.push_str(piece);
        if tool.sort == Sort::Function && !piece.is_empty() {
            let delta = json!({"item_id": self.id, "output_index": place, "delta": piece});
            events.add("response.function_call_arguments.delta", delta);
        }
    }

    /// Ends the item, unless it has ended.
    pub(super) fn close(&mut self, place: usize, status: &str, events: &mut Events<'_>) {
        if self.is_done() {
            return;
        }
        match &self.kind {
            Kind::Message(contents) => end_content(&self.id, place, contents, events),
            Kind::Reasoning(text) => {
                let at = |name: &str, value: Value| {
                    let mut fields = json!({"item_id": self.id, "output_index": place, "summary_index": 0});
                    fields[name] = value;
                    fields
                };
                events.add("response.reasoning_summary_text.done", at("text", json!(text)));
                let part = json!({"type": "summary_text", "text": text});
                events.add("response.reasoning_summary_part.done", at("part", part));
            }
            Kind::Call { tool, arguments, .. } => end_call(&self.id, place, tool, arguments, events),
        }
        status.clone_into(&mut self.status);
        events.add("response.output_item.done", json!({"output_index": place, "item": self.value()}));
    }
}

/// Ends the last of a message's contents, if there is one.
fn end_content(id: &str, place: usize, contents: &[Content], events: &mut Events<'_>) {
    let Some(last) = contents.last() else { return };
    let at = |name: &str, value: Value| {
        let mut fields = json!({"item_id": id, "output_index": place, "content_index": contents.len() - 1});
        fields[name] = value;
        fields
    };
    match last {
        Content::Text(text) => {
            let mut done = at("text", json!(text));
            done["logprobs"] = json!([]);
            events.add("response.output_text.done", done);
        }
        Content::Refusal(text) => events.add("response.refusal.done", at("refusal", json!(text))),
    }
    events.add("response.content_part.done", at("part", last.value()));
}

fn end_call(id: &str, place: usize, tool: &Definition, arguments: &str, events: &mut Events<'_>) {
    match tool.sort {
        Sort::Function => {
            let done = json!({"item_id": id, "output_index": place, "name": tool.name, "arguments": arguments});
            events.add("response.function_call_arguments.done", done);
        }
        Sort::Freeform => {
            let input = freeform_text(arguments);
            if !input.is_empty() {
                let delta = json!({"item_id": id, "output_index": place, "delta": input});
                events.add("response.custom_tool_call_input.delta", delta);
            }
            let done = json!({"item_id": id, "output_index": place, "input": input});
            events.add("response.custom_tool_call_input.done", done);
        }
        Sort::Search => {}
    }
}
