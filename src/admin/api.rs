//! The ledger, asked over HTTP.

use std::path::PathBuf;

use hyper::StatusCode;

use super::reply::{Refusal, Reply, json};
use crate::domain::RequestId;
use crate::record::query::Reader;

/// One request's entry, as JSON.
pub(super) async fn request(ledger: PathBuf, id: &str) -> Result<Reply, Refusal> {
    let Some(id) = RequestId::parse(id) else {
        return Err(Refusal::malformed("that is no request id: it is in the header x-weighbridge-request-id"));
    };
    let found = tokio::task::spawn_blocking(move || Reader::open(&ledger)?.by_id(id)).await;
    let failed = |message: String| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "ledger", message);
    match found {
        Ok(Ok(Some(entry))) => Ok(json(StatusCode::OK, &entry)),
        Ok(Ok(None)) => Err(Refusal::not_found("no such request in the ledger: is it still under way?")),
        Ok(Err(error)) => Err(failed(format!("the ledger cannot be read: {error}"))),
        Err(_) => Err(failed("reading the ledger failed".to_owned())),
    }
}
