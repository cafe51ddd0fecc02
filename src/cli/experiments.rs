//! `weighbridge experiments`: which run, what they have cost, and why the others do not; and their end by hand.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use crate::app::experiments::{arms, extra_of};
use crate::config::Config;
use crate::domain::{Over, Pico};
use crate::experiments::Ended;
use crate::experiments::book::ExperimentBook;
use crate::experiments::tally::Sums;
use crate::route::{Experiment, Halted};
use crate::store::Store;

/// What `experiments` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The configuration, which names the ledger.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// List them; the same as without a word.
    List,
    /// End one now: its control counts from then on, on all replicas.
    Stop {
        /// Its name.
        name: String,
        /// Why; told wherever the experiment is shown.
        #[arg(long)]
        why: String,
    },
}

/// An experiment as it stands.
#[derive(Serialize)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// The rule that it is of.
    pub rule: String,
    /// `running`, or why it does not.
    pub state: &'static str,
    /// Why it ended early, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// From when arms are drawn.
    pub from: String,
    /// Until when.
    pub until: String,
    /// The arm that others are compared with.
    pub control: String,
    /// What it has cost beyond its control.
    pub extra_usd: Pico,
    /// What it may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_extra_usd: Option<Pico>,
    /// Each arm.
    pub arms: Vec<ArmStanding>,
}

/// An arm as it stands.
#[derive(Serialize)]
pub struct ArmStanding {
    /// Its name.
    pub arm: String,
    /// Where its requests go.
    pub to: String,
    /// What it adds up to.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    let config = match super::check::load(&args.config) {
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
            Some(Command::Stop { name, why }) => stop(&config, &book, name, why).await,
            Some(Command::List) | None => list(args, &config, &book).await,
        }
    });
    done.map_or_else(|error| super::cannot_run(&format!("error: {error}")), ExitCode::from)
}

/// The book of experiments of this configuration; or why there is none, in words.
pub(super) async fn book(config: &Config) -> Result<ExperimentBook, String> {
    let place = config.store().map_err(|error| format!("[ledger] url: {error}"))?;
    Ok(ExperimentBook::new(Store::open(place).await.map_err(|error| error.to_string())?))
}

/// How every experiment of this configuration stands.
///
/// # Errors
/// If the store cannot be asked, in words.
pub async fn standings(config: &Config, book: &ExperimentBook, now_millis: u64) -> Result<Vec<Standing>, String> {
    let ends = book.ends().await.map_err(|error| error.to_string())?;
    let sums = book.sums().await.map_err(|error| error.to_string())?;
    let standing = |(rule, experiment): (&crate::route::Rule, &Experiment)| {
        let (name, from) = experiment.run();
        let end: Option<&Ended> = ends.get(&(name.to_string(), i64::try_from(from).unwrap_or(i64::MAX)));
        let over = experiment.over(now_millis, &Halted::Nothing).or(end.map(|end| end.over));
        let of = |arm: &str| {
            arms(experiment, &sums).find(|(name, _)| *name == arm).map_or(Sums::default(), |(_, sums)| *sums)
        };
        let arm = |arm: &crate::route::Arm| ArmStanding {
            arm: arm.name.to_string(),
            to: arm.destination.name().to_owned(),
            sums: of(arm.name.as_str()),
        };
        Standing {
            name: name.to_string(),
            rule: rule.name.to_string(),
            state: over.map_or("running", Over::as_str),
            detail: end.map(|end| end.detail.clone()),
            ended: end.map(|end| moment(end.at_millis)),
            from: moment(i64::try_from(experiment.from_millis).unwrap_or(i64::MAX)),
            until: moment(i64::try_from(experiment.until_millis).unwrap_or(i64::MAX)),
            control: experiment.control().name.to_string(),
            extra_usd: extra_of(experiment, &sums),
            max_extra_usd: experiment.max_extra,
            arms: experiment.arms().iter().map(arm).collect(),
        }
    };
    Ok(config.rules.experiments().map(standing).collect())
}

async fn list(args: &Args, config: &Config, book: &ExperimentBook) -> Result<u8, String> {
    let standings = standings(config, book, super::now_millis()).await?;
    let printed = if args.json { super::print_json(&standings) } else { print(&standings) };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(super::OK),
    }
}

fn print(standings: &[Standing]) -> io::Result<()> {
    use io::Write as _;
    let mut out = io::stdout().lock();
    if standings.is_empty() {
        return writeln!(out, "No rule has an experiment. docs/experiments.md says how to begin one.");
    }
    for one in standings {
        writeln!(out, "{}  {}  (rule {}, from {}, until {})", one.name, one.state, one.rule, one.from, one.until)?;
        if let (Some(detail), Some(ended)) = (&one.detail, &one.ended) {
            writeln!(out, "  ended {ended}: {detail}")?;
        }
        let most = one.max_extra_usd.map_or(String::new(), |most| format!(" of {most} USD that it may"));
        writeln!(out, "  has cost {} USD beyond {}{most}", one.extra_usd, one.control)?;
        for ArmStanding { arm, to, sums } in &one.arms {
            writeln!(
                out,
                "  {arm} -> {to}: {} requests, {} USD, {} failures, {} escalations",
                sums.requests, sums.cost, sums.failures, sums.escalations
            )?;
        }
    }
    Ok(())
}

async fn stop(config: &Config, book: &ExperimentBook, name: &str, why: &str) -> Result<u8, String> {
    let mut all = config.rules.experiments().map(|(_, experiment)| experiment);
    let Some(experiment) = all.find(|experiment| experiment.name().as_str() == name) else {
        return Err(format!("no rule has an experiment `{name}`; `weighbridge experiments` lists them"));
    };
    let at_millis = Timestamp::now().as_millisecond();
    let ended = Ended { over: Over::Stopped, detail: why.to_owned(), at_millis };
    let is_new = book.end(&experiment.run(), &ended).await.map_err(|error| error.to_string())?;
    let told = if is_new { "ended: its control counts within a second" } else { "it had ended before" };
    super::print_json(&serde_json::json!({"experiment": name, "result": told})).map_err(|error| error.to_string())?;
    Ok(if is_new { super::OK } else { super::FOUND })
}

fn moment(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map(|at| at.to_string()).unwrap_or_default()
}
