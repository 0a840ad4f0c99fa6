//! Digests of secrets that are only compared.

use sha2::{Digest, Sha256};

/// SHA-256 of a secret that has enough chance in it not to be guessed.
pub(super) fn of_secret(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}
