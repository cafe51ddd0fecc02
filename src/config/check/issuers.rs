//! Who signs tokens that callers may show instead of a key.

use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;

use super::Checker;
use super::keys::Whose;
use crate::admit::{Claims, Issuer, IssuerSettings, Path, Required, algorithm};
use crate::config::located::Located;
use crate::config::problem::quoted;
use crate::config::raw::{Named, RawClaims, RawFile, RawIssuer};
use crate::domain::IssuerName;

/// How long an issuer's keys are used before they are fetched again.
const REFRESH: Duration = Duration::from_secs(600);

/// The shortest time: whoever rotates keys shows new ones long before he uses them.
const LEAST_REFRESH: Duration = Duration::from_secs(10);

impl Checker<'_, '_> {
    pub(super) fn issuers(&mut self, raw: &Named<RawIssuer>, file: &RawFile) -> Arc<[Arc<Issuer>]> {
        let named = self.named(raw, "an issuer");
        let mut issuers = Vec::with_capacity(named.len());
        for (name, issuer) in named {
            if file.keys.keys().any(|key| key.as_str() == name.as_str()) {
                let message = format!("an issuer and a key are both called `{}`", name.value());
                let hint = "an issuer's callers are counted where keys are, under the issuer's name: give it another";
                self.findings.error(name.span(), message).hint(hint);
            }
            issuers.extend(self.issuer(name, issuer, file).map(Arc::new));
        }
        issuers.into()
    }

    fn issuer(&mut self, name: &Located<String>, raw: &Located<RawIssuer>, file: &RawFile) -> Option<Issuer> {
        let subject = format!("issuer `{}`", name.value());
        let whose = Whose { subject: &subject, place: name.span() };
        let issuer = self.required(raw.issuer.as_ref(), &raw.span(), "issuer", &subject);
        let audience = self.required(raw.audience.as_ref(), &raw.span(), "audience", &subject);
        let jwks_url = self.jwks_url(raw.jwks_url.as_ref());
        let mut algorithms = Vec::new();
        for word in raw.algorithms.iter().flatten() {
            match algorithm(word) {
                Ok(algorithm) => algorithms.push(algorithm),
                Err(known) => {
                    let message = format!("{subject} cannot sign with `{}`", word.value());
                    let hint = format!("one of {}; never a shared secret", quoted(known));
                    self.findings.error(word.span(), message).hint(hint);
                }
            }
        }
        if raw.algorithms.is_none() {
            algorithms.extend(["RS256", "ES256"].into_iter().filter_map(|name| algorithm(name).ok()));
        }
        let claims = self.claims(&raw.claims, &subject);
        let require = self.require(&raw.require, &subject);
        let refresh = self.duration(raw.refresh.as_ref(), "refresh", LEAST_REFRESH, REFRESH);
        let tiers = self.tiers_of(&whose, raw.tiers.as_deref(), file).map(Into::into);
        let models = self.models_of(&whose, raw.models.as_deref());
        let doors = self.doors_of(&whose, raw.doors.as_deref());
        let authorities = raw.ca_file.as_ref().and_then(|file| self.authorities(file));
        let written = issuer?;
        let settings = IssuerSettings {
            name: IssuerName::parse(name).ok()?,
            issuer: written.as_str().into(),
            audience: audience?.as_str().into(),
            jwks_url: jwks_url.ok()?,
            algorithms,
            claims: claims?,
            require,
            refresh,
            tiers,
            models,
            doors,
            may_choose: raw.may_choose.unwrap_or(true),
            authorities,
        };
        let place = raw.jwks_url.as_ref().map_or(written.span(), Located::span);
        let checked = Issuer::new(settings);
        if let Err(error) = &checked {
            let hint = "an `https://` address, or `jwks_url` if the keys are not where discovery says";
            self.findings.error(place, format!("{subject}: {error}")).hint(hint);
        }
        checked.ok()
    }

    /// The address of the keys: none is written, or it is one.
    fn jwks_url(&mut self, written: Option<&Located<String>>) -> Result<Option<Uri>, ()> {
        let Some(written) = written else { return Ok(None) };
        written.parse().map(Some).map_err(|_| {
            self.findings
                .error(written.span(), "`jwks_url` is no address")
                .hint("such as `https://login.example.com/keys`");
        })
    }

    fn claims(&mut self, raw: &RawClaims, subject: &str) -> Option<Claims> {
        let mut path = |written: &Option<Located<String>>, key: &str| match written {
            None => Some(None),
            Some(written) => {
                let path = Path::parse(written);
                if path.is_none() {
                    self.findings.error(written.span(), format!("`claims.{key}` of {subject} is empty"));
                }
                path.map(Some)
            }
        };
        let (engineer, team, feature) =
            (path(&raw.engineer, "engineer"), path(&raw.team, "team"), path(&raw.feature, "feature"));
        Some(Claims { engineer: engineer?.or_else(|| Path::parse("email"))?, team: team?, feature: feature? })
    }

    fn require(&mut self, raw: &Named<String>, subject: &str) -> Vec<Required> {
        let mut required = Vec::with_capacity(raw.len());
        for (name, value) in raw {
            match Path::parse(name) {
                Some(path) => required.push(Required { path, value: value.as_str().into() }),
                None => {
                    self.findings.error(name.span(), format!("`require` of {subject} names a claim that is empty"));
                }
            }
        }
        required
    }
}
