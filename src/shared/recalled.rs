//! Who holds what later requests go on from, told by the replica that saw the answer and asked by those that did not.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use redis::Script;
use tokio::sync::mpsc;

use super::link::{Gone, Link};
use super::settings::Settings;
use crate::domain::{EndpointName, KeyName, Mark};

/// Marks that may wait to be told. Those beyond are not shared, and a request that goes on from them finds its holder
/// only where it was answered.
const MOST_WAITING: usize = 4096;

/// For how long it is known who told the usage of an answer: longer than any provider keeps one.
const CLAIMED: Duration = Duration::from_secs(45 * 24 * 3600);

static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/claim.lua")));

/// Marks told in one round trip.
const TOGETHER: usize = 256;

/// Who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The key whose caller it was given to.
    pub key: Option<KeyName>,
    /// Whether it is an answer still being made.
    pub is_open: bool,
}

/// A mark, who holds it, and for how long that is worth knowing.
type News = (Mark, Told, Duration);

/// Who holds what, as all replicas know. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct Recalled {
    link: Arc<Link>,
    start: String,
    replica: Arc<str>,
    tell: mpsc::Sender<News>,
    /// Taken by the task that tells.
    told: Arc<Mutex<Option<mpsc::Receiver<News>>>>,
}

impl Recalled {
    pub(super) fn new(settings: &Settings, replica: &str, link: Arc<Link>) -> Self {
        let (tell, told) = mpsc::channel(MOST_WAITING);
        let told = Arc::new(Mutex::new(Some(told)));
        Self { link, start: settings.name("h:"), replica: replica.into(), tell, told }
    }

    fn name(&self, mark: Mark) -> String {
        format!("{}{:016x}", self.start, mark.as_u64())
    }

    /// Tells the others, by and by; they may forget it after so long.
    pub fn tell(&self, marks: &[Mark], told: &Told, keep: Duration) {
        for mark in marks {
            // Rather forgotten than waited for.
            let _ = self.tell.try_send((*mark, told.clone(), keep));
        }
    }

    /// Who holds this, as another replica told.
    ///
    /// # Errors
    /// If the server is gone.
    pub async fn ask(&self, marks: &[Mark]) -> Result<Vec<Option<Told>>, Gone> {
        let mut commands = redis::pipe();
        for mark in marks {
            commands.cmd("GET").arg(self.name(*mark));
        }
        let found: Vec<Option<String>> = self.link.query("recall", &commands).await?;
        Ok(found.into_iter().map(|text| read(&text?)).collect())
    }

    /// Whether this replica tells the usage of an answer that was made in the background, which it has in hand; from now
    /// on no other does.
    ///
    /// # Errors
    /// If the server is gone.
    pub async fn claim(&self, mark: Mark) -> Result<bool, Gone> {
        let mut call = CLAIM.key(self.name(mark));
        call.key(format!("{}:teller", self.name(mark))).arg(&*self.replica).arg(CLAIMED.as_millis() as u64);
        self.link.invoke::<i64>("recall", &call).await.map(|mine| mine == 1)
    }

    /// Of which of these another replica has told the usage.
    ///
    /// # Errors
    /// If the server is gone.
    pub async fn are_told_elsewhere(&self, marks: &[Mark]) -> Result<Vec<bool>, Gone> {
        let mut commands = redis::pipe();
        for mark in marks {
            commands.cmd("GET").arg(format!("{}:teller", self.name(*mark)));
        }
        let tellers: Vec<Option<String>> = self.link.query("recall", &commands).await?;
        Ok(tellers.into_iter().map(|teller| teller.is_some_and(|name| *name != *self.replica)).collect())
    }

    pub(super) fn begin(&self) {
        let Some(mut told) = self.told.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let this = self.clone();
        tokio::spawn(async move {
            let mut together = Vec::with_capacity(TOGETHER);
            while told.recv_many(&mut together, TOGETHER).await > 0 {
                let mut commands = redis::pipe();
                for (mark, told, keep) in together.drain(..) {
                    commands.cmd("SET").arg(this.name(mark)).arg(written(&told));
                    commands.arg("PX").arg(keep.as_millis().max(1) as u64).ignore();
                }
                // What cannot be told is not shared: the ledger of this replica knows it all the same.
                let _ = this.link.query::<()>("remember", &commands).await;
            }
        });
    }
}

fn written(told: &Told) -> String {
    let key = told.key.as_ref().map_or("", |key| key.as_str());
    format!("{}\t{key}\t{}", told.endpoint.as_str(), if told.is_open { "open" } else { "" })
}

fn read(text: &str) -> Option<Told> {
    let mut parts = text.split('\t');
    let endpoint = EndpointName::parse(parts.next()?).ok()?;
    let key = match parts.next()? {
        "" => None,
        key => Some(KeyName::parse(key).ok()?),
    };
    Some(Told { endpoint, key, is_open: parts.next()? == "open" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let endpoint = EndpointName::parse("mini").expect("a name");
        let told = Told { endpoint, key: KeyName::parse("ana").ok(), is_open: true };
        assert_eq!(read(&written(&told)), Some(told.clone()));
        let closed = Told { key: None, is_open: false, ..told };
        assert_eq!(read(&written(&closed)), Some(closed));
        assert_eq!(read("nonsense"), None);
    }
}
