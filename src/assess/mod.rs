//! What is known of a prompt before it is sent.
#[cfg(test)]
mod sample;
pub mod tokens;
