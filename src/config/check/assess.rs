//! How prompts are assessed.

use std::fs;
use std::sync::Arc;

use super::Checker;
use crate::assess::Settings;
use crate::assess::difficulty::Model;
use crate::config::raw::RawAssess;

impl Checker<'_, '_> {
    pub(super) fn assess(&mut self, raw: &RawAssess) -> Settings {
        let mut settings = Settings::default();
        let Some(written) = &raw.difficulty else { return settings };
        let path = self.surroundings.path(written);
        let read = fs::read(&path).map_err(|error| error.to_string()).and_then(|bytes| Model::from_bytes(&bytes));
        match read {
            Ok(model) => settings.difficulty = Arc::new(model),
            Err(reason) => {
                let message = format!("`assess.difficulty` names {}, which cannot be used: {reason}", path.display());
                self.findings.error(written.span(), message).hint("make one with `weighbridge train --out FILE`");
            }
        }
        settings
    }
}
