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
use crate::registry::{Registry, Snapshot};
use crate::store::{Place, Store, StoreError};

/// How long the start waits for a database that may be gone: a proxy with keys in its file can serve without it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The file beside the ledger that has a copy of what is in the database.
const COPY: &str = "registry-copy.db";

/// Between two tries to write a line that could not be written.
const BETWEEN_TRIES: Duration = Duration::from_secs(2);

/// The registry, read once. A file beside the ledger must be readable, as the ledger must; a database may come later, and
/// until then its copy on this machine counts.
pub(super) async fn registry(config: &Config) -> Result<Registry, AppError> {
    let store = Store::open(config.store()?).await?;
    let registry = if store.is_shared() {
        let copy = Store::open(Place::File(config.ledger.path.with_file_name(COPY))).await?;
        Registry::with_copy(store, Some(copy))
    } else {
        Registry::new(store)
    };
    let read = tokio::time::timeout(PATIENCE, registry.refresh()).await;
    match read.unwrap_or_else(|_| Err(StoreError::Unreachable("it does not answer".to_owned()))) {
        Ok(_) => {}
        Err(error) if !registry.store().is_shared() => return Err(error.into()),
        Err(error) => match registry.recall().await {
            Ok(()) => tracing::warn!(%error, "the registry of keys cannot be read: its copy on this machine counts"),
            Err(copy) => {
                tracing::warn!(%error, %copy, "the registry of keys cannot be read: only keys of routes.toml count");
            }
        },
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
        let bringer = revoked::Bringer::new(proxy, registry);
        let revoked = proxy.books.shared.as_ref().map(|shared| revoked::listen(&bringer, shared));
        bringer.bring();
        let (tell, told) = unbounded_channel();
        let rules = Rules { registry: registry.clone(), tell };
        rules.are(&proxy.config.snapshot().version);
        Self {
            following: tokio::spawn(registry.clone().follow(move |_: &Snapshot| bringer.bring())),
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
