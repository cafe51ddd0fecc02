//! What an assessment costs: the human turn of everyday, a prompt of 2,000 tokens, and a megabyte of each sort of text
//! that has made tokenizers and regular expressions slow.

use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use serde_json::json;
use weighbridge::assess::Assessor;
use weighbridge::assess::difficulty::{self, Asked};
use weighbridge::assess::tokens::{Encoding, count_exact, estimate, estimate_text, preload};
use weighbridge::dialect::{Limits, openai_chat};
use weighbridge::domain::Prompt;

fn main() {
    preload();
    divan::main();
}

const WISH: &str = "Our nightly import sometimes leaves half of the orders without a customer. It runs on two workers \
    that both read the same queue, and when one of them is restarted in the middle of a batch the other one picks the \
    batch up again. I think that we need a lock or a transaction, but I am not sure which. Please look at the code \
    below, tell me what can go wrong, and change it so that every order is written exactly once. Keep the public \
    functions as they are, other services call them.\n\n```python\ndef run(batch):\n    for row in batch.rows:\n        \
    customer = find_customer(row.email)\n        order = Order(row.id, customer)\n        order.save()\n    \
    batch.done = True\n    batch.save()\n```\n\nWe are on Postgres 16, the table has about four million rows, and the \
    import must be finished before seven in the morning.";

/// About 2,000 tokens: an agent's instructions, and a wish.
fn prompt(instructions: usize, wish: &str) -> Prompt {
    let system = "You are a careful engineer. Never delete data, mind security and latency, and explain each step. ";
    let messages = json!([
        {"role": "system", "content": system.repeat(instructions)},
        {"role": "user", "content": wish},
    ]);
    let body = json!({"model": "auto", "messages": messages}).to_string();
    openai_chat::parse(Bytes::from(body), &Limits { max_depth: 16 }).expect("a request")
}

/// A megabyte of one sort.
fn megabyte(sort: &str) -> String {
    let cycle = |alphabet: &str| {
        let alphabet: Vec<char> = alphabet.chars().collect();
        let mut state = 1_u32;
        let mut text = String::with_capacity(1_000_004);
        while text.len() < 1_000_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push(alphabet[(state >> 16) as usize % alphabet.len()]);
        }
        text
    };
    match sort {
        "spaces" => " ".repeat(1_000_000),
        "one letter" => "a".repeat(1_000_000),
        "equals signs" => "=".repeat(1_000_000),
        "base64" => cycle("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
        "ideographs" => cycle("的一是不了人在有这大国上个说要们为子和你地出道也时年得就那以会主"),
        "emoji" => cycle("😀😃😄😁😆😅😂🤣🥲😊"),
        "alarm words" => "password deadlock invoice outage ".repeat(30_304),
        "quotes" => "\"\\\n".repeat(333_334),
        _ => WISH.repeat(1_000_000 / WISH.len() + 1),
    }
}

const SORTS: [&str; 9] = [
    "prose and code",
    "spaces",
    "one letter",
    "equals signs",
    "base64",
    "ideographs",
    "emoji",
    "alarm words",
    "quotes",
];

#[divan::bench]
fn assess_a_human_turn_of_200_tokens(bencher: Bencher<'_, '_>) {
    let (assessor, prompt) = (Assessor::default(), prompt(0, WISH));
    bencher.bench(|| assessor.assess(&prompt));
}

#[divan::bench]
fn assess_2000_tokens(bencher: Bencher<'_, '_>) {
    let (assessor, prompt) = (Assessor::default(), prompt(90, WISH));
    bencher.bench(|| assessor.assess(&prompt));
}

#[divan::bench]
fn assess_a_human_turn_of_8_kilobytes(bencher: Bencher<'_, '_>) {
    let (assessor, prompt) = (Assessor::default(), prompt(0, &WISH.repeat(9)));
    bencher.bench(|| assessor.assess(&prompt));
}

#[divan::bench(args = SORTS, sample_count = 10)]
fn assess_a_megabyte(bencher: Bencher<'_, '_>, sort: &str) {
    let (assessor, prompt) = (Assessor::default(), prompt(0, &megabyte(sort)));
    bencher.counter(BytesCount::new(1_000_000_usize)).bench(|| assessor.assess(&prompt));
}

/// What the model of difficulty takes of that: 3 KB of a human's text, with and without the definitions of tools.
#[divan::bench(args = [0, 4])]
fn judge_the_difficulty_of_3_kilobytes(bencher: Bencher<'_, '_>, tools: usize) {
    let mut text = WISH.repeat(9);
    text.truncate(text.floor_char_boundary(3 << 10));
    let tool = json!({"name": "search_orders", "description": "Finds orders of a customer, the newest first.",
        "parameters": {"type": "object", "required": ["customer"], "properties": {
            "customer": {"type": "string", "description": "Its id."},
            "limit": {"type": "integer", "description": "How many at most.", "default": 20}}}});
    let tools = if tools == 0 { String::new() } else { json!(vec![tool; tools]).to_string() };
    let model = difficulty::shipped();
    bencher.bench(|| model.judge(Asked { text: &text, tools: &tools }));
}

#[divan::bench]
fn estimate_8_kilobytes(bencher: Bencher<'_, '_>) {
    let text = WISH.repeat(9);
    let json = json!(text).to_string();
    bencher.counter(BytesCount::new(json.len())).bench(|| estimate_text(&json.as_bytes()[1..json.len() - 1]));
}

#[divan::bench]
fn estimate_2000_tokens(bencher: Bencher<'_, '_>) {
    let prompt = prompt(90, WISH);
    bencher.bench(|| estimate(&prompt));
}

#[divan::bench]
fn count_2000_tokens_exactly(bencher: Bencher<'_, '_>) {
    let prompt = prompt(90, WISH);
    bencher.bench(|| count_exact(&prompt, Encoding::O200k));
}

#[divan::bench(args = SORTS, sample_count = 3)]
fn count_a_megabyte_exactly(bencher: Bencher<'_, '_>, sort: &str) {
    let prompt = prompt(0, &megabyte(sort));
    bencher.counter(BytesCount::new(1_000_000_usize)).bench(|| count_exact(&prompt, Encoding::O200k));
}

#[divan::bench(sample_count = 5)]
fn build_the_assessor() -> Assessor {
    Assessor::default()
}
