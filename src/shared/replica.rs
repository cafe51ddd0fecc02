//! Which replica this is: a name that outlives the process, kept beside its ledger, and how often it has started.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Which replica this is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replica {
    /// Its name. Whoever has the same ledger has the same name, and nobody else.
    pub name: String,
    /// The how many-eth start under this name it is.
    pub incarnation: u64,
}

/// The replica's name cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("the replica's name cannot be kept in `{path}`: {source}")]
pub struct ReplicaError {
    /// Where.
    path: PathBuf,
    /// Why not.
    source: io::Error,
}

impl Replica {
    /// Reads the name, or makes one, and counts this start.
    ///
    /// # Errors
    /// If the file cannot be written, or the system has no randomness for a new name.
    pub fn wake(path: &Path) -> Result<Self, ReplicaError> {
        let failed = |source| ReplicaError { path: path.to_owned(), source };
        let (name, before) = match Self::read(path).map_err(failed)? {
            Some(known) => known,
            None => (new_name().map_err(failed)?, 0),
        };
        let replica = Self { name, incarnation: before + 1 };
        replica.write(path).map_err(failed)?;
        Ok(replica)
    }

    fn read(path: &Path) -> io::Result<Option<(String, u64)>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (name, incarnation) = text.trim().split_once(' ').unwrap_or_default();
        let is_name = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        match incarnation.parse() {
            Ok(incarnation) if is_name => Ok(Some((name.to_owned(), incarnation))),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "this is no replica's name; delete the file")),
        }
    }

    /// In a new file that then takes the old one's place: a name that is lost half-way would be another replica.
    fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let beside = path.with_extension("replica-new");
        let mut file = fs::File::create(&beside)?;
        writeln!(file, "{} {}", self.name, self.incarnation)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    }
}

fn new_name() -> io::Result<String> {
    let mut random = [0u8; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restarted_replica_has_its_name_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger/weighbridge.replica");
        let first = Replica::wake(&path).expect("a name");
        let second = Replica::wake(&path).expect("a name");
        assert_eq!((&second.name, second.incarnation), (&first.name, 2));
        let other = Replica::wake(&folder.path().join("other.replica")).expect("a name");
        assert_ne!(other.name, first.name);
        fs::write(&path, "nonsense").expect("written");
        assert!(Replica::wake(&path).is_err(), "no second name for the same ledger");
    }
}
