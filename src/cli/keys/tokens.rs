//! Tokens for the admin port, made at run time.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::json;

use super::{Common, key_name};
use crate::cli::print_json;
use crate::cli::store::{print_columns, with};
use crate::domain::KeyName;
use crate::registry::{Moment, Role, StoredToken, Subject};

/// What `keys tokens` is called with.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Make a token here and now: the running proxy takes it within a second.
    Create(Create),
    /// List the tokens, those of routes.toml too.
    List(List),
    /// End a token for good, one of routes.toml too.
    Revoke(Revoke),
}

#[derive(clap::Args, Debug)]
struct Create {
    /// Its name, which no other token has or had.
    #[arg(long, value_parser = key_name)]
    name: KeyName,
    /// What it may do: viewer looks, operator also changes keys and budgets, admin also tokens.
    #[arg(long, value_parser = role)]
    role: Role,
    /// From this day or moment on it is refused.
    #[arg(long, value_name = "WHEN")]
    expires: Option<Moment>,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args, Debug)]
struct List {
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args, Debug)]
struct Revoke {
    /// The token.
    #[arg(value_parser = key_name)]
    name: KeyName,
    #[command(flatten)]
    common: Common,
}

pub(super) fn role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text).ok_or("one of viewer, operator, admin")
}

pub(super) fn run(args: &Args) -> ExitCode {
    match &args.command {
        Command::Create(args) => create(args),
        Command::List(args) => list(args),
        Command::Revoke(args) => revoke(args),
    }
}

fn create(args: &Create) -> ExitCode {
    let name = &args.name;
    with(
        &args.common.config,
        async |opened| opened.registry.create_token(&opened.who, &opened.known, name, args.role, args.expires).await,
        |(token, secret)| match args.common.json {
            true => print_json(&json!({"secret": secret.expose(), "token": token})),
            false => {
                let role = args.role;
                writeln!(io::stdout(), "The {role}'s token `{name}`, shown only now:\n\n  {}\n", secret.expose())
            }
        },
    )
}

fn revoke(args: &Revoke) -> ExitCode {
    let name = &args.name;
    with(
        &args.common.config,
        async |opened| opened.registry.revoke_token(&opened.who, &opened.known, name).await,
        |()| match args.common.json {
            true => print_json(&json!({"revoked": name})),
            false => writeln!(io::stdout(), "The admin token `{name}` is revoked: it is refused within a second."),
        },
    )
}

fn list(args: &List) -> ExitCode {
    with(
        &args.common.config,
        async |opened| Ok((opened.registry.refresh().await?, opened.known.file_tokens)),
        |(snapshot, file_tokens)| {
            let file = snapshot.in_file(Subject::Token, file_tokens);
            if args.common.json {
                return print_json(&json!({"tokens": snapshot.tokens, "file_tokens": file}));
            }
            let mut rows = vec![["token", "begins", "role", "made", "state"].map(str::to_owned).to_vec()];
            rows.extend(snapshot.tokens.iter().map(|token| row(token, Moment::now())));
            rows.extend(file.iter().map(|token| {
                let name = token["name"].as_str().unwrap_or_default();
                let by = token["revoked"]["by"].as_str().map(|by| format!("revoked by {by}"));
                let state = by.unwrap_or_else(|| "good".to_owned());
                [name, "-", "-", "routes.toml", &state].map(str::to_owned).to_vec()
            }));
            match rows.len() {
                1 => writeln!(io::stdout(), "There are no admin tokens: on this machine everybody may look."),
                _ => print_columns(&rows),
            }
        },
    )
}

fn row(token: &StoredToken, now: Moment) -> Vec<String> {
    let state = match (&token.revoked, token.expires) {
        (Some(stamp), _) => format!("revoked {} by {}", stamp.at, stamp.by),
        (None, Some(expires)) if expires <= now => "expired".to_owned(),
        (None, Some(expires)) => format!("good until {expires}"),
        (None, None) => "good".to_owned(),
    };
    let made = format!("{} by {}", token.created.at, token.created.by);
    vec![token.name.to_string(), token.prefix.clone(), token.role.to_string(), made, state]
}
