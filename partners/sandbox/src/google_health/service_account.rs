//! The service account that manages subscribers: a signed assertion for an access token (RFC 7523).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{self, Refusal};
use crate::call::{Answer, Call};
use crate::partner::Desk;

/// The project, by number and by id.
pub(super) const PROJECT_NUMBER: &str = "1002003004";
const PROJECT_ID: &str = "syncwell-sandbox";

const EMAIL: &str = "notifications@syncwell-sandbox.iam.gserviceaccount.com";

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Made for this file and used nowhere else.
const PRIVATE_KEY: &str = include_str!("../../fixtures/service_account.pem");
const PUBLIC_KEY: &[u8] = include_bytes!("../../fixtures/service_account.pub.der");

/// How long an assertion may be valid, and how far the clocks may be apart.
const LONGEST: i64 = 3_600;
const APART: i64 = 300;

/// The grant type of such a token call.
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The key file of the simulated project's service account, as Google Cloud hands it out; `base_url`
/// is the sandbox's ([`Sandbox::url`](crate::Sandbox::url)).
#[must_use]
pub fn service_account_json(base_url: &str) -> String {
    let key = json!({
        "type": "service_account",
        "project_id": PROJECT_ID,
        "private_key_id": "3f1c5a9e0d7b48268c4f2e6a1b9d0c7e5f3a8b21",
        "private_key": PRIVATE_KEY,
        "client_email": EMAIL,
        "client_id": "100200300400500600700",
        "auth_uri": format!("{base_url}/google_health/o/oauth2/v2/auth"),
        "token_uri": format!("{base_url}/google_health/token"),
        "universe_domain": "googleapis.com",
    });
    serde_json::to_string_pretty(&key).unwrap_or_default()
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    scope: String,
    aud: String,
    iat: i64,
    exp: i64,
}

/// The token call.
pub(super) fn token(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let assertion = call.params.get("assertion").unwrap_or_default();
    match claims(assertion).and_then(|claims| check(&claims, &call.url, desk.now)) {
        Ok(()) => {
            let token = format!("ya29.c.{}", desk.state.notices.rng.hex(40));
            desk.state.notices.service_tokens.insert(token.clone(), desk.now + LONGEST);
            let answer =
                json!({"access_token": token, "expires_in": LONGEST - 1, "token_type": "Bearer"});
            Answer::json(200, &answer)
        }
        Err((code, description)) => {
            Answer::json(400, &json!({"error": code, "error_description": description}))
        }
    }
}

/// An error of RFC 6749, and what it means.
type Mistake = (&'static str, &'static str);

fn claims(assertion: &str) -> Result<Claims, Mistake> {
    let malformed = ("invalid_grant", "Bad Request");
    let (signed, signature) = assertion.rsplit_once('.').ok_or(malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(malformed)?;
    let [header, payload, signature] =
        [header, payload, signature].map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
    let header: Value = serde_json::from_slice(&header).map_err(|_| malformed)?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PUBLIC_KEY);
    let is_signed = key.verify(signed.as_bytes(), &signature).is_ok();
    if header.get("alg").and_then(Value::as_str) != Some("RS256") || !is_signed {
        return Err(("invalid_grant", "Invalid JWT Signature."));
    }
    serde_json::from_slice(&payload).map_err(|_| malformed)
}

fn check(claims: &Claims, address: &str, now: i64) -> Result<(), Mistake> {
    if claims.iss != EMAIL {
        return Err(("invalid_grant", "Invalid grant: account not found"));
    }
    if claims.aud != address {
        return Err(("invalid_grant", "Invalid JWT: Failed audience check."));
    }
    let is_short = (1..=LONGEST).contains(&(claims.exp - claims.iat));
    if !is_short || claims.iat > now + APART || claims.exp < now - APART {
        return Err((
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat \
             and exp values in the JWT claim.",
        ));
    }
    if !claims.scope.split(' ').any(|scope| scope == SCOPE) {
        return Err(("invalid_scope", "Invalid OAuth scope or ID token audience provided."));
    }
    Ok(())
}

/// Checks that the call comes from the service account, and is about its project.
pub(super) fn authorized(desk: &Desk<'_>, call: &Call<'_>, project: &str) -> Result<(), Refusal> {
    let token = call.bearer.unwrap_or_default();
    match desk.state.notices.service_tokens.get(token) {
        Some(expires_at) if *expires_at > desk.now => {}
        None if desk.state.tokens.owner(token).is_some() => return Err(error::missing_scope()),
        _ => return Err(error::unauthenticated()),
    }
    if [PROJECT_NUMBER, PROJECT_ID].contains(&project) { Ok(()) } else { Err(error::other_user()) }
}
