//! `weighbridge assess`: assesses prompts from standard input, one a line (`--jsonl`), or measures the assessments on a
//! file of labelled prompts (`--eval`), so that anybody can do both on prompts of their own.

mod eval;
mod figures;
pub mod labelled;

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::assess::difficulty::Model;
use crate::assess::{Assessor, Settings};
use crate::domain::{Confidence, ContentSet, Kind, Risk, TagSet};

/// Arguments of `assess`.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Args {
    /// One JSON object a line in, `{"id", "prompt" | "messages"}`; one a line out.
    #[arg(long, group = "what")]
    jsonl: bool,
    /// Measure on labelled prompts: lines of `{"id", "prompt" | "messages", "tags", "risk", "kind", "content"}`.
    #[arg(long, group = "what", value_name = "FILE")]
    eval: Option<PathBuf>,
    /// Print the figures of `--eval` as JSON.
    #[arg(long, requires = "eval")]
    json: bool,
    /// How often the prompts are drawn anew for the intervals of `--eval`; 0: no intervals.
    #[arg(long, requires = "eval", value_name = "TIMES", default_value_t = 1000)]
    boot: usize,
    /// A model of difficulty that `train` made [default: the configuration's].
    #[arg(long, value_name = "FILE")]
    difficulty: Option<PathBuf>,
    /// The configuration whose [assess] counts [default: routes.toml if there is one, else what is built in].
    #[arg(long)]
    config: Option<PathBuf>,
}

/// A line out.
#[derive(Serialize)]
struct Answer {
    id: Value,
    tokens: u64,
    tags: TagSet,
    risk: Risk,
    confidence: Confidence,
    kind: Kind,
    content: ContentSet,
    /// From 0 to 1; 1 if the prompt is unlike all that is known.
    difficulty: f64,
    /// Whether that is known.
    difficulty_known: bool,
}

/// Assesses standard input, or measures on a file. A line that cannot be read is told on standard error and makes the
/// exit code 1; the others are answered all the same.
pub fn run(args: &Args) -> ExitCode {
    let assessor = match assessor(args.config.as_deref()) {
        Ok(assessor) => assessor,
        Err(problems) => return super::cannot_run(&problems),
    };
    let assessor = match &args.difficulty {
        Some(path) => match with_difficulty(&assessor, path) {
            Ok(assessor) => Arc::new(assessor),
            Err(reason) => {
                let reason = format!("error: {} cannot be used: {reason}", path.display());
                return super::cannot_run(&reason);
            }
        },
        None => assessor,
    };
    if let Some(file) = &args.eval {
        return eval::run(&assessor, file, args.boot, args.json);
    }
    let (input, output) = (io::stdin().lock(), io::BufWriter::new(io::stdout().lock()));
    match assess_lines(&assessor, input, output, io::stderr().lock()) {
        Ok(true) => super::OK.into(),
        Ok(false) => super::FOUND.into(),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => super::OK.into(),
        Err(error) => super::cannot_run(&format!("error: {error}")),
    }
}

/// The assessor of the configuration. A `routes.toml` that is not named counts if it is there and holds together.
fn assessor(config: Option<&Path>) -> Result<Arc<Assessor>, crate::config::Problems> {
    match config {
        Some(path) => super::check::load(path).map(|config| config.assessor),
        None => {
            let beside = Path::new("routes.toml");
            let config = beside.exists().then(|| super::check::load(beside)).transpose()?;
            Ok(config.map_or_else(Arc::default, |config| config.assessor))
        }
    }
}

/// The same assessor with another model of difficulty.
fn with_difficulty(assessor: &Assessor, path: &Path) -> Result<Assessor, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let difficulty = Arc::new(Model::from_bytes(&bytes)?);
    Ok(Assessor::new(Settings { difficulty, ..assessor.settings().clone() }))
}

/// Whether every line could be read.
fn assess_lines(
    assessor: &Assessor,
    input: impl BufRead,
    mut output: impl Write,
    mut errors: impl Write,
) -> io::Result<bool> {
    let mut all_read = true;
    for (number, line) in (1_u64..).zip(input.split(b'\n')) {
        let line = line?;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match answer(assessor, &line) {
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

fn answer(assessor: &Assessor, line: &[u8]) -> Result<Answer, String> {
    let (id, prompt) = labelled::prompt(line)?;
    let assessment = assessor.assess(&prompt);
    Ok(Answer {
        id,
        tokens: assessment.tokens.expected,
        tags: assessment.tags,
        risk: assessment.risk,
        confidence: assessment.confidence,
        kind: assessment.kind,
        content: assessment.content,
        difficulty: assessment.difficulty.score(),
        difficulty_known: assessment.difficulty.is_known(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run_on(input: &str) -> (bool, String, String) {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let all_read = assess_lines(&Assessor::default(), input.as_bytes(), &mut output, &mut errors).unwrap();
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
}
