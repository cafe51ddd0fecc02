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
