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
}
