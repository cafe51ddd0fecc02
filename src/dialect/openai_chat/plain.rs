//! What is no conversation and yet names a model: completions, embeddings, reranking, moderation, pictures, speech. Of
//! requests the model and the words are read, of answers the usage; the rest is between client and provider.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::answer::{Answer, Event, Piece as Said};
use crate::dialect::body::{Fields, malformed, read, splice, wrong_type};
use crate::dialect::cost;
use crate::dialect::counts::error_text;
use crate::dialect::json::{depth, span_in};
use crate::dialect::{Limits, Wanted};
use crate::domain::{Dialect, Door, Failure, OutputFormat, Piece, Prompt, Role, Span, Text, Turn, Usage};

/// The fields that are read. Those of the second half hold what the human wrote.
const NAMES: &[&str] = &[
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "n",
    "input",
    "prompt",
    "suffix",
    "query",
    "documents",
    "instructions",
];
const WORDS: &[&str] = &["instructions", "prompt", "input", "suffix", "query", "documents"];

/// Reads the body of a request that came through `door`.
///
/// # Errors
/// `Malformed`, naming the field and what to do.
pub fn parse_plain(door: Door, body: Bytes, limits: &Limits) -> Result<Prompt, Failure> {
    let fields = Fields::read(&body, NAMES, limits)?;
    let at = |value: &RawValue| span_in(&body, value.get());
    let needs_model = !matches!(door, Door::Moderations | Door::Images);
    let (model, model_span) = match fields.set("model") {
        Some(value) => {
            let name = read::<String>(value).filter(|name| !name.is_empty());
            (name.ok_or_else(|| wrong_type("model", "the name of a model"))?, at(value))
        }
        None if needs_model => {
            return Err(malformed("`model` is missing: name the model that is to answer").with_param("model"));
        }
        // Where the endpoint's model will be put: in the place of `null`, or right after the bracket that opens the body.
        None => {
            let open = memchr::memchr(b'{', &body).unwrap_or(0) as u32 + 1;
            (String::new(), fields.value("model").map_or(Span { start: open, end: open }, at))
        }
    };
    let pieces = WORDS.iter().filter_map(|name| fields.set(name)).flat_map(|value| words(&body, value)).collect();
    let stream = fields.typed::<bool>("stream", "true or false")?.unwrap_or(false);
    let wants_usage = match fields.set("stream_options") {
        Some(value) => super::request::wants_usage(value)?,
        None => false,
    };
    let answers: u32 = fields.typed("n", "a whole number from 1 on")?.unwrap_or(1);
    Ok(Prompt {
        dialect: Dialect::OpenaiChat,
        door,
        model,
        model_span,
        stream,
        stream_span: fields.value("stream").map(at),
        // Only completions know the option; elsewhere usage comes unasked.
        wants_usage: wants_usage || door != Door::Completions,
        stream_options: fields.value("stream_options").map(at),
        turns: vec![Turn { role: Role::User, pieces }],
        tools: None,
        tool_count: 0,
        response_format: None,
        output: OutputFormat::Text,
        max_output: if door == Door::Completions {
            fields.typed("max_tokens", "a whole number from 0 on")?
        } else {
            None
        },
        answers: answers.max(1),
        dear_tier: false,
        background: false,
        pins: Vec::new(),
        signed: Vec::new(),
        calls: Vec::new(),
        named: None,
        cache_life: None,
        body: body.clone(),
    })
}

/// The texts in a value: itself, or those of its items, which may be objects with a `text`. Tokens count as they stand.
fn words(body: &[u8], value: &RawValue) -> Vec<Piece> {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow, default)]
        text: Option<&'a RawValue>,
    }
    let text = |value: &RawValue| value.get().starts_with('"').then(|| Piece::Text(Text(span_in(body, value.get()))));
    let other = |value: &RawValue| Piece::Other(span_in(body, value.get()));
    if let Some(text) = text(value) {
        return vec![text];
    }
    let items: Option<Vec<&RawValue>> = if depth(value.get().as_bytes()) > 0 { read(value) } else { None };
    let Some(items) = items.filter(|items| items.iter().any(|item| item.get().starts_with(['"', '{']))) else {
        return vec![other(value)];
    };
    let item = |item: &&RawValue| {
        let inside = read::<Item<'_>>(item).and_then(|item| item.text).and_then(text);
        text(item).or(inside).unwrap_or_else(|| other(item))
    };
    items.iter().map(item).collect()
}

/// The body to send: the client's bytes with the endpoint's `model`, which is put in front where the client named none.
pub fn plain_request_body(prompt: &Prompt, wanted: &Wanted<'_>) -> Bytes {
    if !prompt.model_span.is_empty() {
        return super::request_body(prompt, wanted.model, wanted.ask_usage);
    }
    let rest = prompt.body.get(prompt.model_span.start as usize..).unwrap_or_default();
    let comma = if rest.trim_ascii_start().starts_with(b"}") { "" } else { "," };
    let field = format!("\"model\":{}{comma}", serde_json::Value::from(wanted.model));
    splice(&prompt.body, vec![(prompt.model_span, field)])
}

/// Usage as those answers name it, in either of OpenAI's manners.
#[derive(Deserialize)]
struct Plain<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    total_tokens: Option<u64>,
    #[serde(default)]
    input_tokens_details: Option<Details>,
    #[serde(default)]
    input_token_details: Option<Details>,
}

#[derive(Deserialize, Default)]
struct Details {
    #[serde(default)]
    image_tokens: Option<u64>,
    #[serde(default)]
    audio_tokens: Option<u64>,
}

impl Plain<'_> {
    fn usage(&self) -> Option<Usage> {
        let counts: Counts = serde_json::from_str(self.usage?.get()).ok()?;
        // An embedding has no answer's tokens, and some providers name the total alone.
        let input = counts.prompt_tokens.or(counts.input_tokens).or(counts.total_tokens)?;
        let output = counts.completion_tokens.or(counts.output_tokens).unwrap_or(0);
        let details = counts.input_tokens_details.or(counts.input_token_details).unwrap_or_default();
        let image = details.image_tokens.unwrap_or(0).min(input);
        let audio_input = details.audio_tokens.unwrap_or(0).min(input - image);
        Some(Usage { input: input - image - audio_input, image, audio_input, output, ..Usage::default() })
    }
}

/// Reads a whole answer: whatever came with a status of success is one.
pub fn read_plain_answer(body: &[u8]) -> Answer {
    let plain: Option<Plain<'_>> = serde_json::from_slice(body).ok();
    let cost = plain.as_ref().and_then(|plain| plain.usage).and_then(cost::told);
    Answer { is_answer: true, usage: plain.and_then(|plain| plain.usage()), cost, ..Answer::default() }
}

/// Reads the data of one event: each is content; one whose type ends in `.completed` or `.done` is the last word.
pub fn read_plain_event(data: &[u8]) -> Event {
    if data.trim_ascii().starts_with(b"[DONE]") {
        return Event::Done(Said::default());
    }
    let Ok(plain) = serde_json::from_slice::<Plain<'_>>(data) else { return Event::Garbage };
    if let Some(error) = plain.error.filter(|error| error.get() != "null") {
        return Event::Error(error_text(error));
    }
    let is_end = plain.kind.as_deref().is_some_and(|kind| kind.ends_with(".completed") || kind.ends_with(".done"));
    Event::Piece(Said { has_content: true, is_end, usage: plain.usage().map(Into::into), ..Said::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { max_depth: 16 };

    fn parsed(door: Door, body: &str) -> Prompt {
        parse_plain(door, Bytes::from(body.to_owned()), &LIMITS).expect("a request")
    }

    #[test]
    fn the_words_are_found_whatever_form_they_come_in() {
        let check = |door, body: &str, expected: &[&str]| {
            let prompt = parsed(door, body);
            let texts: Vec<String> = prompt.turns[0]
                .pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => prompt.text(*text).into_owned(),
                    Piece::Other(span) => String::from_utf8_lossy(prompt.bytes(*span)).into_owned(),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(texts, expected, "{body}");
        };
        check(Door::Embeddings, r#"{"model":"e","input":"one"}"#, &["one"]);
        check(Door::Embeddings, r#"{"model":"e","input":["one","two"]}"#, &["one", "two"]);
        check(Door::Embeddings, r#"{"model":"e","input":[[1,2],[3]]}"#, &["[[1,2],[3]]"]);
        check(Door::Completions, r#"{"model":"c","prompt":"def f","suffix":"end"}"#, &["def f", "end"]);
        check(Door::Rerank, r#"{"model":"r","query":"q","documents":["a",{"text":"b"}]}"#, &["q", "a", "b"]);
        check(Door::Moderations, r#"{"input":[{"type":"text","text":"t"}]}"#, &["t"]);
    }

    #[test]
    fn the_endpoints_model_is_put_in_where_the_client_named_none() {
        let wanted = Wanted { model: "m-1", ask_usage: true, foreign: &[] };
        let check = |body: &str, expected: &str| {
            assert_eq!(plain_request_body(&parsed(Door::Moderations, body), &wanted), expected, "{body}");
        };
        check(r#" {"input":"t"}"#, r#" {"model":"m-1","input":"t"}"#);
        check("{ }", r#"{"model":"m-1" }"#);
        check(r#"{"input":"t","model":null}"#, r#"{"input":"t","model":"m-1"}"#);
        check(r#"{"input":"t", "model" : "auto"}"#, r#"{"input":"t", "model" : "m-1"}"#);
        let refused = parse_plain(Door::Embeddings, Bytes::from_static(b"{\"input\":\"t\"}"), &LIMITS);
        assert_eq!(refused.expect_err("no model").param.as_deref(), Some("model"));
    }

    #[test]
    fn usage_is_read_in_either_manner() {
        let check = |body: &str, expected: Option<(u64, u64, u64)>| {
            let usage = read_plain_answer(body.as_bytes()).usage;
            assert_eq!(usage.map(|usage| (usage.input, usage.image, usage.output)), expected, "{body}");
        };
        check(r#"{"data":[],"usage":{"prompt_tokens":8,"total_tokens":8}}"#, Some((8, 0, 0)));
        check(
            r#"{"usage":{"input_tokens":50,"output_tokens":9,"input_tokens_details":{"image_tokens":40}}}"#,
            Some((10, 40, 9)),
        );
        check(r#"{"usage":{"total_tokens":7}}"#, Some((7, 0, 0)));
        check(r#"{"usage":{"type":"duration","seconds":3}}"#, None);
        check("RIFF", None);
    }

    #[test]
    fn the_last_event_of_a_stream_is_known_by_its_type() {
        let end = read_plain_event(
            br#"{"type":"transcript.text.done","text":"t","usage":{"input_tokens":3,"output_tokens":1}}"#,
        );
        let Event::Piece(piece) = end else { panic!("{end:?}") };
        assert!(piece.is_end && piece.usage.and_then(|usage| usage.output) == Some(1));
        assert!(
            matches!(read_plain_event(b"{\"type\":\"transcript.text.delta\"}"), Event::Piece(piece) if !piece.is_end)
        );
    }
}
