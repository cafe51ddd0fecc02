//! Answers that are none: held against hard gates, another tier asked once, both charged.

use serde_json::{Value, json};

use crate::support::proxy::routes;
use crate::support::upstream::{DONE, FINISH, ROLE, Step, USAGE, chunk, content};
use crate::support::{Proxy, Reply, Upstream};

/// What 10 tokens of prompt and 5 of answer cost in pico-dollars at the small model, and at the big one.
const SMALL: i64 = 20_000_000;
const BIG: i64 = 200_000_000;

async fn start(small: Vec<Reply>, big: Vec<Reply>, more: &str) -> (Upstream, Upstream, Proxy) {
    let (small, big) = (Upstream::start(small).await, Upstream::start(big).await);
    let proxy = Proxy::start(&format!("{}{more}", routes(&small.url(), &big.url()))).await;
    (small, big, proxy)
}

/// A chat's whole answer with this message and finish reason; it used 10 tokens and 5.
fn whole(message: Value, finish: &str) -> Reply {
    let body = json!({
        "id": "c", "object": "chat.completion", "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    });
    Reply::json(200, &[], &body.to_string())
}

fn ask(fields: Value) -> String {
    let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "Say something"}]});
    body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    body.to_string()
}

fn schema() -> Value {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}})
}

fn tools() -> Value {
    let parameters = json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
    json!({"tools": [{"type": "function", "function": {"name": "read", "parameters": parameters}}]})
}

fn call(name: &str, arguments: &str) -> Value {
    json!({"role": "assistant", "content": null, "tool_calls":
        [{"id": "t", "type": "function", "function": {"name": name, "arguments": arguments}}]})
}

fn says(text: &str) -> Value {
    json!({"role": "assistant", "content": text})
}

/// Every column of the ledger that a verification has a word in.
const COLUMNS: &str = "endpoint, tier, cost_pico, input, output, baseline_pico, straight_pico, attempts";

fn verdicts(proxy: &Proxy) -> Vec<[String; 3]> {
    let ledger = rusqlite::Connection::open(proxy.ledger_path()).expect("a ledger");
    let columns = "endpoint, coalesce(verdict, '-'), coalesce(failed_check, '-')";
    let mut query = ledger.prepare(&format!("SELECT {columns} FROM attempts ORDER BY entry, place")).expect("a table");
    let row = |row: &rusqlite::Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?]);
    query.query_map([], row).expect("rows").collect::<Result<_, _>>().expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_gate_escalates_a_whole_answer_and_charges_both() {
    let cases = [
        ("empty", json!({}), whole(says(""), "stop")),
        ("json", json!({"response_format": {"type": "json_object"}}), whole(says("Sure: {\"n\": 1}"), "stop")),
        ("schema", schema(), whole(says("{\"n\": \"one\"}"), "stop")),
        ("tools", tools(), whole(call("write", "{}"), "tool_calls")),
        ("tools", tools(), whole(call("read", "{\"path\": 1}"), "tool_calls")),
        ("tools", tools(), whole(call("read", "{\"path\": "), "tool_calls")),
        ("truncated", tools(), whole(call("read", "{\"path\": \"a"), "length")),
        ("refusal", json!({}), whole(says("I'm sorry, but I can't help with that."), "stop")),
        ("refusal", json!({}), whole(json!({"content": null, "refusal": "No."}), "stop")),
        ("refusal", json!({}), whole(says("It is"), "content_filter")),
    ];
    for (gate, fields, flawed) in cases {
        let (_small, big, proxy) = start(vec![flawed], vec![Reply::chat("{\"n\": 1}")], "").await;
        let answer = proxy.client().chat(ask(fields)).await;
        assert_eq!(answer.status, 200, "{gate}: {}", answer.text());
        assert_eq!(answer.json()["choices"][0]["message"]["content"], "{\"n\": 1}", "{gate}");
        assert_eq!(answer.header("x-weighbridge-escalated"), gate);
        assert_eq!((answer.header("x-weighbridge-attempts"), answer.header("x-weighbridge-endpoint")), ("2", "big"));
        assert_eq!(answer.header("x-weighbridge-cost-usd"), "0.00022", "{gate}");
        assert_eq!(big.seen().len(), 1);
        let (cost, big) = ((SMALL + BIG).to_string(), BIG.to_string());
        let entries = proxy.entries(1, COLUMNS).await;
        assert_eq!(entries[0], ["big", "large", &cost, "20", "10", &big, &big, "2"], "{gate}");
        let expected = [["small", "failed", gate], ["big", "passed", "-"]].map(|line| line.map(str::to_owned));
        assert_eq!(verdicts(&proxy), expected);
        let metric = format!("weighbridge_escalations_total{{rule=\"everything-else\",gate=\"{gate}\"}}");
        assert!((proxy.metric(&metric).await - 1.0).abs() < 0.1, "{gate}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_stays_and_what_is_lawful_passes() {
    let cases = [
        (json!({}), whole(says("I can't see a bug here."), "stop")),
        (json!({"max_tokens": 1}), whole(says(""), "length")),
        (schema(), whole(says(" {\"n\": 1}\n"), "stop")),
        (tools(), whole(call("read", "{\"path\": \"a\"}"), "tool_calls")),
        (json!({"n": 2}), whole(says(""), "stop")),
        (json!({"messages": [{"role": "user", "content": "go"}, {"role": "tool", "tool_call_id": "t", "content": "ok"}]}),
         whole(says(""), "stop")),
        (json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "strnig"}}}}),
         whole(says("1"), "stop")),
    ];
    for (fields, reply) in cases {
        let (_small, big, proxy) = start(vec![reply], vec![Reply::chat("other")], "").await;
        let answer = proxy.client().chat(ask(fields.clone())).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-weighbridge-endpoint")), (200, "small"), "{fields}");
        assert_eq!((answer.header("x-weighbridge-escalated"), big.seen().len()), ("", 0), "{fields}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flawed_answer_is_better_than_none_and_nothing_escalates_twice() {
    let (_small, big, proxy) = start(vec![whole(says(""), "stop")], vec![Reply::error(500, &[], "down")], "").await;
    let answer = proxy.client().chat(ask(json!({}))).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-weighbridge-flawed")), (200, "empty"), "{}", answer.text());
    assert_eq!((answer.header("x-weighbridge-endpoint"), answer.header("x-weighbridge-escalated")), ("small", ""));
    assert_eq!(big.seen().len(), 2, "asked again as it always is");
    let entries = proxy.entries(1, COLUMNS).await;
    assert_eq!(entries[0][..5], ["small", "cheap", &SMALL.to_string(), "10", "5"]);

    // The answer of the other tier is the caller's, whatever it is worth.
    let (small, big, proxy) = start(vec![whole(says(""), "stop")], vec![whole(says(""), "stop")], "").await;
    let answer = proxy.client().chat(ask(json!({}))).await;
    assert_eq!((answer.header("x-weighbridge-escalated"), answer.header("x-weighbridge-flawed")), ("empty", ""));
    assert_eq!((small.seen().len(), big.seen().len()), (1, 1));
    assert_eq!(verdicts(&proxy)[1][1..], ["failed", "empty"]);
}

/// A stream of these events, and its orderly end.
fn events(events: &[&str]) -> Reply {
    Reply::events(events).then(Step::Send(b"0\r\n\r\n".to_vec()))
}

fn delta(delta: Value) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}))
}

fn streamed(fields: &Value) -> String {
    let mut fields = fields.clone();
    fields["stream"] = true.into();
    ask(fields)
}

fn finish(reason: &str) -> String {
    FINISH.replace("stop", reason)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_escalates_while_nothing_of_it_has_flowed() {
    let begin = delta(json!({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "read", "arguments": ""}}]}));
    let rest = delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"path\": 1}"}}]}));
    let (called, cut) = (finish("tool_calls"), finish("length"));
    let cases: Vec<(&str, Value, Vec<&str>)> = vec![
        ("empty", json!({}), vec![ROLE, FINISH, USAGE, DONE]),
        ("tools", tools(), vec![ROLE, &begin, &rest, &called, USAGE, DONE]),
        ("truncated", tools(), vec![ROLE, &begin, &cut, USAGE, DONE]),
    ];
    let words = ["I'm sorry", ", but I can't", " help with that."].map(content);
    let refusal = vec![ROLE, &words[0], &words[1], &words[2], FINISH, USAGE, DONE];
    let broken = [content("{\\\"n\\\": "), content("nothing}")];
    let broken = vec![ROLE, &broken[0], &broken[1], FINISH, USAGE, DONE];
    let more: Vec<(&str, Value, Vec<&str>)> = vec![("refusal", json!({}), refusal), ("json", schema(), broken)];
    for (gate, fields, flawed) in cases.into_iter().chain(more) {
        let (_small, _big, proxy) = start(vec![events(&flawed)], vec![Reply::stream(&["rescued"])], "").await;
        let answer = proxy.client().chat(streamed(&fields)).await;
        assert_eq!(answer.text(), [ROLE, &content("rescued"), FINISH, DONE].concat(), "{gate}");
        assert_eq!((answer.header("x-weighbridge-escalated"), answer.header("x-weighbridge-attempts")), (gate, "2"));
        let cost = (SMALL + BIG).to_string();
        assert_eq!(proxy.entries(1, COLUMNS).await[0][..5], ["big", "large", &cost, "20", "10"], "{gate}");
        assert_eq!(verdicts(&proxy)[0][1..], ["failed", gate]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_when_text_has_flowed_is_recorded_and_told_nowhere_else() {
    let text = content("Let me look.");
    let begin = delta(json!({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "gone", "arguments": "{"}}]}));
    let rest = delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}));
    let called = finish("tool_calls");
    let flawed = [ROLE, &text, &begin, &rest, &called, USAGE, DONE];
    let (_small, big, proxy) = start(vec![events(&flawed)], vec![Reply::stream(&["rescued"])], "").await;
    let answer = proxy.client().chat(streamed(&tools())).await;
    assert_eq!(answer.text(), [ROLE, &text, &begin, &rest, &called, DONE].concat());
    assert_eq!((answer.header("x-weighbridge-escalated"), big.seen().len()), ("", 0));
    let entries = proxy.entries(1, "endpoint, cost_pico, failure").await;
    assert_eq!(entries[0], ["small", &SMALL.to_string(), "-"]);
    assert_eq!(verdicts(&proxy), [["small", "late", "tools"].map(str::to_owned)]);
    let late = "weighbridge_verifications_total{rule=\"everything-else\",verdict=\"late\",gate=\"tools\"}";
    assert!((proxy.metric(late).await - 1.0).abs() < 0.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callers_arguments_are_held_until_the_call_is_whole_and_pings_come_meanwhile() {
    let text = content("Let me look.");
    let begin = delta(json!({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "read", "arguments": "{"}}]}));
    let rest = delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "\"path\": \"a\"}"}}]}));
    let called = finish("tool_calls");
    let reply = Reply::events(&[ROLE, &text, &begin]).then(Step::Pause(std::time::Duration::from_millis(700)));
    let reply = [&rest, &called, USAGE, DONE].into_iter().fold(reply, |reply, event| reply.then(Step::Send(chunk(event))));
    let reply = reply.then(Step::Send(b"0\r\n\r\n".to_vec()));
    let small = Upstream::start([reply]).await;
    let big = Upstream::start([Reply::stream(&["rescued"])]).await;
    let toml = routes(&small.url(), &big.url());
    let proxy = Proxy::start(&toml.replacen("drain_timeout", "ping_interval = \"200ms\"\ndrain_timeout", 1)).await;
    let answer = proxy.client().chat(streamed(&tools())).await;
    let (pinged, ping) = (answer.text().to_owned(), ": waiting\n\n");
    assert!(pinged.contains(ping), "{pinged}");
    assert_eq!(pinged.replace(ping, ""), [ROLE, &text, &begin, &rest, &called, DONE].concat());
    let held = pinged.find(begin.trim()).expect("the call");
    assert!(pinged.find(ping).expect("a ping") < held, "nothing of the call went out before it was whole: {pinged}");
    assert_eq!(verdicts(&proxy), [["small", "passed", "-"].map(str::to_owned)]);
}
