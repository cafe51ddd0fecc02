//! Calls of tools as each dialect has them, and agents that make the same one over and over.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Limits, parse};
use crate::domain::{Door, Prompt};

const DOORS: [Door; 3] = [Door::Messages, Door::Chat, Door::Responses];

/// What happens in a conversation.
#[derive(Clone)]
enum Step {
    Says(&'static str),
    /// A tool, what it is called with, and what came of it.
    Calls(&'static str, &'static str, String),
}

fn calls(tool: &'static str, path: &'static str, result: &str) -> Step {
    Step::Calls(tool, path, result.to_owned())
}

fn said(door: Door, role: &str, text: &str) -> Value {
    match door {
        Door::Responses => json!({"type": "message", "role": role, "content": text}),
        _ => json!({"role": role, "content": text}),
    }
}

fn called(door: Door, id: &str, tool: &str, path: &str, result: &str) -> Vec<Value> {
    match door {
        Door::Messages => vec![
            json!({"role": "assistant", "content": [{"type": "text", "text": id},
                   {"type": "tool_use", "id": id, "name": tool, "input": {"path": path}}]}),
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": result}]}),
        ],
        Door::Chat => vec![
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": id, "type": "function",
                   "function": {"name": tool, "arguments": json!({"path": path}).to_string()}}]}),
            json!({"role": "tool", "tool_call_id": id, "content": result}),
        ],
        _ => vec![
            json!({"type": "reasoning", "id": format!("rs_{id}"), "summary": []}),
            json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": tool,
                   "arguments": json!({"path": path}).to_string()}),
            json!({"type": "function_call_output", "call_id": id, "output": result}),
        ],
    }
}

fn prompt(door: Door, steps: &[Step]) -> Prompt {
    let turns: Vec<Value> = steps
        .iter()
        .enumerate()
        .flat_map(|(number, step)| match step {
            Step::Says(words) => vec![said(door, "user", words)],
            Step::Calls(tool, path, result) => called(door, &format!("call_{number}"), tool, path, result),
        })
        .collect();
    let list = if door == Door::Responses { "input" } else { "messages" };
    let body = json!({"model": "auto", "max_tokens": 9, list: turns}).to_string();
    parse(door, Bytes::from(body), &Limits { max_depth: 64 }).expect("a request")
}

fn times(steps: &[Step]) -> u32 {
    let all = DOORS.map(|door| prompt(door, steps).repeated().times);
    assert!(all.iter().all(|one| *one == all[0]), "every dialect sees the same: {all:?}");
    all[0]
}

#[test]
fn calls_are_found_with_their_turn_name_and_arguments() {
    let steps = [Step::Says("go"), calls("Read", "a.rs", "1"), calls("Edit", "b.rs", "2")];
    for door in DOORS {
        let prompt = prompt(door, &steps);
        let text = |span| String::from_utf8_lossy(prompt.bytes(span)).into_owned();
        let found: Vec<(String, bool)> =
            prompt.calls.iter().map(|call| (text(call.name), text(call.arguments).contains(".rs"))).collect();
        assert_eq!(found, [("\"Read\"".to_owned(), true), ("\"Edit\"".to_owned(), true)], "{door:?}");
        for call in &prompt.calls {
            assert_eq!(prompt.turns[call.turn as usize].role, crate::domain::Role::Assistant, "{door:?}");
        }
    }
}

#[test]
fn the_same_call_with_the_same_result_is_counted() {
    let read = || calls("Read", "a.rs", "fn main() {}");
    assert_eq!(times(&[Step::Says("go")]), 0);
    assert_eq!(times(&[Step::Says("go"), read()]), 1);
    assert_eq!(times(&[Step::Says("go"), calls("Edit", "a.rs", "ok"), read(), read(), read()]), 3);
    assert_eq!(times(&[Step::Says("go"), read(), read(), Step::Says("go on"), read()]), 1, "the human speaks anew");
    assert_eq!(times(&[Step::Says("go"), read(), read(), Step::Says("stop")]), 0);
}

#[test]
fn waiting_for_something_that_changes_is_no_repetition() {
    let poll = |percent: u32| Step::Calls("Bash", "status", format!("running, {percent} percent"));
    assert_eq!(times(&[Step::Says("go"), poll(1), poll(2), poll(3), poll(4)]), 1);
    let other = [calls("Read", "a.rs", "same"), calls("Read", "b.rs", "same")];
    assert_eq!(times(&[&[Step::Says("go")], other.as_slice()].concat()), 1);
}

#[test]
fn steps_that_take_turns_are_one_round() {
    let (edit, test) = (calls("Edit", "a.rs", "done"), calls("Bash", "make test", "1 failed"));
    let rounds = |count: usize| {
        let mut steps = vec![Step::Says("go"), calls("Read", "a.rs", "x")];
        (0..count).for_each(|_| steps.extend([edit.clone(), test.clone()]));
        steps
    };
    assert_eq!([1, 2, 6].map(|count| times(&rounds(count))), [1, 2, 6]);
    let mut three = vec![Step::Says("go")];
    (0..4).for_each(|_| three.extend([edit.clone(), test.clone(), calls("Read", "log", "…")]));
    assert_eq!(times(&three), 4);
}

#[test]
fn what_clients_add_to_results_is_not_what_the_tool_said() {
    let told = |left: u32| {
        let reminder =
            format!("<system-reminder>\n<total_tokens>{left} tokens left</total_tokens>\n</system-reminder>");
        Step::Calls("Read", "a.rs", format!("1\tfn main() {{}}\n\n{reminder}"))
    };
    assert_eq!(times(&[Step::Says("go"), told(15_000_000), told(14_999_000), told(14_998_000)]), 3);
    let ran = |chunk: &str, time: &str, out: &str| {
        Step::Calls("exec_command", "ls", format!("Chunk ID: {chunk}\nWall time: {time} seconds\nOutput:\n{out}\n"))
    };
    assert_eq!(times(&[Step::Says("go"), ran("a1", "0.1", "x"), ran("b2", "0.2", "x")]), 2);
    assert_eq!(times(&[Step::Says("go"), ran("a1", "0.1", "x"), ran("b2", "0.1", "y")]), 1);
}

#[test]
fn a_custom_tool_and_a_shell_are_called_too() {
    let input = json!([
        {"type": "message", "role": "user", "content": "go"},
        {"type": "custom_tool_call", "call_id": "1", "name": "apply_patch", "input": "*** Begin Patch"},
        {"type": "custom_tool_call_output", "call_id": "1", "output": "failed"},
        {"type": "custom_tool_call", "call_id": "2", "name": "apply_patch", "input": "*** Begin Patch"},
        {"type": "custom_tool_call_output", "call_id": "2", "output": "failed"},
        {"type": "local_shell_call", "call_id": "3", "action": {"command": ["ls"]}, "status": "completed"},
        {"type": "local_shell_call_output", "call_id": "3", "output": "a"},
    ]);
    let read = |items: &[Value]| {
        let body = json!({"model": "auto", "input": items}).to_string();
        parse(Door::Responses, Bytes::from(body), &Limits { max_depth: 64 }).expect("a request")
    };
    let items = input.as_array().expect("items");
    assert_eq!((read(&items[..5]).repeated().times, read(items).repeated().times), (2, 1));
    assert_eq!(read(items).calls.len(), 3);
}

#[test]
fn a_prompt_of_many_equal_steps_is_looked_at_no_further_than_needed() {
    let steps: Vec<Step> =
        std::iter::once(Step::Says("go")).chain((0..2000).map(|_| calls("Read", "a.rs", "x"))).collect();
    assert!(times(&steps) >= 120);
}

#[test]
fn the_client_says_for_how_long_a_prompt_is_kept() {
    use crate::domain::CacheLife;
    let life = |door, body: Value| {
        parse(door, Bytes::from(body.to_string()), &Limits { max_depth: 64 }).expect("a request").cache_life
    };
    let messages = |system: Value, last: Value| {
        json!({"model": "m", "max_tokens": 1, "system": [{"type": "text", "text": "s", "cache_control": system}],
               "messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": last}]}]})
    };
    let (short, hour) = (json!({"type": "ephemeral"}), json!({"type": "ephemeral", "ttl": "1h"}));
    assert_eq!(life(Door::Messages, messages(Value::Null, Value::Null)), None);
    assert_eq!(life(Door::Messages, messages(short.clone(), Value::Null)), Some(CacheLife::FiveMinutes));
    assert_eq!(life(Door::Messages, messages(hour.clone(), Value::Null)), Some(CacheLife::Hour));
    assert_eq!(
        life(Door::Messages, messages(hour, short)),
        Some(CacheLife::FiveMinutes),
        "the last one is of the most"
    );
    let responses = json!({"model": "m", "input": "x", "prompt_cache_retention": "24h"});
    assert_eq!(life(Door::Responses, responses), Some(CacheLife::Day));
}
