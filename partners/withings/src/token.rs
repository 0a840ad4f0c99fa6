//! Token answers, and the signed call that revokes a grant.

use partner_sdk::secrecy::ExposeSecret;
use partner_sdk::serde_json::Value;
use partner_sdk::{Grant, PartnerError, Reply, Session, Signature};
use serde::Deserialize;

use crate::api::{self, Family};

/// Reads the token from the envelope (API reference, "Get your access token"). Failures come as
/// HTTP 200 too.
pub(crate) fn read(reply: &Reply) -> Result<Value, PartnerError> {
    let Some(answer) = api::read_status(reply) else {
        reply.check_token()?;
        return Err(api::not_an_envelope(reply));
    };
    if answer.status == 0 {
        reply.check_token()?;
        let mut whole: Value = reply.json()?;
        return match whole.get_mut("body").map(Value::take) {
            Some(token @ Value::Object(_)) => Ok(token),
            _ => Err(PartnerError::Malformed("the token answer has no body".into())),
        };
    }
    Err(failure(answer.status, &answer.error_text(), reply))
}

fn failure(status: i64, error: &str, reply: &Reply) -> PartnerError {
    let detail = format!("Withings status {status}").into();
    // Seen in the field: a dead code or refresh token is status 503 with "Invalid Params: invalid
    // code" or "invalid refresh_token". The same status names other parameters, which are ours; the
    // user could not fix them by connecting again.
    let ours = ["client", "redirect_uri", "grant_type", "action", "signature", "nonce"];
    let about_the_grant = error.contains("invalid code") || error.contains("invalid refresh_token");
    match api::family(status) {
        Family::TooManyRequests => api::rate_limited(reply),
        Family::Authentication => PartnerError::Unauthorized(detail),
        _ if about_the_grant => PartnerError::Unauthorized(detail),
        Family::InvalidParameters if ours.iter().any(|parameter| error.contains(parameter)) => {
            PartnerError::Malformed(
                format!("Withings status {status}: check client_id, client_secret and public_url")
                    .into(),
            )
        }
        // The same status without such a text says nothing about the grant.
        _ if status == 503 => PartnerError::Transient(detail),
        Family::InvalidParameters | Family::Scope => PartnerError::Malformed(detail),
        Family::Other => PartnerError::Transient(detail),
    }
}

/// API reference: `userid` in the token answer; an integer in its schema, a text in its examples.
pub(crate) fn user_id(token: &Value) -> Result<String, PartnerError> {
    match token.get("userid") {
        Some(Value::String(id)) if !id.is_empty() => Ok(id.clone()),
        Some(Value::Number(id)) if id.is_i64() || id.is_u64() => Ok(id.to_string()),
        _ => Err(PartnerError::Malformed("the token answer has no userid".into())),
    }
}

#[derive(Deserialize)]
struct NonceAnswer {
    body: NonceBody,
}

#[derive(Deserialize)]
struct NonceBody {
    nonce: String,
}

/// API reference, "Signature v2" and "OAuth2 - Revoke": a nonce is fetched first, and both calls are
/// signed instead of carrying a token.
pub(crate) async fn revoke(session: &Session, grant: &Grant) -> Result<(), PartnerError> {
    let client = session.credentials();
    let secret = client.client_secret.expose_secret();
    let client_id = client.client_id.as_str();

    let timestamp = grant.now.timestamp().to_string();
    let signature = sign(secret, &["getnonce", client_id, &timestamp]);
    let form = [
        ("action", "getnonce"),
        ("client_id", client_id),
        ("timestamp", &timestamp),
        ("signature", &signature),
    ];
    let answer: NonceAnswer = session.post("/v2/signature").anonymous().form(&form).fetch().await?;

    let nonce = answer.body.nonce.as_str();
    let signature = sign(secret, &["revoke", client_id, nonce]);
    let form = [
        ("action", "revoke"),
        ("client_id", client_id),
        ("nonce", nonce),
        ("signature", &signature),
        ("userid", &grant.external_user_id),
    ];
    let endpoints = session.endpoints();
    let url = endpoints.revoke_url.as_ref().unwrap_or(&endpoints.token_url);
    session.post_url(url).anonymous().form(&form).send().await.map(drop)
}

/// API reference, "Signature v2": HMAC-SHA256 in hexadecimal, by the client secret, of the values of
/// `action`, `client_id` and `nonce` or `timestamp`, joined with commas in the order of their names.
fn sign(secret: &str, values: &[&str]) -> String {
    Signature::sha256(secret, &[values.join(",").as_bytes()]).hex()
}

#[cfg(test)]
mod tests {
    use partner_sdk::serde_json::json;

    use super::*;

    #[test]
    fn signatures_are_hmac_sha256_in_hexadecimal() {
        // RFC 4231, test case 2.
        let signature = sign("Jefe", &["what do ya want for nothing?"]);
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signature, expected);
    }

    #[test]
    fn the_user_id_is_read_as_text_and_as_number() {
        assert_eq!(user_id(&json!({"userid": "31415926"})).unwrap(), "31415926");
        assert_eq!(user_id(&json!({"userid": 31415926})).unwrap(), "31415926");
        for token in [json!({}), json!({"userid": null}), json!({"userid": 1.5}), json!([])] {
            assert!(user_id(&token).is_err());
        }
    }
}
