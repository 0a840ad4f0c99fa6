//! Fingerprints: whether content has changed.

use partner_sdk::RecordData;
use sha2::{Digest, Sha256};

/// Half of a SHA-256 over everything in a record that can change; empty for "nothing".
pub type Fingerprint = Vec<u8>;

/// The fingerprint of a record's content.
pub fn fingerprint(data: &RecordData) -> Fingerprint {
    let mut digest = Sha256::new();
    digest.update(data.start.at.to_rfc3339());
    digest.update([0]);
    digest.update(data.end.map(|end| end.at.to_rfc3339()).unwrap_or_default());
    digest.update([0, data.start.basis as u8]);
    digest.update(data.body.record_kind());
    digest.update([0]);
    digest.update(data.body.to_json().to_string());
    digest.finalize().into_iter().take(16).collect()
}
