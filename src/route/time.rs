//! Time of day and of the week, from a request's own time: no clock is read here.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Hours of some days of the week, in a time zone.
#[derive(Clone, Debug)]
pub struct TimeWindow {
    days: Vec<Weekday>,
    from: u16,
    to: u16,
    zone: TimeZone,
}

impl TimeWindow {
    /// From the minute `from` of each of `days` up to the minute `to`, which is no longer inside. If `to` is not after
    /// `from`, the window ends on the following day. `None` if there are no days or a minute lies past the day's end.
    pub fn new(days: Vec<Weekday>, from: u16, to: u16, zone: TimeZone) -> Option<Self> {
        (!days.is_empty() && from < DAY && to <= DAY).then_some(Self { days, from, to, zone })
    }

    /// Whether the moment (milliseconds since 1970 UTC) is inside.
    pub fn contains(&self, at_millis: u64) -> bool {
        let Some((day, minute)) = self.place(at_millis) else { return false };
        if self.from < self.to {
            return self.days.contains(&day) && (self.from..self.to).contains(&minute);
        }
        (minute >= self.from && self.days.contains(&day)) || (minute < self.to && self.days.contains(&day.previous()))
    }

    /// The moment as the window's zone tells it.
    pub fn local(&self, at_millis: u64) -> String {
        self.place(at_millis)
            .map_or_else(|| "unknown".to_owned(), |(day, minute)| format!("{} {}", short(day), clock(minute)))
    }

    fn place(&self, at_millis: u64) -> Option<(Weekday, u16)> {
        let at = Timestamp::from_millisecond(i64::try_from(at_millis).ok()?).ok()?;
        let local = self.zone.to_datetime(at);
        Some((local.weekday(), u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs())))
    }
}

impl PartialEq for TimeWindow {
    fn eq(&self, other: &Self) -> bool {
        self.days == other.days && (self.from, self.to) == (other.from, other.to) && self.zone == other.zone
    }
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<&str> = self.days.iter().map(|day| short(*day)).collect();
        let zone = self.zone.iana_name().unwrap_or("UTC");
        write!(f, "{} {} to {} {zone}", days.join(","), clock(self.from), clock(self.to))
    }
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// The days as rules spell them, Monday first.
pub const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

fn short(day: Weekday) -> &'static str {
    WEEKDAYS.iter().find(|(_, known)| *known == day).map_or("?", |(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[Weekday], from: u16, to: u16) -> TimeWindow {
        TimeWindow::new(days.to_vec(), from, to, TimeZone::get("Europe/Berlin").expect("a known zone")).expect("valid")
    }

    fn millis(text: &str) -> u64 {
        text.parse::<Timestamp>().expect("a timestamp").as_millisecond().unsigned_abs()
    }

    #[test]
    fn the_zone_decides_what_hour_it_is() {
        let office = window(&[Weekday::Monday], 9 * 60, 17 * 60);
        assert!(!office.contains(millis("2026-11-23T07:59:59Z")));
        assert!(office.contains(millis("2026-11-23T08:00:00Z")));
        assert!(!office.contains(millis("2026-11-23T16:00:00Z")));
        assert!(office.contains(millis("2026-07-06T07:00:00Z")), "summer time");
    }

    #[test]
    fn a_night_belongs_to_the_day_it_begins_on() {
        let friday_night = window(&[Weekday::Friday], 22 * 60, 6 * 60);
        assert!(friday_night.contains(millis("2026-11-27T22:30:00Z")));
        assert!(friday_night.contains(millis("2026-11-28T04:59:00Z")));
        assert!(!friday_night.contains(millis("2026-11-27T04:00:00Z")));
        assert!(!friday_night.contains(millis("2026-11-28T22:30:00Z")));
    }

    #[test]
    fn a_window_without_days_is_refused() {
        assert!(TimeWindow::new(vec![], 0, 60, TimeZone::UTC).is_none());
    }
}
