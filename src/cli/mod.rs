//! The commands: each parses its arguments, calls a room and prints.

pub mod alerts;
pub mod assess;
pub mod audit;
pub mod backtest;
pub mod budgets;
pub mod check;
pub mod connect;
pub mod coverage;
pub mod experiments;
pub mod explain;
pub mod feedback;
pub mod keys;
pub mod outcomes;
mod past;
pub mod prices;
mod pricing;
pub mod reconcile;
pub mod report;
pub mod reprice;
pub mod schema;
pub mod serve;
mod store;
pub mod test;
pub mod train;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};
use serde::Serialize;

/// A command did what it was asked, and found nothing wrong.
pub const OK: u8 = 0;
/// A command found something that needs attention.
pub const FOUND: u8 = 1;
/// A command could not run.
pub const FAILED: u8 = 2;

/// An LLM request routing proxy.
#[derive(Parser, Debug)]
#[command(name = "weighbridge", version, about, long_about = None)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the proxy.
    Serve(serve::Args),
    /// Check routes.toml: every problem at once, with its place and what to do.
    Check(check::Args),
    /// Point a tool at this proxy: print or write its settings, and see that traffic arrives.
    Connect(connect::Args),
    /// Explain where a request goes and why, without sending it.
    Explain(explain::Args),
    /// Run the [[tests]] of routes.toml.
    Test(test::Args),
    /// Try rules on past requests: what would go elsewhere, and what that would cost.
    Backtest(backtest::Args),
    /// Tell which rules decide anything, and whose requests no rule is about.
    Coverage(coverage::Args),
    /// Assess prompts from standard input.
    /// Assess prompts, or measure the assessments on labelled ones.
    Assess(assess::Args),
    /// Learn which prompts need the large model, from outcomes or from labels of your own.
    Train(train::Args),
    /// Print the JSON Schema of routes.toml, for editors.
    Schema(schema::Args),
    /// Report spend, savings and counts from the ledger.
    Report(report::Args),
    /// Tell what shipped, and list it.
    Outcomes(outcomes::Args),
    /// List experiments and how they stand, or end one.
    Experiments(experiments::Args),
    /// List what callers said of answers, or export it.
    Feedback(feedback::Args),
    /// List the alerts that fire, and those that have.
    Alerts(alerts::Args),
    /// Look at prices, and replace the catalogue.
    Prices(prices::Args),
    /// Say what past requests cost by today's prices.
    Reprice(reprice::Args),
    /// Compare the ledger with a provider's bill.
    Reconcile(reconcile::Args),
    /// Make keys for callers.
    /// Make, list, rotate and revoke keys for callers and tokens for the admin port.
    Keys(keys::Args),
    /// Print the audit log: who changed keys, tokens, budgets and rules, and how they were before.
    Audit(audit::Args),
    /// What of each budget is used, and what its window will have cost when it ends.
    Budgets(budgets::Args),
}

/// Runs the command that the process was called with.
pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Connect(args) => connect::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Assess(args) => assess::run(&args),
        Command::Coverage(args) => coverage::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Prices(args) => prices::run(&args),
        Command::Reprice(args) => reprice::run(&args),
        Command::Reconcile(args) => reconcile::run(&args),
        Command::Outcomes(args) => outcomes::run(&args),
        Command::Experiments(args) => experiments::run(&args),
        Command::Feedback(args) => feedback::run(&args),
        Command::Alerts(args) => alerts::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Budgets(args) => budgets::run(&args),
    }
}

/// Prints a value as JSON.
fn print_json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)
}

/// Says on standard error why a command cannot run.
fn cannot_run(reason: &impl fmt::Display) -> ExitCode {
    // Nothing more can be said when standard error is gone as well.
    let _ = writeln!(io::stderr(), "{reason}");
    FAILED.into()
}

/// The moment, in milliseconds since 1970 UTC.
fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
