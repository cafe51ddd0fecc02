//! `weighbridge outcomes`: what shipped, told by a file, listed, and taken out again.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use crate::record::period::Period;
use crate::value::book::{Book, Kept};
use crate::value::draft::{BadLine, read_csv};
use crate::value::outcome::Outcome;

/// What `outcomes` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Take in a CSV file: its first line names the columns, see docs/value.md. What is known already stays as it is.
    Import(Import),
    /// List outcomes, with what routes.toml makes of their authors and branches.
    List(List),
    /// Take out an outcome that was told by mistake.
    Remove(Remove),
}

#[derive(clap::Args, Debug)]
struct Import {
    /// The file, or `-` for standard input.
    file: PathBuf,
    /// Take in the good lines although some are bad.
    #[arg(long)]
    skip_bad: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The configuration, which names the ledger.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
}

#[derive(clap::Args, Debug)]
struct List {
    /// From when: a span back from now (`7d`, `24h`), a day in UTC or a moment.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Until when: as for --since; a day is part of the list.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The configuration, which names the ledger.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
}

#[derive(clap::Args, Debug)]
struct Remove {
    /// Its kind, such as `merged-pr`.
    kind: String,
    /// Its id, such as `example/shop#42`.
    id: String,
    /// The configuration, which names the ledger.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    let config = match &args.command {
        Command::Import(import) => &import.config,
        Command::List(list) => &list.config,
        Command::Remove(remove) => &remove.config,
    };
    let config = match super::check::load(config) {
        Ok(config) => config,
        Err(problems) => return super::cannot_run(&problems),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return super::cannot_run(&format!("error: {error}")),
    };
    let done = runtime.block_on(async {
        let book = super::store::book(&config).await?;
        match &args.command {
            Command::Import(args) => import(args, &book).await,
            Command::List(args) => list(args, &book, &config).await,
            Command::Remove(args) => remove(args, &book).await,
        }
    });
    done.map_or_else(|error| super::cannot_run(&format!("error: {error}")), ExitCode::from)
}

#[derive(Serialize)]
struct Imported {
    #[serde(flatten)]
    kept: Kept,
    bad_lines: Vec<Bad>,
}

#[derive(Serialize)]
struct Bad {
    line: u64,
    why: String,
}

async fn import(args: &Import, book: &Book) -> Result<u8, String> {
    let input: Box<dyn Read> = if args.file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        let opened = File::open(&args.file);
        Box::new(opened.map_err(|error| format!("`{}` cannot be read: {error}", args.file.display()))?)
    };
    let told = |BadLine { line, why }: BadLine| format!("line {line}: {why}");
    let (good, bad) = read_csv(input).map_err(told)?;
    if !bad.is_empty() && !args.skip_bad {
        let lines: Vec<String> = bad.into_iter().map(told).collect();
        let hint = "nothing was taken in; mend the lines, or leave them out with --skip-bad";
        return Err(format!("{}\n{hint}", lines.join("\n")));
    }
    let now = Timestamp::now().as_millisecond();
    let kept = book.keep(&good, now).await.map_err(|error| error.to_string())?;
    let code = if bad.is_empty() { super::OK } else { super::FOUND };
    let bad_lines: Vec<Bad> = bad.into_iter().map(|BadLine { line, why }| Bad { line, why }).collect();
    let printed =
        if args.json { super::print_json(&Imported { kept, bad_lines }) } else { print_import(kept, &bad_lines) };
    printed.map(|()| code).map_err(|error| error.to_string())
}

fn print_import(kept: Kept, bad: &[Bad]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    bad.iter().try_for_each(|Bad { line, why }| writeln!(out, "left out line {line}: {why}"))?;
    writeln!(out, "{} new, {} known already, {} left out", kept.new, kept.known, bad.len())
}

async fn list(args: &List, book: &Book, config: &crate::config::Config) -> Result<u8, String> {
    let period = Period::parse(args.since.as_deref(), args.until.as_deref(), Timestamp::now());
    let Period { since_millis, until_millis } = period.map_err(|error| error.to_string())?;
    let shipped = book.shipped(since_millis.unwrap_or(i64::MIN), until_millis.unwrap_or(i64::MAX)).await;
    let shipped = shipped.map_err(|error| error.to_string())?;
    let outcomes: Vec<Outcome> = shipped.into_iter().map(|outcome| config.outcomes.mapping.resolved(outcome)).collect();
    let printed = if args.json { super::print_json(&outcomes) } else { print_list(&outcomes) };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(super::OK),
    }
}

fn print_list(outcomes: &[Outcome]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if outcomes.is_empty() {
        return writeln!(out, "No outcomes are known. docs/value.md says how they are told.");
    }
    for outcome in outcomes {
        let at = Timestamp::from_millisecond(outcome.at_millis).map(|at| at.to_string()).unwrap_or_default();
        write!(out, "{at}  {}  {}", outcome.kind, outcome.id)?;
        let label = |label: &Option<crate::domain::Label>| label.as_ref().map(ToString::to_string);
        let told = [
            ("branch", outcome.branch.clone()),
            ("feature", label(&outcome.feature)),
            ("engineer", label(&outcome.engineer)),
            ("team", label(&outcome.team)),
            ("weight", (outcome.weight != 1).then(|| outcome.weight.to_string())),
        ];
        for (word, text) in told {
            if let Some(text) = text {
                write!(out, "  {word} {text}")?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

async fn remove(args: &Remove, book: &Book) -> Result<u8, String> {
    match book.remove(&args.kind, &args.id).await {
        Ok(true) => Ok(super::OK),
        Ok(false) => {
            Err(format!("there is no `{}` with the id `{}`; `weighbridge outcomes list` has all", args.kind, args.id))
        }
        Err(error) => Err(error.to_string()),
    }
}
