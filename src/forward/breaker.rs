//! A circuit breaker for each endpoint: after failures in a row it is left alone for a while, then probed by one request.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row after which an endpoint is left alone.
pub const FAILURES_TO_OPEN: u32 = 5;

/// How long it is left alone at first; the time doubles with each probe that fails.
pub const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest that it is left alone.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a breaker lets through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BreakerState {
    /// Everything.
    Closed,
    /// One request, whose outcome decides.
    HalfOpen,
    /// Nothing.
    Open,
}

#[derive(Clone, Copy, Debug)]
enum Inner {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        pause: Duration,
    },
    /// A probe is out; should it never report, another may go after the pause.
    HalfOpen {
        since: Instant,
        pause: Duration,
    },
}

/// One endpoint's breaker. Its methods take the time, so that it can be tested without waiting.
#[derive(Debug)]
pub struct Breaker(Mutex<Inner>);

impl Default for Breaker {
    fn default() -> Self {
        Self(Mutex::new(Inner::Closed { failures: 0 }))
    }
}

impl Breaker {
    /// Whether a request may go now; if not, after how long it is worth asking again.
    ///
    /// # Errors
    /// The time that is left of the pause.
    pub fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut inner = self.lock();
        match *inner {
            Inner::Closed { .. } => Ok(()),
            Inner::Open { until, pause } if now >= until => {
                *inner = Inner::HalfOpen { since: now, pause };
                Ok(())
            }
            Inner::Open { until, .. } => Err(until - now),
            Inner::HalfOpen { since, pause } if now.duration_since(since) >= pause => {
                *inner = Inner::HalfOpen { since: now, pause };
                Ok(())
            }
            Inner::HalfOpen { since, pause } => Err((since + pause).saturating_duration_since(now)),
        }
    }

    /// The endpoint answered.
    pub fn succeeded(&self) {
        *self.lock() = Inner::Closed { failures: 0 };
    }

    /// The endpoint failed.
    pub fn failed(&self, now: Instant) {
        let mut inner = self.lock();
        *inner = match *inner {
            Inner::Closed { failures } if failures + 1 < FAILURES_TO_OPEN => Inner::Closed { failures: failures + 1 },
            Inner::Closed { .. } => Inner::Open { until: now + FIRST_PAUSE, pause: FIRST_PAUSE },
            Inner::HalfOpen { pause, .. } => {
                let pause = (pause * 2).min(LONGEST_PAUSE);
                Inner::Open { until: now + pause, pause }
            }
            // A request that was under way when the breaker opened tells nothing new.
            open @ Inner::Open { .. } => open,
        };
    }

    /// What it lets through.
    pub fn state(&self, now: Instant) -> BreakerState {
        match *self.lock() {
            Inner::Closed { .. } => BreakerState::Closed,
            Inner::Open { until, .. } if now < until => BreakerState::Open,
            Inner::Open { .. } | Inner::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::default();
        (0..FAILURES_TO_OPEN).for_each(|_| breaker.failed(now));
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_not_before() {
        let now = Instant::now();
        let breaker = Breaker::default();
        (1..FAILURES_TO_OPEN).for_each(|_| breaker.failed(now));
        assert!(breaker.admit(now).is_ok());
        breaker.succeeded();
        breaker.failed(now);
        assert_eq!(breaker.state(now), BreakerState::Closed, "an answer in between starts the count anew");
        assert_eq!(opened(now).admit(now), Err(FIRST_PAUSE));
    }

    #[test]
    fn one_probe_goes_after_the_pause_and_its_outcome_decides() {
        let now = Instant::now();
        let later = now + FIRST_PAUSE;
        let breaker = opened(now);
        assert!(breaker.admit(later).is_ok());
        assert!(breaker.admit(later).is_err(), "only one probe");
        breaker.failed(later);
        assert_eq!(breaker.admit(later), Err(FIRST_PAUSE * 2), "the pause doubles");
        assert!(breaker.admit(later + FIRST_PAUSE * 2).is_ok());
        breaker.succeeded();
        assert_eq!(breaker.state(later), BreakerState::Closed);
    }

    #[test]
    fn a_probe_that_never_reports_does_not_lock_the_endpoint_out() {
        let now = Instant::now();
        let breaker = opened(now);
        assert!(breaker.admit(now + FIRST_PAUSE).is_ok());
        assert!(breaker.admit(now + FIRST_PAUSE * 2).is_ok());
    }
}
