//! Signatures of notifications: an HMAC over what was sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// An HMAC (RFC 2104) of a message, to be compared with the one that was sent. Comparisons take the
/// same time wherever the two differ, so that nobody can find out a signature bit by bit.
///
/// ```
/// use partner_sdk::Signature;
///
/// // RFC 4231, test case 2, in two parts.
/// let signature = Signature::sha256("Jefe", &[b"what do ya want ", b"for nothing?"]);
/// assert!(signature.is_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
/// assert!(signature.is_base64("W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="));
/// assert!(!signature.is_hex("5bdcc146"));
/// ```
pub struct Signature(Vec<u8>);

impl Signature {
    /// The HMAC-SHA1 of the parts, one after the other.
    pub fn sha1(key: &str, parts: &[&[u8]]) -> Self {
        Self::of::<Hmac<Sha1>>(key, parts)
    }

    /// The HMAC-SHA256 of the parts, one after the other.
    pub fn sha256(key: &str, parts: &[&[u8]]) -> Self {
        Self::of::<Hmac<Sha256>>(key, parts)
    }

    #[expect(clippy::expect_used, reason = "RFC 2104: a key may have any length")]
    fn of<M: Mac + KeyInit>(key: &str, parts: &[&[u8]]) -> Self {
        let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes()).expect("any length is fine");
        parts.iter().for_each(|part| mac.update(part));
        Self(mac.finalize().into_bytes().to_vec())
    }

    /// Whether `sent` is this signature in base64, with padding.
    pub fn is_base64(&self, sent: &str) -> bool {
        is_same(&self.base64(), sent)
    }

    /// Whether `sent` is this signature in hexadecimal, in capitals or not.
    pub fn is_hex(&self, sent: &str) -> bool {
        is_same(&self.hex(), &sent.to_ascii_lowercase())
    }

    /// The signature in base64, with padding.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// The signature in hexadecimal, in small letters.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Compares secrets: only their lengths can be found out by the time it takes.
pub(crate) fn is_same(ours: &str, sent: &str) -> bool {
    ours.as_bytes().ct_eq(sent.as_bytes()).into()
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Signature")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_hashes_are_as_published() {
        // RFC 2202 and RFC 4231, test case 2 of each.
        let message: &[&[u8]] = &[b"what do ya want", b" for nothing?"];
        assert!(
            Signature::sha1("Jefe", message).is_hex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        );
        let sha256 = Signature::sha256("Jefe", message);
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sha256.hex(), hex);
        assert!(sha256.is_hex(&hex.to_uppercase()));
        // A key longer than a block of the hash, and an empty one.
        for key in [String::new(), "k".repeat(200)] {
            assert!(!Signature::sha1(&key, message).is_base64(""));
        }
    }

    #[test]
    fn only_the_whole_signature_is_the_same() {
        let signature = Signature::sha1("key", &[b"body"]);
        let text = signature.base64();
        assert!(signature.is_base64(&text));
        for other in [text.trim_end_matches('='), &format!("{text} "), &text.to_lowercase(), ""] {
            assert!(!signature.is_base64(other), "{other}");
        }
    }
}
