//! Sockets, up to a parsed request head.

use std::net::SocketAddr;
use std::time::Duration;

/// How the doors are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where tools send requests.
    pub data: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
    /// Connections served at once on the data port; one more waits in the kernel's queue.
    pub max_connections: usize,
    /// From the first byte of a request's head to its last.
    pub head_timeout: Duration,
    /// How long a connection may stay without a request.
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
