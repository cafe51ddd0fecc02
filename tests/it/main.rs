//! The tests that see Weighbridge from the outside: sockets on port 0, a scripted upstream, one binary.

mod config;
mod faults;
mod floors;
mod local_models;
mod life;
mod refusals;
mod sdk;
mod support;
mod way;
