//! `weighbridge audit`: who changed what, when.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::store::with;
use crate::record::period::Period;
use crate::registry::{AuditLine, Moment};

/// What `audit` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// From when: a span back from now (`7d`, `24h`), a day in UTC or a moment.
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    since: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The configuration, which names the ledger that the log is kept beside.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
}

/// How many lines are read from the store at once.
const AT_ONCE: u32 = 1_000;

/// Prints the log, the oldest line first.
pub fn run(args: &Args) -> ExitCode {
    let since = match Period::parse(Some(&args.since), None, Timestamp::now()) {
        Ok(period) => Moment::from_millis(period.since_millis.unwrap_or(0)),
        Err(error) => return super::cannot_run(&format!("error: {error}")),
    };
    with(
        &args.config,
        async |opened| {
            let mut lines: Vec<AuditLine> = Vec::new();
            loop {
                let below = lines.last().map(|line| line.id);
                let older = opened.registry.audit_log(since, below, AT_ONCE).await?;
                let is_last = older.len() < AT_ONCE as usize;
                lines.extend(older);
                if is_last {
                    lines.reverse();
                    return Ok(lines);
                }
            }
        },
        |lines| if args.json { super::print_json(&json!({ "audit": lines })) } else { print(lines) },
    )
}

fn print(lines: &[AuditLine]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if lines.is_empty() {
        return writeln!(out, "Nothing was changed in this time.");
    }
    for line in lines {
        writeln!(out, "{}  {}  {}  {}", line.at, line.who, line.what, line.subject)?;
        for (what, before, after) in changes(line.before.as_ref(), line.after.as_ref()) {
            writeln!(out, "    {what}: {before} → {after}")?;
        }
    }
    Ok(())
}

/// What is not as it was, field by field.
fn changes(before: Option<&Value>, after: Option<&Value>) -> Vec<(String, String, String)> {
    let fields = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
    let (before, after) = (fields(before), fields(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let told = |value: Option<&Value>| value.map_or_else(|| "-".to_owned(), Value::to_string);
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| (name.clone(), told(before.get(name)), told(after.get(name))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_as_it_was_is_told() {
        let (before, after) = (json!({"name": "ana", "team": "a"}), json!({"name": "ana", "team": "b", "role": "x"}));
        let expected = [("role", "-", "\"x\""), ("team", "\"a\"", "\"b\"")];
        let found = changes(Some(&before), Some(&after));
        let found: Vec<_> = found.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
        assert_eq!(found, expected);
        assert_eq!(changes(None, Some(&before)).len(), 2);
    }
}
