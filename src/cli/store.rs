//! The store, for commands that look into it or change it while the proxy runs.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::config::Config;
use crate::registry::{Known, Registry, RegistryError};
use crate::store::Store;
use crate::value::book::Book;

/// The registry of a configuration, and what made things must fit.
pub(super) struct Opened {
    pub(super) registry: Registry,
    pub(super) known: Known,
    /// As whom changes are noted: the user at the command line.
    pub(super) who: String,
}

/// Opens the store of this configuration, asks it, prints the answer.
pub(super) fn with<T, F>(config: &Path, ask: F, print: impl FnOnce(&T) -> io::Result<()>) -> ExitCode
where
    F: AsyncFnOnce(Opened) -> Result<T, RegistryError>,
{
    let config = match super::check::load(config) {
        Ok(config) => config,
        Err(problems) => return super::cannot_run(&problems),
    };
    let place = match config.store() {
        Ok(place) => place,
        Err(error) => return super::cannot_run(&format!("error: [ledger] url: {error}")),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return super::cannot_run(&format!("error: {error}")),
    };
    let asked = runtime.block_on(async {
        let registry = Registry::new(Store::open(place).await?);
        ask(Opened { registry, known: config.known(), who: who() }).await
    });
    let printed = match &asked {
        Ok(answer) => print(answer),
        Err(RegistryError::Refused(refused)) => return found(refused),
        Err(error) => return super::cannot_run(&format!("error: {error}")),
    };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => super::FAILED.into(),
        _ => super::OK.into(),
    }
}

/// The book of outcomes and alerts of this configuration; or why there is none, in words.
pub(super) async fn book(config: &Config) -> Result<Book, String> {
    let place = config.store().map_err(|error| format!("[ledger] url: {error}"))?;
    Ok(Book::new(Store::open(place).await.map_err(|error| error.to_string())?))
}

/// Says why what was asked for is not done, though the command could run.
fn found(reason: &impl fmt::Display) -> ExitCode {
    // Nothing more can be said when standard error is gone as well.
    let _ = writeln!(io::stderr(), "error: {reason}");
    super::FOUND.into()
}

/// Who calls the command, as the audit log names them.
fn who() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok().filter(|user| !user.is_empty());
    format!("{}@cli", user.unwrap_or_else(|| "somebody".to_owned()))
}

/// Prints rows under their heads, in columns as wide as they must be.
pub(super) fn print_columns(rows: &[Vec<String>]) -> io::Result<()> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = io::stdout().lock();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}
