//! Moments and lengths of time, as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment: `2027-12-31`, which is when that day begins in UTC, or `2027-12-31T18:00:00Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment(Timestamp);

impl Moment {
    /// This moment, in whole milliseconds, as it is stored.
    pub fn now() -> Self {
        Self::from_millis(Timestamp::now().as_millisecond())
    }

    /// The moment so many milliseconds after 1970 began in UTC; what is beyond the calendar is its end.
    pub fn from_millis(millis: i64) -> Self {
        Self(Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX))
    }

    /// Milliseconds since 1970 UTC.
    pub fn millis(self) -> i64 {
        self.0.as_millisecond()
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A moment with a time of day would also be read as its day.
        let day = (text.len() == "2027-12-31".len()).then(|| text.parse::<Date>().ok()).flatten();
        let day = day.and_then(|day| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp()));
        let moment = day.or_else(|| text.parse().ok()).map(Self);
        moment.ok_or_else(|| {
            format!("`{text}` is no moment: write a day (`2027-12-31`) or a time (`2027-12-31T18:00:00Z`)")
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_second();
        write!(f, "{}", Timestamp::from_second(seconds).unwrap_or(self.0))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A length of time such as `24h`, `90m` or `7d`.
///
/// # Errors
/// What is wrong with the text.
pub fn length(text: &str) -> Result<Duration, String> {
    let length = || -> Option<Duration> {
        let span: Span = text.parse().ok()?;
        let length: SignedDuration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        length.try_into().ok()
    };
    length().ok_or_else(|| format!("`{text}` is no length of time: such as `24h`, `90m` or `7d`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let day: Moment = "2027-12-31".parse().expect("a day");
        let time: Moment = "2027-12-31T00:00:00Z".parse().expect("a time");
        assert_eq!((day, day.to_string().as_str()), (time, "2027-12-31T00:00:00Z"));
        assert_eq!(Moment::from_millis(day.millis()), day);
        for bad in ["", "tomorrow", "2027-13-01", "2027-12-31T25:00:00Z"] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_length_has_a_unit_and_is_not_negative() {
        let check = |text, seconds| assert_eq!(length(text), Ok(Duration::from_secs(seconds)), "{text}");
        check("24h", 86_400);
        check("7d", 604_800);
        check("90m", 5_400);
        check("0s", 0);
        for bad in ["", "24", "-1h", "soon"] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }
}
