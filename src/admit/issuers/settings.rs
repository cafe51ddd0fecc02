//! One issuer as `routes.toml` has it.

use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use jsonwebtoken::{Algorithm, Validation};
use rustls::pki_types::CertificateDer;
use serde_json::Value;

use super::claims::{Claims, Path, Required};
use crate::admit::Key;
use crate::admit::auth::refused;
use crate::domain::{Digest, Door, Failure, IssuerName, KeyName, Label, TierName};
use crate::route::Pattern;

/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 30;

/// Algorithms that an issuer may sign with. Those with a shared secret are none of them: with one, whoever knows the
/// public key could sign.
const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// The algorithm of this name.
///
/// # Errors
/// The names that there are.
pub fn algorithm(name: &str) -> Result<Algorithm, Vec<&'static str>> {
    let found = ALGORITHMS.iter().find(|(known, _)| *known == name);
    found.map(|(_, algorithm)| *algorithm).ok_or_else(|| ALGORITHMS.iter().map(|(name, _)| *name).collect())
}

/// What is written of an issuer.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// Its name in `routes.toml`.
    pub name: IssuerName,
    /// The `iss` of its tokens.
    pub issuer: Box<str>,
    /// The `aud` of its tokens.
    pub audience: Box<str>,
    /// Where its public keys are; `None`: where its discovery document says.
    pub jwks_url: Option<Uri>,
    /// What it signs with.
    pub algorithms: Vec<Algorithm>,
    /// Which claims say who asks.
    pub claims: Claims,
    /// Claims that a token must have.
    pub require: Vec<Required>,
    /// How long its keys are used before they are fetched again.
    pub refresh: Duration,
    /// The tiers its callers may use; `None`: all.
    pub tiers: Option<Arc<[TierName]>>,
    /// The names that they may ask for as the model; `None`: all.
    pub models: Option<Arc<[Pattern]>>,
    /// What they may ask for; `None`: everything.
    pub doors: Option<Arc<[Door]>>,
    /// Whether they may name a tier or an endpoint themselves.
    pub may_choose: bool,
    /// The only authorities trusted for it; `None`: those of the platform.
    pub authorities: Option<Arc<[CertificateDer<'static>]>>,
}

/// Why something is no issuer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IssuerError {
    /// What is fetched over it could be changed on the way.
    #[error("`{0}` is not over https, and not on loopback: whoever can change what is fetched can sign tokens")]
    Insecure(String),
    /// An address cannot be read.
    #[error("`{0}` is no address")]
    NoAddress(String),
    /// No algorithm is allowed.
    #[error("no algorithm is allowed")]
    NoAlgorithm,
}

/// Who signs tokens that callers may show instead of a key.
#[derive(Debug)]
pub struct Issuer {
    /// Its name in `routes.toml`.
    pub name: IssuerName,
    /// As whom its callers are counted where keys are: under the issuer's name.
    pub key_name: KeyName,
    /// The `iss` of its tokens.
    pub issuer: Box<str>,
    /// Where its keys are, or where it is written where they are.
    pub(super) source: Source,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) validation: Validation,
    pub(super) refresh: Duration,
    pub(super) authorities: Option<Arc<[CertificateDer<'static>]>>,
    claims: Claims,
    require: Vec<Required>,
    tiers: Option<Arc<[TierName]>>,
    models: Option<Arc<[Pattern]>>,
    doors: Option<Arc<[Door]>>,
    may_choose: bool,
}

/// Where an issuer's keys are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// Here.
    Keys(Uri),
    /// Where this document says.
    Discovery(Uri),
}

impl Issuer {
    /// Checks what is written.
    ///
    /// # Errors
    /// If its keys would be fetched from what is no address, or over what is not secure.
    pub fn new(settings: IssuerSettings) -> Result<Self, IssuerError> {
        let IssuerSettings { name, issuer, audience, jwks_url, algorithms, .. } = settings;
        let source = match jwks_url {
            Some(url) => Source::Keys(url),
            None => {
                let document = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
                Source::Discovery(document.parse().map_err(|_| IssuerError::NoAddress(issuer.to_string()))?)
            }
        };
        let (Source::Keys(url) | Source::Discovery(url)) = &source;
        is_secure(url)?;
        let mut validation = Validation::new(*algorithms.first().ok_or(IssuerError::NoAlgorithm)?);
        validation.algorithms.clone_from(&algorithms);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        validation.set_audience(&[&audience]);
        validation.set_issuer(&[&issuer]);
        let key_name = KeyName::parse(name.as_str()).map_err(|_| IssuerError::NoAddress(name.to_string()))?;
        Ok(Self {
            name,
            key_name,
            issuer,
            source,
            algorithms,
            validation,
            refresh: settings.refresh,
            authorities: settings.authorities,
            claims: settings.claims,
            require: settings.require,
            tiers: settings.tiers,
            models: settings.models,
            doors: settings.doors,
            may_choose: settings.may_choose,
        })
    }

    /// Whether the keys that were fetched for one count for the other.
    pub(super) fn fetches_alike(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || self.source == other.source
                && self.issuer == other.issuer
                && self.algorithms == other.algorithms
                && self.refresh == other.refresh
                && self.authorities == other.authorities
    }

    /// What a token stands for whose signature, times, issuer and audience are right.
    pub(super) fn key(&self, claims: &Value, digest: Digest) -> Result<Key, Failure> {
        if let Some(missing) = self.require.iter().find(|required| !required.holds(claims)) {
            let message = format!("the token's `{}` is not what [issuers.{}] requires", missing.path, self.name);
            return Err(refused(&message));
        }
        // The library has checked that it is a number.
        let expires = claims.get("exp").and_then(Value::as_f64).unwrap_or_default();
        Ok(Key {
            name: self.key_name.clone(),
            digest,
            engineer: Some(self.label(&self.claims.engineer, claims)?),
            team: self.claims.team.as_ref().map(|path| self.label(path, claims)).transpose()?,
            feature: match &self.claims.feature {
                Some(path) if path.find(claims).is_some() => Some(self.label(path, claims)?),
                _ => None,
            },
            tiers: self.tiers.clone(),
            may_choose: self.may_choose,
            models: self.models.clone(),
            doors: self.doors.clone(),
            requests_per_minute: None,
            tokens_per_minute: None,
            concurrent: None,
            expires_millis: Some((expires as u64).saturating_add(LEEWAY).saturating_mul(1000)),
        })
    }

    fn label(&self, path: &Path, claims: &Value) -> Result<Label, Failure> {
        let Some(text) = path.text(claims) else {
            let message =
                format!("the token has no text in `{path}`, where [issuers.{}] says that it tells who asks", self.name);
            return Err(refused(&message));
        };
        Label::parse(text).ok_or_else(|| {
            let message = format!("the token's `{path}` must be 1 to 96 printable ASCII characters without spaces");
            refused(&message)
        })
    }
}

/// Refuses what could be changed on its way.
pub(super) fn is_secure(url: &Uri) -> Result<(), IssuerError> {
    let host = url.host().map(|host| host.trim_matches(['[', ']'])).unwrap_or_default();
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme_str() {
        Some("https") if !host.is_empty() => Ok(()),
        Some("http") if is_here => Ok(()),
        Some("http") => Err(IssuerError::Insecure(url.to_string())),
        _ => Err(IssuerError::NoAddress(url.to_string())),
    }
}
