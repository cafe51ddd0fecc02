//! What is settled and what is reserved in each budget's window.
//!
//! One lock holds all of it. A request is in a handful of budgets, each a look into a map, so the lock is held for less
//! than a microsecond; with a lock for each account it would take an order and give-backs to have all or none.

use std::collections::HashMap;
use std::sync::Arc;

use super::window::Stretch;
use crate::domain::{BudgetName, Pico};

/// Which account: a budget, whose it is, and since when. The window is part of the name, so nothing is ever set back.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AccountId {
    /// The budget.
    pub budget: BudgetName,
    /// Whose, as [`Scope::holder`](crate::domain::Scope::holder) says; empty: everybody's.
    pub holder: Arc<str>,
    /// The window.
    pub stretch: Stretch,
}

/// What is settled and what is reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Balance {
    /// What requests that ended have cost.
    pub settled: Pico,
    /// What requests under way can cost at most.
    pub reserved: Pico,
}

impl Balance {
    /// Both together.
    pub fn used(self) -> Pico {
        self.settled + self.reserved
    }
}

/// A request's part in one account.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which account.
    pub id: AccountId,
    /// The limit that counts now.
    pub limit: Pico,
    /// Whether the limit is kept; else it is only watched.
    pub refuses: bool,
}

/// An account does not hold what a request needs.
#[derive(Clone, Debug)]
pub struct Full {
    /// Which, and its limit.
    pub part: Part,
    /// What is in it.
    pub balance: Balance,
}

/// Every account.
#[derive(Debug, Default)]
pub struct Accounts {
    balances: HashMap<AccountId, Balance>,
    /// Budgets that are being summed from the ledger, and until which moment.
    summing: Option<(u64, Vec<BudgetName>)>,
}

impl Accounts {
    /// Reserves in all of the accounts or in none.
    ///
    /// # Errors
    /// The first account that keeps its limit and does not hold the amount. An account that is used up refuses also a
    /// request of which nobody knows what it can cost.
    pub fn reserve(&mut self, parts: &[Part], amount: Pico) -> Result<(), Full> {
        for part in parts.iter().filter(|part| part.refuses) {
            let balance = self.balance(&part.id);
            let is_full = balance.used() + amount > part.limit || balance.used() >= part.limit;
            if is_full {
                return Err(Full { part: part.clone(), balance });
            }
        }
        self.hold(parts, amount);
        Ok(())
    }

    /// Reserves whether or not it fits: somebody else has seen to that.
    pub fn hold(&mut self, parts: &[Part], amount: Pico) {
        for part in parts {
            let balance = self.balances.entry(part.id.clone()).or_default();
            balance.reserved = balance.reserved + amount;
        }
    }

    /// Turns what was reserved into what it cost, in one step.
    pub fn settle(&mut self, parts: &[Part], reserved: Pico, cost: Pico, ended_micros: u64) {
        for part in parts {
            let summed = self.is_summed(part, ended_micros);
            let balance = self.balances.entry(part.id.clone()).or_default();
            balance.reserved = balance.reserved - reserved;
            balance.settled = balance.settled + if summed { Pico::ZERO } else { cost };
        }
    }

    /// Whether what a request cost that ended at this moment is part of a sum of the ledger that is being made.
    pub fn is_summed(&self, part: &Part, ended_micros: u64) -> bool {
        let summing = self.summing.as_ref();
        summing.is_some_and(|(moment, names)| ended_micros < *moment && names.contains(&part.id.budget))
    }

    /// From now on requests that ended before this moment are not counted in these budgets: a sum of the ledger will hold
    /// them.
    pub fn sum_before(&mut self, moment_micros: Option<(u64, Vec<BudgetName>)>) {
        self.summing = moment_micros;
    }

    /// Adds what was spent before anybody looked.
    pub fn restore(&mut self, id: AccountId, spent: Pico) {
        let balance = self.balances.entry(id).or_default();
        balance.settled = balance.settled + spent;
    }

    /// Takes out what is settled under a budget's name: it is about to be summed again.
    pub fn clear(&mut self, budget: &BudgetName) {
        let named = self.balances.iter_mut().filter(|(id, _)| id.budget == *budget);
        named.for_each(|(_, balance)| balance.settled = Pico::ZERO);
    }

    /// What is in an account.
    pub fn balance(&self, id: &AccountId) -> Balance {
        self.balances.get(id).copied().unwrap_or_default()
    }

    /// Every account.
    pub fn iter(&self) -> impl Iterator<Item = (&AccountId, Balance)> {
        self.balances.iter().map(|(id, balance)| (id, *balance))
    }

    /// Forgets accounts whose window is over and in which nothing is reserved.
    pub fn forget(&mut self, at_millis: u64) {
        self.balances.retain(|id, balance| {
            id.stretch.until_millis.is_none_or(|until| at_millis < until) || balance.reserved != Pico::ZERO
        });
    }
}
