//! `weighbridge connect`, the binary, against a running proxy: what it writes, what it sends, what it says.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use weighbridge::domain::digest;

use crate::support::proxy::routes;
use crate::support::{Proxy, Reply, Upstream};

const KEY: &str = "wb-the-key-of-ana";

/// A tool's answer in each dialect, as the far side words it.
fn answer(dialect: &str) -> Reply {
    let body = match dialect {
        "openai-responses" => serde_json::json!({
            "id": "resp_1", "object": "response", "status": "completed", "model": "far-model", "error": null,
            "output": [{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                        "content": [{"type": "output_text", "text": "OK", "annotations": []}]}],
            "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
        }),
        "anthropic-messages" => serde_json::json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "far-model",
            "content": [{"type": "text", "text": "OK"}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }),
        _ => return Reply::chat("OK"),
    };
    Reply::json(200, &[], &body.to_string())
}

/// A proxy whose endpoints speak this dialect, and which lets only Ana in.
async fn started(dialect: &str, reply: Reply) -> (Upstream, Proxy) {
    let upstream = Upstream::start([reply]).await;
    let hash: String = digest(KEY).iter().map(|byte| format!("{byte:02x}")).collect();
    let routes = routes(&upstream.url(), &upstream.url())
        .replace("dialect = \"openai-chat\"", &format!("dialect = \"{dialect}\""))
        .replace("[endpoints.small]", &format!("[keys.ana]\nsha256 = \"{hash}\"\n\n[endpoints.small]"));
    let proxy = Proxy::start(&routes).await;
    (upstream, proxy)
}

/// Runs the command with this home and nothing of this process's environment.
async fn connect(home: &Path, key: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weighbridge"));
    command.env_clear().env("HOME", home).current_dir(home).arg("connect").args(arguments);
    if let Some(key) = key {
        command.env("WEIGHBRIDGE_API_KEY", key);
    }
    tokio::task::spawn_blocking(move || command.output().expect("the command runs")).await.expect("it ends")
}

/// Its exit code and all that it said.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8(text).expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tool_is_verified_in_what_it_speaks() {
    for (tool, dialect, path) in [
        ("claude-code", "anthropic-messages", "/v1/messages"),
        ("codex", "openai-responses", "/v1/responses"),
        ("opencode", "openai-chat", "/v1/chat/completions"),
    ] {
        let (upstream, proxy) = started(dialect, answer(dialect)).await;
        let home = tempfile::tempdir().expect("a folder");
        let url = format!("http://{}/v1/", proxy.address());
        let output = connect(home.path(), Some(KEY), &[tool, "--url", &url, "--write"]).await;
        let (code, text) = said(&output);
        assert_eq!(code, Some(0), "{tool}: {text}");
        assert!(text.contains("Verified: request ") && text.contains("tier cheap, endpoint small"), "{tool}: {text}");
        let head = &upstream.seen()[0].head;
        assert!(head.lines().next().is_some_and(|line| line.contains(path)), "{tool}: {head}");
        let entries = proxy.entries(1, "dialect").await;
        assert_eq!(entries[0][0], dialect, "{tool}");
        for file in files(home.path()) {
            let written = fs::read_to_string(&file).expect("a file");
            assert!(written.contains(proxy.address()) && !written.contains(KEY), "{tool}: {written}");
        }
        assert_eq!(files(home.path()).len(), 1, "{tool}");
        assert!(!text.contains(KEY), "{tool}: the key is not shown: {text}");
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_before_stays_and_is_kept() {
    let (_upstream, proxy) = started("openai-chat", Reply::chat("OK")).await;
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join(".codex");
    fs::create_dir(&folder).expect("a folder");
    let before = "# mine\nmodel = \"gpt-5\"\n\n[tui]\ntheme = \"dark\"\n";
    fs::write(folder.join("config.toml"), before).expect("a file");
    let url = format!("http://{}", proxy.address());
    let arguments = ["codex", "--url", &url, "--write", "--no-verify"];
    let (code, text) = said(&connect(home.path(), None, &arguments).await);
    assert_eq!(code, Some(0), "{text}");
    let after = fs::read_to_string(folder.join("config.toml")).expect("a file");
    assert!(after.contains("# mine\nmodel = \"auto\"\n\n[tui]\ntheme = \"dark\"\n"), "{after}");
    let backups: Vec<_> =
        files(home.path()).into_iter().filter(|path| path.to_string_lossy().contains(".backup-")).collect();
    assert_eq!(backups.len(), 1);
    assert_eq!(fs::read_to_string(&backups[0]).expect("a copy"), before);
    let (code, text) = said(&connect(home.path(), None, &arguments).await);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("has these settings already"), "{text}");
    assert_eq!(files(home.path()).len(), 2, "a second time writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_what_to_do() {
    let (upstream, proxy) = started("openai-chat", Reply::chat("OK")).await;
    let home = tempfile::tempdir().expect("a folder");
    let ours = format!("http://{}", proxy.address());
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let closed = format!("http://{free}");
    let check = async |key, arguments: &[&str], expected_code, expected: &str| {
        let (code, text) = said(&connect(home.path(), key, arguments).await);
        assert_eq!(code, Some(expected_code), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
        assert!(!text.contains(KEY) && !text.contains("wb-wrong"), "{arguments:?}: the key is not shown: {text}");
    };
    check(Some(KEY), &["aider", "--url", &closed], 1, "Is the proxy running? `weighbridge serve` starts it.").await;
    check(Some(KEY), &["aider", "--url", &upstream.url()], 1, "but it is not Weighbridge").await;
    check(Some("wb-wrong"), &["aider", "--url", &ours], 1, "The key is the one in WEIGHBRIDGE_API_KEY.").await;
    check(None, &["aider", "--url", &ours], 1, "The variable WEIGHBRIDGE_API_KEY is not set").await;
    let unknown = ["aider", "--url", &ours, "--model", "no-such-model"];
    check(Some(KEY), &unknown, 1, "`no-such-model` has to be in `[routing] models`").await;
    check(Some(KEY), &["cursor", "--url", &ours, "--write"], 2, "has no file to write").await;
    check(Some(KEY), &["aider", "--url", "127.0.0.1:8787"], 2, "is not an address").await;
    check(Some(KEY), &["aider"], 2, "name the address with --url").await;
    assert!(files(home.path()).is_empty(), "without --write nothing is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_says_no_is_told_apart_from_the_proxy() {
    let (_upstream, proxy) = started("openai-chat", Reply::error(400, &[], "the far side says no")).await;
    let home = tempfile::tempdir().expect("a folder");
    let url = format!("http://{}", proxy.address());
    let (code, text) = said(&connect(home.path(), Some(KEY), &["openai-sdk", "--url", &url]).await);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("arrived at Weighbridge, but endpoint small answered 400"), "{text}");
    assert!(text.contains("the far side says no"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_comes_from_the_configuration() {
    let home = tempfile::tempdir().expect("a folder");
    let text = routes("http://127.0.0.1:9", "http://127.0.0.1:9").replacen("127.0.0.1:0", "0.0.0.0:8787", 1);
    let text = format!("{text}\n[keys.ana]\nsha256 = \"{}\"\n", "0a".repeat(32));
    fs::write(home.path().join("routes.toml"), text).expect("a file");
    let (code, text) = said(&connect(home.path(), None, &["openai-sdk", "--no-verify"]).await);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("export OPENAI_BASE_URL='http://127.0.0.1:8787/v1'"), "{text}");
    assert!(text.contains("export OPENAI_API_KEY=\"$WEIGHBRIDGE_API_KEY\""), "{text}");
}
