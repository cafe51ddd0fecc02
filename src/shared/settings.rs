//! Where the shared server is, and what happens without it.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::Secret;

/// What happens while the server is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Stance {
    /// Each replica goes on with the share that it holds.
    #[default]
    Local,
    /// Requests that a limit or a budget is for are refused.
    Closed,
}

/// Where the shared server is, and what happens without it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The server's address, which may hold a password.
    pub url: Secret,
    /// What happens while it is gone.
    pub stance: Stance,
    /// Whether every request that a limit or a budget is for asks the server.
    pub strict: bool,
    /// How every name on the server begins.
    pub prefix: String,
    /// How long a request waits for the server.
    pub timeout: Duration,
    /// How long a silent replica keeps its share.
    pub lease: Duration,
    /// The file that keeps the name of this replica.
    pub replica: PathBuf,
    /// Whether its ledger has all that this replica ever spent; else what it had told counts after a restart.
    pub ledger_knows_all: bool,
}

/// Settings that make no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingsError {
    /// The address is none.
    #[error("`shared.url` is no address of a Redis server: {0}")]
    Address(String),
    /// A share would be over before it is told of.
    #[error("`shared.lease` must be at least 5 s: a replica tells twice a second that it lives")]
    ShortLease,
    /// A request would wait longer than a caller does.
    #[error("`shared.timeout` must be at least 1 ms and at most 2 s: requests wait for it")]
    Timeout,
    /// The prefix would get between names.
    #[error("`shared.prefix` must be 1 to 32 letters, digits, `-`, `_`, `.` or `:`")]
    Prefix,
}

impl Settings {
    /// The usual settings for this server and this file.
    pub fn at(url: Secret, replica: impl Into<PathBuf>) -> Self {
        Self {
            url,
            stance: Stance::default(),
            strict: false,
            prefix: "wb".to_owned(),
            timeout: Duration::from_millis(50),
            lease: Duration::from_secs(30),
            replica: replica.into(),
            ledger_knows_all: true,
        }
    }

    /// Refuses settings that make no sense.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), SettingsError> {
        super::link::client(self.url.expose()).map_err(SettingsError::Address)?;
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.:".contains(letter);
        if self.lease < Duration::from_secs(5) {
            Err(SettingsError::ShortLease)
        } else if !(Duration::from_millis(1)..=Duration::from_secs(2)).contains(&self.timeout) {
            Err(SettingsError::Timeout)
        } else if self.prefix.is_empty() || self.prefix.len() > 32 || !self.prefix.chars().all(is_plain) {
            Err(SettingsError::Prefix)
        } else {
            Ok(())
        }
    }

    /// A name on the server. All of them share one hash tag, so that a cluster keeps them on one node and one script
    /// may use several; the number is that of the protocol, so that two versions never share a figure.
    pub(super) fn name(&self, rest: &str) -> String {
        format!("{{{}}}:1:{rest}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused() {
        let usual = || Settings::at(Secret::new("redis://localhost:6379/0"), "replica");
        let check = |settings: Settings, expected| assert_eq!(settings.check(), expected, "{settings:?}");
        check(usual(), Ok(()));
        check(Settings { url: Secret::new("rediss://:word@redis.example:6380"), ..usual() }, Ok(()));
        check(Settings { lease: Duration::from_secs(1), ..usual() }, Err(SettingsError::ShortLease));
        check(Settings { timeout: Duration::from_secs(9), ..usual() }, Err(SettingsError::Timeout));
        check(Settings { prefix: "a b".to_owned(), ..usual() }, Err(SettingsError::Prefix));
        let settings = Settings { url: Secret::new("http://localhost"), ..usual() };
        assert!(matches!(settings.check(), Err(SettingsError::Address(_))));
    }
}
