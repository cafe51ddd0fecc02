//! Where conversations stand, told by the replica that saw the answer and asked by those that did not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::link::{Gone, Link};
use super::settings::Settings;
use crate::domain::{Mark, Standing};

/// Standings that may wait to be told. Those beyond are not shared, and the next request of such a conversation is decided
/// anew where it was not answered.
const MOST_WAITING: usize = 4096;

/// Standings told in one round trip.
const TOGETHER: usize = 256;

/// For how long other replicas know it: conversations that pause for longer are cold everywhere.
const KEEP: Duration = Duration::from_secs(24 * 3600);

/// A conversation, and where it stands.
type News = (Mark, Arc<Standing>);

/// Where conversations stand, as all replicas know. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct Standings {
    link: Arc<Link>,
    start: String,
    tell: mpsc::Sender<News>,
    /// Taken by the task that tells.
    told: Arc<Mutex<Option<mpsc::Receiver<News>>>>,
}

impl Standings {
    pub(super) fn new(settings: &Settings, link: Arc<Link>) -> Self {
        let (tell, told) = mpsc::channel(MOST_WAITING);
        Self { link, start: settings.name("s:"), tell, told: Arc::new(Mutex::new(Some(told))) }
    }

    fn name(&self, mark: Mark) -> String {
        format!("{}{:016x}", self.start, mark.as_u64())
    }

    /// Tells the others, by and by.
    pub fn tell(&self, mark: Mark, standing: &Arc<Standing>) {
        // Rather forgotten than waited for.
        let _ = self.tell.try_send((mark, Arc::clone(standing)));
    }

    /// Where a conversation stands, as another replica told.
    ///
    /// # Errors
    /// If the server is gone.
    pub async fn ask(&self, mark: Mark) -> Result<Option<Standing>, Gone> {
        let mut commands = redis::pipe();
        commands.cmd("GET").arg(self.name(mark));
        let (found,): (Option<String>,) = self.link.query("standing", &commands).await?;
        // What another version wrote and this one cannot read is not known.
        Ok(found.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub(super) fn begin(&self) {
        let Some(mut told) = self.told.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let this = self.clone();
        tokio::spawn(async move {
            let mut together = Vec::with_capacity(TOGETHER);
            while told.recv_many(&mut together, TOGETHER).await > 0 {
                let mut commands = redis::pipe();
                for (mark, standing) in together.drain(..) {
                    let Ok(text) = serde_json::to_string(&*standing) else { continue };
                    commands.cmd("SET").arg(this.name(mark)).arg(text);
                    commands.arg("PX").arg(KEEP.as_millis() as u64).ignore();
                }
                // What cannot be told is not shared; this replica knows it all the same.
                let _ = this.link.query::<()>("stands", &commands).await;
            }
        });
    }
}
