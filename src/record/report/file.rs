//! A report from the SQLite file.

use std::ops::Range;

use rusqlite::types::Value;
use rusqlite::{Connection, Params, params_from_iter};
use uuid::Uuid;

use super::super::cell::{DAY, HOUR, discarded_in_file, in_file};
use super::super::file::LedgerError;
use super::super::meta;
use super::super::period::Period;
use super::super::query::Reader;
use super::gather::{Gathered, Question, SUMS, Side, Tentative};
use super::plan::Plan;
use super::stages::{Staged, Stages};
use super::{Filter, GroupBy, Report, Spent};

impl Reader {
    /// Adds up the entries that count, by all of `by` together; with none, in one line.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn report(&self, filter: &Filter, by: &[GroupBy]) -> Result<Report, LedgerError> {
        self.report_without(filter, by, None)
    }

    /// What was spent, of requests whose cost is known.
    pub(in crate::record) fn spent(&self, spent: Spent, by: &[GroupBy]) -> Result<Report, LedgerError> {
        self.report_without(&spent.filter(), by, Some(spent))
    }

    /// What was spent, put together by the stages of each work and by all of `by`, which begins with what names a work.
    pub(in crate::record) fn by_stage(
        &self,
        filter: &Filter,
        by: &[GroupBy],
        stages: &Stages,
    ) -> Result<Vec<Staged>, LedgerError> {
        let (gathered, _) = self.gathered(filter.period, Question::by_stage(filter, by, stages), None)?;
        Ok(gathered.finished_by_stage())
    }

    fn report_without(&self, filter: &Filter, by: &[GroupBy], late: Option<Spent>) -> Result<Report, LedgerError> {
        let (gathered, widened) = self.gathered(filter.period, Question::of(filter, by), late)?;
        Ok(Report { widened, ..gathered.finished() })
    }

    /// What was added up, and of which period if it is another.
    fn gathered<'q>(
        &self,
        period: Period,
        question: Question<'q>,
        late: Option<Spent>,
    ) -> Result<(Gathered<'q>, Option<Period>), LedgerError> {
        // One state of the file for all questions: an entry is in the rollups or beyond them, never both.
        let state = self.connection().unchecked_transaction()?;
        let kept_since = meta::mark(&state, meta::KEPT_SINCE)?;
        let plan = Plan::of(period, question.span() == Some(HOUR), kept_since);
        let mut gathered = question.gathered();
        let asked = Asked { connection: &state, question };
        asked.days(&plan.days, &mut gathered)?;
        for hours in &plan.hours {
            asked.cells("rollup_hours", hours, &mut gathered)?;
        }
        let first_sum = asked.question.first_sum();
        for edge in &plan.edges {
            let bounds = [edge.start, edge.end];
            asked.entries("at_millis >= ? AND at_millis < ?", &bounds, |row| gathered.entry(row, first_sum))?;
            asked.thrown_away("entry_millis >= ? AND entry_millis < ?", &bounds, &mut gathered)?;
        }
        // `+` keeps SQLite from finding the few new entries by their time, which all of them have.
        let new = "+at_millis >= ? AND +at_millis < ? AND seq > ?";
        let bounds = [plan.rolled.start, plan.rolled.end, meta::mark(&state, meta::ROLLED)?];
        asked.entries(new, &bounds, |row| gathered.entry(row, first_sum))?;
        asked.thrown_away("+entry_millis >= ? AND +entry_millis < ? AND d.entry > ?", &bounds, &mut gathered)?;
        if let Some(spent) = late {
            let bounds = [spent.first_late_millis(), spent.ended_before_micros];
            let late = "at_millis >= ? AND at_millis * 1000 + total_us >= ?";
            asked.entries(late, &bounds, |row| gathered.without(row, first_sum))?;
        }
        Ok((gathered, plan.widened))
    }

    /// The entries that count and are not in PostgreSQL yet, as far as this file knows.
    pub(in crate::record) fn unshipped(&self, filter: &Filter, by: &[GroupBy]) -> Result<Vec<Tentative>, LedgerError> {
        let question = Question::of(filter, by);
        let (conditions, mut values) = equal(&question, in_file);
        let sql = format!(
            "SELECT {}, id FROM entries WHERE (seq > ? OR seq IN (SELECT seq FROM set_aside)) \
             AND +at_millis >= ? AND +at_millis < ?{conditions}",
            question.of_entries(in_file)
        );
        let state = self.connection().unchecked_transaction()?;
        let period = filter.period;
        let (since, until) = (period.since_millis.unwrap_or(i64::MIN), period.until_millis.unwrap_or(i64::MAX));
        let bounds = [meta::mark(&state, meta::SHIPPED)?, since, until].map(Value::from);
        values.splice(0..0, bounds.clone());
        let mut statement = state.prepare(&sql)?;
        let id_place = statement.column_count() - 1;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let id = Uuid::from_bytes(row.get(id_place)?);
            found.push(Tentative::of(id, row, question.first_sum())?);
        }
        for side in Side::BOTH {
            unshipped_moves(&state, &question, &bounds, side, &mut found)?;
        }
        Ok(found)
    }
}

/// What gives a dimension of one side of a move.
fn side_in_file(side: Side) -> fn(&'static str) -> &'static str {
    if side == Side::Taken { in_file } else { discarded_in_file }
}

fn unshipped_moves(
    state: &Connection,
    question: &Question<'_>,
    bounds: &[Value],
    side: Side,
    found: &mut Vec<Tentative>,
) -> Result<(), LedgerError> {
    let expression = side_in_file(side);
    let (conditions, mut values) = equal(question, expression);
    let sql = format!(
        "SELECT {}, total_us, id FROM discarded d JOIN entries e ON e.seq = d.entry \
         WHERE (d.entry > ? OR d.entry IN (SELECT seq FROM set_aside)) \
         AND +entry_millis >= ? AND +entry_millis < ?{conditions}",
        question.of_discarded(expression)
    );
    values.splice(0..0, bounds.iter().cloned());
    let mut statement = state.prepare(&sql)?;
    let id_place = statement.column_count() - 1;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let id = Uuid::from_bytes(row.get(id_place)?);
        found.push(Tentative::moved(id, row, question.first_sum(), side)?);
    }
    Ok(())
}

struct Asked<'a> {
    connection: &'a Connection,
    question: Question<'a>,
}

impl Asked<'_> {
    fn cells(&self, table: &str, starts: &Range<i64>, gathered: &mut Gathered<'_>) -> Result<(), LedgerError> {
        let (conditions, mut values) = equal(&self.question, |column| column);
        let columns = self.question.of_cells();
        let sql = format!("SELECT {columns} FROM {table} WHERE start >= ? AND start < ?{conditions}");
        values.splice(0..0, [starts.start.into(), starts.end.into()]);
        let first_sum = self.question.first_sum();
        self.each(&sql, params_from_iter(values), |row| gathered.cell(row, first_sum))
    }

    /// By stages a day is added to the one in which it begins. If another begins in it, the hours from then on belong
    /// there: the cell of the same name in the sums of hours.
    fn days(&self, days: &Range<i64>, gathered: &mut Gathered<'_>) -> Result<(), LedgerError> {
        if self.question.stages().is_none() {
            return self.cells("rollup_days", days, gathered);
        }
        let (conditions, mut values) = equal(&self.question, |column| column);
        values.splice(0..0, [days.start.into(), days.end.into()]);
        let columns = self.question.of_cells();
        let sql = format!("SELECT {columns}, cell FROM rollup_days WHERE start >= ? AND start < ?{conditions}");
        let hours = format!("SELECT {columns} FROM rollup_hours WHERE start = ? AND cell = ?");
        let mut hours = self.connection.prepare(&hours)?;
        let first_sum = self.question.first_sum();
        self.each(&sql, params_from_iter(values), |row| {
            let (start, course): (i64, _) = (row.get(0)?, gathered.course(row)?);
            let (stage, end) = (course.at(start), start.saturating_add(DAY));
            gathered.cell_of(stage, row, first_sum)?;
            let Some(turn) = course.turn_after(start).filter(|turn| *turn < end) else { return Ok(()) };
            let cell: [u8; 16] = row.get(first_sum + SUMS)?;
            for hour in (turn..end).step_by(HOUR as usize) {
                if let Some(row) = hours.query((hour, cell))?.next()? {
                    gathered.moved(row, first_sum, [stage, course.at(hour)])?;
                }
            }
            Ok(())
        })
    }

    fn entries(
        &self,
        condition: &str,
        bounds: &[i64],
        take: impl FnMut(&rusqlite::Row<'_>) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let (conditions, mut values) = equal(&self.question, in_file);
        let columns = self.question.of_entries(in_file);
        let sql = format!("SELECT {columns} FROM entries WHERE {condition}{conditions}");
        values.splice(0..0, bounds.iter().copied().map(Value::from));
        self.each(&sql, params_from_iter(values), take)
    }

    /// Moves what answers cost that were thrown away to the endpoints that gave them.
    fn thrown_away(&self, condition: &str, bounds: &[i64], gathered: &mut Gathered<'_>) -> Result<(), LedgerError> {
        let first_sum = self.question.first_sum();
        for side in Side::BOTH {
            let expression = side_in_file(side);
            let (conditions, mut values) = equal(&self.question, expression);
            let columns = self.question.of_discarded(expression);
            let sql = format!(
                "SELECT {columns} FROM discarded d JOIN entries e ON e.seq = d.entry WHERE {condition}{conditions}"
            );
            values.splice(0..0, bounds.iter().copied().map(Value::from));
            self.each(&sql, params_from_iter(values), |row| gathered.thrown_away(row, first_sum, side))?;
        }
        Ok(())
    }

    fn each(
        &self,
        sql: &str,
        values: impl Params,
        mut take: impl FnMut(&rusqlite::Row<'_>) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            take(row)?;
        }
        Ok(())
    }
}

/// The conditions on values, and the values.
fn equal(question: &Question<'_>, expression: fn(&'static str) -> &'static str) -> (String, Vec<Value>) {
    let named =
        |(column, value): (&'static str, &str)| (format!(" AND {} = ?", expression(column)), value.to_owned().into());
    let (conditions, values): (Vec<String>, Vec<Value>) = question.equal().map(named).unzip();
    (conditions.concat(), values)
}
