//! Budgets come into use: what the ledger says was spent is taken over.
//!
//! Nothing may be counted twice or not at all while requests end. First the new budgets are installed, and whoever ends
//! from then on is counted live and noted; whoever ended before is in the ledger or waits for it. When what waited is
//! written, one state of the ledger is summed, without those of it that were noted.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::budget::{Budget, Budgets};
use crate::config::Config;
use crate::domain::Dimension;
use crate::record::query::Reader;
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
    budgets.install(&config.budgets, new);
    if new.is_empty() {
        return Ok(());
    }
    if let Some(ledger) = ledger {
        drain(ledger);
    }
    let reader = Reader::open(&config.ledger.path)?;
    let millis = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis() as u64;
    let summed = reader.at_one_moment(|| {
        let counted = budgets.counted();
        for budget in new {
            let from = budget.window.at(&budget.zone, millis).from_millis;
            let spent = reader.spent_since(from, budget.scope.dimension, &counted)?;
            // Who is not known falls under nobody's account, but for everybody's.
            let known =
                spent.into_iter().filter(|(holder, _)| holder.is_some() || budget.scope.dimension == Dimension::All);
            budgets.restore(budget, known, millis);
        }
        Ok(())
    });
    budgets.restored();
    summed
}

/// Waits until what waits now is written.
fn drain(ledger: &Ledger) {
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

/// The budgets that count otherwise than before, so that what was spent in them has to be summed.
pub fn changed<'n>(before: &[Budget], now: &'n [Budget]) -> Vec<&'n Budget> {
    let same = |one: &Budget, other: &Budget| {
        one.name == other.name && one.scope == other.scope && one.window == other.window && one.zone == other.zone
    };
    now.iter().filter(|budget| !before.iter().any(|other| same(other, budget))).collect()
}
