//! A copy of the last snapshot on this machine's disk, for a proxy that starts while the database is gone: the keys that
//! were good are good, and what was revoked stays refused.

use std::sync::PoisonError;

use super::{MIGRATIONS, Registry, Snapshot, StoredKey, StoredToken};
use crate::store::{Statement, Store, StoreError};

impl Registry {
    /// Takes what is on this machine's disk as the last snapshot, where the store itself could not be read.
    ///
    /// # Errors
    /// If there is no copy, or it cannot be read.
    pub async fn recall(&self) -> Result<(), StoreError> {
        let Some(copy) = &self.inner.copy else { return Err(StoreError::Unreachable("there is no copy of it".into())) };
        copy.migrate("registry", MIGRATIONS).await?;
        let snapshot = Snapshot::read(copy).await?;
        if snapshot.version == 0 {
            return Err(StoreError::Unreachable("nothing of it was ever copied".into()));
        }
        self.inner.seen.store(Some(snapshot.into()));
        Ok(())
    }

    /// Writes a snapshot to this machine's disk. That it fails is told once, and is no reason not to use it.
    pub(super) async fn copy(&self, snapshot: &Snapshot) {
        let Some(copy) = &self.inner.copy else { return };
        let has_it = |copied: &Option<i64>| *copied == Some(snapshot.version);
        if has_it(&self.inner.copied.lock().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let written = match copy.migrate("registry", MIGRATIONS).await {
            Ok(()) => write(copy, snapshot).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            tracing::warn!(%error, "the registry of keys is not copied to this machine: a start while its database is \
                                    gone will not know them");
        }
        // Tried again with the next change.
        *self.inner.copied.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot.version);
    }
}

async fn write(copy: &Store, snapshot: &Snapshot) -> Result<(), StoreError> {
    let clear =
        ["DELETE FROM keys", "DELETE FROM admin_tokens", "DELETE FROM revocations", "DELETE FROM budget_overrides"];
    let mut statements: Vec<Statement> = clear.into_iter().map(|sql| Statement::new(sql, Vec::new())).collect();
    statements.extend(snapshot.keys.iter().map(StoredKey::insert));
    statements.extend(snapshot.tokens.iter().map(StoredToken::insert));
    statements
        .extend(snapshot.revocations.iter().map(|one| super::Revocation::insert(one.of, &one.name, &one.revoked)));
    statements.extend(snapshot.overrides.iter().map(super::BudgetOverride::insert));
    let version = "UPDATE registry_state SET version = $1 WHERE id = $2";
    statements.push(Statement::one(version, vec![snapshot.version.into(), 1.into()]));
    copy.transact(statements).await.map(drop)
}
