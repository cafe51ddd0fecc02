//! What a conversation costs on the way of a request: which it is, where it stands, whether its agent goes in circles. The
//! requests are those of a recorded session of Claude Code. The promise is less than 2 µs for the first two.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use divan::{Bencher, black_box};
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use serde_json::Value;
use weighbridge::dialect::{self, Limits};
use weighbridge::domain::{App, Caller, Dialect, Door, EndpointName, Facts, Prompt};
use weighbridge::sessions::{Answered, Sessions, standing_after, thread};

fn main() {
    divan::main();
}

/// The last request of the session, the longest.
fn prompt() -> Prompt {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/recorded/sessions/claude-code.json");
    let read: Value = serde_json::from_str(&std::fs::read_to_string(file).expect("a recording")).expect("JSON");
    let value = |place: &Value| read["values"][place.as_u64().expect("a place") as usize].clone();
    let last = read["requests"].as_array().and_then(|requests| requests.last()).expect("a request");
    let fields = last["body"].as_object().expect("a body").iter();
    let whole = |place: &Value| place.as_array().map_or_else(|| value(place), |all| all.iter().map(value).collect());
    let body: serde_json::Map<String, Value> = fields.map(|(name, place)| (name.clone(), whole(place))).collect();
    let body = Bytes::from(Value::Object(body).to_string());
    dialect::parse(Door::Messages, body, &Limits { max_depth: 128 }).expect("a request")
}

fn caller() -> Caller {
    Caller::unknown(App::from_user_agent("claude-cli/2.1"))
}

fn named() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-claude-code-session-id", HeaderValue::from_static("73866196-419a-4fc2-b636-839bdb12a3fc"));
    headers
}

#[divan::bench(args = ["by-header", "by-body", "by-beginning"])]
fn which_and_where(bencher: Bencher<'_, '_>, by: &str) {
    let (mut prompt, caller) = (prompt(), caller());
    let headers = if by == "by-header" { named() } else { HeaderMap::new() };
    if by == "by-beginning" {
        prompt.named = None;
    }
    let sessions = Sessions::default();
    let (facts, endpoint) = (Facts::default(), EndpointName::parse("sonnet").expect("a name"));
    let answered = Answered {
        facts: &facts,
        reasons: &[],
        rule: None,
        endpoint: &endpoint,
        dialect: Dialect::AnthropicMessages,
        tier: None,
        usage: None,
        at_millis: 0,
    };
    let standing = Arc::new(standing_after(None, &answered, Duration::from_secs(300)));
    sessions.learn(&thread(&headers, &prompt, &caller), &standing);
    bencher.bench(|| {
        let thread = thread(black_box(&headers), black_box(&prompt), &caller);
        sessions.standing(&thread).expect("it stands")
    });
}

#[divan::bench]
fn does_it_go_in_circles(bencher: Bencher<'_, '_>) {
    let prompt = prompt();
    bencher.bench(|| black_box(&prompt).repeated());
}
