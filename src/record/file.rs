//! The file and its connections.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::schema::{self, SchemaError};
use super::settings::{Settings, SettingsError, Synchronous};
use crate::store::{StoreError, postgres};

/// How long a connection waits for another's write to end. Readers never wait, nor does anyone wait for them.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The settings make no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The file or its folder cannot be created.
    #[error("`{path}` cannot be created: {source}")]
    Create {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no such file to read.
    #[error("there is no ledger at `{0}`: it comes into being when the proxy starts")]
    Missing(PathBuf),
    /// The file is not one we can use.
    #[error("`{path}`: {source}")]
    Schema {
        /// Which.
        path: PathBuf,
        /// Why.
        source: SchemaError,
    },
    /// The thread that writes cannot be started.
    #[error("the ledger's writer cannot be started: {0}")]
    Thread(io::Error),
    /// It was closed while entries could not be written.
    #[error("{0} ledger entries could not be written before the time to close was over")]
    Undrained(usize),
    /// The writer broke off; what it had in hand is lost.
    #[error("the ledger's writer broke off")]
    WriterGone,
    /// A question to the ledger failed.
    #[error("the ledger cannot be read: {0}")]
    Read(#[from] rusqlite::Error),
    /// A question to the ledger in PostgreSQL failed.
    #[error("the ledger in PostgreSQL cannot be read: {}", postgres::words(.0))]
    Database(#[from] tokio_postgres::Error),
    /// PostgreSQL cannot be reached, or its tables are not ours.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address of the database is none.
    #[error("[ledger] url: {0}")]
    Address(#[from] postgres::AddressError),
    /// A sum is no number: somebody else wrote to the rollups.
    #[error("a sum in the ledger's rollups is no number")]
    Amount,
    /// The thread that asked broke off: a fault of ours.
    #[error("reading the ledger broke off")]
    BrokenOff,
}

/// Creates the file and its folder if they are missing, readable by their owner alone. SQLite gives the files that it
/// keeps beside it the same mode.
pub fn create(path: &Path) -> Result<(), LedgerError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        let failed = |source| LedgerError::Create { path: folder.to_owned(), source };
        private_folders().create(folder).map_err(failed)?;
    }
    let failed = |source| LedgerError::Create { path: path.to_owned(), source };
    private_file().open(path).map(drop).map_err(failed)
}

fn private_folders() -> DirBuilder {
    let mut folders = DirBuilder::new();
    folders.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
    folders
}

fn private_file() -> OpenOptions {
    let mut file = OpenOptions::new();
    file.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    file
}

/// A connection that writes, to a file that is up to date.
pub fn connect(settings: &Settings) -> Result<Connection, SchemaError> {
    let mut connection = plain(&settings.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // First, for it refuses a file that is not ours, which then is as it was.
    schema::migrate(&mut connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let synchronous = match settings.synchronous {
        Synchronous::Normal => "normal",
        Synchronous::Full => "full",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A checkpoint in the middle of a group would make every answer of that group wait: see `checkpoint`.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// A connection that only reads.
pub fn connect_to_read(path: &Path) -> Result<Connection, LedgerError> {
    if !path.exists() {
        return Err(LedgerError::Missing(path.to_owned()));
    }
    let failed = |source| LedgerError::Schema { path: path.to_owned(), source };
    let connection = plain(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| failed(error.into()))?;
    schema::check(&connection).map_err(failed)?;
    Ok(connection)
}

/// A connection that changes what is there, from another process than the one that writes entries.
pub fn connect_to_change(path: &Path) -> Result<Connection, LedgerError> {
    drop(connect_to_read(path)?);
    let failed = |source| LedgerError::Schema { path: path.to_owned(), source };
    let mut connection = plain(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| failed(error.into()))?;
    schema::migrate(&mut connection).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    Ok(connection)
}

/// A connection that copies the log into the file; it writes nothing of its own.
pub fn connect_to_checkpoint(path: &Path) -> rusqlite::Result<Connection> {
    let connection = plain(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

fn plain(path: &Path, how: OpenFlags) -> rusqlite::Result<Connection> {
    // A connection is used by one thread at a time, so SQLite's own locking is left out.
    let connection = Connection::open_with_flags(path, how | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Where SQLite keeps the log of a file.
pub fn log_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The size of the log beside the file; 0 if there is none.
pub fn log_bytes(log_path: &Path) -> u64 {
    std::fs::metadata(log_path).map_or(0, |log| log.len())
}

/// How many bytes of the file are in use.
pub fn bytes_used(connection: &Connection) -> rusqlite::Result<u64> {
    let used = "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count), \
                       (SELECT page_size FROM pragma_page_size)";
    let read = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(0)?.saturating_mul(row.get(1)?));
    Ok(connection.prepare_cached(used)?.query_row([], read)?.max(0).unsigned_abs())
}

/// About how many bytes the entries after this one take: their share of what is used of the file.
pub fn bytes_after(connection: &Connection, seq: i64) -> rusqlite::Result<u64> {
    // Two questions, for each of which SQLite looks at one end of the table.
    let end = |sql| connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, Option<i64>>(0));
    let Some((first, last)) = end("SELECT min(seq) FROM entries")?.zip(end("SELECT max(seq) FROM entries")?) else {
        return Ok(0);
    };
    let after = i128::from((last - seq).clamp(0, last - first + 1));
    let bytes = i128::from(bytes_used(connection)?) * after / i128::from(last - first + 1);
    Ok(u64::try_from(bytes).unwrap_or(0))
}
