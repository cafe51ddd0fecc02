//! `weighbridge report --per outcome`: what each thing that shipped has cost.

use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::{Args, ReportError, moment};
use crate::app::spend::{Detail, spend, stages};
use crate::config::{Config, STORE};
use crate::domain::Label;
use crate::record::archive::Archive;
use crate::record::period::Period;
use crate::record::report::GroupBy;
use crate::store::postgres::AddressError;
use crate::store::{Place, Store, StoreError};
use crate::value::book::Book;
use crate::value::cost::{Costs, Known, Line, Per, Question, costs};
use crate::value::mapping::Mapping;
use crate::value::outcome::Outcome;

mod csv;
mod table;
#[cfg(test)]
mod tests;

/// The word that means outcomes of every kind.
const EVERY_KIND: &str = "outcome";

/// How long before the period spend may be that is joined to what shipped in it.
const LOOK_BACK_MILLIS: i64 = 90 * 24 * 3_600_000;

/// Why there is no such report.
#[derive(Debug, thiserror::Error)]
pub enum PerOutcomeError {
    /// Outcomes do not have that.
    #[error(
        "outcomes cannot be put together by `{0}`: --per goes with one of --by feature, engineer, team, branch, pr"
    )]
    By(&'static str),
    /// They are put together by one thing.
    #[error("outcomes are put together by one thing: give --by once")]
    Several,
    /// That is no kind.
    #[error("`{0}` is no kind of outcome: `outcome` means all, `merged-pr` one kind")]
    Kind(String),
    /// There is no such database.
    #[error("[ledger] url: {0}")]
    Address(#[from] AddressError),
    /// The outcomes cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where outcomes are, and what is known of their branches and authors.
pub(super) struct Shelf {
    place: Place,
    mapping: Mapping,
}

impl Shelf {
    /// Those of the configuration; of a ledger that was named instead, those beside it.
    ///
    /// # Errors
    /// If the address of the configuration's database is none.
    pub(super) fn of(config: Option<&Config>, ledger: Option<&Path>) -> Result<Self, PerOutcomeError> {
        let beside = |ledger: &Path| Place::File(ledger.with_file_name(STORE));
        let place = match (ledger, config) {
            (None, Some(config)) => config.store()?,
            (ledger, _) => beside(ledger.unwrap_or(Path::new(STORE))),
        };
        Ok(Self { place, mapping: config.map(|config| config.outcomes.mapping.clone()).unwrap_or_default() })
    }

    /// The outcomes that are known, of those that shipped at `since` or later.
    async fn shipped(&self, since: i64) -> Result<Vec<Outcome>, StoreError> {
        // A ledger of which no outcomes are known is looked at without leaving a file beside it.
        if matches!(&self.place, Place::File(path) if !path.exists()) {
            return Ok(Vec::new());
        }
        let outcomes = Book::new(Store::open(self.place.clone()).await?).shipped(since, i64::MAX).await?;
        Ok(outcomes.into_iter().map(|outcome| self.mapping.resolved(outcome)).collect())
    }
}

/// Prints the report.
pub(super) fn print(
    args: &Args,
    kind: &str,
    ledger: &Archive,
    shelf: &Shelf,
    now: Timestamp,
    mut out: impl Write,
) -> Result<(), ReportError> {
    let by = by(&args.by)?;
    let filter = args.filter(now)?;
    let asked = Asked::new(filter.period, by, args.min_outcomes, &filter.equal, now);
    let of_kind = kind_of(kind)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut outcomes = runtime.block_on(shelf.shipped(asked.first_millis())).map_err(PerOutcomeError::Store)?;
    outcomes.retain(|outcome| of_kind.as_ref().is_none_or(|kind| outcome.kind == *kind));
    let stages = stages(&outcomes);
    let rows = |period: Option<Range<Option<i64>>>, detail| {
        let Some(Range { start, end }) = period else { return Ok(Vec::new()) };
        let period = Period { since_millis: start, until_millis: end };
        runtime.block_on(spend(ledger, period, asked.equal.clone(), &stages, detail))
    };
    let (earlier, before) = (asked.earlier(), asked.before());
    let is_same = earlier == before;
    let (earlier, before) = (rows(earlier, Detail::Whose)?, rows(before.filter(|_| !is_same), Detail::Whose)?);
    let known = Known {
        spend: &rows(Some(filter.period.since_millis..filter.period.until_millis), Detail::Drivers)?,
        earlier: &earlier,
        before: if is_same { &earlier } else { &before },
        outcomes: &outcomes,
        mapping: &shelf.mapping,
    };
    let costs = costs(&asked.question, &known);
    if args.json {
        print_json(&costs, by, kind, filter.period, &mut out)?;
    } else if args.csv {
        csv::print(&costs, by, &mut out)?;
    } else {
        table::print(&costs, by, &asked.question, &filter, &mut out)?;
    }
    Ok(out.flush()?)
}

/// What is asked of spend and outcomes.
struct Asked {
    question: Question,
    /// The beginning of the period, if it has one.
    since_millis: Option<i64>,
    /// What entries must have that outcomes know nothing of.
    equal: Vec<(GroupBy, String)>,
}

impl Asked {
    fn new(period: Period, by: GroupBy, min_outcomes: u32, equal: &[(GroupBy, String)], now: Timestamp) -> Self {
        let until = period.until_millis.unwrap_or(i64::MAX);
        let before = period.since_millis.map(|since| {
            let length = period.until_millis.unwrap_or(now.as_millisecond()).saturating_sub(since).max(0);
            since.saturating_sub(length)..since
        });
        let (only, equal) = equal.iter().cloned().partition::<Vec<_>, _>(|(by, _)| per(*by).is_some());
        let question = Question {
            // `by` was checked.
            per: per(by).unwrap_or(Per::Feature),
            period: period.since_millis.unwrap_or(i64::MIN)..until,
            before,
            min_outcomes: min_outcomes.into(),
            only: only.into_iter().filter_map(|(by, value)| Some((per(by)?, value))).collect(),
        };
        Self { question, since_millis: period.since_millis, equal }
    }

    /// Spend from before the period that may be joined to what shipped in it.
    fn earlier(&self) -> Option<Range<Option<i64>>> {
        let since = self.since_millis?;
        Some(Some(since.saturating_sub(LOOK_BACK_MILLIS))..Some(since))
    }

    /// The time of equal length before the period.
    fn before(&self) -> Option<Range<Option<i64>>> {
        self.question.before.as_ref().map(|before| Some(before.start)..Some(before.end))
    }

    /// The earliest outcome that matters: what was spent before the period may belong to one from before it.
    fn first_millis(&self) -> i64 {
        let Some(since) = self.since_millis else { return i64::MIN };
        let before = self.question.before.as_ref().map_or(since, |before| before.start);
        before.min(since.saturating_sub(LOOK_BACK_MILLIS))
    }
}

fn by(given: &[GroupBy]) -> Result<GroupBy, PerOutcomeError> {
    match given {
        [] => Ok(GroupBy::Feature),
        [by] if per(*by).is_some() => Ok(*by),
        [by] => Err(PerOutcomeError::By(by.as_str())),
        _ => Err(PerOutcomeError::Several),
    }
}

fn per(by: GroupBy) -> Option<Per> {
    match by {
        GroupBy::Feature => Some(Per::Feature),
        GroupBy::Engineer => Some(Per::Engineer),
        GroupBy::Team => Some(Per::Team),
        GroupBy::Branch => Some(Per::Branch),
        GroupBy::Pr => Some(Per::PullRequest),
        _ => None,
    }
}

fn kind_of(word: &str) -> Result<Option<Label>, PerOutcomeError> {
    if word == EVERY_KIND {
        return Ok(None);
    }
    Label::parse(word).map(Some).ok_or_else(|| PerOutcomeError::Kind(word.to_owned()))
}

/// The report as JSON.
#[derive(Serialize)]
struct JsonCosts<'c> {
    since: Option<String>,
    until: Option<String>,
    by: &'static str,
    per: &'c str,
    lines: Vec<JsonLine<'c>>,
    total: &'c Line,
}

/// A line as JSON: its key by its name, `null` where entries and outcomes say nothing of it.
#[derive(Serialize)]
struct JsonLine<'c> {
    keys: serde_json::Map<String, serde_json::Value>,
    #[serde(flatten)]
    line: &'c Line,
}

fn print_json(costs: &Costs, by: GroupBy, kind: &str, period: Period, mut out: impl Write) -> io::Result<()> {
    let line = |line| JsonLine { keys: [(by.as_str().to_owned(), key(line))].into_iter().collect(), line };
    let json = JsonCosts {
        since: period.since_millis.and_then(moment),
        until: period.until_millis.and_then(moment),
        by: by.as_str(),
        per: kind,
        lines: costs.lines.iter().map(line).collect(),
        total: &costs.total,
    };
    serde_json::to_writer_pretty(&mut out, &json)?;
    writeln!(out)
}

fn key(line: &Line) -> serde_json::Value {
    line.key.clone().into()
}
