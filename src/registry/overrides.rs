//! Limits of budgets that differ from those of routes.toml for a time.

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::change::Plan;
use super::key::Stamp;
use super::snapshot::Snapshot;
use super::{Moment, Refused};
use crate::domain::{BudgetName, Pico};
use crate::store::{Row, Statement, StoreError};

/// What a budget's limit is to be, from when until when, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewOverride {
    /// The budget; whoever asks has made sure that there is one.
    pub budget: BudgetName,
    /// The limit in each of its windows.
    pub limit: Pico,
    /// The first moment at which it counts.
    pub from: Moment,
    /// The first moment at which it does not.
    pub until: Moment,
    /// Why.
    pub why: String,
    /// Who answers for it.
    pub owner: String,
}

/// An override that was made at run time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BudgetOverride {
    /// Its number.
    pub id: i64,
    /// The budget.
    pub budget: BudgetName,
    /// The limit in each of its windows.
    #[serde(rename = "limit_pico", serialize_with = "as_text")]
    pub limit: Pico,
    /// The first moment at which it counts.
    pub from: Moment,
    /// The first moment at which it does not.
    pub until: Moment,
    /// Why.
    pub why: String,
    /// Who answers for it.
    pub owner: String,
    /// Who made it.
    pub created: Stamp,
}

fn as_text<S: serde::Serializer>(limit: &Pico, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&limit.get())
}

pub(super) const SELECT: &str = "SELECT id, budget, limit_pico, from_millis, until_millis, why, owner, created_by, \
     created_millis FROM budget_overrides ORDER BY id";

impl BudgetOverride {
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int(0)?,
            budget: BudgetName::parse(&row.text(1)?).map_err(|_| StoreError::Shape(1))?,
            limit: row.text(2)?.parse().map(Pico::new).map_err(|_| StoreError::Shape(2))?,
            from: Moment::from_millis(row.int(3)?),
            until: Moment::from_millis(row.int(4)?),
            why: row.text(5)?,
            owner: row.text(6)?,
            created: Stamp { by: row.text(7)?, at: Moment::from_millis(row.int(8)?) },
        })
    }

    pub(super) fn insert(&self) -> Statement {
        let sql = "INSERT INTO budget_overrides (id, budget, limit_pico, from_millis, until_millis, why, owner, \
                   created_by, created_millis) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let values = vec![
            self.id.into(),
            self.budget.as_str().into(),
            self.limit.get().to_string().into(),
            self.from.millis().into(),
            self.until.millis().into(),
            self.why.as_str().into(),
            self.owner.as_str().into(),
            self.created.by.as_str().into(),
            self.created.at.millis().into(),
        ];
        Statement::one(sql, values)
    }

    fn told(&self) -> Json {
        serde_json::to_value(self).unwrap_or_else(|_| json!({"id": self.id}))
    }
}

/// A new override.
pub(super) fn create(now: &Snapshot, new: &NewOverride, stamp: &Stamp) -> Result<Plan, Refused> {
    if new.until <= new.from || new.until <= stamp.at {
        return Err(Refused::Nonsense(format!("the override of `{}` would be over before it begins", new.budget)));
    }
    if new.limit < Pico::ZERO {
        return Err(Refused::Nonsense(format!("the limit of `{}` cannot be below zero", new.budget)));
    }
    if new.why.trim().is_empty() || new.owner.trim().is_empty() {
        return Err(Refused::Nonsense("an override says why it is, and who answers for it: `why` and `owner`".into()));
    }
    let made = BudgetOverride {
        // No two changes make the same version.
        id: now.version + 1,
        budget: new.budget.clone(),
        limit: new.limit,
        from: new.from,
        until: new.until,
        why: new.why.clone(),
        owner: new.owner.clone(),
        created: stamp.clone(),
    };
    let plan = Plan::of("budget.override", new.budget.as_str()).after(made.told());
    Ok(plan.doing(made.insert()))
}

/// The end of an override.
pub(super) fn remove(now: &Snapshot, budget: &BudgetName, id: i64) -> Result<Plan, Refused> {
    let found = now.overrides.iter().find(|one| one.id == id && one.budget == *budget);
    let Some(found) = found else {
        return Err(Refused::Unknown(format!("the budget `{budget}` has no override {id}")));
    };
    let plan = Plan::of("budget.override", budget.as_str()).before(found.told());
    Ok(plan.doing(Statement::one("DELETE FROM budget_overrides WHERE id = $1", vec![id.into()])))
}
