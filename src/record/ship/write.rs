//! A batch, written in one transaction: entries and attempts that are not there yet, and what they add to the rollups.
//!
//! Whatever becomes of the answer to a commit, the batch may be sent again: an entry that is there is left alone and adds
//! nothing.

use std::collections::HashSet;

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::types::ToSql;

use super::batch::Batch;
use super::statement;
use crate::record::cell::{Both, Cells, DIMENSIONS};
use crate::record::latency::Latencies;
use crate::record::sums::{AMOUNTS, COUNTS};

type Parameters<'p> = Vec<&'p (dyn ToSql + Sync)>;

/// Writes the batch. How many of its entries were new.
///
/// # Errors
/// What PostgreSQL says. Then nothing of it is there, or all of it if only the answer to the commit was lost.
pub async fn write(connection: &mut Object, replica: &str, batch: &Batch) -> Result<usize, tokio_postgres::Error> {
    let transaction = connection.transaction().await?;
    let mut parameters: Parameters<'_> = vec![&replica];
    parameters.extend(batch.entries.iter().map(|column| column.parameter()));
    let insert = transaction.prepare_cached(&statement::ENTRIES).await?;
    let new = transaction.query(&insert, &parameters).await?;
    let new: HashSet<uuid::Uuid> = new.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    if !new.is_empty() {
        let attempts: Parameters<'_> = batch.attempts.iter().map(|column| column.parameter()).collect();
        let insert = transaction.prepare_cached(&statement::ATTEMPTS).await?;
        transaction.execute(&insert, &attempts).await?;
        let discarded: Parameters<'_> = batch.discarded.iter().map(|column| column.parameter()).collect();
        let insert = transaction.prepare_cached(&statement::DISCARDS).await?;
        transaction.execute(&insert, &discarded).await?;
        add_to_cells(&transaction, batch.cells(&new)).await?;
    }
    transaction.commit().await?;
    Ok(new.len())
}

/// Adds to the cells of both tables. All writers take the lines in the same order, so none waits in a circle.
pub async fn add_to_cells(transaction: &Transaction<'_>, both: Both) -> Result<(), tokio_postgres::Error> {
    add(transaction, &statement::HOURS, "rollup_hours", both.hours).await?;
    add(transaction, &statement::DAYS, "rollup_days", both.days).await
}

/// Adds to the cells, and puts together what has grown long.
async fn add(transaction: &Transaction<'_>, sql: &str, table: &str, cells: Cells) -> Result<(), tokio_postgres::Error> {
    let columns = Columns::of(cells);
    let mut parameters: Parameters<'_> = vec![&columns.starts, &columns.cells];
    parameters.extend(columns.dimensions.iter().map(|column| column as &(dyn ToSql + Sync)));
    parameters.extend(columns.counts.iter().map(|column| column as &(dyn ToSql + Sync)));
    parameters.extend(columns.amounts.iter().map(|column| column as &(dyn ToSql + Sync)));
    parameters.push(&columns.latencies);
    let add = transaction.prepare_cached(sql).await?;
    let long = transaction.query(&add, &parameters).await?;
    for row in &long {
        let (start, cell): (i64, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
        let mut together = Latencies::default();
        together.merge_written(row.try_get(2)?);
        let sql = format!("UPDATE {table} SET latency = $3 WHERE start = $1 AND cell = $2");
        transaction.execute(&sql, &[&start, &cell, &together.written()]).await?;
    }
    Ok(())
}

/// Cells, column by column.
#[derive(Default)]
struct Columns {
    starts: Vec<i64>,
    cells: Vec<Vec<u8>>,
    dimensions: [Vec<Option<Box<str>>>; DIMENSIONS.len()],
    counts: [Vec<i64>; COUNTS.len()],
    amounts: [Vec<String>; AMOUNTS.len()],
    latencies: Vec<Vec<u8>>,
}

impl Columns {
    fn of(cells: Cells) -> Self {
        let mut columns = Columns::default();
        for (place, cell) in cells {
            columns.starts.push(place.start);
            columns.cells.push(place.cell.to_vec());
            columns.latencies.push(cell.sums.latencies.written());
            columns.dimensions.iter_mut().zip(cell.dimensions).for_each(|(column, text)| column.push(text));
            columns.counts.iter_mut().zip(cell.sums.counts).for_each(|(column, count)| column.push(count));
            let digits = cell.sums.amounts.iter().map(i128::to_string);
            columns.amounts.iter_mut().zip(digits).for_each(|(column, digits)| column.push(digits));
        }
        columns
    }
}
