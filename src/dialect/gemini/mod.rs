//! Google generateContent.

use crate::dialect::answer::{Answer, Event};

/// Reads a whole answer.
pub fn read_answer(body: &[u8]) -> Answer {
    todo!("{body:?}")
}
/// Reads the data of one event.
pub fn read_event(data: &[u8]) -> Event {
    todo!("{data:?}")
}
