//! Spend out of the ledger, as the room of value wants it.

use std::sync::Arc;

use crate::record::LedgerError;
use crate::record::archive::Archive;
use crate::record::period::Period;
use crate::record::report::stages::{Staged, Stages};
use crate::record::report::{Filter, GroupBy};
use crate::value::join::{Outcomes, Work};
use crate::value::outcome::Outcome;
use crate::value::spend::{Amount, Spend};

/// How much is told of spend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// What joins it to outcomes.
    Join,
    /// That, and whose it is.
    Whose,
    /// That, and what drove it.
    Drivers,
}

impl Detail {
    fn columns(self) -> &'static [GroupBy] {
        const ALL: &[GroupBy] = &[GroupBy::Team, GroupBy::Tier, GroupBy::Rule, GroupBy::Escalated];
        match self {
            Detail::Join => &[],
            Detail::Whose => &ALL[..1],
            Detail::Drivers => ALL,
        }
    }
}

/// Where it makes a difference to the join with these outcomes when something was spent.
pub fn stages(outcomes: &[Outcome]) -> Arc<Stages> {
    let mut stages = Stages::default();
    for (work, all) in Outcomes::of(outcomes).stages() {
        let all = all.iter().map(|stage| (stage.since_millis, stage.hour_millis));
        match work {
            Work::Branch(branch) => stages.of_branch(branch, all),
            Work::Feature { feature, engineer } => stages.of_feature(feature, engineer, all),
        }
    }
    Arc::new(stages)
}

/// The spend of a period, of entries that have these values. Hours are put together where that makes no difference to the
/// join, so that there are about as many rows as there is work, however much was spent on it.
///
/// # Errors
/// If the ledger cannot be read.
pub async fn spend(
    ledger: &Archive,
    period: Period,
    equal: Vec<(GroupBy, String)>,
    stages: &Arc<Stages>,
    detail: Detail,
) -> Result<Vec<Spend>, LedgerError> {
    let columns = detail.columns();
    let staged = ledger.by_stage(&Filter { period, equal }, columns, stages).await?;
    Ok(staged.into_iter().map(|staged| row(staged, columns)).collect())
}

fn row(staged: Staged, columns: &[GroupBy]) -> Spend {
    let mut row = Spend { hour_millis: staged.moment, ..Spend::default() };
    for (by, key) in Stages::NAMED_BY.iter().chain(columns).zip(staged.line.keys) {
        match by {
            GroupBy::Engineer => row.engineer = key,
            GroupBy::Feature => row.feature = key,
            GroupBy::Branch => row.branch = key,
            GroupBy::Pr => row.pull_request = key,
            GroupBy::Team => row.team = key,
            GroupBy::Tier => row.tier = key,
            GroupBy::Rule => row.rule = key,
            GroupBy::Escalated => row.escalated = key.as_deref() == Some("yes"),
            _ => {}
        }
    }
    let totals = staged.line.totals;
    row.amount = Amount {
        requests: totals.requests,
        cost: totals.cost,
        baseline: totals.baseline,
        savings: totals.savings,
        unpriced: totals.unpriced,
        estimated: totals.estimated,
    };
    row
}
