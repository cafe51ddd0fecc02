use proptest::prelude::*;

use super::*;
use crate::domain::{App, Dimension, KeyName, Label};

fn limit(name: &str, dimension: Dimension, requests: u32, tokens: u32, concurrent: u32) -> Arc<Limit> {
    let allowance = Allowance {
        requests_per_minute: NonZeroU32::new(requests),
        tokens_per_minute: NonZeroU32::new(tokens),
        concurrent: NonZeroU32::new(concurrent),
    };
    let name = LimitName::parse(name).expect("a name");
    Arc::new(Limit::new(name, Scope { dimension, value: None }, allowance).expect("a limit"))
}

fn ana(feature: &str) -> Caller {
    Caller {
        key: KeyName::parse("ana").ok(),
        team: Label::parse("payments"),
        feature: Label::parse(feature),
        ..Caller::unknown(App::OTHER)
    }
}

fn remaining(limits: &Limits, limit: &Arc<Limit>, now: Instant) -> u64 {
    let remainder = limits.enter([limit], &ana("x"), None, now).expect("room").remainder(now);
    remainder.requests.or(remainder.tokens).expect("limited").remaining
}

#[test]
fn a_request_counts_under_all_of_its_limits_or_none() {
    let (wide, narrow) = (limit("wide", Dimension::Team, 10, 0, 0), limit("narrow", Dimension::Key, 2, 0, 0));
    let (limits, now) = (Limits::default(), Instant::now());
    let enter = || limits.enter([&wide, &narrow], &ana("x"), None, now);
    assert!(enter().is_ok() && enter().is_ok());
    let refused = enter().expect_err("the third");
    assert_eq!((refused.limit.name().as_str(), &*refused.holder, refused.used), ("narrow", "ana", 2));
    assert_eq!(refused.remainder.requests.map(|amount| amount.remaining), Some(0));
    let failure = refused.failure();
    let wait = failure.retry_after.expect("a time").as_secs_f64();
    assert!((29.9..=30.0).contains(&wait), "{wait}");
    assert!(failure.message.contains("`narrow` allows key `ana` 2 requests a minute"), "{}", failure.message);
    assert_eq!(remaining(&limits, &wide, now), 7, "the refused one counts nowhere; this look is the third");
}

#[test]
fn requests_under_way_are_counted_until_their_pass_is_dropped() {
    let two = limit("two", Dimension::Key, 0, 0, 2);
    let (limits, now) = (Limits::default(), Instant::now());
    let first = limits.enter([&two], &ana("x"), None, now).expect("room");
    let second = limits.enter([&two], &ana("x"), None, now).expect("room");
    let refused = limits.enter([&two], &ana("x"), None, now).expect_err("full");
    assert_eq!((refused.what, refused.used, refused.wait), (What::Concurrent, 2, Some(Duration::from_secs(1))));
    drop(first);
    let third = limits.enter([&two], &ana("x"), None, now).expect("room again");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _held = second;
        panic!("in the middle of a request");
    }));
    assert!(panicked.is_err());
    assert!(limits.enter([&two], &ana("x"), None, now).is_ok());
    drop(third);
}

#[test]
fn tokens_are_reserved_by_estimate_and_settled_by_use() {
    let tokens = limit("tokens", Dimension::Key, 0, 10_000, 0);
    let (limits, now) = (Limits::default(), Instant::now());
    let estimate = Estimate { prompt: 500, max_output: Some(2500) };
    let mut pass = limits.enter([&tokens], &ana("x"), None, now).expect("room");
    assert_eq!(pass.reserve(estimate, now).expect("room"), Some(3000));
    assert_eq!(remaining(&limits, &tokens, now), 7000);
    pass.settle(800, Some(300), now);
    drop(pass);
    assert_eq!(remaining(&limits, &tokens, now), 9200);
    // Without a limit of its own the answer is expected as long as this holder's answers were lately.
    let mut pass = limits.enter([&tokens], &ana("x"), None, now).expect("room");
    assert_eq!(pass.reserve(Estimate { max_output: None, ..estimate }, now).expect("room"), Some(500 + 875 + 37));
    drop(pass);
    assert_eq!(remaining(&limits, &tokens, now), 9200, "what was not settled comes back whole");
}

#[test]
fn a_prompt_of_more_than_a_minute_never_passes_and_an_answer_of_more_waits_for_a_whole_one() {
    let tokens = limit("tokens", Dimension::Key, 0, 1000, 0);
    let (limits, now) = (Limits::default(), Instant::now());
    let mut pass = limits.enter([&tokens], &ana("x"), None, now).expect("room");
    let refused = pass.reserve(Estimate { prompt: 1001, max_output: Some(1) }, now).expect_err("never");
    assert_eq!(refused.wait, None);
    assert_eq!(refused.failure().kind, crate::domain::FailureKind::TooLarge);
    assert_eq!(pass.reserve(Estimate { prompt: 900, max_output: Some(4000) }, now).expect("all of it"), Some(1000));
    let mut other = limits.enter([&tokens], &ana("x"), None, now).expect("room");
    let refused = other.reserve(Estimate { prompt: 100, max_output: Some(4000) }, now).expect_err("nothing is left");
    assert_eq!(refused.wait, Some(Duration::from_secs(60)));
    assert_eq!((refused.used, refused.wanted), (1000, 1000));
}

#[test]
fn each_holder_has_its_own_and_who_falls_under_no_limit_is_free() {
    let features = limit("features", Dimension::Feature, 1, 0, 0);
    let (limits, now) = (Limits::default(), Instant::now());
    assert!(limits.enter([&features], &ana("a"), None, now).is_ok());
    assert!(limits.enter([&features], &ana("b"), None, now).is_ok());
    assert!(limits.enter([&features], &ana("a"), None, now).is_err());
    let nobody = Caller::unknown(App::OTHER);
    assert!((0..5).all(|_| limits.enter([&features], &nobody, None, now).is_ok_and(|pass| pass.is_free())));
}

#[test]
fn names_that_callers_choose_fill_no_memory() {
    let features = limit("features", Dimension::Feature, 5, 0, 0);
    let (limits, now) = (Limits::default(), Instant::now());
    for number in 0..MOST_HOLDERS + 100 {
        limits.enter([&features], &ana(&number.to_string()), None, now).map(drop).unwrap_or_default();
    }
    assert_eq!(limits.holders(), MOST_HOLDERS + 1, "those beyond share one");
    let refused = limits.enter([&features], &ana("one-more"), None, now).expect_err("which is used up");
    assert_eq!(&*refused.holder, THE_OTHERS);
    let later = now + AWAY + SEARCH;
    assert!(limits.enter([&features], &ana("later"), None, later).is_ok());
    assert_eq!(limits.holders(), 1, "who is away is forgotten");
}

#[test]
fn a_reload_keeps_what_was_used_and_forgets_limits_that_are_gone() {
    let (four, eight) = (limit("team", Dimension::Team, 4, 0, 0), limit("team", Dimension::Team, 8, 0, 0));
    let (limits, now) = (Limits::default(), Instant::now());
    assert!((0..2).all(|_| limits.enter([&four], &ana("x"), None, now).is_ok()));
    limits.retain(|_| true);
    assert_eq!(remaining(&limits, &eight, now), 3, "half was used, and this look");
    limits.retain(|_| false);
    assert_eq!(remaining(&limits, &eight, now), 7);
}

/// How many of 200 requests pass that come at once from eight threads.
fn passing(limit: &Arc<Limit>, estimate: Estimate) -> usize {
    let (limits, now) = (Limits::default(), Instant::now());
    let passed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let Ok(mut pass) = limits.enter([limit], &ana("x"), None, now) else { continue };
                    if pass.reserve(estimate, now).is_ok() {
                        passed.lock().expect("no panic").push(pass);
                    }
                }
            });
        }
    });
    passed.into_inner().expect("no panic").len()
}

#[test]
fn of_many_at_once_exactly_those_pass_that_fit() {
    let estimate = Estimate { prompt: 60, max_output: Some(40) };
    assert_eq!(passing(&limit("requests", Dimension::Key, 37, 0, 0), estimate), 37);
    assert_eq!(passing(&limit("tokens", Dimension::Team, 0, 3750, 0), estimate), 37);
    assert_eq!(passing(&limit("concurrent", Dimension::Key, 0, 0, 37), estimate), 37);
}

#[test]
fn what_limits_nothing_is_no_limit() {
    let name = |text| LimitName::parse(text).expect("a name");
    assert_eq!(Limit::new(name("x"), Scope::ALL, Allowance::default()), Err(LimitError::Empty));
    let some = Allowance { concurrent: NonZeroU32::new(1), ..Allowance::default() };
    assert_eq!(Limit::new(name(OF_KEYS), Scope::ALL, some), Err(LimitError::Reserved));
    assert!(Limit::of_key(Allowance::default()).is_none() && Limit::of_key(some).is_some());
}

proptest! {
    /// Whatever happens to requests, once all have ended nothing of them is left under way or reserved.
    #[test]
    fn nothing_leaks(requests in prop::collection::vec((0u64..600, prop::option::of(0u64..900), 0u8..3), 1..40)) {
        let all = [limit("a", Dimension::Key, 0, 1000, 9), limit("b", Dimension::Team, 0, 2000, 7)];
        let (limits, now) = (Limits::default(), Instant::now());
        let (mut open, mut used) = (Vec::new(), 0);
        for (prompt, max_output, end) in requests {
            let Ok(mut pass) = limits.enter(&all, &ana("x"), None, now) else { continue };
            if pass.reserve(Estimate { prompt, max_output }, now).is_err() {
                continue;
            }
            match end {
                0 => drop(pass),
                1 => {
                    pass.settle(prompt / 2, None, now);
                    used += prompt / 2;
                }
                _ => open.push(pass),
            }
        }
        drop(open);
        let pass = limits.enter(&all, &ana("x"), None, now).expect("room");
        let holders = limits.holders.lock().expect("no panic");
        let running = holders.values().flat_map(|holders| holders.accounts.values());
        prop_assert!(running.into_iter().all(|account| account.running.load(Ordering::Acquire) == 1));
        drop(holders);
        // Passes are dropped by the real clock, and some tokens have come back by then.
        let later = Instant::now();
        let left = pass.remainder(later).tokens.expect("limited").remaining;
        let came_back = u64::try_from((later - now).as_millis()).expect("short") / 60 + 1;
        prop_assert!((1000 - used..=1000 - used + came_back).contains(&left), "{} {} {}", left, used, came_back);
    }
}

#[test]
fn what_goes_elsewhere_for_want_of_tokens_was_no_request() {
    let (both, now) = (limit("both", Dimension::All, 10, 100, 0), Instant::now());
    let limits = Limits::default();
    let mut first = limits.enter([&both], &ana("x"), None, now).expect("room");
    first.reserve(Estimate { prompt: 90, max_output: Some(0) }, now).expect("room");
    for _ in 0..20 {
        let mut pass = limits.enter([&both], &ana("x"), None, now).expect("room for requests");
        pass.reserve(Estimate { prompt: 50, max_output: Some(0) }, now).expect_err("no room for tokens");
        pass.was_none();
    }
    let remainder = first.remainder(now);
    assert_eq!(remainder.requests.map(|amount| amount.remaining), Some(9), "the one that was let through");
}
