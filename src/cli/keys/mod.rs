//! `weighbridge keys`: keys for callers and tokens for the admin port. Each is shown once; what is kept is its hash.

mod made;
mod new;
mod tokens;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::domain::{KeyName, Label};

/// What `keys` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Make a key, or with --admin a token, for routes.toml: print it once, and the lines that let it in.
    New(new::New),
    /// Make a key here and now: the running proxy takes it within a second.
    Create(made::Create),
    /// List the keys, those of routes.toml too.
    List(made::List),
    /// Give a key another secret.
    Rotate(made::Rotate),
    /// End a key for good, one of routes.toml too: it is refused within a second.
    Revoke(made::Revoke),
    /// Make, list and revoke tokens for the admin port.
    Tokens(tokens::Args),
}

/// What every command that uses the store is called with.
#[derive(clap::Args, Debug)]
struct Common {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The configuration, which names the ledger that keys are kept beside.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    match &args.command {
        Command::New(new) => new::run(new),
        Command::Create(create) => made::create(create),
        Command::List(list) => made::list(list),
        Command::Rotate(rotate) => made::rotate(rotate),
        Command::Revoke(revoke) => made::revoke(revoke),
        Command::Tokens(args) => tokens::run(args),
    }
}

fn label(text: &str) -> Result<Label, &'static str> {
    Label::parse(text).ok_or("1 to 96 printable ASCII characters without spaces")
}

fn key_name(text: &str) -> Result<KeyName, String> {
    KeyName::parse(text).map_err(|error| error.to_string())
}
