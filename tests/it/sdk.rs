//! The openai SDK, pointed at the proxy: `tests/sdk/openai_sdk.py` in front of an upstream that does what its prompt says.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::Proxy;

const KEY: &str = "wb-key-of-the-sdk-test";
const LIMITED_KEY: &str = "wb-key-that-may-ask-once-a-minute";

/// The Python that has the SDK. `make test` names it; where it does not, it is where `make test` puts it.
fn python() -> PathBuf {
    let named = std::env::var_os("WEIGHBRIDGE_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".run/venv/bin/python"));
    let there = python.is_file();
    assert!(there, "{} is not there: `make test` installs it (scripts/python-venv.sh)", python.display());
    python
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_sdk_works_unchanged() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = upstream.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = upstream.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    let sha256 = |key: &str| Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let proxy = Proxy::start(&format!(
        r#"
        [server]
        listen = "127.0.0.1:0"
        admin = "127.0.0.1:0"
        [endpoints.scripted]
        url = "http://{address}/v1"
        model = "scripted-1"
        context_window = 8000
        price = {{ input = 1.0, output = 2.0 }}
        retries = {{ max = 0 }}
        [tiers.cheap]
        endpoints = ["scripted"]
        [routing]
        baseline = "cheap"
        [keys.sdk]
        sha256 = "{}"
        [keys.limited]
        sha256 = "{}"
        requests_per_minute = 1
        [[rules]]
        name = "all"
        route = "cheap"
        why = "There is one."
        owner = "tests"
        "#,
        sha256(KEY),
        sha256(LIMITED_KEY)
    ))
    .await;

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/openai_sdk.py");
    let mut command = Command::new(python());
    command.arg(script).arg(format!("http://{}/v1", proxy.address())).args([KEY, LIMITED_KEY]);
    let run = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (output, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "after these checks:\n{output}\n{errors}");
    assert_eq!(output.lines().count(), 15, "{output}");
}

/// Answers one request as its last message asks, and hangs up.
async fn answer(mut stream: TcpStream) {
    let Some(body) = request_body(&mut stream).await else { return };
    let wish = body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
    let streamed = body["stream"] == true;
    assert_eq!(body["model"], "scripted-1", "the endpoint's own model is what it is asked for");
    let reply = match (wish.as_str(), streamed) {
        ("say hello", false) => {
            whole(200, &completion(json!({"role": "assistant", "content": "Hello, world."}), "stop"))
        }
        ("call the tool", false) => {
            assert_eq!(body["tools"][0]["function"]["name"], "weather");
            let call = json!({"id": "call_1", "type": "function",
                "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}});
            whole(200, &completion(json!({"role": "assistant", "content": null, "tool_calls": [call]}), "tool_calls"))
        }
        ("say hello", true) => {
            assert_eq!(body["stream_options"]["include_usage"], true, "usage is always asked for");
            let pieces = [json!({"role": "assistant", "content": "Hello"}), json!({"content": ", world."})];
            events(&pieces, Some("stop"))
        }
        ("call the tool", true) => {
            let call = |rest: Value| json!({"tool_calls": [rest]});
            let first = json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}});
            let more = |text: &str| call(json!({"index": 0, "function": {"arguments": text}}));
            events(&[call(first), more("{\"city\": \"O"), more("slo\"}")], Some("tool_calls"))
        }
        ("break off", true) => events(&[json!({"role": "assistant", "content": "Hello"})], None),
        ("refuse the temperature", false) => {
            whole(400, &error("invalid_request_error", "unsupported_value", "temperature"))
        }
        ("be overrun", false) => whole(429, &error("requests", "rate_limit_exceeded", "")),
        (wish, _) => panic!("nothing is scripted for {wish:?}"),
    };
    stream.write_all(reply.as_bytes()).await.unwrap();
    // A stream that breaks off is one whose last chunk never comes; the proxy must have read what came before it.
    tokio::time::sleep(Duration::from_millis(if wish == "break off" { 50 } else { 0 })).await;
}

async fn request_body(stream: &mut TcpStream) -> Option<Value> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() == length.unwrap_or(0) {
            return Some(serde_json::from_str(body).expect("the proxy forwards JSON"));
        }
    }
}

fn usage() -> Value {
    json!({"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15})
}

fn completion(message: Value, reason: &str) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "scripted-1",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage()})
}

fn error(kind: &str, code: &str, param: &str) -> Value {
    json!({"error": {"message": format!("{param} must be 1 for this model"), "type": kind, "param": param, "code": code}})
}

fn whole(status: u16, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\nx-request-id: req_1\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A stream of these deltas and, with a reason to finish, of the usage and the end.
fn events(deltas: &[Value], reason: Option<&str>) -> String {
    let chunk = |choices: Value, usage: Value| {
        let event = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": "scripted-1", "choices": choices, "usage": usage});
        format!("data: {event}\n\n")
    };
    let choice = |delta: &Value, reason: Option<&str>| json!([{"index": 0, "delta": delta, "finish_reason": reason}]);
    let mut text: String = deltas.iter().map(|delta| chunk(choice(delta, None), Value::Null)).collect();
    if reason.is_some() {
        text += &chunk(choice(&json!({}), reason), Value::Null);
        text += &chunk(json!([]), usage());
        text += "data: [DONE]\n\n";
    }
    let end = if reason.is_some() { "0\r\n\r\n" } else { "" };
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
         {:x}\r\n{text}\r\n{end}",
        text.len()
    )
}
