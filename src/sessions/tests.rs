use std::sync::Arc;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::*;
use crate::dialect::{self, Limits};
use crate::domain::{
    App, CacheLife, Caller, Dialect, Door, EndpointName, Facts, KeyName, Label, Prompt, Reason, Session, TokenCount,
    Usage,
};

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let parsed = pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value")));
    parsed.collect()
}

fn read(door: Door, body: &Value) -> Prompt {
    dialect::parse(door, Bytes::from(body.to_string()), &Limits { max_depth: 64 }).expect("a request")
}

fn chat(system: &str, words: &str) -> Prompt {
    let messages = json!([{"role": "system", "content": system}, {"role": "user", "content": words}]);
    read(Door::Chat, &json!({"model": "auto", "messages": messages}))
}

fn caller(app: &str) -> Caller {
    Caller { key: KeyName::parse("ana").ok(), ..Caller::unknown(App::from_user_agent(app)) }
}

fn session(pairs: &[(&'static str, &str)], app: &str) -> Session {
    thread(&headers(pairs), &chat("s", "hello"), &caller(app)).session
}

#[test]
fn what_clients_call_a_conversation_counts_in_the_order_of_trust() {
    let none = session(&[], "curl/8");
    let own = session(&[(SESSION_HEADER, "a"), ("x-claude-code-session-id", "b")], "claude-cli/2");
    assert_eq!(own, session(&[(SESSION_HEADER, "a")], "claude-cli/2"));
    let claude = session(&[("x-claude-code-session-id", "b"), ("x-session-id", "c")], "claude-cli/2");
    assert_eq!(claude, session(&[("x-claude-code-session-id", "b")], "claude-cli/2"));
    let helper = session(&[("x-claude-code-session-id", "b"), ("x-claude-code-agent-id", "h")], "claude-cli/2");
    let codex = session(&[("session-id", "d"), ("thread-id", "d")], "codex_exec/0.169");
    assert_eq!(session(&[("session_id", "d")], "codex_cli_rs/0.5"), session(&[("session-id", "d")], "codex_exec/0.1"));
    assert_eq!(session(&[("session-id", "d")], "curl/8"), none, "only Codex means it");
    let opencode = session(&[("x-session-id", "e")], "opencode/1");
    let all = [none, own, claude, helper, codex, opencode];
    let different: std::collections::HashSet<Session> = all.into_iter().collect();
    assert_eq!(different.len(), all.len(), "a helper is a conversation of its own, and no name means another's");
}

#[test]
fn a_name_that_is_none_is_passed_over() {
    let none = session(&[], "claude-cli/2");
    for bad in ["", "two words", "\u{e9}", &"x".repeat(129)] {
        assert_eq!(session(&[("x-claude-code-session-id", bad)], "claude-cli/2"), none, "{bad:?}");
    }
    assert_ne!(session(&[("x-claude-code-session-id", &"x".repeat(128))], "claude-cli/2"), none);
}

#[test]
fn nobody_can_name_anothers_conversation() {
    let of = |key: &str, engineer: &str| {
        let caller =
            Caller { key: KeyName::parse(key).ok(), engineer: Label::parse(engineer), ..caller("claude-cli/2") };
        thread(&headers(&[("x-claude-code-session-id", "b")]), &chat("s", "hello"), &caller)
    };
    assert_eq!(of("ana", "ana"), of("ana", "ana"));
    let others = [of("ben", "ana"), of("ana", "ben"), of("anaa", "na"), of("", "ana")];
    for other in others {
        assert_ne!(other.session, of("ana", "ana").session);
        assert_ne!(other.mark, of("ana", "ana").mark);
    }
}

#[test]
fn what_the_body_says_counts_where_no_header_does() {
    let anthropic = |user_id: &str| {
        let body = json!({"model": "auto", "max_tokens": 1, "messages": [{"role": "user", "content": "hello"}],
                          "metadata": {"user_id": user_id}});
        thread(&HeaderMap::new(), &read(Door::Messages, &body), &caller("claude-cli/2")).session
    };
    let id = "8728b333-713a-4f54-932e-98d72f606cf2";
    let new = anthropic(&json!({"device_id": "e5fb", "account_uuid": "", "session_id": id}).to_string());
    assert_eq!(new, anthropic(&format!("user_e5fb_account__session_{id}")), "both ways in which it is written");
    assert_ne!(new, anthropic("user_e5fb_account__session_another"));
    assert_eq!(anthropic("somebody"), anthropic("somebody else"), "a user is no conversation");
    let openai = |key: &str, app: &str| {
        let body = json!({"model": "auto", "input": "hello", "prompt_cache_key": key});
        thread(&HeaderMap::new(), &read(Door::Responses, &body), &caller(app)).session
    };
    assert_ne!(openai("a", "codex_exec/0.1"), openai("b", "codex_exec/0.1"));
    assert_eq!(openai("a", "openai/python 2"), openai("b", "openai/python 2"), "others name a whole application");
}

#[test]
fn without_a_name_a_conversation_is_how_it_begins() {
    let of = |system: &str, words: &str| thread(&HeaderMap::new(), &chat(system, words), &caller("curl/8")).session;
    assert_eq!(of("s", "hello"), of("s", "hello"));
    assert_ne!(of("s", "hello"), of("t", "hello"));
    assert_ne!(of("s", "hello"), of("s", "hullo"));
    let long = |middle: &str| format!("{}{middle}{}", "a".repeat(500), "z".repeat(500));
    assert_ne!(of("s", &long("x")), of("s", &long("xy")), "its length counts");
}

#[test]
fn what_is_asked_beside_a_conversation_is_another() {
    let of = |body: Value| {
        let named = headers(&[("x-claude-code-session-id", "b")]);
        thread(&named, &read(Door::Messages, &body), &caller("claude-cli/2"))
    };
    let tools = json!([{"name": "Read", "input_schema": {}}]);
    let body = |model: &str, words: &str, tools: &Value| json!({"model": model, "max_tokens": 1, "tools": tools, "messages": [{"role": "user", "content": words}]});
    let main = of(body("auto", "fix it", &tools));
    let title = of(body("auto", "Write a title", &json!([])));
    let gate = of(body("claude-haiku-4-5", "fix it", &tools));
    for beside in [title, gate] {
        assert_eq!(beside.session, main.session);
        assert!(beside.mark != main.mark && beside.lane != main.lane);
    }
    let search = of(body("auto", "Search the web", &tools));
    assert!(search.mark != main.mark && search.lane == main.lane);
    let later = json!({"model": "auto", "max_tokens": 1, "tools": tools, "messages": [
        {"role": "user", "content": "fix it"}, {"role": "assistant", "content": "ok"}, {"role": "user", "content": "x"}]});
    let later = of(later);
    assert_eq!((later.mark, later.is_ongoing), (main.mark, true));
}

fn stands(endpoint: &str, replies: u32) -> Arc<Standing> {
    let name = EndpointName::parse(endpoint).expect("a name");
    let facts = Facts { replies, ..Facts::default() };
    let answered = answered(&facts, &name, Dialect::OpenaiChat, None);
    Arc::new(standing_after(None, &answered, std::time::Duration::from_secs(300)))
}

#[test]
fn a_conversation_that_lost_its_beginning_is_the_one_that_goes_on() {
    let sessions = Sessions::default();
    let named = headers(&[("x-claude-code-session-id", "b")]);
    let of = |words: &[&str]| {
        let messages: Vec<Value> = words
            .iter()
            .enumerate()
            .map(|(place, words)| json!({"role": if place % 2 == 0 { "user" } else { "assistant" }, "content": words}))
            .collect();
        let body = json!({"model": "auto", "max_tokens": 1, "messages": messages});
        thread(&named, &read(Door::Messages, &body), &caller("claude-cli/2"))
    };
    sessions.learn(&of(&["fix it"]), &stands("large", 0));
    sessions.learn(&of(&["a search beside it"]), &stands("small", 0));
    let at = |thread: &Thread| sessions.standing(thread).map(|standing| standing.endpoint.to_string());
    assert_eq!(at(&of(&["fix it", "ok", "go on"])).as_deref(), Some("large"));
    assert_eq!(at(&of(&["in short: it is to be fixed", "ok", "go on"])).as_deref(), Some("large"));
    assert_eq!(at(&of(&["something new"])), None, "what is new stands nowhere");
}

#[test]
fn a_retry_is_told_by_the_client() {
    assert!(is_retry(&headers(&[("x-stainless-retry-count", "1")])));
    assert!(!is_retry(&headers(&[("x-stainless-retry-count", "0")])));
    assert!(!is_retry(&HeaderMap::new()));
}

fn answered<'a>(
    facts: &'a Facts,
    endpoint: &'a EndpointName,
    dialect: Dialect,
    usage: Option<&'a Usage>,
) -> Answered<'a> {
    let reasons: &[Reason] = &[];
    Answered { facts, reasons, rule: None, endpoint, dialect, tier: None, usage, at_millis: 1_000_000 }
}

#[test]
fn what_is_warm_is_what_the_provider_says() {
    let name = EndpointName::parse("a").expect("a name");
    let facts = Facts { tokens: TokenCount::exact(10_000), at_millis: 900_000, ..Facts::default() };
    let life = std::time::Duration::from_secs(300);
    let after = |dialect, usage: Usage, before: Option<&Standing>| {
        standing_after(before, &answered(&facts, &name, dialect, Some(&usage)), life)
    };
    let usage = Usage { input: 100, cache_read: 8_000, cache_write_5m: 1_500, output: 300, ..Usage::default() };
    let stands = after(Dialect::AnthropicMessages, usage, None);
    assert_eq!((stands.warm, stands.prompt, stands.output, stands.replies), (9_500, 10_000, 300, 1));
    assert_eq!(stands.warm_until_millis, 1_300_000);
    let unasked = Usage { input: 10_000, ..Usage::default() };
    assert_eq!(after(Dialect::AnthropicMessages, unasked, None).warm, 0, "nobody asked for it to be kept");
    let first = after(Dialect::OpenaiChat, unasked, None);
    assert_eq!(first.warm, 10_000, "this provider keeps prompts by itself");
    let again = after(Dialect::OpenaiChat, unasked, Some(&first));
    assert_eq!(again.warm, 0, "but nothing was read");
    assert_eq!(after(Dialect::OpenaiChat, unasked, Some(&again)).warm, 0);
    let read = Usage { input: 1_000, cache_read: 9_000, ..Usage::default() };
    assert_eq!(after(Dialect::OpenaiChat, read, Some(&first)).warm, 10_000);
    let long = Facts { cache_life: Some(CacheLife::Hour), ..facts.clone() };
    let kept = standing_after(None, &answered(&long, &name, Dialect::AnthropicMessages, Some(&usage)), life);
    assert_eq!(kept.warm_until_millis, 1_000_000 + 3_600_000);
}
