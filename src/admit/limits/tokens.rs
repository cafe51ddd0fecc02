//! Tokens a minute of one holder. They are reserved by estimate before a request goes on and settled by what it used, so
//! a part of what was taken comes back, or more is taken than there was; governor can do neither.
//!
//! It is the same arithmetic as governor's (GCRA): what was taken is kept as the moment at which all of it will have come
//! back. Each reservation is a stretch of that time, and time runs through the stretches in their order. What time has
//! run through has come back already: of a reservation that turns out too large only the rest is given back, and the
//! stretches behind it move up. Otherwise a reservation that ended late would be given back twice.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Amount, MINUTE, Moment};

/// How far into the future a request that used more than was reserved can reach: a provider that tells absurd usage
/// locks nobody out for longer.
const LONGEST_DEBT: u64 = 10 * MINUTE;

/// What was taken of a minute's tokens.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// When all of it will have come back.
    back_at: u64,
    /// The reservations that are not settled yet.
    open: Vec<Stretch>,
    next: u64,
}

/// A reservation that is to be settled.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reservation(u64);

#[derive(Debug)]
struct Stretch {
    id: u64,
    from: u64,
    to: u64,
}

impl Tokens {
    /// Reserves so many, which must not be more than a minute has.
    ///
    /// # Errors
    /// How long until they can be had, if nothing is given back before.
    pub(super) fn reserve(
        &mut self,
        per_minute: NonZeroU32,
        tokens: u64,
        now: Moment,
    ) -> Result<Reservation, Duration> {
        let from = self.back_at.max(now.0);
        let to = from.saturating_add(length(per_minute, tokens));
        let latest = now.0.saturating_add(MINUTE);
        if to > latest {
            return Err(Duration::from_nanos(to - latest));
        }
        self.back_at = to;
        self.next += 1;
        self.open.push(Stretch { id: self.next, from, to });
        Ok(Reservation(self.next))
    }

    /// Puts what was used in the place of what was reserved.
    pub(super) fn settle(&mut self, per_minute: NonZeroU32, reserved: &Reservation, used: u64, now: Moment) {
        let Some(place) = self.open.iter().position(|stretch| stretch.id == reserved.0) else { return };
        let Stretch { from, to, .. } = self.open.swap_remove(place);
        let used_to = from.saturating_add(length(per_minute, used));
        if used_to > to {
            return self.charge_time(used_to - to, now);
        }
        let unused = to - used_to.max(now.0).min(to);
        self.back_at -= unused;
        for behind in self.open.iter_mut().filter(|behind| behind.from >= to) {
            behind.from -= unused;
            behind.to -= unused;
        }
    }

    /// Takes what was used without being reserved.
    pub(super) fn charge(&mut self, per_minute: NonZeroU32, tokens: u64, now: Moment) {
        self.charge_time(length(per_minute, tokens), now);
    }

    fn charge_time(&mut self, length: u64, now: Moment) {
        let longest = now.0.saturating_add(LONGEST_DEBT).max(self.back_at);
        self.back_at = self.back_at.max(now.0).saturating_add(length).min(longest);
    }

    /// How much is left.
    pub(super) fn amount(&self, per_minute: NonZeroU32, now: Moment) -> Amount {
        Amount::of(per_minute, self.back_at.saturating_sub(now.0))
    }

    /// Whether nothing is taken.
    pub(super) fn is_whole(&self, now: Moment) -> bool {
        self.open.is_empty() && self.back_at <= now.0
    }
}

/// The time in which so many tokens come back.
fn length(per_minute: NonZeroU32, tokens: u64) -> u64 {
    let length = u128::from(tokens) * u128::from(MINUTE) / u128::from(per_minute.get());
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HUNDRED: NonZeroU32 = NonZeroU32::new(100).expect("not zero");

    fn at(seconds: u64) -> Moment {
        Moment(seconds * 1_000_000_000)
    }

    fn left(tokens: &Tokens, seconds: u64) -> u64 {
        tokens.amount(HUNDRED, at(seconds)).remaining
    }

    #[test]
    fn what_was_reserved_too_much_comes_back() {
        let mut tokens = Tokens::default();
        let reserved = tokens.reserve(HUNDRED, 80, at(0)).expect("room");
        assert_eq!(tokens.reserve(HUNDRED, 40, at(0)), Err(Duration::from_secs(12)));
        tokens.settle(HUNDRED, &reserved, 30, at(0));
        assert_eq!(left(&tokens, 0), 70);
        assert!(tokens.is_whole(at(18)));
    }

    #[test]
    fn what_was_used_beyond_the_reservation_is_owed() {
        let mut tokens = Tokens::default();
        let reserved = tokens.reserve(HUNDRED, 10, at(0)).expect("room");
        tokens.settle(HUNDRED, &reserved, 150, at(0));
        assert_eq!(left(&tokens, 0), 0);
        assert!(tokens.reserve(HUNDRED, 0, at(29)).is_err(), "not even nothing while there is debt");
        assert!(tokens.reserve(HUNDRED, 0, at(30)).is_ok());
        tokens.charge(HUNDRED, u64::MAX, at(30));
        assert!(tokens.reserve(HUNDRED, 1, at(30 + 600)).is_ok(), "absurd usage locks nobody out for ever");
    }

    #[test]
    fn what_time_has_given_back_is_not_given_back_again() {
        let mut tokens = Tokens::default();
        let late = tokens.reserve(HUNDRED, 100, at(0)).expect("room");
        tokens.reserve(HUNDRED, 100, at(60)).expect("a minute later all is there again");
        tokens.settle(HUNDRED, &late, 0, at(60));
        assert_eq!(left(&tokens, 60), 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Wait(u64),
        Reserve(u64),
        Settle(prop::sample::Index, u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0u64..40_000_000_000).prop_map(Step::Wait),
            (0u64..=100).prop_map(Step::Reserve),
            (any::<prop::sample::Index>(), 0u64..130).prop_map(|(which, used)| Step::Settle(which, used)),
        ];
        prop::collection::vec(step, 1..60)
    }

    /// When all will have come back if what was used had been known from the start: each request's use counts when it
    /// came, what was used beyond the reservation when that was known.
    fn known_from_the_start(charges: &[(u64, u64)]) -> u64 {
        let mut charges = charges.to_vec();
        charges.sort_by_key(|(when, _)| *when);
        charges.iter().fold(0, |back_at: u64, (when, length)| back_at.max(*when) + length)
    }

    proptest! {
        /// Settling never allows more than if the use had been known when the request came.
        #[test]
        fn settling_never_allows_more_than_was_there(steps in steps()) {
            let (mut tokens, mut now) = (Tokens::default(), 0);
            let mut open: Vec<(Reservation, u64, u64)> = Vec::new();
            let mut settled: Vec<(u64, u64)> = Vec::new();
            for step in steps {
                match step {
                    Step::Wait(nanos) => now += nanos,
                    Step::Reserve(wanted) => {
                        if let Ok(reserved) = tokens.reserve(HUNDRED, wanted, Moment(now)) {
                            open.push((reserved, now, wanted));
                        }
                    }
                    Step::Settle(which, used) if !open.is_empty() => {
                        let (reserved, came, wanted) = open.swap_remove(which.index(open.len()));
                        tokens.settle(HUNDRED, &reserved, used, Moment(now));
                        settled.push((came, length(HUNDRED, used.min(wanted))));
                        settled.push((now, length(HUNDRED, used.saturating_sub(wanted))));
                    }
                    Step::Settle(..) => {}
                }
                let under_way = open.iter().map(|(_, came, wanted)| (*came, length(HUNDRED, *wanted)));
                let all: Vec<_> = settled.iter().copied().chain(under_way).collect();
                prop_assert!(tokens.back_at.max(now) >= known_from_the_start(&all).min(now + LONGEST_DEBT).max(now));
            }
            prop_assert_eq!(tokens.open.len(), open.len());
        }

        /// Within one moment nothing is lost and nothing won: what is left is what was there less what was used.
        #[test]
        fn in_one_moment_settling_is_exact(
            requests in prop::collection::vec((0u64..30, 0u64..30), 1..12),
            order in any::<prop::sample::Index>(),
        ) {
            let mut tokens = Tokens::default();
            let mut open = Vec::new();
            for (wanted, used) in requests {
                if let Ok(reserved) = tokens.reserve(HUNDRED, wanted, at(0)) {
                    open.push((reserved, used));
                }
            }
            let turn = order.index(open.len().max(1));
            open.rotate_left(turn);
            let used: u64 = open.iter().map(|(_, used)| used).sum();
            for (reserved, used) in &open {
                tokens.settle(HUNDRED, reserved, *used, at(0));
            }
            prop_assert_eq!(tokens.back_at, length(HUNDRED, used));
        }
    }
}
