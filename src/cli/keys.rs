//! `weighbridge keys`: makes keys for callers. The file holds their hashes; the keys themselves are shown once.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::domain::{KeyName, Label, digest, hex};

/// What `keys` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Make a key: print it once, and the lines for routes.toml that let it in.
    New(New),
}

#[derive(clap::Args, Debug)]
struct New {
    /// Its name in routes.toml.
    #[arg(long, value_parser = |text: &str| KeyName::parse(text))]
    name: KeyName,
    /// The person who will use it.
    #[arg(long, value_parser = label)]
    engineer: Option<Label>,
    /// Their team.
    #[arg(long, value_parser = label)]
    team: Option<Label>,
    /// What the work is for, unless a header says otherwise.
    #[arg(long, value_parser = label)]
    feature: Option<Label>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn label(text: &str) -> Result<Label, &'static str> {
    Label::parse(text).ok_or("1 to 96 printable ASCII characters without spaces")
}

#[derive(Serialize)]
struct Made {
    key: String,
    sha256: String,
    toml: String,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    let Command::New(new) = &args.command;
    let mut random = [0; 32];
    if let Err(error) = getrandom::fill(&mut random) {
        return super::cannot_run(&format!("the system has no randomness: {error}"));
    }
    let made = made(new, random);
    let printed = if new.json { super::print_json(&made) } else { print(&made) };
    match printed {
        Ok(()) => super::OK.into(),
        Err(_) => super::FAILED.into(),
    }
}

fn print(made: &Made) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "The key, shown only now:\n\n  {}\n", made.key)?;
    writeln!(out, "For routes.toml, which holds its hash and not the key:\n\n{}", made.toml)
}

fn made(new: &New, random: [u8; 32]) -> Made {
    let key = format!("wb-{}", URL_SAFE_NO_PAD.encode(random));
    let sha256 = hex(&digest(&key));
    let name = new.name.as_str();
    let quoted = |text: &str| toml::Value::from(text).to_string();
    // A dot in a table's name would make it a table inside another.
    let section = if name.contains('.') { quoted(name) } else { name.to_owned() };
    let mut toml = format!("[keys.{section}]\nsha256 = {}\n", quoted(&sha256));
    for (field, label) in [("engineer", &new.engineer), ("team", &new.team), ("feature", &new.feature)] {
        if let Some(label) = label {
            writeln!(toml, "{field} = {}", quoted(label.as_str())).expect("a String takes every write");
        }
    }
    Made { key, sha256, toml }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_lines_let_the_printed_key_in() {
        let new = New {
            name: KeyName::parse("ana.laptop").expect("a name"),
            engineer: label("ana\"s").ok(),
            team: None,
            feature: None,
            json: false,
        };
        let made = made(&new, [7; 32]);
        let parsed: toml::Table = made.toml.parse().expect("TOML");
        let key = &parsed["keys"]["ana.laptop"];
        assert_eq!(key["engineer"].as_str(), Some("ana\"s"));
        let hash: String = digest(&made.key).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(key["sha256"].as_str(), Some(hash.as_str()));
    }
}
