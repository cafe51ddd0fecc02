//! What was revoked, between the registry of this replica and those of the others: told to them at once, and refused here
//! though the registry does not say so.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::task::AbortOnDropHandle;

use super::issued;
use crate::domain::KeyName;
use crate::proxy::Proxy;
use crate::registry::{Registry, Snapshot, Subject};
use crate::shared::{Revocations, Shared};

/// How the names of keys begin among what was revoked. Tokens of the admin port are of one replica's store, or in a
/// database that all replicas look into.
const KEY: &str = "key:";

/// Brings what the registry knows to where callers are admitted. Several call it, one at a time: an older picture must not
/// take the place of a newer one.
pub(super) struct Bringer {
    proxy: Arc<Proxy>,
    registry: Registry,
    one: Mutex<()>,
}

impl Bringer {
    pub(super) fn new(proxy: &Arc<Proxy>, registry: &Registry) -> Arc<Self> {
        Arc::new(Self { proxy: Arc::clone(proxy), registry: registry.clone(), one: Mutex::default() })
    }

    /// Brings the newest snapshot, whichever the caller has heard of.
    pub(super) fn bring(&self) {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = self.registry.snapshot() {
            bring(&self.proxy, &snapshot);
            self.proxy.books.budgets.set_overrides(issued::made_later(&snapshot));
        }
    }
}

/// Brings a snapshot of the registry to where callers are admitted, and what was revoked in it to other replicas.
fn bring(proxy: &Proxy, snapshot: &Snapshot) {
    let shared = proxy.books.shared.as_ref().map(|shared| &shared.revocations);
    if let Some(revocations) = shared {
        revocations.keep(names(snapshot));
    }
    let elsewhere = shared.map(elsewhere).unwrap_or_default();
    proxy.issued.store(Some(Arc::new(issued::issued(snapshot, &elsewhere))));
}

/// What a snapshot says is revoked.
fn names(snapshot: &Snapshot) -> BTreeSet<String> {
    let issued = snapshot.keys.iter().filter(|key| key.revoked.is_some()).map(|key| &key.name);
    let of_file = snapshot.revocations.iter().filter(|revocation| revocation.of == Subject::Key);
    issued.chain(of_file.map(|revocation| &revocation.name)).map(|name| format!("{KEY}{name}")).collect()
}

/// Keys that any replica revoked.
fn elsewhere(revocations: &Revocations) -> HashSet<KeyName> {
    let known = revocations.subscribe().borrow().clone();
    known.iter().filter_map(|name| KeyName::parse(name.strip_prefix(KEY)?).ok()).collect()
}

/// Refuses here what others revoke, from the moment that they say so.
pub(super) fn listen(bringer: &Arc<Bringer>, shared: &Shared) -> AbortOnDropHandle<()> {
    let bringer = Arc::clone(bringer);
    let mut revoked = shared.revocations.subscribe();
    AbortOnDropHandle::new(tokio::spawn(async move {
        while revoked.changed().await.is_ok() {
            bringer.bring();
        }
    }))
}
