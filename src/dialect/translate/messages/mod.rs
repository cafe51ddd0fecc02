//! Anthropic's Messages, to and from the form in the middle.

mod blocks;
mod parts;
mod read;
mod reader;
mod reply;
mod system;
pub(super) mod thinking;
mod tools;
mod words;
mod write;
mod writer;

pub(super) use read::read_request;
pub(super) use reader::Reader;
pub(super) use reply::{read_reply, write_reply};
pub(super) use write::write_request;
pub(super) use writer::Writer;

#[cfg(test)]
mod tests;
