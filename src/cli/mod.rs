//! The commands: each parses its arguments, calls a room and prints.

pub mod assess;
