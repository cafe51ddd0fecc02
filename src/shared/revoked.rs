//! Keys that were revoked on any replica: known to every other within a beat, and without any database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::link::{Gone, Link};
use super::settings::Settings;

/// What is said when something was revoked.
pub(super) const REVOKED: &str = "revoked";

/// What was revoked, on this replica and on others. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct Revocations {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    link: Arc<Link>,
    names: String,
    life: String,
    known: watch::Sender<Arc<BTreeSet<String>>>,
    /// Which version of the server's list is known.
    seen: AtomicU64,
}

impl Revocations {
    pub(super) fn new(settings: &Settings, link: Arc<Link>) -> Self {
        let inner = Inner {
            link,
            names: settings.name(REVOKED),
            life: settings.name("life"),
            known: watch::Sender::default(),
            seen: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// What was revoked so far, and a sign whenever that grows.
    pub fn subscribe(&self) -> watch::Receiver<Arc<BTreeSet<String>>> {
        self.inner.known.subscribe()
    }

    /// Whether this was revoked, as far as is known.
    pub fn has(&self, what: &str) -> bool {
        self.inner.known.borrow().contains(what)
    }

    /// Revokes something on every replica. Here it counts at once; while the server is gone the others learn of it when
    /// it is back.
    ///
    /// # Errors
    /// If the others could not be told yet. They will be.
    pub async fn revoke(&self, what: &str) -> Result<(), Gone> {
        self.learn([what.to_owned()].into());
        let told = self.tell(&[what.to_owned()]).await;
        if told.is_err() {
            // So that the next look finds it missing.
            self.inner.seen.store(u64::MAX, Ordering::Relaxed);
        }
        told
    }

    /// Takes note of what was revoked here; the others are told at once, or when the server is back.
    pub fn keep(&self, what: BTreeSet<String>) {
        if what.is_subset(&self.inner.known.borrow()) {
            return;
        }
        self.learn(what);
        self.inner.seen.store(u64::MAX, Ordering::Relaxed);
        let this = self.clone();
        tokio::spawn(async move { this.look_now().await });
    }

    async fn tell(&self, what: &[String]) -> Result<(), Gone> {
        let mut commands = redis::pipe();
        // One after the other and not as a transaction: news for this very connection would come in the midst of its answer.
        commands.cmd("SADD").arg(&self.inner.names).arg(what);
        commands.cmd("HINCRBY").arg(&self.inner.life).arg("revoked").arg(1);
        commands.cmd("PUBLISH").arg(self.inner.link.channel()).arg(REVOKED);
        self.inner.link.query::<(i64, i64, i64)>("revoke", &commands).await.map(|_| ())
    }

    fn learn(&self, more: BTreeSet<String>) {
        self.inner.known.send_if_modified(|known| {
            if more.is_subset(known) {
                return false;
            }
            let mut all = BTreeSet::clone(known);
            all.extend(more);
            *known = Arc::new(all);
            true
        });
    }

    /// Looks at the server's list, if it is another than the one that is known.
    pub(super) async fn look(&self, version: u64) {
        if version != self.inner.seen.load(Ordering::Relaxed) {
            self.look_now().await;
        }
    }

    /// Looks at the server's list. A server that forgot some of it is told again.
    pub(super) async fn look_now(&self) {
        let mut commands = redis::pipe();
        commands.cmd("HGET").arg(&self.inner.life).arg("revoked").cmd("SMEMBERS").arg(&self.inner.names);
        let answer = self.inner.link.query::<(Option<u64>, BTreeSet<String>)>("read", &commands).await;
        let Ok((version, listed)) = answer else { return };
        let missing: Vec<String> = self.inner.known.borrow().difference(&listed).cloned().collect();
        self.learn(listed);
        if missing.is_empty() {
            self.inner.seen.store(version.unwrap_or(0), Ordering::Relaxed);
        } else if self.tell(&missing).await.is_err() {
            self.inner.seen.store(u64::MAX, Ordering::Relaxed);
        }
    }
}
