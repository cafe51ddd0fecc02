//! What people change while the proxy runs, brought to where requests are answered; and what the file changes, brought
//! to the audit log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use super::{AppError, revoked};
use crate::config::Config;
use crate::domain::RulesVersion;
use crate::proxy::Proxy;
use crate::registry::Registry;
use crate::store::Store;

/// How long the start waits for a database that may be gone: a proxy with keys in its file can serve without it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two tries to write a line that could not be written.
const BETWEEN_TRIES: Duration = Duration::from_secs(2);

/// The registry, read once. A file beside the ledger must be readable, as the ledger must; a database may come later.
pub(super) async fn registry(config: &Config) -> Result<Registry, AppError> {
    let store = Store::open(config.store()?).await?;
    let registry = Registry::new(store);
    match tokio::time::timeout(PATIENCE, registry.refresh()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) if !registry.store().is_shared() => return Err(error.into()),
        // Whoever follows says why.
        Ok(Err(_)) | Err(_) => {}
    }
    match objections(&registry, config).into_iter().next() {
        Some(objection) => Err(AppError::Names(objection)),
        None => Ok(registry),
    }
}

/// What of this configuration contradicts what was made at run time.
fn objections(registry: &Registry, config: &Config) -> Vec<String> {
    let Some(snapshot) = registry.snapshot() else { return Vec::new() };
    let known = config.known();
    let taken = |kind: &str, name: &dyn std::fmt::Display| {
        format!("routes.toml has a {kind} `{name}`, and one of that name was made at run time: choose another name")
    };
    let keys = known.file_keys.iter().filter(|name| snapshot.key(name).is_some());
    let keys = keys.map(|name| taken("key", name));
    let tokens = known.file_tokens.iter().filter(|name| snapshot.token(name).is_some());
    keys.chain(tokens.map(|name| taken("token", name))).collect()
}

/// The tasks that bring changes to and fro.
pub(super) struct People {
    following: JoinHandle<()>,
    noting: JoinHandle<()>,
    /// Listens to what other replicas revoke.
    _revoked: Option<AbortOnDropHandle<()>>,
    /// Where to say which rules are in use.
    pub(super) rules: Rules,
}

impl People {
    /// Brings what is known already to the proxy, and from now on every change.
    pub(super) fn begin(proxy: &Arc<Proxy>, registry: &Registry) -> Self {
        let store = {
            let proxy = Arc::clone(proxy);
            move |snapshot: &crate::registry::Snapshot| revoked::bring(&proxy, snapshot)
        };
        let revoked = proxy.books.shared.as_ref().map(|shared| revoked::listen(proxy, registry, shared));
        if let Some(snapshot) = registry.snapshot() {
            store(&snapshot);
        }
        let (tell, told) = unbounded_channel();
        let rules = Rules { registry: registry.clone(), tell };
        rules.are(&proxy.config.snapshot().version);
        Self {
            following: tokio::spawn(registry.clone().follow(store)),
            noting: tokio::spawn(note(registry.clone(), told)),
            _revoked: revoked,
            rules,
        }
    }

    /// Ends the tasks.
    pub(super) fn end(&self) {
        self.following.abort();
        self.noting.abort();
    }
}

/// Whoever reloads says here which rules are in use.
#[derive(Clone)]
pub(super) struct Rules {
    registry: Registry,
    tell: UnboundedSender<RulesVersion>,
}

impl Rules {
    /// What of this configuration contradicts what was made at run time.
    pub(super) fn objections(&self, config: &Config) -> Vec<String> {
        objections(&self.registry, config)
    }

    /// These are in use now, which the audit log is to say.
    pub(super) fn are(&self, version: &RulesVersion) {
        // It fails only while the process ends.
        let _ = self.tell.send(version.clone());
    }
}

/// Notes which rules are in use, in order, however long the store is gone.
async fn note(registry: Registry, mut told: UnboundedReceiver<RulesVersion>) {
    while let Some(version) = told.recv().await {
        let mut is_failing = false;
        while let Err(error) = registry.rules_are(&version.to_string()).await {
            if !std::mem::replace(&mut is_failing, true) {
                tracing::warn!(%error, %version, "the audit log does not yet say which rules are in use");
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }
}
