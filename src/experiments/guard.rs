//! What ends an experiment because an arm does worse.
//!
//! A guard looks again and again, and a test that is made often enough finds something some day though there is nothing. So
//! each look has a part of what may be erred in all: of 5 %, the k-th look has 5 % / (k (k + 1)), which add up to no more
//! (Bonferroni's bound over all looks and arms, so it holds however the looks hang together). Looks are made when there is a
//! quarter more to see than at the last one, so that there are few of them and reading the ledger for all of them takes
//! little more than reading it for the last.

use super::observed::Observed;
use super::stats::{Interval, mean_change, share_difference};
use crate::domain::{Guard, Metric};

/// How often an experiment may be ended though no arm does worse.
pub const ERROR: f64 = 0.05;

/// Sessions that an arm must have had: of fewer even Student's quantile says little.
const LEAST_SESSIONS: f64 = 10.0;

/// How much more there must be than at the look before.
const GROWTH: f64 = 1.25;

/// Whether there is enough for the look that comes after so many, with so much to see in all arms together.
pub fn is_due(guard: &Guard, arms: usize, looks: u32, seen: u64) -> bool {
    let first = f64::from(guard.min_requests) * arms as f64;
    let exponent = i32::try_from(looks.min(200)).unwrap_or(200);
    seen as f64 >= first * GROWTH.powi(exponent)
}

/// An arm that does worse.
#[derive(Clone, PartialEq, Debug)]
pub struct Worse {
    /// Which.
    pub arm: String,
    /// By how much: points of a share, or a part of the cost.
    pub by: Interval,
}

/// The first arm that does worse than control by as much as the guard says, and by more than chance explains.
pub fn judge(guard: &Guard, observed: &Observed, control: &str, looks_before: u32) -> Option<Worse> {
    let others = observed.len().saturating_sub(1).max(1) as f64;
    let look = f64::from(looks_before) + 1.0;
    // One side of the interval is asked about.
    let confidence = 1.0 - 2.0 * ERROR / (look * (look + 1.0)) / others;
    let control_arm = observed.get(control)?;
    let on_control = control_arm.in_metric(guard.metric)?;
    observed.iter().filter(|(name, _)| *name != control).find_map(|(name, arm)| {
        let rate = arm.in_metric(guard.metric)?;
        let least = u64::from(guard.min_requests);
        let is_enough = arm.counted(guard.metric).min(control_arm.counted(guard.metric)) >= least
            && rate.sessions.min(on_control.sessions) >= LEAST_SESSIONS;
        let by = match guard.metric {
            Metric::Cost => mean_change(&rate, &on_control, confidence)?,
            _ => share_difference(&rate, &on_control, confidence),
        };
        let is_worse = by.low > 0.0 && by.value >= f64::from(guard.worse_by) / 10_000.0;
        (is_enough && is_worse).then(|| Worse { arm: name.clone(), by })
    })
}

#[cfg(test)]
mod tests {
    use super::super::observed::{ArmObserved, Request};
    use super::*;

    fn guard(worse_by: u32) -> Guard {
        Guard { metric: Metric::Failures, worse_by, min_requests: 100 }
    }

    fn arm(requests: u32, failures: u32) -> ArmObserved {
        let mut arm = ArmObserved::default();
        for place in 0..requests {
            arm.add(Some(&format!("s{place}")), Request { failed: place < failures, ..Request::default() });
        }
        arm
    }

    fn observed(control: ArmObserved, small: ArmObserved) -> Observed {
        Observed::from([("control".to_owned(), control), ("small".to_owned(), small)])
    }

    #[test]
    fn an_arm_must_be_worse_by_enough_and_by_more_than_chance() {
        let check = |small: (u32, u32), worse_by: u32, expected: bool| {
            let judged = judge(&guard(worse_by), &observed(arm(200, 10), arm(small.0, small.1)), "control", 0);
            assert_eq!(judged.is_some(), expected, "{small:?} {worse_by}: {judged:?}");
        };
        check((200, 60), 1000, true);
        check((200, 60), 3000, false);
        check((200, 14), 0, false);
        check((99, 60), 1000, false);
        check((200, 0), 0, false);
    }

    #[test]
    fn few_sessions_are_not_judged_however_many_requests_they_had() {
        let mut small = ArmObserved::default();
        (0..500).for_each(|place| {
            small.add(Some(&format!("s{}", place % 9)), Request { failed: true, ..Request::default() });
        });
        assert_eq!(judge(&guard(1000), &observed(arm(200, 10), small), "control", 0), None);
    }

    #[test]
    fn later_looks_need_more_to_go_by() {
        let seen = || observed(arm(200, 10), arm(200, 25));
        assert!(judge(&guard(500), &seen(), "control", 0).is_some());
        assert!(judge(&guard(500), &seen(), "control", 9).is_none());
        assert!(is_due(&guard(0), 2, 0, 200) && !is_due(&guard(0), 2, 0, 199));
        assert!(is_due(&guard(0), 2, 1, 250) && !is_due(&guard(0), 2, 1, 249));
    }

    /// In a thousand experiments whose arms are the same, looked at as often as they would be, few are ended: that is what
    /// the bound promises.
    #[test]
    fn arms_that_are_the_same_are_seldom_told_apart() {
        let mut draw = 7_u64;
        let mut next = || {
            draw ^= draw << 13;
            draw ^= draw >> 7;
            draw ^= draw << 17;
            draw.is_multiple_of(10)
        };
        let mut ended = 0;
        for _ in 0..400 {
            let (mut control, mut small) = (ArmObserved::default(), ArmObserved::default());
            let mut looks = 0;
            for place in 0..1000 {
                control.add(None, Request { failed: next(), ..Request::default() });
                small.add(None, Request { failed: next(), ..Request::default() });
                if is_due(&guard(0), 2, looks, 2 * (place + 1)) {
                    let all = observed(control.clone(), small.clone());
                    if judge(&guard(0), &all, "control", looks).is_some() {
                        ended += 1;
                        break;
                    }
                    looks += 1;
                }
            }
        }
        assert!(ended <= 20, "{ended} of 400 were ended, 5 % would be 20");
    }
}
