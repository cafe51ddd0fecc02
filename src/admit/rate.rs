//! Request rates: a key's requests a minute.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::Admitted;
use crate::domain::{Failure, FailureKind, KeyName};

struct Bucket {
    per_minute: NonZeroU32,
    limiter: Arc<DefaultDirectRateLimiter>,
}

/// Every key's bucket. It lives as long as the process: a reload changes limits, not what has been used of them.
#[derive(Default)]
pub struct Rates {
    buckets: Mutex<HashMap<KeyName, Bucket>>,
    clock: DefaultClock,
}

impl Rates {
    /// Counts one request of this caller.
    ///
    /// # Errors
    /// `RateLimited` with the time until the next one is allowed.
    pub fn check(&self, admitted: &Admitted) -> Result<(), Failure> {
        let Some((name, per_minute)) = admitted.caller.key.as_ref().zip(admitted.requests_per_minute) else {
            return Ok(());
        };
        let Err(refused) = self.limiter(name, per_minute).check() else { return Ok(()) };
        let wait = refused.wait_time_from(self.clock.now());
        let message =
            format!("the key `{name}` may send {per_minute} requests a minute: wait, or ask for a higher limit");
        Err(Failure::new(FailureKind::RateLimited, message).with_retry_after(wait))
    }

    fn limiter(&self, name: &KeyName, per_minute: NonZeroU32) -> Arc<DefaultDirectRateLimiter> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get(name).filter(|bucket| bucket.per_minute == per_minute) {
            return Arc::clone(&bucket.limiter);
        }
        let limiter = Arc::new(RateLimiter::direct(Quota::per_minute(per_minute)));
        buckets.insert(name.clone(), Bucket { per_minute, limiter: Arc::clone(&limiter) });
        limiter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{App, Caller};

    #[test]
    fn the_request_over_the_limit_is_told_how_long_to_wait() {
        let key = KeyName::parse("ana").ok();
        let caller = Caller { key, ..Caller::unknown(App::OTHER) };
        let admitted = Admitted {
            caller,
            may_choose: true,
            models: None,
            doors: None,
            requests_per_minute: NonZeroU32::new(3),
            tokens_per_minute: None,
            concurrent: None,
        };
        let rates = Rates::default();
        assert!((0..3).all(|_| rates.check(&admitted).is_ok()));
        let refused = rates.check(&admitted).expect_err("the fourth");
        let wait = refused.retry_after.expect("a time to wait");
        assert!(wait.as_secs_f64() > 15.0 && wait.as_secs_f64() <= 20.0, "{wait:?}: three a minute is one in 20 s");
    }
}
