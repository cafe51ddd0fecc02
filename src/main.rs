//! The `weighbridge` command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use weighbridge::cli;

/// An LLM request routing proxy.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Assess prompts from standard input.
    Assess(cli::assess::Args),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Assess(args) => cli::assess::run(args),
    }
}
