//! A tool's settings file: where it is, and how it is replaced.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Zoned;
use serde_json::Value;

use super::merge::merged;
use super::settings::SettingsFile;

/// Where tools look for their settings.
pub struct Places {
    home: PathBuf,
    variables: fn(&str) -> Option<String>,
}

impl Places {
    /// As this process sees them; `None` without a home folder.
    pub fn of_this_process() -> Option<Self> {
        let variables = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Some(Self { home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty())?, variables })
    }

    /// Below this home, with these variables.
    #[cfg(test)]
    pub fn new(home: &Path, variables: fn(&str) -> Option<String>) -> Self {
        Self { home: home.to_owned(), variables }
    }

    /// The path of a file.
    pub fn resolve(&self, file: &SettingsFile) -> PathBuf {
        let folder = &file.folder;
        if let Some(moved) = folder.variable.and_then(self.variables) {
            return PathBuf::from(moved).join(file.name);
        }
        let base = match (self.variables)("XDG_CONFIG_HOME").filter(|_| folder.is_xdg) {
            Some(moved) => PathBuf::from(moved),
            None if folder.is_xdg => self.home.join(".config"),
            None => self.home.clone(),
        };
        base.join(folder.path).join(file.name)
    }
}

/// What came of writing a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It says so already.
    Unchanged,
    /// It is written, and what was there is kept here.
    Written {
        /// The copy, if there was something.
        backup: Option<PathBuf>,
    },
    /// It was left alone, because of this.
    Refused(String),
}

/// Puts the settings into the file at `path`. What was there is kept beside it, and at no moment is there half a file.
///
/// # Errors
/// If files cannot be read or written.
pub fn write(path: &Path, file: &SettingsFile, now: &Zoned) -> io::Result<Outcome> {
    let existing = match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(about(path, error)),
    };
    let text = match merged(existing.as_deref().unwrap_or_default(), &file.content) {
        Ok(text) => text,
        Err(reason) => return Ok(Outcome::Refused(reason)),
    };
    if existing.as_deref() == Some(text.as_str()) {
        return Ok(Outcome::Unchanged);
    }
    // A link, as those who keep their settings in a repository have, stays one.
    let real = if existing.is_some() { fs::canonicalize(path)? } else { path.to_owned() };
    let backup = existing.is_some().then(|| keep(path, now)).transpose()?;
    replace(&real, &text, file.holds_key).map_err(|error| about(path, error))?;
    Ok(Outcome::Written { backup })
}

/// Copies the file to a name that no copy has yet.
fn keep(path: &Path, now: &Zoned) -> io::Result<PathBuf> {
    let stamp = now.strftime("%Y%m%d-%H%M%S").to_string();
    let name = |more: String| PathBuf::from(format!("{}.backup-{stamp}{more}", path.display()));
    let mut backup = name(String::new());
    let mut number = 2;
    while super::exists(&backup)? {
        backup = name(format!("-{number}"));
        number += 1;
    }
    fs::copy(path, &backup).map_err(|error| about(&backup, error))?;
    Ok(backup)
}

fn replace(path: &Path, text: &str, is_private: bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = folder.join(format!(".{name}.{}", std::process::id()));
    let written = (|| {
        let mut out = File::create(&fresh)?;
        let permissions = match fs::metadata(path) {
            Ok(before) => Some(before.permissions().mode()),
            Err(_) => None,
        };
        let mode = match (permissions, is_private) {
            (Some(mode), true) => Some(mode & 0o700),
            (Some(mode), false) => Some(mode),
            (None, true) => Some(0o600),
            (None, false) => None,
        };
        if let Some(mode) = mode {
            out.set_permissions(fs::Permissions::from_mode(mode))?;
        }
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&fresh, path)
    })();
    if written.is_err() {
        // The file itself is as it was; what is left of the attempt is not worth a second error.
        let _ = fs::remove_file(&fresh);
    }
    written
}

/// The settings in the file that would send another key.
///
/// # Errors
/// If the file cannot be read.
pub fn clashes(path: &Path, file: &SettingsFile) -> io::Result<Vec<String>> {
    if file.clashes.is_empty() || !super::exists(path)? {
        return Ok(Vec::new());
    }
    let value: Value = serde_json::from_str(&fs::read_to_string(path)?).unwrap_or_default();
    let found = file.clashes.iter().filter(|pointer| value.pointer(pointer).is_some());
    Ok(found.map(|pointer| pointer.trim_start_matches('/').replace('/', ".")).collect())
}

fn about(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
