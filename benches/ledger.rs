//! What an entry costs: `cargo bench --bench ledger`. The file is made in `TMPDIR`; name a folder on the disk that
//! matters. Before the usual table it prints CPU time and the log's growth for each entry, by the size of a group.

#![expect(clippy::print_stdout, reason = "a bench is read on the terminal")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use divan::{Bencher, counter::ItemsCount};
use hdrhistogram::Histogram;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use weighbridge::domain;
use weighbridge::record::{Ledger, Receipt, Settings, Synchronous, entry};

#[path = "../src/record/sample.rs"]
#[expect(dead_code, reason = "the tests that it is shared with need more")]
mod sample;

const GROUPS: [usize; 3] = [1, 16, 256];
const BOTH: [Synchronous; 2] = [Synchronous::Normal, Synchronous::Full];

fn main() {
    println!("each entry, {} bytes of it JSON, by how many are committed together", json_of(&sample::full(0)).len());
    println!("{:<12} {:>8} {:>10} {:>12} {:>12} {:>12}", "", "group", "CPU us", "log bytes", "receipt p50", "p99 us");
    for synchronous in BOTH {
        GROUPS.into_iter().for_each(|group| cost(synchronous, group));
    }
    println!("\n32 callers at once, each waiting for its receipt before it appends again");
    println!(
        "{:<12} {:>8} {:>10} {:>12} {:>12} {:>12}",
        "interval us", "group", "CPU us", "entries/s", "p50 us", "p99 us"
    );
    [0, 500, 1000, 2000].into_iter().for_each(|micros| callers(Duration::from_micros(micros)));
    println!();
    divan::main();
}

/// Appends an entry, or a burst of them, and waits for every receipt.
struct Kept {
    ledger: Ledger,
    runtime: Runtime,
    number: u64,
    folder: TempDir,
}

impl Kept {
    fn open(synchronous: Synchronous, commit_interval: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the ledger");
        let path = folder.path().join("ledger.db");
        let settings = Settings { synchronous, commit_interval, ..Settings::at(path) };
        let ledger = Ledger::open(&settings).expect("a new ledger opens");
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime starts");
        Self { ledger, runtime, number: 0, folder }
    }

    fn burst(&mut self, entries: usize) {
        let numbers = self.number..self.number + entries as u64;
        self.number = numbers.end;
        let receipts: Vec<Receipt> = numbers.map(|number| self.ledger.append(sample::full(number))).collect();
        self.runtime.block_on(async {
            for receipt in receipts {
                divan::black_box(receipt.await);
            }
        });
    }
}

#[divan::bench(args = GROUPS)]
fn burst_normal(bencher: Bencher<'_, '_>, entries: usize) {
    burst(bencher, Synchronous::Normal, entries);
}

#[divan::bench(args = GROUPS)]
fn burst_full(bencher: Bencher<'_, '_>, entries: usize) {
    burst(bencher, Synchronous::Full, entries);
}

fn burst(bencher: Bencher<'_, '_>, synchronous: Synchronous, entries: usize) {
    let mut kept = Kept::open(synchronous, Duration::ZERO);
    bencher.counter(ItemsCount::new(entries)).bench_local(|| kept.burst(entries));
}

/// What the request path pays: making room in the queue and a receipt.
#[divan::bench]
fn append_alone(bencher: Bencher<'_, '_>) {
    let mut kept = Kept::open(Synchronous::Normal, Duration::ZERO);
    bencher
        .with_inputs(|| {
            kept.number += 1;
            sample::full(kept.number)
        })
        .bench_local_values(|entry| drop(kept.ledger.append(entry)));
}

/// A journal of our own, for comparison: the same JSON with a length and a line's end, written as one piece.
#[divan::bench(args = GROUPS)]
fn journal_normal(bencher: Bencher<'_, '_>, entries: usize) {
    journal(bencher, false, entries);
}

#[divan::bench(args = GROUPS)]
fn journal_full(bencher: Bencher<'_, '_>, entries: usize) {
    journal(bencher, true, entries);
}

fn journal(bencher: Bencher<'_, '_>, sync: bool, entries: usize) {
    let folder = tempfile::tempdir().expect("a folder for the journal");
    let mut file = File::create(folder.path().join("journal")).expect("a new file");
    bencher.counter(ItemsCount::new(entries)).bench_local(|| append_to_journal(&mut file, sync, entries));
}

fn append_to_journal(file: &mut File, sync: bool, entries: usize) {
    let mut group = Vec::new();
    for number in 0..entries as u64 {
        let json = json_of(&sample::full(number));
        group.extend((json.len() as u64).to_le_bytes());
        group.extend(json);
    }
    file.write_all(&group).expect("the disk has room");
    if sync {
        file.sync_data().expect("the disk syncs");
    }
}

/// About what a journal would hold of an entry.
fn json_of(entry: &entry::Entry) -> Vec<u8> {
    let who = (&entry.key, &entry.engineer, &entry.team, &entry.feature, entry.app, entry.dialect, entry.door);
    let what = (entry.usage, entry.usage_source, &entry.price_version, entry.cost, entry.baseline, entry.ending);
    let times = (entry.at_millis, entry.total_us, entry.first_byte_us, entry.overhead_us, entry.status);
    let why = (&entry.facts, &entry.evidence, &entry.decision, &entry.rules_version, &entry.endpoint);
    serde_json::to_vec(&(entry.id, who, what, times, why)).expect("an entry is JSON")
}

/// The writer's CPU time and the log's growth for each entry, and how long a receipt takes, with `group` entries
/// committed together. Few enough entries that the log is not emptied meanwhile.
fn cost(synchronous: Synchronous, group: usize) {
    let rounds = (6_000 / group).clamp(20, 1_500);
    let mut kept = Kept::open(synchronous, if group == 1 { Duration::ZERO } else { Duration::from_millis(2) });
    kept.burst(group);
    let log = kept.folder.path().join("ledger.db-wal");
    let (cpu, grown, stats) = (writer_cpu(), log_bytes(&log), kept.ledger.stats());
    let mut receipts = Histogram::<u64>::new(3).expect("three digits are allowed");
    for _ in 0..rounds {
        let began = Instant::now();
        kept.burst(group);
        receipts.record(began.elapsed().as_micros() as u64).expect("it grows as it must");
    }
    let (cpu, grown, now) = (writer_cpu() - cpu, log_bytes(&log) - grown, kept.ledger.stats());
    let written = (now.written - stats.written) as f64;
    println!(
        "{:<12} {:>8.1} {:>10.1} {:>12.0} {:>12} {:>12}",
        format!("{synchronous:?}"),
        written / (now.commits - stats.commits) as f64,
        cpu.as_nanos() as f64 / 1e3 / written,
        grown as f64 / written,
        receipts.value_at_quantile(0.5),
        receipts.value_at_quantile(0.99),
    );
    kept.ledger.close(Duration::from_secs(10)).expect("everything is written");
}

/// Callers that work a little between two entries, as requests do, beside the writer.
fn callers(interval: Duration) {
    const CALLERS: u64 = 32;
    const EACH: u64 = 600;
    const WORK: Duration = Duration::from_micros(40);
    let kept = Kept::open(Synchronous::Normal, interval);
    let (cpu, began) = (writer_cpu(), Instant::now());
    let caller = |number: u64| {
        let ledger = kept.ledger.clone();
        kept.runtime.spawn(async move {
            let mut held = Histogram::<u64>::new(3).expect("three digits are allowed");
            for entry in (0..EACH).map(|entry| sample::full(number * EACH + entry)) {
                let worked = Instant::now();
                while worked.elapsed() < WORK {
                    std::hint::spin_loop();
                }
                let appended = Instant::now();
                ledger.append(entry).await;
                held.record(appended.elapsed().as_micros() as u64).expect("it grows as it must");
            }
            held
        })
    };
    let callers: Vec<_> = (0..CALLERS).map(caller).collect();
    let mut held = Histogram::<u64>::new(3).expect("three digits are allowed");
    for caller in callers {
        held += kept.runtime.block_on(caller).expect("no caller panics");
    }
    let (cpu, took, stats) = (writer_cpu() - cpu, began.elapsed(), kept.ledger.stats());
    println!(
        "{:<12} {:>8.1} {:>10.1} {:>12.0} {:>12} {:>12}",
        interval.as_micros(),
        stats.written as f64 / stats.commits as f64,
        cpu.as_nanos() as f64 / 1e3 / stats.written as f64,
        stats.written as f64 / took.as_secs_f64(),
        held.value_at_quantile(0.5),
        held.value_at_quantile(0.99),
    );
    kept.ledger.close(Duration::from_secs(10)).expect("everything is written");
}

fn log_bytes(log: &Path) -> u64 {
    fs::metadata(log).map_or(0, |log| log.len())
}

/// CPU time of the thread that writes, as Linux counts it; zero elsewhere.
fn writer_cpu() -> Duration {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten().map(|thread| thread.path());
    let writer = threads.filter(|thread| fs::read_to_string(thread.join("comm")).is_ok_and(|name| name == "ledger\n"));
    let spent = writer.filter_map(|thread| fs::read_to_string(thread.join("schedstat")).ok());
    let nanos = spent.filter_map(|spent| spent.split(' ').next()?.parse::<u64>().ok()).sum();
    Duration::from_nanos(nanos)
}
