//! Prompts in lines of JSON, with or without labels.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::dialect::{self, Limits};
use crate::domain::{ContentSet, Door, Kind, Prompt, Risk, TagSet};

/// Prompts are read from a file of the caller's own, so depth is limited only to keep the stack.
const LIMITS: Limits = Limits { max_depth: 128 };
/// The lines that mark turns in an exported transcript, and the roles they stand for.
const MARKERS: [(&str, &str); 4] =
    [("[system]", "system"), ("[user]", "user"), ("[assistant]", "assistant"), ("[developer]", "developer")];

/// A line with a prompt.
#[derive(Deserialize)]
struct Line<'a> {
    id: Value,
    prompt: Option<String>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    /// Definitions of tools, as JSON or as the text of it.
    tools: Option<Value>,
}

/// What a line with labels says beside its prompt.
#[derive(Deserialize)]
struct Labels {
    #[serde(default)]
    tags: TagSet,
    risk: Risk,
    kind: Option<Kind>,
    #[serde(default)]
    content: ContentSet,
    source: Option<String>,
}

/// A prompt, and what is true of it.
#[derive(Debug)]
pub struct Labelled {
    /// Its prompt.
    pub prompt: Prompt,
    /// The risks that it touches.
    pub tags: TagSet,
    /// How much damage a wrong answer does.
    pub risk: Risk,
    /// The sort of work.
    pub kind: Option<Kind>,
    /// What it carries.
    pub content: ContentSet,
    /// Where it comes from.
    pub source: Option<String>,
}

/// The id and the prompt of a line.
///
/// # Errors
/// What is wrong with the line.
pub fn prompt(line: &[u8]) -> Result<(Value, Prompt), String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let messages = match (&line.messages, &line.prompt) {
        (Some(messages), _) => messages.get().to_owned(),
        (None, Some(prompt)) => messages_of(prompt).to_string(),
        (None, None) => return Err("neither `prompt` nor `messages`".to_owned()),
    };
    let tools = match line.tools {
        Some(Value::String(text)) => text,
        Some(tools @ Value::Array(_)) => tools.to_string(),
        _ => "[]".to_owned(),
    };
    // A list that is not whole is none.
    let tools = if serde_json::from_str::<Vec<&RawValue>>(&tools).is_ok() { tools } else { "[]".to_owned() };
    let body = Bytes::from(format!(r#"{{"model":"auto","messages":{messages},"tools":{tools}}}"#));
    let prompt = dialect::parse(Door::Chat, body, &LIMITS).map_err(|failure| failure.message)?;
    Ok((line.id, prompt))
}

/// Every labelled prompt of a file's text; blank lines are passed over.
///
/// # Errors
/// What is wrong with which line, every one of them.
pub fn labelled(text: &[u8]) -> Result<Vec<Labelled>, Vec<String>> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (number, line) in (1_u64..).zip(text.split(|byte| *byte == b'\n')) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match labelled_line(line) {
            Ok(labelled) => good.push(labelled),
            Err(reason) => bad.push(format!("line {number}: {reason}")),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

fn labelled_line(line: &[u8]) -> Result<Labelled, String> {
    let (_, prompt) = prompt(line)?;
    let labels: Labels = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Labels { tags, risk, kind, content, source } = labels;
    Ok(Labelled { prompt, tags, risk, kind, content, source })
}

/// The messages of a plain text: one of the user's, or those of a transcript with a marker line before each turn.
fn messages_of(text: &str) -> Value {
    let mut messages: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        let marker = MARKERS.iter().find(|(marker, _)| line.trim_end() == *marker);
        match (marker, messages.last_mut()) {
            (Some((_, role)), _) => messages.push((role, String::new())),
            (None, Some((_, content))) => {
                content.push_str(line);
                content.push('\n');
            }
            (None, None) => messages.push(("user", format!("{line}\n"))),
        }
    }
    let messages: Vec<Value> = messages
        .into_iter()
        .filter(|(_, content)| !content.trim().is_empty())
        .map(|(role, content)| json!({"role": role, "content": content.trim_end()}))
        .collect();
    if messages.is_empty() { json!([{"role": "user", "content": text}]) } else { Value::Array(messages) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_split_at_its_markers() {
        let messages =
            messages_of("[system]\nbe brief\n[user]\nlist\n```\n[1]\n```\n[assistant]\ndone\n[user]\nthanks");
        let roles: Vec<&str> =
            messages.as_array().unwrap().iter().filter_map(|message| message["role"].as_str()).collect();
        assert_eq!(roles, ["system", "user", "assistant", "user"]);
        assert_eq!(messages_of("no markers\nat all"), json!([{"role": "user", "content": "no markers\nat all"}]));
    }

    #[test]
    fn every_line_with_a_wrong_label_is_told() {
        let text = b"{\"id\":1,\"prompt\":\"a\",\"risk\":\"low\",\"tags\":[\"money\"]}\n\n{\"id\":2,\"prompt\":\"b\",\"risk\":\"huge\"}\n{\"id\":3}";
        let errors = labelled(text).unwrap_err();
        assert_eq!(errors.len(), 2);
        assert!(errors[0].starts_with("line 3: ") && errors[1].starts_with("line 4: "), "{errors:?}");
    }
}
