//! The durable record: where it is kept, and what waits for what.

use std::time::Duration;

use super::Checker;
use crate::config::raw::{OnFailureWord, RawLedger, SynchronousWord};
use crate::record;

impl Checker<'_, '_> {
    pub(super) fn ledger(&mut self, raw: &RawLedger) -> record::Settings {
        let usual = record::Settings::default();
        let path = raw.path.as_ref().map_or("weighbridge.db", |path| path.as_str());
        let settings = record::Settings {
            path: self.surroundings.path(path),
            synchronous: match raw.synchronous {
                None => usual.synchronous,
                Some(SynchronousWord::Normal) => record::Synchronous::Normal,
                Some(SynchronousWord::Full) => record::Synchronous::Full,
            },
            max_queue: self.count(raw.max_queue.as_ref(), "ledger.max_queue", usual.max_queue as u32) as usize,
            commit_interval: self.duration(
                raw.commit_interval.as_ref(),
                "commit_interval",
                Duration::ZERO,
                usual.commit_interval,
            ),
            max_hold: self.duration(raw.max_hold.as_ref(), "max_hold", Duration::ZERO, usual.max_hold),
            on_failure: match raw.on_failure {
                None => usual.on_failure,
                Some(OnFailureWord::Refuse) => record::OnFailure::Refuse,
                Some(OnFailureWord::Serve) => record::OnFailure::Serve,
            },
        };
        if let Err(error) = settings.check() {
            let written = raw.max_hold.as_ref().or(raw.commit_interval.as_ref()).map(|value| value.span());
            let written = written.or(raw.path.as_ref().map(|value| value.span())).unwrap_or_default();
            self.findings.error(written, format!("`ledger`: {error}"));
        }
        settings
    }
}
