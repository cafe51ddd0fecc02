//! Standings by mark, the oldest forgotten.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{Mark, Standing};

/// At least so many standings are remembered; up to twice as many, about 250 bytes each.
pub const MOST: usize = 1 << 14;

/// Two halves: what was heard of lately, and what was before. When the first is full the second is forgotten, so that
/// nothing has to be put in order.
#[derive(Debug, Default)]
pub(super) struct Memory {
    young: HashMap<Mark, Arc<Standing>>,
    old: HashMap<Mark, Arc<Standing>>,
}

impl Memory {
    pub(super) fn find(&self, mark: Mark) -> Option<Arc<Standing>> {
        self.young.get(&mark).or_else(|| self.old.get(&mark)).cloned()
    }

    pub(super) fn keep(&mut self, mark: Mark, standing: Arc<Standing>) {
        if self.young.len() >= MOST && !self.young.contains_key(&mark) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(mark, standing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EndpointName;

    fn standing(replies: u32) -> Arc<Standing> {
        Arc::new(Standing {
            endpoint: EndpointName::parse("a").expect("a name"),
            tier: None,
            rule: None,
            warm: 0,
            warm_until_millis: 0,
            prompt: 0,
            output: 0,
            answered_millis: 0,
            replies,
            escalated: false,
        })
    }

    #[test]
    fn what_was_heard_of_lately_is_remembered_and_the_rest_bounded() {
        let mut memory = Memory::default();
        let mark = |number: usize| Mark::from_u64(number as u64);
        memory.keep(mark(0), standing(0));
        for number in 1..10 * MOST {
            memory.keep(mark(number), standing(1));
            if number % 1000 == 0 {
                memory.keep(mark(0), standing(number as u32));
            }
        }
        assert!(memory.young.len() <= MOST && memory.old.len() <= MOST);
        assert!(memory.find(mark(0)).is_some(), "it was heard of again and again");
        assert!(memory.find(mark(10 * MOST - MOST / 2)).is_some());
        assert!(memory.find(mark(1)).is_none());
    }
}
