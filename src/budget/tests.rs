//! Budgets under every order of events: nothing passes a limit, and nothing is lost.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::domain::{App, Dimension, Label};

const NOW: u64 = 1_795_305_600_000;

fn budget(name: &str, dimension: Dimension, limit: i128) -> Budget {
    Budget {
        name: BudgetName::parse(name).expect("a name"),
        scope: Scope { dimension, value: None },
        limit: Pico::new(limit),
        window: Window::Day,
        zone: TimeZone::UTC,
        alerts: [80].into(),
        refuses: true,
        overrides: [].into(),
        owner: None,
    }
}

fn caller(engineer: &str) -> Caller {
    Caller { engineer: Label::parse(engineer), ..Caller::unknown(App::OTHER) }
}

/// Without replicas nothing is waited for.
fn reserve(budgets: &Budgets, all: &[Budget], whose: &Caller, needed: i128) -> Result<Option<Reservation>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(budgets.reserve(all, whose, Pico::new(needed), NOW))
}

fn settle(budgets: &Budgets, all: &Arc<[Budget]>, whose: &Caller, held: Option<Reservation>, cost: i128) {
    let ended_micros = (NOW + 5) * 1000;
    let settled = Settled { ended_micros, at_millis: NOW, caller: whose, cost: Pico::new(cost), began_under: all };
    budgets.settle(settled, held);
}

fn within(budgets: &Budgets, all: &[Budget]) -> bool {
    budgets.status(all, NOW).iter().all(|account| account.balance.used() <= account.limit)
}

#[derive(Clone, Debug)]
enum Event {
    Reserve {
        engineer: usize,
        needed: i128,
    },
    /// The share of what it holds that it costs, in percent.
    Settle {
        which: usize,
        percent: i128,
    },
    Drop {
        which: usize,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..3_usize, 0..400_i128).prop_map(|(engineer, needed)| Event::Reserve { engineer, needed }),
        2 => (any::<usize>(), 0..=100_i128).prop_map(|(which, percent)| Event::Settle { which, percent }),
        1 => any::<usize>().prop_map(|which| Event::Drop { which }),
    ]
}

proptest! {
    #[test]
    fn no_order_of_events_passes_a_limit_or_loses_anything(events in proptest::collection::vec(event(), 0..120)) {
        let all: Arc<[Budget]> = [budget("all", Dimension::All, 2_000), budget("each", Dimension::Engineer, 900)].into();
        let budgets = Budgets::default();
        budgets.install(&all, &[], 0);
        let engineers = ["ana", "bo", "cy"].map(caller);
        let (mut held, mut settled): (Vec<(usize, i128, Reservation)>, i128) = (Vec::new(), 0);
        for event in events {
            match event {
                Event::Reserve { engineer, needed } => {
                    let before: Pico = budgets.status(&all, NOW).iter().map(|account| account.balance.reserved).sum();
                    match reserve(&budgets, &all, &engineers[engineer], needed) {
                        Ok(one) => held.push((engineer, needed, one.expect("it is in budgets"))),
                        Err(_) => {
                            let after: Pico = budgets.status(&all, NOW).iter().map(|one| one.balance.reserved).sum();
                            prop_assert_eq!(before, after, "who is refused holds nothing");
                        }
                    }
                }
                Event::Settle { which, percent } if !held.is_empty() => {
                    let (engineer, needed, one) = held.swap_remove(which % held.len());
                    let cost = needed * percent / 100;
                    settled += cost;
                    settle(&budgets, &all, &engineers[engineer], Some(one), cost);
                }
                Event::Drop { which } if !held.is_empty() => drop(held.swap_remove(which % held.len())),
                Event::Settle { .. } | Event::Drop { .. } => {}
            }
            prop_assert!(within(&budgets, &all));
        }
        let reserved: i128 = held.iter().map(|(_, needed, _)| needed).sum();
        let whole = budgets.status(&all, NOW).into_iter().find(|one| one.budget.as_str() == "all").expect("there");
        prop_assert_eq!((whole.balance.settled, whole.balance.reserved), (Pico::new(settled), Pico::new(reserved)));
        drop(held);
        prop_assert!(budgets.status(&all, NOW).iter().all(|one| one.balance.reserved == Pico::ZERO));
    }
}

#[test]
fn threads_that_reserve_and_settle_at_once_never_pass_a_limit() {
    let all: Arc<[Budget]> = [budget("all", Dimension::All, 1_000), budget("each", Dimension::Engineer, 700)].into();
    let (budgets, over) = (Budgets::default(), AtomicBool::new(false));
    budgets.install(&all, &[], 0);
    let (settled, refused) = (std::sync::atomic::AtomicI64::new(0), AtomicBool::new(false));
    let working = std::sync::atomic::AtomicUsize::new(4);
    std::thread::scope(|scope| {
        for number in 0..4_usize {
            let (budgets, all, settled, refused, working) = (&budgets, &all, &settled, &refused, &working);
            scope.spawn(move || {
                let whose = caller(["ana", "bo"][number % 2]);
                let mut held = std::collections::VecDeque::new();
                for turn in 0..2_000_usize {
                    match reserve(budgets, all, &whose, 90) {
                        Ok(one) => held.push_back(one),
                        Err(_) => refused.store(true, Ordering::Relaxed),
                    }
                    if held.len() > 2 + turn % 3 {
                        let one = held.pop_front().flatten();
                        if turn % 200 == 0 {
                            settled.fetch_add(1, Ordering::Relaxed);
                            settle(budgets, all, &whose, one, 1);
                        }
                    }
                }
                working.fetch_sub(1, Ordering::Release);
            });
        }
        scope.spawn(|| {
            while working.load(Ordering::Acquire) > 0 {
                over.fetch_or(!within(&budgets, &all), Ordering::Relaxed);
            }
        });
    });
    assert!(!over.into_inner(), "settled and reserved passed a limit");
    assert!(refused.into_inner(), "there was a rush");
    let whole = budgets.status(&all, NOW).remove(0);
    assert_eq!(whole.balance.settled, Pico::new(settled.into_inner().into()));
    assert_eq!(whole.balance.reserved, Pico::ZERO);
}

#[test]
fn a_limit_below_what_is_used_refuses_and_takes_nothing_back() {
    let (budgets, whose) = (Budgets::default(), caller("ana"));
    let all: Arc<[Budget]> = [budget("all", Dimension::All, 1_000)].into();
    budgets.install(&all, &[], 0);
    let held = reserve(&budgets, &all, &whose, 800).expect("it fits");
    let lower: Arc<[Budget]> = [budget("all", Dimension::All, 500)].into();
    budgets.install(&lower, &[], 0);
    assert!(reserve(&budgets, &lower, &whose, 0).is_err(), "it is more than used up");
    assert_eq!(budgets.used(&lower, &whose, NOW), Some(16_000));
    settle(&budgets, &all, &whose, held, 900);
    let balance = budgets.status(&lower, NOW)[0].balance;
    assert_eq!(
        (balance.settled, balance.reserved),
        (Pico::new(900), Pico::ZERO),
        "dearer than its ceiling, told truly"
    );
}

#[test]
fn a_request_that_began_before_a_budget_counts_in_it_when_it_ends() {
    let (budgets, whose) = (Budgets::default(), caller("ana"));
    let before: Arc<[Budget]> = [budget("all", Dimension::All, 1_000)].into();
    budgets.install(&before, &[], 0);
    let held = reserve(&budgets, &before, &whose, 100).expect("it fits");
    let after: Arc<[Budget]> = [budget("all", Dimension::All, 1_000), budget("each", Dimension::Engineer, 50)].into();
    // Of what ended before this moment the ledger tells; this request ends later.
    budgets.install(&after, &[&after[1]], (NOW + 4) * 1000);
    settle(&budgets, &before, &whose, held, 70);
    let settled =
        || -> Vec<i128> { budgets.status(&after, NOW).iter().map(|account| account.balance.settled.get()).collect() };
    assert_eq!(settled(), [70, 70]);
    // This one ended before the moment, and settles when the ledger is about to be summed.
    budgets.install(&after, &[&after[1]], (NOW + 9) * 1000);
    let held = reserve(&budgets, &after, &whose, 40).expect("it fits");
    settle(&budgets, &after, &whose, held, 30);
    assert_eq!(settled(), [100, 0]);
    budgets.restore(&after[1], [(Some("ana".to_owned()), Pico::new(100))], NOW);
    budgets.restored();
    assert_eq!(settled(), [100, 100]);
}
