//! Fills an empty PostgreSQL ledger with synthetic traffic, and times reports of it:
//! `cargo run --release --example fill_ledger -- ADDRESS ENTRIES DAYS`, or `make fill-ledger ADDRESS=…`.
//!
//! 300 engineers of 30 teams work on 90 features, each on three branches a week, mostly in working hours, by five rules on
//! six endpoints. Entries are made by the server itself, day by day, and their sums with them, in SQL that says the same
//! as the code that ships. The last line compares the two.

#![expect(clippy::print_stdout, reason = "an example is read on the terminal")]
#![expect(clippy::unwrap_used, reason = "an example that cannot go on panics")]

use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use tokio_postgres::{Client, NoTls};
use weighbridge::record::archive::Archive;
use weighbridge::record::period::Period;
use weighbridge::record::report::{Filter, GroupBy};
use weighbridge::record::{Ledger, Settings, Ship};

/// The length of an entry's JSON, in 32 bytes: this and half of it.
const FACTS: &str = "12";

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, entries, days] = arguments.as_slice() else { panic!("fill_ledger ADDRESS ENTRIES DAYS") };
    let (entries, days): (i64, i64) = (entries.parse().unwrap(), days.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { ship: Some(Ship::to(address.as_str())), ..Settings::at(folder.path().join("ledger.db")) };
    let client = connect(address).await;
    make_tables(&settings, &client).await;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    if number(&client, "SELECT count(*)::bigint FROM rollup_days").await == 0 {
        let began = Instant::now();
        for back in (1..=days).rev() {
            fill(&client, today.checked_sub(back.days()).unwrap(), entries / days).await;
        }
        client.batch_execute("ANALYZE").await.unwrap();
        println!("filled with {entries} entries of {days} days in {:.0} s", began.elapsed().as_secs_f64());
    }
    sizes(&client).await;
    let archive = Archive::of(&settings).unwrap();
    for since in [days, 30, 7] {
        time_reports(&archive, since).await;
    }
    compare(&archive, &client).await;
}

async fn connect(address: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// The ledger itself makes its tables.
async fn make_tables(settings: &Settings, client: &Client) {
    let ledger = Ledger::open(settings).unwrap();
    while number(client, "SELECT count(*) FROM pg_class WHERE relname ~ '^attempts_2'").await < 8 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::task::spawn_blocking(move || ledger.close(Duration::from_secs(5)).unwrap()).await.unwrap();
}

async fn fill(client: &Client, day: Date, entries: i64) {
    let sql = include_str!("fill_ledger.sql")
        .replace("{suffix}", &day.strftime("%Y%m%d").to_string())
        .replace("{next}", &day.tomorrow().unwrap().to_string())
        .replace("{day}", &day.to_string())
        .replace("{entries}", &entries.to_string())
        .replace("{facts}", FACTS);
    client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{day}: {error:?}"));
}

async fn sizes(client: &Client) {
    let entries = number(client, "SELECT count(*) FROM entries").await;
    println!("\n{entries} entries");
    for table in ["entries", "attempts", "rollup_hours", "rollup_days"] {
        let bytes = format!(
            "SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint FROM pg_partition_tree('{table}') WHERE isleaf"
        );
        let bytes = match number(client, &bytes).await {
            0 => number(client, &format!("SELECT pg_total_relation_size('{table}')")).await,
            bytes => bytes,
        };
        let rows = number(client, &format!("SELECT count(*) FROM {table}")).await;
        println!(
            "{table:<14} {rows:>10} rows {:>8.2} GB, {:>6.0} MB a million entries",
            bytes as f64 / 1e9,
            bytes as f64 / entries as f64
        );
    }
}

async fn time_reports(archive: &Archive, days: i64) {
    println!("\n{days} days, from now: seconds (lines), the second of two");
    let since = format!("{days}d");
    let period = Period::parse(Some(&since), None, Timestamp::now()).unwrap();
    let groups: [&[GroupBy]; 9] = [
        &[GroupBy::Tier],
        &[GroupBy::Team],
        &[GroupBy::Engineer],
        &[GroupBy::Feature, GroupBy::Day],
        &[GroupBy::Branch],
        &[GroupBy::Model, GroupBy::Rule],
        &[GroupBy::Day],
        &[GroupBy::Engineer, GroupBy::Day],
        &[GroupBy::Hour],
    ];
    for by in groups {
        let filter = Filter { period, equal: Vec::new() };
        archive.report(&filter, by).await.unwrap();
        let began = Instant::now();
        let report = archive.report(&filter, by).await.unwrap();
        let words: Vec<&str> = by.iter().map(|by| by.as_str()).collect();
        println!("  {:<16} {:>6.2} ({})", words.join(" "), began.elapsed().as_secs_f64(), report.lines.len());
    }
    let filter = Filter { period, equal: vec![(GroupBy::Team, "team-7".into())] };
    let began = Instant::now();
    let report = archive.report(&filter, &[GroupBy::Engineer, GroupBy::Day]).await.unwrap();
    println!("  {:<16} {:>6.2} ({})", "one team", began.elapsed().as_secs_f64(), report.lines.len());
}

/// The report's total beside what the entries say.
async fn compare(archive: &Archive, client: &Client) {
    let began = Instant::now();
    let sql = "SELECT count(*), sum(cost_pico)::text FROM entries";
    let row = client.query_one(sql, &[]).await.unwrap();
    let (requests, cost): (i64, &str) = (row.get(0), row.get(1));
    let took = began.elapsed().as_secs_f64();
    let total = archive.report(&Filter::default(), &[]).await.unwrap().total;
    let same = total.requests == requests as u64 && total.cost.unwrap().get().to_string() == cost;
    println!("\nadding up the entries themselves takes {took:.1} s and comes to the same: {same}");
    assert!(same);
}
