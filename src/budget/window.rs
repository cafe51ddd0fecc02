//! The time over which a budget counts: calendar days, weeks and months in a named time zone, or all time.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// Over which time a budget counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// All time.
    Total,
}

impl Window {
    /// The word used in `routes.toml` and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Window::Day => "day",
            Window::Week => "week",
            Window::Month => "month",
            Window::Total => "total",
        }
    }

    /// The window that this moment (milliseconds since 1970 UTC) lies in.
    ///
    /// A day begins where the zone's day begins: the one on which clocks go forward has 23 hours, and where midnight is
    /// left out it begins an hour later.
    pub fn at(self, zone: &TimeZone, at_millis: u64) -> Stretch {
        let whole = Stretch { from_millis: 0, until_millis: None };
        let Ok(moment) = Timestamp::from_millisecond(i64::try_from(at_millis).unwrap_or(i64::MAX)) else {
            return whole;
        };
        let today = moment.to_zoned(zone.clone()).date();
        let first = match self {
            Window::Total => return whole,
            Window::Day => Some(today),
            Window::Week => today.checked_sub(i64::from(today.weekday().since(Weekday::Monday)).days()).ok(),
            Window::Month => Some(today.first_of_month()),
        };
        let next = first.and_then(|first| match self {
            Window::Day => first.checked_add(1.day()).ok(),
            Window::Week => first.checked_add(1.week()).ok(),
            _ => first.checked_add(1.month()).ok(),
        });
        // Years that no calendar holds have no windows; what is spent in them counts all together.
        let Some((from, until)) =
            first.zip(next).and_then(|(first, next)| Some((begin(first, zone)?, begin(next, zone)?)))
        else {
            return whole;
        };
        Stretch { from_millis: from, until_millis: Some(until) }
    }
}

/// When a day begins in a zone.
fn begin(day: Date, zone: &TimeZone) -> Option<u64> {
    let begins = day.to_zoned(zone.clone()).and_then(|zoned: Zoned| zoned.start_of_day()).ok()?;
    u64::try_from(begins.timestamp().as_millisecond()).ok()
}

/// A time from one moment until another, in milliseconds since 1970 UTC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Stretch {
    /// The first moment.
    pub from_millis: u64,
    /// The first moment that is no longer part of it; `None`: it never ends.
    pub until_millis: Option<u64>,
}

impl Stretch {
    /// Whether this moment is part of it.
    pub fn contains(self, at_millis: u64) -> bool {
        self.from_millis <= at_millis && self.until_millis.is_none_or(|until| at_millis < until)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(text: &str) -> u64 {
        let moment: Timestamp = text.parse().expect("a moment");
        moment.as_millisecond() as u64
    }

    fn check(window: Window, zone: &str, at: &str, from: &str, until: &str) {
        let zone = TimeZone::get(zone).expect("a zone");
        let expected = Stretch { from_millis: millis(from), until_millis: Some(millis(until)) };
        assert_eq!(window.at(&zone, millis(at)), expected, "{window:?} at {at}");
    }

    #[test]
    fn windows_begin_where_the_zone_says() {
        check(Window::Day, "UTC", "2026-11-22T23:59:59Z", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z");
        check(Window::Day, "Europe/Berlin", "2026-11-22T23:30:00Z", "2026-11-22T23:00:00Z", "2026-11-23T23:00:00Z");
        check(Window::Week, "Europe/Berlin", "2026-11-22T12:00:00Z", "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z");
        check(
            Window::Month,
            "America/New_York",
            "2026-12-01T03:00:00Z",
            "2026-11-01T04:00:00Z",
            "2026-12-01T05:00:00Z",
        );
    }

    #[test]
    fn the_day_on_which_clocks_change_is_shorter_or_longer() {
        check(Window::Day, "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        check(Window::Day, "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        // Midnight does not exist on this day: it begins at one o'clock.
        check(Window::Day, "America/Santiago", "2026-09-06T12:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z");
    }

    proptest! {
        #[test]
        fn each_moment_lies_in_its_window_and_windows_meet(
            at in 0_u64..4_102_444_800_000,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/Santiago", "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca"]),
            window in prop::sample::select(vec![Window::Day, Window::Week, Window::Month]),
        ) {
            let zone = TimeZone::get(zone).expect("a zone");
            let stretch = window.at(&zone, at);
            prop_assert!(stretch.contains(at));
            let until = stretch.until_millis.expect("it ends");
            prop_assert_eq!(window.at(&zone, until).from_millis, until, "the next begins where this one ends");
            prop_assert_eq!(window.at(&zone, until - 1), stretch);
        }
    }
}
