//! Budgets hold: the dearest that a request can cost is reserved before it is forwarded, in every budget that it counts
//! under and in one step, and settled from what it used. What is reserved belongs to somebody, so it comes back however a
//! request ends.
//!
//! Balances live in memory and are summed from the ledger when the process starts, so what was reserved by a process that
//! was killed is reserved no more. Where replicas share budgets, what a request needs is taken from this replica's share
//! (`shared`), and the balances here say what this replica did.

mod account;
pub mod forecast;
mod settings;
mod window;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use crate::domain::{BudgetName, BudgetRefusal, Caller, Failure, FailureKind, Pico, Scope};
use crate::shared::{self, Claim, Held, Leases};
use account::{AccountId, Accounts, Full, Part};

pub use account::Balance;
pub use settings::{Budget, BudgetError, Override};
pub use window::{Stretch, Window};

/// Overrides that were made while the proxy runs, by budget.
pub type MadeLater = HashMap<BudgetName, Vec<Override>>;

/// For how long the shared server keeps a window after its last use: longer than a window and what comes late in it.
const KEEP: Duration = Duration::from_secs(45 * 86_400);

/// Every budget's balances. Clones are handles to the same; a reload changes limits, not what was spent.
#[derive(Clone, Debug, Default)]
pub struct Budgets {
    state: Arc<State>,
    leases: Option<Leases>,
}

#[derive(Debug, Default)]
struct State {
    accounts: Mutex<Accounts>,
    /// Held for reading by whoever ends a request, from settling it to handing its entry to the ledger.
    ending: RwLock<()>,
    /// The budgets in use. A request that began under others counts in these as well when it ends.
    installed: RwLock<Arc<[Budget]>>,
    /// How many requests were refused, of the accounts that did not hold them.
    refusals: Mutex<HashMap<AccountId, u64>>,
    made_later: RwLock<Arc<MadeLater>>,
}

/// One account as people see it.
#[derive(Clone, Debug)]
pub struct Status {
    /// The budget.
    pub budget: BudgetName,
    /// Who it is for.
    pub scope: Scope,
    /// Whose account; empty: everybody's.
    pub holder: Arc<str>,
    /// The window.
    pub stretch: Stretch,
    /// The limit that counts now.
    pub limit: Pico,
    /// What is settled and reserved: by all replicas where they share, else by this process.
    pub balance: Balance,
    /// The percentages at which somebody is told.
    pub alerts: Arc<[u32]>,
    /// Whether requests that do not fit are refused.
    pub refuses: bool,
    /// Requests that this process has refused in the window.
    pub refused: u64,
}

impl Status {
    /// How much is used, in hundredths of a percent.
    pub fn used(&self) -> u32 {
        share(self.balance.used(), self.limit)
    }
}

impl Budgets {
    /// Budgets that take from this replica's share, where replicas share them.
    pub fn new(leases: Option<Leases>) -> Self {
        Self { state: Arc::default(), leases }
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        // What is under this lock is whole after each step.
        self.state.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether other replicas count under the same budgets.
    pub fn are_shared(&self) -> bool {
        self.leases.is_some()
    }

    /// Puts overrides in force that were made while the proxy runs.
    pub fn set_overrides(&self, made_later: MadeLater) {
        *self.state.made_later.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(made_later);
    }

    fn limit(&self, budget: &Budget, at_millis: u64) -> Pico {
        let made_later = self.state.made_later.read().unwrap_or_else(PoisonError::into_inner);
        budget.limit_at(at_millis, made_later.get(&budget.name).map_or(&[], Vec::as_slice))
    }

    /// The accounts that a request of this caller counts in.
    fn parts(&self, budgets: &[Budget], caller: &Caller, at_millis: u64) -> Vec<Part> {
        let part = |budget: &Budget| {
            let holder = budget.scope.holder(caller, None)?;
            let stretch = budget.window.at(&budget.zone, at_millis);
            let id = AccountId { budget: budget.name.clone(), holder: holder.into(), stretch };
            Some(Part { id, limit: self.limit(budget, at_millis), refuses: budget.refuses })
        };
        budgets.iter().filter_map(part).collect()
    }

    /// How much is used of the budget that is used most, of those that a request of this caller counts under, in
    /// hundredths of a percent. `None`: it counts under none.
    pub fn used(&self, budgets: &[Budget], caller: &Caller, at_millis: u64) -> Option<u32> {
        let parts = self.parts(budgets, caller, at_millis);
        parts.iter().map(|part| share(self.balance(&part.id).used(), part.limit)).max()
    }

    /// What is in an account, by all replicas where they share it.
    fn balance(&self, id: &AccountId) -> Balance {
        let own = self.accounts().balance(id);
        let view = self.leases.as_ref().and_then(|leases| leases.view(&window_name(id)));
        // Others' shares count as reserved as far as they are known; at least what this replica holds does.
        view.map_or(own, |view| Balance { settled: view.spent.max(own.settled), reserved: own.reserved })
    }

    /// Reserves `needed`, the dearest that a request can cost, in every budget that it counts under: in all or in none.
    ///
    /// # Errors
    /// `BudgetExceeded` naming the budget that does not hold it; `Overloaded` if budgets are shared and the shared server
    /// is gone.
    pub async fn reserve(
        &self,
        budgets: &[Budget],
        caller: &Caller,
        needed: Pico,
        at_millis: u64,
    ) -> Result<Option<Reservation>, Failure> {
        let parts = self.parts(budgets, caller, at_millis);
        if parts.is_empty() {
            return Ok(None);
        }
        let reserved = self.reserve_parts(&parts, budgets, needed, at_millis).await;
        reserved.map(Some).inspect_err(|failure| self.note_refusal(failure, &parts))
    }

    /// As [`reserve`](Self::reserve), for who has another use for less: a refusal is not counted as one.
    ///
    /// # Errors
    /// `BudgetExceeded`.
    pub async fn try_reserve(
        &self,
        budgets: &[Budget],
        caller: &Caller,
        needed: Pico,
        at_millis: u64,
    ) -> Result<Option<Reservation>, Failure> {
        let parts = self.parts(budgets, caller, at_millis);
        if parts.is_empty() {
            return Ok(None);
        }
        self.reserve_parts(&parts, budgets, needed, at_millis).await.map(Some)
    }

    fn note_refusal(&self, failure: &Failure, parts: &[Part]) {
        let Some(refusal) = &failure.budget else { return };
        let is_meant = |part: &&Part| part.id.budget == refusal.budget && part.id.holder == refusal.holder;
        if let Some(part) = parts.iter().find(is_meant) {
            *self.refusals().entry(part.id.clone()).or_default() += 1;
        }
    }

    fn refusals(&self) -> MutexGuard<'_, HashMap<AccountId, u64>> {
        self.state.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reserve_parts(
        &self,
        parts: &[Part],
        budgets: &[Budget],
        needed: Pico,
        at_millis: u64,
    ) -> Result<Reservation, Failure> {
        let whole = |part: &Part| budgets.iter().find(|budget| budget.name == part.id.budget);
        let held = match &self.leases {
            None => {
                self.accounts()
                    .reserve(parts, needed)
                    .map_err(|full| exceeded(&full, whole(&full.part), needed, at_millis))?;
                None
            }
            Some(leases) => {
                let claims: Vec<Claim> =
                    parts.iter().filter(|part| part.refuses).map(|part| claim(part, needed)).collect();
                let held = if claims.is_empty() {
                    None
                } else {
                    let taken = leases.reserve(&claims).await;
                    Some(taken.map_err(|refused| self.refused(&refused, parts, budgets, needed, at_millis))?)
                };
                self.accounts().hold(parts, needed);
                held
            }
        };
        Ok(Reservation { budgets: self.clone(), parts: parts.to_vec(), amount: needed, held })
    }

    /// A place in every budget that a request of this caller counts under, holding nothing and refusing nobody: for what
    /// was let in before and tells its cost now.
    pub fn follow(&self, budgets: &[Budget], caller: &Caller, at_millis: u64) -> Option<Reservation> {
        let parts = self.parts(budgets, caller, at_millis);
        let holds_nothing = Reservation { budgets: self.clone(), parts, amount: Pico::ZERO, held: None };
        (!holds_nothing.parts.is_empty()).then_some(holds_nothing)
    }

    fn refused(
        &self,
        refused: &shared::Refused,
        parts: &[Part],
        budgets: &[Budget],
        needed: Pico,
        at_millis: u64,
    ) -> Failure {
        let shared::Refused::Exceeded { window, spent, leased } = refused else {
            let message = "what is left of the budget is not known at the moment, and [shared] is set to refuse then";
            return Failure::new(FailureKind::Overloaded, message).with_retry_after(Duration::from_secs(5));
        };
        let part = parts.iter().find(|part| *window_name(&part.id) == **window).or(parts.first());
        let Some(part) = part else { return Failure::new(FailureKind::BudgetExceeded, "a budget is used up") };
        let full = Full { part: part.clone(), balance: Balance { settled: *spent, reserved: *leased } };
        let budget = budgets.iter().find(|budget| budget.name == part.id.budget);
        exceeded(&full, budget, needed, at_millis)
    }

    /// Keeps what is summed from the ledger and what is settled meanwhile apart: hold it from settling a request until its
    /// entry is the ledger's.
    pub fn ending(&self) -> RwLockReadGuard<'_, ()> {
        self.state.ending.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// These budgets are in use from now on. What is settled in `new` ones is forgotten, for it is about to be summed from
    /// the ledger: of requests that ended before `moment_micros` (since 1970), which are not counted here until
    /// [`restored`](Self::restored) is called.
    pub fn install(&self, all: &Arc<[Budget]>, new: &[&Budget], moment_micros: u64) {
        let _nobody_is_ending = self.state.ending.write().unwrap_or_else(PoisonError::into_inner);
        *self.state.installed.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(all);
        let mut accounts = self.accounts();
        new.iter().for_each(|budget| accounts.clear(&budget.name));
        if let Some(leases) = &self.leases {
            leases.sum_again(|window| new.iter().any(|budget| is_of(window, &budget.name)));
        }
        let names = new.iter().map(|budget| budget.name.clone()).collect();
        accounts.sum_before((!new.is_empty()).then_some((moment_micros, names)));
    }

    /// Waits until whoever is ending has handed its entry to the ledger.
    pub fn wait_for_endings(&self) {
        drop(self.state.ending.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Every sum is taken over: whoever ends is counted here again.
    pub fn restored(&self) {
        self.accounts().sum_before(None);
    }

    /// A request has ended and cost this. Where the budgets in use are not those that it began under, it counts in them as
    /// well.
    pub fn settle(&self, settled: Settled<'_>, reservation: Option<Reservation>) {
        let installed = Arc::clone(&self.state.installed.read().unwrap_or_else(PoisonError::into_inner));
        let mut late = Vec::new();
        if !Arc::ptr_eq(&installed, settled.began_under) {
            late = self.parts(&installed, settled.caller, settled.at_millis);
            let has =
                |part: &Part| reservation.as_ref().is_some_and(|one| one.parts.iter().any(|own| own.id == part.id));
            late.retain(|part| !has(part));
        }
        let mut accounts = self.accounts();
        let Settled { cost, ended_micros, .. } = settled;
        accounts.settle(&late, Pico::ZERO, cost, ended_micros);
        if let Some(reservation) = &reservation {
            accounts.settle(&reservation.parts, reservation.amount, cost, ended_micros);
        }
        let parts = late.iter().chain(reservation.iter().flat_map(|one| &one.parts));
        let summed = parts.filter(|part| accounts.is_summed(part, ended_micros)).map(|part| window_name(&part.id));
        let summed: Vec<Arc<str>> = summed.collect();
        drop(accounts);
        let late = Reservation { budgets: self.clone(), parts: late, amount: Pico::ZERO, held: None };
        [Some(late), reservation].into_iter().flatten().for_each(|one| one.tell(settled.cost, &summed));
    }

    /// Takes over what the ledger says was spent in the current window of a budget, for each holder.
    pub fn restore(&self, budget: &Budget, spent: impl IntoIterator<Item = (Option<String>, Pico)>, at_millis: u64) {
        let stretch = budget.window.at(&budget.zone, at_millis);
        let mut accounts = self.accounts();
        for (holder, spent) in spent {
            let holder = holder.unwrap_or_default();
            if budget.scope.value.as_deref().is_some_and(|value| value != holder) {
                continue;
            }
            let id = AccountId { budget: budget.name.clone(), holder: holder.into(), stretch };
            if let Some(leases) = &self.leases {
                leases.restore(&window(&id, self.limit(budget, at_millis)), spent);
            }
            accounts.restore(id, spent);
        }
    }

    /// Every account in its current window.
    pub fn status(&self, budgets: &[Budget], at_millis: u64) -> Vec<Status> {
        let ids: Vec<AccountId> = {
            let mut accounts = self.accounts();
            accounts.forget(at_millis);
            accounts.iter().map(|(id, _)| id.clone()).collect()
        };
        self.refusals().retain(|id, _| id.stretch.contains(at_millis));
        let mut all = Vec::new();
        for budget in budgets {
            let stretch = budget.window.at(&budget.zone, at_millis);
            let mut holders: Vec<Arc<str>> = ids
                .iter()
                .filter(|id| id.budget == budget.name && id.stretch == stretch)
                .map(|id| Arc::clone(&id.holder))
                .collect();
            // A budget of which nothing was spent yet is shown as well.
            let named: Option<Arc<str>> = match budget.scope.dimension {
                crate::domain::Dimension::All => Some("".into()),
                _ => budget.scope.value.clone(),
            };
            holders.extend(named.filter(|named| !holders.contains(named)));
            holders.sort();
            for holder in holders {
                let id = AccountId { budget: budget.name.clone(), holder, stretch };
                all.push(Status {
                    budget: budget.name.clone(),
                    scope: budget.scope.clone(),
                    stretch,
                    limit: self.limit(budget, at_millis),
                    balance: self.balance(&id),
                    alerts: Arc::clone(&budget.alerts),
                    refuses: budget.refuses,
                    refused: self.refusals().get(&id).copied().unwrap_or(0),
                    holder: id.holder,
                });
            }
        }
        all
    }
}

/// A request that has ended, and what it cost.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'a> {
    /// When it ended, in microseconds since 1970, as its entry says.
    pub ended_micros: u64,
    /// When it arrived: it counts in the windows of that moment, however long it took.
    pub at_millis: u64,
    /// Whose it was.
    pub caller: &'a Caller,
    /// What it cost.
    pub cost: Pico,
    /// The budgets that were in use when it began.
    pub began_under: &'a Arc<[Budget]>,
}

/// What a request holds in its budgets. Dropped without being settled it is given back.
#[must_use = "what is reserved comes back when this is dropped"]
#[derive(Debug)]
pub struct Reservation {
    budgets: Budgets,
    parts: Vec<Part>,
    amount: Pico,
    held: Option<Held>,
}

impl Reservation {
    /// How much it holds in each of its budgets.
    pub fn amount(&self) -> Pico {
        self.amount
    }

    /// Tells the replicas what was settled here: what it held beyond that is given back, and what it cost beyond that is
    /// spent as well. What a sum of the ledger will hold is not told of the windows that are `summed`.
    fn tell(mut self, cost: Pico, summed: &[Arc<str>]) {
        let parts = std::mem::take(&mut self.parts);
        let held = self.held.take();
        // What was not taken from the replica's share beforehand is told as spent.
        let untold = |part: &&Part| !part.refuses || held.is_none();
        if let Some(leases) = &self.budgets.leases {
            for part in parts.iter().filter(untold) {
                let window = window(&part.id, part.limit);
                if !summed.contains(&window.id) {
                    leases.spend(&window, cost);
                }
            }
        }
        if let Some(held) = held {
            held.settle_but(cost, summed);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.parts.is_empty() {
            self.budgets.accounts().settle(&self.parts, self.amount, Pico::ZERO, u64::MAX);
        }
    }
}

fn claim(part: &Part, hold: Pico) -> Claim {
    Claim { window: window(&part.id, part.limit), hold }
}

fn window(id: &AccountId, limit: Pico) -> shared::Window {
    let keep = if id.stretch.until_millis.is_some() { KEEP } else { Duration::ZERO };
    shared::Window { id: window_name(id), limit, keep }
}

/// An account's name on the shared server.
fn window_name(id: &AccountId) -> Arc<str> {
    format!("b:{}:{}:{}", id.budget, id.stretch.from_millis, id.holder).into()
}

/// Whether this is the name of an account of that budget.
fn is_of(window: &str, budget: &BudgetName) -> bool {
    window.strip_prefix("b:").and_then(|rest| rest.strip_prefix(budget.as_str())?.chars().next()) == Some(':')
}

/// The share of `limit` that `used` is, in hundredths of a percent, rounded down: 100 % is only told when it is reached.
pub fn share(used: Pico, limit: Pico) -> u32 {
    let hundredths = used.get().saturating_mul(10_000).checked_div(limit.get()).unwrap_or(i128::from(u32::MAX));
    u32::try_from(hundredths.max(0)).unwrap_or(u32::MAX)
}

/// The words with which a request is refused, and the same for machines.
fn exceeded(full: &Full, budget: Option<&Budget>, needed: Pico, at_millis: u64) -> Failure {
    let Full { part, balance } = full;
    let id = &part.id;
    let resets = id.stretch.until_millis.and_then(|until| {
        let zone = budget.map_or(jiff::tz::TimeZone::UTC, |budget| budget.zone.clone());
        Some(jiff::Timestamp::from_millisecond(i64::try_from(until).ok()?).ok()?.to_zoned(zone))
    });
    let resets = resets.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string());
    let whose = match (&*id.holder, budget.map(|budget| budget.scope.dimension.as_str())) {
        ("", _) | (_, None) => "everybody together".to_owned(),
        (holder, Some(dimension)) => format!("{dimension} `{holder}`"),
    };
    let again = resets.as_ref().map_or("it is never reset".to_owned(), |at| format!("it begins anew at {at}"));
    let message = format!(
        "the budget `{}` of {whose} does not hold this request: limit {} USD, settled {} USD, reserved for requests under \
         way {} USD, needed at most {} USD; {again}. A lower max_tokens needs less; the owner of the budget can raise it",
        id.budget, part.limit, balance.settled, balance.reserved, needed
    );
    let details = BudgetRefusal {
        budget: id.budget.clone(),
        scope: budget.map_or(Scope::ALL, |budget| budget.scope.clone()),
        holder: Arc::clone(&id.holder),
        limit: part.limit,
        settled: balance.settled,
        reserved: balance.reserved,
        needed,
        resets_at: resets,
    };
    let failure = Failure::new(FailureKind::BudgetExceeded, message).with_budget(details);
    // What waits for hours is better told than counted in seconds; clients do not sleep so long.
    let wait = id.stretch.until_millis.map(|until| Duration::from_millis(until.saturating_sub(at_millis)));
    match wait.filter(|wait| *wait <= Duration::from_secs(86_400)) {
        Some(wait) => failure.with_retry_after(wait),
        None => failure,
    }
}

#[cfg(test)]
mod tests;
