//! The body of a request, read once and under limits.

use std::time::Duration;

/// What a body may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of a body, as it comes and again after it is decoded.
    pub max_body_bytes: usize,
    /// How many times larger than its coded form a decoded body may be (beyond the first mebibyte).
    pub max_ratio: u32,
    /// Levels of arrays and objects inside each other.
    pub max_depth: u32,
    /// The longest pause between two pieces of a body.
    pub stall_timeout: Duration,
    /// From the head to the last byte of the body.
    pub total_timeout: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_body_bytes: 32 << 20,
            max_ratio: 200,
            max_depth: 128,
            stall_timeout: Duration::from_secs(15),
            total_timeout: Duration::from_secs(120),
        }
    }
}
