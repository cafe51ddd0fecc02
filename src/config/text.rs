//! Values that are written as text: lengths of time, sizes, comparisons, times of day, dates.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;
use toml::value::{Datetime, Offset};

use crate::domain::{Difficulty, Risk};
use crate::route::Range;

/// A length of time such as `250ms`, `30s`, `5m`, `2h` or `14d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        "d" => number.checked_mul(86_400).map(Duration::from_secs),
        _ => None,
    }
}

/// A size such as `512KiB` or `32MiB`, in bytes.
pub(super) fn size(text: &str) -> Option<usize> {
    let (number, unit) = split_unit(text)?;
    let factor: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor).and_then(|bytes| usize::try_from(bytes).ok())
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit))
}

/// Comparisons such as `>= 1000, < 8_000`, all of which must hold. The range is empty if they contradict each other.
pub(super) fn range(text: &str) -> Option<Range> {
    let empty = Range { min: 1, max: 0 };
    text.split(',').try_fold(Range::ALL, |range, part| {
        let (comparison, number) = comparison(part);
        let number: u64 = number.replace('_', "").parse().ok().filter(|_| !number.starts_with('_'))?;
        let bounds = match comparison {
            ">=" => Some(Range { min: number, max: u64::MAX }),
            ">" => number.checked_add(1).map(|min| Range { min, max: u64::MAX }),
            "<=" => Some(Range { min: 0, max: number }),
            "<" => number.checked_sub(1).map(|max| Range { min: 0, max }),
            _ => Some(Range { min: number, max: number }),
        };
        let bounds = bounds.unwrap_or(empty);
        Some(Range { min: range.min.max(bounds.min), max: range.max.min(bounds.max) })
    })
}

/// The risk levels meant by `medium` or `>= medium`; none if nothing can be so.
pub(super) fn risk(text: &str) -> Option<Vec<Risk>> {
    let (comparison, level) = comparison(text);
    let level = Risk::parse(level)?;
    let meant = |other: &Risk| match comparison {
        ">=" => *other >= level,
        ">" => *other > level,
        "<=" => *other <= level,
        "<" => *other < level,
        _ => *other == level,
    };
    Some(Risk::ALL.iter().copied().filter(meant).collect())
}

fn comparison(text: &str) -> (&'static str, &str) {
    let text = text.trim();
    let signs = [">=", "<=", ">", "<", "="];
    let found = signs.into_iter().find_map(|sign| text.strip_prefix(sign).map(|rest| (sign, rest.trim_start())));
    found.unwrap_or(("=", text))
}

/// A time of day such as `09:30` or `24:00`, in minutes.
pub(super) fn clock(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| (part.len() == 2).then(|| part.parse::<u16>().ok()).flatten();
    let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
    let within = (hour < 24 && minute < 60) || (hour, minute) == (24, 0);
    within.then_some(hour * 60 + minute)
}

/// The day of a date.
pub(super) fn date(date: &Datetime) -> Option<civil::Date> {
    let day = date.date?;
    civil::Date::new(i16::try_from(day.year).ok()?, day.month.cast_signed(), day.day.cast_signed()).ok()
}

/// Percentages such as `>= 80%, < 100.5%`, as a range of hundredths of a percent.
pub(super) fn shares(text: &str) -> Option<Range> {
    let parts: Option<Vec<String>> = text.split(',').map(share).collect();
    range(&parts?.join(","))
}

/// One percentage such as `85%`, in hundredths of a percent.
pub fn percentage(text: &str) -> Option<u32> {
    let range = shares(text).filter(|range| range.min == range.max)?;
    u32::try_from(range.min).ok()
}

/// One of them: `>= 80.5%` is `>= 8050`.
fn share(text: &str) -> Option<String> {
    let (comparison, number) = comparison(text);
    let (whole, part) = number.strip_suffix('%')?.split_once('.').unwrap_or((number.strip_suffix('%')?, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = !whole.is_empty() && digits(whole) && digits(part) && part.len() <= 2;
    fits.then(|| format!("{comparison} {whole}{part:0<2}"))
}

/// Shares from 0 to 1 such as `< 0.4`, as a range of what [`Difficulty::compared`] says.
pub(super) fn difficulty(text: &str) -> Option<Range> {
    let whole = u64::from(Difficulty::WHOLE);
    match text.trim() {
        "unknown" => return Some(Range { min: u64::MAX, max: u64::MAX }),
        "known" => return Some(Range { min: 0, max: whole }),
        _ => {}
    }
    let parts: Option<Vec<String>> = text.split(',').map(ten_thousandths).collect();
    range(&parts?.join(","))
}

/// One of them: `>= 0.45` is `>= 4500`. One exact share is asked for by nobody.
fn ten_thousandths(text: &str) -> Option<String> {
    let (comparison, number) = comparison(text);
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = comparison != "=" && digits(whole) && digits(part) && part.len() <= 4;
    let parts: u64 = fits.then(|| format!("{whole}{part:0<4}").parse().ok())??;
    (parts <= Difficulty::WHOLE.into()).then(|| format!("{comparison} {parts}"))
}

/// A date, or a date with a time, in milliseconds since 1970 UTC; without an offset it is taken as UTC.
pub(super) fn moment(date: &Datetime) -> Option<u64> {
    let day = date.date?;
    let day = civil::date(i16::try_from(day.year).ok()?, day.month.cast_signed(), day.day.cast_signed());
    let time = date.time.map_or(civil::Time::midnight(), |time| {
        let second = time.second.unwrap_or(0).min(59);
        civil::time(time.hour.cast_signed(), time.minute.cast_signed(), second.cast_signed(), 0)
    });
    let local: Timestamp = day.to_datetime(time).to_zoned(TimeZone::UTC).ok()?.timestamp();
    let minutes = match date.offset {
        Some(Offset::Custom { minutes }) => i64::from(minutes),
        _ => 0,
    };
    u64::try_from(local.as_millisecond() - minutes * 60_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_and_sizes_have_units() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("2h"), Some(Duration::from_secs(7200)));
        assert_eq!(size("32MiB"), Some(32 << 20));
        for bad in ["", "30", "s", "1w", "-1s", "1.5s", "99999999999999999999s"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        for bad in ["32MB", "1", "99999999999GiB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    #[test]
    fn comparisons_become_ranges() {
        assert_eq!(range(">= 1000, < 8_000"), Some(Range { min: 1000, max: 7999 }));
        assert_eq!(range("7"), Some(Range { min: 7, max: 7 }));
        assert_eq!(range("> 3"), Some(Range { min: 4, max: u64::MAX }));
        assert!(range("< 0").expect("parses").is_empty() && range("> 5, < 3").expect("parses").is_empty());
        for bad in ["", "many", ">= ", "< 1k", "_1"] {
            assert_eq!(range(bad), None, "{bad}");
        }
    }

    #[test]
    fn percentages_are_counted_in_hundredths() {
        assert_eq!(shares(">= 80%"), Some(Range { min: 8000, max: u64::MAX }));
        assert_eq!(shares(">= 79.5%, < 100%"), Some(Range { min: 7950, max: 9999 }));
        assert_eq!(shares("> 0.05%"), Some(Range { min: 6, max: u64::MAX }));
        assert_eq!((percentage("85.5%"), percentage(">= 85%"), percentage("85")), (Some(8550), None, None));
        for bad in ["80", "%", "80.123%", "-3%", "80 %%"] {
            assert_eq!(shares(bad), None, "{bad}");
        }
    }

    #[test]
    fn risk_levels_compare() {
        assert_eq!(risk(">= medium"), Some(vec![Risk::Medium, Risk::High]));
        assert_eq!(risk("low"), Some(vec![Risk::Low]));
        assert_eq!(risk("< low"), Some(vec![]));
        assert_eq!(risk(">= severe"), None);
    }

    #[test]
    fn a_date_is_its_first_moment_in_utc() {
        let date = |text: &str| moment(&text.parse::<Datetime>().expect("a TOML date"));
        assert_eq!(date("1970-01-02"), Some(86_400_000));
        assert_eq!(date("1970-01-02T01:00:00+01:00"), Some(86_400_000));
        assert_eq!(date("12:00:00"), None);
    }
}
