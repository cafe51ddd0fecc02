//! What outcomes cost, as CSV (RFC 4180).

use std::io::{self, Write};

use super::super::csv::cell;
use crate::domain::Pico;
use crate::record::report::GroupBy;
use crate::value::cost::{Costs, Driver, Line};

const COLUMNS: &str = "outcomes,weight,requests,spend_usd,cost_per_outcome_usd,before_usd,outcomes_before,change_percent,\
                       outcomes_with_spend,direct_usd,direct_per_outcome_usd,joined_usd,ambiguous_usd,unjoined_usd,\
                       escalated_requests,escalated_usd,net_of_escalations_usd,savings_usd,unpriced,estimated,\
                       top_rule,top_rule_percent,top_tier,top_tier_percent";

/// Prints the lines, without a total: a sum in a column that is added up again misleads.
pub fn print(costs: &Costs, by: GroupBy, mut out: impl Write) -> io::Result<()> {
    write!(out, "{},{COLUMNS}\r\n", by.as_str())?;
    costs.lines.iter().try_for_each(|line| write!(out, "{}\r\n", cells(line).join(",")))
}

fn cells(line: &Line) -> Vec<String> {
    let usd = |amount: Option<Pico>| amount.map_or_else(String::new, |amount| amount.to_string());
    let account = &line.account;
    let trend = line.trend.as_ref();
    let mut cells = vec![
        cell(line.key.as_deref().unwrap_or_default()),
        line.outcomes.to_string(),
        line.weight.to_string(),
        account.total.requests.to_string(),
        usd(account.total.cost),
        usd(line.cost_per_outcome),
        usd(trend.and_then(|trend| trend.before)),
        trend.map_or_else(String::new, |trend| trend.outcomes_before.to_string()),
        trend.and_then(|trend| trend.change_permille).map_or_else(String::new, percent),
        line.outcomes_with_spend.to_string(),
        usd(line.direct),
        usd(line.direct_per_outcome),
        usd(account.joined.cost),
        usd(account.ambiguous.cost),
        usd(account.unjoined.cost),
        line.escalated.requests.to_string(),
        usd(line.escalated.cost),
        usd(line.net_of_escalations),
        usd(account.total.savings),
        account.total.unpriced.to_string(),
        account.total.estimated.to_string(),
    ];
    cells.extend(driver(&line.rules));
    cells.extend(driver(&line.tiers));
    cells
}

fn driver(drivers: &[Driver]) -> [String; 2] {
    let Some(first) = drivers.first() else { return [String::new(), String::new()] };
    [cell(first.name.as_deref().unwrap_or_default()), percent(first.share_permille)]
}

/// Tenths of a percent as percent.
fn percent(permille: i64) -> String {
    let sign = if permille < 0 { "-" } else { "" };
    format!("{sign}{}.{}", permille.unsigned_abs() / 10, permille.unsigned_abs() % 10)
}
