//! How the ledger is kept.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::Secret;

/// What a commit waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Synchronous {
    /// The operating system has the bytes: a killed process loses nothing, a power cut may lose the last entries.
    #[default]
    Normal,
    /// The disk has the bytes: one `fdatasync` for each group of entries.
    Full,
}

/// What becomes of new requests while entries cannot be written (disk full, disk broken).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFailure {
    /// They are refused until entries can be written again: no answer without a record.
    #[default]
    Refuse,
    /// They are served, and their entries wait in memory up to `max_queue`; a crash meanwhile loses those.
    Serve,
}

/// How the ledger is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The file; beside it SQLite keeps two more, named `-wal` and `-shm`.
    pub path: PathBuf,
    /// What a commit waits for.
    pub synchronous: Synchronous,
    /// Entries that may wait to be written before new requests are refused. Requests already being answered add theirs.
    pub max_queue: usize,
    /// How long the writer gathers entries before it commits them together, while they come so fast that several are to
    /// be expected meanwhile. A lone entry is committed at once. Zero: it always takes what is there.
    pub commit_interval: Duration,
    /// How long an answer's last bytes are held back for its entry. After that they go out, and this is counted.
    pub max_hold: Duration,
    /// What becomes of new requests while entries cannot be written.
    pub on_failure: OnFailure,
    /// Where entries are shipped to; `None`: the file is the ledger.
    pub ship: Option<Ship>,
    /// How long entries are kept; `None`: for ever. Their sums by hour and day stay.
    pub retention: Option<Duration>,
}

/// Where entries are shipped to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ship {
    /// The address of a PostgreSQL database; it may hold a password.
    pub address: Secret,
    /// How often what was written is shipped.
    pub interval: Duration,
    /// How many bytes may wait in the file before `on_failure` counts.
    pub max_spool: u64,
}

impl Ship {
    /// To this database, as usual.
    pub fn to(address: impl Into<Box<str>>) -> Self {
        Self { address: Secret::new(address), interval: Duration::from_millis(250), max_spool: 2 << 30 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: PathBuf::from("ledger.db"),
            synchronous: Synchronous::default(),
            max_queue: 10_000,
            commit_interval: Duration::ZERO,
            max_hold: Duration::from_secs(5),
            on_failure: OnFailure::default(),
            ship: None,
            retention: None,
        }
    }
}

/// Settings that make no sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingsError {
    /// No file is named.
    #[error("the ledger's path is empty")]
    NoPath,
    /// Every request would be refused.
    #[error("max_queue must be at least 1")]
    NoQueue,
    /// Gathering is meant for milliseconds; every answer waits for it.
    #[error("commit_interval must be at most 1 s: every answer waits for it")]
    SlowCommits,
    /// Every answer would go out before its entry is written.
    #[error("max_hold must be longer than commit_interval, or no answer waits for its entry")]
    ShortHold,
    /// Entries would be gone before anybody has looked at them.
    #[error("retention must be at least a day (1d)")]
    ShortRetention,
    /// Shipping without a pause would keep a processor busy.
    #[error("ship_interval must be from 10ms to 1 hour")]
    ShipInterval,
    /// Nothing could wait.
    #[error("max_spool must be at least 1MiB")]
    SmallSpool,
}

impl Settings {
    /// The usual settings for this file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// Refuses settings that make no sense.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.path.as_os_str().is_empty() {
            Err(SettingsError::NoPath)
        } else if self.max_queue == 0 {
            Err(SettingsError::NoQueue)
        } else if self.commit_interval > Duration::from_secs(1) {
            Err(SettingsError::SlowCommits)
        } else if self.max_hold <= self.commit_interval {
            Err(SettingsError::ShortHold)
        } else if self.retention.is_some_and(|retention| retention < Duration::from_secs(86_400)) {
            Err(SettingsError::ShortRetention)
        } else {
            self.ship.as_ref().map_or(Ok(()), Ship::check)
        }
    }
}

impl Ship {
    fn check(&self) -> Result<(), SettingsError> {
        if !(Duration::from_millis(10)..=Duration::from_secs(3600)).contains(&self.interval) {
            Err(SettingsError::ShipInterval)
        } else if self.max_spool < 1 << 20 {
            Err(SettingsError::SmallSpool)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused() {
        let usual = || Settings::at("ledger.db");
        let check = |settings: Settings, expected| assert_eq!(settings.check(), expected, "{settings:?}");
        check(usual(), Ok(()));
        check(Settings::at(""), Err(SettingsError::NoPath));
        check(Settings { max_queue: 0, ..usual() }, Err(SettingsError::NoQueue));
        check(Settings { commit_interval: Duration::from_secs(2), ..usual() }, Err(SettingsError::SlowCommits));
        check(Settings { max_hold: Duration::ZERO, ..usual() }, Err(SettingsError::ShortHold));
        let hour = Duration::from_secs(3600);
        check(Settings { retention: Some(hour), ..usual() }, Err(SettingsError::ShortRetention));
        let ship = |ship| Settings { ship: Some(ship), ..usual() };
        let to = || Ship::to("postgres://ledger@db/ledger");
        check(ship(to()), Ok(()));
        check(ship(Ship { interval: Duration::ZERO, ..to() }), Err(SettingsError::ShipInterval));
        check(ship(Ship { max_spool: 1 << 10, ..to() }), Err(SettingsError::SmallSpool));
    }
}
