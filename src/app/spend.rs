//! Spend out of the ledger, as the room of value wants it.

use crate::record::LedgerError;
use crate::record::archive::Archive;
use crate::record::period::Period;
use crate::record::report::{Filter, GroupBy, Line};
use crate::value::spend::{Amount, Spend};

/// How much is told of spend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// What joins it to outcomes.
    Join,
    /// That, and what drove it.
    Drivers,
}

impl Detail {
    fn columns(self) -> &'static [GroupBy] {
        const ALL: &[GroupBy] = &[
            GroupBy::Hour,
            GroupBy::Engineer,
            GroupBy::Feature,
            GroupBy::Branch,
            GroupBy::Pr,
            GroupBy::Team,
            GroupBy::Tier,
            GroupBy::Rule,
            GroupBy::Escalated,
        ];
        match self {
            Detail::Join => &ALL[..5],
            Detail::Drivers => ALL,
        }
    }
}

/// The spend of a period, of entries that have these values.
///
/// # Errors
/// If the ledger cannot be read.
pub async fn spend(
    ledger: &Archive,
    period: Period,
    equal: Vec<(GroupBy, String)>,
    detail: Detail,
) -> Result<Vec<Spend>, LedgerError> {
    let columns = detail.columns();
    let report = ledger.report(&Filter { period, equal }, columns).await?;
    Ok(report.lines.into_iter().map(|line| row(line, columns)).collect())
}

fn row(line: Line, columns: &[GroupBy]) -> Spend {
    let mut row = Spend::default();
    for (by, key) in columns.iter().zip(line.keys) {
        match by {
            GroupBy::Hour => row.hour_millis = key.as_deref().and_then(moment).unwrap_or(0),
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
    let totals = line.totals;
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

fn moment(text: &str) -> Option<i64> {
    Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}
