//! The ledger as its users see it.

use std::path::Path;

use rusqlite::Connection;

use super::*;

fn settings(folder: &Path) -> Settings {
    Settings::at(folder.join("kept").join("ledger.db"))
}

fn count(path: &Path, table: &str) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_was_appended_is_there_when_the_receipt_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let ledger = Ledger::open(&settings).unwrap();
    assert_eq!(ledger.append(sample::full(1)).await, Committed::Durable);
    assert_eq!(ledger.append(sample::refused(2)).await, Committed::Durable);
    assert_eq!((count(&settings.path, "entries"), count(&settings.path, "attempts")), (2, 2));
    ledger.close(Duration::from_secs(10)).unwrap();
}
