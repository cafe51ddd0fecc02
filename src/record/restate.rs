//! Restating what entries cost, a few at a time.
//!
//! What was recorded first stays beside it: `first_cost_pico` and `first_price_version` are set by the first restatement
//! and never again.

use std::path::Path;

use rusqlite::TransactionBehavior;

use super::file::{self, LedgerError};
use crate::domain::{Pico, RequestId};

/// What an entry costs by other prices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restated {
    /// The entry.
    pub id: RequestId,
    /// What it costs; `None`: the price is not known.
    pub cost: Option<Pico>,
    /// By which prices.
    pub price_version: String,
}

/// The most in one transaction: whoever writes entries waits for it.
const FEW: usize = 200;

/// Restates entries of the file. How many changed; those that are not there any more are left out.
///
/// # Errors
/// If the file cannot be written. What was restated before stays so.
pub fn in_file(path: &Path, all: &[Restated]) -> Result<u64, LedgerError> {
    drop(file::connect_to_read(path)?);
    let mut connection = file::connect_to_checkpoint(path)?;
    let update = "UPDATE entries SET cost_pico = ?2, price_version = ?3, \
                    first_cost_pico = CASE WHEN first_price_version IS NULL THEN cost_pico ELSE first_cost_pico END, \
                    first_price_version = coalesce(first_price_version, price_version, '') \
                  WHERE id = ?1 AND NOT (cost_pico IS ?2 AND price_version IS ?3)";
    let mut changed = 0;
    for few in all.chunks(FEW) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for new in few {
            let cost = new.cost.map(Pico::saturating_i64);
            changed +=
                transaction.prepare_cached(update)?.execute((new.id.as_bytes(), cost, &new.price_version))? as u64;
        }
        transaction.commit()?;
    }
    Ok(changed)
}
