//! Where the parts of a period are read from.

use std::ops::Range;

use super::super::cell::{DAY, HOUR, start_of};
use super::super::period::Period;

/// The parts of a period, none of which overlap. Moments are milliseconds since 1970 UTC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Read from the sums of days.
    pub days: Range<i64>,
    /// Read from the sums of hours.
    pub hours: Vec<Range<i64>>,
    /// Read from entries: the parts of hours at the edges.
    pub edges: Vec<Range<i64>>,
    /// What is not an edge: entries of this time that are not in the rollups yet have to be added.
    pub rolled: Range<i64>,
    /// The period that is added up, where it is not the one that was asked for.
    pub widened: Option<Period>,
}

const NOTHING: Range<i64> = 0..0;

impl Plan {
    /// For this period; with `by_hour` no day is read whole. Of the time before `kept_since` there are no entries.
    pub fn of(period: Period, by_hour: bool, kept_since: i64) -> Self {
        let wide = Period {
            since_millis: period
                .since_millis
                .map(|since| if since < kept_since { start_of(HOUR, since) } else { since }),
            until_millis: period.until_millis.map(|until| if until < kept_since { end_of(HOUR, until) } else { until }),
        };
        let (since, until) = (wide.since_millis.unwrap_or(i64::MIN), wide.until_millis.unwrap_or(i64::MAX));
        let (first, last) = (whole_from(HOUR, since), whole_until(HOUR, until));
        let widened = (wide != period).then_some(wide);
        if since >= until || first >= last {
            let edges = some([since..until, NOTHING]);
            return Self { days: NOTHING, hours: Vec::new(), edges, rolled: NOTHING, widened };
        }
        let (first_day, last_day) = (whole_from(DAY, first), whole_until(DAY, last));
        let (days, hours) = if by_hour || first_day >= last_day {
            (NOTHING, [first..last, NOTHING])
        } else {
            (first_day..last_day, [first..first_day, last_day..last])
        };
        let edges = some([since..first, last..until]);
        Self { days, hours: some(hours), edges, rolled: first..last, widened }
    }
}

/// Those that hold a moment.
fn some<const N: usize>(parts: [Range<i64>; N]) -> Vec<Range<i64>> {
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

fn end_of(span: i64, moment: i64) -> i64 {
    let start = start_of(span, moment);
    if start == moment { moment } else { start.saturating_add(span) }
}

/// Where the first whole hour or day begins; without a beginning, everything is whole.
fn whole_from(span: i64, since: i64) -> i64 {
    if since == i64::MIN { since } else { end_of(span, since) }
}

fn whole_until(span: i64, until: i64) -> i64 {
    if until == i64::MAX { until } else { start_of(span, until) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plan(since_millis: Option<i64>, until_millis: Option<i64>) -> Plan {
        Plan::of(Period { since_millis, until_millis }, false, 0)
    }

    #[test]
    fn a_period_is_cut_into_days_hours_and_what_is_left() {
        let plan = plan(Some(HOUR * 22 + 1), Some(DAY * 3 + HOUR + 5));
        assert_eq!(plan.days, DAY..3 * DAY);
        assert_eq!(plan.hours, [HOUR * 23..DAY, DAY * 3..DAY * 3 + HOUR]);
        assert_eq!(plan.edges, [HOUR * 22 + 1..HOUR * 23, DAY * 3 + HOUR..DAY * 3 + HOUR + 5]);
    }

    #[test]
    fn without_bounds_all_days_are_read() {
        let all = plan(None, None);
        assert_eq!((all.days, all.hours.len(), all.edges.len()), (i64::MIN..i64::MAX, 0, 0));
        assert_eq!(Plan::of(Period::default(), true, 0).hours.first(), Some(&(i64::MIN..i64::MAX)));
    }

    #[test]
    fn of_hours_without_entries_whole_ones_count() {
        let period = Period { since_millis: Some(HOUR + 1), until_millis: Some(5 * HOUR + 1) };
        let plan = Plan::of(period, false, 3 * HOUR);
        assert_eq!(plan.widened, Some(Period { since_millis: Some(HOUR), until_millis: Some(5 * HOUR + 1) }));
        assert_eq!((plan.hours.len(), plan.edges.len()), (1, 1));
        assert_eq!((&plan.hours[0], &plan.edges[0]), (&(HOUR..5 * HOUR), &(5 * HOUR..5 * HOUR + 1)));
    }

    proptest! {
        #[test]
        fn every_moment_is_read_once(since in 0..20 * DAY, length in 0..5 * DAY, by_hour: bool, moment in 0..25 * DAY) {
            let period = Period { since_millis: Some(since), until_millis: Some(since + length) };
            let plan = Plan::of(period, by_hour, 0);
            let parts = std::iter::once(&plan.days).chain(&plan.hours).chain(&plan.edges);
            let read = parts.filter(|part| part.contains(&moment)).count();
            prop_assert_eq!(read, usize::from((since..since + length).contains(&moment)));
            let from_rollups = std::iter::once(&plan.days).chain(&plan.hours).any(|part| part.contains(&moment));
            prop_assert_eq!(from_rollups, plan.rolled.contains(&moment));
        }
    }
}
