//! What did an answer use, and how did it end?
//!
//! A streamed answer passes through a [`Metered`] body: events go on as they came, their usage is read, and the last
//! one is held back until the request's entry is in the ledger, so that no caller has a whole answer of which there is
//! no record. The meter does not know what is recorded: it is handed a closure that does it.

mod stream;

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use crate::dialect::sse::Frame;
use crate::domain::{Mark, Pico, Usage, Verdict};

pub use stream::{Metered, Watch};

/// How much of an answer's text is kept for counting where the provider sends no usage.
pub const MAX_COUNTED_BYTES: usize = 256 << 10;

/// What an answer used, as far as it came.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// What the provider counted.
    pub usage: Option<Usage>,
    /// What it cost by the provider's own word.
    pub cost: Option<Pico>,
    /// The service tier that it named.
    pub service_tier: Option<String>,
    /// What the model wrote, up to [`MAX_COUNTED_BYTES`]; empty once the provider's usage is known.
    pub text: String,
    /// How much the model wrote beyond that, in bytes.
    pub uncounted_bytes: u64,
    /// Bytes that went to the caller.
    pub bytes: u64,
    /// When the first content came.
    pub first_content: Option<Instant>,
    /// What later requests may go on from, and only this endpoint holds or can read.
    pub marks: Vec<Mark>,
}

/// How an answer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// Whole.
    Complete,
    /// The upstream broke off, or failed in the middle.
    Cut,
    /// A time limit passed.
    TimedOut,
    /// The process is ending.
    Stopped,
    /// The caller hung up.
    ClientGone,
}

/// An answer broke off in the middle, and nothing in its format could say so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BrokenOff;

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for BrokenOff {}

/// An answer's end.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it came.
    pub how: How,
    /// What it used.
    pub tally: Tally,
    /// What its verification found on the way; `None`: nothing, or it was over before.
    pub verdict: Option<Verdict>,
}

/// Hears what an answer says on its way to the caller.
pub trait Hear: Send {
    /// Whether an event, and with it what was held back before, may go on.
    fn lets_pass(&mut self, event: &Frame) -> bool;

    /// The answer is whole.
    fn end(&mut self);

    /// What was found.
    fn verdict(&self) -> Option<Verdict>;
}

/// Records an answer's end, at once; the future is ready when the last bytes may go, and may be dropped.
pub type Finish = Box<dyn FnOnce(Ended) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;
