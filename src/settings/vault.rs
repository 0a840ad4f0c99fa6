//! `[vault]`

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The key that encrypts tokens and secrets at rest.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Vault {
    /// A file with a key from `syncwell secret generate`. If unset, the systemd credential
    /// `syncwell.key` is used, else `syncwell.key` beside the database, which is created at the
    /// first start.
    pub key_file: Option<PathBuf>,
    /// Files with the keys that `key_file` replaces. The daemon wraps everything with the new key and
    /// then says that the old ones are not needed any more. Besides these, the systemd credential
    /// `syncwell.key.old` is used, and `syncwell.key.old` beside a key that is beside the database.
    pub old_key_files: Vec<PathBuf>,
}
