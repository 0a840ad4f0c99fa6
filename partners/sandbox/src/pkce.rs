//! Proof of the code's owner (RFC 7636).

use sha2::{Digest, Sha256};

use crate::call::Params;

/// Whether a token call proves what the authorize address, whose query is `asked`, has announced. Without an
/// announcement nothing is to be proved.
pub(crate) fn verified(asked: &Params, verifier: Option<&str>) -> bool {
    match (asked.get("code_challenge"), verifier) {
        (None, verifier) => verifier.is_none(),
        (Some(_), None) => false,
        (Some(challenge), Some(verifier)) => match asked.get("code_challenge_method") {
            Some("S256") => base64_url(&Sha256::digest(verifier.as_bytes())) == challenge,
            _ => verifier == challenge,
        },
    }
}

fn base64_url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |place: usize| u32::from(group.get(place).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..=group.len() {
            let letter = LETTERS.get((bits >> (18 - 6 * place) & 63) as usize).copied();
            text.push(char::from(letter.unwrap_or_default()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_is_verified() {
        // RFC 7636, appendix B.
        let asked = Params::read(
            "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
            b"",
        );
        assert!(verified(&asked, Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")));
        assert!(!verified(&asked, Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXj")));
        assert!(!verified(&asked, None));
        assert!(verified(&Params::default(), None) && !verified(&Params::default(), Some("x")));
    }
}
