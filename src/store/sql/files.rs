//! The files of a SQLite database in use. A process keeps writing to a file that was deleted or
//! replaced, and all of it is lost with its end; so it is noticed before each write.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// The database file, its log and the log's index.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// What tells a file from another of the same name.
type Identity = (u64, u64);

/// The files as they were when the database was opened.
#[derive(Debug)]
pub(in crate::store) struct Files(Vec<(PathBuf, Identity)>);

impl Files {
    /// The files of `database`, which is open.
    pub(in crate::store) fn of(database: &Path) -> Self {
        let files = SUFFIXES.iter().map(|suffix| with_suffix(database, suffix));
        Self(files.filter_map(|file| identity(&file).map(|identity| (file, identity))).collect())
    }

    /// Whether they are still where they were.
    ///
    /// # Errors
    /// [`StoreError::Moved`] with the first that is not.
    pub(in crate::store) fn check(&self) -> Result<(), StoreError> {
        match self.0.iter().find(|(file, opened)| identity(file).as_ref() != Some(opened)) {
            Some((file, _)) => Err(StoreError::Moved { file: file.display().to_string() }),
            None => Ok(()),
        }
    }
}

/// Gives a database that nobody uses another name, with its log, which has the newest; returns the name, or
/// `None` if nothing is there. One that was cut short is gone on with: a log left behind would be taken for
/// that of the next database.
///
/// # Errors
/// When a file cannot be renamed; all have their names again then.
pub(in crate::store) fn move_aside(database: &Path) -> Result<Option<PathBuf>, StoreError> {
    let is_there = |suffix: &&str| with_suffix(database, suffix).exists();
    let suffixes: Vec<&str> = SUFFIXES.into_iter().filter(is_there).collect();
    if suffixes.is_empty() {
        return Ok(None);
    }
    let mut names = (1..=u16::MAX).map(|n| with_suffix(database, &format!(".before-restore-{n}")));
    let is_free =
        |name: &PathBuf| suffixes.iter().all(|suffix| !with_suffix(name, suffix).exists());
    let aside = names.find(is_free);
    let aside = aside.ok_or_else(|| StoreError::Storage("no name is free".to_owned()))?;
    let mut moved = Vec::new();
    for suffix in suffixes {
        let (from, to) = (with_suffix(database, suffix), with_suffix(&aside, suffix));
        if let Err(error) = std::fs::rename(&from, &to) {
            for (from, to) in moved {
                std::fs::rename(to, from).unwrap_or_default();
            }
            return Err(StoreError::Storage(format!("{}: {error}", from.display())));
        }
        moved.push((from, to));
    }
    Ok(Some(aside))
}

fn with_suffix(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(unix)]
fn identity(file: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(file).ok()?;
    Some((found.dev(), found.ino()))
}

/// Only whether it is there.
#[cfg(not(unix))]
fn identity(file: &Path) -> Option<Identity> {
    file.exists().then_some((0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_that_was_cut_short_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let database = at("a.db");
        assert_eq!(move_aside(&database).unwrap(), None);
        for name in ["a.db.before-restore-1", "a.db-wal"] {
            std::fs::write(at(name), name).unwrap();
        }
        assert_eq!(move_aside(&database).unwrap(), Some(at("a.db.before-restore-1")));
        assert_eq!(std::fs::read(at("a.db.before-restore-1-wal")).unwrap(), b"a.db-wal");
        std::fs::write(&database, "next").unwrap();
        assert_eq!(move_aside(&database).unwrap(), Some(at("a.db.before-restore-2")));
    }
}
