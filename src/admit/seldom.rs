//! What anybody can bring about without a key is noted so often and no more.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// At most so many a second in the long run …
const EACH_SECOND: NonZeroU32 = NonZeroU32::new(5).expect("not zero");

/// … and so many at once.
const AT_ONCE: NonZeroU32 = NonZeroU32::new(50).expect("not zero");

/// Says what is still noted.
#[derive(Debug)]
pub struct Seldom(DefaultDirectRateLimiter);

impl Default for Seldom {
    fn default() -> Self {
        Self(RateLimiter::direct(Quota::per_second(EACH_SECOND).allow_burst(AT_ONCE)))
    }
}

impl Seldom {
    /// Whether one more is noted.
    pub fn allows(&self) -> bool {
        self.0.check().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_flood_little_is_noted() {
        let seldom = Seldom::default();
        let began = std::time::Instant::now();
        let noted = (0..10_000).filter(|_| seldom.allows()).count() as f64;
        assert!(noted >= 50.0 && noted <= 51.0 + 5.0 * began.elapsed().as_secs_f64(), "{noted}");
    }
}
