//! The commands: each parses its arguments, calls a room and prints.

pub mod assess;
pub mod report;
pub mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Assess prompts from standard input.
    Assess(assess::Args),
}

/// Runs the command that the process was called with.
pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Assess(args) => assess::run(args),
    }
}
