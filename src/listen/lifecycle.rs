//! The process's phases: it runs, it drains, it stops.

use tokio::sync::watch;

/// How far the process is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Taking requests.
    Running,
    /// Taking no new ones; answers under way may finish.
    Draining,
    /// Answers under way are ended now.
    Stopping,
}

/// Tells everybody how far the process is.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    sender: watch::Sender<Phase>,
    receiver: watch::Receiver<Phase>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        let (sender, receiver) = watch::channel(Phase::Running);
        Self { sender, receiver }
    }
}

impl Lifecycle {
    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.receiver.borrow()
    }

    /// Goes on to a later phase; never back.
    pub fn advance(&self, phase: Phase) {
        self.sender.send_if_modified(|now| {
            let is_later = phase > *now;
            if is_later {
                *now = phase;
            }
            is_later
        });
    }

    /// Ready when this phase, or a later one, has come.
    pub async fn reached(&mut self, phase: Phase) {
        // An error means that the sender is gone, which this value itself holds.
        let _ = self.receiver.wait_for(|now| *now >= phase).await;
    }
}
