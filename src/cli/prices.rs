//! `weighbridge prices`: which prices count, and how the catalogue is replaced.

mod compare;
mod fetch;
mod show;
mod update;

use std::process::ExitCode;

/// What `prices` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// What counts now for an endpoint or a model, and where it comes from.
    Show(show::Args),
    /// Replace the catalogue, after a look at what changes.
    Update(update::Args),
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    match &args.command {
        Command::Show(args) => show::run(args),
        Command::Update(args) => update::run(args),
    }
}
