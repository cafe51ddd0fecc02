//! The tests that see Weighbridge from the outside: sockets on port 0, a scripted upstream, one binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use weighbridge::domain; // where the entries of the ledger's own tests look for it

mod assessments;
mod backtest;
mod budgets;
mod config;
mod connect;
mod conversations;
mod dialects;
mod difficulty;
mod doors;
mod experiments;
mod faults;
mod floors;
mod jwt;
mod keys;
mod ledger_growth;
mod ledger_postgres;
mod life;
mod limits;
mod local_models;
mod prices;
mod recorded;
mod recorded_usage;
mod refusals;
mod replicas;
mod sdk;
mod sessions;
mod shared;
mod shares;
mod support;
mod upstream_protocols;
mod value;
mod verify;
mod way;
