//! Keeps the last snapshot fresh, and tells those who hold something made from it.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{Registry, Snapshot, snapshot};
use crate::store::StoreError;

/// How often the store is asked whether something has changed: one row's number. A revoked key must be refused within a
/// second everywhere, so this leaves time for a slow answer.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long one look at the store may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);

impl Registry {
    /// Looks for changes for as long as it is polled, and tells each snapshot that it had not told yet. While the store
    /// cannot be read the last snapshot stays; that is told once when it begins and once when it ends.
    pub async fn follow(self, mut tell: impl FnMut(&Snapshot)) {
        let mut told: Option<i64> = None;
        let mut is_failing = false;
        loop {
            let looked = tokio::time::timeout(PATIENCE, self.look(told)).await;
            match looked.unwrap_or_else(|_| Err(StoreError::Unreachable("it does not answer".to_owned()))) {
                Ok(snapshot) => {
                    if std::mem::take(&mut is_failing) {
                        tracing::info!("the registry of keys can be read again");
                    }
                    if let Some(snapshot) = snapshot {
                        told = Some(snapshot.version);
                        tell(&snapshot);
                    }
                }
                Err(error) if !std::mem::replace(&mut is_failing, true) => {
                    tracing::warn!(%error, "the registry of keys cannot be read: what was last known of them counts");
                }
                Err(_) => {}
            }
            let changed = self.inner.changed.notified();
            let _ = tokio::time::timeout(LOOK_EVERY, changed).await;
        }
    }

    /// The snapshot, unless it is the one that was told.
    async fn look(&self, told: Option<i64>) -> Result<Option<Arc<Snapshot>>, StoreError> {
        self.is_ready().await?;
        let version = snapshot::version(&self.inner.store).await?;
        if told == Some(version) {
            self.is_fresh();
            return Ok(None);
        }
        self.refresh().await.map(Some)
    }

    pub(super) fn is_fresh(&self) {
        *self.inner.fresh.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How long ago the store was last found to be as the snapshot says.
    pub fn staleness(&self) -> Duration {
        self.inner.fresh.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}
