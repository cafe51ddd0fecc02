//! Budgets come into use: what the ledger says was spent is taken over.
//!
//! Nothing may be counted twice or not at all while requests end. From one moment on the new budgets are in use. Who ends
//! later is counted in memory; who ended before, by what its own entry says, is summed from the ledger once what waited is
//! written, and until then counted nowhere.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::budget::{Budget, Budgets};
use crate::config::Config;
use crate::domain::{Dimension, Pico};
use crate::proxy::Proxy;
use crate::record::archive::Archive;
use crate::record::{Ledger, LedgerError};

/// How long new budgets wait for entries that wait to be written.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long PostgreSQL may take to sum one budget.
const ANSWER: Duration = Duration::from_secs(5);

/// How often a database that was away is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Who was counted as having spent what.
type Spent = Vec<(Option<String>, Pico)>;

/// A budget that was summed from this replica's file alone, for PostgreSQL was away.
struct Incomplete {
    budget: Budget,
    from_millis: u64,
    at_millis: u64,
    ended_before_micros: u64,
    counted: Spent,
}

/// Budgets come into use one configuration at a time.
#[derive(Default)]
pub struct Sums {
    incomplete: Mutex<Vec<Incomplete>>,
}

/// While it lives no other configuration comes into use.
pub struct Alone<'s>(MutexGuard<'s, Vec<Incomplete>>);

impl Sums {
    /// Waits until whoever brings a configuration into use is done.
    pub fn alone(&self) -> Alone<'_> {
        // What is in it is whole after each step.
        Alone(self.incomplete.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sums again what PostgreSQL could not be asked for, from the moment at which it answers; for as long as it is polled.
    pub async fn complete(self: Arc<Self>, proxy: Arc<Proxy>) {
        loop {
            tokio::time::sleep(ASK_AGAIN).await;
            if self.alone().0.is_empty() {
                continue;
            }
            let (sums, proxy) = (Arc::clone(&self), Arc::clone(&proxy));
            // A panic was logged; it is tried again.
            let _ = tokio::task::spawn_blocking(move || sums.ask_again(&proxy)).await;
        }
    }

    fn ask_again(&self, proxy: &Proxy) {
        let Alone(mut incomplete) = self.alone();
        let config = proxy.config.snapshot();
        let Ok(archive) = Archive::of(&config.ledger) else { return };
        while let Some(next) = incomplete.last() {
            let whose = next.budget.scope.dimension;
            let summed = archive.spent_since_blocking(next.from_millis, next.ended_before_micros, whose, ANSWER);
            let Ok(all) = summed else { return };
            let counted = |holder: &Option<String>| next.counted.iter().find(|(one, _)| one == holder);
            let missing = all.into_iter().filter_map(|(holder, spent)| {
                let missing = spent - counted(&holder).map_or(Pico::ZERO, |(_, counted)| *counted);
                (missing > Pico::ZERO).then_some((holder, missing))
            });
            proxy.books.budgets.restore(&next.budget, known(&next.budget, missing), next.at_millis);
            tracing::info!(budget = %next.budget.name, "the budget knows again what was spent before the start");
            incomplete.pop();
            proxy.books.metrics.budgets.incomplete(incomplete.len());
        }
    }
}

/// Who is not known falls under nobody's account, but for everybody's.
fn known(budget: &Budget, spent: impl IntoIterator<Item = (Option<String>, Pico)>) -> Spent {
    let is_known = |holder: &Option<String>| holder.is_some() || budget.scope.dimension == Dimension::All;
    spent.into_iter().filter(|(holder, _)| is_known(holder)).collect()
}

/// Puts the budgets of a configuration in use, and what was spent in the current windows of `new` ones in their
/// accounts. `ledger` is given where it is being written. How many of the budgets in use do not know all that was spent,
/// because PostgreSQL is away: that is made up for later.
///
/// # Errors
/// If the ledger cannot be read.
pub fn restore(
    budgets: &Budgets,
    config: &Config,
    new: &[&Budget],
    ledger: Option<&Ledger>,
    now: SystemTime,
    Alone(incomplete): &mut Alone<'_>,
) -> Result<usize, LedgerError> {
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (millis, micros) = (since_1970.as_millis() as u64, since_1970.as_micros() as u64);
    budgets.install(&config.budgets, new, micros);
    let stays = |one: &Incomplete| {
        config.budgets.iter().any(|budget| same(budget, &one.budget)) && !new.iter().any(|new| same(new, &one.budget))
    };
    incomplete.retain(stays);
    if !new.is_empty() {
        if let Some(ledger) = ledger {
            drain(budgets, ledger);
        }
        let summed = sum(budgets, config, new, (millis, micros));
        budgets.restored();
        incomplete.extend(summed?);
    }
    Ok(incomplete.len())
}

/// Sums the budgets; those that could not be summed whole.
fn sum(
    budgets: &Budgets,
    config: &Config,
    new: &[&Budget],
    (at_millis, ended_before_micros): (u64, u64),
) -> Result<Vec<Incomplete>, LedgerError> {
    // Where replicas share budgets, each tells what it spent itself: its own file knows that as far as it goes back, and
    // what it had told before counts if that is more. The database has what all of them spent.
    let file = Archive::in_file(&config.ledger.path);
    let mut database = match budgets.are_shared() || config.ledger.ship.is_none() {
        true => None,
        false => Some(Archive::of(&config.ledger)?),
    };
    let is_whole = database.is_none();
    let mut incomplete = Vec::new();
    for budget in new {
        let from_millis = budget.window.at(&budget.zone, at_millis).from_millis;
        let ask = |archive: &Archive| {
            archive.spent_since_blocking(from_millis, ended_before_micros, budget.scope.dimension, ANSWER)
        };
        let summed = match database.as_ref().map(&ask) {
            Some(Err(error @ (LedgerError::Store(_) | LedgerError::Database(_)))) => {
                // A database that is away, or has no tables yet, stops no start, and is waited for once.
                tracing::warn!(%error, "budgets begin with what this replica's file knows was spent");
                database = None;
                None
            }
            otherwise => otherwise.transpose()?,
        };
        let is_summed = is_whole || summed.is_some();
        let spent = known(budget, summed.map_or_else(|| ask(&file), Ok)?);
        budgets.restore(budget, spent.clone(), at_millis);
        if !is_summed {
            let budget = Budget::clone(budget);
            incomplete.push(Incomplete { budget, from_millis, at_millis, ended_before_micros, counted: spent });
        }
    }
    Ok(incomplete)
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

/// The budgets that count otherwise than before, so that what was spent in them has to be summed.
pub fn changed<'n>(before: &[Budget], now: &'n [Budget]) -> Vec<&'n Budget> {
    now.iter().filter(|budget| !before.iter().any(|other| same(other, budget))).collect()
}

/// Whether what was spent counts in both.
fn same(one: &Budget, other: &Budget) -> bool {
    one.name == other.name && one.scope == other.scope && one.window == other.window && one.zone == other.zone
}
