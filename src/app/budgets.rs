//! Budgets come into use: what the ledger says was spent is taken over.
//!
//! Nothing may be counted twice or not at all while requests end. From one moment on the new budgets are in use. Who ends
//! later is counted in memory; who ended before, by what its own entry says, is summed from the ledger once what waited is
//! written, and until then counted nowhere.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::budget::{Budget, Budgets};
use crate::config::Config;
use crate::domain::{Dimension, Pico};
use crate::record::archive::Archive;
use crate::record::{Ledger, LedgerError};

/// How long new budgets wait for entries that wait to be written.
const PATIENCE: Duration = Duration::from_secs(5);

/// Puts the budgets of a configuration in use, and what was spent in the current windows of `new` ones in their
/// accounts. `ledger` is given where it is being written.
///
/// # Errors
/// If the ledger cannot be read.
pub fn restore(
    budgets: &Budgets,
    config: &Config,
    new: &[&Budget],
    ledger: Option<&Ledger>,
    now: SystemTime,
) -> Result<(), LedgerError> {
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (millis, micros) = (since_1970.as_millis() as u64, since_1970.as_micros() as u64);
    budgets.install(&config.budgets, new, micros);
    if new.is_empty() {
        return Ok(());
    }
    if let Some(ledger) = ledger {
        drain(budgets, ledger);
    }
    let summed = sum(budgets, config, new, millis, micros);
    budgets.restored();
    summed
}

fn sum(
    budgets: &Budgets,
    config: &Config,
    new: &[&Budget],
    millis: u64,
    ended_before_micros: u64,
) -> Result<(), LedgerError> {
    // Where replicas share budgets, each tells what it spent itself: its own file knows that as far as it goes back, and
    // what it had told before counts if that is more. The database has what all of them spent.
    let archive = match budgets.are_shared() {
        true => Archive::in_file(&config.ledger.path),
        false => Archive::of(&config.ledger)?,
    };
    for budget in new {
        let from = budget.window.at(&budget.zone, millis).from_millis;
        let spent = spent_since(&archive, from, ended_before_micros, budget.scope.dimension)?;
        // Who is not known falls under nobody's account, but for everybody's.
        let known =
            spent.into_iter().filter(|(holder, _)| holder.is_some() || budget.scope.dimension == Dimension::All);
        budgets.restore(budget, known, millis);
    }
    Ok(())
}

/// Waits until every entry is written that says of itself that it ended before now. What ends later says so only after
/// the next whole millisecond, for that is how finely its arrival is kept.
fn drain(budgets: &Budgets, ledger: &Ledger) {
    thread::sleep(Duration::from_millis(2));
    budgets.wait_for_endings();
    let (begun, stats) = (Instant::now(), ledger.stats());
    let done = |stats: &crate::record::Stats| stats.written + stats.rejected;
    let wanted = done(&stats) + stats.queued as u64;
    while ledger.stats().queued > 0 && done(&ledger.stats()) < wanted {
        if begun.elapsed() > PATIENCE {
            tracing::warn!("entries that cannot be written are missing in new budgets until the next start");
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// What the ledger says. While PostgreSQL cannot be asked, or has no tables yet, what this replica has in its file has to do: a database that is
/// away stops no start.
fn spent_since(
    archive: &Archive,
    from_millis: u64,
    ended_before_micros: u64,
    whose: Dimension,
) -> Result<Vec<(Option<String>, Pico)>, LedgerError> {
    match archive.spent_since_blocking(from_millis, ended_before_micros, whose) {
        Err(error @ (LedgerError::Store(_) | LedgerError::Database(_))) => {
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
