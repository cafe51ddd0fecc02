//! Which alerts fire, and which have.

use hyper::StatusCode;
use serde_json::json;

use super::AdminPort;
use super::reply::{Refusal, Reply, json};
use crate::value::alerts::register::Register;

impl AdminPort {
    /// Every alert that fires or has fired.
    pub(super) async fn alerts(&self) -> Result<Reply, Refusal> {
        let alerts = Register::new(self.book.clone()).alerts().await?;
        Ok(json(StatusCode::OK, &json!({"alerts": alerts})))
    }
}
