//! An answer, held against what was asked before it becomes the caller's.

use std::sync::{Arc, Mutex, PoisonError};

use crate::dialect::sse::Frame;
use crate::dialect::{self, Answer, Listener, Piece, Wire};
use crate::domain::{Candidate, Check, Demand, Pico, TierName, Usage, Verdict};
use crate::verify::{self, Bounds, Checks, Guard, Step};

/// Answers larger than this are judged where no other request waits for it.
const BULKY_BYTES: usize = 256 << 10;

/// What answers are held against, and what follows.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The checks.
    pub checks: Checks,
    /// What was asked.
    pub demand: Demand,
    /// The tier whose answers may be thrown away; those of others are judged for the record.
    pub tier: Option<TierName>,
    /// Whether another tier may be asked.
    pub may_escalate: bool,
}

/// What an answer used that goes to nobody, as far as it came.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Used {
    /// What the provider counted.
    pub usage: Option<Usage>,
    /// What it cost by the provider's own word.
    pub cost: Option<Pico>,
    /// The service tier that it named.
    pub service_tier: Option<String>,
    /// What the model wrote, to be counted where the provider does not.
    pub text: String,
}

impl Used {
    /// Whether the model did anything.
    pub fn is_nothing(&self) -> bool {
        self.usage.is_none() && self.text.is_empty()
    }

    fn of(answer: &Answer) -> Self {
        let Answer { usage, cost, service_tier, text, .. } = answer;
        Self { usage: *usage, cost: *cost, service_tier: service_tier.clone(), text: text.clone() }
    }

    fn add(&mut self, piece: &Piece) {
        if let Some(told) = &piece.usage {
            self.usage.get_or_insert_default().update(told);
        }
        self.cost = piece.cost.or(self.cost);
        self.service_tier = piece.service_tier.clone().or(self.service_tier.take());
        self.text.push_str(&piece.text);
    }
}

/// What a try has used so far; told while it goes on, so that it is known when its caller hangs up.
pub type Progress = Arc<Mutex<Used>>;

/// How one try's answer is judged.
#[derive(Clone, Debug)]
pub struct Scrutiny {
    verification: Arc<Verification>,
    /// Whether a failed answer is thrown away, so that nothing of it may have gone out.
    pub holds: bool,
    progress: Progress,
}

impl Scrutiny {
    /// For an answer of this candidate. `others`: whether there is another tier to be asked.
    pub fn new(verification: &Arc<Verification>, candidate: &Candidate, others: bool) -> Self {
        let is_own = candidate.tier.is_some() && candidate.tier == verification.tier;
        let holds = is_own && others && verification.may_escalate;
        Self { verification: Arc::clone(verification), holds, progress: Progress::default() }
    }

    /// A try begins.
    pub fn begin(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Used::default();
        Arc::clone(&self.progress)
    }

    /// Judges a whole answer.
    pub fn judge(&self, wire: Wire, body: &[u8], answer: &Answer) -> Option<Verdict> {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Used::of(answer);
        let Verification { checks, demand, .. } = &*self.verification;
        let judged = || dialect::said(wire, body).map(|said| verify::judge(checks, demand, &said));
        let failed = if body.len() > BULKY_BYTES { tokio::task::block_in_place(judged) } else { judged() }?;
        Some(failed.map_or(Verdict::Passed, Verdict::Failed))
    }

    /// Takes note of what a piece of a stream tells.
    pub fn note(&self, piece: &Piece) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).add(piece);
    }

    /// Hears a stream.
    pub fn hearing(&self, wire: Wire) -> Hearing {
        let Verification { checks, demand, .. } = &*self.verification;
        let make = if self.holds { Guard::new } else { Guard::watching };
        Hearing { listener: Listener::new(wire.dialect), guard: make(checks.clone(), demand.clone()) }
    }
}

/// Hears what a streamed answer says, and judges it.
#[derive(Debug)]
pub struct Hearing {
    listener: Listener,
    guard: Guard,
}

impl Hearing {
    /// What to do with an event.
    pub fn hear(&mut self, event: &Frame) -> Step {
        let sayings = if event.whole { self.listener.hear(&event.bytes) } else { Vec::new() };
        self.guard.hear(sayings, event.bytes.len())
    }

    /// The answer is over.
    pub fn end(&mut self) -> Step {
        self.guard.end()
    }

    /// Lets thoughts flow that were held back.
    pub fn let_thoughts_flow(&mut self) {
        self.guard.let_thoughts_flow();
    }

    /// Whether there was nothing but thoughts so far.
    pub fn hears_thoughts_only(&self) -> bool {
        self.guard.hears_thoughts_only()
    }

    /// What is held back at most.
    pub fn bounds(&self) -> Bounds {
        self.guard.bounds()
    }

    /// What was found; `None`: nothing yet.
    pub fn verdict(&self) -> Option<Verdict> {
        self.guard.verdict()
    }
}

/// What became of a request whose answer failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mended {
    /// Another tier's answer took its place.
    Escalated(Check),
    /// No other answer was to be had: the caller gets it, flawed as it is.
    Flawed(Check),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialect::framing::Framing;
    use crate::domain::{Dialect, Door};

    fn verification() -> Arc<Verification> {
        let body = json!({"model": "auto", "stream": true, "messages": [{"role": "user", "content": "x"}],
            "tools": [{"type": "function", "function": {"name": "read",
                "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}}]});
        let limits = dialect::Limits { max_depth: 64 };
        let prompt = dialect::parse(Door::Chat, body.to_string().into(), &limits).expect("a request");
        let tier = TierName::parse("cheap").ok();
        Arc::new(Verification { checks: Checks::default(), demand: dialect::demand(&prompt), tier, may_escalate: true })
    }

    /// A stream that says "日本: look" and calls `read` with these arguments.
    fn stream(dialect: Dialect, arguments: &str) -> String {
        let (begin, rest) = arguments.split_at(3);
        let name = |name: &str, data: serde_json::Value| format!("event: {name}\ndata: {data}\n\n");
        let data = |data: serde_json::Value| format!("data: {data}\n\n");
        match dialect {
            Dialect::OpenaiChat => [
                data(json!({"choices": [{"index": 0, "delta": {"content": "日本: look"}}]})),
                data(json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "read", "arguments": begin}}]}}]})),
                data(json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": rest}}]}}]})),
                data(json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})),
                "data: [DONE]\n\n".to_owned(),
            ]
            .concat(),
            Dialect::OpenaiResponses => [
                name("response.created", json!({"type": "response.created", "response": {"id": "r"}})),
                name("x", json!({"type": "response.output_text.delta", "output_index": 0, "delta": "日本: look"})),
                name("x", json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "function_call", "name": "read", "call_id": "t"}})),
                name("x", json!({"type": "response.function_call_arguments.delta", "output_index": 1, "delta": begin})),
                name("x", json!({"type": "response.function_call_arguments.delta", "output_index": 1, "delta": rest})),
                name("x", json!({"type": "response.output_item.done", "output_index": 1, "item": {"type": "function_call", "name": "read", "call_id": "t", "arguments": arguments}})),
                name("x", json!({"type": "response.completed", "response": {"object": "response", "status": "completed", "output": []}})),
            ]
            .concat(),
            Dialect::AnthropicMessages => [
                name("message_start", json!({"type": "message_start", "message": {"id": "m"}})),
                name("x", json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})),
                name("x", json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "日本: look"}})),
                name("x", json!({"type": "content_block_stop", "index": 0})),
                name("x", json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "read", "input": {}}})),
                name("x", json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": begin}})),
                name("x", json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": rest}})),
                name("x", json!({"type": "content_block_stop", "index": 1})),
                name("x", json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}})),
                name("message_stop", json!({"type": "message_stop"})),
            ]
            .concat(),
            Dialect::Gemini => {
                let args: serde_json::Value = serde_json::from_str(arguments).expect("JSON");
                [
                    data(json!({"candidates": [{"content": {"parts": [{"text": "日本: look"}]}}]})),
                    data(json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "read", "args": args}}]}}]})),
                    data(json!({"candidates": [{"finishReason": "STOP"}]})),
                ]
                .concat()
            }
            // Its binary events come out of the framing like this.
            Dialect::BedrockConverse => [
                data(json!({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "日本: look"}}})),
                data(json!({"contentBlockStart": {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t", "name": "read"}}}})),
                data(json!({"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": begin}}}})),
                data(json!({"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": rest}}}})),
                data(json!({"contentBlockStop": {"contentBlockIndex": 1}})),
                data(json!({"messageStop": {"stopReason": "tool_use"}})),
            ]
            .concat(),
        }
    }

    /// What went out at each moment at which something did, and what was found.
    fn heard(dialect: Dialect, pieces: [&[u8]; 2]) -> (Vec<usize>, Option<Verdict>) {
        let candidate = Candidate {
            endpoint: crate::domain::EndpointName::parse("e").expect("a name"),
            tier: verification().tier.clone(),
        };
        let mut hearing = Scrutiny::new(&verification(), &candidate, true).hearing(Wire { dialect, door: Door::Chat });
        let mut framing = Framing::of(Some(b"text/event-stream")).expect("a stream");
        let (mut flowed, mut held) = (Vec::new(), 0);
        for piece in pieces {
            framing.push(&bytes::Bytes::copy_from_slice(piece));
            while let Some(frame) = framing.next_frame() {
                held += frame.bytes.len();
                if hearing.hear(&frame) != Step::Hold {
                    flowed.push(std::mem::take(&mut held));
                }
            }
        }
        (flowed, hearing.verdict())
    }

    #[test]
    fn streams_are_judged_alike_in_every_dialect_wherever_their_bytes_are_cut() {
        for dialect in [
            Dialect::OpenaiChat,
            Dialect::OpenaiResponses,
            Dialect::AnthropicMessages,
            Dialect::Gemini,
            Dialect::BedrockConverse,
        ] {
            for (arguments, expected) in
                [("{\"a\": 1}", Verdict::Passed), ("{\"b\": \"日\"}", Verdict::Late(Check::Tools))]
            {
                let stream = stream(dialect, arguments);
                let whole = heard(dialect, [stream.as_bytes(), b""]);
                assert_eq!(whole.1, Some(expected), "{dialect:?} {arguments}");
                assert_eq!(whole.0.iter().sum::<usize>(), stream.len(), "{dialect:?}: nothing stays behind");
                for cut in 0..stream.len() {
                    let (begin, end) = stream.as_bytes().split_at(cut);
                    assert_eq!(heard(dialect, [begin, end]), whole, "{dialect:?} cut at {cut}");
                }
            }
        }
    }
}
