//! A ledger that grows: old files are brought up to date while requests are served, what is old is deleted, and a full
//! disk loses nothing.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::support::old_ledger;
use crate::support::proxy::routes;
use crate::support::upstream::within;
use crate::support::{Process, Reply, Upstream, asked, chat};

fn number(ledger: &Path, sql: &str) -> i64 {
    let ledger = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a ledger");
    ledger.busy_timeout(Duration::from_secs(5)).expect("set");
    ledger.query_row(sql, [], |row| row.get(0)).expect("a number")
}

/// `routes.toml` and an old ledger beside it.
async fn folder_with(entries: u64, more: &str) -> (tempfile::TempDir, Upstream) {
    let (folder, upstream) = (tempfile::tempdir().expect("a folder"), Upstream::start([Reply::chat("ok")]).await);
    let text = format!("{}\n[ledger]\n{more}\n", routes(&upstream.url(), &upstream.url()));
    std::fs::write(folder.path().join("routes.toml"), text).expect("a file");
    std::fs::create_dir(folder.path().join("ledger")).expect("a folder");
    old_ledger::make(&folder.path().join("ledger/weighbridge.db"), entries);
    (folder, upstream)
}

/// Asks until something is so; how many requests were served, and the longest that one took.
async fn serve_until(process: &Process, is_so: impl Fn() -> bool) -> (u64, Duration) {
    let (mut served, mut longest) = (0, Duration::ZERO);
    let deadline = Instant::now() + Duration::from_secs(asked("WEIGHBRIDGE_MIGRATION_SECONDS", 60));
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not come about");
        for _ in 0..20 {
            let began = Instant::now();
            assert_eq!(process.client().chat(chat("hello")).await.status, 200);
            longest = longest.max(began.elapsed());
            served += 1;
        }
    }
    (served, longest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_ledger_is_added_up_while_requests_are_served() {
    let entries = asked("WEIGHBRIDGE_OLD_ENTRIES", 50_000);
    let (folder, _upstream) = folder_with(entries, "").await;
    let ledger = folder.path().join("ledger/weighbridge.db");
    let began = Instant::now();
    let process = Process::start(folder.path());
    let started = began.elapsed();
    let rolled = || number(&ledger, "SELECT coalesce(max(value), 0) FROM ledger_meta WHERE name = 'rolled'");
    let (served, longest) = serve_until(&process, || rolled() >= entries as i64).await;
    eprintln!(
        "{entries} entries: serving after {started:.1?}, added up after {:.1?}; {served} requests meanwhile, the longest {longest:.1?}",
        began.elapsed()
    );
    assert!(served > 0 && longest < Duration::from_secs(2), "{longest:?}");
    assert_eq!(process.client().chat(chat("hello")).await.status, 200);
    drop(process);
    for table in ["rollup_hours", "rollup_days"] {
        let sums = |column: &str| number(&ledger, &format!("SELECT sum({column}) FROM {table}"));
        let rolled = rolled();
        let entries = |sql: &str| number(&ledger, &format!("SELECT {sql} FROM entries WHERE seq <= {rolled}"));
        assert_eq!((sums("requests"), sums("cost_pico")), (entries("count(*)"), entries("sum(cost_pico)")), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_entries_are_deleted_and_their_sums_stay() {
    let (folder, _upstream) = folder_with(3_000, "retention = \"1d\"").await;
    let ledger = folder.path().join("ledger/weighbridge.db");
    let process = Process::start(folder.path());
    let old = format!("SELECT count(*) FROM entries WHERE at_millis < {}", old_ledger::FIRST_MILLIS + 90 * 86_400_000);
    // The newest entry always stays, so there has to be a newer one.
    let (served, _) = serve_until(&process, || number(&ledger, &old) == 0).await;
    assert_eq!(number(&ledger, "SELECT sum(requests) FROM rollup_days WHERE engineer IS NOT NULL"), 3_000);
    assert_eq!(number(&ledger, "SELECT count(*) FROM attempts"), number(&ledger, "SELECT count(*) FROM entries"));
    drop(process);
    let report = Command::new(env!("CARGO_BIN_EXE_weighbridge"))
        .args(["report", "--json", "--since", "2026-08-01T00:30:00Z", "--until", "2026-10-31", "--config"])
        .arg(folder.path().join("routes.toml"))
        .output()
        .expect("it runs");
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).expect("JSON");
    assert_eq!(report["total"]["requests"], 3_000, "of deleted entries the whole hour counts; {served} were served");
    assert_eq!(report["counted_since"], "2026-08-01T00:00:00Z");
}

/// A small disk: a file system of its own, in memory.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None`: whoever runs this may not mount anything.
    fn of_mebibytes(size: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={size}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output().ok()?;
        mounted.status.success().then(|| Self(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// Fills the disk, asks, makes room again, asks; the statuses while it was full.
async fn full_disk(on_failure: &str) -> Option<Vec<u16>> {
    let disk = Disk::of_mebibytes(8)?;
    let upstream = Upstream::start([Reply::chat("ok")]).await;
    let path = disk.0.path().join("ledger.db");
    let folder = tempfile::tempdir().expect("a folder");
    let ledger =
        format!("[ledger]\npath = \"{}\"\non_failure = \"{on_failure}\"\nmax_hold = \"200ms\"", path.display());
    let text = format!("{}\n{ledger}\n", routes(&upstream.url(), &upstream.url()));
    std::fs::write(folder.path().join("routes.toml"), text).expect("a file");
    let process = Process::start(folder.path());
    let mut ids = Vec::new();
    let mut statuses = Vec::new();
    let ballast = disk.0.path().join("ballast");
    for number in 0..60 {
        if number == 10 {
            // Every byte that is left.
            let filled = std::fs::write(&ballast, vec![0; 8 << 20]);
            assert!(filled.is_err(), "the disk is full");
        }
        let answer = process.client().chat(chat("hello")).await;
        if answer.status == 200 {
            ids.push(answer.header("x-weighbridge-request-id").replace('-', ""));
        }
        if number >= 10 {
            statuses.push(answer.status.as_u16());
        }
    }
    assert_eq!(process.metric("weighbridge_ledger_failing").await, 1.0);
    std::fs::remove_file(&ballast).expect("room");
    within(async {
        while process.metric("weighbridge_ledger_failing").await > 0.0
            || process.metric("weighbridge_ledger_queue_entries").await > 0.0
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(process.client().chat(chat("hello")).await.status, 200, "it goes on");
    let there = |id: &String| number(&path, &format!("SELECT count(*) FROM entries WHERE id = x'{id}'"));
    assert!(ids.iter().all(|id| there(id) == 1), "every answer has its entry, once");
    Some(statuses)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_requests_until_there_is_room() {
    let Some(statuses) = full_disk("refuse").await else { return eprintln!("nothing can be mounted here: left out") };
    assert!(statuses.contains(&503), "{statuses:?}");
    assert_eq!(statuses.last(), Some(&503));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_would_rather_serve_is_served_on_a_full_disk() {
    let Some(statuses) = full_disk("serve").await else { return eprintln!("nothing can be mounted here: left out") };
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
}
