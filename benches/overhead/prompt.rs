//! Prompts of a given size, as a coding tool sends them: a system prompt, some code, and a wish.
//!
//! No two are alike, so that nothing that a proxy remembers of one prompt makes the next one cheaper.

use std::net::SocketAddr;

use serde_json::json;
use tiktoken_rs::CoreBPE;

/// How many different prompts a run sends in turn.
const VARIETY: usize = 64;

/// Ready-made bodies, sent in turn.
pub struct Prompts {
    whole: Vec<String>,
    streamed: Vec<String>,
}

impl Prompts {
    /// Prompts of about `tokens` tokens each (o200k).
    pub fn new(tokens: u32, tokenizer: &CoreBPE) -> Self {
        let texts: Vec<String> = (0..VARIETY).map(|seed| text(seed as u64, tokens as usize, tokenizer)).collect();
        let bodies = |stream| texts.iter().map(|text| body(text, stream)).collect();
        Self { whole: bodies(false), streamed: bodies(true) }
    }

    /// Whole HTTP requests to `host`, with a key.
    pub fn requests(&self, host: SocketAddr, key: &str, streamed: bool) -> Vec<Vec<u8>> {
        let bodies = if streamed { &self.streamed } else { &self.whole };
        bodies
            .iter()
            .map(|body| {
                let length = body.len();
                format!(
                    "POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n\
                     user-agent: OpenAI/Python 3.54.0\r\naccept: application/json\r\ncontent-type: application/json\r\n\
                     content-length: {length}\r\n\r\n{body}"
                )
                .into_bytes()
            })
            .collect()
    }

    /// Bytes of a typical body.
    pub fn body_bytes(&self) -> usize {
        self.whole.iter().map(String::len).sum::<usize>() / self.whole.len()
    }
}

fn body(text: &str, stream: bool) -> String {
    let system = "You are a careful software engineer. Answer with code first and explain briefly.";
    json!({
        "model": "auto",
        "stream": stream,
        "temperature": 0.2,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": text}],
    })
    .to_string()
}

/// A wish, and material for it, until there are enough tokens.
fn text(seed: u64, tokens: usize, tokenizer: &CoreBPE) -> String {
    let mut random = Random(seed + 1);
    let mut text = format!("Please tidy up the module below, ticket {}.\n\n", 1000 + seed);
    let mut count = tokenizer.encode_ordinary(&text).len();
    while count < tokens {
        let piece = if random.below(3) == 0 { code(&mut random) } else { sentence(&mut random) };
        count += tokenizer.encode_ordinary(&piece).len();
        text += &piece;
    }
    text
}

fn sentence(random: &mut Random) -> String {
    let subject =
        random.pick(&["The importer", "Our scheduler", "This endpoint", "The settings page", "A background job"]);
    let verb = random.pick(&["reads", "formats", "sorts", "renders", "converts", "lists", "collects"]);
    let object =
        random.pick(&["the rows of a report", "a customer's orders", "every open ticket", "the calendar entries"]);
    let manner =
        random.pick(&["one page at a time", "before it is shown", "twice, for no good reason", "in the wrong order"]);
    let wish = random.pick(&[
        "shorten it",
        "give the names more meaning",
        "split it in two",
        "add a doc comment",
        "use an iterator",
    ]);
    format!("{subject} {verb} {object} {manner}; {wish} and keep behaviour number {} as it is. ", random.below(900))
}

fn code(random: &mut Random) -> String {
    let noun = random.pick(&["order", "ticket", "invoice_line", "entry", "report", "user"]);
    let verb = random.pick(&["collect", "render", "format", "sort", "filter"]);
    let limit = random.below(500);
    format!(
        "\n```rust\npub fn {verb}_{noun}s(rows: &[Row], limit: usize) -> Vec<String> {{\n    let mut out = Vec::new();\n    \
         for row in rows.iter().take(limit.min({limit})) {{\n        if row.{noun}_id > 0 {{\n            \
         out.push(format!(\"{{}}: {{}}\", row.{noun}_id, row.title));\n        }}\n    }}\n    out\n}}\n```\n"
    )
}

/// A small generator of numbers that are the same in every run (a linear congruential one).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}
