//! What can be chosen on the command line.

use std::path::PathBuf;

use clap::Parser;

use crate::target::Kind;

/// Measures what a proxy adds to a call.
#[derive(Parser, Clone, Debug)]
#[command(about = "What a proxy adds to a call: Weighbridge with everything on, beside HAProxy and nginx")]
pub struct Options {
    /// Whom to measure; direct calls are always made, since they are what the others are compared with
    #[arg(long, value_delimiter = ',', default_value = "haproxy,nginx,weighbridge")]
    pub targets: Vec<Kind>,
    /// How often each target has its turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Open loop: requests a second
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub rate: u32,
    /// How long each of the three loads of a turn lasts, in seconds
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Closed loop: connections
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub connections: u32,
    /// Streams held open and idle to measure memory; 0 leaves that out
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(0..=5_000))]
    pub streams: u32,
    /// Tokens of each prompt
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub tokens: u32,
    /// The core for the proxy under test
    #[arg(long, default_value_t = 0)]
    pub proxy_core: u32,
    /// The core for load and upstream
    #[arg(long, default_value_t = 1)]
    pub load_core: u32,
    /// Weighbridge's binary; the default is the one that `cargo bench` builds beside this program
    #[arg(long, default_value = env!("CARGO_BIN_EXE_weighbridge"))]
    pub weighbridge: PathBuf,
    /// Writes every figure of every round to this file, too
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Given by `cargo bench`; means nothing
    #[arg(long, hide = true)]
    pub bench: bool,
}
