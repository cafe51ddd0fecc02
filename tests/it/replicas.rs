//! Three real processes with a ledger each, on one real Redis: one budget holds for all of them, though one is killed and
//! the server stands still.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Method, Response};
use serde_json::json;
use tempfile::TempDir;

use crate::support::process::Process;
use crate::support::proxy::{read, routes};
use crate::support::redis::{faults, windows};
use crate::support::upstream::{DONE, FINISH, ROLE, USAGE, chunk, content, within};
use crate::support::{Postgres, Redis, Reply, Step, Upstream};

/// A stream that stops in the middle until the test lets it go on, and then says what it used.
fn halting() -> Reply {
    let reply = Reply::events(&[ROLE, &content("half")]).then(Step::Wait);
    let reply = [FINISH, USAGE, DONE].iter().fold(reply, |reply, event| reply.then(Step::Send(chunk(event))));
    reply.then(Step::Send(b"0\r\n\r\n".to_vec()))
}

fn asked(stream: bool) -> String {
    json!({"model": "auto", "stream": stream, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]})
        .to_string()
}

/// A replica's folder, with a file in it.
fn folder(upstream: &Upstream, redis: &Redis, shared: &str, limit_pico: i64) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let text = routes(&upstream.url(), &upstream.url()).replace(
        "first_byte = \"1s\", idle = \"1s\", total = \"5s\"",
        "first_byte = \"60s\", idle = \"120s\", total = \"240s\"",
    );
    let limit = format!("{}.{:012}", limit_pico / 1_000_000_000_000, limit_pico % 1_000_000_000_000);
    let more = format!(
        "[shared]\nurl = \"{}\"\n{shared}\n[[budgets]]\nname = \"all\"\nlimit = {limit}\nwindow = \"month\"\nowner = \"x\"\n",
        redis.url()
    );
    std::fs::write(folder.path().join("routes.toml"), format!("{text}\n{more}")).expect("a file");
    folder
}

/// The replica's name, and what its ledger says was spent, in nano-dollars, rounded up.
fn in_ledger(folder: &Path) -> (String, i64) {
    let name = std::fs::read_to_string(folder.join("ledger/weighbridge.replica")).expect("a name");
    let costs = read(&folder.join("ledger/weighbridge.db"), "cost_pico").concat();
    let pico: i64 = costs.iter().filter_map(|cost| cost.parse::<i64>().ok()).sum();
    (name.split(' ').next().expect("a name").to_owned(), (pico + 999) / 1000)
}

/// The one window's figures.
fn figures(redis: &Redis) -> std::collections::BTreeMap<String, i64> {
    let mut windows = redis.windows();
    assert!(windows.len() <= 1, "{windows:?}");
    windows.pop_first().map(|(_, fields)| fields).unwrap_or_default()
}

/// Looks at the server without a pause until it is told to stop: how often, and what was wrong.
fn watch(redis: &Redis, done: &Arc<AtomicBool>) -> std::thread::JoinHandle<(usize, Vec<String>)> {
    let (mut connection, done) = (redis.connection(), Arc::clone(done));
    std::thread::spawn(move || {
        let (mut looks, mut wrong) = (0, Vec::new());
        while !done.load(Ordering::Relaxed) {
            windows(&mut connection).values().for_each(|fields| wrong.extend(faults(fields)));
            looks += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
        (looks, wrong)
    })
}

/// So many streams at once, spread over the replicas: those that were let through, and how many were refused.
async fn wave(replicas: &[&Process], count: usize) -> (Vec<Response<Incoming>>, usize) {
    let asking: Vec<_> = (0..count)
        .map(|number| {
            let client = replicas[number % replicas.len()].client();
            tokio::spawn(async move { client.open(Method::POST, "/v1/chat/completions", asked(true)).await })
        })
        .collect();
    let (mut open, mut refused) = (Vec::new(), 0);
    for answer in asking {
        let answer = within(answer).await.expect("no panic");
        match answer.status().as_u16() {
            200 => open.push(answer),
            429 => {
                assert_eq!(answer.headers()["x-weighbridge-error"], "budget_exceeded");
                refused += 1;
            }
            other => panic!("{other}: {:?}", answer.into_body().collect().await),
        }
    }
    (open, refused)
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} within 20 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What one such request holds, in pico-dollars.
async fn hold(upstream: &Upstream, redis: &Redis) -> i64 {
    let folder = folder(upstream, redis, "prefix = \"probe\"", 1_000_000_000_000_000);
    let process = Process::start(folder.path());
    let open = process.client().open(Method::POST, "/v1/chat/completions", asked(true)).await;
    upstream.release();
    within(open.into_body().collect()).await.expect("a whole answer");
    let reserved = read(&folder.path().join("ledger/weighbridge.db"), "reserved_pico").concat();
    redis.run(&["FLUSHALL"]);
    reserved[0].parse().expect("a figure")
}

async fn one_of_three_is_killed(strict: bool) {
    let upstream = Upstream::start([halting()]).await;
    let redis = Redis::start();
    let hold = hold(&upstream, &redis).await;
    let limit = hold * 37 + hold / 2;
    // The timeout is that of a busy machine.
    let shared = format!("strict = {strict}\nlease = \"5s\"\ntimeout = \"1s\"");
    let folders: Vec<TempDir> = (0..3).map(|_| folder(&upstream, &redis, &shared, limit)).collect();
    let mut replicas: Vec<Process> = folders.iter().map(|folder| Process::start(folder.path())).collect();
    let done = Arc::new(AtomicBool::new(false));
    let watching = watch(&redis, &done);

    let (mut open, refused) = wave(&replicas.iter().collect::<Vec<_>>(), 200).await;
    assert_eq!((open.len(), refused), (37, 163));
    assert_eq!(figures(&redis)["leased"], hold / 1000 * 37, "each holds what it needs and nothing more");

    // One dies in the middle of its streams; the streams of the others go on to their end.
    let fields = figures(&redis);
    let share = |folder: &TempDir| fields.get(&format!("l:{}", in_ledger(folder.path()).0)).copied().unwrap_or(0);
    let place = (0..3).max_by_key(|place| share(&folders[*place])).expect("three");
    let dead = in_ledger(folders[place].path()).0;
    let victim = replicas.remove(place);
    victim.signal("-KILL");
    drop(victim);
    let died = Instant::now();
    let of_dead = figures(&redis)[&format!("l:{dead}")];
    assert!(of_dead >= hold / 1000 * 13, "it held the most: {of_dead}");
    upstream.release();
    let mut whole = 0;
    for answer in open.drain(..) {
        let body = within(answer.into_body().collect()).await;
        whole += usize::from(body.is_ok_and(|body| body.to_bytes().ends_with(DONE.as_bytes())));
    }
    let of_others = usize::try_from((hold / 1000 * 37 - of_dead) / (hold / 1000)).expect("a count");
    assert_eq!(whole, of_others, "all streams but those of the dead one");
    let cost = 20_000 * i64::try_from(whole).expect("few");
    eventually("the others have told", || figures(&redis)["spent"] == cost).await;

    // What the dead one held is nobody's until its time is over, and then everybody's.
    let alive: Vec<&Process> = replicas.iter().collect();
    let (second, _) = wave(&alive, 60).await;
    let fits = |free: i64| usize::try_from(free / (hold / 1000)).expect("a count");
    if died.elapsed() < Duration::from_millis(4_500) {
        assert_eq!(second.len(), fits(limit / 1000 - cost - of_dead), "its share is still its own");
    }
    eventually("its time is over", || {
        !figures(&redis).contains_key(&format!("l:{dead}")) || died.elapsed() > Duration::from_secs(6)
    })
    .await;
    let (third, _) = wave(&alive, 60).await;
    assert_eq!(second.len() + third.len(), fits(limit / 1000 - cost), "its share can be spent by the others");
    upstream.release();
    for answer in second.into_iter().chain(third) {
        within(answer.into_body().collect()).await.expect("a whole answer");
    }

    // It returns under its name, with what its ledger knows.
    let returned = Process::start(folders[place].path());
    let (open, _) = wave(&[&returned], 2).await;
    upstream.release();
    for answer in open {
        within(answer.into_body().collect()).await.expect("a whole answer");
    }
    eventually("what the server has is what the ledgers have", || {
        let fields = figures(&redis);
        let ledgers: Vec<_> = folders.iter().map(|folder| in_ledger(folder.path())).collect();
        ledgers.iter().all(|(name, spent)| fields.get(&format!("s:{name}")).copied().unwrap_or(0) == *spent)
            && fields["spent"] == ledgers.iter().map(|(_, spent)| spent).sum::<i64>()
            && fields["leased"] == fields["idle"]
    })
    .await;
    done.store(true, Ordering::Relaxed);
    let (looks, wrong) = watching.join().expect("no panic");
    assert!(looks > 100 && wrong.is_empty(), "{} of {looks} looks: {:?}", wrong.len(), wrong.first());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_holds_over_three_replicas_of_which_one_is_killed() {
    one_of_three_is_killed(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_where_every_request_asks() {
    one_of_three_is_killed(true).await;
}

/// What came of the requests of a while.
#[derive(Default)]
struct Tally {
    served: AtomicUsize,
    refused: AtomicUsize,
    other: AtomicUsize,
}

/// Asks again and again until it is told to stop.
fn load(process: &Process, tally: &Arc<Tally>, done: &Arc<AtomicBool>) -> tokio::task::JoinHandle<()> {
    let (client, tally, done) = (process.client(), Arc::clone(tally), Arc::clone(done));
    tokio::spawn(async move {
        while !done.load(Ordering::Relaxed) {
            let answer = client.chat(asked(false)).await;
            let count = match answer.status.as_u16() {
                200 => &tally.served,
                503 => &tally.refused,
                _ => &tally.other,
            };
            count.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    })
}

/// The server is stopped, then killed, under load, for a moment, or for `WEIGHBRIDGE_OUTAGE_SECONDS` each.
async fn without_server(stance: &str) {
    let outage = std::env::var("WEIGHBRIDGE_OUTAGE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let upstream = Upstream::start([Reply::chat("hello")]).await;
    let mut redis = Redis::start();
    let shared = format!("stance = \"{stance}\"\nlease = \"{}s\"\ntimeout = \"250ms\"", outage + 30);
    let folders: Vec<TempDir> = (0..2).map(|_| folder(&upstream, &redis, &shared, 1_000_000_000_000_000)).collect();
    let replicas: Vec<Process> = folders.iter().map(|folder| Process::start(folder.path())).collect();
    let (tally, done) = (Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));
    let loads: Vec<_> = replicas.iter().map(|replica| load(replica, &tally, &done)).collect();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(tally.refused.load(Ordering::Relaxed), 0);
    for how in ["stopped", "killed"] {
        match how {
            "stopped" => redis.signal("-STOP"),
            _ => redis.kill(),
        }
        for replica in &replicas {
            within(async {
                while replica.metric("weighbridge_shared_up").await != 0.0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
            .await;
        }
        let counts = || [&tally.served, &tally.refused].map(|count| count.load(Ordering::Relaxed));
        let before = counts();
        tokio::time::sleep(Duration::from_secs(outage)).await;
        let after = counts();
        let (served, refused) = (after[0] - before[0], after[1] - before[1]);
        eprintln!("{stance}, {how} for {outage} s: {served} served, {refused} refused");
        match stance {
            // One may have been under way when it was noticed.
            "local" => assert!(served > 20 && refused == 0, "{how}: {served} served, {refused} refused"),
            _ => assert!(served <= 2 && refused > 20, "{how}: {served} served, {refused} refused"),
        }
        match how {
            "stopped" => redis.signal("-CONT"),
            _ => redis.start_again(),
        }
        let back = Instant::now();
        for replica in &replicas {
            within(async {
                while replica.metric("weighbridge_shared_up").await != 1.0
                    || replica.client().chat(asked(false)).await.status != 200
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            })
            .await;
        }
        eprintln!("{stance}, {how}: served again after {:?}", back.elapsed());
        assert!(replicas[0].metric("weighbridge_shared_errors_total").await > 0.0);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    done.store(true, Ordering::Relaxed);
    for load in loads {
        load.await.expect("no panic");
    }
    assert_eq!(tally.other.load(Ordering::Relaxed), 0, "served or refused as the stance says, nothing else");
    eventually("nothing is lost", || {
        let fields = figures(&redis);
        let ledgers: Vec<_> = folders.iter().map(|folder| in_ledger(folder.path())).collect();
        faults(&fields).is_empty()
            && ledgers.iter().all(|(name, spent)| fields.get(&format!("s:{name}")) == Some(spent))
            && fields["spent"] == ledgers.iter().map(|(_, spent)| spent).sum::<i64>()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_gone_replicas_go_on_with_their_shares() {
    without_server("local").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_gone_requests_are_refused_where_that_is_the_stance() {
    without_server("closed").await;
}

/// Replicas that ship to one database and share one budget: a restart tells the server what that replica spent, and not
/// what the database says that all of them did.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_of_replicas_with_one_database_changes_nothing_that_is_spent() {
    let upstream = Upstream::start_answering_each(|_| Reply::chat("hello")).await;
    let (redis, database) = (Redis::start(), Postgres::start().await);
    let shared = "lease = \"5s\"\ntimeout = \"1s\"";
    let folders: Vec<TempDir> = (0..2).map(|_| folder(&upstream, &redis, shared, 1_000_000_000_000)).collect();
    for folder in &folders {
        let path = folder.path().join("routes.toml");
        let text = std::fs::read_to_string(&path).expect("the routes");
        let more = format!("{text}\n[ledger]\nurl = \"{}\"\nship_interval = \"20ms\"\n", database.address());
        std::fs::write(&path, more).expect("written");
    }
    let mut replicas: Vec<Process> = folders.iter().map(|folder| Process::start(folder.path())).collect();
    for replica in &replicas {
        for _ in 0..5 {
            assert_eq!(replica.client().chat(asked(false)).await.status, 200);
        }
    }
    let spent = 10 * 20_000;
    eventually("both have told", || figures(&redis)["spent"] == spent).await;
    within(async {
        while database.number("SELECT count(*) FROM entries").await < 10 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    for place in [0, 1, 0, 1] {
        let stopped = replicas.remove(place);
        stopped.signal("-TERM");
        drop(stopped);
        replicas.insert(place, Process::start(folders[place].path()));
        // It has told how things stand before it answers.
        assert_eq!(replicas[place].client().get("/healthz").await.status, 200);
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(figures(&redis)["spent"], spent, "{:?}", figures(&redis));
    }
    assert_eq!(replicas[0].client().chat(asked(false)).await.status, 200);
    eventually("one more was spent", || figures(&redis)["spent"] == spent + 20_000).await;
}
