//! Signed calls: nonces and the revocation.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::envelope;
use crate::call::{Answer, Call};
use crate::partner::Desk;

/// `POST /v2/signature`.
pub(super) fn answer(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    if call.params.get("action") != Some("getnonce") {
        return envelope::unknown_action();
    }
    let client_id = call.params.get("client_id").unwrap_or_default();
    if client_id != desk.app.client_id {
        return envelope::invalid("client_id");
    }
    let Some(timestamp) = call.params.get("timestamp").filter(|text| text.parse::<i64>().is_ok())
    else {
        return envelope::invalid("timestamp");
    };
    if !is_signed(desk, call, &["getnonce", client_id, timestamp]) {
        return bad_signature();
    }
    let nonce = desk.state.rng.hex(32);
    desk.state.nonces.insert(nonce.clone());
    envelope::ok(&json!({"nonce": nonce}))
}

/// `action=revoke`: ends every consent of that user.
pub(super) fn revoke(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    if call.params.get("client_id") != Some(desk.app.client_id.as_str()) {
        return envelope::invalid("client_id");
    }
    if let Err(refusal) = check_with_nonce(desk, call, "revoke") {
        return refusal;
    }
    let user = call.params.get("userid").and_then(|text| text.parse().ok());
    let Some(account) = user.and_then(|user| desk.state.accounts.number_of_user(user)) else {
        return envelope::invalid("userid");
    };
    let ended = desk.state.tokens.revoke(account);
    desk.state.counts.revoked += ended as u64;
    envelope::ok(&json!({}))
}

/// Checks a call signed over action, client and nonce; the nonce is valid for one call.
pub(super) fn check_with_nonce(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    action: &str,
) -> Result<(), Answer> {
    let client_id = call.params.get("client_id").unwrap_or_default();
    let nonce = call.params.get("nonce").unwrap_or_default();
    if !desk.state.nonces.contains(nonce) {
        return Err(envelope::invalid("nonce"));
    }
    if !is_signed(desk, call, &[action, client_id, nonce]) {
        return Err(bad_signature());
    }
    desk.state.nonces.remove(nonce);
    Ok(())
}

fn bad_signature() -> Answer {
    // What 342 means to older clients.
    envelope::failed(342, "Invalid Params: invalid signature")
}

/// HMAC-SHA256 in hex over the values joined by commas, in the order of their names.
fn is_signed(desk: &Desk<'_>, call: &Call<'_>, values: &[&str]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(desk.app.client_secret.as_bytes()) else {
        return false;
    };
    mac.update(values.join(",").as_bytes());
    let expected: String =
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    call.params.get("signature") == Some(expected.as_str())
}
