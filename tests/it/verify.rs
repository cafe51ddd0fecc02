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
        (
            json!({"messages": [{"role": "user", "content": "go"}, {"role": "tool", "tool_call_id": "t", "content": "ok"}]}),
            whole(says(""), "stop"),
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "strnig"}}}}),
            whole(says("1"), "stop"),
        ),
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
    let reply =
        [&rest, &called, USAGE, DONE].into_iter().fold(reply, |reply, event| reply.then(Step::Send(chunk(event))));
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

fn pico(text: &str) -> i64 {
    text.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_covers_both_answers_or_there_is_but_one() {
    // 100 tokens of answer cost at most 200 µ$ at the small model and 2,000 µ$ at the big one, prompts a few more.
    let budget = |limit: f64| format!("\n[[budgets]]\nname = \"all\"\nlimit = {limit}\nwindow = \"total\"\n");
    let asked = || ask(json!({"max_tokens": 100}));
    let flawed = || vec![whole(says(""), "stop")];
    let (_small, big, proxy) = start(flawed(), vec![Reply::chat("rescued")], &budget(0.1)).await;
    let answer = proxy.client().chat(asked()).await;
    assert_eq!(answer.header("x-weighbridge-escalated"), "empty");
    let entries = proxy.entries(1, "reserved_pico, cost_pico").await;
    let reserved = pico(&entries[0][0]);
    assert!(reserved >= 2_200_000_000, "both are reserved: {reserved}");
    assert_eq!(pico(&entries[0][1]), SMALL + BIG);
    assert_eq!(big.seen().len(), 1);

    // Room for the dearer of them, and not for both.
    let between = (reserved - 100_000_000) as f64 / 1e12;
    let (_small, big, proxy) = start(flawed(), vec![Reply::chat("rescued")], &budget(between)).await;
    let answer = proxy.client().chat(asked()).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-weighbridge-endpoint")), (200, "small"), "{}", answer.text());
    assert_eq!((answer.header("x-weighbridge-escalated"), big.seen().len()), ("", 0));
    let entries = proxy.entries(1, "reserved_pico, cost_pico").await;
    assert!(pico(&entries[0][0]) < reserved);
    assert_eq!(pico(&entries[0][1]), SMALL);
    assert_eq!(verdicts(&proxy), [["small", "failed", "empty"].map(str::to_owned)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hangs_up_while_an_answer_is_held_is_charged_for_what_it_used() {
    let words = content("{\\\"n\\\": 1, ");
    let mut small = Upstream::start([Reply::events(&[ROLE, USAGE, &words]).then(Step::Wait)]).await;
    let big = Upstream::start([Reply::stream(&["rescued"])]).await;
    let proxy = Proxy::start(&routes(&small.url(), &big.url())).await;
    let client = proxy.client();
    let asking = tokio::spawn(async move { client.chat(streamed(&schema())).await });
    small.arrived(1).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    asking.abort();
    small.hung_up().await;
    let entries = proxy.entries(1, "ending, cost_pico, input, output, endpoint").await;
    assert_eq!(entries[0], ["client_gone", &SMALL.to_string(), "10", "5", "-"]);
    let ledger = rusqlite::Connection::open(proxy.ledger_path()).expect("a ledger");
    let found = ledger.query_row("SELECT of_endpoint, reason, cost_pico FROM discarded", [], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
    });
    assert_eq!(found.expect("a line"), ("small".to_owned(), "abandoned".to_owned(), SMALL));
    assert_eq!(big.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_says_what_its_answers_must_be_and_reports_say_what_escalations_cost() {
    let small = Upstream::start([whole(says("a change"), "stop")]).await;
    let big = Upstream::start([Reply::chat("- a change")]).await;
    let own = "verify = { checks = [\"empty\"], must_match = [\"^- \"] }\nwhy = \"Most traffic is simple.\"";
    let toml = routes(&small.url(), &big.url()).replacen("why = \"Most traffic is simple.\"", own, 1);
    let proxy = Proxy::start(&toml).await;
    let answer = proxy.client().chat(ask(json!({}))).await;
    assert_eq!((answer.header("x-weighbridge-escalated"), answer.header("x-weighbridge-endpoint")), ("pattern", "big"));
    let report = |by: &'static str| {
        let path = proxy.ledger_path();
        std::thread::spawn(move || {
            let reader = weighbridge::record::query::Reader::open(&path).expect("a ledger");
            let by = [weighbridge::record::report::GroupBy::parse(by).expect("a word")];
            reader.report(&weighbridge::record::report::Filter::default(), &by).expect("a report")
        })
        .join()
        .expect("no panic")
    };
    let cost = |totals: &weighbridge::record::report::Totals| totals.cost.map(|cost| cost.get() as i64);
    let rules = report("rule");
    assert_eq!((rules.lines[0].totals.discarded, cost(&rules.lines[0].totals)), (1, Some(SMALL + BIG)));
    assert_eq!(rules.lines[0].totals.savings.map(|saved| saved.get() as i64), Some(-SMALL));
    let endpoints = report("endpoint");
    let costs: Vec<_> = endpoints.lines.iter().map(|line| (line.totals.requests, cost(&line.totals))).collect();
    assert_eq!(costs, [(1, Some(BIG)), (0, Some(SMALL))]);

    let off = toml.replacen("verify = { checks = [\"empty\"], must_match = [\"^- \"] }", "verify = \"off\"", 1);
    let proxy = Proxy::start(&off).await;
    let answer = proxy.client().chat(ask(json!({}))).await;
    assert_eq!((answer.header("x-weighbridge-endpoint"), answer.header("x-weighbridge-escalated")), ("small", ""));
    let entries = proxy.entries(1, "straight_pico").await;
    assert_eq!(entries[0], ["-"], "nothing was verified");
}

#[test]
fn check_refuses_patterns_and_bounds_that_cannot_be_used() {
    let toml = routes("http://127.0.0.1:1", "http://127.0.0.1:2");
    let own = "verify = { must_match = [\"(?=x)\"] }\nwhy = \"Most traffic is simple.\"";
    let told = crate::support::proxy::told(&format!(
        "{}\n[verify]\nchecks = [\"json\"]\nhold = {{ bytes = \"1B\", thoughts = \"1h\" }}\n",
        toml.replacen("why = \"Most traffic is simple.\"", own, 1)
    ));
    for words in
        ["a pattern of rule `everything-else` cannot be used", "`verify.hold.bytes` cannot be `1B`", "`thoughts`"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    let own = "verify = [\"json\"]\nwhy = \"A wrong answer here costs an outage.\"";
    let told = crate::support::proxy::told(&toml.replacen("why = \"A wrong answer here costs an outage.\"", own, 1));
    assert!(told.contains("rule `judgement` verifies answers, and `large` escalates to no tier"), "{told}");
}
