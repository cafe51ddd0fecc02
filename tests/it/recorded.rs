//! What real clients sent, recorded by `make clients`: it arrives byte for byte but for the model and the usage option.

use std::path::Path;

use hyper::Method;
use serde_json::{Value, json};

use crate::support::upstream::{Seen, chunk, stream_head};
use crate::support::{Proxy, Reply, Step, Upstream};

const MODEL: &str = "far-model";

/// The dialects, as the names of recordings end, with the paths that clients of them ask.
const DIALECTS: [(&str, &str); 3] = [
    ("openai-chat", "/v1/chat/completions"),
    ("openai-responses", "/v1/responses"),
    ("anthropic-messages", "/v1/messages?beta=true"),
];

fn routes(dialect: &str, url: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"

[endpoints.far]
dialect = "{dialect}"
url = "{url}"
model = "{MODEL}"
price = {{ input = 1, output = 2 }}

[tiers.only]
endpoints = ["far"]

[routing]
models = ["*"]

[[rules]]
name = "all"
route = "only"
why = "There is one."
owner = "tests"
"#
    )
}

/// Any answer that a client of the dialect would take: what is asserted is what was asked.
fn answer(seen: &Seen) -> Reply {
    let streams = seen.json()["stream"] == json!(true);
    let path = seen.head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (whole, events): (Value, &[&str]) = match () {
        () if path.contains("/responses") => (
            json!({"id": "resp_1", "object": "response", "status": "completed", "output": []}),
            &[
                "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[]}}\n\n",
            ],
        ),
        () if path.contains("/messages") => (
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [{"type": "text", "text": "x"}],
                   "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}}),
            &[
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n",
                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
            ],
        ),
        () => (
            json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]}),
            &[
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n",
                "data: [DONE]\n\n",
            ],
        ),
    };
    if !streams {
        return Reply::json(200, &[], &whole.to_string());
    }
    let sent = events.iter().map(|event| Step::Send(chunk(event)));
    Reply(std::iter::once(Step::Send(stream_head())).chain(sent).chain([Step::Send(b"0\r\n\r\n".to_vec())]).collect())
}

/// What is expected upstream: the same bytes with another value of `model`, and usage asked for in a chat's stream.
fn expected(body: &str) -> String {
    let fields: Value = serde_json::from_str(body).expect("JSON");
    let model = fields["model"].as_str().expect("a model");
    let mut sent = None;
    for separator in [":", ": "] {
        let written = format!("\"model\"{separator}\"{model}\"");
        if body.contains(&written) {
            sent = Some(body.replacen(&written, &format!("\"model\"{separator}\"{MODEL}\""), 1));
        }
    }
    sent.expect("the model stands where it can be found")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_sent_arrives_byte_for_byte_but_for_model_and_usage_option() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/recorded");
    let mut checked = 0;
    for (dialect, path) in DIALECTS {
        let upstream = Upstream::start_answering_each(answer).await;
        let proxy = Proxy::start(&routes(dialect, &upstream.url())).await;
        let names = std::fs::read_dir(&folder).expect("recordings").map(|entry| entry.expect("an entry").path());
        for file in names.filter(|file| file.to_string_lossy().ends_with(&format!("-{dialect}.json"))) {
            let body = std::fs::read_to_string(&file).expect("a recording");
            let before = upstream.seen().len();
            let answered = proxy.client().send(Method::POST, path, body.clone()).await;
            assert_eq!(answered.status, 200, "{}: {}", file.display(), answered.text());
            let sent = String::from_utf8(upstream.seen()[before].body.clone()).expect("text");
            let mut expected = expected(&body);
            let fields: Value = serde_json::from_str(&body).expect("JSON");
            let asks_itself = fields["stream_options"]["include_usage"] == json!(true);
            if dialect == "openai-chat" && fields["stream"] == json!(true) && !asks_itself {
                let written = ["\"stream\":true", "\"stream\": true"].into_iter().find(|text| expected.contains(text));
                let written = written.expect("the option stands where it can be found");
                let with = format!("{written},\"stream_options\":{{\"include_usage\":true}}");
                expected = expected.replacen(written, &with, 1);
            }
            assert_eq!(sent, expected, "{}", file.display());
            checked += 1;
        }
    }
    assert!(checked >= 15, "{checked} recordings: every client has one for each dialect it speaks");
}
