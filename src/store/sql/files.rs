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
        let files = SUFFIXES.iter().map(|suffix| {
            let mut name = OsString::from(database);
            name.push(suffix);
            PathBuf::from(name)
        });
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
