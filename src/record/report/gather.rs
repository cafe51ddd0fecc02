//! Lines that are being added up, out of rows of either database.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::super::cell::{DAY, start_of};
use super::super::fields::Fields;
use super::super::file::LedgerError;
use super::super::latency::Latencies;
use super::super::sums::{self, ADDED_UP, AMOUNTS, COUNTS, MOVED, Sums};
use super::{Filter, GroupBy, Line, Report, Totals};

/// What is asked of either database: the columns of each row and the conditions on it.
///
/// A row is its moment (of an entry: its arrival; of a cell: its start), a column for each of `by` that is no time, and
/// then what is added up.
pub struct Question<'q> {
    by: &'q [GroupBy],
    equal: &'q [(GroupBy, String)],
}

impl<'q> Question<'q> {
    /// What this filter and these groups ask.
    pub fn of(filter: &'q Filter, by: &'q [GroupBy]) -> Self {
        Self { by, equal: &filter.equal }
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
        let columns = self.dimensions().chain(COUNTS).chain(AMOUNTS);
        std::iter::once("start").chain(columns).chain(["latency"]).collect::<Vec<_>>().join(", ")
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
    keys: Vec<Option<String>>,
    sums: Sums,
}

/// Lines that are being added up.
pub struct Gathered<'q> {
    by: &'q [GroupBy],
    groups: HashMap<Vec<u8>, Group>,
    name: Vec<u8>,
}

impl<'q> Gathered<'q> {
    /// No lines yet.
    pub fn by(by: &'q [GroupBy]) -> Self {
        Self { by, groups: HashMap::new(), name: Vec::new() }
    }

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
    pub fn moved(&mut self, row: &impl Fields, first_sum: usize, side: Side) -> Result<(), LedgerError> {
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

    fn add(&mut self, row: &impl Fields, sums: &Sums) -> Result<(), LedgerError> {
        self.name_of(row)?;
        if let Some(group) = self.groups.get_mut(self.name.as_slice()) {
            group.sums.merge(sums);
            return Ok(());
        }
        let keys = keys(self.by, row)?;
        self.groups.insert(self.name.clone(), Group { keys, sums: sums.clone() });
        Ok(())
    }

    /// Writes the group's name: its keys, each with its length, so that no two groups share a name.
    fn name_of(&mut self, row: &impl Fields) -> Result<(), LedgerError> {
        self.name.clear();
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
