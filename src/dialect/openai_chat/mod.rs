//! OpenAI's Chat Completions: `POST /v1/chat/completions`.

mod answer;
mod error;
mod plain;
mod request;

pub use answer::{read_answer, read_event, without_usage};
pub use error::{error_body, error_event};
pub use plain::{parse_plain, plain_request_body, read_plain_answer, read_plain_event};
pub use request::{parse, request_body};
