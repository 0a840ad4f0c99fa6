//! Notifications of Moves.

use std::time::Duration;

use partner_sdk::testkit::{CLIENT_SECRET, Incoming, NotificationFixture, Proof};
use partner_sdk::{Hint, Signature};

/// By OpenSSL: `(cat FILE; printf '1772625600n0nce-5f1c') | openssl dgst -sha1 -hmac SECRET -binary |
/// base64`.
fn signed(body: &str, signature: &str) -> Incoming {
    Incoming::post(body)
        .header("x-moves-timestamp", "1772625600")
        .header("x-moves-nonce", "n0nce-5f1c")
        .header("x-moves-signature", signature)
}

fn sign(body: &[u8]) -> Vec<(&'static str, String)> {
    let signature = Signature::sha1(CLIENT_SECRET, &[body, b"1772625600", b"n0nce"]).base64();
    vec![
        ("x-moves-timestamp", "1772625600".to_owned()),
        ("x-moves-nonce", "n0nce".to_owned()),
        ("x-moves-signature", signature),
    ]
}

pub(crate) fn fixture() -> NotificationFixture {
    NotificationFixture::new(Proof::Signature)
        .signed_by(sign)
        .valid_for(Duration::from_secs(300))
        .notification(
            "an upload",
            signed(
                include_str!("../../fixtures/notification-upload.json"),
                "ssinmIuMUuKqB8yvhoz7IWxLKmU=",
            ),
            &[Hint::changed("23138311640030064", &["activities"])],
        )
        .notification(
            "a place that was renamed",
            signed(
                include_str!("../../fixtures/notification-place.json"),
                "9M3cY8sXYyggs6trp5mdqKFaWlA=",
            ),
            &[],
        )
        .refused("no signature", Incoming::post("{}"), 401)
}
