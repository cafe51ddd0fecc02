//! `weighbridge budgets`: what of each budget is used, and what its window will have cost when it ends.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;

use super::store::print_columns;
use crate::app::budgets::{Sums, restore};
use crate::budget::forecast::{Forecast, LOOK_BACK_MILLIS, forecast};
use crate::budget::{Budget, Budgets, Status};
use crate::config::Config;
use crate::domain::Pico;
use crate::record::LedgerError;
use crate::record::query::Reader;

/// What `budgets` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print JSON; amounts are exact decimal text.
    #[arg(long)]
    json: bool,
    /// The configuration, which has the budgets and names the ledger.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
}

/// One account, as it stands in the ledger.
#[derive(Serialize)]
struct Line {
    budget: String,
    scope: &'static str,
    holder: String,
    window: &'static str,
    limit_usd: Pico,
    settled_usd: Pico,
    used_percent: f64,
    forecast: Option<Forecast>,
    resets_at: Option<String>,
}

/// Prints each account. One that is used up is something that needs attention.
pub fn run(args: &Args) -> ExitCode {
    let config = match super::check::load(&args.config) {
        Ok(config) => config,
        Err(problems) => return super::cannot_run(&problems),
    };
    let lines = match lines(&config) {
        Ok(lines) => lines,
        Err(error) => return super::cannot_run(&format!("error: {error}")),
    };
    let printed = if args.json { super::print_json(&serde_json::json!({ "budgets": lines })) } else { print(&lines) };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => super::FAILED.into(),
        _ if lines.iter().any(|line| line.used_percent >= 100.0) => super::FOUND.into(),
        _ => super::OK.into(),
    }
}

/// Every account by what the ledger says: what requests under way hold only the running proxy knows.
fn lines(config: &Config) -> Result<Vec<Line>, LedgerError> {
    let budgets = Budgets::default();
    let all: Vec<&Budget> = config.budgets.iter().collect();
    restore(&budgets, config, &all, None, SystemTime::now(), &mut Sums::default().alone())?;
    let now = super::now_millis();
    let reader = Reader::open(&config.ledger.path)?;
    let mut lines = Vec::new();
    for budget in config.budgets.iter() {
        let past = past(&reader, budget, now)?;
        for account in budgets.status(std::slice::from_ref(budget), now) {
            let of_holder = past.get(&*account.holder).map_or(&[][..], Vec::as_slice);
            let foretold = forecast(of_holder, account.balance.settled, account.stretch, now);
            lines.push(line(budget, &account, foretold));
        }
    }
    Ok(lines)
}

/// What each holder spent by and by.
fn past(reader: &Reader, budget: &Budget, now: u64) -> Result<BTreeMap<String, Vec<(u64, Pico)>>, LedgerError> {
    let since = now.saturating_sub(LOOK_BACK_MILLIS);
    let mut past: BTreeMap<String, Vec<(u64, Pico)>> = BTreeMap::new();
    for (holder, hour, spent) in reader.spent_by_hour(since, budget.scope.dimension)? {
        past.entry(holder.unwrap_or_default()).or_default().push((hour, spent));
    }
    Ok(past)
}

fn line(budget: &Budget, account: &Status, forecast: Option<Forecast>) -> Line {
    let moment = |millis: u64| {
        let at = Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()?;
        Some(at.to_zoned(budget.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
    };
    Line {
        budget: account.budget.to_string(),
        scope: account.scope.dimension.as_str(),
        holder: account.holder.to_string(),
        window: budget.window.as_str(),
        limit_usd: account.limit,
        settled_usd: account.balance.settled,
        used_percent: f64::from(account.used()) / 100.0,
        forecast,
        resets_at: account.stretch.until_millis.and_then(moment),
    }
}

fn print(lines: &[Line]) -> io::Result<()> {
    let heads = ["budget", "holder", "window", "limit", "settled", "used", "at its end (8 of 10)", "resets"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    let whole = |amount: Pico| format!("{:.2}", amount.usd());
    for line in lines {
        let holder = if line.holder.is_empty() { "everybody" } else { &line.holder };
        let foretold = line.forecast.map_or_else(
            || "not known yet".to_owned(),
            |foretold| format!("{} ({} to {})", whole(foretold.expected), whole(foretold.low), whole(foretold.high)),
        );
        rows.push(vec![
            line.budget.clone(),
            holder.to_owned(),
            line.window.to_owned(),
            whole(line.limit_usd),
            whole(line.settled_usd),
            format!("{:.1}%", line.used_percent),
            foretold,
            line.resets_at.clone().unwrap_or_else(|| "never".to_owned()),
        ]);
    }
    print_columns(&rows)
}
