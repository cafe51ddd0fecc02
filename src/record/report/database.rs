//! A report from PostgreSQL, which adds up the cells itself.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use deadpool_postgres::Transaction;
use tokio_postgres::IsolationLevel;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::super::cell::{DAY, HOUR, discarded_in_database, in_database};
use super::super::file::LedgerError;
use super::super::sums::{AMOUNTS, COUNTS};
use super::gather::{Gathered, Question, Side, Tentative};
use super::plan::Plan;
use super::{Filter, GroupBy, Report, Spent};
use crate::store::postgres::{self, Pool};

/// How many ids are asked for at once.
const MANY: usize = 10_000;

/// Adds up the entries that count, and those of `unshipped` that are not there yet.
pub async fn report(
    pool: &Pool,
    filter: &Filter,
    by: &[GroupBy],
    unshipped: Vec<Tentative>,
    late: Option<Spent>,
) -> Result<Report, LedgerError> {
    let mut connection = postgres::connection(pool).await?;
    // One state of the database for all questions.
    let isolation = connection.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let state = isolation.start().await?;
    // Many aggregates over few columns: compiling them takes longer than they do, and groups should fit in memory.
    state.batch_execute("SET LOCAL jit = off; SET LOCAL work_mem = '64MB'").await?;
    let kept_since = state.query_opt("SELECT value FROM ledger_meta WHERE name = 'kept_since'", &[]).await?;
    let kept_since = kept_since.map_or(Ok(0), |row| row.try_get(0))?;
    let question = Question::of(filter, by);
    let plan = Plan::of(filter.period, question.span() == Some(HOUR), kept_since);
    let values = question.equal().map(|(_, value)| value).collect();
    let asked = Asked { state: &state, question, values };
    let mut gathered = Gathered::by(by);
    asked.cells("rollup_days", &plan.days, &mut gathered).await?;
    for hours in &plan.hours {
        asked.cells("rollup_hours", hours, &mut gathered).await?;
    }
    for edge in &plan.edges {
        asked.entries(edge, &mut gathered).await?;
    }
    if let Some(spent) = late {
        asked.late(spent, &mut gathered).await?;
    }
    let mut waiting = 0;
    for some in unshipped.chunks(MANY) {
        let there = there(&state, some).await?;
        for entry in some.iter().filter(|entry| !there.contains(&entry.id)) {
            if late.is_some_and(|spent| entry.ended_micros >= spent.ended_before_micros) {
                continue;
            }
            gathered.tentative(entry)?;
            waiting += u64::from(!entry.is_part);
        }
    }
    Ok(Report { widened: plan.widened, unshipped: waiting, ..gathered.finished() })
}

/// Which of these entries are there.
async fn there(state: &Transaction<'_>, entries: &[Tentative]) -> Result<HashSet<Uuid>, LedgerError> {
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id).collect();
    let days: BTreeSet<i64> = entries.iter().map(Tentative::day).collect();
    let days: Vec<i32> = days.into_iter().map(|day| i32::try_from(day).unwrap_or(i32::MAX).min(2_932_896)).collect();
    let sql = "SELECT id FROM entries WHERE id = ANY ($1) \
               AND day = ANY (ARRAY (SELECT DATE '1970-01-01' + day FROM unnest($2::int[]) AS day))";
    let rows = state.query(sql, &[&ids, &days]).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// A condition that spares PostgreSQL the days before a moment.
fn since_day(place: u8) -> String {
    format!("day >= DATE '1970-01-01' + (${place}::bigint / {DAY})::int")
}

struct Asked<'a> {
    state: &'a Transaction<'a>,
    question: Question<'a>,
    values: Vec<&'a str>,
}

type Parameter<'p> = &'p (dyn ToSql + Sync);

impl Asked<'_> {
    async fn cells(&self, table: &str, starts: &Range<i64>, gathered: &mut Gathered<'_>) -> Result<(), LedgerError> {
        if starts.is_empty() {
            return Ok(());
        }
        let moment = match self.question.span() {
            Some(DAY) => format!("start - start % {DAY}"),
            Some(_) => "start".to_owned(),
            None => "0::bigint".to_owned(),
        };
        let groups: Vec<&str> = self.question.dimensions().collect();
        let counts = COUNTS.iter().map(|count| format!("sum({count})::bigint"));
        let amounts = AMOUNTS.iter().map(|amount| format!("sum({amount})::text"));
        let sums: Vec<String> = counts.chain(amounts).collect();
        let places: Vec<String> = (1..=1 + groups.len()).map(|place| place.to_string()).collect();
        let columns: Vec<&str> = std::iter::once(moment.as_str()).chain(groups).collect();
        let sql = format!(
            "SELECT {}, {}, string_agg(latency, '') FROM {table} WHERE start >= $1 AND start < $2{} GROUP BY {}",
            columns.join(", "),
            sums.join(", "),
            self.conditions(3, |column| column),
            places.join(", ")
        );
        let rows = self.state.query(&sql, &self.parameters([&starts.start, &starts.end])).await?;
        rows.iter().try_for_each(|row| gathered.cell(row, self.question.first_sum()))
    }

    /// Takes away what ended too late.
    async fn late(&self, spent: Spent, gathered: &mut Gathered<'_>) -> Result<(), LedgerError> {
        let sql = format!(
            "SELECT {} FROM entries WHERE at_millis >= $1 AND at_millis * 1000 + total_us >= $2 AND {}",
            self.question.of_entries(in_database),
            since_day(1)
        );
        let rows = self.state.query(&sql, &[&spent.first_late_millis().max(0), &spent.ended_before_micros]).await?;
        rows.iter().try_for_each(|row| gathered.without(row, self.question.first_sum()))
    }

    async fn entries(&self, moments: &Range<i64>, gathered: &mut Gathered<'_>) -> Result<(), LedgerError> {
        let sql = format!(
            "SELECT {} FROM entries WHERE at_millis >= $1 AND at_millis < $2 AND {} \
             AND day <= DATE '1970-01-01' + ($2::bigint / {DAY})::int{}",
            self.question.of_entries(in_database),
            since_day(1),
            self.conditions(3, in_database)
        );
        // Beyond these no calendar of PostgreSQL has a day.
        let (since, until) = (moments.start.max(0), moments.end.min(2_932_896 * DAY));
        let rows = self.state.query(&sql, &self.parameters([&since, &until])).await?;
        rows.iter().try_for_each(|row| gathered.entry(row, self.question.first_sum()))?;
        for (side, expression) in [(Side::Taken, in_database as fn(_) -> _), (Side::Own, discarded_in_database)] {
            let sql = format!(
                "SELECT {} FROM discarded d JOIN entries e ON e.day = d.entry_day AND e.id = d.entry \
                 WHERE entry_millis >= $1 AND entry_millis < $2{}",
                self.question.of_discarded(expression),
                self.conditions(3, expression)
            );
            let rows = self.state.query(&sql, &self.parameters([&since, &until])).await?;
            rows.iter().try_for_each(|row| gathered.moved(row, self.question.first_sum(), side))?;
        }
        Ok(())
    }

    fn conditions(&self, first: usize, expression: fn(&'static str) -> &'static str) -> String {
        let equal = self.question.equal().enumerate();
        equal.map(|(place, (column, _))| format!(" AND {} = ${}::text", expression(column), place + first)).collect()
    }

    fn parameters<'p>(&'p self, bounds: [Parameter<'p>; 2]) -> Vec<Parameter<'p>> {
        let values = self.values.iter().map(|value| value as Parameter<'p>);
        bounds.into_iter().chain(values).collect()
    }
}
