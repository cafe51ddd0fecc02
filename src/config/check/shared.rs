//! What many replicas share.

use std::time::Duration;

use super::Checker;
use crate::config::raw::{RawLedger, RawShared, StanceWord};
use crate::shared::{Settings, Stance};

impl Checker<'_, '_> {
    /// `ledger` is the file beside which the replica's name is kept.
    pub(super) fn shared(&mut self, raw: &RawShared, ledger: &std::path::Path, books: &RawLedger) -> Option<Settings> {
        let Some(written) = &raw.url else {
            let others = [
                raw.prefix.as_ref().map(|prefix| prefix.span()),
                raw.lease.as_ref().map(|lease| lease.span()),
                raw.stance.as_ref().map(|stance| stance.span()),
                raw.strict.as_ref().map(|strict| strict.span()),
                raw.timeout.as_ref().map(|timeout| timeout.span()),
            ];
            if let Some(place) = others.into_iter().flatten().next() {
                let message = "[shared] has no `url`, so nothing is shared";
                self.findings.error(place, message).hint("the address of a Redis server, or take the section out");
            }
            return None;
        };
        let url = self.private_url("shared.url", written)?;
        let default = Settings::at(url, ledger.with_extension("replica"));
        let settings = Settings {
            stance: match raw.stance.as_ref().map(|stance| *stance.value()) {
                Some(StanceWord::Closed) => Stance::Closed,
                Some(StanceWord::Local) | None => Stance::Local,
            },
            strict: raw.strict.as_ref().is_some_and(|strict| **strict),
            prefix: raw.prefix.as_ref().map_or(default.prefix.clone(), |prefix| prefix.value().clone()),
            timeout: self.duration(raw.timeout.as_ref(), "shared.timeout", Duration::from_millis(1), default.timeout),
            lease: self.duration(raw.lease.as_ref(), "shared.lease", Duration::from_secs(5), default.lease),
            ledger_knows_all: books.url.is_none() && books.retention.is_none(),
            ..default
        };
        if let Err(error) = settings.check() {
            self.findings.error(written.span(), error.to_string());
            return None;
        }
        if books.url.is_none() {
            let message = "[shared] is set, and the ledger of each replica is a file of its own: keys made at run time, \
                           outcomes and reports are of one replica only";
            self.findings.warning(written.span(), message).hint("a PostgreSQL database at `[ledger] url` has them all");
        }
        Some(settings)
    }
}
