//! How much of a prompt is in an endpoint's cache, if requests had gone elsewhere.
//!
//! What was recorded says how many tokens each prompt had in the cache of the endpoint that it went to. Had the request
//! gone elsewhere, they would be there only as far as the request before it of the same conversation went there too. Of
//! caches that would be warmer than they were nothing is said: savings of that kind are not counted.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::domain::Facts;
use crate::record::recorded::Recorded;

/// The longest that a provider keeps a prompt: after so many milliseconds a conversation begins anew.
const KEPT_MILLIS: u64 = 3_600_000;

/// So many conversations are looked through for those that are over.
const MANY: usize = 50_000;

/// An endpoint with its model, as a number: a prompt is cached for both together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place(u64);

impl Place {
    /// This endpoint with this model.
    pub fn of(endpoint: &str, model: &str) -> Self {
        Self(digest(&(endpoint, model)))
    }
}

/// The last request of a conversation.
#[derive(Clone, Copy, Debug)]
struct Last {
    at_millis: u64,
    /// Where it goes by the rules that are tried.
    here: Place,
    /// Where it went.
    there: Option<Place>,
    /// The prompt, all of it.
    tokens: u64,
}

/// Where conversations are.
#[derive(Debug, Default)]
pub struct Warmth {
    last: HashMap<u64, Last>,
    looked_at: usize,
}

impl Warmth {
    /// How many of the tokens that were read from a cache are in none if the request goes `here`, and not where it went.
    pub fn cooled(&mut self, recorded: &Recorded, facts: &Facts, here: Place, there: Option<Place>) -> u64 {
        let Some(usage) = &recorded.usage else { return 0 };
        self.forget(recorded.at_millis);
        let now = Last { at_millis: recorded.at_millis, here, there, tokens: usage.total_input() };
        let last = self.last.insert(conversation(recorded, facts), now);
        let last = last.filter(|last| recorded.at_millis.saturating_sub(last.at_millis) < KEPT_MILLIS);
        usage.cache_read - usage.cache_read.min(kept(last.as_ref(), &now))
    }

    fn forget(&mut self, at_millis: u64) {
        if self.last.len() < self.looked_at.max(MANY) {
            return;
        }
        self.last.retain(|_, last| at_millis.saturating_sub(last.at_millis) < KEPT_MILLIS);
        self.looked_at = self.last.len() * 2;
    }
}

/// How many tokens at most are still in the cache.
fn kept(last: Option<&Last>, now: &Last) -> u64 {
    let stays = now.there == Some(now.here);
    match last {
        None if stays => u64::MAX,
        None => 0,
        Some(last) if last.here == now.here => {
            if stays {
                u64::MAX
            } else {
                last.tokens
            }
        }
        // The request before it is elsewhere. If it was then too, what was read came from one that is not seen here.
        Some(last) if stays && last.there != now.there => u64::MAX,
        Some(_) => 0,
    }
}

/// What tells conversations apart: the thread, where the entry has one. Older entries do not: there it is who asks, with
/// which tool, for what, so that one person's two conversations at once are taken for one.
fn conversation(recorded: &Recorded, facts: &Facts) -> u64 {
    if let Some(thread) = facts.thread {
        return digest(&thread);
    }
    digest(&(&facts.key, &facts.engineer, &facts.feature, facts.app, &recorded.branch))
}

fn digest(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::domain::{Label, Usage};

    const A: fn() -> Place = || Place::of("a", "model");
    const B: fn() -> Place = || Place::of("b", "model");

    fn asked(minute: u64, cache_read: u64) -> Recorded {
        let usage = Usage { input: 1_000, cache_read, ..Usage::default() };
        Recorded { at_millis: minute * 60_000, usage: Some(usage), ..sample::recorded(minute) }
    }

    /// One conversation: minute, tokens read from the cache, where it goes now, where it went; and how many are cold.
    fn check(requests: &[(u64, u64, Place, Place, u64)]) {
        let (mut warmth, facts) = (Warmth::default(), Facts::default());
        for (minute, cache_read, here, there, expected) in requests {
            let cooled = warmth.cooled(&asked(*minute, *cache_read), &facts, *here, Some(*there));
            assert_eq!(cooled, *expected, "minute {minute}");
        }
    }

    #[test]
    fn where_nothing_moves_everything_is_as_it_was() {
        check(&[(0, 500, A(), A(), 0), (1, 9_000, A(), A(), 0), (2, 100, B(), B(), 0), (200, 9_000, A(), A(), 0)]);
    }

    #[test]
    fn a_conversation_that_moves_as_a_whole_is_cold_once() {
        check(&[(0, 500, B(), A(), 500), (1, 1_000, B(), A(), 0), (2, 1_200, B(), A(), 0)]);
    }

    #[test]
    fn what_was_not_in_the_prompt_before_is_not_in_the_cache() {
        check(&[(0, 0, B(), A(), 0), (1, 5_000, B(), A(), 4_000)]);
    }

    #[test]
    fn coming_and_going_is_paid_each_time() {
        check(&[(0, 0, A(), A(), 0), (1, 900, B(), A(), 900), (2, 900, A(), A(), 900), (3, 900, A(), A(), 0)]);
    }

    #[test]
    fn after_an_hour_a_moved_conversation_begins_anew() {
        check(&[(0, 0, B(), A(), 0), (59, 900, B(), A(), 0), (119, 900, B(), A(), 900)]);
    }

    #[test]
    fn conversations_of_several_people_are_several() {
        let mut warmth = Warmth::default();
        let facts = |name| Facts { engineer: Label::parse(name), ..Facts::default() };
        assert_eq!(warmth.cooled(&asked(0, 0), &facts("ana"), B(), Some(A())), 0);
        assert_eq!(warmth.cooled(&asked(1, 700), &facts("ben"), B(), Some(A())), 700);
        assert_eq!(warmth.cooled(&asked(2, 700), &facts("ana"), B(), Some(A())), 0);
    }

    #[test]
    fn conversations_that_are_over_are_forgotten() {
        let mut warmth = Warmth::default();
        for number in 0..3 * MANY as u64 {
            let facts = Facts { engineer: Label::parse(&format!("e{number}")), ..Facts::default() };
            warmth.cooled(&asked(number, 0), &facts, A(), Some(A()));
        }
        assert!(warmth.last.len() <= MANY, "{}", warmth.last.len());
    }
}
