//! Budgets, as people and metrics see them.

use std::time::{SystemTime, UNIX_EPOCH};

use hyper::StatusCode;
use serde::Serialize;

use super::{AdminPort, Refusal, Reply, reply};
use crate::budget::Status;
use crate::domain::Pico;
use crate::observe::BudgetGauge;

/// The most accounts that metrics show, the most used first: holders come from keys and tokens, and may be many.
const MOST_SHOWN: usize = 500;

/// One account of a budget. Amounts are USD as exact decimal text.
#[derive(Serialize)]
struct Shown {
    budget: String,
    scope: &'static str,
    holder: String,
    from: Option<String>,
    resets_at: Option<String>,
    limit_usd: Pico,
    settled_usd: Pico,
    reserved_usd: Pico,
    used_percent: f64,
}

impl AdminPort {
    fn accounts(&self) -> Vec<Status> {
        let config = self.proxy.config.snapshot();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut accounts = self.proxy.books.budgets.status(&config.budgets, since.as_millis() as u64);
        accounts.sort_by_key(|account| std::cmp::Reverse(account.used()));
        accounts
    }

    /// Every account in its current window, the most used first.
    pub(super) fn budgets(&self) -> Result<Reply, Refusal> {
        let shown: Vec<Shown> = self.accounts().iter().map(shown).collect();
        let json = serde_json::to_vec(&serde_json::json!({ "budgets": shown }));
        let json = json.map_err(|error| {
            Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                format!("the budgets cannot be written: {error}"),
            )
        })?;
        Ok(reply::reply(StatusCode::OK, "application/json", json))
    }

    /// Puts the accounts into the metrics.
    pub(super) fn show_budgets(&self) {
        let gauge = |account: &Status| BudgetGauge {
            budget: account.budget.clone(),
            holder: account.holder.to_string(),
            limit: account.limit,
            settled: account.balance.settled,
            reserved: account.balance.reserved,
        };
        let gauges: Vec<BudgetGauge> = self.accounts().iter().take(MOST_SHOWN).map(gauge).collect();
        self.proxy.books.metrics.budgets.show(&gauges);
    }
}

fn shown(account: &Status) -> Shown {
    let moment = |millis: u64| jiff::Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok();
    let text = |millis: u64| moment(millis).map(|at| at.to_string());
    Shown {
        budget: account.budget.to_string(),
        scope: account.scope.dimension.as_str(),
        holder: account.holder.to_string(),
        from: account.stretch.until_millis.and(text(account.stretch.from_millis)),
        resets_at: account.stretch.until_millis.and_then(text),
        limit_usd: account.limit,
        settled_usd: account.balance.settled,
        reserved_usd: account.balance.reserved,
        used_percent: f64::from(account.used()) / 100.0,
    }
}
