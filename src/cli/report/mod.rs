//! `weighbridge report`: spend, savings and counts out of the ledger.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use serde::Serialize;

use crate::record::LedgerError;
use crate::record::archive::Archive;
use crate::record::period::{NoMoment, Period};
use crate::record::report::{Filter, GroupBy, Report, Totals};

mod csv;
mod per_outcome;
pub(super) mod table;

/// What `report` is called with.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// What entries are put together by; may be given several times [default: tier, with --per: feature].
    #[arg(long, value_name = "WHAT", value_parser = group_by())]
    pub by: Vec<GroupBy>,
    /// What an outcome costs: `outcome` for all of them, or those of one kind, such as `merged-pr`. With --by feature,
    /// engineer, team, branch or pr.
    #[arg(long, value_name = "KIND")]
    pub per: Option<String>,
    /// With --per: outcomes that there must be, in the period and in the one before, for a trend.
    #[arg(long, value_name = "COUNT", default_value_t = 3, requires = "per")]
    pub min_outcomes: u32,
    /// From when: a span back from now (`7d`, `24h`), a day in UTC or a moment.
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Until when: as for --since; a day is part of the report.
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// Only this person's requests.
    #[arg(long)]
    pub engineer: Option<String>,
    /// Only this team's requests.
    #[arg(long)]
    pub team: Option<String>,
    /// Only requests for this feature.
    #[arg(long)]
    pub feature: Option<String>,
    /// Only requests that this tool sent.
    #[arg(long)]
    pub app: Option<String>,
    /// Only requests that this tier answered.
    #[arg(long)]
    pub tier: Option<String>,
    /// Only requests that this model answered.
    #[arg(long)]
    pub model: Option<String>,
    /// Only requests that this rule decided.
    #[arg(long)]
    pub rule: Option<String>,
    /// Only requests with this key, by its name.
    #[arg(long)]
    pub key: Option<String>,
    /// Only requests that this endpoint answered.
    #[arg(long)]
    pub endpoint: Option<String>,
    /// Only requests for this branch.
    #[arg(long)]
    pub branch: Option<String>,
    /// Only requests for this pull request.
    #[arg(long)]
    pub pr: Option<String>,
    /// Print JSON; amounts are exact decimal text.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print CSV; amounts are exact.
    #[arg(long)]
    pub csv: bool,
    /// The configuration, which names the ledger.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    pub config: PathBuf,
    /// The ledger's file, whatever the configuration names.
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

fn group_by() -> impl TypedValueParser<Value = GroupBy> {
    let words = GroupBy::ALL.iter().map(|by| by.as_str());
    PossibleValuesParser::new(words).try_map(|word| GroupBy::parse(&word).ok_or("no such word"))
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error(transparent)]
    Time(#[from] NoMoment),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Outcomes(#[from] per_outcome::PerOutcomeError),
    #[error("the report cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Prints the report of the ledger that is named, or that the configuration names.
pub fn run(args: &Args) -> ExitCode {
    // What branches and authors are mapped to stands in the configuration; with --ledger it need not be there.
    let config = match (super::check::load(&args.config), &args.ledger) {
        (Ok(config), _) => Some(config),
        (Err(_), Some(_)) => None,
        (Err(problems), None) => return super::cannot_run(&problems),
    };
    let archive = match (&args.ledger, &config) {
        (Some(ledger), _) => Ok(Archive::in_file(ledger)),
        (None, Some(config)) => Archive::of(&config.ledger),
        (None, None) => Ok(Archive::in_file("")),
    };
    let out = BufWriter::new(io::stdout().lock());
    let printed = archive.map_err(ReportError::from).and_then(|archive| match &args.per {
        Some(kind) => {
            let shelf = per_outcome::Shelf::of(config.as_ref(), args.ledger.as_deref())?;
            per_outcome::print(args, kind, &archive, &shelf, Timestamp::now(), out)
        }
        None => print(args, &archive, Timestamp::now(), out),
    });
    match printed {
        Ok(()) => super::OK.into(),
        // Whoever reads, `head` for one, has read enough.
        Err(ReportError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => super::OK.into(),
        Err(error) => {
            // Nothing more can be said when standard error is gone as well.
            let _ = writeln!(io::stderr(), "error: {error}");
            super::FAILED.into()
        }
    }
}

fn print(args: &Args, ledger: &Archive, now: Timestamp, mut out: impl Write) -> Result<(), ReportError> {
    let filter = args.filter(now)?;
    let by = if args.by.is_empty() { &[GroupBy::Tier] } else { args.by.as_slice() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(ledger.report(&filter, by))?;
    if args.json {
        print_json(&report, by, filter.period, &mut out)?;
    } else if args.csv {
        csv::print(&report, by, &mut out)?;
    } else {
        table::print(&report, by, &filter, &ledger.place(), &mut out)?;
    }
    Ok(out.flush()?)
}

impl Args {
    fn filter(&self, now: Timestamp) -> Result<Filter, NoMoment> {
        let period = Period::parse(self.since.as_deref(), self.until.as_deref(), now)?;
        let equal = [
            (GroupBy::Engineer, &self.engineer),
            (GroupBy::Team, &self.team),
            (GroupBy::Feature, &self.feature),
            (GroupBy::App, &self.app),
            (GroupBy::Tier, &self.tier),
            (GroupBy::Model, &self.model),
            (GroupBy::Rule, &self.rule),
            (GroupBy::Key, &self.key),
            (GroupBy::Endpoint, &self.endpoint),
            (GroupBy::Branch, &self.branch),
            (GroupBy::Pr, &self.pr),
        ];
        let equal = equal.into_iter().filter_map(|(by, value)| Some((by, value.clone()?))).collect();
        Ok(Filter { period, equal })
    }
}

/// A report as JSON.
#[derive(Serialize)]
struct JsonReport<'r> {
    since: Option<String>,
    until: Option<String>,
    /// From when was counted, where that is not `since`: of deleted entries only whole hours are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    counted_since: Option<String>,
    /// Requests that wait here to be shipped.
    #[serde(skip_serializing_if = "is_none")]
    unshipped: u64,
    by: &'r [GroupBy],
    lines: Vec<JsonLine<'r>>,
    total: &'r Totals,
}

/// A line as JSON: `keys` by their names, `null` where the entries say nothing of it.
#[derive(Serialize)]
struct JsonLine<'r> {
    keys: serde_json::Map<String, serde_json::Value>,
    #[serde(flatten)]
    totals: &'r Totals,
}

fn print_json(report: &Report, by: &[GroupBy], period: Period, mut out: impl Write) -> io::Result<()> {
    let named = |keys: &[Option<String>]| {
        by.iter().zip(keys).map(|(by, key)| (by.as_str().to_owned(), key.clone().into())).collect()
    };
    let lines = report.lines.iter().map(|line| JsonLine { keys: named(&line.keys), totals: &line.totals });
    let json = JsonReport {
        since: period.since_millis.and_then(moment),
        until: period.until_millis.and_then(moment),
        counted_since: report.widened.and_then(|wide| wide.since_millis).and_then(moment),
        unshipped: report.unshipped,
        by,
        lines: lines.collect(),
        total: &report.total,
    };
    serde_json::to_writer_pretty(&mut out, &json)?;
    writeln!(out)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

fn moment(millis: i64) -> Option<String> {
    Some(Timestamp::from_millisecond(millis).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::domain::Label;
    use crate::record::entry::Entry;
    use crate::record::{Ledger, Settings, sample};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn ledger_of(entries: Vec<Entry>) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let ledger = Ledger::open(&Settings::at(&path)).unwrap();
        entries.into_iter().for_each(|entry| drop(ledger.append(entry)));
        ledger.close(Duration::from_secs(10)).unwrap();
        (folder, path)
    }

    fn some() -> Vec<Entry> {
        let hostile = Entry { feature: Label::parse("=cmd|'/C'!A0,x"), ..sample::full(2) };
        let unpriced = Entry { feature: None, cost: None, ..sample::full(3) };
        vec![sample::full(1), hostile, unpriced, sample::refused(4), sample::full(5)]
    }

    /// What `weighbridge report` prints with these arguments.
    fn said(entries: Vec<Entry>, arguments: &str) -> Result<String, ReportError> {
        let (_folder, path) = ledger_of(entries);
        let args = Line::parse_from(["report"].into_iter().chain(arguments.split_whitespace())).args;
        let mut out = Vec::new();
        print(&args, &Archive::in_file(&path), "2026-11-22T12:00:00Z".parse().unwrap(), &mut out)?;
        Ok(String::from_utf8(out).unwrap().replace(&path.display().to_string(), "ledger.db"))
    }

    #[test]
    fn a_table_is_aligned_and_says_what_is_missing_from_it() {
        insta::assert_snapshot!(said(some(), "--by feature --since 7d --team payments").unwrap());
    }

    #[test]
    fn csv_is_exact_and_harmless() {
        insta::assert_snapshot!(said(some(), "--by feature --by day --csv").unwrap());
    }

    #[test]
    fn json_is_exact_and_names_what_is_not_known_null() {
        insta::assert_snapshot!(said(some(), "--by team --since 2026-11-22 --until 2026-11-22 --json").unwrap());
    }

    #[test]
    fn nothing_to_report_is_said() {
        assert_eq!(said(vec![], "").unwrap(), "The ledger `ledger.db` has no entries yet.\n");
        let asked = said(some(), "--team nobody").unwrap();
        assert!(asked.ends_with("No entry of the ledger `ledger.db` is what you asked for.\n"), "{asked}");
    }

    #[test]
    fn what_cannot_be_asked_is_told() {
        assert!(matches!(said(some(), "--since yesterday"), Err(ReportError::Time(_))));
        assert!(Line::try_parse_from(["report", "--by", "mood"]).is_err());
        assert!(Line::try_parse_from(["report", "--json", "--csv"]).is_err());
        let nowhere =
            print(&Line::parse_from(["report"]).args, &Archive::in_file("no/such/file"), Timestamp::now(), Vec::new());
        assert!(matches!(nowhere, Err(ReportError::Ledger(LedgerError::Missing(_)))));
    }
}
