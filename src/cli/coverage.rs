//! `weighbridge coverage`: which rules decide anything, and whose requests no rule is about.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::past::{self, Past, PastError, Quota, percent};
use super::report::table::{grouped, print_row, widths};
use crate::config::Config;
use crate::record::period::Period;
use crate::replay::coverage::{Coverage, Covering};
use crate::replay::side::Side;

/// What `coverage` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// From when: a span back from now (`7d`, `24h`), a day in UTC or a moment.
    #[arg(long, value_name = "WHEN", default_value = "7d")]
    since: String,
    /// Until when: as for --since; a day is part of it.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only so many entries, from the beginning of the period on.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Only such a share of the entries, such as `10%`, and always the same ones.
    #[arg(long, value_name = "SHARE", value_parser = past::share)]
    sample: Option<u32>,
    /// How many rules may be dead: decide nothing, neither then nor by this file.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    max_dead: u64,
    /// Which share of the requests the last rule may take.
    #[arg(long, value_name = "SHARE", value_parser = past::share)]
    max_last_rule: Option<u32>,
    /// How many apps, teams and features may match nothing but the last rule.
    #[arg(long, value_name = "COUNT")]
    max_unmatched: Option<u64>,
    /// Apps, teams and features with fewer requests are not told.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    at_least: u64,
    /// Print JSON; shares are hundredths of a percent.
    #[arg(long)]
    json: bool,
    /// The configuration, which has the rules and names the ledger.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
    /// The ledger's file, whatever the configuration names.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// What was found, and whether it is more than may be.
#[derive(Serialize)]
struct Told<'a> {
    since: Option<String>,
    until: Option<String>,
    #[serde(flatten)]
    coverage: &'a Coverage,
    dead: Vec<&'a str>,
    found: Vec<String>,
}

/// Tells what the rules cover.
pub fn run(args: &Args) -> ExitCode {
    match cover(args) {
        Ok(code) => code.into(),
        Err(PastError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => super::OK.into(),
        Err(error) => super::cannot_run(&format!("error: {error}")),
    }
}

fn cover(args: &Args) -> Result<u8, PastError> {
    let config = past::load(&args.config)?;
    let archive = past::archive_of(&config, args.ledger.as_deref())?;
    let period = Period::parse(Some(&args.since), args.until.as_deref(), Timestamp::now())?;
    let quota = Quota { limit: args.limit, sample: args.sample };
    // How much of a budget was used is known as well as it was recorded: costs are not what is asked here.
    let mut covering = Covering::new(Side::new(&config, None));
    Past { archive: &archive, period, quota }.each(&mut |recorded| covering.add(recorded))?;
    let coverage = covering.finished(args.at_least);
    if coverage.replayed == 0 {
        return Err(PastError::nothing(&archive, coverage.entries, &coverage.left_out));
    }
    let dead = dead(&config, &coverage);
    let found = findings(args, &coverage, &dead);
    let (since, until) = (past::moment(period.since_millis), past::moment(period.until_millis));
    let told = Told { since, until, coverage: &coverage, dead, found };
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.json {
        serde_json::to_writer_pretty(&mut out, &told).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        print(&told, &mut out)?;
    }
    out.flush()?;
    Ok(if told.found.is_empty() { super::OK } else { super::FOUND })
}

/// The dead rules. That nothing reaches the last one is no fault of its.
fn dead<'a>(config: &Config, coverage: &'a Coverage) -> Vec<&'a str> {
    let last = config.rules.last().name.as_str();
    coverage.rules.iter().filter(|one| one.is_dead && *one.rule != *last).map(|one| &*one.rule).collect()
}

fn findings(args: &Args, coverage: &Coverage, dead: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    if dead.len() as u64 > args.max_dead {
        found.push(format!("dead, decided nothing then and would not now: {}", dead.join(", ")));
    }
    let share = coverage.last_rule_share;
    if let Some(most) = args.max_last_rule.filter(|most| share.is_some_and(|share| share > i64::from(*most))) {
        let most = percent(Some(most.into()));
        found.push(format!("the last rule takes {} of the requests, --max-last-rule allows {most}", percent(share)));
    }
    let unmatched = coverage.unmatched.len() as u64;
    if let Some(most) = args.max_unmatched.filter(|most| unmatched > *most) {
        found.push(format!(
            "{unmatched} apps, teams and features match nothing but the last rule, --max-unmatched allows {most}"
        ));
    }
    found
}

fn print(told: &Told<'_>, out: &mut impl Write) -> io::Result<()> {
    let coverage = told.coverage;
    let count = |number: u64| grouped(number.into());
    let until = told.until.as_ref().map_or(String::new(), |until| format!(" before {until}"));
    let since = told.since.as_deref().unwrap_or("the beginning");
    writeln!(
        out,
        "Requests from {since}{until}: {} entries, {} of them replayed, {} decided by a rule.\n",
        count(coverage.entries),
        count(coverage.replayed),
        count(coverage.by_rules)
    )?;
    let mut rows = vec![["rule", "recorded", "now", "share", "taken before", ""].map(str::to_owned).to_vec()];
    for one in &coverage.rules {
        let note = match (&one.taken_by, one.is_dead, one.is_shadowed) {
            (Some(by), _, true) => format!("shadowed by {by}"),
            (_, true, _) => "dead".to_owned(),
            (Some(by), _, _) => format!("mostly by {by}"),
            (None, _, _) => String::new(),
        };
        let numbers = [count(one.recorded), count(one.replayed), percent(one.share), count(one.taken_before)];
        rows.push(std::iter::once(one.rule.to_string()).chain(numbers).chain([note]).collect());
    }
    // The note is words, and the last column: it needs no width.
    let notes: Vec<String> = rows.iter_mut().map(|row| row.pop().unwrap_or_default()).collect();
    let widths = widths(&rows);
    for (row, note) in rows.iter().zip(notes) {
        let mut line = Vec::new();
        print_row(row, &widths, 1, &mut line)?;
        writeln!(out, "{}", format!("{}  {note}", String::from_utf8_lossy(&line).trim_end()).trim_end())?;
    }
    if !coverage.unmatched.is_empty() {
        writeln!(out, "\nNothing but the last rule matches:")?;
        for one in &coverage.unmatched {
            writeln!(out, "  {} {}: {} requests", one.dimension, one.value, count(one.requests))?;
        }
    }
    if !coverage.left_out.is_empty() {
        writeln!(out, "\nNot replayed:")?;
        coverage.left_out.iter().try_for_each(|(reason, number)| writeln!(out, "  {}: {reason}", count(*number)))?;
    }
    told.found.iter().try_for_each(|finding| writeln!(out, "\nfound: {finding}"))
}
