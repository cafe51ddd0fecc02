//! Sockets, up to a parsed request head.
//!
//! Connections are limited in number and in the time they may take to say something, so that silent peers cost a file
//! descriptor for a while and nothing else. HTTP/1.1 and HTTP/2 (with prior knowledge) are told apart by their first
//! bytes. Ending is orderly: no new connections, answers under way may finish, then a limit.

mod connection;
mod lifecycle;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

pub use connection::{Answering, guarded};
pub use lifecycle::{Lifecycle, Phase};

/// How the doors are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where tools send requests.
    pub data: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
    /// Connections served at once on the data port; one more waits in the kernel's queue.
    pub max_connections: usize,
    /// From a new connection to the end of its first request's head.
    pub head_timeout: Duration,
    /// How long a connection may stay without a request, or take nothing of its answer.
    pub idle_timeout: Duration,
    /// After being told to end: how long answers may still run.
    pub drain_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: SocketAddr::from(([127, 0, 0, 1], 8787)),
            admin: SocketAddr::from(([127, 0, 0, 1], 8788)),
            max_connections: 8192,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(120),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Counts one connection for as long as it lives, a panic's end included.
struct Open(Arc<AtomicU64>);

impl Open {
    fn new(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A listening socket and those who are connected to it.
pub struct Door {
    listener: TcpListener,
    settings: Settings,
    places: Arc<Semaphore>,
    open: Arc<AtomicU64>,
}

impl Door {
    /// Serves connections of this listener under these settings.
    pub fn new(listener: TcpListener, settings: Settings) -> Self {
        let places = Arc::new(Semaphore::new(settings.max_connections));
        Self { listener, settings, places, open: Arc::default() }
    }

    /// Counts open connections.
    pub fn open_connections(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.open)
    }

    /// Accepts connections and answers their requests until the process drains; returns when the last connection has
    /// ended or the drain's time limit has stopped it.
    pub async fn serve(self, service: impl Answering, lifecycle: Lifecycle) {
        let mut draining = lifecycle.clone();
        let tasks = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                () = draining.reached(Phase::Draining) => break,
            };
            let Some((stream, place)) = accepted else { continue };
            let (settings, of_connection) = (self.settings.clone(), tasks.clone());
            let (service, lifecycle, open) = (service.clone(), lifecycle.clone(), Open::new(&self.open));
            tasks.spawn(async move {
                connection::serve(stream, &settings, service, lifecycle, of_connection).await;
                drop((open, place));
            });
        }
        drop(self.listener);
        tasks.close();
        tasks.wait().await;
    }

    /// The next connection, once there is a place for it. `None` after a failure that may pass, such as having no file
    /// descriptors left: accepting is tried again after a moment instead of in a tight loop.
    async fn accept(&self) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        // The semaphore is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, _)) => {
                // Small writes (events of a stream) must not wait for acknowledgements.
                let _ = stream.set_nodelay(true);
                Some((stream, place))
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                None
            }
        }
    }
}
