//! A report from PostgreSQL, which adds up the cells itself.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};
use uuid::Uuid;

use super::super::cell::{DAY, HOUR, discarded_in_database, in_database};
use super::super::file::LedgerError;
use super::super::period::Period;
use super::gather::{Gathered, Part, Question, SUMS, Side, Tentative};
use super::plan::Plan;
use super::stages::{Staged, Stages, WORK};
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
    let all = gathered(pool, filter.period, Question::of(filter, by), unshipped, late).await?;
    Ok(Report { widened: all.widened, unshipped: all.waiting, ..all.gathered.finished() })
}

/// What was spent, put together by the stages of each work and by all of `by`, which begins with what names a work.
pub async fn by_stage(
    pool: &Pool,
    filter: &Filter,
    by: &[GroupBy],
    stages: &Stages,
    unshipped: Vec<Tentative>,
) -> Result<Vec<Staged>, LedgerError> {
    let all = gathered(pool, filter.period, Question::by_stage(filter, by, stages), unshipped, None).await?;
    Ok(all.gathered.finished_by_stage())
}

/// What was added up.
struct All<'q> {
    gathered: Gathered<'q>,
    /// Of which period, if it is another than was asked for.
    widened: Option<Period>,
    /// Entries in it that are not in the database yet.
    waiting: u64,
}

async fn gathered<'q>(
    pool: &Pool,
    period: Period,
    question: Question<'q>,
    unshipped: Vec<Tentative>,
    late: Option<Spent>,
) -> Result<All<'q>, LedgerError> {
    let mut connection = postgres::connection(pool).await?;
    // One state of the database for all questions.
    let isolation = connection.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let state = isolation.start().await?;
    // Many aggregates over few columns: compiling them takes longer than they do, and groups should fit in memory.
    state.batch_execute("SET LOCAL jit = off; SET LOCAL work_mem = '64MB'").await?;
    let kept_since = state.query_opt("SELECT value FROM ledger_meta WHERE name = 'kept_since'", &[]).await?;
    let kept_since = kept_since.map_or(Ok(0), |row| row.try_get(0))?;
    let plan = Plan::of(period, question.span() == Some(HOUR), kept_since);
    let values = question.equal().map(|(_, value)| value).collect();
    let mut gathered = question.gathered();
    let asked = Asked { state: &state, question, values };
    if let Some(stages) = asked.question.stages() {
        asked.by_stage(stages, &plan, &mut gathered).await?;
    } else {
        asked.cells("rollup_days", &plan.days, &mut gathered).await?;
        for hours in &plan.hours {
            asked.cells("rollup_hours", hours, &mut gathered).await?;
        }
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
    Ok(All { gathered, widened: plan.widened, waiting })
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
        let columns: Vec<&str> = std::iter::once(moment.as_str()).chain(groups).collect();
        let sql = format!(
            "SELECT {}, {} FROM {table} WHERE start >= $1 AND start < $2{} GROUP BY {}",
            columns.join(", "),
            sums(&self.question, ""),
            self.conditions(3, |column| column),
            places(columns.len())
        );
        let rows = self.state.query(&sql, &self.parameters([&starts.start, &starts.end])).await?;
        rows.iter().try_for_each(|row| gathered.cell(row, self.question.first_sum()))
    }

    /// Cells by the stage of their work. A day is added to the stage in which it begins. If another begins in it, the hours
    /// from then on belong there: they are found one by one, as the cell of the same name in the sums of hours.
    async fn by_stage(&self, stages: &Stages, plan: &Plan, gathered: &mut Gathered<'_>) -> Result<(), LedgerError> {
        // The planner knows nothing of how many groups there are, expects one for each cell, and would sort them all.
        self.state.batch_execute("SET LOCAL enable_sort = off").await?;
        let first_sum = self.question.first_sum();
        let columns = stages.columns();
        let days = (!plan.days.is_empty()).then_some(("rollup_days", &plan.days));
        for (table, starts) in days.into_iter().chain(plan.hours.iter().map(|hours| ("rollup_hours", hours))) {
            let rows = self.staged(&self.of_stages(table), starts, &columns).await?;
            rows.iter().try_for_each(|row| gathered.cell_of(row.try_get(0)?, row, first_sum))?;
        }
        if !plan.days.is_empty() && !columns.0.is_empty() {
            let rows = self.staged(&self.of_turns(), &plan.days, &columns).await?;
            let stages = |row: &Row| Ok::<_, LedgerError>([row.try_get(0)?, row.try_get(first_sum + SUMS)?]);
            rows.iter().try_for_each(|row| gathered.moved(row, first_sum, stages(row)?))?;
        }
        Ok(())
    }

    async fn staged(
        &self,
        sql: &str,
        starts: &Range<i64>,
        (works, sinces, moments): &(Vec<&str>, Vec<i64>, Vec<i64>),
    ) -> Result<Vec<Row>, LedgerError> {
        let fixed: [Parameter<'_>; 5] = [&starts.start, &starts.end, works, sinces, moments];
        Ok(self.state.query(sql, &self.parameters(fixed)).await?)
    }

    /// Cells by the stage in which they begin.
    fn of_stages(&self, table: &str) -> String {
        let dimensions: Vec<&str> = self.question.dimensions().collect();
        format!(
            "{STAGES} SELECT coalesce(moments[width_bucket(start, sinces)], {}), {}, {} FROM {table} \
             LEFT JOIN stages ON work = {WORK} WHERE start >= $1 AND start < $2{} GROUP BY {}",
            Stages::NONE,
            dimensions.join(", "),
            sums(&self.question, ""),
            self.conditions(6, |column| column),
            places(1 + dimensions.len())
        )
    }

    /// Hours of days in which a stage begins, from then on, with the stage that they belong to as the last column. `LIMIT`
    /// changes nothing: it keeps PostgreSQL from reading all hours instead of these.
    fn of_turns(&self) -> String {
        let named = |of: &str| {
            let dimensions = self.question.dimensions().map(|dimension| format!("{of}{dimension}"));
            dimensions.collect::<Vec<_>>().join(", ")
        };
        let days = format!(
            "SELECT start, cell, {}, sinces, moments, width_bucket(start, sinces) AS begun FROM rollup_days \
             JOIN stages ON work = {WORK} WHERE start >= $1 AND start < $2{} \
             AND sinces[width_bucket(start, sinces) + 1] < start + {DAY} OFFSET 0",
            named(""),
            self.conditions(6, |column| column)
        );
        format!(
            "{STAGES} SELECT moments[begun], {}, {}, moments[width_bucket(hour, sinces)] FROM ({days}) AS day \
             CROSS JOIN LATERAL generate_series(sinces[begun + 1], day.start + {DAY} - {HOUR}, {HOUR}) AS hour \
             CROSS JOIN LATERAL (SELECT * FROM rollup_hours WHERE start = hour AND cell = day.cell LIMIT 1) AS here \
             GROUP BY {}, {}",
            named("day."),
            sums(&self.question, "here."),
            places(self.question.first_sum()),
            self.question.first_sum() + SUMS + 1
        )
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
            rows.iter().try_for_each(|row| gathered.thrown_away(row, self.question.first_sum(), side))?;
        }
        Ok(())
    }

    fn conditions(&self, first: usize, expression: fn(&'static str) -> &'static str) -> String {
        let equal = self.question.equal().enumerate();
        equal.map(|(place, (column, _))| format!(" AND {} = ${}::text", expression(column), place + first)).collect()
    }

    fn parameters<'p, const N: usize>(&'p self, first: [Parameter<'p>; N]) -> Vec<Parameter<'p>> {
        let values = self.values.iter().map(|value| value as Parameter<'p>);
        first.into_iter().chain(values).collect()
    }
}

/// The stages of each work, as `sinces` and `moments` in the order of time.
const STAGES: &str = "WITH stages AS MATERIALIZED (\
     SELECT work, array_agg(since ORDER BY since) AS sinces, array_agg(moment ORDER BY since) AS moments \
     FROM unnest($3::text[], $4::bigint[], $5::bigint[]) AS stage (work, since, moment) GROUP BY work)";

/// What is added up of cells, whose columns are `of` this.
fn sums(question: &Question<'_>, of: &str) -> String {
    let sum = |part: Part| match part {
        Part::Count(count) => format!("sum({of}{count})::bigint"),
        Part::Amount(amount) => format!("sum({of}{amount})::text"),
        Part::Latency => format!("string_agg({of}latency, '')"),
    };
    question.sums(sum).collect::<Vec<_>>().join(", ")
}

/// The first so many columns.
fn places(count: usize) -> String {
    (1..=count).map(|place| place.to_string()).collect::<Vec<_>>().join(", ")
}
