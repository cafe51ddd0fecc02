//! `weighbridge reprice`: what past requests cost by today's prices, kept beside what was recorded first.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::pricing::{self, Changes, Pages};
use crate::config::Config;
use crate::record::LedgerError;
use crate::record::period::{NoMoment, Period};
use crate::record::restate::Restated;

/// What `reprice` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// From when: a span back from now (`7d`, `24h`), a day in UTC or a moment.
    #[arg(long, value_name = "WHEN")]
    since: String,
    /// Until when: as for --since; a day is part of it.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only what this model answered.
    #[arg(long)]
    model: Option<String>,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking.
    #[arg(long)]
    yes: bool,
    /// Print JSON; amounts are exact decimal text.
    #[arg(long)]
    json: bool,
    /// The configuration, which has the prices and names the ledger.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
    /// The ledger's file, whatever the configuration names.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// For how long nothing is written between two transactions, so that a proxy's own entries do not wait behind a queue
/// of them.
const BREATH: Duration = Duration::from_millis(5);

/// How many entries are restated between two words about how far it is.
const A_WORD: u64 = 20_000;

#[derive(Debug, thiserror::Error)]
enum RepriceError {
    #[error(transparent)]
    Time(#[from] NoMoment),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("nothing can be printed: {0}")]
    Output(#[from] io::Error),
    #[error("nobody is here to be asked: say --yes to restate {0} entries, or --dry-run to look only")]
    Unasked(u64),
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    changes: &'a Changes,
    price_version: &'a str,
    restated: Option<u64>,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    let config = match super::check::load(&args.config) {
        Ok(config) => config,
        Err(problems) => return super::cannot_run(&problems),
    };
    match reprice(args, &config) {
        Ok(code) => code.into(),
        Err(error) => super::cannot_run(&format!("error: {error}")),
    }
}

fn reprice(args: &Args, config: &Config) -> Result<u8, RepriceError> {
    let ledger = Pages::open(config, args.ledger.as_deref())?;
    let period = Period::parse(Some(&args.since), args.until.as_deref(), Timestamp::now())?;
    let model = args.model.as_deref();
    let mut changes = Changes::default();
    ledger.each(period, model, |page| {
        for used in page {
            changes.add(used, used.cost, pricing::cost(config, used));
        }
        Ok::<(), RepriceError>(())
    })?;
    let mut out = io::stdout().lock();
    let version = &*config.price_version;
    if !args.json {
        write!(out, "{}", pricing::aligned(&changes.rows()))?;
        writeln!(out, "by the prices {version}")?;
    }
    let changed = changes.total.changed;
    let mut restated = None;
    let mut code = super::OK;
    if args.dry_run {
        code = if changed > 0 { super::FOUND } else { super::OK };
    } else if changed > 0 {
        let question = format!("Restate {changed} entries?");
        match args.yes.then_some(true).or_else(|| pricing::confirmed(&question)) {
            Some(true) => restated = Some(restate(config, &ledger, period, model)?),
            Some(false) => code = super::FOUND,
            None => return Err(RepriceError::Unasked(changed)),
        }
    }
    if args.json {
        let told = Told { changes: &changes, price_version: version, restated };
        serde_json::to_writer_pretty(&mut out, &told).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        match restated {
            Some(count) => writeln!(
                out,
                "{count} entries restated; what was recorded first stays in `first_cost_pico`. Budgets of a running proxy \
                 count what they counted until it starts again."
            )?,
            None if changed == 0 => writeln!(out, "Every entry costs what it says.")?,
            None => writeln!(out, "Nothing was changed.")?,
        }
    }
    Ok(code)
}

fn restate(config: &Config, ledger: &Pages, period: Period, model: Option<&str>) -> Result<u64, RepriceError> {
    let (mut done, mut told) = (0, 0);
    ledger.each(period, model, |page| {
        let other = page.iter().filter_map(|used| {
            let cost = pricing::cost(config, used).filter(|cost| Some(*cost) != used.cost)?;
            Some(Restated {
                id: used.id,
                place: used.place,
                cost: Some(cost),
                price_version: config.price_version.to_string(),
            })
        });
        let other: Vec<Restated> = other.collect();
        for few in other.chunks(200) {
            done += ledger.restate(few.to_vec())?;
            thread::sleep(BREATH);
        }
        if done >= told + A_WORD {
            told = done;
            // Nothing more can be said when standard error is gone as well.
            let _ = writeln!(io::stderr(), "{done} entries restated");
        }
        Ok::<(), RepriceError>(())
    })?;
    Ok(done)
}
