//! Signatures by Standard Webhooks: symmetric, `v1`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

const PREFIX: &str = "whsec_";

/// A new secret: 32 random bytes, as text.
pub fn new_secret() -> SecretString {
    let bytes: [u8; 32] = rand::random();
    SecretString::from(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

/// The header `webhook-signature`: one signature for each secret. A secret that is none signs nothing.
pub(super) fn signatures<'a>(
    secrets: impl IntoIterator<Item = &'a SecretString>,
    id: &str,
    timestamp: i64,
    body: &[u8],
) -> String {
    let sign = |secret: &SecretString| {
        let key = STANDARD.decode(secret.expose_secret().strip_prefix(PREFIX)?).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    let all: Vec<String> = secrets.into_iter().filter_map(sign).collect();
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_has_its_signature() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;
        let signed = signatures([&secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_new_secret_has_32_bytes_and_two_secrets_sign_apart() {
        let (one, other) = (new_secret(), new_secret());
        let key = STANDARD.decode(one.expose_secret().strip_prefix("whsec_").unwrap());
        assert_eq!(key.unwrap().len(), 32);
        let signed = signatures([&one, &other], "msg_1", 1, b"{}");
        let parts: Vec<&str> = signed.split(' ').collect();
        assert_eq!(parts.len(), 2);
        assert_ne!(parts[0], parts[1]);
    }
}
