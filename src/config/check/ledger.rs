//! Where the record of each request is kept.

use std::time::Duration;

use super::Checker;
use crate::config::raw::{OnFailureWord, RawLedger, SynchronousWord};
use crate::config::text;
use crate::record::{OnFailure, Settings, SettingsError, Ship, Synchronous};
use crate::store::postgres;

/// Where the ledger is kept unless the file says otherwise. A folder of its own: the file's folder is watched for
/// changes, and a ledger is written all the time.
const PATH: &str = "ledger/weighbridge.db";

/// Whoever keeps entries for longer than a century keeps them for ever, and need not say so.
const LONGEST: Duration = Duration::from_secs(36_525 * 86_400);

impl Checker<'_, '_> {
    pub(super) fn ledger(&mut self, raw: &RawLedger) -> Settings {
        let default = Settings::default();
        let path = raw.path.as_ref().map_or(PATH, |path| path.as_str());
        let queue = self.count(raw.max_queue.as_ref(), "ledger.max_queue", 0);
        let settings = Settings {
            path: self.surroundings.path(path),
            synchronous: match raw.synchronous {
                Some(SynchronousWord::Normal) => Synchronous::Normal,
                Some(SynchronousWord::Full) => Synchronous::Full,
                None => default.synchronous,
            },
            max_queue: if queue == 0 { default.max_queue } else { queue as usize },
            commit_interval: self.duration(
                raw.commit_interval.as_ref(),
                "commit_interval",
                Duration::ZERO,
                default.commit_interval,
            ),
            max_hold: self.duration(raw.max_hold.as_ref(), "max_hold", Duration::ZERO, default.max_hold),
            on_failure: match raw.on_failure {
                Some(OnFailureWord::Refuse) => OnFailure::Refuse,
                Some(OnFailureWord::Serve) => OnFailure::Serve,
                None => default.on_failure,
            },
            ship: self.ship(raw),
            retention: raw
                .retention
                .as_ref()
                .map(|written| self.duration_within(Some(written), "retention", Duration::ZERO..=LONGEST, LONGEST)),
        };
        if raw.path.as_ref().is_some_and(|path| path.is_empty()) {
            let span = raw.path.as_ref().map_or(0..0, |path| path.span());
            self.findings.error(span, "`ledger.path` is empty");
        } else if let Err(error) = settings.check() {
            let written = match error {
                SettingsError::ShortRetention => raw.retention.as_ref(),
                SettingsError::ShipInterval => raw.ship_interval.as_ref(),
                _ => raw.max_hold.as_ref().or(raw.commit_interval.as_ref()),
            };
            let written = written.map_or(0..0, |written| written.span());
            self.findings.error(written, format!("[ledger] does not hold together: {error}"));
        }
        settings
    }

    /// Where entries are shipped to.
    fn ship(&mut self, raw: &RawLedger) -> Option<Ship> {
        let Some(written) = raw.url.as_ref() else {
            let others = [
                raw.ship_interval.as_ref().map(|interval| interval.span()),
                raw.max_spool.as_ref().map(|most| most.span()),
            ];
            if let Some(place) = others.into_iter().flatten().next() {
                let message = "[ledger] has no `url`, so nothing is shipped";
                self.findings.error(place, message).hint("the address of a PostgreSQL database, or take this out");
            }
            return None;
        };
        let address = self.private_url("ledger.url", written)?;
        if let Err(error) = postgres::pool(address.expose()) {
            self.findings.error(written.span(), format!("`ledger.url`: {error}"));
            return None;
        }
        let usual = Ship::to("");
        let interval = self.duration(raw.ship_interval.as_ref(), "ship_interval", Duration::ZERO, usual.interval);
        let max_spool = self.spool_size(raw, usual.max_spool);
        Some(Ship { address, interval, max_spool })
    }

    fn spool_size(&mut self, raw: &RawLedger, default: u64) -> u64 {
        let Some(written) = &raw.max_spool else { return default };
        text::size(&written.0).map_or_else(
            || {
                let message = format!("`ledger.max_spool` cannot be `{}`, expected a size", written.0);
                self.findings.error(written.span(), message).hint("such as `512MiB` or `2GiB`");
                default
            },
            |size| size as u64,
        )
    }
}
