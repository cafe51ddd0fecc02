//! `weighbridge alerts`: which alerts fire, and which have.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;

use crate::value::alerts::register::{Alert, Register};

/// What `alerts` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The configuration, which names the ledger.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
}

/// Prints the alerts. One that fires is something that needs attention.
pub fn run(args: &Args) -> ExitCode {
    let config = match super::check::load(&args.config) {
        Ok(config) => config,
        Err(problems) => return super::cannot_run(&problems),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return super::cannot_run(&format!("error: {error}")),
    };
    let alerts = runtime.block_on(async {
        let book = super::store::book(&config).await?;
        Register::new(book).alerts().await.map_err(|error| error.to_string())
    });
    let alerts = match alerts {
        Ok(alerts) => alerts,
        Err(error) => return super::cannot_run(&format!("error: {error}")),
    };
    let printed = if args.json { super::print_json(&alerts) } else { print(&alerts) };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => super::FAILED.into(),
        _ if alerts.iter().any(|alert| alert.firing) => super::FOUND.into(),
        _ => super::OK.into(),
    }
}

fn print(alerts: &[Alert]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if alerts.is_empty() {
        return writeln!(out, "No alert has fired.");
    }
    let moment = |millis| Timestamp::from_millisecond(millis).map(|at| at.to_string()).unwrap_or_default();
    for alert in alerts {
        let state = match alert.cleared_millis {
            Some(cleared) if !alert.firing => format!("over since {}", moment(cleared)),
            _ => format!("FIRES since {}", moment(alert.since_millis)),
        };
        writeln!(out, "{}  {}  {state}\n  {}", alert.name, alert.subject, alert.summary)?;
    }
    Ok(())
}
