//! What a proxy adds to a call: Weighbridge with everything on, beside HAProxy and nginx as plain reverse proxies.
//!
//! `cargo bench --bench overhead -- --help`
//!
//! How it measures. The proxy under test has core 0 to itself; load and upstream share core 1, in one thread that never
//! sleeps, so that a request leaves when it is meant to. The targets take turns, round after round, and a ratio compares
//! two figures of the same round: on a shared machine a quiet minute would otherwise look like a fast proxy.
//!
//! - Latency is open loop: requests leave on a schedule, whether or not earlier ones were answered, and the clock starts
//!   when a request was meant to leave. What a proxy *adds* is its quantile less that of the direct calls of its round.
//! - Throughput and CPU are closed loop: so many connections, each asking again at once. CPU is utime + stime of all the
//!   proxy's processes; it is told at the open loop's rate too, where there is less to do at once.
//! - Memory is the growth of resident memory of a newly started proxy while streams are open in which nothing happens.

mod load;
mod measure;
mod options;
mod process;
mod prompt;
mod report;
mod stub;
mod target;
mod wire;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use crate::options::Options;

/// Why a measurement could not be made.
type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let options = Options::parse();
    if let Err(error) = process::pin_self_to(options.load_core) {
        eprintln!("{error}");
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(LocalSet::new().run_until(run(options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("overhead: {error}");
            ExitCode::from(2)
        }
    }
}

/// Measures and reports; being told to stop ends it early, and whatever was started is stopped on the way out.
async fn run(options: Options) -> Result<(), Error> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let results = tokio::select! {
        biased;
        _ = interrupt.recv() => return Err("interrupted".into()),
        _ = terminate.recv() => return Err("terminated".into()),
        results = measure::all(&options) => results?,
    };
    writeln!(io::stdout().lock(), "{}", report::markdown(&results, &options))?;
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report::json(&results, &options))?)?;
    }
    Ok(())
}
