//! What `[conversations]` says of the sessions themselves.

use std::time::Duration;

/// How standings are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whether conversations keep their place at all.
    pub stay: bool,
    /// How long a provider keeps a prompt where the client does not say.
    pub cache_life: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { stay: true, cache_life: Duration::from_secs(300) }
    }
}
