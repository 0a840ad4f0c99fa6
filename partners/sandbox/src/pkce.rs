//! Proof Key for Code Exchange (RFC 7636).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::call::Params;

/// Whether a token call proves the challenge of the authorize request, whose query is `asked`.
/// Without a challenge nothing needs proof.
pub(crate) fn verified(asked: &Params, verifier: Option<&str>) -> bool {
    match (asked.get("code_challenge"), verifier) {
        (None, verifier) => verifier.is_none(),
        (Some(_), None) => false,
        (Some(challenge), Some(verifier)) => match asked.get("code_challenge_method") {
            Some("S256") => URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge,
            _ => verifier == challenge,
        },
    }
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
