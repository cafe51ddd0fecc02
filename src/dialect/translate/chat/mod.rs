//! chat

use serde_json::Value;

use super::neutral::{Delta, Reply, Request};
use super::{Carry, Context};
use crate::domain::Failure;

/// Reads a request.
pub(super) fn read_request(body: &[u8], carry: &mut Carry<'_>) -> Result<Request, Failure> {
    todo!("{body:?} {carry:?}")
}
/// Writes a request.
pub(super) fn write_request(request: &Request, model: &str, carry: &mut Carry<'_>) -> Result<Value, Failure> {
    todo!("{request:?} {model} {carry:?}")
}
/// Reads a whole answer.
pub(super) fn read_reply(body: &[u8]) -> Option<Reply> {
    todo!("{body:?}")
}
/// Reads a stream.
#[derive(Default)]
pub(super) struct Reader;
impl super::Read for Reader {
    fn read(&mut self, data: &[u8], deltas: &mut Vec<Delta>) {
        todo!("{data:?} {deltas:?}")
    }
}
/// Writes a whole answer.
pub(super) fn write_reply(reply: &Reply, context: &Context) -> Value {
    todo!("{reply:?} {context:?}")
}
/// Writes a stream.
pub(super) struct Writer;
impl Writer {
    /// For this request.
    pub(super) fn new(context: Context) -> Self {
        todo!("{context:?}")
    }
}
impl super::Write for Writer {
    fn write(&mut self, delta: Delta, out: &mut Vec<u8>) {
        todo!("{delta:?} {out:?}")
    }
    fn finish(&mut self, out: &mut Vec<u8>) {
        todo!("{out:?}")
    }
}
