//! Responses into the neutral form and out of it.

mod item;
mod items;
mod read_answer;
mod read_request;
mod response;
mod tools;
mod write_answer;
mod write_request;

pub(super) use read_answer::{Reader, read_reply};
pub(super) use read_request::read_request;
pub(super) use response::echo;
pub(super) use tools::freeform;
pub(super) use write_answer::{Writer, write_reply};
pub(super) use write_request::write_request;

#[cfg(test)]
mod tests;
