//! Table, golden and property tests of this dialect's half of every translation.

mod read;
mod streams;
mod whole;
mod write;

use serde_json::Value;

use super::*;
use crate::dialect::translate::Carry;
use crate::dialect::translate::neutral::Request;
use crate::domain::{Dialect, Failure};

/// A request read, and what was left out of it.
fn read(body: &Value, omit: &[&str]) -> Result<(Request, Vec<String>), Failure> {
    let omit: Vec<String> = omit.iter().map(|name| (*name).to_owned()).collect();
    let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::AnthropicMessages, &omit);
    read_request(body.to_string().as_bytes(), &mut carry).map(|request| (request, carry.left_out()))
}

/// A request written, and what was left out of it.
fn written(request: &Request, model: &str, omit: &[&str]) -> Result<(Value, Vec<String>), Failure> {
    let omit: Vec<String> = omit.iter().map(|name| (*name).to_owned()).collect();
    let mut carry = Carry::new(Dialect::AnthropicMessages, Dialect::OpenaiChat, &omit);
    write_request(request, model, &mut carry).map(|body| (body, carry.left_out()))
}
