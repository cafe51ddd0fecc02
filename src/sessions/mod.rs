//! Which conversation a request belongs to, and where that stands.
//!
//! A conversation is known by what its client calls it, or else by how it begins, and always by who asks: what another
//! caller names cannot touch it. Only marks of that are kept (`thread`). Of each conversation the room remembers its
//! [`Standing`], in memory that is bounded: of what was not heard of for longest nothing is known any more, and then the
//! rules decide as at the beginning (decision 025).

mod memory;
mod settings;
mod standing;
#[cfg(test)]
mod tests;
mod thread;

use std::sync::{Arc, Mutex, PoisonError};

pub use memory::MOST;
use memory::Memory;
pub use settings::Settings;
pub use standing::{Answered, standing_after};
pub use thread::{SESSION_HEADER, Thread, is_retry, thread};

use crate::domain::{Mark, Standing};

/// Where conversations stand.
#[derive(Debug, Default)]
pub struct Sessions {
    memory: Mutex<Memory>,
}

impl Sessions {
    /// Where this conversation stands.
    pub fn standing(&self, thread: &Thread) -> Option<Arc<Standing>> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        // A client may cut the beginning off a long conversation: then it is the one that this client goes on with.
        memory.find(thread.mark).or_else(|| memory.find(thread.lane).filter(|_| thread.is_ongoing))
    }

    /// Whether what is known here is of the answer before this request, and no other replica has given one since.
    pub fn is_fresh(known: Option<&Standing>, replies: u32) -> bool {
        known.is_some_and(|known| known.replies == replies)
    }

    /// A conversation was answered.
    pub fn learn(&self, thread: &Thread, standing: &Arc<Standing>) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.keep(thread.mark, Arc::clone(standing));
        // What is asked beside a conversation (a title, a summary) does not go on with it.
        if thread.is_ongoing || memory.find(thread.lane).is_none() {
            memory.keep(thread.lane, Arc::clone(standing));
        }
    }

    /// Takes in what another replica knows of it.
    pub fn hear(&self, mark: Mark, standing: Arc<Standing>) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).keep(mark, standing);
    }
}
