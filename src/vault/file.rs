//! Keys in files.

use std::io::Write as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::{Vault, VaultError, generate_key};

impl Vault {
    /// Reads the key from a file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no key.
    pub fn from_file(path: &Path) -> Result<Self, VaultError> {
        let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            let reason = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "there is none; make one with `syncwell secret generate`, unless users have \
                     connected already: then bring back their key"
                        .to_owned()
                }
                _ => error.to_string(),
            };
            VaultError::KeyFile { action: "read", path: path.to_owned(), reason }
        })?;
        Self::from_hex(&text).ok_or_else(|| VaultError::NotAKey(path.to_owned()))
    }

    /// Writes a new key to a file that only its owner can read; never overwrites an existing file.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn create_file(path: &Path) -> Result<Self, VaultError> {
        let key = Zeroizing::new(generate_key()?);
        let failed = |error: std::io::Error| VaultError::KeyFile {
            action: "write",
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        file.write_all(Zeroizing::new(format!("{}\n", *key)).as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        Self::from_hex(&key).ok_or_else(|| VaultError::NotAKey(path.to_owned()))
    }
}
