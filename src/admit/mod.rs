//! Admission decides whether a caller may ask now.

mod auth;

pub use auth::{Digest, Key, Keys};
