//! A streamed answer, judged as it comes: what has to be held back, what may flow, and when it has failed.

use super::refusal::{self, Opening};
use super::{Bounds, Checks, is_callable, judge};
use crate::domain::{Called, Check, Demand, Said, Saying, Verdict};

/// How much of an answer's text is kept to be judged.
const MOST_TEXT: usize = super::MOST_BYTES;

/// What is to be done with what has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Hold it back, with what is held back already.
    Hold,
    /// Let it flow, with all that was held back.
    Flow,
    /// It has failed. What is held back goes to nobody, or with the rest if part of it flows already.
    Fail(Check),
}

/// Watches one streamed answer.
#[derive(Debug)]
pub struct Guard {
    checks: Checks,
    demand: Demand,
    said: Said,
    /// Calls, from the first, that are whole and callable.
    good_calls: usize,
    /// Bytes that are held back.
    held: usize,
    has_flowed: bool,
    /// Nothing is held back any more: the bounds were reached.
    gave_way: bool,
    verdict: Option<Verdict>,
    /// More was said than is kept, so that it cannot be judged.
    is_too_long: bool,
}

impl Guard {
    /// A guard of an answer to this.
    pub fn new(checks: Checks, demand: Demand) -> Self {
        Self {
            checks,
            demand,
            said: Said::default(),
            good_calls: 0,
            held: 0,
            has_flowed: false,
            gave_way: false,
            verdict: None,
            is_too_long: false,
        }
    }

    /// One that holds nothing back: what it finds is for the record.
    pub fn watching(checks: Checks, demand: Demand) -> Self {
        Self { has_flowed: true, gave_way: true, ..Self::new(checks, demand) }
    }

    /// What to do with an event of so many bytes, which says this.
    pub fn hear(&mut self, sayings: impl IntoIterator<Item = Saying>, bytes: usize) -> Step {
        let mut has_ended = false;
        for saying in sayings {
            has_ended |= matches!(saying, Saying::Finish(_));
            self.note(saying);
        }
        self.held += bytes;
        if has_ended && self.verdict.is_none() {
            return self.end();
        }
        if self.gave_way || (self.verdict.is_some() && !self.is_failed()) {
            return self.flow();
        }
        if self.held > self.checks.bounds.bytes {
            return self.give_way();
        }
        if self.is_failed() || self.must_wait() { Step::Hold } else { self.flow() }
    }

    /// The answer is over, whether it says so or not.
    pub fn end(&mut self) -> Step {
        if let Some(check) = self.verdict.and_then(Verdict::check) {
            return Step::Fail(check);
        }
        let failed = if self.is_too_long { None } else { judge(&self.checks, &self.demand, &self.said) };
        let Some(check) = failed else {
            self.verdict.get_or_insert(Verdict::Passed);
            return self.flow();
        };
        self.verdict = Some(if self.has_flowed { Verdict::Late(check) } else { Verdict::Failed(check) });
        // What part of has gone out, goes out.
        self.gave_way |= self.has_flowed;
        Step::Fail(check)
    }

    /// Holds nothing back from now on.
    pub fn give_way(&mut self) -> Step {
        self.gave_way = true;
        self.flow()
    }

    /// Lets what the model thinks flow; what it says is judged on.
    pub fn let_thoughts_flow(&mut self) -> Step {
        self.flow()
    }

    /// What it has found; `None`: the answer has not come to its end.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// What is held back at most.
    pub fn bounds(&self) -> Bounds {
        self.checks.bounds
    }

    /// Whether what is held back is nothing but what the model thinks: somebody may be watching.
    pub fn hears_thoughts_only(&self) -> bool {
        self.said.text.is_empty() && self.said.calls.is_empty() && self.said.refusal.is_empty()
    }

    fn is_failed(&self) -> bool {
        self.verdict.is_some_and(|verdict| verdict.check().is_some())
    }

    fn flow(&mut self) -> Step {
        self.held = 0;
        self.has_flowed = true;
        Step::Flow
    }

    fn note(&mut self, saying: Saying) {
        self.said.ends_in_call = match &saying {
            Saying::Call(_) | Saying::Arguments { .. } => true,
            Saying::Finish(_) | Saying::Thought => self.said.ends_in_call,
            Saying::Text(_) | Saying::Refusal(_) | Saying::More => false,
        };
        match saying {
            Saying::Text(piece) => self.keep(&piece, |said| &mut said.text),
            Saying::Refusal(piece) => self.keep(&piece, |said| &mut said.refusal),
            Saying::Call(name) => self.said.calls.push(Called { name, arguments: String::new() }),
            Saying::Arguments { call, piece } if call < self.said.calls.len() => {
                self.keep(&piece, |said| &mut said.calls[call].arguments);
            }
            Saying::Arguments { .. } | Saying::Thought => {}
            Saying::More => self.said.has_more = true,
            Saying::Finish(finish) => self.said.finish = finish,
        }
    }

    fn keep(&mut self, piece: &str, place: impl FnOnce(&mut Said) -> &mut String) {
        let kept = place(&mut self.said);
        if kept.len() + piece.len() > MOST_TEXT {
            self.is_too_long = true;
        } else {
            kept.push_str(piece);
        }
    }

    /// Whether what has come so far must not reach the caller yet.
    fn must_wait(&mut self) -> bool {
        if self.checks.want_all(&self.demand) {
            return true;
        }
        if self.has_open_call() {
            return true;
        }
        if self.has_flowed {
            return false;
        }
        if !self.said.calls.is_empty() || self.said.has_more {
            return false;
        }
        if self.said.text.trim().is_empty() {
            // There is no answer yet, or a refusal that has a place of its own.
            return self.checks.has(Check::Empty) || self.checks.has(Check::Refusal);
        }
        self.checks.has(Check::Refusal) && self.may_refuse()
    }

    fn may_refuse(&self) -> bool {
        match refusal::opening(&self.said.text) {
            Opening::Open => true,
            Opening::Refusal => refusal::is_short(&self.said.text),
            Opening::Other => false,
        }
    }

    /// Whether there is a call that is not known to be whole and callable. The last one is whole when something else
    /// follows it; one before it that is broken waits for the end, since a server may go on with it.
    fn has_open_call(&mut self) -> bool {
        if !self.checks.has(Check::Tools) && !self.checks.has(Check::Truncated) {
            return false;
        }
        let ended = self.said.calls.len() - usize::from(self.said.ends_in_call);
        while self.good_calls < ended {
            if self.checks.has(Check::Tools) && !is_callable(&self.demand, &self.said.calls[self.good_calls]) {
                return true;
            }
            self.good_calls += 1;
        }
        self.good_calls < self.said.calls.len()
    }
}
