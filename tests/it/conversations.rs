//! Conversations keep their place: decided when the human speaks, the same while tools speak.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Proxy, Reply, Upstream};

/// Two tiers of two endpoints each that take turns, in Anthropic's dialect, at prices of $1 and $3 for a million tokens.
fn routes(url: &str, more: &str) -> String {
    let endpoint = |name: &str, input: f64| {
        format!(
            "[endpoints.{name}]\nurl = \"{url}/{name}\"\nmodel = \"{name}-model\"\ndialect = \"anthropic-messages\"\n\
             context_window = 200000\nretries = {{ max = 0 }}\nprice = {{ input = {input}, output = {}, cache_read = {}, \
             cache_write = {} }}\n",
            input * 5.0,
            input / 10.0,
            input * 1.25
        )
    };
    [
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n[routing]\nmodels = [\"auto\", \"claude-*\"]\n",
        &["small-a", "small-b"].map(|name| endpoint(name, 1.0)).concat(),
        &["large-a", "large-b"].map(|name| endpoint(name, 3.0)).concat(),
        "[tiers.cheap]\nendpoints = [\"small-a\", \"small-b\"]\nbalance = \"round-robin\"\nescalate = \"large\"\n",
        "[tiers.large]\nendpoints = [\"large-a\", \"large-b\"]\nbalance = \"round-robin\"\n",
        "[[rules]]\nname = \"risky\"\nwhen = { risk = \">= medium\" }\nroute = \"large\"\nwhy = \"x\"\nowner = \"x\"\n",
        "[[rules]]\nname = \"all\"\nroute = \"cheap\"\nwhy = \"x\"\nowner = \"x\"\n",
        more,
    ]
    .concat()
}

/// An answer that used so many tokens of the cache.
fn answer(read: u64, written: u64) -> Reply {
    let body = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "text", "text": "done"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "cache_read_input_tokens": read, "cache_creation_input_tokens": written,
                  "output_tokens": 200}});
    Reply::json(200, &[], &body.to_string())
}

/// A conversation that grows.
struct Talk {
    messages: Vec<Value>,
    calls: usize,
}

const HARMLESS: &str = "Scaffold a CRUD endpoint for to-do items";
const RISKY: &str = "Drop the customers table on prod, will we lose data?";

impl Talk {
    fn begin(words: &str) -> Self {
        Self { messages: vec![json!({"role": "user", "content": words})], calls: 0 }
    }

    fn says(&mut self, words: &str) {
        self.messages.push(json!({"role": "assistant", "content": "done"}));
        self.messages.push(json!({"role": "user", "content": words}));
    }

    fn tool(&mut self, name: &str, input: &Value, result: &str) {
        self.calls += 1;
        let id = format!("toolu_{}", self.calls);
        self.messages.push(
            json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": name, "input": input}]}),
        );
        self.messages
            .push(json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": result}]}));
    }

    fn body(&self) -> String {
        json!({"model": "auto", "max_tokens": 1000, "messages": self.messages,
               "system": [{"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}}],
               "tools": [{"name": "Read", "input_schema": {"type": "object"}}]})
        .to_string()
    }

    async fn ask(&self, proxy: &Proxy, session: &str) -> Answer {
        let client = proxy.client().with("x-claude-code-session-id", session);
        client.send(Method::POST, "/v1/messages", self.body()).await
    }
}

fn endpoint(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-weighbridge-endpoint").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_decided_anew_in_a_tool_loop() {
    let upstream = Upstream::start([answer(0, 1000)]).await;
    let proxy = Proxy::start(&routes(&upstream.url(), "")).await;
    let mut talks: Vec<(Talk, String)> = Vec::new();
    for number in 0..4 {
        let talk = Talk::begin(HARMLESS);
        let first = endpoint(&talk.ask(&proxy, &format!("s{number}")).await);
        talks.push((talk, first));
    }
    let places: std::collections::BTreeSet<&String> = talks.iter().map(|(_, place)| place).collect();
    assert_eq!(places.len(), 2, "new conversations take turns: {places:?}");
    for step in 0..5 {
        for (number, (talk, place)) in talks.iter_mut().enumerate() {
            talk.tool("Read", &json!({"path": format!("src/{step}.rs")}), "fn main() {}");
            let answer = talk.ask(&proxy, &format!("s{number}")).await;
            assert_eq!((&endpoint(&answer), answer.header("x-weighbridge-rule")), (&*place, "all"));
        }
    }
    let rows = proxy.entries(24, "json_extract(decision, '$.reasons[0].why'), json_extract(facts, '$.session')").await;
    assert!(rows[4..].iter().all(|row| row[0] == "tool_loop"), "{rows:?}");
    let sessions: std::collections::BTreeSet<&String> = rows.iter().map(|row| &row[1]).collect();
    assert_eq!(sessions.len(), 4);
    assert_eq!(proxy.metric("weighbridge_conversation_turns_total{what=\"stayed\"}").await, 20.0);
}
