//! What the tests share: a proxy in this process, an upstream that does what a test tells it to, and a client.
//! Only the far side is scripted; everything between is the real thing.

pub mod client;
pub mod old_ledger;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod upstream;

pub use client::Answer;
pub use postgres::Postgres;
pub use process::Process;
pub use proxy::Proxy;
pub use redis::Redis;
pub use upstream::{Reply, Step, Upstream};

/// A chat with one human turn.
pub fn chat(prompt: &str) -> String {
    serde_json::json!({"model": "auto", "messages": [{"role": "user", "content": prompt}]}).to_string()
}

/// The same, asked for as a stream.
pub fn streamed(prompt: &str) -> String {
    serde_json::json!({"model": "auto", "stream": true, "messages": [{"role": "user", "content": prompt}]}).to_string()
}

/// A number from the environment, for tests that do more when they are asked to.
pub fn asked(name: &str, usually: u64) -> u64 {
    std::env::var(name).map_or(usually, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}
