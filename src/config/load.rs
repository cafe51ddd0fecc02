//! From a file to a [`Config`], or to everything that is wrong with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::DeTable;

use super::check::{Checker, Prices, Surroundings};
use super::problem::Findings;
use super::raw::RawFile;
use super::schema::schema;
use super::{Config, Problem, Problems, Severity, shape};
use crate::domain::{Catalogue, RulesVersion};

/// How strictly what lies outside the file is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strictness {
    /// The file alone is judged: a credential that is not there yet is a warning.
    Check,
    /// The file is about to be served: a credential that is not there is an error.
    Serve,
}

/// Reads and checks a file. `now` dates rules and prices; `env` looks up an environment variable.
///
/// # Errors
/// Everything that is wrong with the file, warnings included.
pub fn load(
    path: &Path,
    now: SystemTime,
    env: &dyn Fn(&str) -> Option<String>,
    strictness: Strictness,
) -> Result<Config, Problems> {
    load_with(None, path, now, env, strictness)
}

/// As [`load`], with this price catalogue instead of the one that the file names.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    catalogue: Option<Arc<Catalogue>>,
    path: &Path,
    now: SystemTime,
    env: &dyn Fn(&str) -> Option<String>,
    strictness: Strictness,
) -> Result<Config, Problems> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&file, &error))?;
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    parse(&text, &file, &Surroundings { folder: &folder, now, env, strictness, catalogue })
}

fn unreadable(file: &str, error: &std::io::Error) -> Problems {
    let message = format!("cannot be read: {error}");
    Problems(vec![Problem {
        severity: Severity::Error,
        file: file.into(),
        line: None,
        column: None,
        message,
        hint: None,
    }])
}

/// Checks the text of a file that is called `file`.
///
/// # Errors
/// Everything that is wrong with it, warnings included.
pub fn parse(text: &str, file: &str, surroundings: &Surroundings<'_>) -> Result<Config, Problems> {
    let mut findings = Findings::new(file, text);
    let (mut document, mistakes) = DeTable::parse_recoverable(text);
    for mistake in mistakes {
        findings.error(mistake.span().unwrap_or(0..0), mistake.message().to_owned());
    }
    let taken_out = shape::fit(&mut document, schema().as_value(), &mut findings);
    let Some(raw) = deserialised(document, &mut findings) else { return Err(Problems(findings.into_sorted())) };
    let mut checker = Checker { findings, taken_out, surroundings, prices: Prices::default(), own_tags: Vec::new() };
    let version = RulesVersion::from_digest(&Sha256::digest(text).into());
    let config = checker.config(&raw, version);
    let problems = checker.findings.into_sorted();
    match config {
        Some(config) if problems.iter().all(|problem| problem.severity == Severity::Warning) => {
            Ok(Config { warnings: problems, ..config })
        }
        _ => Err(Problems(problems)),
    }
}

/// The file as serde sees it. What `shape` leaves always fits; should it not, that is told like any other problem.
fn deserialised(document: Spanned<DeTable<'_>>, findings: &mut Findings<'_>) -> Option<RawFile> {
    let raw = RawFile::deserialize(toml::Deserializer::from(document));
    raw.map_err(|error| findings.error(error.span().unwrap_or(0..0), error.message().to_owned()).severity).ok()
}
