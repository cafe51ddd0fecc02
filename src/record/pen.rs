//! Whose turn it is to write to the file.
//!
//! SQLite lets one connection write at a time and has the others ask again and again, with pauses that grow. In one
//! process they wait for each other here instead, and whoever waits goes on the moment that the pen is laid down.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The pen: whoever writes to the file holds it, briefly.
#[derive(Clone, Debug, Default)]
pub struct Pen(Arc<Mutex<()>>);

impl Pen {
    /// Waits for it.
    pub fn take(&self) -> MutexGuard<'_, ()> {
        // A transaction that a panic ended was rolled back with its connection.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
