//! Lines that are being added up, out of rows of either database.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::super::cell::{DAY, start_of};
use super::super::fields::Fields;
use super::super::file::LedgerError;
use super::super::latency::Latencies;
use super::super::sums::{self, ADDED_UP, AMOUNTS, COUNTS, MOVED, SPENT, Sums};
use super::stages::{Course, Staged, Stages};
use super::{Filter, GroupBy, Line, Report, Totals};

/// What is asked of either database: the columns of each row and the conditions on it.
///
/// A row is its moment (of an entry: its arrival; of a cell: its start), a column for each of `by` that is no time, and
/// then what is added up.
pub struct Question<'q> {
    by: &'q [GroupBy],
    equal: &'q [(GroupBy, String)],
    stages: Option<&'q Stages>,
}

impl<'q> Question<'q> {
    /// What this filter and these groups ask.
    pub fn of(filter: &'q Filter, by: &'q [GroupBy]) -> Self {
        Self { by, equal: &filter.equal, stages: None }
    }

    /// What was spent, by stages as well; the groups begin with what names an entry's work.
    pub fn by_stage(filter: &'q Filter, by: &'q [GroupBy], stages: &'q Stages) -> Self {
        Self { stages: Some(stages), ..Self::of(filter, by) }
    }

    /// The stages that lines are put together by.
    pub fn stages(&self) -> Option<&'q Stages> {
        self.stages
    }

    /// No lines yet.
    pub fn gathered(&self) -> Gathered<'q> {
        Gathered { by: self.by, stages: self.stages, groups: HashMap::new(), name: Vec::new(), work: String::new() }
    }

    /// The columns of lines that are no times.
    pub fn dimensions(&self) -> impl Iterator<Item = &'static str> {
        self.by.iter().filter_map(|by| by.dimension())
    }

    /// The shortest time that lines are put together by.
    pub fn span(&self) -> Option<i64> {
        self.by.iter().filter_map(|by| by.span()).min()
    }

    /// The columns that must have a value, and the value; a time is no such column.
    pub fn equal(&self) -> impl Iterator<Item = (&'static str, &'q str)> {
        self.equal.iter().filter_map(|(by, value)| Some((by.dimension()?, value.as_str())))
    }

    /// The place of the first column that is added up.
    pub fn first_sum(&self) -> usize {
        1 + self.dimensions().count()
    }

    /// The columns of entries that are read.
    pub fn of_entries(&self, expression: fn(&'static str) -> &'static str) -> String {
        let columns = self.dimensions().map(expression).chain(ADDED_UP);
        std::iter::once("at_millis").chain(columns).collect::<Vec<_>>().join(", ")
    }

    /// The columns that are read of answers that were thrown away.
    pub fn of_discarded(&self, expression: fn(&'static str) -> &'static str) -> String {
        let columns = self.dimensions().map(expression).chain(MOVED);
        std::iter::once("at_millis").chain(columns).collect::<Vec<_>>().join(", ")
    }

    /// The columns of cells that are read.
    pub fn of_cells(&self) -> String {
        let sums = self.sums(|part| part.column().to_owned());
        let columns = self.dimensions().map(str::to_owned).chain(sums);
        std::iter::once("start".to_owned()).chain(columns).collect::<Vec<_>>().join(", ")
    }

    /// The columns of sums, each as `expression` has it. By stages only money is added up: the rest is NULL.
    pub fn sums<'e>(&self, expression: impl Fn(Part) -> String + 'e) -> impl Iterator<Item = String> + 'e {
        let is_money = self.stages.is_some();
        let counts = COUNTS.into_iter().map(Part::Count);
        let parts = counts.chain(AMOUNTS.into_iter().map(Part::Amount)).chain([Part::Latency]);
        parts.map(move |part| {
            if is_money && !SPENT.contains(&part.column()) { part.nothing().to_owned() } else { expression(part) }
        })
    }
}

/// How many columns of cells are added up.
pub const SUMS: usize = COUNTS.len() + AMOUNTS.len() + 1;

/// A column of cells that is added up.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    Count(&'static str),
    Amount(&'static str),
    Latency,
}

impl Part {
    fn column(self) -> &'static str {
        match self {
            Part::Count(column) | Part::Amount(column) => column,
            Part::Latency => "latency",
        }
    }

    fn nothing(self) -> &'static str {
        match self {
            Part::Count(_) => "CAST(NULL AS bigint)",
            Part::Amount(_) => "CAST(NULL AS text)",
            Part::Latency => "CAST(NULL AS bytea)",
        }
    }
}

/// The two sides of a move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// What is taken from the endpoint that answered in the end.
    Taken,
    /// What is added to the one whose answer was thrown away.
    Own,
}

impl Side {
    /// Both.
    pub const BOTH: [Side; 2] = [Side::Taken, Side::Own];

    fn of(self, (taken, own): (Sums, Sums)) -> Sums {
        match self {
            Side::Taken => taken,
            Side::Own => own,
        }
    }
}

/// An entry that was read before it is known whether it counts.
pub struct Tentative {
    pub id: Uuid,
    at_millis: i64,
    dimensions: Vec<Option<Box<str>>>,
    sums: Sums,
    /// When it ended, in microseconds since 1970.
    pub ended_micros: i64,
    /// Whether it is a part of one that is there itself.
    pub is_part: bool,
}

/// The place of the duration in [`ADDED_UP`].
const TOTAL_US: usize = 15;

impl Tentative {
    /// The entry with this id, from the columns that a question asks of entries.
    pub fn of(id: Uuid, row: &impl Fields, first_sum: usize) -> Result<Self, LedgerError> {
        let dimensions = (1..first_sum).map(|place| Ok::<_, LedgerError>(row.text(place)?.map(Into::into)));
        let (at_millis, dimensions) = (row.whole(0)?.unwrap_or(0), dimensions.collect::<Result<_, _>>()?);
        let took = row.whole(first_sum + TOTAL_US)?.unwrap_or(0);
        let ended_micros = at_millis.saturating_mul(1000).saturating_add(took);
        Ok(Self { id, at_millis, dimensions, sums: Sums::of(row, first_sum)?, ended_micros, is_part: false })
    }

    /// One side of what moves with an answer of this entry that was thrown away.
    pub fn moved(id: Uuid, row: &impl Fields, first_sum: usize, side: Side) -> Result<Self, LedgerError> {
        let dimensions = (1..first_sum).map(|place| Ok::<_, LedgerError>(row.text(place)?.map(Into::into)));
        let (at_millis, dimensions) = (row.whole(0)?.unwrap_or(0), dimensions.collect::<Result<_, _>>()?);
        let took = row.whole(first_sum + MOVED.len())?.unwrap_or(0);
        let ended_micros = at_millis.saturating_mul(1000).saturating_add(took);
        let sums = side.of(sums::moved(row, first_sum)?);
        Ok(Self { id, at_millis, dimensions, sums, ended_micros, is_part: true })
    }

    /// Its day, as days since 1970.
    pub fn day(&self) -> i64 {
        self.at_millis.div_euclid(DAY)
    }
}

impl Fields for Tentative {
    fn text(&self, place: usize) -> Result<Option<&str>, LedgerError> {
        Ok(self.dimensions.get(place - 1).and_then(|text| text.as_deref()))
    }

    fn whole(&self, _: usize) -> Result<Option<i64>, LedgerError> {
        Ok(Some(self.at_millis))
    }

    fn amount(&self, _: usize) -> Result<i128, LedgerError> {
        Err(LedgerError::Amount)
    }

    fn bytes(&self, _: usize) -> Result<&[u8], LedgerError> {
        Ok(&[])
    }
}

/// A line that is being added up.
struct Group {
    stage: i64,
    keys: Vec<Option<String>>,
    sums: Sums,
}

/// Lines that are being added up.
pub struct Gathered<'q> {
    by: &'q [GroupBy],
    stages: Option<&'q Stages>,
    groups: HashMap<Vec<u8>, Group>,
    name: Vec<u8>,
    work: String,
}

impl<'q> Gathered<'q> {
    /// Adds an entry.
    pub fn entry(&mut self, row: &impl Fields, first_sum: usize) -> Result<(), LedgerError> {
        self.add(row, &Sums::of(row, first_sum)?)
    }

    /// Takes an entry away that was added with others; its duration stays.
    pub fn without(&mut self, row: &impl Fields, first_sum: usize) -> Result<(), LedgerError> {
        let mut sums = Sums::of(row, first_sum)?.negated();
        sums.latencies = Latencies::default();
        self.add(row, &sums)
    }

    /// Adds one side of what moves with an answer that was thrown away.
    pub fn thrown_away(&mut self, row: &impl Fields, first_sum: usize, side: Side) -> Result<(), LedgerError> {
        self.add(row, &side.of(sums::moved(row, first_sum)?))
    }

    /// Adds a cell.
    pub fn cell(&mut self, row: &impl Fields, first_sum: usize) -> Result<(), LedgerError> {
        self.add(row, &Sums::read(row, first_sum)?)
    }

    /// Adds an entry of which it turned out that it counts.
    pub fn tentative(&mut self, entry: &Tentative) -> Result<(), LedgerError> {
        self.add(entry, &entry.sums)
    }

    /// Adds a cell to the stage that this moment stands for.
    pub fn cell_of(&mut self, stage: i64, row: &impl Fields, first_sum: usize) -> Result<(), LedgerError> {
        self.put(stage, row, &Sums::read(row, first_sum)?)
    }

    /// Moves cells that were added to one stage into another.
    pub fn moved(&mut self, row: &impl Fields, first_sum: usize, [from, to]: [i64; 2]) -> Result<(), LedgerError> {
        let sums = Sums::read(row, first_sum)?;
        self.put(to, row, &sums)?;
        self.put(from, row, &sums.negated())
    }

    /// The stages of a row's work; without stages there is one.
    pub fn course(&mut self, row: &impl Fields) -> Result<Course<'q>, LedgerError> {
        self.stages.map_or(Ok(Course::default()), |stages| stages.of(row, &mut self.work))
    }

    fn add(&mut self, row: &impl Fields, sums: &Sums) -> Result<(), LedgerError> {
        let stage = if self.stages.is_some() { self.course(row)?.at(row.whole(0)?.unwrap_or(0)) } else { 0 };
        self.put(stage, row, sums)
    }

    fn put(&mut self, stage: i64, row: &impl Fields, sums: &Sums) -> Result<(), LedgerError> {
        self.name_of(stage, row)?;
        if let Some(group) = self.groups.get_mut(self.name.as_slice()) {
            group.sums.merge(sums);
            return Ok(());
        }
        let keys = keys(self.by, row)?;
        self.groups.insert(self.name.clone(), Group { stage, keys, sums: sums.clone() });
        Ok(())
    }

    /// Writes the group's name: its stage and its keys, each with its length, so that no two groups share a name.
    fn name_of(&mut self, stage: i64, row: &impl Fields) -> Result<(), LedgerError> {
        self.name.clear();
        self.name.extend(stage.to_le_bytes());
        let mut place = 0;
        for by in self.by {
            if let Some(span) = by.span() {
                let moment = row.whole(0)?.unwrap_or(0);
                self.name.extend(start_of(span, moment).to_le_bytes());
                continue;
            }
            place += 1;
            let key = row.text(place)?;
            self.name.extend(key.map_or(u64::MAX, |key| key.len() as u64).to_le_bytes());
            self.name.extend(key.unwrap_or_default().as_bytes());
        }
        Ok(())
    }

    /// The lines, by stages, in no order.
    pub fn finished_by_stage(self) -> Vec<Staged> {
        // What was moved away has left nothing behind.
        let left = self.groups.into_values().filter(|group| !group.sums.is_nothing());
        let staged = |group: Group| Staged {
            moment: group.stage,
            line: Line { keys: group.keys, totals: Totals::from(&group.sums) },
        };
        left.map(staged).collect()
    }

    /// The report.
    pub fn finished(self) -> Report {
        let by = self.by;
        let mut all = Sums::default();
        let line = |group: Group| {
            all.merge(&group.sums);
            Line { keys: group.keys, totals: Totals::from(&group.sums) }
        };
        let mut lines: Vec<Line> = self.groups.into_values().map(line).collect();
        lines.sort_by(|a, b| a.keys.cmp(&b.keys));
        if by.len() == 1 && by.iter().all(|by| by.span().is_none()) {
            lines.sort_by_key(|line| (std::cmp::Reverse(line.totals.cost), std::cmp::Reverse(line.totals.requests)));
        }
        Report { lines, total: Totals::from(&all), ..Report::default() }
    }
}

fn keys(by: &[GroupBy], row: &impl Fields) -> Result<Vec<Option<String>>, LedgerError> {
    let mut place = 0;
    let mut keys = Vec::with_capacity(by.len());
    for by in by {
        if let Some(span) = by.span() {
            keys.push(time(span, row.whole(0)?.unwrap_or(0)));
        } else {
            place += 1;
            keys.push(row.text(place)?.map(str::to_owned));
        }
    }
    Ok(keys)
}

/// A day as `2026-11-22`, an hour as `2026-11-22T08:00:00Z`; `None`: no calendar has it.
fn time(span: i64, moment: i64) -> Option<String> {
    let start = Timestamp::from_millisecond(start_of(span, moment)).ok()?.to_string();
    if span == DAY { start.split('T').next().map(str::to_owned) } else { Some(start) }
}
