//! The room `shared` on a real Redis: replicas take shares, die, come back, and the server stands still or forgets. At
//! every moment what is spent and what is held stay below the limit.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Runtime};
use weighbridge::domain::{EndpointName, Mark, Pico, Secret};
use weighbridge::observe::SharedMetrics;
use weighbridge::shared::{Claim, Full, Held, Pace, Refused, Settings, Shared, Stance, Told, Window};

use crate::support::Redis;
use crate::support::redis::{faults, windows};

/// One replica, in a runtime of its own so that it can die without a word.
struct Replica {
    runtime: Option<Runtime>,
    shared: Shared,
    metrics: SharedMetrics,
}

fn settings(redis: &Redis, folder: &Path, name: &str) -> Settings {
    let usual = Settings::at(Secret::new(redis.url()), folder.join(format!("{name}.replica")));
    // This machine may be busy with other tests.
    Settings { timeout: Duration::from_millis(500), lease: Duration::from_secs(3), ..usual }
}

impl Replica {
    fn start(settings: &Settings, spent: &[(Window, Pico)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let metrics = SharedMetrics::default();
        let shared = runtime.block_on(async {
            let shared = Shared::new(settings, metrics.clone()).expect("it can be shared");
            spent.iter().for_each(|(window, spent)| shared.leases.restore(window, *spent));
            shared.begin().await;
            shared
        });
        Self { runtime: Some(runtime), shared, metrics }
    }

    fn handle(&self) -> Handle {
        self.runtime.as_ref().expect("it lives").handle().clone()
    }

    fn reserve(&self, claims: &[Claim]) -> Result<Held, Refused> {
        self.handle().block_on(self.shared.leases.reserve(claims))
    }

    /// Dies without a word to the server.
    fn kill(mut self) {
        self.runtime.take().expect("it lives").shutdown_background();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn usd(amount: f64) -> Pico {
    Pico::from_usd(amount).expect("an amount")
}

fn window(id: &str, limit: f64) -> Window {
    Window { id: id.into(), limit: usd(limit), keep: Duration::from_secs(3600) }
}

fn claim(window: &Window, hold: f64) -> Claim {
    Claim { window: window.clone(), hold: usd(hold) }
}

/// Looks at the server without a pause, and says what was ever wrong.
struct Watch {
    done: Arc<AtomicBool>,
    looking: Option<JoinHandle<(usize, Vec<String>)>>,
}

impl Watch {
    fn begin(redis: &Redis) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let (mut connection, is_done) = (redis.connection(), Arc::clone(&done));
        let looking = std::thread::spawn(move || {
            let (mut looks, mut wrong) = (0, Vec::new());
            while !is_done.load(Ordering::Relaxed) {
                for (id, fields) in windows(&mut connection) {
                    wrong.extend(faults(&fields).into_iter().map(|fault| format!("{id}: {fault}")));
                }
                looks += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            (looks, wrong)
        });
        Self { done, looking: Some(looking) }
    }

    fn end(mut self) {
        self.done.store(true, Ordering::Relaxed);
        let (looks, wrong) = self.looking.take().expect("once").join().expect("no panic");
        assert!(looks > 10, "it was looked {looks} times");
        assert!(wrong.is_empty(), "{} of {looks} looks: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} within 20 s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn field(redis: &Redis, window: &str, name: &str) -> i64 {
    redis.windows().get(window).and_then(|fields| fields.get(name).copied()).unwrap_or(0)
}

/// A budget that fits 37 of 200 requests, which come all at once to three replicas.
fn thirty_seven_of_two_hundred(is_strict: bool) {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let replicas: Vec<_> = (0..3)
        .map(|number| {
            let settings = settings(&redis, folder.path(), &number.to_string());
            Replica::start(&Settings { strict: is_strict, ..settings }, &[])
        })
        .collect();
    let watch = Watch::begin(&redis);
    let budget = window("b:all", 37.5);
    let asked: Vec<_> = (0..200)
        .map(|number| {
            let (leases, claim) = (replicas[number % 3].shared.leases.clone(), claim(&budget, 1.0));
            replicas[number % 3].handle().spawn(async move { leases.reserve(&[claim]).await })
        })
        .collect();
    let mut held = Vec::new();
    for answer in asked {
        match replicas[0].handle().block_on(answer).expect("no panic") {
            Ok(one) => held.push(one),
            Err(refused) => assert!(matches!(refused, Refused::Exceeded { .. }), "{refused:?}"),
        }
    }
    assert_eq!(held.len(), 37);
    for one in held.drain(..30) {
        one.settle(usd(0.5));
    }
    eventually("what was not used comes back", || {
        let more = replicas[1].reserve(&[claim(&budget, 15.4)]);
        more.is_ok_and(|more| {
            drop(more);
            true
        })
    });
    drop(held);
    eventually("nothing is left held", || field(&redis, "b:all", "leased") == 0);
    assert_eq!(field(&redis, "b:all", "spent"), 15_000_000_000);
    watch.end();
}

#[test]
fn thirty_seven_of_two_hundred_fit_with_shares_ahead() {
    thirty_seven_of_two_hundred(false);
}

#[test]
fn thirty_seven_of_two_hundred_fit_where_every_request_asks() {
    thirty_seven_of_two_hundred(true);
}

#[test]
fn most_requests_need_no_round_trip() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let replica = Replica::start(&settings(&redis, folder.path(), "one"), &[]);
    let budget = window("b:all", 1_000_000.0);
    let before = calls(&redis);
    for _ in 0..2_000 {
        replica.reserve(&[claim(&budget, 0.01)]).expect("it fits").settle(usd(0.004));
    }
    let calls = calls(&redis) - before;
    assert!(calls < 200, "{calls} calls for 2000 requests");
}

/// How many scripts the server has run.
fn calls(redis: &Redis) -> u64 {
    let info: String = redis::cmd("INFO").arg("commandstats").query(&mut redis.connection()).expect("it answers");
    let line = info.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap_or("calls=0,");
    line.split("calls=").nth(1).and_then(|rest| rest.split(',').next()?.parse().ok()).expect("a number")
}

#[test]
fn several_windows_are_taken_together_or_not_at_all() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let replica = Replica::start(&settings(&redis, folder.path(), "one"), &[]);
    let (wide, narrow) = (window("b:all", 100.0), window("b:team", 3.0));
    let both = [claim(&wide, 2.0), claim(&narrow, 2.0)];
    let first = replica.reserve(&both).expect("it fits");
    match replica.reserve(&both).expect_err("the narrow one is full") {
        Refused::Exceeded { window, leased, .. } => assert_eq!((&*window, leased), ("b:team", usd(2.0))),
        Refused::Gone => panic!("the server is there"),
    }
    first.settle(usd(1.0));
    replica.reserve(&both).expect("there is room again").settle(usd(1.0));
    eventually("it is told", || field(&redis, "b:all", "spent") == 2_000_000_000);
    assert_eq!(replica.shared.leases.view("b:team").expect("known").spent, usd(2.0));
}

#[test]
fn the_share_of_a_dead_replica_is_the_others_when_its_time_is_over_and_at_once_when_it_returns() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let place = |name| settings(&redis, folder.path(), name);
    let budget = window("b:all", 10.0);
    let (one, two) = (Replica::start(&place("one"), &[]), Replica::start(&place("two"), &[]));
    let watch = Watch::begin(&redis);
    one.reserve(&[claim(&budget, 2.0)]).expect("it fits").settle(usd(2.0));
    let held = one.reserve(&[claim(&budget, 5.0)]).expect("it fits");
    eventually("what was spent is told", || field(&redis, "b:all", "spent") == 2_000_000_000);
    let died = Instant::now();
    std::mem::forget(held);
    one.kill();
    assert!(matches!(two.reserve(&[claim(&budget, 6.0)]), Err(Refused::Exceeded { .. })), "it is still the other's");
    eventually("its share is free", || two.reserve(&[claim(&budget, 8.0)]).is_ok());
    assert!(died.elapsed() > Duration::from_millis(2_000), "not before its time was over: {:?}", died.elapsed());
    two.reserve(&[claim(&budget, 8.0)]).expect("it is free").settle(usd(1.0));

    // Again, and now the replica comes back before that.
    let lasting = Settings { lease: Duration::from_secs(600), ..place("one") };
    let again = Replica::start(&lasting, &[(budget.clone(), usd(2.0))]);
    std::mem::forget(again.reserve(&[claim(&budget, 5.0)]).expect("it fits"));
    again.kill();
    assert!(two.reserve(&[claim(&budget, 6.0)]).is_err());
    let returned = Instant::now();
    // Its ledger knows of half a dollar more than it had told.
    let _again = Replica::start(&lasting, &[(budget.clone(), usd(2.5))]);
    eventually("its share is free", || two.reserve(&[claim(&budget, 6.5)]).is_ok());
    assert!(returned.elapsed() < Duration::from_secs(5), "{:?}", returned.elapsed());
    eventually("what it spent is told", || field(&redis, "b:all", "spent") == 3_500_000_000);
    watch.end();
}

#[test]
fn a_server_that_forgot_everything_learns_it_again_also_of_the_dead() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let place = |name| settings(&redis, folder.path(), name);
    let budget = window("b:all", 10.0);
    let [one, two, three] = ["one", "two", "three"].map(|name| Replica::start(&place(name), &[]));
    let watch = Watch::begin(&redis);
    for (replica, spent) in [(&one, 1.0), (&two, 2.0), (&three, 3.0)] {
        replica.reserve(&[claim(&budget, spent)]).expect("it fits").settle(usd(spent));
    }
    let held = two.reserve(&[claim(&budget, 1.5)]).expect("it fits");
    // The others look at the figures every two seconds.
    std::thread::sleep(Duration::from_millis(2_600));
    three.kill();
    redis.run(&["FLUSHALL"]);
    // What nobody may do: take it for a new server, on which nothing was spent.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2_500) {
        assert!(one.reserve(&[claim(&budget, 3.0)]).is_err(), "6 are spent and 1.5 held");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(field(&redis, "b:all", "spent"), 6_000_000_000);
    one.reserve(&[claim(&budget, 2.4)]).expect("it grants again").settle(usd(2.4));
    held.settle(usd(1.5));
    eventually("all is told", || field(&redis, "b:all", "spent") == 9_900_000_000);
    watch.end();
}

#[test]
fn while_the_server_stands_still_the_stance_counts_and_nobodys_share_is_taken() {
    let (mut redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let place = |name, stance| {
        let usual = settings(&redis, folder.path(), name);
        Settings { stance, timeout: Duration::from_millis(100), lease: Duration::from_secs(6), ..usual }
    };
    let budget = window("b:all", 100.0);
    let local = Replica::start(&place("local", Stance::Local), &[]);
    let closed = Replica::start(&place("closed", Stance::Closed), &[]);
    for replica in [&local, &closed] {
        for _ in 0..10 {
            replica.reserve(&[claim(&budget, 0.5)]).expect("it fits").settle(usd(0.1));
        }
    }
    // A share ahead grows with what is asked for.
    std::thread::sleep(Duration::from_millis(700));
    local.reserve(&[claim(&budget, 0.5)]).expect("it fits").settle(usd(0.1));
    std::thread::sleep(Duration::from_millis(300));
    for how in ["stopped", "killed"] {
        match how {
            "stopped" => redis.signal("-STOP"),
            _ => redis.kill(),
        }
        eventually("it is noticed", || !local.shared.is_up() && !closed.shared.is_up());
        eventually("metrics tell", || local.metrics.up.get() == 0 && closed.metrics.up.get() == 0);
        let begun = Instant::now();
        let served = (0..5).filter(|_| local.reserve(&[claim(&budget, 0.5)]).is_ok()).count();
        assert_eq!(served, 5, "{how}: from the share ahead");
        assert_eq!(closed.reserve(&[claim(&budget, 0.1)]).expect_err("closed"), Refused::Gone);
        assert_eq!(local.reserve(&[claim(&budget, 90.0)]).expect_err("beyond its share"), Refused::Gone);
        assert!(begun.elapsed() < Duration::from_millis(300), "nobody waits for a server that is known to be gone");
        match how {
            // Longer than a silence that tells of a server's absence.
            "stopped" => {
                std::thread::sleep(Duration::from_millis(2_500));
                redis.signal("-CONT");
            }
            _ => redis.start_again(),
        }
        eventually("it is back", || local.shared.leases.is_granting() && closed.shared.leases.is_granting());
        eventually("all of it is known", || field(&redis, "b:all", "spent") == 2_100_000_000);
        closed.reserve(&[claim(&budget, 0.5)]).expect("it fits");
        local.reserve(&[claim(&budget, 0.5)]).expect("it fits");
        assert!(redis.windows().values().all(|fields| faults(fields).is_empty()), "{:?}", redis.windows());
        std::thread::sleep(Duration::from_millis(600));
    }
}

#[test]
fn what_is_revoked_on_one_replica_is_known_to_all_within_a_second_and_stays_so() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let [one, two] = ["one", "two"].map(|name| Replica::start(&settings(&redis, folder.path(), name), &[]));
    let begun = Instant::now();
    one.handle().block_on(one.shared.revocations.revoke("key-1")).expect("the others are told");
    assert!(one.shared.revocations.has("key-1"));
    eventually("the other knows", || two.shared.revocations.has("key-1"));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(!two.shared.revocations.has("key-2"));
    redis.run(&["FLUSHALL"]);
    let three = Replica::start(&settings(&redis, folder.path(), "three"), &[]);
    eventually("a new replica of a server that forgot knows", || three.shared.revocations.has("key-1"));
}

#[test]
fn who_holds_an_answer_is_known_to_all() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let [one, two] = ["one", "two"].map(|name| Replica::start(&settings(&redis, folder.path(), name), &[]));
    let told = Told { endpoint: EndpointName::parse("mini").unwrap(), key: None, is_open: true };
    one.shared.recalled.tell(&[Mark::of("resp_1")], &told, Duration::from_secs(60));
    let ask = || two.handle().block_on(two.shared.recalled.ask(&[Mark::of("resp_1"), Mark::of("resp_2")]));
    eventually("it is told", || ask().is_ok_and(|found| found == [Some(told.clone()), None]));
}

#[test]
fn a_rate_is_kept_together() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    for is_strict in [false, true] {
        let pace = Pace { id: format!("r:{is_strict}").into(), units: 60, period: Duration::from_secs(60) };
        let replicas = ["one", "two", "three"].map(|name| {
            let settings = settings(&redis, folder.path(), &format!("{name}-{is_strict}"));
            Replica::start(&Settings { strict: is_strict, ..settings }, &[])
        });
        let begun = Instant::now();
        let asked: Vec<_> = (0..150)
            .map(|number| {
                let (paces, pace) = (replicas[number % 3].shared.paces.clone(), pace.clone());
                replicas[number % 3].handle().spawn(async move { paces.take(&[(pace, 1)]).await })
            })
            .collect();
        let answers: Vec<_> =
            asked.into_iter().map(|one| replicas[0].handle().block_on(one).expect("no panic")).collect();
        let served = answers.iter().filter(|answer| answer.is_ok()).count();
        let later = begun.elapsed().as_secs() as usize;
        assert!((60..=61 + later).contains(&served), "{served} of 60 a minute");
        for answer in answers.into_iter().filter_map(Result::err) {
            assert!(matches!(answer, Full::Full { wait, .. } if wait <= Duration::from_secs(2)), "{answer:?}");
        }
        replicas[0].shared.paces.put_right(&pace, 10);
        eventually("what comes back can be used", || {
            replicas[1].handle().block_on(replicas[1].shared.paces.take(&[(pace.clone(), 8)])).is_ok()
        });
    }
}

/// Random numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A replica with what its ledger would know: what each window has spent.
struct Life {
    replica: Replica,
    held: Vec<(Held, Vec<usize>)>,
    spent: Vec<Pico>,
}

/// Random requests on four replicas that die and return, while the server forgets, sleeps or is stopped. With
/// `WEIGHBRIDGE_SEEDS=n` more of it.
#[test]
fn whatever_happens_no_more_is_given_out_than_there_is() {
    let seeds = std::env::var("WEIGHBRIDGE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    for seed in 0..seeds {
        turmoil(seed);
    }
}

fn turmoil(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(7_919) + 17);
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let all = [window("b:all", 40.0), window("b:team", 15.0), window("b:ana", 8.0)];
    let place = |number: usize| Settings {
        strict: seed % 3 == 2,
        timeout: Duration::from_millis(200),
        ..settings(&redis, folder.path(), &number.to_string())
    };
    let start = |number: usize, spent: Vec<Pico>| {
        let known: Vec<_> = all.iter().cloned().zip(spent.iter().copied()).collect();
        Life { replica: Replica::start(&place(number), &known), held: Vec::new(), spent }
    };
    let mut lives: Vec<Life> = (0..4).map(|number| start(number, vec![Pico::ZERO; 3])).collect();
    let watch = Watch::begin(&redis);
    let mut deaths = 0;
    for _ in 0..1_500 {
        let number = dice.roll(4) as usize;
        let what = dice.roll(1_000);
        let life = &mut lives[number];
        if what < 550 {
            let chosen: Vec<usize> = (0..3).filter(|place| *place == 0 || dice.roll(2) == 0).collect();
            let hold = Pico::new(i128::from(dice.roll(400_000_000_000)) + 1);
            let claims: Vec<_> = chosen.iter().map(|place| Claim { window: all[*place].clone(), hold }).collect();
            if let Ok(held) = life.replica.reserve(&claims) {
                life.held.push((held, chosen));
                if dice.roll(2) == 0 {
                    settle(life, &mut dice);
                }
            }
        } else if what < 990 {
            settle(life, &mut dice);
        } else if what < 995 {
            deaths += 1;
            // Its ledger knows all that was settled; what was under way is lost with it.
            let spent = life.spent.clone();
            life.held.drain(..).for_each(std::mem::forget);
            let dying = std::mem::replace(life, start(4 + deaths, vec![Pico::ZERO; 3]));
            dying.replica.kill();
            let guest = std::mem::replace(&mut lives[number], start(number, spent));
            // Whoever stood in for it leaves with nothing spent.
            drop(guest.held);
            guest.replica.handle().block_on(guest.replica.shared.end());
        } else if what < 998 {
            redis.run(&["DEBUG", "SLEEP", "0.4"]);
        } else {
            redis.signal("-STOP");
            std::thread::sleep(Duration::from_millis(700));
            redis.signal("-CONT");
        }
    }
    for life in &mut lives {
        while !life.held.is_empty() {
            settle(life, &mut dice);
        }
    }
    let nano = |amount: &Pico| (amount.get() + 999) / 1_000;
    for (place, window) in all.iter().enumerate() {
        let expected: i128 = lives.iter().map(|life| nano(&life.spent[place])).sum();
        eventually("all is told and nothing is held", || {
            let fields = redis.windows().remove(&*window.id).unwrap_or_default();
            fields.get("spent").is_some_and(|spent| i128::from(*spent) == expected)
                && lives.iter().all(|life| {
                    let name = format!("l:{}", life.replica.shared.leases.replica());
                    strictly_idle(&fields, &name)
                })
        });
    }
    let names: BTreeSet<String> = lives.iter().map(|life| life.replica.shared.leases.replica().to_owned()).collect();
    assert_eq!(names.len(), 4);
    watch.end();
}

/// Whether what a replica holds is held ahead, for nobody.
fn strictly_idle(fields: &std::collections::BTreeMap<String, i64>, share: &str) -> bool {
    let ahead = share.replacen("l:", "d:", 1);
    fields.get(share).copied().unwrap_or(0) == fields.get(&ahead).copied().unwrap_or(0)
}

fn settle(life: &mut Life, dice: &mut Dice) {
    if life.held.is_empty() {
        return;
    }
    let place = dice.roll(life.held.len() as u64) as usize;
    let (held, windows) = life.held.swap_remove(place);
    // Never more than the least that was held: 1 pico-dollar upwards.
    let cost = Pico::new(i128::from(dice.roll(2)) * held.least().get() / 2);
    for window in windows {
        life.spent[window] = life.spent[window] + cost;
    }
    held.settle(cost);
}

#[test]
fn a_replica_whose_ledger_forgets_takes_over_what_it_had_told() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let forgetful = Settings { ledger_knows_all: false, ..settings(&redis, folder.path(), "one") };
    let budget = window("b:all", 10.0);
    let before = Replica::start(&forgetful, &[]);
    before.reserve(&[claim(&budget, 4.0)]).expect("it fits").settle(usd(4.0));
    eventually("it is told", || field(&redis, "b:all", "spent") == 4_000_000_000);
    before.kill();
    let after = Replica::start(&forgetful, &[(budget.clone(), usd(0.5))]);
    assert!(after.reserve(&[claim(&budget, 6.5)]).is_err());
    after.reserve(&[claim(&budget, 5.0)]).expect("it fits").settle(usd(1.0));
    eventually("it goes on from there", || field(&redis, "b:all", "spent") == 5_000_000_000);
    assert_eq!(after.shared.leases.view("b:all").expect("known").spent, usd(5.0));
}

/// A replica whose ledger does not go back to what it had told: what it spends before it has heard of that comes on top.
#[test]
fn what_is_spent_before_the_first_word_is_heard_is_not_swallowed() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().expect("a folder"));
    let settings = Settings { ledger_knows_all: false, ..settings(&redis, folder.path(), "one") };
    let all = window("b:all", 10.0);
    let spent = |redis: &Redis| redis.windows().pop_first().and_then(|(_, fields)| fields.get("spent").copied());
    let until = |expected: i64| {
        let begun = Instant::now();
        while spent(&redis) != Some(expected) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}, not {expected}", spent(&redis));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let first = Replica::start(&settings, &[(all.clone(), Pico::ZERO)]);
    first.shared.leases.spend(&all, usd(0.5));
    until(500_000_000);
    first.kill();

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let shared =
        runtime.block_on(async { Shared::new(&settings, SharedMetrics::default()).expect("it can be shared") });
    shared.leases.restore(&all, usd(0.2));
    shared.leases.spend(&all, usd(0.1));
    runtime.block_on(shared.begin());
    until(600_000_000);
    shared.leases.spend(&all, usd(0.1));
    until(700_000_000);
    runtime.shutdown_background();
}
