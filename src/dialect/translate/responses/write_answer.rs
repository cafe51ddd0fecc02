//! Answers out of the neutral form, whole and streamed.
//!
//! Whatever order deltas come in, the events are such as OpenAI sends: numbered in sequence, each item added once, filled
//! and done, one event at the end, and in it the items as they were told. What is said is one item until something else
//! begins; calls stay open to the end, so that no piece of their arguments comes too late.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::item::Item;
use super::response::Response;
use super::tools::{Definition, definitions};
use crate::dialect::sse;
use crate::dialect::translate::neutral::{Delta, Part, Reply, Stop};
use crate::dialect::translate::{Context, Write};
use crate::domain::Usage;

/// Writes a whole answer: the one that a stream would have ended with.
pub(in crate::dialect::translate) fn write_reply(reply: &Reply, context: &Context) -> Value {
    let mut writer = Writer::new(context.clone());
    let mut events = Vec::new();
    writer.write(Delta::Start { id: reply.id.clone(), model: reply.model.clone() }, &mut events);
    let mut calls = 0;
    for part in &reply.parts {
        let delta = match part {
            Part::Text(text) => Delta::Text(text.clone()),
            Part::Reasoning(text) => Delta::Reasoning(text.clone()),
            Part::Refusal(text) => Delta::Refusal(text.clone()),
            Part::ToolCall(call) => {
                let start = Delta::CallStart { call: calls, id: call.id.clone(), name: call.name.clone() };
                writer.write(start, &mut events);
                calls += 1;
                Delta::Arguments { call: calls - 1, piece: call.arguments.clone() }
            }
            // No model answers with these.
            Part::Image { .. } | Part::File { .. } | Part::Audio { .. } | Part::ToolResult { .. } => continue,
        };
        writer.write(delta, &mut events);
    }
    let last = reply.usage.map(Delta::Usage).into_iter().chain(reply.service_tier.clone().map(Delta::ServiceTier));
    last.chain([Delta::Stop(reply.stop.clone())]).for_each(|delta| writer.write(delta, &mut events));
    writer.close(&mut events)
}

/// Writes a stream.
#[derive(Debug)]
pub(in crate::dialect::translate) struct Writer {
    context: Context,
    tools: BTreeMap<String, Definition>,
    /// The events' numbers.
    sequence: u64,
    /// The response's id, once it has begun.
    id: Option<String>,
    model: String,
    /// Every item that was added, in order.
    items: Vec<Item>,
    /// Where the item stands that goes on with the next text or reasoning.
    open: Option<usize>,
    /// Where the items of the calls stand.
    calls: BTreeMap<usize, usize>,
    usage: Option<Usage>,
    service_tier: Option<String>,
    stop: Stop,
    has_ended: bool,
}

/// Adds events to a stream, and numbers them.
pub(super) struct Events<'a> {
    pub sequence: &'a mut u64,
    pub out: &'a mut Vec<u8>,
}

impl Events<'_> {
    /// Adds an event of this type with these fields.
    pub(super) fn add(&mut self, kind: &str, mut fields: Value) {
        fields["type"] = json!(kind);
        fields["sequence_number"] = json!(*self.sequence);
        *self.sequence += 1;
        sse::write(Some(kind), &fields.to_string(), self.out);
    }
}

impl Write for Writer {
    fn write(&mut self, delta: Delta, out: &mut Vec<u8>) {
        if self.has_ended || matches!(delta, Delta::Ping) {
            return;
        }
        if let Delta::Start { id, model } = delta {
            return self.begin(id, model, out);
        }
        self.begin(None, None, out);
        match delta {
            Delta::Text(piece) => self.say(&piece, Item::is_message, Item::message, Item::add_text, out),
            Delta::Refusal(piece) => self.say(&piece, Item::is_message, Item::message, Item::add_refusal, out),
            Delta::Reasoning(piece) => self.say(&piece, Item::is_reasoning, Item::reasoning, Item::add_summary, out),
            Delta::CallStart { call, id, name } => self.begin_call(call, id, &name, out),
            Delta::Arguments { call, piece } => {
                if let Some(place) = self.calls.get(&call).copied() {
                    let mut events = Events { sequence: &mut self.sequence, out };
                    self.items[place].add_arguments(place, &piece, &mut events);
                }
            }
            Delta::Usage(usage) => self.usage = Some(usage),
            Delta::ServiceTier(tier) => self.service_tier = Some(tier),
            Delta::Stop(stop) => self.stop = stop,
            Delta::Error { kind, message } => self.fail(kind, &message, out),
            Delta::Start { .. } | Delta::Ping => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.has_ended {
            self.close(out);
        }
    }
}

impl Writer {
    /// For the request of this context.
    pub(in crate::dialect::translate) fn new(context: Context) -> Self {
        let tools = context.echo.get("tools").and_then(Value::as_array).map(|tools| definitions(tools));
        let mut tools: BTreeMap<String, Definition> =
            tools.unwrap_or_default().into_iter().map(|tool| (tool.flat.clone(), tool)).collect();
        for name in &context.freeform {
            tools.entry(name.clone()).or_insert_with(|| Definition::freeform(name));
        }
        Self {
            model: context.model.clone(),
            context,
            tools,
            sequence: 0,
            id: None,
            items: Vec::new(),
            open: None,
            calls: BTreeMap::new(),
            usage: None,
            service_tier: None,
            stop: Stop::End,
            has_ended: false,
        }
    }

    fn begin(&mut self, id: Option<String>, model: Option<String>, out: &mut Vec<u8>) {
        if self.id.is_some() {
            return;
        }
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| self.context.id.clone());
        // Clients tell an answer's id from others by how it begins.
        self.id = Some(if id.starts_with("resp_") { id } else { format!("resp_{id}") });
        self.model = model.filter(|model| !model.is_empty()).unwrap_or_else(|| self.model.clone());
        for kind in ["response.created", "response.in_progress"] {
            self.tell(kind, "in_progress", None, None, out);
        }
    }

    /// Tells the whole response as far as it has got.
    fn tell(
        &mut self,
        kind: &str,
        status: &str,
        incomplete: Option<&str>,
        error: Option<Value>,
        out: &mut Vec<u8>,
    ) -> Value {
        let output: Vec<Value> = self.items.iter().map(Item::value).collect();
        let has_ended = status != "in_progress";
        let response = Response {
            id: self.id.as_deref().unwrap_or_default(),
            model: &self.model,
            status,
            output: &output,
            usage: has_ended.then(|| self.usage.unwrap_or_else(|| self.estimated_usage())),
            service_tier: self.service_tier.as_deref(),
            incomplete,
            error,
        };
        let response = response.write(&self.context);
        Events { sequence: &mut self.sequence, out }.add(kind, json!({"response": response}));
        response
    }

    /// Where the provider did not count: typed clients fail without any usage at the end.
    fn estimated_usage(&self) -> Usage {
        Usage { input: self.context.input_tokens, ..Usage::default() }
    }

    /// Goes on with a text in the item that is open, if it is one of that sort, else in a new one.
    fn say(
        &mut self,
        piece: &str,
        is_sort: fn(&Item) -> bool,
        new: fn(String) -> Item,
        add: fn(&mut Item, usize, &str, &mut Events<'_>),
        out: &mut Vec<u8>,
    ) {
        if piece.is_empty() {
            return;
        }
        let place = match self.open.filter(|place| is_sort(&self.items[*place])) {
            Some(place) => place,
            None => {
                self.close_open(out);
                let place = self.add_item(new, out);
                self.open = Some(place);
                place
            }
        };
        add(&mut self.items[place], place, piece, &mut Events { sequence: &mut self.sequence, out });
    }

    /// Adds an item, whose id is made of the answer's and its place.
    fn add_item(&mut self, new: impl FnOnce(String) -> Item, out: &mut Vec<u8>) -> usize {
        let place = self.items.len();
        let item = new(format!("{}_{place}", self.context.id));
        let added = json!({"output_index": place, "item": item.value()});
        Events { sequence: &mut self.sequence, out }.add("response.output_item.added", added);
        self.items.push(item);
        place
    }

    fn begin_call(&mut self, call: usize, id: String, name: &str, out: &mut Vec<u8>) {
        if self.calls.contains_key(&call) {
            return;
        }
        self.close_open(out);
        let id = if id.is_empty() { format!("call_{}_{call}", self.context.id) } else { id };
        let tool = self.tools.get(name).cloned().unwrap_or_else(|| Definition::function(name));
        let place = self.add_item(|item_id| Item::call(item_id, id, tool), out);
        self.calls.insert(call, place);
    }

    fn close_open(&mut self, out: &mut Vec<u8>) {
        if let Some(place) = self.open.take() {
            self.items[place].close(place, "completed", &mut Events { sequence: &mut self.sequence, out });
        }
    }

    fn close_all(&mut self, status: &str, out: &mut Vec<u8>) {
        for (place, item) in self.items.iter_mut().enumerate() {
            item.close(place, status, &mut Events { sequence: &mut self.sequence, out });
        }
    }

    /// Ends the answer; gives the response.
    fn close(&mut self, out: &mut Vec<u8>) -> Value {
        self.begin(None, None, out);
        let incomplete = match self.stop {
            Stop::Length | Stop::ContextFull => Some("max_output_tokens"),
            Stop::Refusal => Some("content_filter"),
            Stop::End | Stop::ToolUse | Stop::Sequence(_) | Stop::Pause => None,
        };
        let status = if incomplete.is_some() { "incomplete" } else { "completed" };
        self.close_all(status, out);
        self.has_ended = true;
        self.tell(&format!("response.{status}"), status, incomplete, None, out)
    }

    fn fail(&mut self, kind: Option<String>, message: &str, out: &mut Vec<u8>) {
        self.close_all("incomplete", out);
        self.has_ended = true;
        let error = json!({"code": kind.as_deref().unwrap_or("server_error"), "message": message});
        self.tell("response.failed", "failed", None, Some(error), out);
    }
}
