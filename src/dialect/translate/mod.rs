//! Conversations from one dialect into another, where a caller and an endpoint speak differently.
//!
//! There is one form in the middle, [`neutral`], so every dialect is read once and written once instead of once for each
//! other. A reader accounts for every field it meets: it carries it, leaves it out and says so, or refuses with the
//! field's name. What changes the answer is carried or refused; what may be left out are hints to the provider (cache
//! breakpoints, metadata), each one named in [`Request::left_out`].

mod bedrock;
mod call_id;
pub mod carry;
mod chat;
mod effort;
mod error;
pub mod fields;
mod gemini;
mod grammar;
mod messages;
pub mod neutral;
mod responses;
mod source;

use bytes::Bytes;
use serde_json::json;

use super::Wanted;
use crate::domain::{Dialect, Failure, Prompt};
use neutral::{Delta, Reply};

pub use carry::Carry;
pub use error::error;

/// A request in the endpoint's dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its body.
    pub body: Bytes,
    /// The fields that were left out because they are only hints, by name.
    pub left_out: Vec<String>,
}

/// What a translated answer needs to know of its request.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// An id for the answer, where the provider gives none: letters and digits.
    pub id: String,
    /// The model that answers, where the provider does not say.
    pub model: String,
    /// Now, in seconds since 1970 UTC.
    pub created: u64,
    /// About how many tokens the prompt has, for clients that are told before the provider has counted.
    pub input_tokens: u64,
    /// Whether the client asked for usage in its stream, where the dialect leaves that to it.
    pub wants_usage: bool,
    /// The names of the request's freeform tools, whose calls have a text in the place of arguments.
    pub freeform: Vec<String>,
    /// What the caller's dialect repeats of the request in its answer (Responses: tools, instructions …).
    pub echo: serde_json::Map<String, serde_json::Value>,
}

/// The request in the endpoint's dialect. `omit` names what the operator allows to be left out beside hints: fields, or
/// `tools.TYPE` for tools that run at the provider.
///
/// # Errors
/// [`Untranslatable`](crate::domain::FailureKind::Untranslatable), naming the field that cannot be carried over;
/// [`Malformed`](crate::domain::FailureKind::Malformed) for a field that is not what the caller's dialect defines.
pub fn request(prompt: &Prompt, to: Dialect, wanted: &Wanted<'_>, omit: &[String]) -> Result<Request, Failure> {
    let model = wanted.model;
    let mut carry = Carry::new(prompt.dialect, to, omit);
    let request = match prompt.dialect {
        Dialect::OpenaiResponses => responses::read_request(&prompt.body, &mut carry)?,
        Dialect::AnthropicMessages => messages::read_request(&prompt.body, &mut carry)?,
        _ => chat::read_request(&prompt.body, &mut carry)?,
    };
    let mut body = match to {
        Dialect::OpenaiChat => chat::write_request(&request, model, &mut carry)?,
        Dialect::OpenaiResponses => responses::write_request(&request, model, &mut carry)?,
        Dialect::AnthropicMessages => messages::write_request(&request, model, &mut carry)?,
        Dialect::Gemini => gemini::write_request(&request, model, &mut carry)?,
        Dialect::BedrockConverse => bedrock::write_request(&request, model, &mut carry)?,
    };
    if ["messages", "input", "contents"].iter().any(|name| body.get(name).is_some_and(|turns| *turns == json!([]))) {
        let name = if prompt.dialect == Dialect::OpenaiResponses { "input" } else { "messages" };
        return Err(carry.impossible(name, "a conversation in which nobody says anything"));
    }
    if let Some(fields) = body.as_object_mut().filter(|_| !wanted.ask_usage) {
        // The rare server that rejects it.
        fields.remove("stream_options");
    }
    Ok(Request { body: Bytes::from(body.to_string()), left_out: carry.left_out() })
}

/// What [`answer`] and [`Stream`] repeat or need of a request: its freeform tools, and what the caller's dialect echoes.
pub fn of_request(prompt: &Prompt, answer_in: Dialect) -> Context {
    let mut context = Context { model: prompt.model.clone(), wants_usage: prompt.wants_usage, ..Context::default() };
    context.freeform = match prompt.dialect {
        Dialect::OpenaiResponses => responses::freeform(&prompt.body),
        Dialect::OpenaiChat => chat::freeform(&prompt.body),
        // No other dialect has any.
        _ => Vec::new(),
    };
    if answer_in == Dialect::OpenaiResponses {
        context.echo = responses::echo(&prompt.body);
    }
    context
}

/// A whole answer of an endpoint that speaks `from`, for a caller that speaks `to`; `None` if it is none.
pub fn answer(from: Dialect, to: Dialect, body: &[u8], context: &Context) -> Option<Bytes> {
    let reply = read_reply(from, body)?;
    let body = match to {
        Dialect::OpenaiResponses => responses::write_reply(&reply, context),
        Dialect::AnthropicMessages => messages::write_reply(&reply, context),
        _ => chat::write_reply(&reply, context),
    };
    Some(Bytes::from(body.to_string()))
}

/// A whole answer in the form in the middle; `None` if it is none.
pub(super) fn read_reply(from: Dialect, body: &[u8]) -> Option<Reply> {
    match from {
        Dialect::OpenaiChat => chat::read_reply(body),
        Dialect::OpenaiResponses => responses::read_reply(body),
        Dialect::AnthropicMessages => messages::read_reply(body),
        Dialect::Gemini => gemini::read_reply(body),
        Dialect::BedrockConverse => bedrock::read_reply(body),
    }
}

/// What reads a dialect's stream.
pub(super) fn reader(from: Dialect) -> Box<dyn Read> {
    match from {
        Dialect::OpenaiChat => Box::new(chat::Reader::default()),
        Dialect::OpenaiResponses => Box::new(responses::Reader::default()),
        Dialect::AnthropicMessages => Box::new(messages::Reader::default()),
        Dialect::Gemini => Box::new(gemini::Reader::default()),
        Dialect::BedrockConverse => Box::new(bedrock::Reader::default()),
    }
}

/// Reads one dialect's events into neutral ones.
pub(super) trait Read: Send {
    /// What the data of one event says. Data that is no event of the dialect says nothing.
    fn read(&mut self, data: &[u8], deltas: &mut Vec<Delta>);
}

/// Writes neutral events in one dialect.
trait Write: Send {
    /// Adds the events that say this. The dialect's invariants hold whatever comes in whatever order.
    fn write(&mut self, delta: Delta, out: &mut Vec<u8>);
    /// Adds what ends the answer: every open block closed, stop reason, usage, last event. Nothing comes after it.
    fn finish(&mut self, out: &mut Vec<u8>);
}

/// A streamed answer on its way from one dialect into another.
pub struct Stream {
    reader: Box<dyn Read>,
    writer: Box<dyn Write>,
    deltas: Vec<Delta>,
    is_finished: bool,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("is_finished", &self.is_finished).finish_non_exhaustive()
    }
}

impl Stream {
    /// From an endpoint that speaks `from` to a caller that speaks `to`.
    pub fn new(from: Dialect, to: Dialect, context: Context) -> Self {
        let reader = reader(from);
        let writer: Box<dyn Write> = match to {
            Dialect::OpenaiResponses => Box::new(responses::Writer::new(context)),
            Dialect::AnthropicMessages => Box::new(messages::Writer::new(context)),
            _ => Box::new(chat::Writer::new(context)),
        };
        Self { reader, writer, deltas: Vec::new(), is_finished: false }
    }

    /// The events that say what the data of this one says; empty if that is nothing.
    pub fn event(&mut self, data: &[u8]) -> Bytes {
        let mut out = Vec::new();
        if !self.is_finished {
            self.reader.read(data, &mut self.deltas);
            for delta in self.deltas.drain(..) {
                self.writer.write(delta, &mut out);
            }
        }
        Bytes::from(out)
    }

    /// The events that end the answer, once.
    pub fn finish(&mut self) -> Bytes {
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.is_finished, true) {
            self.writer.finish(&mut out);
        }
        Bytes::from(out)
    }
}

#[cfg(test)]
mod cross_tests;
#[cfg(test)]
mod there_and_back_tests;
#[cfg(test)]
mod upstream_tests;
