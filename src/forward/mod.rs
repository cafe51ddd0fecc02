//! Gets an answer from one of the decision's endpoints.

mod endpoint;

pub use endpoint::{Endpoint, HttpVersion, Retries, TimeLimits};
