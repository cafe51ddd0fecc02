//! From when to when: `7d`, `24h`, `2026-11-01` or `2026-11-01T08:00:00Z`, as people type it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// What is no moment.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "`{0}` is no time: write a span back from now (`7d`, `24h`), a day (`2026-11-01`) or a moment (`2026-11-01T08:00:00Z`)"
)]
pub struct NoMoment(String);

/// A half-open range of time, in milliseconds since 1970 UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Period {
    /// The first moment in it; `None`: from the beginning.
    pub since_millis: Option<i64>,
    /// The first moment after it; `None`: to the end.
    pub until_millis: Option<i64>,
}

impl Period {
    /// The period between two moments as people type them. Days are days in UTC, and the last one is part of it.
    ///
    /// # Errors
    /// The text that is no moment.
    pub fn parse(since: Option<&str>, until: Option<&str>, now: Timestamp) -> Result<Self, NoMoment> {
        let since_millis = since.map(|text| moment(text, now, Edge::Start)).transpose()?;
        let until_millis = until.map(|text| moment(text, now, Edge::End)).transpose()?;
        Ok(Self { since_millis, until_millis })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Edge {
    Start,
    End,
}

fn moment(text: &str, now: Timestamp, edge: Edge) -> Result<i64, NoMoment> {
    let found = day(text, edge).or_else(|| text.parse().ok()).or_else(|| back_from(now, text));
    found.map(Timestamp::as_millisecond).ok_or_else(|| NoMoment(text.to_owned()))
}

fn day(text: &str, edge: Edge) -> Option<Timestamp> {
    // A moment with a time of day would also be read as its day.
    let day: Date = (text.len() == "2026-11-01".len()).then(|| text.parse().ok())??;
    let first = if edge == Edge::End { day.tomorrow().ok()? } else { day };
    Some(first.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn back_from(now: Timestamp, text: &str) -> Option<Timestamp> {
    let span: Span = text.parse().ok()?;
    Some(now.to_zoned(TimeZone::UTC).checked_sub(span.abs()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(text: &str) -> Option<String> {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let millis = Period::parse(Some(text), None, now).ok()?.since_millis?;
        Some(Timestamp::from_millisecond(millis).unwrap().to_string())
    }

    #[test]
    fn moments_are_read_as_people_type_them() {
        let check = |text, expected: &str| assert_eq!(since(text).as_deref(), Some(expected), "{text}");
        check("7d", "2026-11-15T12:00:00Z");
        check("24h", "2026-11-21T12:00:00Z");
        check("1 month", "2026-10-22T12:00:00Z");
        check("2026-11-01", "2026-11-01T00:00:00Z");
        check("2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z");
        check("2026-11-01T08:00:00.25+02:00", "2026-11-01T06:00:00.25Z");
    }

    #[test]
    fn the_last_day_is_part_of_the_period() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let one_day = Period::parse(Some("2026-11-01"), Some("2026-11-01"), now).unwrap();
        assert_eq!(
            one_day.until_millis.zip(one_day.since_millis).map(|(until, since)| until - since),
            Some(86_400_000)
        );
    }

    #[test]
    fn what_is_no_moment_is_told() {
        for text in ["", "yesterday", "2026-13-01", "99999999999 years", "7"] {
            assert_eq!(since(text), None, "{text}");
        }
    }
}
