//! Remembers which endpoint holds what later requests go on from: the responses that a provider keeps, and reasoning that
//! only the model which wrote it can read.
//!
//! What is remembered is a mark, an endpoint and a key, never the id itself. It is bounded: of the oldest nothing is known
//! any more, and then a request is answered as if it had been asked elsewhere. At the start the ledger tells it again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::domain::{EndpointName, KeyName, Mark};

/// How many marks are remembered, about 100 bytes each.
pub const MOST: usize = 1 << 17;

/// Who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The key whose caller it was given to; `None` where there are no keys.
    pub key: Option<KeyName>,
    /// Whether it is an answer still being made, whose usage has not been told.
    pub is_open: bool,
}

/// What is remembered.
#[derive(Debug, Default)]
pub struct Recall {
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    holders: HashMap<Mark, Holder>,
    order: VecDeque<Mark>,
}

impl Recall {
    /// Remembers that all of these are held by `holder`.
    pub fn learn(&self, marks: &[Mark], holder: &Holder) {
        if marks.is_empty() {
            return;
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        for mark in marks {
            if memory.holders.insert(*mark, holder.clone()).is_none() {
                memory.order.push_back(*mark);
            }
            if memory.order.len() > MOST
                && let Some(oldest) = memory.order.pop_front()
            {
                memory.holders.remove(&oldest);
            }
        }
    }

    /// Who holds it.
    pub fn holder(&self, mark: Mark) -> Option<Holder> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).holders.get(&mark).cloned()
    }

    /// Takes note that an answer's usage has been told; `true` the first time.
    pub fn close(&self, mark: Mark) -> bool {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.holders.get_mut(&mark).is_some_and(|holder| std::mem::take(&mut holder.is_open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(endpoint: &str) -> Holder {
        Holder { endpoint: EndpointName::parse(endpoint).expect("a name"), key: None, is_open: true }
    }

    #[test]
    fn the_oldest_are_forgotten_first() {
        let recall = Recall::default();
        let marks: Vec<Mark> = (0..MOST as u64 + 2).map(Mark::from_u64).collect();
        recall.learn(&marks, &holder("a"));
        recall.learn(&marks[5..6], &holder("b"));
        assert_eq!(recall.holder(marks[1]), None);
        assert_eq!(recall.holder(marks[2]), Some(holder("a")));
        assert_eq!(recall.holder(marks[5]), Some(holder("b")), "the newest word counts");
    }

    #[test]
    fn an_answer_is_closed_once() {
        let recall = Recall::default();
        let mark = Mark::of("resp_1");
        recall.learn(&[mark], &holder("a"));
        assert!(recall.close(mark));
        assert!(!recall.close(mark));
        assert!(!recall.close(Mark::of("resp_2")));
    }
}
