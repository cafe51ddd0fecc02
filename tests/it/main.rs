//! The tests that see Weighbridge from the outside.

mod config;
mod running;
mod sdk;
