//! What many replicas share, on a Redis or Valkey server: shares of budgets and slots, rates, revocations, and who holds
//! what. The server keeps counters only; each can be thrown away and is told again by the replicas (decision 017).
//!
//! A replica decides from the share that it holds, so most requests need no round trip. One task, the clerk, speaks for
//! all requests of a replica at a time, in absolute figures: a word that is repeated, or whose answer was lost, counts
//! once.

mod account;
mod amount;
mod book;
mod clerk;
mod leases;
mod link;
mod paces;
mod recalled;
mod replica;
mod revoked;
mod settings;
mod standings;
mod word;

pub use amount::MOST_USD;
pub use leases::{Claim, Held, Leases, Refused, View, Window};
pub use link::Gone;
pub use paces::{Full, Pace, Paces};
pub use recalled::{Recalled, Told};
pub use replica::{Replica, ReplicaError};
pub use revoked::Revocations;
pub use settings::{Settings, SettingsError, Stance};
pub use standings::Standings;

use std::sync::Arc;
use std::time::Duration;

use crate::observe::SharedMetrics;
use link::Link;

/// All that replicas share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Shares of budgets and of slots.
    pub leases: Leases,
    /// Rates.
    pub paces: Paces,
    /// What was revoked, here and elsewhere.
    pub revocations: Revocations,
    /// Who holds what later requests go on from.
    pub recalled: Recalled,
    /// Where conversations stand.
    pub standings: Standings,
    link: Arc<Link>,
}

/// How the names of budgets' windows begin …
const BUDGET: &str = "b:";

/// … and those of places.
const PLACES: &str = "c:";

/// How often a replica tells what it spent, looks whether it holds too much and what was revoked.
const BEAT: Duration = Duration::from_millis(500);

/// For how long nothing is granted after the server was away: each replica tells again twice in that time.
const GRACE: Duration = Duration::from_millis(1000);

/// Nobody having said anything for so long means that the server was away.
const GAP: Duration = Duration::from_millis(2000);

impl Shared {
    /// Makes everything ready. No connection is made yet: first what the ledger remembers is told to
    /// [`Leases::restore`].
    ///
    /// # Errors
    /// If the address is none, or the replica's name cannot be kept.
    pub fn new(settings: &Settings, metrics: SharedMetrics) -> Result<Self, SharedError> {
        let replica = Replica::wake(&settings.replica)?;
        let link = Arc::new(Link::new(settings, metrics)?);
        let recalled = Recalled::new(settings, &replica.name, Arc::clone(&link));
        Ok(Self {
            leases: Leases::new(settings, replica, Arc::clone(&link)),
            paces: Paces::new(settings, Arc::clone(&link)),
            revocations: Revocations::new(settings, Arc::clone(&link)),
            recalled,
            standings: Standings::new(settings, Arc::clone(&link)),
            link,
        })
    }

    /// Connects, and keeps telling and listening. Returns once the server grants something, or will not soon.
    pub async fn begin(&self) {
        link::keep_connected(Arc::clone(&self.link));
        clerk::begin(self.leases.clone(), self.revocations.clone());
        self.paces.begin();
        self.recalled.begin();
        self.standings.begin();
        // A server that is new grants nothing before its grace is over. One that cannot be reached is not waited for.
        let patience = GRACE + Duration::from_secs(1);
        let ready = async {
            while !self.leases.is_granting() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(patience, ready).await.is_err() {
            tracing::warn!("the shared server grants nothing yet; requests are served as [shared] stance says");
        }
    }

    /// What happens while the server is gone.
    pub fn stance(&self) -> Stance {
        self.leases.inner.stance
    }

    /// Whether the server answers.
    pub fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// Tells what was spent and gives everything back that is held no more, at the end of the process.
    pub async fn end(&self) {
        self.leases.end().await;
    }
}

/// Why nothing can be shared.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// The address.
    #[error("`shared.url` is no address of a Redis server: {0}")]
    Address(String),
    /// The name.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}
