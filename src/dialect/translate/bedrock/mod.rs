//! bedrock

use serde_json::Value;

use super::Carry;
use super::neutral::{Delta, Reply, Request};
use crate::domain::Failure;

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
