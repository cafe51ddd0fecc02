//! The ledger as its users see it.

use std::path::Path;
use std::sync::atomic::AtomicU32;

use rusqlite::Connection;

use super::query::Reader;
use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn settings(folder: &Path) -> Settings {
    Settings::at(folder.join("kept").join("ledger.db"))
}

fn count(path: &Path, table: &str) -> u32 {
    let connection = Connection::open(path).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// Waits for an event that another thread brings about.
fn until(what: &str, has_happened: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !has_happened() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Another process that writes to the file: nothing of ours is written until it is dropped.
fn lock(path: &Path) -> Connection {
    let other = Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[tokio::test]
async fn what_was_appended_is_there_when_the_receipt_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let ledger = Ledger::open(&settings).unwrap();
    assert_eq!(ledger.append(sample::full(1)).await, Committed::Durable);
    assert_eq!(ledger.append(sample::refused(2)).await, Committed::Durable);
    assert_eq!((count(&settings.path, "entries"), count(&settings.path, "attempts")), (2, 2));
    assert_eq!((ledger.stats().queued, ledger.stats().written), (0, 2));
    ledger.close(PATIENCE).unwrap();
}

#[test]
fn closing_writes_what_waits_and_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let ledger = Ledger::open(&settings).unwrap();
    // No runtime runs here: entries are also appended where nobody can wait for them.
    (0..2000).for_each(|number| drop(ledger.append(sample::full(number))));
    let other_handle = ledger.clone();
    ledger.close(PATIENCE).unwrap();
    assert_eq!((count(&settings.path, "entries"), count(&settings.path, "attempts")), (2000, 4000));
    assert_eq!(file::log_bytes(&file::log_path(&settings.path)), 0);
    drop(other_handle.append(sample::full(2000)));
    assert_eq!(other_handle.stats().rejected, 1, "an entry that comes too late is counted");
}

#[tokio::test]
async fn an_entry_is_written_once_however_often_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let ledger = Ledger::open(&settings).unwrap();
    for _ in 0..3 {
        assert_eq!(ledger.append(sample::full(1)).await, Committed::Durable);
    }
    assert_eq!((count(&settings.path, "entries"), count(&settings.path, "attempts")), (1, 2));
    assert_eq!(ledger.stats().written, 1);
}

#[tokio::test]
async fn a_killed_process_leaves_every_entry_whose_receipt_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, copy) = (settings(folder.path()), Settings::at(folder.path().join("copy.db")));
    let ledger = Ledger::open(&settings).unwrap();
    for number in 0..300 {
        assert_eq!(ledger.append(sample::full(number)).await, Committed::Durable);
    }
    // Others are being written while the files are taken as a kill would leave them.
    (300..3000).for_each(|number| drop(ledger.append(sample::full(number))));
    std::fs::copy(&settings.path, &copy.path).unwrap();
    std::fs::copy(file::log_path(&settings.path), file::log_path(&copy.path)).unwrap();
    Ledger::open(&copy).unwrap().close(PATIENCE).unwrap();
    let reader = Reader::open(&copy.path).unwrap();
    for number in 0..300 {
        let entry = reader.by_id(sample::id(number)).unwrap().unwrap();
        assert_eq!(entry["attempts"].as_array().map(Vec::len), Some(2), "{number}");
    }
    assert_eq!(count(&copy.path, "attempts"), 2 * count(&copy.path, "entries"));
}

#[tokio::test]
async fn an_answer_does_not_wait_forever_for_its_entry() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { max_hold: Duration::from_millis(20), ..settings(folder.path()) };
    let ledger = Ledger::open(&settings).unwrap();
    let locked = lock(&settings.path);
    assert_eq!(ledger.append(sample::full(1)).await, Committed::Late);
    assert_eq!((ledger.stats().late, ledger.stats().queued), (1, 1));
    assert!(ledger.stats().oldest_queued >= Duration::from_millis(20));
    drop(locked);
    until("the late entry's writing", || ledger.stats().written == 1);
}

#[test]
fn new_requests_are_refused_while_too_many_entries_wait() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { max_queue: 3, ..settings(folder.path()) };
    let ledger = Ledger::open(&settings).unwrap();
    let locked = lock(&settings.path);
    (0..3).for_each(|number| drop(ledger.append(sample::full(number))));
    assert_eq!(ledger.is_accepting(), Ok(()));
    // One that was accepted before is still taken.
    drop(ledger.append(sample::full(3)));
    assert_eq!(ledger.is_accepting(), Err(Backlog::Full { waiting: 4 }));
    drop(locked);
    until("the backlog's end", || ledger.is_accepting().is_ok());
    ledger.close(PATIENCE).unwrap();
    assert_eq!(count(&settings.path, "entries"), 4);
}

/// A ledger on a disk with room for `pages` of 4 KiB.
fn on_a_small_disk(settings: &Settings, pages: &Arc<AtomicU32>) -> Ledger {
    Ledger::open(settings).unwrap().close(PATIENCE).unwrap();
    let (room, again) = (Arc::clone(pages), settings.clone());
    let connect = move || {
        let connection = file::connect(&again)?;
        connection.pragma_update(None, "max_page_count", room.load(Relaxed))?;
        Ok(connection)
    };
    Ledger::start(settings, None, Box::new(connect), insert::insert).unwrap()
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_writing_resumes_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { max_hold: PATIENCE, ..settings(folder.path()) };
    let pages = Arc::new(AtomicU32::new(20));
    let ledger = on_a_small_disk(&settings, &pages);
    let receipts: Vec<Receipt> = (0..500).map(|number| ledger.append(sample::full(number))).collect();
    until("the disk's end", || ledger.stats().failures > 1);
    assert_eq!(ledger.is_accepting(), Err(Backlog::Failing));
    pages.store(u32::MAX - 1, Relaxed);
    for receipt in receipts {
        assert_eq!(receipt.await, Committed::Durable);
    }
    assert_eq!((count(&settings.path, "entries"), count(&settings.path, "attempts")), (500, 1000));
    let stats = ledger.stats();
    assert_eq!((stats.written, stats.queued, stats.rejected, stats.failing), (500, 0, 0, false));
    assert_eq!(ledger.is_accepting(), Ok(()));
}

#[test]
fn who_would_rather_serve_than_record_is_served_while_the_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { on_failure: OnFailure::Serve, max_queue: 100, ..settings(folder.path()) };
    let ledger = on_a_small_disk(&settings, &Arc::new(AtomicU32::new(20)));
    (0..100).for_each(|number| drop(ledger.append(sample::full(number))));
    until("the disk's end", || ledger.stats().failing);
    assert_eq!(ledger.is_accepting(), Ok(()));
    drop(ledger.append(sample::full(100)));
    let still_bounded = ledger.is_accepting();
    let left = ledger.stats().queued;
    assert_eq!(still_bounded, if left > 100 { Err(Backlog::Full { waiting: left }) } else { Ok(()) });
    // The process is told to end and the disk is still full.
    let closed = ledger.close(Duration::from_millis(200));
    let written = count(&settings.path, "entries") as usize;
    assert!(matches!(closed, Err(LedgerError::Undrained(lost)) if lost == 101 - written), "{closed:?} {written}");
}

#[tokio::test]
async fn an_entry_that_cannot_be_written_takes_no_other_with_it() {
    fn picky(connection: &Connection, entry: &Entry, scratch: &mut insert::Scratch) -> rusqlite::Result<bool> {
        assert_ne!(entry.id, sample::id(2), "a fault that only this entry brings out");
        if entry.id == sample::id(4) {
            connection.execute("INSERT INTO attempts (entry, place) VALUES (1, NULL)", [])?;
        }
        insert::insert(connection, entry, scratch)
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    Ledger::open(&settings).unwrap().close(PATIENCE).unwrap();
    let again = settings.clone();
    let ledger = Ledger::start(&settings, None, Box::new(move || file::connect(&again)), picky).unwrap();
    let receipts: Vec<Receipt> = (0..6).map(|number| ledger.append(sample::full(number))).collect();
    let mut committed = Vec::new();
    for receipt in receipts {
        committed.push(receipt.await);
    }
    let [yes, no] = [Committed::Durable, Committed::Late];
    assert_eq!(committed, [yes, yes, no, yes, no, yes]);
    assert_eq!((count(&settings.path, "entries"), ledger.stats().rejected), (4, 2));
    assert!(!ledger.stats().failing);
}

#[test]
fn the_log_stays_short_and_a_reader_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    file::create(&settings.path).unwrap();
    let connection = file::connect(&settings).unwrap();
    let checkpoints = Checkpoints::new(Pace { long_bytes: 1 << 20, tick: Duration::from_millis(2), idle_ticks: 3 });
    let log = file::log_path(&settings.path);
    let write = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            insert::insert(&connection, &sample::full(number), &mut insert::Scratch::default()).unwrap();
            if checkpoints.committed() {
                checkpoint::empty(&connection).unwrap();
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| checkpoints.run(settings.path.clone()));
        let reader = Connection::open(&settings.path).unwrap();
        reader.execute_batch("BEGIN").unwrap();
        let before: u32 = reader.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap();
        write(0..500);
        assert!(file::log_bytes(&log) > 1 << 20, "the reader needs the log");
        drop(reader);
        let mut next = 500;
        let deadline = Instant::now() + PATIENCE;
        while file::log_bytes(&log) > 1 << 20 {
            assert!(Instant::now() < deadline, "the log is not emptied");
            write(next..next + 10);
            next += 10;
        }
        checkpoints.end();
        assert_eq!((before, count(&settings.path, "entries")), (0, next as u32));
    });
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let ledger = Ledger::open(&settings).unwrap();
    drop(ledger.append(sample::full(1)));
    until("the first entry's writing", || ledger.stats().written == 1);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(settings.path.parent().unwrap()), 0o700);
    assert_eq!((mode(&settings.path), mode(&file::log_path(&settings.path))), (0o600, 0o600));
    ledger.close(PATIENCE).unwrap();
}

#[test]
fn a_path_that_cannot_be_used_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let refused = Ledger::open(&Settings::at(folder.path().join("file").join("ledger.db"))).unwrap_err();
    assert!(matches!(refused, LedgerError::Create { .. }), "{refused}");
    let foreign = folder.path().join("bookmarks.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE bookmarks (x)").unwrap();
    let refused = Ledger::open(&Settings::at(&foreign)).unwrap_err();
    assert!(refused.to_string().ends_with("is an SQLite database but no ledger: name another file"), "{refused}");
}
