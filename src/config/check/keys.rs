//! Who may ask.

use std::collections::HashMap;

use super::Checker;
use crate::admit::{Digest, Key, Limit};
use crate::config::located::Located;
use crate::config::raw::{Named, RawFile, RawKey};
use crate::config::text;
use crate::domain::{KeyName, Label, TierName};

impl Checker<'_, '_> {
    pub(super) fn keys(&mut self, raw: &Named<RawKey>, file: &RawFile) -> Vec<Key> {
        let mut by_digest: HashMap<Digest, &str> = HashMap::new();
        let mut keys = Vec::with_capacity(raw.len());
        for (name, key) in self.named(raw, "a key") {
            let tiers = self.key_tiers(name, key, file);
            let Some(digest) = self.digest(name, key) else { continue };
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
                limit: Limit::of_key(self.allowance(&key.requests_per_minute, &key.tokens_per_minute, &key.concurrent)),
                expires_millis: self.key_expiry(name, key),
            });
        }
        keys
    }

    fn digest(&mut self, name: &Located<String>, key: &Located<RawKey>) -> Option<Digest> {
        let subject = format!("key `{}`", name.value());
        let written = self.required(key.sha256.as_ref(), &key.span(), "sha256", &subject)?;
        let bytes = written.as_bytes();
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let pairs = bytes.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
        let decoded: Option<Vec<u8>> = pairs.collect();
        let digest = decoded.filter(|_| bytes.len() == 64).and_then(|decoded| Digest::try_from(decoded).ok());
        if digest.is_none() {
            let message = format!("`sha256` of {subject} is not 64 hexadecimal digits");
            let hint = "it is the SHA-256 of the key, not the key itself; `weighbridge keys new` prints both";
            self.findings.error(written.span(), message).hint(hint);
        }
        digest
    }

    fn key_tiers(&mut self, name: &Located<String>, key: &RawKey, file: &RawFile) -> Option<Vec<TierName>> {
        let written = key.tiers.as_ref()?;
        let known: Vec<&str> = file.tiers.keys().map(|tier| tier.as_str()).collect();
        for tier in written.iter().filter(|tier| !known.contains(&tier.as_str())) {
            self.undefined(tier.span(), &format!("key `{}` allows tier", name.value()), tier, &known, "tiers");
        }
        if written.is_empty() {
            let message = format!("key `{}` allows no tier at all", name.value());
            self.findings.error(name.span(), message).hint("leave `tiers` out to allow all of them");
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

    fn key_expiry(&mut self, name: &Located<String>, key: &RawKey) -> Option<u64> {
        let written = key.expires.as_ref()?;
        let expires = self.moment(written, "expires")?;
        if expires <= self.surroundings.now_millis() {
            self.findings.warning(written.span(), format!("key `{}` has expired", name.value()));
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
