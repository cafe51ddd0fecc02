//! Where the record of each request is kept.

use std::time::Duration;

use super::Checker;
use crate::config::raw::{OnFailureWord, RawLedger, SynchronousWord};
use crate::record::{OnFailure, Settings, Synchronous};

/// Where the ledger is kept unless the file says otherwise. A folder of its own: the file's folder is watched for
/// changes, and a ledger is written all the time.
const PATH: &str = "ledger/weighbridge.db";

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
        };
        if raw.path.as_ref().is_some_and(|path| path.is_empty()) {
            let span = raw.path.as_ref().map_or(0..0, |path| path.span());
            self.findings.error(span, "`ledger.path` is empty");
        } else if let Err(error) = settings.check() {
            let written = raw.max_hold.as_ref().or(raw.commit_interval.as_ref()).map_or(0..0, |written| written.span());
            self.findings.error(written, format!("[ledger] does not hold together: {error}"));
        }
        settings
    }
}
