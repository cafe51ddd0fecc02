//! A cell of the rollups: the entries of one hour or day that have everything in common that a report may ask for.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::fields::Fields;
use super::file::LedgerError;
use super::sums::Sums;

/// An hour, in milliseconds.
pub const HOUR: i64 = 3_600_000;

/// A day, in milliseconds.
pub const DAY: i64 = 24 * HOUR;

/// What the entries of a cell have in common: the columns of the rollups.
pub const DIMENSIONS: [&str; 12] = [
    "key",
    "engineer",
    "team",
    "feature",
    "branch",
    "pull_request",
    "app",
    "rule",
    "tier",
    "endpoint",
    "model",
    "escalated",
];

/// What gives a dimension in the table of entries in SQLite.
pub fn in_file(dimension: &str) -> &str {
    match dimension {
        // A tier that could not take the request handed it on, or none of its endpoints answered.
        "escalated" => {
            "CASE WHEN decision IS NULL THEN NULL WHEN tier IS NOT json_extract(decision, '$.tier') \
             OR instr(decision, '\"reason\":\"escalated\"') > 0 THEN 'yes' ELSE 'no' END"
        }
        column => column,
    }
}

/// What gives a dimension of an answer that was thrown away: its own endpoint, and what its entry says of the rest. It is
/// asked of `discarded d JOIN entries e`, which have no other names in common but those of amounts.
pub fn discarded_in_file(dimension: &str) -> &str {
    own(dimension).unwrap_or_else(|| in_file(dimension))
}

/// The same in PostgreSQL.
pub fn discarded_in_database(dimension: &str) -> &str {
    own(dimension).unwrap_or_else(|| in_database(dimension))
}

fn own(dimension: &str) -> Option<&'static str> {
    match dimension {
        "tier" => Some("of_tier"),
        "endpoint" => Some("of_endpoint"),
        "model" => Some("of_model"),
        _ => None,
    }
}

/// The same of an entry in PostgreSQL.
pub fn in_database(dimension: &str) -> &str {
    match dimension {
        "escalated" => {
            "CASE WHEN decision IS NULL THEN NULL WHEN tier IS DISTINCT FROM decision ->> 'tier' \
             OR position('\"reason\":\"escalated\"' IN decision::text) > 0 THEN 'yes' ELSE 'no' END"
        }
        column => column,
    }
}

/// What tells a cell from others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The beginning of its hour or day, in milliseconds since 1970 UTC.
    pub start: i64,
    /// A digest of everything below: NULL and the empty text are two things, and a primary key knows no NULL.
    pub cell: [u8; 16],
}

/// A cell.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The values of [`DIMENSIONS`].
    pub dimensions: Vec<Option<Box<str>>>,
    pub sums: Sums,
}

/// Cells, in one order everywhere: whoever writes them in it waits for others without a deadlock.
pub type Cells = BTreeMap<Place, Cell>;

/// The dimensions of an entry, whose columns [`DIMENSIONS`] begin at `first`.
pub fn dimensions(entry: &impl Fields, first: usize) -> Result<Vec<Option<Box<str>>>, LedgerError> {
    (first..first + DIMENSIONS.len()).map(|place| Ok(entry.text(place)?.map(Into::into))).collect()
}

/// The beginning of the hour or day of a moment.
pub fn start_of(span: i64, at_millis: i64) -> i64 {
    at_millis.div_euclid(span).saturating_mul(span)
}

/// The digest of a cell's dimensions.
fn digest(dimensions: &[Option<Box<str>>]) -> [u8; 16] {
    let mut digest = Sha256::new();
    for text in dimensions.iter().map(|text| text.as_deref()) {
        digest.update(text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        digest.update(text.unwrap_or_default());
    }
    let digest: [u8; 32] = digest.finalize().into();
    let mut cell = [0; 16];
    cell.copy_from_slice(&digest[..16]);
    cell
}

/// Cells of hours and of days that the same entries are added to.
#[derive(Debug, Default)]
pub struct Both {
    pub hours: Cells,
    pub days: Cells,
}

impl Both {
    /// Adds sums to the cells of the hour and of the day of a moment.
    pub fn add(&mut self, at_millis: i64, dimensions: &[Option<Box<str>>], sums: &Sums) {
        let cell = digest(dimensions);
        let new = || Cell { dimensions: dimensions.to_vec(), sums: Sums::default() };
        for (cells, span) in [(&mut self.hours, HOUR), (&mut self.days, DAY)] {
            let place = Place { start: start_of(span, at_millis), cell };
            cells.entry(place).or_insert_with(new).sums.merge(sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_the_empty_text_are_two_cells() {
        let [none, empty, ab, a_b] = [
            vec![None, None],
            vec![None, Some("".into())],
            vec![Some("ab".into()), Some("".into())],
            vec![Some("a".into()), Some("b".into())],
        ];
        let digests = [&none, &empty, &ab, &a_b].map(|dimensions| digest(dimensions));
        for (place, one) in digests.iter().enumerate() {
            assert!(digests[place + 1..].iter().all(|other| other != one));
        }
    }

    #[test]
    fn a_moment_before_1970_has_its_hour_too() {
        assert_eq!(start_of(HOUR, -1), -HOUR);
        assert_eq!(start_of(DAY, DAY), DAY);
        assert_eq!(start_of(DAY, i64::MAX) % DAY, 0);
    }
}
