//! `weighbridge test`: runs the `[[tests]]` of `routes.toml`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::Config;
use crate::config::rule_tests::{self, TestResult};

/// What `test` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The configuration.
    #[arg(long, default_value = "routes.toml")]
    config: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the tests.
pub fn run(args: &Args) -> ExitCode {
    let config = match super::check::load(&args.config) {
        Ok(config) => config,
        Err(problems) => return super::cannot_run(&problems),
    };
    let results = rule_tests::run(&config, &|prompt| config.assessor.assess(prompt), super::now_millis());
    let printed = if args.json {
        super::print_json(&results)
    } else {
        tell_dates(&config, super::now_millis()).and_then(|()| print(&args.config, &results))
    };
    match printed {
        Err(_) => super::FAILED.into(),
        Ok(()) if results.iter().any(|result| !result.passed) => super::FOUND.into(),
        Ok(()) => super::OK.into(),
    }
}

/// Warns of rules whose dates have passed: a test that passes by a rule that nobody stands for is worth little.
fn tell_dates(config: &Config, now_millis: u64) -> io::Result<()> {
    let mut told = io::stderr().lock();
    for rule in config.rules.overdue(now_millis) {
        writeln!(
            told,
            "warning: rule `{}` should have been looked at by {} by now (`review_by`)",
            rule.name, rule.owner
        )?;
    }
    for rule in config.rules.expired(now_millis) {
        writeln!(told, "warning: rule `{}` has expired: its fallback counts", rule.name)?;
    }
    Ok(())
}

fn print(path: &Path, results: &[TestResult]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut failed = 0;
    for result in results {
        writeln!(out, "{}  line {}: {}", if result.passed { "ok  " } else { "FAIL" }, result.line, result.title)?;
        failed += usize::from(!result.passed);
        for mismatch in &result.mismatches {
            writeln!(out, "      {mismatch}")?;
        }
    }
    match (results.len(), failed) {
        (0, _) => writeln!(out, "{} has no [[tests]]", path.display()),
        (all, 0) => writeln!(out, "all {all} tests passed"),
        (all, failed) => writeln!(out, "{failed} of {all} tests failed; `weighbridge explain` tells why"),
    }
}
