//! What a provider still lets us ask of an endpoint, as the headers of its answers say, so that it is left alone before it
//! has to refuse.
//!
//! A provider is believed within bounds: what is no figure is ignored, and nobody is left alone for longer than
//! [`LONGEST`]. Requests that are sent are counted off until the next answer says what is left.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hyper::HeaderMap;
use jiff::{SignedDuration, Timestamp};

/// The longest that a provider's word keeps us from asking.
const LONGEST: Duration = Duration::from_secs(600);

/// No header that tells a time is longer.
const LONGEST_TEXT: usize = 64;

/// What a request takes of a provider's limits, by our estimate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// Tokens of the prompt.
    pub prompt: u64,
    /// Tokens of prompt and answer.
    pub total: u64,
}

/// How long an endpoint is to be left alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    /// Until its limits are whole again: so long others are asked.
    pub whole: Duration,
    /// Until this request probably passes, because limits come back bit by bit: so long nobody is asked.
    pub least: Duration,
}

/// What is limited, and the part of the headers' names that says so.
const KINDS: [&str; 4] = ["requests", "tokens", "input-tokens", "output-tokens"];

/// What one provider told of one endpoint.
#[derive(Debug, Default)]
pub struct Quota(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    kinds: [Option<Figure>; KINDS.len()],
    /// A refusal's `retry-after`.
    rests_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Figure {
    limit: Option<u64>,
    remaining: u64,
    told: Instant,
    whole: Instant,
}

impl Figure {
    /// How long until so much can be had.
    fn pause(&self, needed: u64, now: Instant) -> Option<Pause> {
        let whole = self.whole.checked_duration_since(now).filter(|left| !left.is_zero())?;
        let missing = needed.checked_sub(self.remaining).filter(|missing| *missing > 0)?;
        let Some(limit) = self.limit else { return Some(Pause { whole, least: whole }) };
        // What is larger than the whole limit is the provider's to judge.
        let lacks = limit.saturating_sub(self.remaining);
        if needed > limit || lacks == 0 {
            return None;
        }
        let share = missing as f64 / lacks as f64;
        let least = self.whole.saturating_duration_since(self.told).mul_f64(share.min(1.0));
        let least = (self.told + least).saturating_duration_since(now);
        Some(Pause { whole, least })
    }
}

impl Quota {
    /// Whether a request may go now; if not, for how long the endpoint is to be left alone.
    ///
    /// # Errors
    /// For how long.
    pub fn admit(&self, needs: Needs, now: Instant) -> Result<(), Pause> {
        let told = self.lock();
        let needed = [1, needs.total, needs.prompt, 1];
        let figures = told.kinds.iter().zip(needed).filter_map(|(figure, needed)| figure.as_ref()?.pause(needed, now));
        let resting = told.rests_until.and_then(|until| until.checked_duration_since(now));
        let resting = resting.filter(|left| !left.is_zero()).map(|left| Pause { whole: left, least: left });
        let longest =
            |one: Pause, other: Pause| Pause { whole: one.whole.max(other.whole), least: one.least.max(other.least) };
        figures.chain(resting).reduce(longest).map_or(Ok(()), Err)
    }

    /// A request goes: until its answer tells what is left, it is counted off.
    pub fn sent(&self, needs: Needs) {
        let mut told = self.lock();
        for (figure, taken) in told.kinds.iter_mut().zip([1, needs.total, needs.prompt, 0]) {
            if let Some(figure) = figure {
                figure.remaining = figure.remaining.saturating_sub(taken);
            }
        }
    }

    /// An answer came with these headers.
    pub fn learn(&self, headers: &HeaderMap, now: Instant, clock: SystemTime) {
        let clock = sent_at(headers).unwrap_or(clock);
        let mut told = self.lock();
        for (kind, known) in KINDS.iter().zip(&mut told.kinds) {
            let figure = figure(headers, kind, now, clock);
            *known = figure.or(known.take().filter(|figure| figure.whole > now));
        }
    }

    /// The provider refused because of its limits, and wants to be left alone for so long.
    pub fn rest(&self, pause: Duration, now: Instant) {
        let until = now + pause.min(LONGEST);
        let mut told = self.lock();
        told.rests_until = told.rests_until.max(Some(until));
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn figure(headers: &HeaderMap, kind: &str, now: Instant, clock: SystemTime) -> Option<Figure> {
    let told = |what: &str| {
        let value = headers.get(format!("x-ratelimit-{what}-{kind}"));
        let value = value.or_else(|| headers.get(format!("anthropic-ratelimit-{kind}-{what}")))?;
        value.to_str().ok().map(str::trim).filter(|text| text.len() <= LONGEST_TEXT)
    };
    let remaining = told("remaining")?.parse().ok()?;
    let reset = until(told("reset")?, clock)?.min(LONGEST);
    Some(Figure { limit: told("limit").and_then(|limit| limit.parse().ok()), remaining, told: now, whole: now + reset })
}

/// The moment of the answer by the provider's own clock, since its moments are told by that.
fn sent_at(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(hyper::header::DATE)?.to_str().ok()?).ok()
}

/// How long until what a header tells: a moment, a length such as `1m30.5s`, or seconds.
fn until(text: &str, clock: SystemTime) -> Option<Duration> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(SystemTime::from(moment).duration_since(clock).unwrap_or_default());
    }
    if let Ok(length) = text.parse::<SignedDuration>() {
        return Duration::try_from(length).ok();
    }
    let seconds: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Needs = Needs { prompt: 100, total: 300 };

    fn learnt(pairs: &[(&'static str, &'static str)], now: Instant) -> Quota {
        let headers = pairs.iter().map(|(name, value)| {
            (hyper::header::HeaderName::from_static(name), hyper::header::HeaderValue::from_static(value))
        });
        let quota = Quota::default();
        let clock: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a moment");
        quota.learn(&headers.collect(), now, clock.into());
        quota
    }

    fn pause(pairs: &[(&'static str, &'static str)]) -> Option<(f64, f64)> {
        let now = Instant::now();
        let refused = learnt(pairs, now).admit(NEEDS, now).err()?;
        Some((refused.whole.as_secs_f64(), refused.least.as_secs_f64()))
    }

    #[test]
    fn what_is_used_up_is_left_alone_until_it_is_whole() {
        let openai = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1m30.5s")];
        assert_eq!(pause(&openai), Some((90.5, 90.5)));
        let anthropic = [
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-11-22T10:00:20Z"),
        ];
        assert_eq!(pause(&anthropic), Some((20.0, 20.0)));
        assert_eq!(
            pause(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "2.5")]),
            Some((2.5, 2.5))
        );
        assert_eq!(pause(&[("x-ratelimit-remaining-requests", "1"), ("x-ratelimit-reset-requests", "1s")]), None);
    }

    #[test]
    fn tokens_must_hold_what_this_request_needs_and_come_back_bit_by_bit() {
        let told = [
            ("x-ratelimit-limit-tokens", "1100"),
            ("x-ratelimit-remaining-tokens", "100"),
            ("x-ratelimit-reset-tokens", "50s"),
        ];
        assert_eq!(pause(&told), Some((50.0, 10.0)), "200 of the 1000 that are missing");
        let small = [("x-ratelimit-limit-tokens", "200"), told[1], told[2]];
        assert_eq!(pause(&small), None, "what never fits is the provider's to judge");
        let input = [
            ("anthropic-ratelimit-input-tokens-remaining", "99"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-22T10:00:07Z"),
        ];
        assert_eq!(pause(&input), Some((7.0, 7.0)));
    }

    #[test]
    fn a_providers_clock_counts_where_it_tells_it() {
        let told = [
            ("date", "Sun, 22 Nov 2026 12:00:00 GMT"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-11-22T12:00:05Z"),
        ];
        assert_eq!(pause(&told), Some((5.0, 5.0)));
    }

    #[test]
    fn a_provider_is_believed_within_bounds() {
        let told = |reset| pause(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", reset)]);
        assert_eq!(told("9h"), Some((600.0, 600.0)));
        assert_eq!(told("9999-01-01T00:00:00Z"), Some((600.0, 600.0)));
        for garbage in ["", "soon", "-5s", "-1", "NaN", "inf", "1e300", "0s", "2020-01-01T00:00:00Z"] {
            let pause = told(garbage);
            assert!(pause.is_none() || pause == Some((600.0, 600.0)), "{garbage}: {pause:?}");
        }
        assert_eq!(pause(&[("x-ratelimit-remaining-requests", "none"), ("x-ratelimit-reset-requests", "5s")]), None);
        assert_eq!(pause(&[("x-ratelimit-remaining-requests", "0")]), None, "without an end it means nothing");
        let (quota, now) = (Quota::default(), Instant::now());
        quota.rest(Duration::from_secs(86_400), now);
        assert_eq!(quota.admit(NEEDS, now).map_err(|pause| pause.least), Err(LONGEST));
    }

    #[test]
    fn requests_under_way_are_counted_off() {
        let now = Instant::now();
        let told = [("x-ratelimit-remaining-requests", "2"), ("x-ratelimit-reset-requests", "10s")];
        let quota = learnt(&told, now);
        for _ in 0..2 {
            assert!(quota.admit(NEEDS, now).is_ok());
            quota.sent(NEEDS);
        }
        assert!(quota.admit(NEEDS, now).is_err());
        assert!(quota.admit(NEEDS, now + Duration::from_secs(10)).is_ok());
    }

    #[test]
    fn a_refusals_pause_is_kept() {
        let (quota, now) = (Quota::default(), Instant::now());
        quota.rest(Duration::from_secs(3), now);
        quota.rest(Duration::from_secs(1), now);
        assert!(quota.admit(NEEDS, now + Duration::from_secs(2)).is_err());
        assert!(quota.admit(NEEDS, now + Duration::from_secs(3)).is_ok());
    }
}
