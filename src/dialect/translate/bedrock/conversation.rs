//! The conversation: user and assistant take turns, and what tools returned comes first in a user's.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Value, json};

use crate::dialect::translate::neutral::{Message, Part, Role, Source, ToolCall};
use crate::dialect::translate::{Carry, call_id};
use crate::domain::Failure;

/// The longest id that Converse takes.
const LONGEST_ID: usize = 64;

/// The longest name of a document that Converse takes.
const LONGEST_NAME: usize = 200;

/// The conversation as far as it is written.
#[derive(Default)]
pub(super) struct Conversation {
    turns: Vec<Turn>,
    system: Vec<Value>,
    /// The names of documents so far: each may stand once.
    names: HashSet<String>,
    /// Whether tools were called.
    pub(super) has_tools: bool,
}

struct Turn {
    is_user: bool,
    results: Vec<Value>,
    blocks: Vec<Value>,
}

impl Conversation {
    /// The messages and the instructions.
    pub(super) fn finish(self) -> (Vec<Value>, Vec<Value>) {
        let written = |mut turn: Turn| {
            turn.results.append(&mut turn.blocks);
            json!({ "role": if turn.is_user { "user" } else { "assistant" }, "content": turn.results })
        };
        (self.turns.into_iter().map(written).collect(), self.system)
    }

    pub(super) fn write(&mut self, message: &Message, carry: &mut Carry<'_>) -> Result<(), Failure> {
        let is_user = message.role == Role::User;
        for part in &message.parts {
            match part {
                // Converse takes no text of white space alone.
                Part::Text(text) | Part::Refusal(text) if text.trim().is_empty() => {}
                Part::Text(text) if message.role == Role::System => self.system.push(json!({ "text": text })),
                _ if message.role == Role::System => {
                    carry.refuse("messages.content", "instructions that are not text")?;
                }
                Part::ToolResult { id, parts, is_error } if is_user => {
                    self.has_tools = true;
                    let result = self.result(id, parts, *is_error, carry)?;
                    self.turn(is_user).results.push(result);
                }
                Part::ToolCall(call) if !is_user => {
                    self.has_tools = true;
                    self.turn(is_user).blocks.push(tool_use(call));
                }
                Part::ToolCall(_) | Part::ToolResult { .. } => {
                    carry.refuse("messages.content", "a call or a result of a tool where none can be")?;
                }
                // Without their signature thoughts are not read.
                Part::Reasoning(_) => carry.hint("messages.reasoning"),
                part => {
                    if let Some(block) = self.block(part, carry)? {
                        self.turn(is_user).blocks.push(block);
                    }
                }
            }
        }
        Ok(())
    }

    fn turn(&mut self, is_user: bool) -> &mut Turn {
        if self.turns.last().is_none_or(|last| last.is_user != is_user) {
            self.turns.push(Turn { is_user, results: Vec::new(), blocks: Vec::new() });
        }
        let last = self.turns.len() - 1;
        &mut self.turns[last]
    }

    /// What a tool returned. A tool that did not fail says nothing of it: only some models know the word.
    fn result(&mut self, id: &str, parts: &[Part], is_error: bool, carry: &mut Carry<'_>) -> Result<Value, Failure> {
        let mut blocks = Vec::new();
        for part in parts {
            match part {
                Part::Text(text) | Part::Refusal(text) if text.is_empty() => {}
                Part::Audio { .. } => carry.refuse("messages.content", "sound that a tool returned")?,
                Part::Reasoning(_) | Part::ToolCall(_) | Part::ToolResult { .. } => {
                    carry.refuse("messages.content", "a call or a result of a tool inside a result")?;
                }
                part => blocks.extend(self.block(part, carry)?),
            }
        }
        let mut result = json!({ "toolUseId": fitting(id), "content": blocks });
        if is_error {
            result["status"] = json!("error");
        }
        Ok(json!({ "toolResult": result }))
    }

    /// Text, a picture, a document or sound; `None` for what is left out.
    fn block(&mut self, part: &Part, carry: &mut Carry<'_>) -> Result<Option<Value>, Failure> {
        Ok(match part {
            Part::Text(text) | Part::Refusal(text) => Some(json!({ "text": text })),
            Part::Image { source, detail } => {
                if detail.as_deref().is_some_and(|detail| detail != "auto") {
                    carry.hint("messages.content.image_url.detail");
                }
                let block = |format: &str, source: Value| json!({ "image": { "format": format, "source": source } });
                at(source, image_format, carry)?.map(|(format, source)| block(format, source))
            }
            Part::File { source, name } => at(source, document_format, carry)?.map(|(format, source)| {
                let name = self.document_name(name.as_deref());
                json!({ "document": { "format": format, "name": name, "source": source } })
            }),
            Part::Audio { format, data } => Some(json!({ "audio": { "format": format, "source": { "bytes": data } } })),
            Part::Reasoning(_) | Part::ToolCall(_) | Part::ToolResult { .. } => None,
        })
    }

    /// A name that Converse takes: letters, digits, single spaces, `-`, brackets; and not taken yet.
    fn document_name(&mut self, name: Option<&str>) -> String {
        let kept = name.unwrap_or_default().chars().map(|letter| match letter {
            '-' | '(' | ')' | '[' | ']' => letter,
            letter if letter.is_ascii_alphanumeric() => letter,
            _ => ' ',
        });
        let words: String = kept.take(LONGEST_NAME - 8).collect();
        let mut name = words.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() {
            name.push_str("document");
        }
        let base = name.clone();
        let mut number = 1;
        while !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{base} {number}");
        }
        name
    }
}

fn tool_use(call: &ToolCall) -> Value {
    let input = match serde_json::from_str(&call.arguments) {
        Ok(object @ Value::Object(_)) => object,
        _ if call.arguments.trim().is_empty() => json!({}),
        // A model's text that is no object (a call that broke off) is kept as it was.
        _ => json!({ "arguments": call.arguments }),
    };
    json!({ "toolUse": { "toolUseId": fitting(&call.id), "name": call.name, "input": input } })
}

/// An id that Converse takes.
fn fitting(id: &str) -> Cow<'_, str> {
    call_id::fitting(id, LONGEST_ID, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-'))
}

/// A picture's or document's format and where it is: in the request, or in Amazon's own storage.
fn at(
    source: &Source,
    format: fn(&str) -> Option<&'static str>,
    carry: &mut Carry<'_>,
) -> Result<Option<(&'static str, Value)>, Failure> {
    let (found, place) = match source {
        Source::Base64 { media_type, data } => (format(media_type), json!({ "bytes": data })),
        Source::Url(url) if url.starts_with("s3://") => {
            let ending = url.rsplit_once('.').map_or("", |(_, ending)| ending);
            (format(ending), json!({ "s3Location": { "uri": url } }))
        }
        Source::Url(_) => {
            carry.refuse("messages.content.url", "a URL, which Bedrock does not fetch")?;
            return Ok(None);
        }
    };
    if found.is_none() {
        carry.refuse("messages.content.media_type", "a format that Bedrock does not read")?;
    }
    Ok(found.map(|format| (format, place)))
}

/// By media type, or by the ending of a name.
fn image_format(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "image/png" | "png" => "png",
        "image/jpeg" | "image/jpg" | "jpeg" | "jpg" => "jpeg",
        "image/gif" | "gif" => "gif",
        "image/webp" | "webp" => "webp",
        _ => return None,
    })
}

/// By media type, or by the ending of a name.
fn document_format(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "application/pdf" | "pdf" => "pdf",
        "text/csv" | "csv" => "csv",
        "application/msword" | "doc" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" | "docx" => "docx",
        "application/vnd.ms-excel" | "xls" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" | "xlsx" => "xlsx",
        "text/html" | "html" => "html",
        "text/plain" | "txt" => "txt",
        "text/markdown" | "md" => "md",
        _ => return None,
    })
}
