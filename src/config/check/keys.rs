//! Who may ask.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use super::Checker;
use crate::admit::Key;
use crate::config::located::Located;
use crate::config::raw::{DoorWord, Named, RawFile, RawKey};
use crate::config::text;
use crate::domain::{Digest, Door, KeyName, Label, TierName, from_hex};
use crate::route::Pattern;

/// Whose permissions are checked.
pub(super) struct Whose<'n> {
    /// As it begins a sentence.
    pub(super) subject: &'n str,
    /// Where its name stands.
    pub(super) place: Range<usize>,
}

impl Checker<'_, '_> {
    pub(super) fn keys(&mut self, raw: &Named<RawKey>, file: &RawFile) -> Vec<Key> {
        let mut by_digest: HashMap<Digest, &str> = HashMap::new();
        let mut keys = Vec::with_capacity(raw.len());
        for (name, key) in self.named(raw, "a key") {
            let subject = format!("key `{}`", name.value());
            let whose = Whose { subject: &subject, place: name.span() };
            let tiers = self.tiers_of(&whose, key.tiers.as_deref(), file);
            let digest = self.digest(key.sha256.as_ref(), &key.span(), &subject, "weighbridge keys new");
            let Some(digest) = digest else { continue };
            if let Some(other) = by_digest.insert(digest, name) {
                let span = key.sha256.as_ref().map_or(key.span(), Located::span);
                let message = format!("keys `{}` and `{other}` have the same `sha256`", name.value());
                self.findings.error(span, message).hint("make a key for each caller: `weighbridge keys new`");
            }
            let Ok(key_name) = KeyName::parse(name) else { continue };
            keys.push(Key {
                name: key_name,
                digest,
                engineer: self.label(key.engineer.as_ref(), "engineer"),
                team: self.label(key.team.as_ref(), "team"),
                feature: self.label(key.feature.as_ref(), "feature"),
                tiers: tiers.map(Into::into),
                may_choose: key.may_choose.unwrap_or(true),
                models: self.models_of(&whose, key.models.as_deref()),
                doors: self.doors_of(&whose, key.doors.as_deref()),
                requests_per_minute: self.rate(key.requests_per_minute.as_ref(), "requests_per_minute"),
                tokens_per_minute: self.rate(key.tokens_per_minute.as_ref(), "tokens_per_minute"),
                concurrent: self.rate(key.concurrent.as_ref(), "concurrent"),
                expires_millis: self.expires(key.expires.as_ref(), &subject),
            });
        }
        keys
    }

    /// The hash of somebody's secret; `made_by` is the command that prints one.
    pub(super) fn digest(
        &mut self,
        written: Option<&Located<String>>,
        table: &Range<usize>,
        subject: &str,
        made_by: &str,
    ) -> Option<Digest> {
        let written = self.required(written, table, "sha256", subject)?;
        let digest = from_hex(written);
        if digest.is_none() {
            let message = format!("`sha256` of {subject} is not 64 hexadecimal digits");
            let hint = format!("it is the SHA-256 of the secret, not the secret itself; `{made_by}` prints both");
            self.findings.error(written.span(), message).hint(hint);
        }
        digest
    }

    /// The tiers that somebody may use.
    pub(super) fn tiers_of(
        &mut self,
        whose: &Whose<'_>,
        written: Option<&[Located<String>]>,
        file: &RawFile,
    ) -> Option<Vec<TierName>> {
        let (written, subject) = (written?, whose.subject);
        let known: Vec<&str> = file.tiers.keys().map(|tier| tier.as_str()).collect();
        for tier in written.iter().filter(|tier| !known.contains(&tier.as_str())) {
            self.undefined(tier.span(), &format!("{subject} allows tier"), tier, &known, "tiers");
        }
        if written.is_empty() {
            let message = format!("{subject} allows no tier at all");
            self.findings.error(whose.place.clone(), message).hint("leave `tiers` out to allow all of them");
        }
        Some(written.iter().filter_map(|tier| TierName::parse(tier).ok()).collect())
    }

    pub(super) fn label(&mut self, written: Option<&Located<String>>, key: &str) -> Option<Label> {
        let written = written?;
        let label = Label::parse(written);
        if label.is_none() {
            let message = format!("`{key}` cannot be `{}`", written.value());
            self.findings.error(written.span(), message).hint("1 to 96 printable ASCII characters without spaces");
        }
        label
    }

    /// The names that somebody may ask for as the model.
    pub(super) fn models_of(
        &mut self,
        whose: &Whose<'_>,
        written: Option<&[Located<String>]>,
    ) -> Option<Arc<[Pattern]>> {
        let (written, subject) = (written?, whose.subject);
        if written.is_empty() {
            let message = format!("{subject} allows no model at all");
            self.findings.error(whose.place.clone(), message).hint("leave `models` out to allow all of them");
        }
        let mut models = Vec::with_capacity(written.len());
        for model in written {
            match Pattern::parse(model) {
                Some(pattern) => models.push(pattern),
                None => {
                    let message = format!("{subject} cannot allow the model `{}`", model.value());
                    self.findings.error(model.span(), message).hint("a star stands at its end or its beginning");
                }
            }
        }
        Some(models.into())
    }

    /// What somebody may ask for.
    pub(super) fn doors_of(&mut self, whose: &Whose<'_>, written: Option<&[Located<DoorWord>]>) -> Option<Arc<[Door]>> {
        let (written, subject) = (written?, whose.subject);
        if written.is_empty() {
            let message = format!("{subject} allows nothing to be asked for");
            self.findings.error(whose.place.clone(), message).hint("leave `doors` out to allow everything");
        }
        Some(written.iter().flat_map(|word| super::when::door(**word)).copied().collect())
    }

    pub(super) fn rate(&mut self, written: Option<&Located<u32>>, key: &str) -> Option<NonZeroU32> {
        NonZeroU32::new(self.count(Some(written?), key, 1))
    }

    /// The date from which on somebody is refused; `subject` begins a sentence.
    pub(super) fn expires(&mut self, written: Option<&Located<toml::value::Datetime>>, subject: &str) -> Option<u64> {
        let written = written?;
        let expires = self.moment(written, "expires")?;
        if expires <= self.surroundings.now_millis() {
            self.findings.warning(written.span(), format!("{subject} has expired"));
        }
        Some(expires)
    }

    pub(super) fn moment(&mut self, written: &Located<toml::value::Datetime>, key: &str) -> Option<u64> {
        let moment = text::moment(written);
        if moment.is_none() {
            let message = format!("`{key}` cannot be `{}`, expected a date", written.value());
            self.findings.error(written.span(), message).hint("such as 2027-03-31");
        }
        moment
    }
}
