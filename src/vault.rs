//! Encryption of everything secret in the database.
//!
//! XChaCha20-Poly1305 with a random nonce per value; the associated data names the row and the
//! column, so that a value copied to another place does not open there. A sealed value begins with
//! a version byte and the id of its key, in preparation for key rotation.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// The format of sealed values: version, key id, nonce, ciphertext with tag.
const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

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

/// Seals and opens values with one key.
#[derive(Clone)]
pub struct Vault {
    cipher: XChaCha20Poly1305,
    key_id: [u8; KEY_ID_BYTES],
    /// The key of [`Vault::derive`].
    deriving: Hmac<Sha256>,
}

impl Vault {
    /// A vault with a key in hexadecimal digits, as `syncwell secret generate` prints.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = decode_hex(text.trim())?;
        let key: [u8; KEY_BYTES] = bytes.try_into().ok()?;
        let mut key_id = [0; KEY_ID_BYTES];
        let digest = Sha256::new_with_prefix(b"syncwell key id").chain_update(key).finalize();
        key_id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        // A key of its own: what is derived with it says nothing about the one that seals.
        let mut own = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&key).ok()?;
        own.update(b"syncwell derived secrets");
        let own = own.finalize().into_bytes();
        let deriving = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&own).ok()?;
        Some(Self { cipher: XChaCha20Poly1305::new(&Key::from(key)), key_id, deriving })
    }

    /// Reads the key from a file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no key.
    pub fn from_file(path: &Path) -> Result<Self, VaultError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
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
        let key = generate_key()?;
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
        file.write_all(format!("{key}\n").as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        Self::from_hex(&key).ok_or_else(|| VaultError::NotAKey(path.to_owned()))
    }

    /// The id of the key, which reveals nothing about the key.
    pub fn key_id(&self) -> String {
        hex(&self.key_id)
    }

    /// Encrypts `secret` for the place in `associated`.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(
        &self,
        associated: AssociatedData<'_>,
        secret: &str,
    ) -> Result<Vec<u8>, VaultError> {
        let nonce = XNonce::try_generate().map_err(|_| VaultError::Random)?;
        let aad = bytes_of(associated);
        let payload = Payload { msg: secret.as_bytes(), aad: &aad };
        let ciphertext = self.cipher.encrypt(&nonce, payload).map_err(|_| VaultError::Random)?;
        let mut sealed = vec![VERSION];
        sealed.extend(self.key_id);
        sealed.extend(nonce);
        sealed.extend(ciphertext);
        Ok(sealed)
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
        let rest = sealed.strip_prefix(&[VERSION]).ok_or_else(not_ours)?;
        let rest = rest.strip_prefix(&self.key_id).ok_or_else(not_ours)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(not_ours)?;
        let aad = bytes_of(associated);
        let payload = Payload { msg: ciphertext, aad: &aad };
        let secret = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| not_ours())?;
        String::from_utf8(secret).map(SecretString::from).map_err(|_| not_ours())
    }

    /// A secret of 256 bits, in letters that an address can have, that is always the same for the same
    /// purpose and cannot be guessed without the key.
    pub fn derive(&self, purpose: &str) -> SecretString {
        let mut derived = self.deriving.clone();
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
    let key = Key::try_generate().map_err(|_| VaultError::Random)?;
    Ok(hex(&key))
}

fn bytes_of(associated: AssociatedData<'_>) -> Vec<u8> {
    // The length first, so that no two places give the same data.
    let mut data = (associated.column.len() as u64).to_be_bytes().to_vec();
    data.extend(associated.column.as_bytes());
    data.extend(associated.row.as_bytes());
    data
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| u8::try_from(high * 16 + low).ok());
    if rest.is_empty() { bytes.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const DATA: AssociatedData<'_> =
        AssociatedData { column: "connections.access_token", row: "17" };

    fn vault() -> Vault {
        Vault::from_hex(&generate_key().unwrap()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_at_its_place() {
        let vault = vault();
        let sealed = vault.seal(DATA, "token-1").unwrap();
        assert_eq!(vault.open(DATA, &sealed).unwrap().expose_secret(), "token-1");
        assert!(vault.open(AssociatedData { row: "18", ..DATA }, &sealed).is_err());
        assert!(
            vault
                .open(AssociatedData { column: "connections.refresh_token", ..DATA }, &sealed)
                .is_err()
        );
        assert!(self::vault().open(DATA, &sealed).is_err());
    }

    #[test]
    fn a_sealed_value_does_not_show_its_content_and_is_never_the_same() {
        let vault = vault();
        let (first, second) =
            (vault.seal(DATA, "token-1").unwrap(), vault.seal(DATA, "token-1").unwrap());
        assert_ne!(first, second);
        assert!(!first.windows(5).any(|window| window == b"token"));
    }

    #[test]
    fn any_change_of_a_sealed_value_is_noticed() {
        let vault = vault();
        let sealed = vault.seal(DATA, "token-1").unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(vault.open(DATA, &changed).is_err(), "byte {index}");
            assert!(vault.open(DATA, &sealed[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn what_is_derived_is_the_same_for_a_purpose_and_a_key_and_otherwise_differs() {
        let key = generate_key().unwrap();
        let derived = |key: &str, purpose: &str| {
            let derived = Vault::from_hex(key).unwrap().derive(purpose);
            derived.expose_secret().to_owned()
        };
        let one = derived(&key, "notifications/withings");
        assert_eq!(one, derived(&key, "notifications/withings"));
        assert_ne!(one, derived(&key, "notifications/fitbit"));
        assert_ne!(one, derived(&generate_key().unwrap(), "notifications/withings"));
        assert_eq!(one.len(), 43, "256 bits");
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        assert!(one.chars().all(fits));
    }

    #[test]
    fn a_key_file_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("syncwell.key");
        let made = Vault::create_file(&path).unwrap();
        assert_eq!(Vault::from_file(&path).unwrap().key_id(), made.key_id());
        assert!(Vault::create_file(&path).is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "not a key").unwrap();
        assert!(matches!(Vault::from_file(&path), Err(VaultError::NotAKey(_))));
    }
}
