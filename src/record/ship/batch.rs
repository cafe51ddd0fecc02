//! Entries on their way from the file to PostgreSQL: read row by row, sent column by column.

use std::collections::HashSet;

use rusqlite::{Connection, Row};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::record::cell::{self, Both, DAY, DIMENSIONS};
use crate::record::file::LedgerError;
use crate::record::sums::{self, ADDED_UP, MOVED, Sums};

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Id,
    Whole,
    Text,
    Json,
    Flag,
}

impl Kind {
    /// The array that it is sent as.
    pub fn array(self) -> &'static str {
        match self {
            Kind::Id => "uuid[]",
            Kind::Whole => "bigint[]",
            Kind::Text | Kind::Json => "text[]",
            Kind::Flag => "boolean[]",
        }
    }
}

use Kind::{Flag, Id, Json, Text, Whole};

/// The columns of entries in both databases.
pub const ENTRY: [(&str, Kind); 59] = [
    ("id", Id),
    ("seq", Whole),
    ("at_millis", Whole),
    ("door", Text),
    ("dialect", Text),
    ("key", Text),
    ("engineer", Text),
    ("team", Text),
    ("feature", Text),
    ("branch", Text),
    ("pull_request", Text),
    ("app", Text),
    ("requested_model", Text),
    ("rule", Text),
    ("tier", Text),
    ("endpoint", Text),
    ("model", Text),
    ("tags", Text),
    ("risk", Text),
    ("kind", Text),
    ("content", Text),
    ("tokens_low", Whole),
    ("tokens_expected", Whole),
    ("tokens_high", Whole),
    ("input", Whole),
    ("cache_read", Whole),
    ("cache_write_5m", Whole),
    ("cache_write_1h", Whole),
    ("output", Whole),
    ("reasoning", Whole),
    ("audio_input", Whole),
    ("audio_output", Whole),
    ("image", Whole),
    ("web_searches", Whole),
    ("usage_source", Text),
    ("service_tier", Text),
    ("price_version", Text),
    ("cost_pico", Whole),
    ("baseline_pico", Whole),
    ("reserved_pico", Whole),
    ("provider_cost_pico", Whole),
    ("straight_pico", Whole),
    ("first_cost_pico", Whole),
    ("first_price_version", Text),
    ("status", Whole),
    ("ending", Text),
    ("failure", Text),
    ("fault", Text),
    ("streamed", Flag),
    ("attempts", Whole),
    ("total_us", Whole),
    ("first_byte_us", Whole),
    ("overhead_us", Whole),
    ("request_bytes", Whole),
    ("response_bytes", Whole),
    ("rules_version", Text),
    ("facts", Json),
    ("evidence", Json),
    ("decision", Json),
];

/// The columns of attempts; in the file the first two are found by the entry's `seq`.
pub const ATTEMPT: [(&str, Kind); 13] = [
    ("at_millis", Whole),
    ("entry", Id),
    ("place", Whole),
    ("endpoint", Text),
    ("tier", Text),
    ("model", Text),
    ("started_us", Whole),
    ("duration_us", Whole),
    ("status", Whole),
    ("outcome", Text),
    ("provider_request_id", Text),
    ("verdict", Text),
    ("failed_check", Text),
];

/// The columns of answers that were thrown away; the first three are found by the entry's `seq`.
pub const DISCARDED: [(&str, Kind); 25] = [
    ("at_millis", Whole),
    ("entry_millis", Whole),
    ("entry", Id),
    ("place", Whole),
    ("of_endpoint", Text),
    ("of_tier", Text),
    ("of_model", Text),
    ("reason", Text),
    ("input", Whole),
    ("cache_read", Whole),
    ("cache_write_5m", Whole),
    ("cache_write_1h", Whole),
    ("output", Whole),
    ("reasoning", Whole),
    ("audio_input", Whole),
    ("audio_output", Whole),
    ("image", Whole),
    ("web_searches", Whole),
    ("usage_source", Text),
    ("service_tier", Text),
    ("price_version", Text),
    ("cost_pico", Whole),
    ("provider_cost_pico", Whole),
    ("first_cost_pico", Whole),
    ("first_price_version", Text),
];

/// The values of a column.
#[derive(Debug)]
pub enum Column {
    Ids(Vec<Uuid>),
    Wholes(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Flags(Vec<bool>),
}

impl Column {
    fn of(kind: Kind) -> Self {
        match kind {
            Id => Column::Ids(Vec::new()),
            Whole => Column::Wholes(Vec::new()),
            Text | Json => Column::Texts(Vec::new()),
            Flag => Column::Flags(Vec::new()),
        }
    }

    fn push(&mut self, row: &Row<'_>, place: usize) -> rusqlite::Result<()> {
        match self {
            Column::Ids(ids) => ids.push(Uuid::from_bytes(row.get(place)?)),
            Column::Wholes(wholes) => wholes.push(row.get(place)?),
            Column::Texts(texts) => texts.push(row.get::<_, Option<String>>(place)?.map(without_nul)),
            Column::Flags(flags) => flags.push(row.get(place)?),
        }
        Ok(())
    }

    /// As a parameter.
    pub fn parameter(&self) -> &(dyn ToSql + Sync) {
        match self {
            Column::Ids(ids) => ids,
            Column::Wholes(wholes) => wholes,
            Column::Texts(texts) => texts,
            Column::Flags(flags) => flags,
        }
    }
}

/// A client may name its model `a\0b`, and PostgreSQL's text holds every character but that one.
fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// One entry's part of the rollups.
#[derive(Debug)]
struct Part {
    id: Uuid,
    at_millis: i64,
    dimensions: Vec<Option<Box<str>>>,
    sums: Sums,
}

/// Entries that follow each other.
#[derive(Debug)]
pub struct Batch {
    pub entries: Vec<Column>,
    pub attempts: Vec<Column>,
    pub discarded: Vec<Column>,
    seqs: Vec<i64>,
    parts: Vec<Part>,
}

impl Batch {
    /// The entries after this one, in the order of their writing; at most so many.
    pub fn after(connection: &Connection, seq: i64, at_most: usize) -> Result<Batch, LedgerError> {
        let dimensions = DIMENSIONS.into_iter().map(cell::in_file);
        let columns: Vec<&str> = ENTRY.iter().map(|(name, _)| *name).chain(dimensions).chain(ADDED_UP).collect();
        let sql = format!("SELECT {} FROM entries WHERE seq > ? ORDER BY seq LIMIT ?", columns.join(", "));
        let mut batch = Batch {
            entries: ENTRY.iter().map(|(_, kind)| Column::of(*kind)).collect(),
            attempts: ATTEMPT.iter().map(|(_, kind)| Column::of(*kind)).collect(),
            discarded: DISCARDED.iter().map(|(_, kind)| Column::of(*kind)).collect(),
            seqs: Vec::new(),
            parts: Vec::new(),
        };
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query((seq, at_most as i64))?;
        while let Some(row) = rows.next()? {
            batch.take_entry(row)?;
        }
        batch.take_attempts(connection)?;
        batch.take_discarded(connection)?;
        Ok(batch)
    }

    fn take_entry(&mut self, row: &Row<'_>) -> Result<(), LedgerError> {
        for (place, column) in self.entries.iter_mut().enumerate() {
            column.push(row, place)?;
        }
        self.seqs.push(row.get(1)?);
        self.parts.push(Part {
            id: Uuid::from_bytes(row.get(0)?),
            at_millis: row.get(2)?,
            dimensions: cell::dimensions(row, ENTRY.len())?,
            sums: Sums::of(row, ENTRY.len() + DIMENSIONS.len())?,
        });
        Ok(())
    }

    fn take_attempts(&mut self, connection: &Connection) -> Result<(), LedgerError> {
        let Some((first, last)) = self.seqs.first().zip(self.seqs.last()) else { return Ok(()) };
        let columns: Vec<&str> = ATTEMPT.iter().skip(2).map(|(name, _)| *name).collect();
        let sql = format!(
            "SELECT e.at_millis, e.id, a.{} FROM attempts a JOIN entries e ON e.seq = a.entry \
             WHERE a.entry BETWEEN ? AND ? ORDER BY a.entry, a.place",
            columns.join(", a.")
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            for (place, column) in self.attempts.iter_mut().enumerate() {
                column.push(row, place)?;
            }
        }
        Ok(())
    }

    fn take_discarded(&mut self, connection: &Connection) -> Result<(), LedgerError> {
        let Some((first, last)) = self.seqs.first().zip(self.seqs.last()) else { return Ok(()) };
        let columns: Vec<&str> = DISCARDED.iter().skip(3).map(|(name, _)| *name).collect();
        let from = DIMENSIONS.into_iter().map(cell::in_file);
        let to = DIMENSIONS.into_iter().map(cell::discarded_in_file);
        let dimensions: Vec<&str> = from.chain(to).chain(MOVED).collect();
        let sql = format!(
            "SELECT at_millis, entry_millis, id, d.{}, {} FROM discarded d JOIN entries e ON e.seq = d.entry \
             WHERE d.entry BETWEEN ? AND ? ORDER BY d.entry, d.place",
            columns.join(", d."),
            dimensions.join(", ")
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            for (place, column) in self.discarded.iter_mut().enumerate() {
                column.push(row, place)?;
            }
            let (id, at_millis) = (Uuid::from_bytes(row.get(2)?), row.get(0)?);
            let (from, to) = (DISCARDED.len(), DISCARDED.len() + DIMENSIONS.len());
            let (taken, own) = sums::moved(row, to + DIMENSIONS.len())?;
            for (first, sums) in [(from, taken), (to, own)] {
                self.parts.push(Part { id, at_millis, dimensions: cell::dimensions(row, first)?, sums });
            }
        }
        Ok(())
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.seqs.len()
    }

    /// The last one; `None`: there are none.
    pub fn last_seq(&self) -> Option<i64> {
        self.seqs.last().copied()
    }

    /// The days of its entries, as days since 1970.
    pub fn days(&self) -> impl Iterator<Item = i64> {
        self.parts.iter().map(|part| part.at_millis.div_euclid(DAY))
    }

    /// What those of its entries that are new add to the rollups.
    pub fn cells(&self, new: &HashSet<Uuid>) -> Both {
        let mut both = Both::default();
        for part in self.parts.iter().filter(|part| new.contains(&part.id)) {
            both.add(part.at_millis, &part.dimensions, &part.sums);
        }
        both
    }
}
