//! `weighbridge feedback`: what callers said of answers, listed, exported and taken out.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use crate::config::Config;
use crate::domain::RequestId;
use crate::feedback::book::FeedbackBook;
use crate::feedback::{Feedback, Rating};
use crate::record::period::Period;
use crate::store::Store;

/// What `feedback` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// List it.
    List(List),
    /// Write a line of JSON for each answer that was rated: the request's id, the rating, and who answered.
    Export(Export),
    /// Take out what was said of a request.
    Remove(Remove),
}

#[derive(clap::Args, Debug)]
struct When {
    /// Requests from when on: a span back from now (`7d`, `24h`), a day in UTC or a moment.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Until when: as for --since; a day is part of it.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// The configuration, which names the ledger.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
}

#[derive(clap::Args, Debug)]
struct List {
    #[command(flatten)]
    when: When,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args, Debug)]
struct Export {
    #[command(flatten)]
    when: When,
}

#[derive(clap::Args, Debug)]
struct Remove {
    /// The request's id.
    id: String,
    /// The configuration, which names the ledger.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    let config = match &args.command {
        Command::List(args) => &args.when.config,
        Command::Export(args) => &args.when.config,
        Command::Remove(args) => &args.config,
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
        let book = book(&config).await?;
        match &args.command {
            Command::List(args) => {
                let told = told(&args.when, &book).await?;
                printed(if args.json { super::print_json(&told) } else { print(&told) })
            }
            Command::Export(args) => printed(export(&told(&args.when, &book).await?)),
            Command::Remove(args) => remove(args, &book).await,
        }
    });
    done.map_or_else(|error| super::cannot_run(&format!("error: {error}")), ExitCode::from)
}

/// The book of feedback of this configuration; or why there is none, in words.
pub(super) async fn book(config: &Config) -> Result<FeedbackBook, String> {
    let place = config.store().map_err(|error| format!("[ledger] url: {error}"))?;
    Ok(FeedbackBook::new(Store::open(place).await.map_err(|error| error.to_string())?))
}

async fn told(when: &When, book: &FeedbackBook) -> Result<Vec<Feedback>, String> {
    let period = Period::parse(when.since.as_deref(), when.until.as_deref(), Timestamp::now());
    let Period { since_millis, until_millis } = period.map_err(|error| error.to_string())?;
    let told = book.told(since_millis.unwrap_or(i64::MIN), until_millis.unwrap_or(i64::MAX)).await;
    told.map_err(|error| error.to_string())
}

fn printed(printed: io::Result<()>) -> Result<u8, String> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(super::OK),
    }
}

fn print(told: &[Feedback]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if told.is_empty() {
        return writeln!(out, "No answer was rated. docs/experiments.md says how that is done.");
    }
    for one in told {
        let at = Timestamp::from_millisecond(one.rated.at_millis).map(|at| at.to_string()).unwrap_or_default();
        write!(out, "{at}  {}  {}", one.request_id, one.rating.as_str())?;
        let rated = &one.rated;
        let words = [
            ("rule", &rated.rule),
            ("tier", &rated.tier),
            ("endpoint", &rated.endpoint),
            ("engineer", &rated.engineer),
        ];
        for (word, text) in words {
            if let Some(text) = text {
                write!(out, "  {word} {text}")?;
            }
        }
        if let Some(reason) = &one.reason {
            write!(out, "  {reason:?}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// One rated answer, for whoever learns from it.
#[derive(Serialize)]
struct Exported<'f> {
    request_id: RequestId,
    rating: Rating,
    /// How good the answer was, from 0 to 1, as outcome data of models has it.
    score: f64,
    model: Option<&'f str>,
    tier: Option<&'f str>,
    endpoint: Option<&'f str>,
    rule: Option<&'f str>,
}

fn export(told: &[Feedback]) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for one in told {
        let line = Exported {
            request_id: one.request_id,
            rating: one.rating,
            score: if one.rating == Rating::Good { 1.0 } else { 0.0 },
            model: one.rated.model.as_deref(),
            tier: one.rated.tier.as_deref(),
            endpoint: one.rated.endpoint.as_deref(),
            rule: one.rated.rule.as_deref(),
        };
        serde_json::to_writer(&mut out, &line)?;
        writeln!(out)?;
    }
    out.flush()
}

async fn remove(args: &Remove, book: &FeedbackBook) -> Result<u8, String> {
    let id = RequestId::parse(&args.id).ok_or_else(|| format!("`{}` is no request's id", args.id))?;
    match book.forget(id).await {
        Ok(true) => Ok(super::OK),
        Ok(false) => Err(format!("nothing was said of the request `{id}`")),
        Err(error) => Err(error.to_string()),
    }
}
