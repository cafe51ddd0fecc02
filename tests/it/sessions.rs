//! Whole sessions that real agents sent, recorded by `tests/clients/sessions.py`: no decision changes in the loop of an
//! agent and its tools, and for each word of the human's the ledger has the sum by which the conversation stayed or moved.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;

use hyper::Method;
use serde_json::{Value, json};
use weighbridge::domain::{Decision, Reason};
use weighbridge::route::reason_text;

use crate::support::upstream::{Seen, chunk, stream_head};
use crate::support::{Proxy, Reply, Step, Upstream};

/// A request as an agent sent it.
struct Sent {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// The requests of a session, whose values are kept once.
fn session(agent: &str) -> Vec<Sent> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/recorded/sessions/{agent}.json"));
    let read: Value = serde_json::from_str(&std::fs::read_to_string(file).expect("a recording")).expect("JSON");
    let value = |place: &Value| read["values"][place.as_u64().expect("a place") as usize].clone();
    let requests = read["requests"].as_array().expect("requests").iter().map(|request| {
        let body: serde_json::Map<String, Value> = request["body"]
            .as_object()
            .expect("a body")
            .iter()
            .map(|(name, place)| {
                let whole = match place {
                    Value::Array(places) => Value::Array(places.iter().map(value).collect()),
                    place => value(place),
                };
                (name.clone(), whole)
            })
            .collect();
        let headers = request["headers"].as_object().expect("headers").iter();
        Sent {
            path: request["path"].as_str().expect("a path").to_owned(),
            headers: headers.map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned())).collect(),
            body: Value::Object(body).to_string(),
        }
    });
    requests.collect()
}

/// Two models at $1 and $3 for a million tokens, whose caches cost a tenth to read.
fn routes(url: &str, dialect: &str, more: &str) -> String {
    let endpoint = |name: &str, usd: f64| {
        let write = if dialect == "anthropic-messages" { usd * 1.25 } else { usd };
        format!(
            "[endpoints.{name}]\nurl = \"{url}/{name}\"\nmodel = \"{name}-model\"\ndialect = \"{dialect}\"\n\
             context_window = 200000\nprice = {{ input = {usd}, output = {}, cache_read = {}, cache_write = {write} }}\n",
            usd * 5.0,
            usd / 10.0,
        )
    };
    [
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n[routing]\nmodels = [\"*\"]\n",
        &endpoint("small-a", 1.0),
        &endpoint("small-b", 1.0),
        &endpoint("large-a", 3.0),
        "[tiers.cheap]\nendpoints = [\"small-a\", \"small-b\"]\nbalance = \"round-robin\"\nescalate = \"large\"\n",
        "[tiers.large]\nendpoints = [\"large-a\"]\n",
        "[[rules]]\nname = \"risky\"\nwhen = { risk = \">= medium\" }\nroute = \"large\"\nwhy = \"An outage.\"\nowner = \"x\"\n",
        "[[rules]]\nname = \"routine\"\nroute = \"cheap\"\nwhy = \"Boilerplate.\"\nowner = \"x\"\n",
        more,
    ]
    .concat()
}

/// Providers with caches: what was sent to a model before is read, the rest is new.
#[derive(Default)]
struct Caches(Mutex<HashMap<String, u64>>);

impl Caches {
    /// Tokens that are read from the cache, and tokens that are not.
    fn read(&self, seen: &Seen) -> (u64, u64) {
        let place = seen.head.split('/').nth(1).unwrap_or_default().to_owned();
        let total = seen.body.len() as u64 / 4;
        let before = self.0.lock().expect("no panic").insert(place, total).unwrap_or(0).min(total);
        (before, total - before)
    }

    fn answer(&self, seen: &Seen) -> Reply {
        let (read, new) = self.read(seen);
        let events = match seen.head.contains("/responses") {
            true => {
                let usage = json!({"input_tokens": read + new, "input_tokens_details": {"cached_tokens": read},
                    "output_tokens": 120, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": read + new + 120});
                let response =
                    json!({"id": "resp_1", "object": "response", "status": "completed", "output": [], "usage": usage});
                vec![
                    ("response.output_text.delta", json!({"type": "response.output_text.delta", "delta": "x"})),
                    ("response.completed", json!({"type": "response.completed", "response": response})),
                ]
            }
            false => {
                let usage = json!({"input_tokens": 0, "cache_read_input_tokens": read, "cache_creation_input_tokens": new,
                    "output_tokens": 1});
                let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
                    "usage": usage});
                vec![
                    ("message_start", json!({"type": "message_start", "message": message})),
                    (
                        "content_block_delta",
                        json!({"type": "content_block_delta", "index": 0,
                        "delta": {"type": "text_delta", "text": "x"}}),
                    ),
                    (
                        "message_delta",
                        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                        "usage": {"output_tokens": 120}}),
                    ),
                    ("message_stop", json!({"type": "message_stop"})),
                ]
            }
        };
        let sent = events.iter().map(|(name, data)| Step::Send(chunk(&format!("event: {name}\ndata: {data}\n\n"))));
        Reply(
            std::iter::once(Step::Send(stream_head())).chain(sent).chain([Step::Send(b"0\r\n\r\n".to_vec())]).collect(),
        )
    }
}

/// What became of a session, request by request.
async fn told(agent: &str, dialect: &str, more: &str) -> String {
    let caches = Caches::default();
    let upstream = Upstream::start_answering_each(move |seen| caches.answer(seen)).await;
    let proxy = Proxy::start(&routes(&upstream.url(), dialect, more)).await;
    let requests = session(agent);
    for (number, sent) in requests.iter().enumerate() {
        let mut client = proxy.client();
        for (name, value) in &sent.headers {
            client = client.with(name.clone().leak(), value);
        }
        let answer = client.send(Method::POST, &sent.path, sent.body.clone()).await;
        assert_eq!(answer.status, 200, "{agent} {number}: {}", answer.text());
        proxy.entries(number + 1, "id").await;
    }
    let columns = "json_extract(facts, '$.turn'), endpoint, rule, decision, json_extract(facts, '$.thread'), app";
    let rows = proxy.entries(requests.len(), columns).await;
    assert!(rows.iter().all(|row| row[4] == rows[0][4] && row[5] == agent), "it is one conversation");
    let mut text = String::new();
    let (mut place, mut rule) = (String::new(), String::new());
    for (number, row) in rows.iter().enumerate() {
        let decision: Decision = serde_json::from_str(&row[3]).expect("a decision");
        let reasons = decision.reasons.iter().map(reason_text).collect::<Vec<_>>().join("\n     because ");
        if row[0] == "human" {
            (place, rule) = (row[1].clone(), row[2].clone());
            writeln!(text, "{number:>3}  the human speaks: {place}, by rule {rule}\n     because {reasons}")
                .expect("text");
        } else {
            assert_eq!((&row[1], &row[2]), (&place, &rule), "request {number} is in a tool loop");
            assert!(matches!(decision.reasons.as_slice(), [Reason::Stays { .. }]), "{reasons}");
            writeln!(text, "{number:>3}  a tool speaks: {place}").expect("text");
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code() {
    insta::assert_snapshot!(told("claude-code", "anthropic-messages", "").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn codex() {
    insta::assert_snapshot!(told("codex", "openai-responses", "[conversations]\nmost_requests_left = 1\n").await);
}
