//! Keys. All of them are overwritten in memory when they are dropped, and none prints itself.

use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::format::{DATA_ID, DATA_VERSION, Header, MASTER_ID, MASTER_VERSION, bytes_of};
use super::{AssociatedData, Vault, VaultError, hex, text};

const BYTES: usize = 32;
const NONCE: usize = 24;

/// 256 secret bits.
#[derive(Clone)]
pub(super) struct SecretKey(Zeroizing<[u8; BYTES]>);

impl SecretKey {
    pub(super) fn generate() -> Result<Self, VaultError> {
        let mut key = Key::try_generate().map_err(|_| VaultError::Random)?;
        let made = Self(Zeroizing::new(key.into()));
        key.as_mut_slice().zeroize();
        Ok(made)
    }

    fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; BYTES]);
        if bytes.len() != BYTES {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    pub(super) fn to_hex(&self) -> String {
        hex(&*self.0)
    }

    pub(super) fn hmac(&self) -> Option<Hmac<Sha256>> {
        <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&*self.0).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let mut key = Key::from(*self.0);
        let cipher = XChaCha20Poly1305::new(&key);
        key.as_mut_slice().zeroize();
        cipher
    }

    /// Encrypts after a header.
    fn seal(
        &self,
        mut header: Vec<u8>,
        place: AssociatedData<'_>,
        secret: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let nonce = XNonce::try_generate().map_err(|_| VaultError::Random)?;
        let payload = Payload { msg: secret, aad: &bytes_of(place) };
        let ciphertext = self.cipher().encrypt(&nonce, payload).map_err(|_| VaultError::Random)?;
        header.extend(nonce);
        header.extend(ciphertext);
        Ok(header)
    }

    /// Decrypts what comes after a header.
    fn open(&self, place: AssociatedData<'_>, rest: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: ciphertext, aad: &bytes_of(place) };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }
}

/// The key of the file or credential.
#[derive(Clone)]
pub(super) struct MasterKey {
    key: SecretKey,
    id: [u8; MASTER_ID],
}

impl MasterKey {
    pub(super) fn from_hex(digits: &str) -> Option<Self> {
        let key = SecretKey::from_slice(&decode_hex(digits)?)?;
        let mut id = [0; MASTER_ID];
        let digest = Sha256::new_with_prefix(b"syncwell key id").chain_update(*key.0).finalize();
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Some(Self { key, id })
    }

    pub(super) fn id(&self) -> String {
        hex(&self.id)
    }

    /// A key of its own: what is derived with it says nothing about the one that seals.
    pub(super) fn deriving(&self) -> Option<SecretKey> {
        let mut own = self.key.hmac()?;
        own.update(b"syncwell derived secrets");
        let mut bytes = own.finalize().into_bytes();
        let key = SecretKey::from_slice(&bytes);
        bytes.as_mut_slice().zeroize();
        key
    }

    pub(super) fn seal(
        &self,
        place: AssociatedData<'_>,
        secret: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let mut header = vec![MASTER_VERSION];
        header.extend(self.id);
        self.key.seal(header, place, secret)
    }

    pub(super) fn open(
        &self,
        place: AssociatedData<'_>,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        match Header::of(sealed)? {
            Header::Master { key, rest } if key == self.id => self.key.open(place, rest),
            _ => None,
        }
    }
}

/// A key that seals values. It is stored wrapped.
pub struct DataKey {
    id: [u8; DATA_ID],
    key: SecretKey,
}

impl DataKey {
    /// A new one.
    pub(crate) fn generate() -> Result<Self, VaultError> {
        Self::of(SecretKey::generate()?)
    }

    /// A known secret with a new id.
    pub(super) fn of(key: SecretKey) -> Result<Self, VaultError> {
        let random = SecretKey::generate()?;
        let id = random.0.first_chunk().copied().ok_or(VaultError::Random)?;
        Ok(Self { id, key })
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (id, key) = bytes.split_first_chunk()?;
        Some(Self { id: *id, key: SecretKey::from_slice(key)? })
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Room for all of it, so that no part is left behind in memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(DATA_ID + BYTES));
        bytes.extend(self.id);
        bytes.extend_from_slice(&*self.key.0);
        bytes
    }

    pub(super) fn id(&self) -> [u8; DATA_ID] {
        self.id
    }

    /// Its id in hexadecimal digits.
    pub(crate) fn name(&self) -> String {
        hex(&self.id)
    }

    pub(super) fn secret(&self) -> &SecretKey {
        &self.key
    }

    /// Whether it sealed this.
    pub(crate) fn sealed(&self, value: &[u8]) -> bool {
        matches!(Header::of(value), Some(Header::Data { key, .. }) if key == self.id)
    }

    /// Encrypts `secret` for the place.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(crate) fn seal(
        &self,
        place: AssociatedData<'_>,
        secret: &str,
    ) -> Result<Vec<u8>, VaultError> {
        let mut header = vec![DATA_VERSION];
        header.extend(self.id);
        self.key.seal(header, place, secret.as_bytes())
    }

    /// Decrypts what it sealed for the place.
    ///
    /// # Errors
    /// When it did not.
    pub(super) fn open(
        &self,
        place: AssociatedData<'_>,
        sealed: &[u8],
    ) -> Result<SecretString, VaultError> {
        let opened = match Header::of(sealed) {
            Some(Header::Data { key, rest }) if key == self.id => self.key.open(place, rest),
            _ => None,
        };
        text(opened.ok_or(VaultError::NotOurs { column: place.column })?, place)
    }
}

/// The data key of a user and, while values are sealed again, the one before it.
pub struct UserKey {
    pub(crate) current: DataKey,
    pub(crate) previous: Option<DataKey>,
}

impl UserKey {
    /// Whether a value is sealed with a key of some user, not of this version's forerunners.
    pub(crate) fn is_needed_for(sealed: &[u8]) -> bool {
        matches!(Header::of(sealed), Some(Header::Data { .. }))
    }

    /// Decrypts a user's value: one of before there were such keys, too.
    ///
    /// # Errors
    /// When the key is missing, or the value was sealed with another key or for another place.
    pub(crate) fn open(
        of_user: Option<&Self>,
        vault: &Vault,
        place: AssociatedData<'_>,
        sealed: &[u8],
    ) -> Result<SecretString, VaultError> {
        if !Self::is_needed_for(sealed) {
            return vault.open(place, sealed);
        }
        let keys = of_user.ok_or(VaultError::NoUserKey { column: place.column })?;
        let previous = keys.previous.as_ref().filter(|key| key.sealed(sealed));
        previous.unwrap_or(&keys.current).open(place, sealed)
    }
}

fn decode_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != BYTES {
        return None;
    }
    for [high, low] in pairs {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
    }
    Some(bytes)
}
