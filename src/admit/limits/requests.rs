//! Requests a minute of one holder: governor decides, and what it remembers is kept here, so that what was taken can be
//! given back.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use super::{Amount, Moment};

/// What was taken of a minute's requests, as the moment at which all of it will have come back.
#[derive(Debug, Default)]
pub(super) struct Requests(AtomicU64);

/// Time is an argument here: while governor decides, the clock stands still at the moment that was given.
#[derive(Clone)]
struct Still;

impl Clock for Still {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(0)
    }
}

/// The state as governor wants it: how far what was taken reaches beyond this moment.
struct SeenAt<'r>(&'r AtomicU64, Moment);

impl StateStore for SeenAt<'_> {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let SeenAt(back_at, now) = self;
        let mut known = back_at.load(Ordering::Acquire);
        loop {
            let (outcome, next) = decide(Some(Nanos::new(known.saturating_sub(now.0))))?;
            let next = now.0.saturating_add(next.as_u64());
            match back_at.compare_exchange_weak(known, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(outcome),
                Err(newer) => known = newer,
            }
        }
    }
}

impl Requests {
    /// Takes one.
    ///
    /// # Errors
    /// How long until one can be taken.
    pub(super) fn take(&self, per_minute: NonZeroU32, now: Moment) -> Result<(), Duration> {
        let limiter: RateLimiter<_, _, _, NoOpMiddleware<Nanos>> =
            RateLimiter::new(Quota::per_minute(per_minute), SeenAt(&self.0, now), Still);
        limiter.check().map_err(|refused| refused.wait_time_from(Nanos::new(0)))
    }

    /// Gives one back that was taken a moment ago.
    pub(super) fn give_back(&self, per_minute: NonZeroU32) {
        let one = one(per_minute);
        let less = |known: u64| Some(known.saturating_sub(one));
        // The closure always returns a value, so the update always succeeds.
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
    }

    /// How much is left.
    pub(super) fn amount(&self, per_minute: NonZeroU32, now: Moment) -> Amount {
        Amount::of(per_minute, self.0.load(Ordering::Acquire).saturating_sub(now.0))
    }

    /// Whether nothing is taken.
    pub(super) fn is_whole(&self, now: Moment) -> bool {
        self.0.load(Ordering::Acquire) <= now.0
    }
}

/// The time in which one request comes back, in governor's rounding.
fn one(per_minute: NonZeroU32) -> u64 {
    u64::try_from(Quota::per_minute(per_minute).replenish_interval().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: NonZeroU32 = NonZeroU32::new(3).expect("not zero");

    fn at(seconds: u64) -> Moment {
        Moment(seconds * 1_000_000_000)
    }

    #[test]
    fn the_request_over_the_limit_is_told_how_long_to_wait() {
        let requests = Requests::default();
        assert!((0..3).all(|_| requests.take(THREE, at(7)).is_ok()));
        assert_eq!(requests.take(THREE, at(7)), Err(Duration::from_secs(20)), "three a minute is one in 20 s");
        assert!(requests.take(THREE, at(26)).is_err());
        assert!(requests.take(THREE, at(27)).is_ok());
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let requests = Requests::default();
        assert!((0..3).all(|_| requests.take(THREE, at(7)).is_ok()));
        requests.give_back(THREE);
        assert_eq!(requests.amount(THREE, at(7)).remaining, 1);
        assert!(requests.take(THREE, at(7)).is_ok());
        assert!(requests.take(THREE, at(7)).is_err(), "and no more than that");
    }

    #[test]
    fn a_new_limit_keeps_the_share_that_was_used() {
        let requests = Requests::default();
        let six = NonZeroU32::new(6).expect("not zero");
        assert!((0..3).all(|_| requests.take(THREE, at(0)).is_ok()));
        assert_eq!(requests.amount(six, at(0)).remaining, 0);
        assert_eq!(requests.amount(six, at(30)).remaining, 3);
    }
}
