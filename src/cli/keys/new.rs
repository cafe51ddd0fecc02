//! `weighbridge keys new`: a key or a token for routes.toml, which holds its hash. Nothing is stored.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::tokens::role;
use super::{key_name, label};
use crate::cli;
use crate::domain::{KeyName, Label, hex};
use crate::registry::{Kind, Made as Secret, Role, make};

#[derive(clap::Args, Debug)]
pub(super) struct New {
    /// Its name in routes.toml.
    #[arg(long, value_parser = key_name)]
    name: KeyName,
    /// Make a token for the admin port.
    #[arg(long, conflicts_with_all = ["engineer", "team", "feature"])]
    admin: bool,
    /// What the token may do: viewer looks, operator also changes keys and budgets, admin also tokens.
    #[arg(long, value_parser = role, requires = "admin", default_value_if("admin", "true", "operator"))]
    role: Option<Role>,
    /// The person who will use the key.
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

#[derive(Serialize)]
struct Made {
    key: String,
    sha256: String,
    toml: String,
}

pub(super) fn run(new: &New) -> ExitCode {
    let kind = if new.admin { Kind::Token } else { Kind::Key };
    let made = match make(kind, new.name.as_str()) {
        Ok(secret) => made(new, &secret),
        Err(error) => return cli::cannot_run(&error),
    };
    let printed = if new.json { cli::print_json(&made) } else { print(new, &made) };
    match printed {
        Ok(()) => cli::OK.into(),
        Err(_) => cli::FAILED.into(),
    }
}

fn print(new: &New, made: &Made) -> io::Result<()> {
    let what = if new.admin { "token" } else { "key" };
    let mut out = io::stdout().lock();
    writeln!(out, "The {what}, shown only now:\n\n  {}\n", made.key)?;
    writeln!(out, "For routes.toml, which holds its hash and not the {what}:\n\n{}", made.toml)
}

fn made(new: &New, secret: &Secret) -> Made {
    let sha256 = hex(&secret.digest);
    let name = new.name.as_str();
    let quoted = |text: &str| toml::Value::from(text).to_string();
    // A dot in a table's name would make it a table inside another.
    let section = if name.contains('.') { quoted(name) } else { name.to_owned() };
    let table = if new.admin { "admin.tokens" } else { "keys" };
    let mut toml = format!("[{table}.{section}]\nsha256 = {}\n", quoted(&sha256));
    let role = new.role.filter(|_| new.admin).map(Role::as_str);
    let label = |label: &Option<Label>| label.as_ref().map(Label::to_string);
    let fields = [
        ("role", role.map(str::to_owned)),
        ("engineer", label(&new.engineer)),
        ("team", label(&new.team)),
        ("feature", label(&new.feature)),
    ];
    for (field, text) in fields {
        if let Some(text) = text {
            writeln!(toml, "{field} = {}", quoted(&text)).expect("a String takes every write");
        }
    }
    Made { key: secret.secret.expose().to_owned(), sha256, toml }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest;

    fn lines(new: &New, kind: Kind) -> (Made, toml::Table) {
        let made = made(new, &make(kind, new.name.as_str()).expect("randomness"));
        let parsed = made.toml.parse().expect("TOML");
        (made, parsed)
    }

    #[test]
    fn the_printed_lines_let_the_printed_key_in() {
        let new = New {
            name: KeyName::parse("ana.laptop").expect("a name"),
            admin: false,
            role: None,
            engineer: label("ana\"s").ok(),
            team: None,
            feature: None,
            json: false,
        };
        let (made, parsed) = lines(&new, Kind::Key);
        let key = &parsed["keys"]["ana.laptop"];
        assert_eq!(key["engineer"].as_str(), Some("ana\"s"));
        assert_eq!(key["sha256"].as_str(), Some(hex(&digest(&made.key)).as_str()));
    }

    #[test]
    fn the_printed_lines_let_the_printed_token_in() {
        let new = New {
            name: KeyName::parse("ops").expect("a name"),
            admin: true,
            role: Some(Role::Operator),
            engineer: None,
            team: None,
            feature: None,
            json: false,
        };
        let (made, parsed) = lines(&new, Kind::Token);
        let token = &parsed["admin"]["tokens"]["ops"];
        assert_eq!(token["role"].as_str(), Some("operator"));
        assert_eq!(token["sha256"].as_str(), Some(hex(&digest(&made.key)).as_str()));
    }
}
