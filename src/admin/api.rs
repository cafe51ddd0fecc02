//! The ledger, asked over HTTP.

use std::path::PathBuf;

use hyper::StatusCode;

use super::{Reply, reply, text};
use crate::domain::RequestId;
use crate::record::query::Reader;

/// One request's entry, as JSON.
pub(super) async fn request(ledger: PathBuf, id: &str) -> Reply {
    let Some(id) = RequestId::parse(id) else {
        return text(StatusCode::BAD_REQUEST, "that is no request id: it is in the header x-weighbridge-request-id\n");
    };
    let found = tokio::task::spawn_blocking(move || Reader::open(&ledger)?.by_id(id)).await;
    match found {
        Ok(Ok(Some(entry))) => match serde_json::to_vec(&entry) {
            Ok(json) => reply(StatusCode::OK, "application/json", json),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("the entry cannot be written: {error}\n")),
        },
        Ok(Ok(None)) => text(StatusCode::NOT_FOUND, "no such request in the ledger: is it still under way?\n"),
        Ok(Err(error)) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("the ledger cannot be read: {error}\n")),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "reading the ledger failed\n"),
    }
}
