//! Which alerts fire, and which have.

use hyper::StatusCode;
use serde_json::json;

use super::Reply;
use super::outcomes::{json_reply, unavailable};
use crate::value::alerts::register::Register;
use crate::value::book::Book;

/// Every alert that fires or has fired.
pub(super) async fn list(book: &Book) -> Reply {
    match Register::new(book.store().clone()).alerts().await {
        Ok(alerts) => json_reply(StatusCode::OK, &json!({"alerts": alerts})),
        Err(error) => unavailable(&error),
    }
}
