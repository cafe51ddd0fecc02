//! The registry has what people change while the proxy runs: callers' keys, tokens for the admin port, revocations,
//! overrides of budgets; and the audit log, which has a line for each change, written with it or not at all.
//!
//! It stands on the store, which the command line, this process and every replica may use at once. A change is planned
//! on a [`Snapshot`] and carried out only if nothing has changed since. Whoever answers requests looks into the last
//! snapshot, never into the store: [`Registry::follow`] keeps it fresh.

mod audit;
mod change;
mod copy;
mod follow;
mod grants;
mod key;
mod moment;
mod overrides;
mod role;
mod secret;
mod snapshot;
#[cfg(test)]
mod tests;
mod token;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use serde_json::Value as Json;
use tokio::sync::{Notify, OnceCell};

pub use audit::AuditLine;
pub use change::Plan;
pub use grants::{DoorWord, Grants};
pub use key::{Stamp, StoredKey};
pub use moment::{Moment, length};
pub use overrides::{BudgetOverride, NewOverride};
pub use role::Role;
pub use secret::{Kind, Made, NoRandomness, make};
pub use snapshot::{Revocation, Snapshot, Subject};
pub use token::{AdminToken, AdminTokens, StoredToken};

use crate::domain::{BudgetName, KeyName, Secret, TierName};
use crate::store::{Migration, Store, StoreError};

const MIGRATIONS: &[Migration] = &[Migration { name: "keys", sql: include_str!("migrations/0001_keys.sql") }];

/// How often a change is planned anew because others changed something meanwhile.
const TRIES: usize = 20;

/// What routes.toml has, as far as what is made at run time must fit it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The names of its keys.
    pub file_keys: Vec<KeyName>,
    /// The names of its tokens for the admin port.
    pub file_tokens: Vec<KeyName>,
    /// Its tiers.
    pub tiers: Vec<TierName>,
}

/// Why a change is not made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The name is in use, or belongs to the file.
    #[error("{0}")]
    Taken(String),
    /// There is nothing of that name.
    #[error("{0}")]
    Unknown(String),
    /// It was revoked before.
    #[error("{0}")]
    Over(String),
    /// It cannot be so.
    #[error("{0}")]
    Nonsense(String),
}

/// Why the registry did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The change makes no sense.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret cannot be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// The registry. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    /// Where the last snapshot is copied to, if the store is on another machine.
    copy: Option<Store>,
    /// The version that was copied last.
    copied: Mutex<Option<i64>>,
    migrated: OnceCell<()>,
    /// Held while a snapshot is read, so that an older one never takes the place of a newer.
    reading: tokio::sync::Mutex<()>,
    /// The last snapshot that could be read; none before the first.
    seen: ArcSwapOption<Snapshot>,
    /// When the store was last found to be as the snapshot says.
    fresh: Mutex<Instant>,
    /// Rings when this process has changed something.
    changed: Notify,
}

impl Registry {
    /// The registry in this store, which is not asked yet.
    pub fn new(store: Store) -> Self {
        Self::with_copy(store, None)
    }

    /// The same, which keeps a copy of what is in force where it can be read when the store cannot.
    pub fn with_copy(store: Store, copy: Option<Store>) -> Self {
        let inner = Inner {
            store,
            copy,
            copied: Mutex::new(None),
            reading: tokio::sync::Mutex::new(()),
            migrated: OnceCell::new(),
            seen: ArcSwapOption::empty(),
            fresh: Mutex::new(Instant::now()),
            changed: Notify::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The store that it stands on.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The last snapshot that could be read; `None` if none could yet.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.inner.seen.load_full()
    }

    /// Reads everything anew, and keeps it as the last snapshot.
    ///
    /// # Errors
    /// What the store says.
    pub async fn refresh(&self) -> Result<Arc<Snapshot>, StoreError> {
        self.is_ready().await?;
        let reading = self.inner.reading.lock().await;
        let snapshot = Arc::new(Snapshot::read(&self.inner.store).await?);
        self.inner.seen.store(Some(Arc::clone(&snapshot)));
        self.is_fresh();
        self.copy(&snapshot).await;
        drop(reading);
        Ok(snapshot)
    }

    /// Brings the tables up to date, once.
    async fn is_ready(&self) -> Result<(), StoreError> {
        let migrate = || self.inner.store.migrate("registry", MIGRATIONS);
        self.inner.migrated.get_or_try_init(migrate).await.copied()
    }

    /// Makes a key. The secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// `Refused` if the name is taken or the grants make no sense, else what the store says.
    pub async fn create_key(
        &self,
        by: &str,
        known: &Known,
        name: &KeyName,
        grants: &Grants,
    ) -> Result<(StoredKey, Secret), RegistryError> {
        let made = make(Kind::Key, name.as_str())?;
        let plan = |now: &Snapshot, stamp: &Stamp| key::create(now, known, name, grants, &made, stamp);
        let snapshot = self.change(by, plan).await?;
        Ok((key_of(&snapshot, name)?, made.secret.clone()))
    }

    /// Gives a key another secret; the one before is good for the grace that is given.
    ///
    /// # Errors
    /// As [`create_key`](Self::create_key).
    pub async fn rotate_key(
        &self,
        by: &str,
        known: &Known,
        name: &KeyName,
        grace: Duration,
    ) -> Result<(StoredKey, Secret), RegistryError> {
        let made = make(Kind::Key, name.as_str())?;
        let plan = |now: &Snapshot, stamp: &Stamp| key::rotate(now, known, name, &made, grace, stamp);
        let snapshot = self.change(by, plan).await?;
        Ok((key_of(&snapshot, name)?, made.secret.clone()))
    }

    /// Ends a key for good, one of routes.toml too.
    ///
    /// # Errors
    /// As [`create_key`](Self::create_key).
    pub async fn revoke_key(&self, by: &str, known: &Known, name: &KeyName) -> Result<(), RegistryError> {
        let plan = |now: &Snapshot, stamp: &Stamp| key::revoke(now, known, name, stamp);
        self.change(by, plan).await.map(drop)
    }

    /// Makes a token for the admin port. The secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// As [`create_key`](Self::create_key).
    pub async fn create_token(
        &self,
        by: &str,
        known: &Known,
        name: &KeyName,
        role: Role,
        expires: Option<Moment>,
    ) -> Result<(StoredToken, Secret), RegistryError> {
        let made = make(Kind::Token, name.as_str())?;
        let plan = |now: &Snapshot, stamp: &Stamp| token::create(now, known, name, role, expires, &made, stamp);
        let snapshot = self.change(by, plan).await?;
        let token = snapshot.token(name).cloned().ok_or(StoreError::Conflict)?;
        Ok((token, made.secret.clone()))
    }

    /// Ends a token for the admin port for good, one of routes.toml too.
    ///
    /// # Errors
    /// As [`create_key`](Self::create_key).
    pub async fn revoke_token(&self, by: &str, known: &Known, name: &KeyName) -> Result<(), RegistryError> {
        let plan = |now: &Snapshot, stamp: &Stamp| token::revoke(now, known, name, stamp);
        self.change(by, plan).await.map(drop)
    }

    /// Overrides a budget's limit for a time.
    ///
    /// # Errors
    /// As [`create_key`](Self::create_key).
    pub async fn override_budget(&self, by: &str, new: &NewOverride) -> Result<BudgetOverride, RegistryError> {
        let snapshot = self.change(by, |now, stamp| overrides::create(now, new, stamp)).await?;
        let same = |one: &&BudgetOverride| one.budget == new.budget && one.created.by == by;
        Ok(snapshot.overrides.iter().filter(same).next_back().cloned().ok_or(StoreError::Conflict)?)
    }

    /// Ends an override of a budget.
    ///
    /// # Errors
    /// As [`create_key`](Self::create_key).
    pub async fn end_override(&self, by: &str, budget: &BudgetName, id: i64) -> Result<(), RegistryError> {
        self.change(by, |now, _| overrides::remove(now, budget, id)).await.map(drop)
    }

    /// Notes a change that was made elsewhere in the audit log.
    ///
    /// # Errors
    /// What the store says.
    pub async fn audit(
        &self,
        who: &str,
        what: &'static str,
        subject: &str,
        before: Option<Json>,
        after: Option<Json>,
    ) -> Result<(), RegistryError> {
        let plan = |_: &Snapshot, _: &Stamp| Ok(Plan::of(what, subject).before(before.clone()).after(after.clone()));
        self.change(who, plan).await.map(drop)
    }

    /// Notes that these rules are in use, unless the last line about rules says so already: of several replicas that
    /// read the same file the first one writes.
    ///
    /// # Errors
    /// What the store says.
    pub async fn rules_are(&self, version: &str) -> Result<(), RegistryError> {
        self.is_ready().await?;
        let rows = self.inner.store.query(audit::LAST_RULES, vec!["rules".into()]).await?;
        let last = rows.first().map(AuditLine::read).transpose()?.and_then(|line| line.after);
        let after = serde_json::json!({ "version": version });
        if last.as_ref() == Some(&after) {
            return Ok(());
        }
        self.audit("file", "rules", "routes.toml", last, Some(after)).await
    }

    /// Lines of the audit log from this moment on, the newest first; at most so many, all older than line `below`.
    ///
    /// # Errors
    /// What the store says.
    pub async fn audit_log(&self, since: Moment, below: Option<i64>, most: u32) -> Result<Vec<AuditLine>, StoreError> {
        self.is_ready().await?;
        let values = vec![since.millis().into(), below.unwrap_or(i64::MAX).into(), i64::from(most).into()];
        self.inner.store.query(audit::SELECT, values).await?.iter().map(AuditLine::read).collect()
    }

    /// Plans a change on what is now, carries it out, and gives what is then; again, if others were quicker.
    ///
    /// # Errors
    /// `Refused` by the plan, else what the store says.
    pub async fn change(
        &self,
        by: &str,
        plan: impl Fn(&Snapshot, &Stamp) -> Result<Plan, Refused>,
    ) -> Result<Arc<Snapshot>, RegistryError> {
        self.is_ready().await?;
        for _ in 0..TRIES {
            let now = Snapshot::read(&self.inner.store).await?;
            let stamp = Stamp { by: by.to_owned(), at: Moment::now() };
            let statements = plan(&now, &stamp)?.statements(now.version, &stamp);
            match self.inner.store.transact(statements).await {
                Ok(_) => {
                    self.inner.changed.notify_one();
                    return Ok(self.refresh().await?);
                }
                Err(StoreError::Conflict) => tokio::task::yield_now().await,
                Err(other) => return Err(other.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}

fn key_of(snapshot: &Snapshot, name: &KeyName) -> Result<StoredKey, StoreError> {
    snapshot.key(name).cloned().ok_or(StoreError::Conflict)
}
