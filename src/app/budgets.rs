//! Budgets come into use: what the ledger says was spent is taken over before they are asked.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::budget::{Budget, Budgets};
use crate::config::Config;
use crate::domain::{Dimension, Pico};
use crate::record::LedgerError;
use crate::record::archive::Archive;

/// Sums what was spent in the current window of each of these budgets, and puts it in their accounts. Entries that end
/// later are counted as they end.
///
/// # Errors
/// If the ledger cannot be read.
pub fn restore<'b>(
    budgets: &Budgets,
    config: &Config,
    new: impl IntoIterator<Item = &'b Budget>,
    now: SystemTime,
) -> Result<(), LedgerError> {
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (millis, micros) = (since_1970.as_millis() as u64, since_1970.as_micros() as u64);
    let archive = Archive::of(&config.ledger)?;
    for budget in new {
        let from = budget.window.at(&budget.zone, millis).from_millis;
        let spent = spent_since(&archive, from, micros, budget.scope.dimension)?;
        // Who is not known falls under nobody's account, but for everybody's.
        let known =
            spent.into_iter().filter(|(holder, _)| holder.is_some() || budget.scope.dimension == Dimension::All);
        budgets.restore(budget, known, millis);
    }
    Ok(())
}

/// What the ledger says. While PostgreSQL cannot be asked, what this replica has in its file has to do: a database that is
/// away stops no start.
fn spent_since(
    archive: &Archive,
    from_millis: u64,
    ended_before_micros: u64,
    whose: Dimension,
) -> Result<Vec<(Option<String>, Pico)>, LedgerError> {
    match archive.spent_since_blocking(from_millis, ended_before_micros, whose) {
        Err(LedgerError::Store(error)) => {
            tracing::warn!(%error, "budgets begin with what this replica's file knows was spent");
            let file = Archive::in_file(archive.path());
            file.spent_since_blocking(from_millis, ended_before_micros, whose)
        }
        otherwise => otherwise,
    }
}

/// The budgets that count otherwise than before, so that what was spent in them has to be summed.
pub fn changed<'n>(before: &[Budget], now: &'n [Budget]) -> Vec<&'n Budget> {
    let same = |one: &Budget, other: &Budget| {
        one.name == other.name && one.scope == other.scope && one.window == other.window && one.zone == other.zone
    };
    now.iter().filter(|budget| !before.iter().any(|other| same(other, budget))).collect()
}
