//! The conversation. A turn of the model's calls is followed by one of their results, all of them and nothing else.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Generation, ids};
use crate::dialect::translate::Carry;
use crate::dialect::translate::neutral::{Message, Part, Role, Source, ToolCall};
use crate::domain::Failure;

/// The conversation as far as it is written.
pub(super) struct Contents<'r> {
    generation: Generation,
    turns: Vec<Turn>,
    system: Vec<Value>,
    /// The tools that were called, by the calls' ids: a result names its tool.
    called: HashMap<&'r str, &'r str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Model,
    Results,
}

struct Turn {
    kind: Kind,
    parts: Vec<Value>,
    has_calls: bool,
}

impl<'r> Contents<'r> {
    pub(super) fn new(generation: Generation) -> Self {
        Self { generation, turns: Vec::new(), system: Vec::new(), called: HashMap::new() }
    }

    /// The turns, and the parts of the instructions.
    pub(super) fn finish(self) -> (Vec<Value>, Vec<Value>) {
        let written = |turn: Turn| {
            let role = if turn.kind == Kind::Model { "model" } else { "user" };
            json!({ "role": role, "parts": turn.parts })
        };
        (self.turns.into_iter().map(written).collect(), self.system)
    }

    pub(super) fn write(&mut self, message: &'r Message, carry: &mut Carry<'_>) -> Result<(), Failure> {
        // Whatever else a user's message holds stands after the results in it.
        let (results, others): (Vec<_>, Vec<_>) =
            message.parts.iter().partition(|part| matches!(part, Part::ToolResult { .. }));
        let mut after = Vec::new();
        for part in results {
            if let Part::ToolResult { id, parts, is_error } = part {
                let result = self.result(id, parts, *is_error, &mut after, carry)?;
                self.push(Kind::Results, result);
            }
        }
        after.into_iter().for_each(|part| self.push(Kind::User, part));
        for part in others {
            match (message.role, part) {
                (Role::System, Part::Text(text)) => self.system.push(json!({ "text": text })),
                (Role::System, _) => carry.refuse("messages.content", "instructions that are not text")?,
                (Role::Assistant, Part::ToolCall(call)) => self.call(call),
                (Role::Assistant, part) => self.say(Kind::Model, part, carry)?,
                (Role::User, part) => self.say(Kind::User, part, carry)?,
            }
        }
        Ok(())
    }

    fn push(&mut self, kind: Kind, part: Value) {
        match self.turns.last_mut() {
            Some(last) if last.kind == kind => last.parts.push(part),
            _ => self.turns.push(Turn { kind, parts: vec![part], has_calls: false }),
        }
    }

    fn say(&mut self, kind: Kind, part: &Part, carry: &mut Carry<'_>) -> Result<(), Failure> {
        match part {
            // Google takes no part without words.
            Part::Text(text) | Part::Refusal(text) if text.is_empty() => {}
            Part::Text(text) | Part::Refusal(text) => self.push(kind, json!({ "text": text })),
            // Without their signature thoughts are not read.
            Part::Reasoning(_) => carry.hint("messages.reasoning"),
            Part::ToolCall(_) | Part::ToolResult { .. } => {
                carry.refuse("messages.content", "a call or a result of a tool where none can be")?;
            }
            Part::Image { .. } | Part::File { .. } | Part::Audio { .. } => {
                media(part, carry).into_iter().for_each(|media| self.push(kind, media));
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &'r ToolCall) {
        self.called.insert(&call.id, &call.name);
        let held = ids::read(&call.id);
        let mut part = json!({ "functionCall": { "name": call.name, "args": call.object_or_text() } });
        if let Some(given) = held.given {
            part["functionCall"]["id"] = json!(given);
        }
        // The first call of a step is looked at; the others never have a signature.
        let is_first = self.turns.last().is_none_or(|turn| turn.kind != Kind::Model || !turn.has_calls);
        if let Some(signature) = held.signature {
            part["thoughtSignature"] = json!(signature);
        } else if is_first && self.generation.wants_signatures {
            part["thoughtSignature"] = json!(ids::NO_SIGNATURE);
        }
        self.push(Kind::Model, part);
        if let Some(turn) = self.turns.last_mut() {
            turn.has_calls = true;
        }
    }

    /// What a tool returned. What is not text stands in the result, or after it where models are too old for that.
    fn result(
        &self,
        id: &str,
        parts: &[Part],
        is_error: bool,
        after: &mut Vec<Value>,
        carry: &mut Carry<'_>,
    ) -> Result<Value, Failure> {
        let Some(name) = self.called.get(id) else {
            return Err(carry.malformed("messages.tool_call_id", "the id of a call that stands before it"));
        };
        let mut texts: Vec<&str> = Vec::new();
        let mut found = Vec::new();
        for part in parts {
            match part {
                Part::Text(text) | Part::Refusal(text) | Part::Reasoning(text) => texts.push(text),
                Part::ToolCall(_) | Part::ToolResult { .. } => {
                    carry.refuse("messages.content", "a call or a result of a tool inside a result")?;
                }
                Part::Image { .. } | Part::File { .. } | Part::Audio { .. } => found.extend(media(part, carry)),
            }
        }
        let mut response = json!({ "name": name });
        response["response"] = json!({ (if is_error { "error" } else { "output" }): texts.join("\n") });
        if let Some(given) = ids::read(id).given {
            response["id"] = json!(given);
        }
        if self.generation.is_old {
            after.append(&mut found);
        } else if !found.is_empty() {
            response["parts"] = Value::Array(found);
        }
        Ok(json!({ "functionResponse": response }))
    }
}

/// A picture, a document or sound; `None` for what is neither.
fn media(part: &Part, carry: &mut Carry<'_>) -> Option<Value> {
    match part {
        Part::Image { source, detail } => {
            if detail.as_deref().is_some_and(|detail| detail != "auto") {
                carry.hint("messages.content.image_url.detail");
            }
            Some(at(source))
        }
        Part::File { source, name } => {
            if name.is_some() {
                carry.hint("messages.content.file.filename");
            }
            Some(at(source))
        }
        Part::Audio { format, data } => {
            Some(json!({ "inlineData": { "mimeType": format!("audio/{format}"), "data": data } }))
        }
        _ => None,
    }
}

/// Google fetches public URLs itself. The type is told where the name of the file tells it.
fn at(source: &Source) -> Value {
    match source {
        Source::Base64 { media_type, data } => json!({ "inlineData": { "mimeType": media_type, "data": data } }),
        Source::Url(url) => {
            let mut file = json!({ "fileUri": url });
            if let Some(kind) = media_type(url) {
                file["mimeType"] = json!(kind);
            }
            json!({ "fileData": file })
        }
    }
}

fn media_type(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, ending) = path.rsplit('/').next()?.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "csv" => "text/csv",
        "html" => "text/html",
        "md" => "text/markdown",
        _ => return None,
    })
}
