//! The ledger, asked over HTTP.

use hyper::StatusCode;

use super::reply::{Refusal, Reply, json};
use crate::domain::RequestId;
use crate::record::archive::Archive;

/// One request's entry, as JSON.
pub(super) async fn request(ledger: &Archive, id: &str) -> Result<Reply, Refusal> {
    let Some(id) = RequestId::parse(id) else {
        return Err(Refusal::malformed("that is no request id: it is in the header x-weighbridge-request-id"));
    };
    let failed = |message: String| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "ledger", message);
    match ledger.by_id(id).await {
        Ok(Some(entry)) => Ok(json(StatusCode::OK, &entry)),
        Ok(None) => Err(Refusal::not_found("no such request in the ledger: is it still under way?")),
        Err(error) => Err(failed(format!("the ledger cannot be read: {error}"))),
    }
}
