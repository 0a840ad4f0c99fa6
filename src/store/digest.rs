//! Digests: whether a record's content is what it was, and of secrets that are only compared.

use partner_sdk::Observed;
use sha2::{Digest, Sha256};

/// SHA-256 of a secret that has enough chance in it not to be guessed.
pub(super) fn of_secret(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Half of a SHA-256 over all of a record that the partner can change.
pub(super) fn of_content(record: &Observed, content: &str) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update(record.start.at.to_rfc3339());
    digest.update([0]);
    digest.update(record.end.map(|end| end.at.to_rfc3339()).unwrap_or_default());
    digest.update([0, record.start.basis as u8]);
    digest.update(record.body.record_kind());
    digest.update([0]);
    digest.update(content);
    digest.finalize().into_iter().take(16).collect()
}
