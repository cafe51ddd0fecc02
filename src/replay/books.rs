//! What of a file's budgets past requests would have used: their costs in time, by holder and window.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use crate::budget::{Budget, Stretch, share};
use crate::domain::{BudgetName, Facts, Pico};

/// What was spent of one budget by one holder in one window.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    spent: Pico,
    burst_at: Option<u64>,
    /// Requests that came after it had burst.
    after: u64,
}

/// One budget's accounts.
struct Ledger<'c> {
    budget: &'c Budget,
    /// The window of the last request: the next is nearly always in it too.
    stretch: Option<Stretch>,
    /// By the beginning of the window, then by holder.
    accounts: BTreeMap<u64, HashMap<Arc<str>, Account>>,
}

/// Every budget of a file.
pub struct Books<'c>(Vec<Ledger<'c>>);

/// A budget that would not have held what was spent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Burst {
    /// Which.
    pub budget: BudgetName,
    /// Whose; empty: everybody's.
    pub holder: Arc<str>,
    /// The beginning of the window, in milliseconds since 1970 UTC.
    pub window_millis: u64,
    /// The limit.
    #[serde(rename = "limit_usd")]
    pub limit: Pico,
    /// What was spent in the window.
    #[serde(rename = "spent_usd")]
    pub spent: Pico,
    /// When the limit was passed, in milliseconds since 1970 UTC.
    pub at_millis: u64,
    /// Requests in the window after that, which would have been refused if the budget refuses.
    pub requests_after: u64,
    /// Whether it refuses.
    pub refuses: bool,
}

impl<'c> Books<'c> {
    /// Nothing is spent yet.
    pub fn new(budgets: &'c [Budget]) -> Self {
        let ledger = |budget| Ledger { budget, stretch: None, accounts: BTreeMap::new() };
        Self(budgets.iter().map(ledger).collect())
    }

    /// What was spent of a budget (by its place in the file) in the window of this moment, before anybody looked.
    pub fn restore(&mut self, place: usize, at_millis: u64, holder: &str, spent: Pico) {
        let Some(ledger) = self.0.get_mut(place) else { return };
        if ledger.budget.scope.value.as_deref().is_some_and(|value| value != holder) {
            return;
        }
        let account = ledger.account(at_millis, holder);
        account.spent = account.spent + spent;
    }

    /// How much is used of the budget that is used most of those that the request counts under, in hundredths of a percent.
    pub fn used(&mut self, facts: &Facts) -> Option<u32> {
        if self.0.is_empty() {
            return None;
        }
        let caller = facts.caller();
        let share_of = |ledger: &mut Ledger<'_>| {
            let holder = ledger.budget.scope.holder(&caller, None)?;
            let from = ledger.stretch(facts.at_millis).from_millis;
            let account = ledger.accounts.get(&from).and_then(|window| window.get(holder));
            let spent = account.map_or(Pico::ZERO, |account| account.spent);
            Some(share(spent, ledger.budget.limit_at(facts.at_millis, &[])))
        };
        self.0.iter_mut().filter_map(share_of).max()
    }

    /// A request cost this.
    pub fn spend(&mut self, facts: &Facts, cost: Pico) {
        if self.0.is_empty() {
            return;
        }
        let caller = facts.caller();
        for ledger in &mut self.0 {
            let Some(holder) = ledger.budget.scope.holder(&caller, None) else { continue };
            let limit = ledger.budget.limit_at(facts.at_millis, &[]);
            let account = ledger.account(facts.at_millis, holder);
            account.after += u64::from(account.burst_at.is_some());
            account.spent = account.spent + cost;
            if account.burst_at.is_none() && account.spent > limit {
                account.burst_at = Some(facts.at_millis);
            }
        }
    }

    /// The budgets that would have burst, the one that is furthest beyond its limit first.
    pub fn bursts(&self) -> Vec<Burst> {
        let each = |ledger: &Ledger<'c>| {
            let windows = ledger.accounts.iter();
            let accounts =
                windows.flat_map(|(from, window)| window.iter().map(move |(holder, one)| (*from, holder, one)));
            accounts
                .filter_map(|(from, holder, account)| burst(ledger.budget, from, holder, account))
                .collect::<Vec<_>>()
        };
        let mut all: Vec<Burst> = self.0.iter().flat_map(each).collect();
        all.sort_by_key(|one| {
            let beyond = std::cmp::Reverse(one.spent - one.limit);
            (beyond, one.budget.clone(), Arc::clone(&one.holder), one.window_millis)
        });
        all
    }
}

fn burst(budget: &Budget, window_millis: u64, holder: &Arc<str>, account: &Account) -> Option<Burst> {
    let at_millis = account.burst_at?;
    Some(Burst {
        budget: budget.name.clone(),
        holder: Arc::clone(holder),
        window_millis,
        limit: budget.limit_at(at_millis, &[]),
        spent: account.spent,
        at_millis,
        requests_after: account.after,
        refuses: budget.refuses,
    })
}

impl Ledger<'_> {
    fn account(&mut self, at_millis: u64, holder: &str) -> &mut Account {
        let from = self.stretch(at_millis).from_millis;
        let window = self.accounts.entry(from).or_default();
        if !window.contains_key(holder) {
            window.insert(holder.into(), Account::default());
        }
        window.get_mut(holder).expect("it was put there")
    }

    fn stretch(&mut self, at_millis: u64) -> Stretch {
        match self.stretch.filter(|stretch| stretch.contains(at_millis)) {
            Some(stretch) => stretch,
            None => *self.stretch.insert(self.budget.window.at(&self.budget.zone, at_millis)),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::budget::Window;
    use crate::domain::{Dimension, Label, Scope};

    const DAY: u64 = 86_400_000;

    fn budget(value: Option<&str>, limit: i128) -> Budget {
        Budget {
            name: BudgetName::parse("teams").expect("a name"),
            scope: Scope { dimension: Dimension::Team, value: value.map(Into::into) },
            limit: Pico::new(limit),
            window: Window::Day,
            zone: TimeZone::UTC,
            alerts: [].into(),
            refuses: true,
            overrides: [].into(),
            owner: None,
        }
    }

    fn facts(at_millis: u64, team: &str) -> Facts {
        Facts { at_millis, team: Label::parse(team), ..Facts::default() }
    }

    #[test]
    fn each_holder_and_each_window_has_its_own_account() {
        let budgets = [budget(None, 100)];
        let mut books = Books::new(&budgets);
        for (at, team, cost) in [(0, "a", 60), (1, "b", 60), (DAY, "a", 60), (DAY + 1, "a", 40), (DAY + 2, "b", 99)] {
            books.spend(&facts(at, team), Pico::new(cost));
        }
        assert_eq!(books.bursts(), []);
        assert_eq!(books.used(&facts(DAY + 3, "a")), Some(10_000));
        assert_eq!(books.used(&facts(5, "a")), Some(6_000), "an entry that comes late counts in its own window");
        assert_eq!(books.used(&Facts::default()), None, "nobody's");
    }

    #[test]
    fn a_burst_tells_when_and_what_came_after() {
        let budgets = [budget(Some("a"), 100)];
        let mut books = Books::new(&budgets);
        books.restore(0, 7, "a", Pico::new(50));
        books.restore(0, 7, "b", Pico::new(5_000));
        for at in [10, 20, 30, 40] {
            books.spend(&facts(at, "a"), Pico::new(30));
            books.spend(&facts(at, "b"), Pico::new(30));
        }
        let bursts = books.bursts();
        assert_eq!(bursts.len(), 1, "{bursts:?}");
        let burst = &bursts[0];
        assert_eq!((burst.at_millis, burst.requests_after, burst.window_millis), (20, 2, 0));
        assert_eq!((burst.spent, burst.limit), (Pico::new(170), Pico::new(100)));
    }
}
