//! `weighbridge check`: is `routes.toml` good? Every problem at once, each with its place and what to do.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use serde::Serialize;

use crate::config::{self, Config, Problem, Problems, Severity, Strictness};
use crate::domain::RulesVersion;

/// What `check` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The configuration.
    #[arg(long, default_value = "routes.toml")]
    config: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Take warnings for errors.
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a RulesVersion>,
    problems: &'a [Problem],
}

/// Checks the file.
pub fn run(args: &Args) -> ExitCode {
    let checked = load(&args.config);
    let (config, problems) = match &checked {
        Ok(config) => (Some(config), config.warnings.as_slice()),
        Err(Problems(problems)) => (None, problems.as_slice()),
    };
    let report = Report { accepted: config.is_some(), version: config.map(|config| &config.version), problems };
    let printed = if args.json { super::print_json(&report) } else { print(&args.config, config, problems) };
    let found = config.is_none() || (args.deny_warnings && !problems.is_empty());
    match printed {
        Err(_) => super::FAILED.into(),
        Ok(()) if File::open(&args.config).is_err() => super::FAILED.into(),
        Ok(()) if found => super::FOUND.into(),
        Ok(()) => super::OK.into(),
    }
}

/// Reads and checks a file by itself, as commands do that do not serve it.
pub(super) fn load(path: &Path) -> Result<Config, Problems> {
    config::load(path, SystemTime::now(), &|name| std::env::var(name).ok(), Strictness::Check)
}

fn print(path: &Path, config: Option<&Config>, problems: &[Problem]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for problem in problems {
        writeln!(out, "{problem}")?;
    }
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let warnings = problems.len() - errors;
    match config {
        Some(config) => {
            let rules = config.rules.conditional().len() + 1;
            let (tiers, endpoints) = (config.rules.tiers().len(), config.rules.endpoints().len());
            writeln!(
                out,
                "{} is good: {}, {}, {}, {}; version {}{}",
                path.display(),
                count(rules, "rule"),
                count(tiers, "tier"),
                count(endpoints, "endpoint"),
                count(config.tests.len(), "test"),
                config.version,
                if warnings > 0 { format!("; {}", count(warnings, "warning")) } else { String::new() }
            )
        }
        None => {
            writeln!(out, "{} is refused: {}, {}", path.display(), count(errors, "error"), count(warnings, "warning"))
        }
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
