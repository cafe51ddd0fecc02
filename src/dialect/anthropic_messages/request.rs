//! Requests, read once into spans.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::blocks::{Message, blocks, cache_life, is_reminder, piece, text, tool_result};
use crate::dialect::Limits;
use crate::dialect::body::{Fields, malformed, read, reason, wrong_type};
use crate::dialect::json::span_in;
use crate::domain::{CacheLife, Call, Dialect, Door, Failure, Mark, OutputFormat, Piece, Prompt, Role, Signed, Turn};

/// The fields we act on.
const NAMES: [&str; 10] = [
    "model",
    "messages",
    "system",
    "stream",
    "tools",
    "max_tokens",
    "output_config",
    "output_format",
    "metadata",
    "cache_control",
];

/// Reads a request's body.
pub fn parse(door: Door, body: Bytes, limits: &Limits) -> Result<Prompt, Failure> {
    let fields = Fields::read(&body, &NAMES, limits)?;
    let at = |value: &RawValue| span_in(&body, value.get());
    let missing = |name: &'static str, what: &str| malformed(format!("`{name}` is missing{what}")).with_param(name);

    let model =
        fields.set("model").ok_or_else(|| missing("model", ": name a model, or `auto` to be routed by the rules"))?;
    let name: String = read(model).ok_or_else(|| wrong_type("model", "a string"))?;
    let messages = fields.set("messages").ok_or_else(|| missing("messages", ""))?;
    let max_output: Option<u64> = fields.typed("max_tokens", "a whole number from 0 on")?;
    if max_output.is_none() && !door.is_counting() {
        return Err(missing("max_tokens", ": say how many tokens the answer may have at most"));
    }
    let stream: Option<bool> = fields.typed("stream", "true or false")?;
    let tools = fields.set("tools");
    let (output, response_format) = output_format(&fields)?;
    let mut conversation = Conversation::new(&body);
    conversation.cache_life = fields.set("cache_control").and_then(cache_life);
    if let Some(system) = fields.set("system") {
        conversation.system(system)?;
    }
    conversation.messages(messages)?;
    let signed = conversation.signed();

    Ok(Prompt {
        dialect: Dialect::AnthropicMessages,
        door,
        model: name,
        model_span: at(model),
        stream: stream.unwrap_or(false),
        stream_span: fields.value("stream").map(at),
        // The dialect always tells it.
        wants_usage: true,
        stream_options: None,
        tools: tools.map(at),
        tool_count: tools.map_or(Ok(0), tool_count)?,
        response_format: response_format.map(at),
        output,
        max_output,
        answers: 1,
        // What this dialect can name is a tier that was paid for ahead.
        dear_tier: false,
        background: false,
        pins: Vec::new(),
        signed,
        calls: conversation.calls,
        named: fields.set("metadata").map(at),
        cache_life: conversation.cache_life,
        turns: conversation.turns,
        body: body.clone(),
    })
}

fn tool_count(tools: &RawValue) -> Result<u32, Failure> {
    let tools: Vec<IgnoredAny> = read(tools).ok_or_else(|| wrong_type("tools", "an array"))?;
    Ok(u32::try_from(tools.len()).unwrap_or(u32::MAX))
}

/// The format asked for: in `output_config`, or where it stood before that came.
fn output_format<'a>(fields: &Fields<'a>) -> Result<(OutputFormat, Option<&'a RawValue>), Failure> {
    #[derive(Deserialize)]
    struct Config<'a> {
        #[serde(borrow, default)]
        format: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Format<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }
    let config: Option<Config<'_>> = fields.typed("output_config", "an object")?;
    let Some(value) = config.and_then(|config| config.format).or_else(|| fields.set("output_format")) else {
        return Ok((OutputFormat::Text, None));
    };
    let format: Format<'_> =
        read(value).ok_or_else(|| wrong_type("output_config", "an object whose `format` has a `type` of text"))?;
    let output = if format.kind == "json_schema" { OutputFormat::JsonSchema } else { OutputFormat::Text };
    Ok((output, Some(value)))
}

/// The turns as they come out of the list of messages.
struct Conversation<'a> {
    body: &'a [u8],
    turns: Vec<Turn>,
    /// The marks of reasoning, with the number of the message in which it stands.
    marks: Vec<(usize, Mark)>,
    /// The last message in which the human spoke.
    last_human: Option<usize>,
    /// Whether the last message that is not the model's brings what tools returned, and no word of the human's.
    in_tool_loop: bool,
    calls: Vec<Call>,
    /// What the last place asks for up to which the prompt is to be kept.
    cache_life: Option<CacheLife>,
}

impl<'a> Conversation<'a> {
    fn new(body: &'a [u8]) -> Self {
        Self {
            body,
            turns: Vec::new(),
            marks: Vec::new(),
            last_human: None,
            in_tool_loop: false,
            calls: Vec::new(),
            cache_life: None,
        }
    }

    fn turn(&mut self, role: Role, pieces: Vec<Piece>) {
        if !pieces.is_empty() {
            self.turns.push(Turn { role, pieces });
        }
    }

    fn system(&mut self, system: &RawValue) -> Result<(), Failure> {
        let pieces = match system.get().as_bytes()[0] {
            b'"' => vec![text(self.body, system)],
            b'[' => blocks("system", system)
                .map(|item| {
                    let (raw, block) = item?;
                    self.cache_life = block.cache_life().or(self.cache_life);
                    piece(self.body, raw, &block)
                })
                .collect::<Result<_, _>>()?,
            _ => return Err(wrong_type("system", "a string or an array of blocks of text")),
        };
        self.turn(Role::System, pieces);
        Ok(())
    }

    fn messages(&mut self, messages: &RawValue) -> Result<(), Failure> {
        if !messages.get().starts_with('[') {
            return Err(wrong_type("messages", "an array"));
        }
        let messages: Vec<Message<'_>> = serde_json::from_str(messages.get()).map_err(|error| {
            malformed(format!("`messages` holds what is no message: {}", reason(&error))).with_param("messages")
        })?;
        if messages.is_empty() {
            return Err(malformed("`messages` is empty: send at least one message").with_param("messages"));
        }
        messages.iter().enumerate().try_for_each(|(number, message)| self.message(number, message))
    }

    fn message(&mut self, number: usize, message: &Message<'_>) -> Result<(), Failure> {
        let role = match &*message.role {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => Role::Other,
        };
        let Some(content) = message.content else {
            return match role {
                Role::System => Ok(()),
                _ => Err(malformed("`messages` holds a message without `content`").with_param("messages")),
            };
        };
        match content.get().as_bytes()[0] {
            b'"' if role == Role::User && is_reminder(content) => {
                self.turn(Role::Other, vec![text(self.body, content)]);
            }
            b'"' => {
                self.heard(number, role, role == Role::User, false);
                self.turn(role, vec![text(self.body, content)]);
            }
            b'[' if role == Role::User => self.user(number, content)?,
            b'[' => {
                let mut pieces = Vec::with_capacity(1);
                for item in blocks("messages", content) {
                    let (raw, block) = item?;
                    self.marks.extend(block.mark().map(|mark| (number, mark)));
                    self.calls.extend(block.call(self.body, self.turns.len()));
                    self.cache_life = block.cache_life().or(self.cache_life);
                    pieces.push(piece(self.body, raw, &block)?);
                }
                self.turn(role, pieces);
            }
            _ => return Err(wrong_type("messages", "an array whose `content`s are strings or arrays of blocks")),
        }
        Ok(())
    }

    /// A user's message holds up to three voices: what tools returned, what the client says in the human's place, and
    /// the human. The human comes last, as the one who is to be answered.
    fn user(&mut self, number: usize, content: &RawValue) -> Result<(), Failure> {
        let (mut tool, mut client, mut human) = (Vec::new(), Vec::new(), Vec::new());
        let mut has_results = false;
        for item in blocks("messages", content) {
            let (raw, block) = item?;
            self.cache_life = block.cache_life().or(self.cache_life);
            if block.kind == "tool_result" {
                has_results = true;
                tool.extend(tool_result(self.body, &block)?);
            } else if block.is_reminder() {
                client.push(piece(self.body, raw, &block)?);
            } else {
                human.push(piece(self.body, raw, &block)?);
            }
        }
        self.heard(number, Role::User, !human.is_empty(), has_results);
        if has_results {
            // A tool that returned nothing has had its turn, too.
            self.turns.push(Turn { role: Role::Tool, pieces: tool });
        }
        self.turn(Role::Other, client);
        self.turn(Role::User, human);
        Ok(())
    }

    fn heard(&mut self, number: usize, role: Role, is_human: bool, has_results: bool) {
        if role == Role::User {
            self.in_tool_loop = has_results && !is_human;
            self.last_human = if is_human { Some(number) } else { self.last_human };
        }
    }

    /// The model needs what it thought since the human last spoke, as long as tools answer it.
    fn signed(&self) -> Vec<Signed> {
        let is_needed = |number| self.in_tool_loop && self.last_human.is_none_or(|human| number > human);
        self.marks.iter().map(|(number, mark)| Signed { mark: *mark, needed: is_needed(*number) }).collect()
    }
}

#[cfg(test)]
mod tests;
