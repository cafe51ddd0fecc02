//! The statements that write a batch.

use std::sync::LazyLock;

use super::batch::{ATTEMPT, DISCARDED, ENTRY, Kind};
use crate::record::cell::DIMENSIONS;
use crate::record::sums::{AMOUNTS, COUNTS};

/// The day of a moment; what a calendar has no day for falls on its last.
const DAY: &str = "DATE '1970-01-01' + (least(greatest(u.at_millis, 0), 253402214400000) / 86400000)::int";

/// Writes entries, and tells the ids of those that were not there. Parameters: the replica, then the columns.
pub static ENTRIES: LazyLock<String> = LazyLock::new(|| {
    let Unnested { names, values, arrays } = Unnested::of(&ENTRY, 2);
    format!(
        "INSERT INTO entries (day, replica, {names}) SELECT {DAY}, $1, {values} FROM unnest({arrays}) AS u ({names}) \
         ON CONFLICT (day, id) DO NOTHING RETURNING id"
    )
});

/// Writes attempts. Parameters: the columns.
pub static ATTEMPTS: LazyLock<String> = LazyLock::new(|| {
    let Unnested { names, values, arrays } = Unnested::of(&ATTEMPT, 1);
    let (names_there, values) = (names.replacen("at_millis", "day", 1), values.replacen("u.at_millis", DAY, 1));
    format!(
        "INSERT INTO attempts ({names_there}) SELECT {values} FROM unnest({arrays}) AS u ({names}) \
         ON CONFLICT (day, entry, place) DO NOTHING"
    )
});

/// Writes answers that were thrown away. Parameters: the columns.
pub static DISCARDS: LazyLock<String> = LazyLock::new(|| {
    let Unnested { names, values, arrays } = Unnested::of(&DISCARDED, 1);
    let names_there = names.replacen("at_millis", "entry_day", 1);
    let values = values.replacen("u.at_millis", DAY, 1);
    format!(
        "INSERT INTO discarded ({names_there}) SELECT {values} FROM unnest({arrays}) AS u ({names}) \
         ON CONFLICT (entry_day, entry, place) DO NOTHING"
    )
});

struct Unnested {
    names: String,
    values: String,
    arrays: String,
}

impl Unnested {
    fn of(columns: &[(&str, Kind)], first: usize) -> Self {
        let value = |(name, kind): &(&str, Kind)| {
            if *kind == Kind::Json { format!("u.{name}::json") } else { format!("u.{name}") }
        };
        let array = |(place, (_, kind)): (usize, &(&str, Kind))| format!("${}::{}", place + first, kind.array());
        Self {
            names: columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
            values: columns.iter().map(value).collect::<Vec<_>>().join(", "),
            arrays: columns.iter().enumerate().map(array).collect::<Vec<_>>().join(", "),
        }
    }
}

/// How long a cell's durations may grow by being written one after the other before they are put together.
const LONG: usize = 2048;

/// Adds to cells, in the order in which they come, and tells those whose durations have grown long. Parameters: start,
/// cell, dimensions, counts, amounts as digits, latency.
fn add_to_cells(table: &str) -> String {
    let names: Vec<&str> = ["start", "cell"].into_iter().chain(DIMENSIONS).chain(COUNTS).chain(AMOUNTS).collect();
    let array = |(place, name): (usize, &&str)| {
        let kind = match *name {
            "start" => "bigint[]",
            "cell" => "bytea[]",
            name if COUNTS.contains(&name) => "bigint[]",
            _ => "text[]",
        };
        format!("${}::{kind}", place + 1)
    };
    let arrays: Vec<String> = names.iter().enumerate().map(array).collect();
    let value = |name: &&str| if AMOUNTS.contains(name) { format!("u.{name}::numeric") } else { format!("u.{name}") };
    let values: Vec<String> = names.iter().map(value).collect();
    let sums: Vec<String> =
        COUNTS.iter().chain(&AMOUNTS).map(|name| format!("{name} = r.{name} + excluded.{name}")).collect();
    let (names, values, arrays, sums) = (names.join(", "), values.join(", "), arrays.join(", "), sums.join(", "));
    let latency = 3 + DIMENSIONS.len() + COUNTS.len() + AMOUNTS.len();
    format!(
        "WITH written AS (INSERT INTO {table} AS r ({names}, latency) \
           SELECT {values}, u.latency \
           FROM unnest({arrays}, ${latency}::bytea[]) WITH ORDINALITY AS u ({names}, latency, n) ORDER BY u.n \
           ON CONFLICT (start, cell) DO UPDATE SET {sums}, latency = r.latency || excluded.latency \
           RETURNING start, cell, latency) \
         SELECT start, cell, latency FROM written WHERE octet_length(latency) > {LONG}"
    )
}

/// [`add_to_cells`] of hours.
pub static HOURS: LazyLock<String> = LazyLock::new(|| add_to_cells("rollup_hours"));

/// [`add_to_cells`] of days.
pub static DAYS: LazyLock<String> = LazyLock::new(|| add_to_cells("rollup_days"));
