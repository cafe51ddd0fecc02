//! Anthropic's Messages: `POST /v1/messages` and `POST /v1/messages/count_tokens`.

mod answer;
mod blocks;
mod error;
mod request;
mod splice;
mod usage;

pub use answer::{read_answer, read_event};
pub use error::{error_body, error_event};
pub use request::parse;
pub use splice::request_body;
pub(in crate::dialect) use usage::Counts;

/// The signature of thinking blocks that a translation wrote from another dialect's plain reasoning. Clients keep what
/// they are given and send it back; by this they can be told from those that a model of Anthropic's can read.
pub(in crate::dialect) const UNSIGNED: &str = "weighbridge-unsigned";
