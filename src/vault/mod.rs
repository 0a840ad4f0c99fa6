//! Encryption of everything secret in the database.
//!
//! The key of the file or credential (the master key) only wraps data keys: those of the
//! installation, which a [`Vault`] holds, and one of each user ([`UserKey`]), which is unwrapped where it
//! is needed and forgotten afterwards. Deleting a user's wrapped key makes all that was sealed with it
//! unreadable, wherever copies of it are.
//!
//! XChaCha20-Poly1305 with a random nonce per value; the associated data names the row and the
//! column, so that a value copied to another place does not open there. `format.rs` has the layout.

mod file;
mod format;
mod key;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use self::format::Header;
pub use self::key::{DataKey, UserKey};
use self::key::{MasterKey, SecretKey};

/// Why a key or a sealed value cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key file cannot be read or written.
    #[error("cannot {action} the key file {path}: {reason}", path = path.display())]
    KeyFile {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error, and what mends it.
        reason: String,
    },
    /// The key file holds something else.
    #[error("the key file {} does not hold a key; make one with `syncwell secret generate`", .0.display())]
    NotAKey(PathBuf),
    /// The value was sealed with another key, or for another place, or was damaged.
    #[error("a sealed value of {column} cannot be opened with the key in use")]
    NotOurs {
        /// The table and column.
        column: &'static str,
    },
    /// The value was sealed with the key of a user, which is gone.
    #[error(
        "a sealed value of {column} needs its user's key, which the database does not have: the user was \
         erased, or a backup was restored without the newest keys of users; erase the user"
    )]
    NoUserKey {
        /// The table and column.
        column: &'static str,
    },
    /// The system gives no random numbers.
    #[error("the system's random number generator failed")]
    Random,
}

/// Where a value is stored, as the associated data of its encryption.
#[derive(Clone, Copy, Debug)]
pub struct AssociatedData<'a> {
    /// Table and column, e.g. `connections.access_token`.
    pub column: &'static str,
    /// The row's key.
    pub row: &'a str,
}

/// Seals and opens values with the keys of the installation.
pub struct Vault {
    /// The one that wraps, then those that only unwrap.
    masters: Vec<MasterKey>,
    /// The one that seals, then those that only open. Without any, the master key seals.
    data_keys: RwLock<Vec<DataKey>>,
    /// The key of [`Vault::derive`].
    deriving: SecretKey,
}

impl Vault {
    /// A vault with a key in hexadecimal digits, as `syncwell secret generate` prints.
    pub fn from_hex(text: &str) -> Option<Self> {
        let master = MasterKey::from_hex(text.trim())?;
        let deriving = master.deriving()?;
        Some(Self { masters: vec![master], data_keys: RwLock::default(), deriving })
    }

    /// Also opens what was sealed or wrapped with the master keys of these.
    #[must_use]
    pub fn with_old(mut self, old: impl IntoIterator<Item = Self>) -> Self {
        for key in old.into_iter().flat_map(|vault| vault.masters) {
            if !self.masters.iter().any(|known| known.id() == key.id()) {
                self.masters.push(key);
            }
        }
        self
    }

    /// The same master keys with these data keys, of which the first seals, and this key for what is
    /// derived.
    #[must_use]
    pub(crate) fn with_data_keys(&self, keys: Vec<DataKey>, deriving: &DataKey) -> Self {
        let deriving = deriving.secret().clone();
        Self { masters: self.masters.clone(), data_keys: RwLock::new(keys), deriving }
    }

    /// The key that the master key of this id derives with, as data key: what was derived before
    /// there were data keys must stay the same.
    pub(crate) fn deriving_of(&self, master: &str) -> Result<DataKey, VaultError> {
        let known = self.masters.iter().find(|key| key.id() == master);
        let secret = known.and_then(MasterKey::deriving);
        DataKey::of(secret.ok_or(VaultError::NotOurs { column: "vault_keys.id" })?)
    }

    /// The id of the master key, which reveals nothing about the key.
    pub fn key_id(&self) -> String {
        self.masters.first().map(MasterKey::id).unwrap_or_default()
    }

    /// The ids of the master keys that only unwrap.
    pub fn old_key_ids(&self) -> Vec<String> {
        self.masters.iter().skip(1).map(MasterKey::id).collect()
    }

    /// Encrypts `secret` for the place in `associated`, with the installation's data key.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(
        &self,
        associated: AssociatedData<'_>,
        secret: &str,
    ) -> Result<Vec<u8>, VaultError> {
        let keys = self.data_keys.read().unwrap_or_else(PoisonError::into_inner);
        match keys.first() {
            Some(key) => key.seal(associated, secret),
            None => self.seal_with_master(associated, secret.as_bytes()),
        }
    }

    /// Decrypts what [`Vault::seal`] made for the same place.
    ///
    /// # Errors
    /// When it was sealed with another key or for another place, or was changed afterwards.
    pub fn open(
        &self,
        associated: AssociatedData<'_>,
        sealed: &[u8],
    ) -> Result<SecretString, VaultError> {
        let not_ours = || VaultError::NotOurs { column: associated.column };
        match Header::of(sealed).ok_or_else(not_ours)? {
            Header::Master { .. } => text(self.open_with_master(associated, sealed)?, associated),
            Header::Data { key, .. } => {
                let keys = self.data_keys.read().unwrap_or_else(PoisonError::into_inner);
                let key = keys.iter().find(|known| known.id() == key).ok_or_else(not_ours)?;
                key.open(associated, sealed)
            }
        }
    }

    /// Whether a value is sealed with the data key that seals now.
    pub(crate) fn is_current(&self, sealed: &[u8]) -> bool {
        let keys = self.data_keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.first().is_some_and(|key| key.sealed(sealed))
    }

    /// The name of the data key that seals now.
    pub(crate) fn sealing_key(&self) -> Option<String> {
        let keys = self.data_keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.first().map(DataKey::name)
    }

    /// Seals with this data key from now on.
    pub(crate) fn renew(&self, key: DataKey) {
        self.data_keys.write().unwrap_or_else(PoisonError::into_inner).insert(0, key);
    }

    /// Forgets the data keys that only open.
    pub(crate) fn forget_old(&self) {
        self.data_keys.write().unwrap_or_else(PoisonError::into_inner).truncate(1);
    }

    /// A value that shows whether a key is the master key.
    pub(crate) fn probe(&self, place: AssociatedData<'_>) -> Result<Vec<u8>, VaultError> {
        self.seal_with_master(place, b"syncwell")
    }

    /// Wraps a data key with the master key.
    pub(crate) fn wrap(
        &self,
        place: AssociatedData<'_>,
        key: &DataKey,
    ) -> Result<Vec<u8>, VaultError> {
        self.seal_with_master(place, &key.to_bytes())
    }

    /// Unwraps a data key that was wrapped for this place with any of the master keys.
    pub(crate) fn unwrap_key(
        &self,
        place: AssociatedData<'_>,
        wrapped: &[u8],
    ) -> Result<DataKey, VaultError> {
        let bytes = self.open_with_master(place, wrapped)?;
        DataKey::from_bytes(&bytes).ok_or(VaultError::NotOurs { column: place.column })
    }

    fn seal_with_master(
        &self,
        place: AssociatedData<'_>,
        secret: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        self.masters.first().ok_or(VaultError::Random)?.seal(place, secret)
    }

    fn open_with_master(
        &self,
        place: AssociatedData<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let opened = self.masters.iter().find_map(|key| key.open(place, sealed));
        opened.ok_or(VaultError::NotOurs { column: place.column })
    }

    /// A secret of 256 bits, in letters that an address can have, that is always the same for the same
    /// purpose and cannot be guessed without the key.
    pub fn derive(&self, purpose: &str) -> SecretString {
        let Some(mut derived) = self.deriving.hmac() else { return SecretString::default() };
        derived.update(purpose.as_bytes());
        URL_SAFE_NO_PAD.encode(derived.finalize().into_bytes()).into()
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Vault(key {})", self.key_id())
    }
}

/// SHA-256 of a secret that is only ever compared. The secret must be random enough not to be
/// guessed: the digest is not salted.
pub fn secret_digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new random key in hexadecimal digits.
///
/// # Errors
/// When the system gives no random numbers.
pub fn generate_key() -> Result<String, VaultError> {
    Ok(SecretKey::generate()?.to_hex())
}

fn text(bytes: Zeroizing<Vec<u8>>, place: AssociatedData<'_>) -> Result<SecretString, VaultError> {
    let text =
        std::str::from_utf8(&bytes).map_err(|_| VaultError::NotOurs { column: place.column });
    text.map(SecretString::from)
}
