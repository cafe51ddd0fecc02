//! OpenAI's Responses: `POST /v1/responses`, and what else takes its conversations.

mod answer;
mod error;
mod items;
mod request;

pub use answer::{read_answer, read_event};
pub use error::error_event;
pub use items::OWN_REASONING;
pub use request::{parse, request_body};
