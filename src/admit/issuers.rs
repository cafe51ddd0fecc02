//! Issuers: who signs tokens (JWT) that callers may show instead of a key.
//!
//! A token's signature is checked with the issuer's public keys, which are fetched in the background; the request path
//! waits for that in one case only, a token signed with a key that is not known yet. What a token says is checked in full,
//! and then it stands for a key: its callers are admitted, limited and recorded like others.

mod claims;
mod fetch;
mod keyset;
mod settings;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hyper::HeaderMap;
use jsonwebtoken::Validation;
use jsonwebtoken::errors::ErrorKind;
use serde_json::Value;
use tokio::time::timeout;

use super::Key;
use super::auth::{presented, refused};
use crate::domain::{Digest, Failure, FailureKind, IssuerName, digest};
use crate::observe::Metrics;

pub use claims::{Claims, Path, Required};
use keyset::{KeySet, Verifier};
pub use settings::{Issuer, IssuerError, IssuerSettings, algorithm};

/// The longest token that is looked at.
const LONGEST: usize = 16 << 10;

/// The most tokens that are remembered as verified.
const MOST_VERIFIED: usize = 10_000;

/// How often a key that is not known may cause a fetch.
const UNKNOWN_KEY_PERIOD: Duration = Duration::from_secs(30);

/// How long a request waits for an unknown key.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the last keys are used while the issuer cannot be asked.
const LONGEST_STALE: Duration = Duration::from_secs(24 * 3600);

/// How often it is looked whether keys are due.
const TICK: Duration = Duration::from_secs(1);

/// The pause after a fetch that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(15);

/// What is known of one issuer. It outlives a reload that leaves the issuer as it is.
struct State {
    of: Arc<Issuer>,
    known: Mutex<Known>,
    unknown_keys: DefaultDirectRateLimiter,
    fetching: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Known {
    keys: Arc<KeySet>,
    /// When the keys were fetched last.
    fetched: Option<Instant>,
    /// When they are to be fetched again; `None`: at once.
    due: Option<Instant>,
}

impl State {
    fn new(of: Arc<Issuer>) -> Self {
        let known = Mutex::default();
        // One at once, then one in each period: a limit of one in a period that is not zero can always be made.
        let quota = Quota::with_period(UNKNOWN_KEY_PERIOD).unwrap_or(Quota::per_minute(std::num::NonZeroU32::MIN));
        Self { of, known, unknown_keys: RateLimiter::direct(quota), fetching: Arc::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys, unless they are too old; `None` also before the first fetch.
    fn keys(&self) -> Option<Arc<KeySet>> {
        let known = self.known();
        known.fetched.filter(|fetched| fetched.elapsed() <= LONGEST_STALE).map(|_| Arc::clone(&known.keys))
    }

    /// Fetches the keys. Whoever calls holds `fetching`.
    async fn refresh(&self, metrics: &Metrics) {
        let name = &self.of.name;
        let fetched = fetch::keys(&self.of).await.and_then(|body| KeySet::read(&body, &self.of.algorithms));
        let now = Instant::now();
        let mut known = self.known();
        metrics.issuer_fetched(name, fetched.is_ok());
        match fetched {
            Ok(keys) => {
                if !known.keys.is_same(&keys) {
                    tracing::info!(issuer = %name, keys = keys.len(), "an issuer's keys are new");
                    known.keys = Arc::new(keys);
                }
                known.fetched = Some(now);
                // A fifth before the time is over, so that nobody sees old ones.
                known.due = Some(now + self.of.refresh.mul_f64(0.8));
            }
            Err(error) => {
                let age = known.fetched.map(|fetched| fetched.elapsed().as_secs());
                tracing::warn!(issuer = %name, %error, age_s = age, "an issuer's keys cannot be fetched, the last ones stay in use for a day");
                known.due = Some(now + AFTER_FAILURE);
            }
        }
    }

    fn is_due(&self) -> bool {
        self.known().due.is_none_or(|due| due <= Instant::now())
    }
}

/// A token that was verified.
struct Verified {
    of: Arc<Issuer>,
    /// Which set of keys it was verified with: when that changes, it is verified again.
    keys: Arc<KeySet>,
    key: Arc<Key>,
}

/// What the process knows of issuers and their tokens.
pub struct Issuers {
    states: Mutex<HashMap<IssuerName, Arc<State>>>,
    verified: Mutex<HashMap<Digest, Verified>>,
    metrics: Arc<Metrics>,
}

impl Issuers {
    /// Nothing is known yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { states: Mutex::default(), verified: Mutex::default(), metrics }
    }

    /// Keeps the keys of these issuers fresh, for as long as it is polled.
    pub async fn keep_fresh(&self, issuers: impl Fn() -> Arc<[Arc<Issuer>]>) {
        loop {
            let issuers = issuers();
            self.states().retain(|name, _| issuers.iter().any(|issuer| issuer.name == *name));
            for issuer in issuers.iter() {
                let state = self.state(issuer);
                if state.is_due() {
                    self.fetch(state);
                }
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// If the headers show a token that is signed with a key which is not known yet, the keys are fetched, at most once in
    /// half a minute, and that is waited for, at most two seconds. In every other case this returns at once.
    pub async fn prepare(&self, issuers: &[Arc<Issuer>], headers: &HeaderMap) {
        if issuers.is_empty() {
            return;
        }
        let Some(token) = presented(headers).find(|text| is_token(text)) else { return };
        if self.remembered(issuers, &digest(token)).is_some() {
            return;
        }
        for issuer in issued_by(issuers, token) {
            let state = self.state(issuer);
            let keys = state.keys();
            if keys.as_ref().is_some_and(|keys| keys.has_for(token)) {
                continue;
            }
            // While a fetch is under way nobody starts another, and everybody may wait for it.
            let is_idle = state.fetching.try_lock().is_ok();
            let is_worth_it = || keys.map_or_else(|| state.is_due(), |_| state.unknown_keys.check().is_ok());
            if is_idle && is_worth_it() {
                self.fetch(Arc::clone(&state));
            }
            // Whether it came in time is seen by what is known then.
            let _ = timeout(PATIENCE, state.fetching.lock()).await;
        }
    }

    /// Fetches in a task of its own, so that a caller who hangs up stops nothing; once at a time.
    fn fetch(&self, state: Arc<State>) {
        let Ok(alone) = Arc::clone(&state.fetching).try_lock_owned() else { return };
        let metrics = Arc::clone(&self.metrics);
        tokio::spawn(async move {
            state.refresh(&metrics).await;
            drop(alone);
        });
    }

    /// What a token stands for.
    ///
    /// # Errors
    /// `Unauthenticated` with what is wrong with it, `Overloaded` while its issuer's keys are not known.
    pub(super) fn key(&self, issuers: &[Arc<Issuer>], token: &str, now: SystemTime) -> Result<Arc<Key>, Failure> {
        let digest = digest(token);
        let millis = u64::try_from(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
        let is_current = |key: &Arc<Key>| key.expires_millis.is_some_and(|expires| millis < expires);
        if let Some(key) = self.remembered(issuers, &digest).filter(is_current) {
            return Ok(key);
        }
        let mut why = refused("the token is not by an issuer that this proxy knows: see [issuers] in routes.toml");
        for issuer in issued_by(issuers, token) {
            let state = self.state(issuer);
            match state.keys() {
                None => {
                    let message =
                        format!("the public keys of `{}` could not be fetched yet: try again shortly", issuer.name);
                    why = Failure::new(FailureKind::Overloaded, message).with_retry_after(PATIENCE);
                }
                Some(keys) => match verify(issuer, &keys, token, digest) {
                    Ok(key) => {
                        self.remember(digest, Verified { of: Arc::clone(issuer), keys, key: Arc::clone(&key) }, millis);
                        return Ok(key);
                    }
                    Err(failure) => why = failure,
                },
            }
        }
        Err(why)
    }

    fn remembered(&self, issuers: &[Arc<Issuer>], digest: &Digest) -> Option<Arc<Key>> {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let found = verified.get(digest)?;
        let is_configured = issuers.iter().any(|issuer| Arc::ptr_eq(issuer, &found.of));
        let current = self.states().get(&found.of.name).and_then(|state| state.keys())?;
        (is_configured && Arc::ptr_eq(&current, &found.keys)).then(|| Arc::clone(&found.key))
    }

    fn remember(&self, digest: Digest, token: Verified, millis: u64) {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= MOST_VERIFIED {
            verified.retain(|_, token| token.key.expires_millis.is_some_and(|expires| millis < expires));
            // To verify again costs some 50 µs, to search for the oldest each time would cost more.
            if verified.len() >= MOST_VERIFIED {
                verified.clear();
            }
        }
        verified.insert(digest, token);
    }

    fn state(&self, issuer: &Arc<Issuer>) -> Arc<State> {
        let mut states = self.states();
        match states.get(&issuer.name) {
            Some(state) if state.of.fetches_alike(issuer) => Arc::clone(state),
            _ => {
                let state = Arc::new(State::new(Arc::clone(issuer)));
                states.insert(issuer.name.clone(), Arc::clone(&state));
                state
            }
        }
    }

    fn states(&self) -> MutexGuard<'_, HashMap<IssuerName, Arc<State>>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a text has the shape of a token. Our own keys have no dots.
pub(super) fn is_token(text: &str) -> bool {
    text.len() <= LONGEST && text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// The issuers that a token says it is by, unverified.
fn issued_by<'i>(issuers: &'i [Arc<Issuer>], token: &str) -> impl Iterator<Item = &'i Arc<Issuer>> {
    let claims: Option<Value> = jsonwebtoken::dangerous::insecure_decode_claims(token).ok();
    let by = claims.and_then(|claims| Some(claims.get("iss")?.as_str()?.to_owned()));
    issuers.iter().filter(move |issuer| by.as_deref() == Some(&*issuer.issuer))
}

/// Checks the signature and all that the token says.
fn verify(issuer: &Arc<Issuer>, keys: &KeySet, token: &str, digest: Digest) -> Result<Arc<Key>, Failure> {
    let name = &issuer.name;
    let header = jsonwebtoken::decode_header(token).map_err(|_| refused("the token has no header that can be read"))?;
    if !issuer.algorithms.contains(&header.alg) {
        let message = format!("the token is signed with {:?}, which `{name}` does not sign with", header.alg);
        return Err(refused(&message));
    }
    let mut why = format!("the token is signed with a key that is not one of `{name}`: get a new token");
    // The library wants every algorithm that is allowed to be of the key's kind; this one is, and it is the issuer's.
    let validation = Validation { algorithms: vec![header.alg], ..issuer.validation.clone() };
    for Verifier { key, .. } in keys.for_header(&header) {
        match jsonwebtoken::decode::<Value>(token, key, &validation) {
            Ok(token) => return issuer.key(&token.claims, digest).map(Arc::new),
            Err(error) => why = in_words(error.kind(), issuer),
        }
    }
    Err(refused(&why))
}

fn in_words(error: &ErrorKind, issuer: &Issuer) -> String {
    let name = &issuer.name;
    match error {
        ErrorKind::ExpiredSignature => "the token has expired: get a new one".to_owned(),
        ErrorKind::ImmatureSignature => "the token is not valid yet: see whether the clocks agree".to_owned(),
        ErrorKind::InvalidAudience => {
            format!("the token is not for this proxy: its `aud` must be that of [issuers.{name}]")
        }
        ErrorKind::MissingRequiredClaim(claim) => format!("the token has no `{claim}`"),
        ErrorKind::InvalidClaimFormat(claim) => format!("the token's `{claim}` is not what it must be"),
        ErrorKind::InvalidSignature => "the token's signature is wrong".to_owned(),
        _ => "the token cannot be verified".to_owned(),
    }
}
