//! The ledger, asked over HTTP.

use hyper::StatusCode;

use super::{Reply, reply, text};
use crate::domain::RequestId;
use crate::record::archive::Archive;

/// One request's entry, as JSON.
pub(super) async fn request(ledger: &Archive, id: &str) -> Reply {
    let Some(id) = RequestId::parse(id) else {
        return text(StatusCode::BAD_REQUEST, "that is no request id: it is in the header x-weighbridge-request-id\n");
    };
    match ledger.by_id(id).await {
        Ok(Some(entry)) => match serde_json::to_vec(&entry) {
            Ok(json) => reply(StatusCode::OK, "application/json", json),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("the entry cannot be written: {error}\n")),
        },
        Ok(None) => text(StatusCode::NOT_FOUND, "no such request in the ledger: is it still under way?\n"),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("the ledger cannot be read: {error}\n")),
    }
}
