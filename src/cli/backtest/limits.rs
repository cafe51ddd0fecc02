//! What must not be exceeded, so that a merge request can be stopped.

use serde::Serialize;

use crate::cli::past::{percent, share};
use crate::replay::REFUSED_BEFORE;
use crate::replay::report::{Report, share_of};

/// Limits; without one, everything is good.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// By how much of the old cost the new may be higher.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    max_cost_increase: Option<u32>,
    /// Which share of the high-risk requests may go to a cheaper model.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    max_high_risk_to_cheap: Option<u32>,
    /// Which share of the requests may go elsewhere.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    max_changed: Option<u32>,
    /// Which share of the requests may be refused that were answered.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    max_newly_refused: Option<u32>,
    /// How many rules may decide nothing.
    #[arg(long, value_name = "COUNT")]
    max_never_hit: Option<u64>,
    /// How many budgets may burst, each holder and window counted.
    #[arg(long, value_name = "COUNT")]
    max_bursts: Option<u64>,
    /// Which share of the entries may be left out because they cannot be replayed. Those that were refused before the
    /// rules were asked do not count.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    max_left_out: Option<u32>,
}

/// A limit, and how the rules stand to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Breach {
    /// The flag.
    pub limit: &'static str,
    /// What is allowed.
    pub allowed: String,
    /// What was found.
    pub found: String,
    /// Whether that is more.
    pub is_over: bool,
}

impl Limits {
    /// Every limit that was set.
    pub fn breaches(&self, report: &Report) -> Vec<Breach> {
        let one_of = |part: u64, whole: u64| share_of(part.into(), whole.into());
        let refused_before = |reason: &String| reason.starts_with(REFUSED_BEFORE);
        let unreadable: u64 =
            report.left_out.iter().filter(|(reason, _)| !refused_before(reason)).map(|(_, count)| count).sum();
        let newly = one_of(report.unanswered.newly, report.replayed);
        let shares = [
            // What is dearer than nothing is dearer by any share.
            ("--max-cost-increase", self.max_cost_increase, increase(report)),
            ("--max-high-risk-to-cheap", self.max_high_risk_to_cheap, report.high_risk.to_cheap_share),
            ("--max-changed", self.max_changed, report.changed_share),
            ("--max-newly-refused", self.max_newly_refused, newly),
            ("--max-left-out", self.max_left_out, one_of(unreadable, report.entries)),
        ];
        let bursts = report.bursts.as_ref().map_or(0, |bursts| bursts.len() as u64);
        let counts = [
            ("--max-never-hit", self.max_never_hit, report.never_hit.len() as u64),
            ("--max-bursts", self.max_bursts, bursts),
        ];
        let shares = shares.into_iter().filter_map(|(limit, allowed, found)| {
            let allowed = i64::from(allowed?);
            let is_over = found.is_some_and(|found| found > allowed);
            Some(Breach { limit, allowed: percent(Some(allowed)), found: percent(found), is_over })
        });
        let counts = counts.into_iter().filter_map(|(limit, allowed, found)| {
            let allowed = allowed?;
            Some(Breach { limit, allowed: allowed.to_string(), found: found.to_string(), is_over: found > allowed })
        });
        shares.chain(counts).collect()
    }
}

/// By how much of the old cost the new is higher, rounded up: a limit of 0% holds to the pico-dollar.
fn increase(report: &Report) -> Option<i64> {
    let (old, difference) = (report.costs.old.get(), report.costs.difference.get());
    if difference <= 0 {
        return report.costs.difference_share.or(Some(0));
    }
    if old <= 0 {
        return Some(i64::MAX);
    }
    let hundredths = difference.saturating_mul(10_000).saturating_add(old - 1) / old;
    Some(i64::try_from(hundredths).unwrap_or(i64::MAX))
}
