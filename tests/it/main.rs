//! The tests that see Weighbridge from the outside: sockets on port 0, a scripted upstream, one binary.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on panics, and says why")]

mod config;
mod faults;
mod floors;
mod life;
mod local_models;
mod refusals;
mod sdk;
mod support;
mod upstream_protocols;
mod way;
