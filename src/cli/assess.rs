//! `weighbridge assess --jsonl`: assesses prompts from standard input, one a line, so that the assessor can be measured
//! on anybody's labelled prompts.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::assess::difficulty::Model;
use crate::assess::{Assessor, Settings};
use crate::dialect::{self, Limits};
use crate::domain::{ContentSet, Door, Kind, Risk, TagSet};

/// Prompts are read from a file of the caller's own, so depth is limited only to keep the stack.
const LIMITS: Limits = Limits { max_depth: 128 };
/// The lines that mark turns in an exported transcript, and the roles they stand for.
const MARKERS: [(&str, &str); 4] =
    [("[system]", "system"), ("[user]", "user"), ("[assistant]", "assistant"), ("[developer]", "developer")];

/// Arguments of `assess`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// One JSON object a line in, `{"id", "prompt" | "messages"}`; one a line out.
    #[arg(long, required = true)]
    pub jsonl: bool,
    /// A model of difficulty that `train` made [default: the one that is built in].
    #[arg(long, value_name = "FILE")]
    pub difficulty: Option<PathBuf>,
}

/// A line in.
#[derive(Deserialize)]
struct Question<'a> {
    id: Value,
    prompt: Option<String>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    /// Definitions of tools, as JSON or as the text of it.
    tools: Option<Value>,
}

/// A line out.
#[derive(Serialize)]
struct Answer {
    id: Value,
    tokens: u64,
    tags: TagSet,
    risk: Risk,
    kind: Kind,
    content: ContentSet,
    /// From 0 to 1; 1 if the prompt is unlike all that is known.
    difficulty: f64,
    /// Whether that is known.
    difficulty_known: bool,
}

/// Assesses standard input. A line that cannot be read is told on standard error and makes the exit code 1; the others
/// are answered all the same.
pub fn run(args: Args) -> ExitCode {
    let settings = match settings(args.difficulty.as_deref()) {
        Ok(settings) => settings,
        Err(reason) => return super::cannot_run(&format!("error: {reason}")),
    };
    let (input, output) = (io::stdin().lock(), io::BufWriter::new(io::stdout().lock()));
    match assess_lines(input, output, io::stderr().lock(), &settings) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing more can be said when standard error is gone as well.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn settings(difficulty: Option<&Path>) -> Result<Settings, String> {
    let Some(path) = difficulty else { return Ok(Settings::default()) };
    let bytes = fs::read(path).map_err(|error| error.to_string());
    let model = bytes.and_then(|bytes| Model::from_bytes(&bytes));
    let model = model.map_err(|reason| format!("{} cannot be used: {reason}", path.display()))?;
    Ok(Settings { difficulty: Arc::new(model) })
}

/// Whether every line could be read.
fn assess_lines(
    input: impl BufRead,
    mut output: impl Write,
    mut errors: impl Write,
    settings: &Settings,
) -> io::Result<bool> {
    let assessor = Assessor::new();
    let mut all_read = true;
    for (number, line) in (1_u64..).zip(input.split(b'\n')) {
        let line = line?;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match answer(&assessor, settings, &line) {
            Ok(answer) => {
                serde_json::to_writer(&mut output, &answer)?;
                output.write_all(b"\n")?;
            }
            Err(reason) => {
                all_read = false;
                writeln!(errors, "line {number}: {reason}")?;
            }
        }
    }
    output.flush()?;
    Ok(all_read)
}

fn answer(assessor: &Assessor, settings: &Settings, line: &[u8]) -> Result<Answer, String> {
    let question: Question<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let messages = match (&question.messages, &question.prompt) {
        (Some(messages), _) => messages.get().to_owned(),
        (None, Some(prompt)) => messages_of(prompt).to_string(),
        (None, None) => return Err("neither `prompt` nor `messages`".to_owned()),
    };
    let tools = match question.tools {
        Some(Value::String(text)) => text,
        Some(tools @ Value::Array(_)) => tools.to_string(),
        _ => "[]".to_owned(),
    };
    // A list that is not whole is none.
    let tools = if serde_json::from_str::<Vec<&RawValue>>(&tools).is_ok() { tools } else { "[]".to_owned() };
    let body = Bytes::from(format!(r#"{{"model":"auto","messages":{messages},"tools":{tools}}}"#));
    let prompt = dialect::parse(Door::Chat, body, &LIMITS).map_err(|failure| failure.message)?;
    let assessment = assessor.assess(&prompt, settings);
    Ok(Answer {
        id: question.id,
        tokens: assessment.tokens.expected,
        tags: assessment.tags,
        risk: assessment.risk,
        kind: assessment.kind,
        content: assessment.content,
        difficulty: assessment.difficulty.score(),
        difficulty_known: assessment.difficulty.is_known(),
    })
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

    fn run_on(input: &str) -> (bool, String, String) {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let all_read = assess_lines(input.as_bytes(), &mut output, &mut errors, &Settings::default()).unwrap();
        (all_read, String::from_utf8(output).unwrap(), String::from_utf8(errors).unwrap())
    }

    #[test]
    fn a_line_that_cannot_be_read_is_told_and_the_rest_goes_on() {
        let (all_read, output, errors) = run_on(
            "{\"id\":1,\"prompt\":\"hi\"}\nnonsense\n\n{\"id\":\"x\"}\n{\"id\":\"y\",\"messages\":[{\"role\":\"user\",\"content\":\"fix the deadlock between our two workers\"}]}\n",
        );
        assert!(!all_read);
        assert_eq!(output.lines().count(), 2);
        assert!(errors.starts_with("line 2: ") && errors.contains("line 4: neither `prompt` nor `messages`"));
        let last: Value = serde_json::from_str(output.lines().last().unwrap()).unwrap();
        assert_eq!((&last["id"], &last["tags"]), (&json!("y"), &json!(["concurrency"])));
        assert!(last["tokens"].as_u64().is_some_and(|tokens| tokens > 8) && last["difficulty"].is_number());
    }

    #[test]
    fn a_transcript_is_split_at_its_markers() {
        let messages =
            messages_of("[system]\nbe brief\n[user]\nlist\n```\n[1]\n```\n[assistant]\ndone\n[user]\nthanks");
        let roles: Vec<&str> =
            messages.as_array().unwrap().iter().filter_map(|message| message["role"].as_str()).collect();
        assert_eq!(roles, ["system", "user", "assistant", "user"]);
        assert_eq!(messages_of("no markers\nat all"), json!([{"role": "user", "content": "no markers\nat all"}]));
    }
}
