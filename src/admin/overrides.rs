//! Limits of budgets that are to differ from those of routes.toml for a time.

use bytes::Bytes;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::keys::parsed;
use super::reply::{Refusal, Reply, json};
use super::{AdminPort, Authorized};
use crate::domain::{BudgetName, Pico};
use crate::registry::{Moment, NewOverride};

/// What is sent: USD, moments, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// USD in one window.
    limit: f64,
    /// Default: now.
    from: Option<Moment>,
    until: Moment,
    why: String,
    owner: String,
}

impl AdminPort {
    /// Every override of this budget that was made at run time.
    pub(super) async fn overrides(&self, budget: &str) -> Result<Reply, Refusal> {
        let budget = self.budget(budget)?;
        let snapshot = self.registry.refresh().await?;
        let overrides: Vec<_> = snapshot.overrides.iter().filter(|one| one.budget == budget).collect();
        Ok(json(StatusCode::OK, &json!({ "overrides": overrides })))
    }

    pub(super) async fn override_budget(&self, who: &Authorized, budget: &str, body: &Bytes) -> Result<Reply, Refusal> {
        let budget = self.budget(budget)?;
        let wish: Wish = parsed(body)?;
        let limit = Pico::from_usd(wish.limit).ok_or_else(|| Refusal::malformed("`limit` is no amount in USD"))?;
        let from = wish.from.unwrap_or_else(Moment::now);
        let new = NewOverride { budget, limit, from, until: wish.until, why: wish.why, owner: wish.owner };
        let made = self.registry.override_budget(&who.who, &new).await?;
        Ok(json(StatusCode::CREATED, &json!({ "override": made })))
    }

    pub(super) async fn end_override(&self, who: &Authorized, budget: &str, id: &str) -> Result<Reply, Refusal> {
        let budget = BudgetName::parse(budget).map_err(|error| Refusal::malformed(error.to_string()))?;
        let id = id.parse().map_err(|_| Refusal::malformed("an override is named by its number"))?;
        self.registry.end_override(&who.who, &budget, id).await?;
        Ok(json(StatusCode::OK, &json!({ "ended": id })))
    }

    /// The budget of this name, which must be in routes.toml.
    fn budget(&self, name: &str) -> Result<BudgetName, Refusal> {
        let config = self.proxy.config.snapshot();
        let found = config.budgets.iter().find(|budget| budget.name.as_str() == name);
        found.map(|budget| budget.name.clone()).ok_or_else(|| {
            let names: Vec<&str> = config.budgets.iter().map(|budget| budget.name.as_str()).collect();
            Refusal::not_found(format!("there is no such budget: routes.toml has {}", names.join(", ")))
        })
    }
}
