//! `weighbridge backtest`: what other rules would have done with past requests.

mod limits;
mod show;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::past::{self, Past, PastError, Quota};
use crate::config::Config;
use crate::domain::RulesVersion;
use crate::record::archive::Archive;
use crate::record::period::Period;
use crate::replay::Replay;
use crate::replay::books::Books;
use crate::replay::report::Report;
use crate::replay::side::Side;
use limits::{Breach, Limits};

/// What `backtest` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The file whose rules are tried.
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,
    /// The file to compare with [default: what was decided then].
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// From when: a span back from now (`7d`, `24h`), a day in UTC or a moment.
    #[arg(long, value_name = "WHEN", default_value = "7d")]
    since: String,
    /// Until when: as for --since; a day is part of it.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only so many entries, from the beginning of the period on.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Only such a share of the entries, such as `10%`, and always the same ones. Budgets are not replayed then.
    #[arg(long, value_name = "SHARE", value_parser = past::share)]
    sample: Option<u32>,
    /// Show so many of the requests that go elsewhere, and why.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    show: usize,
    /// Print JSON; amounts are exact decimal text, shares are hundredths of a percent.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown, for a comment on a pull request.
    #[arg(long)]
    markdown: bool,
    #[command(flatten)]
    limits: Limits,
    /// The configuration, which names the ledger.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
    /// The ledger's file, whatever the configuration names.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// What was tried on what.
#[derive(Serialize)]
struct Tried<'a> {
    rules: &'a Path,
    version: &'a RulesVersion,
    against: Option<&'a Path>,
    since: Option<String>,
    until: Option<String>,
    /// The share of entries that was looked at, in hundredths of a percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<u32>,
    #[serde(flatten)]
    report: &'a Report,
    limits: &'a [Breach],
}

/// Tries the rules.
pub fn run(args: &Args) -> ExitCode {
    match backtest(args) {
        Ok(code) => code.into(),
        Err(PastError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => super::OK.into(),
        Err(error) => super::cannot_run(&format!("error: {error}")),
    }
}

fn backtest(args: &Args) -> Result<u8, PastError> {
    let new = past::load(&args.rules)?;
    let old = args.against.as_deref().map(past::load).transpose()?;
    let archive = past::archive(&args.config, args.ledger.as_deref())?;
    let period = Period::parse(Some(&args.since), args.until.as_deref(), Timestamp::now())?;
    let quota = Quota { limit: args.limit, sample: args.sample };
    let side = |config| side(&archive, config, period, quota);
    let mut replay = Replay::new(side(&new)?, old.as_ref().map(side).transpose()?, args.show);
    let past = Past { archive: &archive, period, quota };
    past.each(&mut |recorded| replay.add(recorded))?;
    let report = replay.finished();
    if report.replayed == 0 {
        return Err(PastError::nothing(&archive, report.entries, &report.left_out));
    }
    let breaches = args.limits.breaches(&report);
    let tried = Tried {
        rules: &args.rules,
        version: &new.version,
        against: args.against.as_deref(),
        since: past::moment(period.since_millis),
        until: past::moment(period.until_millis),
        sample: args.sample,
        report: &report,
        limits: &breaches,
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.json {
        serde_json::to_writer_pretty(&mut out, &tried).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        show::print(&tried, args.markdown, &mut out)?;
    }
    out.flush()?;
    Ok(if breaches.iter().any(|breach| breach.is_over) { super::FOUND } else { super::OK })
}

/// One file with its budgets, and what was spent of them before the period began.
fn side<'c>(archive: &Archive, config: &'c Config, period: Period, quota: Quota) -> Result<Side<'c>, PastError> {
    if quota.sample.is_some() {
        return Ok(Side::new(config, None));
    }
    let mut books = Books::new(&config.budgets);
    if let Some(since) = period.since_millis.and_then(|since| u64::try_from(since).ok()) {
        for (place, budget) in config.budgets.iter().enumerate() {
            for (holder, spent) in past::spent_before(archive, budget, since)? {
                books.restore(place, since, &holder, spent);
            }
        }
    }
    Ok(Side::new(config, Some(books)))
}
