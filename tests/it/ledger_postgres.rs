//! The ledger in PostgreSQL: entries arrive there once, whatever is stopped, killed or frozen on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use weighbridge::app::spend::{Detail, spend, stages};
use weighbridge::domain::{self, Label, Pico, Usage};
use weighbridge::record::archive::Archive;
use weighbridge::record::entry::{self, Entry};
use weighbridge::record::period::Period;
use weighbridge::record::report::{Filter, GroupBy};
use weighbridge::record::restate::Restated;
use weighbridge::record::{Committed, Ledger, Settings, Ship};
use weighbridge::store::{Place, Store};
use weighbridge::value::join::{Outcomes, REACH_MILLIS};
use weighbridge::value::outcome::{Outcome, Source};
use weighbridge::value::spend::{HOUR_MILLIS, Spend};

use crate::support::client::Client;
use crate::support::process::ask;
use crate::support::proxy::{read, routes};
use crate::support::upstream::within;
use crate::support::{Postgres, Process, Proxy, Reply, Upstream, asked, chat, streamed};

#[path = "../../src/record/sample.rs"]
#[expect(dead_code, reason = "made for the unit tests, which need more of it")]
mod sample;

/// The routes of a proxy that ships to this server.
fn shipping(upstream: &Upstream, database: &Postgres) -> String {
    let url = upstream.url();
    format!("{}\n[ledger]\nurl = \"{}\"\nship_interval = \"20ms\"\n", routes(&url, &url), database.address())
}

async fn upstream() -> Upstream {
    Upstream::start_answering_each(|seen| {
        let stream = seen.json()["stream"] == true;
        if stream { Reply::stream(&["one", " two"]) } else { Reply::chat("one two") }
    })
    .await
}

/// Waits until a question finds this number.
async fn until(database: &Postgres, sql: &str, expected: i64) {
    within(async {
        while database.number(sql).await != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_arrive_with_their_attempts_and_their_sums() {
    let (upstream, database) = (upstream().await, Postgres::start().await);
    let proxy = Proxy::start(&shipping(&upstream, &database)).await;
    for number in 0..20 {
        let body = if number % 2 == 0 { chat("hello") } else { streamed("hello") };
        assert_eq!(proxy.client().chat(body).await.status, 200);
    }
    proxy.entries(20, "id").await;
    until(&database, "SELECT count(*) FROM entries_default", 0).await;
    until(&database, "SELECT count(*) FROM entries", 20).await;
    assert_eq!(database.number("SELECT count(*) FROM attempts").await, 20);
    for table in ["rollup_hours", "rollup_days"] {
        let sums = format!("SELECT sum(requests)::bigint, sum(cost_pico)::bigint, sum(tokens_in)::bigint FROM {table}");
        let sums = database.query(&sums).await;
        let found: (i64, i64, i64) = (sums[0].get(0), sums[0].get(1), sums[0].get(2));
        assert_eq!(found, (20, 20 * (10 + 5 * 2) * 1_000_000, 200), "{table}");
    }
    assert_eq!(proxy.metric("weighbridge_ledger_unshipped ").await, 0.0);
    assert_eq!(proxy.metric("weighbridge_ledger_shipped_entries_total").await, 20.0);
}

/// Entries of three days that differ in everything that reports look at.
fn entries(count: u64) -> Vec<Entry> {
    let label = |name: &str, number: u64, of: u64| {
        (!number.is_multiple_of(of)).then(|| Label::parse(&format!("{name}-{}", number % of))).flatten()
    };
    let at = |number: u64| sample::MIDNIGHT + number * 7_919_000 % (3 * 86_400_000);
    let id = |number: u64| {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        domain::RequestId::new(at(number), random)
    };
    let entry = |number: u64| Entry {
        id: id(number),
        at_millis: at(number),
        engineer: label("engineer", number, 5),
        team: label("team", number, 3),
        feature: label("feature", number, 4),
        branch: label("branch", number, 7),
        pull_request: label("pr", number, 6),
        cost: (!number.is_multiple_of(11)).then(|| Pico::new((number * 1_000_003).into())),
        provider_cost: (!number.is_multiple_of(2)).then(|| Pico::new((number * 1_000_000).into())),
        total_us: number * 31_337 % 5_000_000,
        ..if number.is_multiple_of(13) { sample::refused(number) } else { sample::full(number) }
    };
    (0..count).map(entry).collect()
}

/// A ledger with these entries, closed again.
async fn keep(settings: &Settings, entries: &[Entry]) -> String {
    let ledger = Ledger::open(settings).expect("a ledger");
    let receipts: Vec<_> = entries.iter().map(|entry| ledger.append(entry.clone())).collect();
    for receipt in receipts {
        assert_eq!(receipt.await, Committed::Durable);
    }
    if let Some(ship) = &settings.ship {
        assert!(ship.max_spool > 0);
        within(async {
            while ledger.stats().shipping.is_none_or(|shipping| shipping.shipped < entries.len() as u64) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
    let replica = ledger.replica().to_owned();
    tokio::task::spawn_blocking(move || ledger.close(Duration::from_secs(10)))
        .await
        .expect("no panic")
        .expect("closed");
    replica
}

fn filters() -> Vec<Filter> {
    let at = |minutes: i64| Some(sample::MIDNIGHT as i64 + minutes * 60_000);
    let period =
        |since_millis, until_millis| Filter { period: Period { since_millis, until_millis }, equal: Vec::new() };
    let escalated = Filter { equal: vec![(GroupBy::Escalated, "no".into())], ..period(at(90), at(4000)) };
    vec![
        Filter::default(),
        period(at(90), None),
        period(None, at(3001)),
        period(at(1439), at(1441)),
        period(at(95), at(100)),
        Filter { equal: vec![(GroupBy::Team, "team-1".into())], ..period(at(61), at(4000)) },
        escalated,
    ]
}

async fn assert_same_answers(one: &Archive, other: &Archive) {
    let mut groups: Vec<Vec<GroupBy>> = GroupBy::ALL.iter().map(|by| vec![*by]).collect();
    groups.extend([vec![], vec![GroupBy::Team, GroupBy::Day], vec![GroupBy::Pr, GroupBy::Hour, GroupBy::Tier]]);
    for filter in filters() {
        for by in &groups {
            let (here, there) = (one.report(&filter, by).await, other.report(&filter, by).await);
            assert_eq!(here.expect("a report"), there.expect("a report"), "{filter:?} {by:?}");
        }
    }
}

/// What shipped while those entries were made, on their branches and for their features: some in one hour, some on one day,
/// some so late that the reach of a feature ends in the middle of a day.
fn outcomes() -> Vec<Outcome> {
    let outcome = |number: i64| Outcome {
        kind: Label::parse("merged-pr").expect("a label"),
        id: format!("example/shop#{number}"),
        source: Source::Api,
        at_millis: sample::MIDNIGHT as i64 + if number % 3 == 0 { REACH_MILLIS } else { 0 } + number % 67 * HOUR_MILLIS,
        repository: None,
        branch: Some(format!("branch-{}", number % 7)),
        pull_request: None,
        author: None,
        engineer: Label::parse(&format!("engineer-{}", number % 4 + 1)),
        team: None,
        feature: Label::parse(&format!("feature-{}", number % 3 + 1)),
        weight: 1,
    };
    (0..40).map(|number| outcome(number * number)).collect()
}

type Joined = BTreeMap<(String, Vec<Option<String>>), (u64, Option<Pico>, Option<Pico>, u64)>;

/// What became of rows of spend, with their names: each with its requests, cost, savings and how many are unpriced.
fn joined(rows: &[Spend], outcomes: &[Outcome]) -> Joined {
    let (outcomes, mut joined) = (Outcomes::of(outcomes), Joined::new());
    for row in rows.iter().cloned() {
        let (verdict, amount) = (format!("{:?}", outcomes.verdict(&row)), row.amount);
        let names = vec![row.branch, row.pull_request, row.feature, row.engineer, row.team];
        let known = joined.entry((verdict, names)).or_default();
        let sum =
            |known: Option<Pico>, more: Option<Pico>| known.or(more).map(|_| [known, more].into_iter().flatten().sum());
        let (cost, savings) = (sum(known.1, amount.cost), sum(known.2, amount.savings));
        *known = (known.0 + amount.requests, cost, savings, known.3 + amount.unpriced);
    }
    joined
}

/// The same rows by the hour, as a report has them.
async fn by_hour(archive: &Archive, filter: &Filter) -> Vec<Spend> {
    let names = [GroupBy::Branch, GroupBy::Pr, GroupBy::Feature, GroupBy::Engineer, GroupBy::Team];
    let by: Vec<GroupBy> = [GroupBy::Hour].into_iter().chain(names).collect();
    let lines = archive.report(filter, &by).await.expect("a report").lines.into_iter();
    let row = |line: weighbridge::record::report::Line| {
        let [hour, branch, pull_request, feature, engineer, team] = line.keys.try_into().expect("six keys");
        let hour: jiff::Timestamp = hour.expect("an hour").parse().expect("a moment");
        let (totals, mut row) = (line.totals, Spend::default());
        row.amount.requests = totals.requests;
        row.amount.cost = totals.cost;
        row.amount.savings = totals.savings;
        row.amount.unpriced = totals.unpriced;
        Spend { hour_millis: hour.as_millisecond(), branch, pull_request, feature, engineer, team, ..row }
    };
    lines.map(row).collect()
}

async fn assert_joined_as_by_hour(archive: &Archive) {
    let outcomes = outcomes();
    let stages = stages(&outcomes);
    for filter in filters() {
        let by_hour = joined(&by_hour(archive, &filter).await, &outcomes);
        let Filter { period, equal } = filter.clone();
        let by_stage = spend(archive, period, equal, &stages, Detail::Whose).await.expect("spend");
        assert_eq!(joined(&by_stage, &outcomes), by_hour, "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_databases_give_the_same_answers() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), Postgres::start().await);
    let entries = entries(700);
    let file = Settings::at(folder.path().join("file.db"));
    keep(&file, &entries).await;
    let settings =
        |name: &str| Settings { ship: Some(Ship::to(database.address())), ..Settings::at(folder.path().join(name)) };
    // Two replicas, each with its part, and one of them with some of the other's as well.
    let one = keep(&settings("one.db"), &entries[..400]).await;
    let other = keep(&settings("other.db"), &entries[300..]).await;
    assert_ne!(one, other);
    assert_eq!(database.number("SELECT count(*) FROM entries").await, 700);
    assert_eq!(database.number("SELECT count(DISTINCT replica) FROM entries").await, 2);
    let from_file = Archive::of(&file).expect("an archive");
    let from_database = Archive::of(&settings("nowhere.db")).expect("an archive");
    assert_same_answers(&from_file, &from_database).await;
    assert_joined_as_by_hour(&from_file).await;
    assert_joined_as_by_hour(&from_database).await;

    let restated = |number: usize| Restated {
        place: None,
        id: entries[number].id,
        cost: (!number.is_multiple_of(3)).then(|| Pico::new(number as i128 * 5)),
        price_version: "later".into(),
    };
    let restated: Vec<Restated> = (0..700).step_by(2).map(restated).collect();
    assert_eq!(from_file.restate(restated.clone()).await.expect("restated"), 350);
    assert_eq!(from_database.restate(restated.clone()).await.expect("restated"), 350);
    assert_eq!(from_database.restate(restated).await.expect("restated"), 0, "once");
    assert_same_answers(&from_file, &from_database).await;

    let used = [used_in_pages(&from_file).await, used_in_pages(&from_database).await];
    assert!(used[0].len() > 600 && used[0] == used[1], "{} and {}", used[0].len(), used[1].len());

    let (here, there) = (from_file.by_id(entries[4].id).await, from_database.by_id(entries[4].id).await);
    let (here, mut there) = (here.expect("read").expect("there"), there.expect("read").expect("there"));
    there.as_object_mut().expect("an object").remove("replica");
    assert_eq!(here, there);
    assert_eq!(here["first_price_version"], "genai-prices 0.2.1");
}

/// What every answer used and cost, read a few at a time, by the request's id.
async fn used_in_pages(archive: &Archive) -> BTreeMap<String, (Usage, Option<Pico>, Option<String>)> {
    let (mut found, mut last) = (BTreeMap::new(), None);
    loop {
        let page = archive.used(Period::default(), None, last.as_ref(), 37).await.expect("a page");
        let Some(end) = page.last() else { return found };
        last = Some(end.clone());
        for one in page {
            let before = found.insert(one.id.to_string(), (one.usage, one.cost, one.price_version));
            assert!(before.is_none(), "{} is on two pages", one.id);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_here_is_part_of_a_report_and_counted_once() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), Postgres::start().await);
    let settings =
        Settings { ship: Some(Ship::to(database.address())), ..Settings::at(folder.path().join("ledger.db")) };
    let entries = entries(60);
    keep(&settings, &entries[..40]).await;
    // Without shipping, the rest only gets into the file. Then it looks as if the place of what was shipped was lost.
    keep(&Settings { ship: None, ..settings.clone() }, &entries[40..]).await;
    let archive = Archive::of(&settings).expect("an archive");
    let all = archive.report(&Filter::default(), &[GroupBy::Team]).await.expect("a report");
    assert_eq!((all.total.requests, all.unshipped), (60, 20));
    assert_joined_as_by_hour(&archive).await;
    let file = rusqlite::Connection::open(&settings.path).expect("the file");
    file.execute("UPDATE ledger_meta SET value = 0 WHERE name = 'shipped'", []).expect("changed");
    assert_eq!(archive.report(&Filter::default(), &[GroupBy::Team]).await.expect("a report"), all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_for_long_delays_the_making_of_days_and_no_entry() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), Postgres::start().await);
    let settings =
        Settings { ship: Some(Ship::to(database.address())), ..Settings::at(folder.path().join("ledger.db")) };
    keep(&settings, &entries(10)).await;
    // A day has to be made again, and somebody reads the table that its rows would be moved out of.
    let day: String = database.query("SELECT to_char(CURRENT_DATE + 3, 'YYYYMMDD')").await[0].get(0);
    database.execute(&format!("DROP TABLE entries_{day}")).await;
    let (reading, connection) =
        tokio_postgres::connect(&database.address(), tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    reading.batch_execute("BEGIN; SELECT count(*) FROM entries_default").await.expect("it reads");
    keep(&Settings { path: folder.path().join("another.db"), ..settings }, &entries(40)).await;
    assert_eq!(database.number("SELECT count(*) FROM entries").await, 40);
    assert_eq!(database.number(&format!("SELECT count(*) FROM pg_class WHERE relname = 'entries_{day}'")).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_postgres_does_not_take_stays_here_and_stops_no_other() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), Postgres::start().await);
    let settings =
        Settings { ship: Some(Ship::to(database.address())), ..Settings::at(folder.path().join("ledger.db")) };
    let ledger = Ledger::open(&settings).expect("a ledger");
    until_migrated(&database).await;
    database.execute("ALTER TABLE entries ADD CONSTRAINT picky CHECK (engineer <> 'poison')").await;
    for (number, entry) in entries(50).into_iter().enumerate() {
        let engineer = if number == 17 { Label::parse("poison") } else { entry.engineer };
        drop(ledger.append(Entry { engineer, ..entry }));
    }
    within(async {
        while ledger.stats().shipping.is_none_or(|shipping| shipping.set_aside == 0 || shipping.unshipped > 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(database.number("SELECT count(*) FROM entries").await, 49);
    let file = rusqlite::Connection::open(&settings.path).expect("the file");
    let reason: String = file.query_row("SELECT reason FROM set_aside", [], |row| row.get(0)).expect("one");
    assert!(reason.contains("picky"), "{reason}");
    // A model that a client named with a character that PostgreSQL has not.
    let facts = sample::full(60).facts.expect("facts");
    let facts = domain::Facts { requested_model: "a\0b".into(), ..(*facts).clone() };
    drop(ledger.append(Entry { facts: Some(Arc::new(facts)), ..sample::full(60) }));
    until(&database, "SELECT count(*) FROM entries WHERE requested_model = E'a\\uFFFDb'", 1).await;
}

async fn until_migrated(database: &Postgres) {
    until(database, "SELECT count(*) FROM pg_class WHERE relname = 'entries'", 1).await;
}

/// Asks one after the other until told to stop; the ids of what came whole, and how many answers were no answers.
async fn load(client: Client, stop: Arc<AtomicBool>) -> (Vec<String>, usize) {
    let (mut ids, mut refused) = (Vec::new(), 0);
    for number in 0..100_000 {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match ask(client.clone(), number).await {
            Some(id) => ids.push(id),
            None => refused += 1,
        }
    }
    (ids, refused)
}

/// Everything that was answered is in the database, once, with its sums.
async fn assert_all_there(database: &Postgres, answered: &[String]) {
    let rows = database.query("SELECT id::text FROM entries").await;
    let there: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(there.len(), rows.len(), "nothing is there twice");
    let missing = answered.iter().filter(|id| !there.contains(*id)).count();
    assert_eq!(missing, 0, "of {} answers so many have no entry", answered.len());
    let entries = rows.len() as i64;
    for table in ["rollup_hours", "rollup_days"] {
        assert_eq!(database.number(&format!("SELECT sum(requests)::bigint FROM {table}")).await, entries, "{table}");
    }
    let attempts = "SELECT (SELECT sum(attempts)::bigint FROM entries) - (SELECT count(*) FROM attempts)";
    assert_eq!(database.number(attempts).await, 0);
}

async fn until_shipped(proxy: &Proxy) {
    let deadline = Instant::now() + Duration::from_secs(60);
    // The gauge is as old as the last look, which comes after each attempt.
    tokio::time::sleep(Duration::from_millis(300)).await;
    while proxy.metric("weighbridge_ledger_unshipped ").await > 0.0 {
        assert!(Instant::now() < deadline, "entries are not shipped");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How a database goes away, and how it comes back.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Outage {
    Stopped,
    Frozen,
    Cut,
}

async fn outage(kind: Outage, seconds: u64) {
    let (upstream, mut database) = (upstream().await, Postgres::start().await);
    let proxy = Proxy::start(&shipping(&upstream, &database)).await;
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4).map(|_| tokio::spawn(load(proxy.client(), Arc::clone(&stop)))).collect();
    until_migrated(&database).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let away = Instant::now();
    match kind {
        Outage::Stopped => database.stop_immediately(),
        Outage::Frozen => database.freeze(),
        Outage::Cut => {}
    }
    let failures = "weighbridge_ledger_ship_failures_total";
    while away.elapsed() < Duration::from_secs(seconds) {
        if kind == Outage::Cut {
            let ours =
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'weighbridge'";
            database.number(ours).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if kind == Outage::Cut {
        assert!(proxy.metric(failures).await > 0.0);
    } else {
        let oldest = proxy.metric("weighbridge_ledger_oldest_unshipped_seconds").await;
        let waiting = proxy.metric("weighbridge_ledger_unshipped ").await;
        eprintln!("{kind:?} for {seconds} s: {waiting} entries wait, the oldest for {oldest:.1} s");
        assert!(kind == Outage::Frozen || proxy.metric(failures).await > 0.0);
    }
    let back = Instant::now();
    match kind {
        Outage::Stopped => database.start_again().await,
        Outage::Frozen => database.thaw(),
        Outage::Cut => {}
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let mut answered = Vec::new();
    for caller in callers {
        let (ids, refused) = within(caller).await.expect("no panic");
        assert_eq!(refused, 0, "every request is served meanwhile");
        answered.extend(ids);
    }
    until_shipped(&proxy).await;
    eprintln!("{} answers; all shipped {:.1} s after it came back", answered.len(), back.elapsed().as_secs_f64());
    assert_all_there(&database, &answered).await;
}

fn outage_seconds() -> u64 {
    asked("WEIGHBRIDGE_OUTAGE_SECONDS", 2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_stopped_requests_are_served_and_nothing_is_lost() {
    outage(Outage::Stopped, outage_seconds()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_frozen_requests_are_served_and_nothing_is_lost() {
    outage(Outage::Frozen, outage_seconds()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_again_and_again_lose_nothing() {
    outage(Outage::Cut, outage_seconds()).await;
}

/// Kills the proxy at random moments under load; the ids of what came whole.
async fn kill_again_and_again(folder: &Path, rounds: u64) -> Vec<String> {
    let mut answered = Vec::new();
    for round in 0..rounds {
        let process = Process::start(folder);
        let stop = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..8).map(|_| tokio::spawn(load(process.client(), Arc::clone(&stop)))).collect();
        // A moment that nobody chose: the process's number and the round, stirred.
        let moment = (u64::from(process.child.id()) * 2_654_435_761 + round * 40_503) % 400;
        tokio::time::sleep(Duration::from_millis(50 + moment)).await;
        process.signal("-KILL");
        stop.store(true, Ordering::Relaxed);
        for caller in callers {
            answered.extend(within(caller).await.expect("no panic").0);
        }
    }
    answered
}

fn kills() -> u64 {
    asked("WEIGHBRIDGE_KILLS", 5)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_nine_again_and_again_loses_no_whole_answer_in_the_file() {
    let (upstream, folder) = (upstream().await, tempfile::tempdir().expect("a folder"));
    std::fs::write(folder.path().join("routes.toml"), routes(&upstream.url(), &upstream.url())).expect("a file");
    let answered = kill_again_and_again(folder.path(), kills()).await;
    drop(Process::start(folder.path()));
    let recorded: Vec<String> = read(&folder.path().join("ledger/weighbridge.db"), "lower(hex(id))").concat();
    let distinct: BTreeSet<&String> = recorded.iter().collect();
    assert_eq!(distinct.len(), recorded.len(), "nothing is recorded twice");
    let missing = answered.iter().filter(|id| !distinct.contains(&id.replace('-', ""))).count();
    eprintln!("{} kills, {} whole answers, {} entries, {missing} missing", kills(), answered.len(), recorded.len());
    assert!(answered.len() as u64 > kills() && missing == 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_nine_again_and_again_ships_every_whole_answer_once() {
    let (upstream, database) = (upstream().await, Postgres::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("routes.toml"), shipping(&upstream, &database)).expect("a file");
    let answered = kill_again_and_again(folder.path(), kills()).await;
    let process = Process::start(folder.path());
    let recorded = read(&folder.path().join("ledger/weighbridge.db"), "lower(hex(id))").len();
    until(&database, "SELECT count(*) FROM entries", recorded as i64).await;
    eprintln!("{} kills, {} whole answers, {recorded} entries shipped", kills(), answered.len());
    assert!(answered.len() as u64 > kills());
    assert_all_there(&database, &answered).await;
    drop(process);
}

/// An answer that does not come takes its connection with it: the next question gets another.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_given_up_does_not_return_to_the_pool() {
    let database = Postgres::start().await;
    let pool = weighbridge::store::postgres::pool(&database.address()).expect("an address");
    let store = Store::open(Place::Postgres(pool.clone())).await.expect("a store");
    let slow = store.query("SELECT 1::BIGINT FROM pg_sleep(30)", Vec::new());
    assert!(tokio::time::timeout(Duration::from_millis(500), slow).await.is_err());
    assert_eq!(pool.status().size, 0);
    assert_eq!(store.query("SELECT 7::BIGINT", Vec::new()).await.expect("an answer")[0].int(0).expect("a number"), 7);
    assert_eq!((pool.status().size, pool.status().available), (1, 1), "a good one is kept");
}
