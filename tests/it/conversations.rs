//! Conversations keep their place: decided when the human speaks, the same while tools speak.

use hyper::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::upstream::within;
use crate::support::{Answer, Proxy, Redis, Reply, Upstream};

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

fn sha256(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
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

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_may_always_ask_for_a_larger_model_and_it_keeps_the_loop_that_follows() {
    let upstream = Upstream::start([answer(0, 1000)]).await;
    let proxy = Proxy::start(&routes(&upstream.url(), "")).await;
    let mut talk = Talk::begin(HARMLESS);
    let mut places = vec![endpoint(&talk.ask(&proxy, "s").await)];
    talk.tool("Read", &json!({"path": "a.rs"}), "fn main() {}");
    places.push(endpoint(&talk.ask(&proxy, "s").await));
    talk.says(RISKY);
    places.push(endpoint(&talk.ask(&proxy, "s").await));
    for step in 0..3 {
        talk.tool("Read", &json!({"path": format!("{step}.rs")}), "fn main() {}");
        places.push(endpoint(&talk.ask(&proxy, "s").await));
    }
    assert!(places[0].starts_with("small") && places[0] == places[1], "{places:?}");
    assert!(places[2].starts_with("large") && places[2..].iter().all(|place| *place == places[2]), "{places:?}");
    let why = "json_extract(decision, '$.reasons[1].why')";
    assert_eq!(proxy.entries(6, why).await[2], ["larger"]);
    assert_eq!(proxy.metric("weighbridge_conversation_turns_total{what=\"escalated\"}").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_goes_in_circles_gets_a_larger_model_once_and_is_then_told() {
    let upstream = Upstream::start([answer(0, 1000)]).await;
    let stuck = "[conversations]\nstuck_after = 3\nrefuse_after = 2\n";
    let proxy = Proxy::start(&routes(&upstream.url(), stuck)).await;
    let mut talk = Talk::begin(HARMLESS);
    endpoint(&talk.ask(&proxy, "s").await);
    let mut places = Vec::new();
    for _ in 0..4 {
        talk.tool("Read", &json!({"path": "a.rs"}), "no such file");
        places.push(endpoint(&talk.ask(&proxy, "s").await)[..5].to_owned());
    }
    assert_eq!(places, ["small", "small", "large", "large"]);
    talk.tool("Read", &json!({"path": "a.rs"}), "no such file");
    let asked = upstream.seen().len();
    let refused = talk.ask(&proxy, "s").await;
    assert_eq!((refused.status.as_u16(), upstream.seen().len()), (400, asked), "nobody is asked");
    assert_eq!((refused.header("x-weighbridge-error"), refused.header("x-should-retry")), ("stuck", "false"));
    let error = &refused.json()["error"];
    assert_eq!(error["type"], "invalid_request_error");
    let message = error["message"].as_str().expect("words");
    assert!(message.contains("the tool `Read` 5 times") && message.contains("Say in a new message"), "{message}");
    assert!(!message.contains("a.rs"), "what it was called with is nobody's business");

    talk.says("The file is called b.rs.");
    let goes_on = talk.ask(&proxy, "s").await;
    assert!(endpoint(&goes_on).starts_with("large"), "a smaller model has failed in it");
    let whys = proxy.entries(7, "coalesce(json_extract(decision, '$.reasons[1].why'), failure)").await;
    assert_eq!((whys[5][0].as_str(), whys[6][0].as_str()), ("stuck", "escalated"));
    for (what, count) in [("new", 1.0), ("stayed", 4.0), ("escalated", 1.0), ("stuck", 1.0)] {
        let line = format!("weighbridge_conversation_turns_total{{what=\"{what}\"}}");
        assert_eq!(proxy.metric(&line).await, count, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn circles_are_told_in_openais_dialects_too() {
    let upstream = Upstream::start([answer(0, 0)]).await;
    let proxy = Proxy::start(&routes(&upstream.url(), "[conversations]\nstuck_after = 2\nrefuse_after = 1\n")).await;
    let calls: Vec<Value> = (0..3)
        .flat_map(|number| {
            let call =
                json!({"id": number.to_string(), "type": "function", "function": {"name": "ls", "arguments": "{}"}});
            [
                json!({"role": "assistant", "content": null, "tool_calls": [call]}),
                json!({"role": "tool", "tool_call_id": number.to_string(), "content": "a"}),
            ]
        })
        .collect();
    let messages: Vec<Value> = std::iter::once(json!({"role": "user", "content": "go"})).chain(calls).collect();
    let refused = proxy.client().chat(json!({"model": "auto", "messages": messages}).to_string()).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (400, &json!("agent_stuck")));
    let items: Vec<Value> = (0..3)
        .flat_map(|number: u32| {
            let id = number.to_string();
            [
                json!({"type": "function_call", "call_id": id, "name": "ls", "arguments": "{}"}),
                json!({"type": "function_call_output", "call_id": id, "output": "a"}),
            ]
        })
        .collect();
    let input: Vec<Value> = std::iter::once(json!({"role": "user", "content": "go"})).chain(items).collect();
    let body = json!({"model": "auto", "input": input}).to_string();
    let refused = proxy.client().send(Method::POST, "/v1/responses", body).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (400, &json!("agent_stuck")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_beside_a_conversation_does_not_move_it() {
    let upstream = Upstream::start([answer(0, 1000)]).await;
    let proxy = Proxy::start(&routes(&upstream.url(), "")).await;
    let mut talk = Talk::begin(RISKY);
    let place = endpoint(&talk.ask(&proxy, "s").await);
    let client = proxy.client().with("x-claude-code-session-id", "s");
    for step in 0..4 {
        let title =
            json!({"model": "auto", "max_tokens": 20, "messages": [{"role": "user", "content": "Write a title"}]});
        let beside = client.send(Method::POST, "/v1/messages", title.to_string()).await;
        assert!(endpoint(&beside).starts_with("small"));
        client.send(Method::POST, "/v1/messages/count_tokens", talk.body()).await;
        talk.tool("Read", &json!({"path": format!("{step}.rs")}), "fn main() {}");
        assert_eq!(endpoint(&talk.ask(&proxy, "s").await), place);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_goes_on_with_anothers_conversation() {
    let upstream = Upstream::start([answer(0, 1000)]).await;
    let sha = |key: &str| sha256(key);
    let keys = format!("[keys.ana]\nsha256 = \"{}\"\n[keys.ben]\nsha256 = \"{}\"\n", sha("wb-ana"), sha("wb-ben"));
    let proxy = Proxy::start(&routes(&upstream.url(), &keys)).await;
    let mut talk = Talk::begin(RISKY);
    let of = |key: &str| proxy.client().with("x-api-key", key).with("x-claude-code-session-id", "s");
    endpoint(&of("wb-ana").send(Method::POST, "/v1/messages", talk.body()).await);
    talk.tool("Read", &json!({"path": "a.rs"}), "fn main() {}");
    endpoint(&of("wb-ben").send(Method::POST, "/v1/messages", talk.body()).await);
    endpoint(&of("wb-ana").send(Method::POST, "/v1/messages", talk.body()).await);
    let rows =
        proxy.entries(3, "json_extract(decision, '$.reasons[0].reason'), json_extract(facts, '$.session')").await;
    assert_eq!((rows[1][0].as_str(), rows[2][0].as_str()), ("rule", "stays"));
    assert!(rows[0][1] == rows[2][1] && rows[0][1] != rows[1][1], "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_its_endpoint_fails_it_goes_on_with_the_next_and_stays_there() {
    let upstream = Upstream::start_answering_each(|seen| {
        let is_broken = seen.head.contains("/small-a/") && String::from_utf8_lossy(&seen.body).contains("tool_result");
        if is_broken { Reply::error(500, &[], "broken") } else { answer(0, 1000) }
    })
    .await;
    let proxy = Proxy::start(&routes(&upstream.url(), "")).await;
    let mut talk = Talk::begin(HARMLESS);
    let first = talk.ask(&proxy, "s").await;
    if endpoint(&first) == "small-b" {
        talk = Talk::begin(HARMLESS);
        assert_eq!(endpoint(&talk.ask(&proxy, "t").await), "small-a");
    }
    let session = if endpoint(&first) == "small-b" { "t" } else { "s" };
    for (step, attempts) in ["2", "1", "1"].into_iter().enumerate() {
        talk.tool("Read", &json!({"path": format!("{step}.rs")}), "fn main() {}");
        let answer = talk.ask(&proxy, session).await;
        assert_eq!((endpoint(&answer).as_str(), answer.header("x-weighbridge-attempts")), ("small-b", attempts));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_told_so_decides_each_request_anew() {
    let upstream = Upstream::start([answer(0, 1000)]).await;
    let proxy = Proxy::start(&routes(&upstream.url(), "[conversations]\nstay = false\n")).await;
    let mut talk = Talk::begin(HARMLESS);
    let mut places = std::collections::BTreeSet::new();
    for step in 0..4 {
        places.insert(endpoint(&talk.ask(&proxy, "s").await));
        talk.tool("Read", &json!({"path": format!("{step}.rs")}), "fn main() {}");
    }
    assert_eq!(places.len(), 2, "the endpoints take turns");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_sent_again_is_no_new_turn() {
    let upstream =
        Upstream::start([Reply::error(503, &[], "busy"), Reply::error(503, &[], "busy"), answer(0, 10)]).await;
    let proxy = Proxy::start(&routes(&upstream.url(), "")).await;
    let talk = Talk::begin(HARMLESS);
    let client = proxy.client().with("x-claude-code-session-id", "s");
    let first = client.with("x-stainless-retry-count", "0").send(Method::POST, "/v1/messages", talk.body()).await;
    let again = client.with("x-stainless-retry-count", "1").send(Method::POST, "/v1/messages", talk.body()).await;
    assert_eq!(again.status, 200, "{} {}", first.status, again.text());
    assert_eq!(proxy.metric("weighbridge_conversation_turns_total{what=\"new\"}").await, 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_know_where_a_conversation_stands() {
    let (redis, upstream) = (Redis::start(), Upstream::start([answer(0, 1000)]).await);
    let shared = format!("[shared]\nurl = \"{}\"\ntimeout = \"1s\"\n", redis.url());
    let replicas =
        [Proxy::start(&routes(&upstream.url(), &shared)).await, Proxy::start(&routes(&upstream.url(), &shared)).await];
    let mut talk = Talk::begin(HARMLESS);
    let mut last = endpoint(&talk.ask(&replicas[0], "s").await);
    let mut places = vec![last.clone()];
    for step in 0..8 {
        told(&redis, step + 1).await;
        if step == 4 {
            talk.says(RISKY);
        } else {
            talk.tool("Read", &json!({"path": format!("{step}.rs")}), "fn main() {}");
        }
        let place = endpoint(&talk.ask(&replicas[(step + 1) % 2], "s").await);
        if step == 4 {
            assert!(place.starts_with("large"), "{place}");
            last.clone_from(&place);
        }
        assert_eq!(place, last, "step {step} of {places:?}");
        places.push(place);
    }
    // Of nobody who asks can it be told without the server, and the request is answered all the same.
    drop(redis);
    talk.tool("Read", &json!({"path": "9.rs"}), "fn main() {}");
    assert!(endpoint(&talk.ask(&replicas[1], "s").await).starts_with("large"));
}

/// Waits until the server knows where the conversation stands after so many answers.
async fn told(redis: &Redis, replies: usize) {
    let mut connection = redis.connection();
    within(async {
        loop {
            let names: Vec<String> = redis::cmd("KEYS").arg("*:s:*").query(&mut connection).expect("names");
            let texts = names.iter().map(|name| redis::cmd("GET").arg(name).query::<String>(&mut connection));
            let known: Vec<Value> = texts.filter_map(|text| serde_json::from_str(&text.ok()?).ok()).collect();
            if known.iter().any(|standing| standing["replies"] == json!(replies)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// A tool's call with the reasoning before it, and what came of it, in Anthropic's dialect.
fn thought(signature: &str) -> [Value; 2] {
    [
        json!({"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": signature},
            {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": "a.rs"}}]}),
        json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "fn main() {}", "cache_control": {"type": "ephemeral"}}]}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_move_reasoning_stays_behind_and_the_rest_goes_along() {
    for dialect in ["anthropic-messages", "openai-chat", "openai-responses"] {
        let signed = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
            "content": thought("sig-of-small")[0]["content"], "usage": {"input_tokens": 9, "output_tokens": 9}});
        let upstream = Upstream::start_answering_each(move |seen| match seen.head.contains("/small-") {
            true => Reply::json(200, &[], &signed.to_string()),
            false if seen.head.contains("/chat/") => Reply::chat("done"),
            false if seen.head.contains("/responses") => Reply::json(
                200,
                &[],
                &json!({"id": "resp_1", "object": "response",
                "status": "completed", "output": [{"type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": "done"}]}]})
                .to_string(),
            ),
            false => answer(0, 10),
        })
        .await;
        let routes = routes(&upstream.url(), "");
        let (small, large) = routes.split_once("[endpoints.large-a]").expect("both");
        let large = large.replace("dialect = \"anthropic-messages\"", &format!("dialect = \"{dialect}\""));
        let proxy = Proxy::start(&format!("{small}[endpoints.large-a]{large}")).await;
        let mut talk = Talk::begin(HARMLESS);
        endpoint(&talk.ask(&proxy, "s").await);
        talk.messages.extend(thought("sig-of-small"));
        assert!(endpoint(&talk.ask(&proxy, "s").await).starts_with("small"));
        talk.says(RISKY);
        assert!(endpoint(&talk.ask(&proxy, "s").await).starts_with("large"), "{dialect}");
        let sent = upstream.seen().last().expect("a request").clone();
        let (body, text) = (sent.json(), String::from_utf8_lossy(&sent.body).into_owned());
        assert!(!text.contains("sig-of-small") && !text.contains("\"hm\""), "{dialect}: {text}");
        match dialect {
            "anthropic-messages" => {
                let messages = body["messages"].as_array().expect("messages");
                assert_eq!(messages[1]["content"], json!([thought("")[0]["content"][1]]), "the call alone");
                assert_eq!(messages[2], thought("")[1], "with its place in the cache");
                assert_eq!(body["system"][0]["cache_control"], json!({"type": "ephemeral"}));
            }
            "openai-chat" => {
                let messages = body["messages"].as_array().expect("messages");
                let call = messages.iter().find_map(|message| message["tool_calls"][0]["id"].as_str()).expect("a call");
                let result = messages.iter().find_map(|message| message["tool_call_id"].as_str());
                assert_eq!(Some(call), result);
                assert!((1..=40).contains(&call.len()), "{call}");
            }
            _ => {
                let items = body["input"].as_array().expect("items");
                let of =
                    |kind: &str| items.iter().find(|item| item["type"] == kind).map(|item| item["call_id"].clone());
                assert!(
                    of("function_call").is_some() && of("function_call") == of("function_call_output"),
                    "{items:?}"
                );
                assert_eq!(of("reasoning"), None);
            }
        }
        // And the other way: what the larger one has said is read by the smaller, where the client asks for it.
        talk.says("Thanks.");
        let client = proxy.client().with("x-claude-code-session-id", "s").with("x-weighbridge-tier", "cheap");
        let back = client.send(Method::POST, "/v1/messages", talk.body()).await;
        assert!(endpoint(&back).starts_with("small"), "{dialect}");
    }
}
