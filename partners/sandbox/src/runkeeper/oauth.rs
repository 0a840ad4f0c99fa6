//! Tokens without expiry, and their revocation.

use serde_json::json;

use crate::call::{Answer, Call};
use crate::partner::Desk;

/// No lifetime is documented; ten minutes is the most that RFC 6749 recommends.
const CODE_SECONDS: i64 = 600;

pub(super) fn token(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let given = |name| call.params.get(name).unwrap_or_default();
    if given("grant_type") != "authorization_code" {
        return refused("unsupported_grant_type");
    }
    if given("client_id") != desk.app.client_id || given("client_secret") != desk.app.client_secret
    {
        return refused("invalid_client");
    }
    let text = given("code");
    let fresh = desk.state.codes.fresh(text, desk.now, CODE_SECONDS).cloned();
    let Some(code) = fresh.filter(|code| given("redirect_uri") == code.redirect_uri) else {
        return refused("invalid_grant");
    };
    desk.state.codes.use_up(text);
    desk.state.counts.codes_exchanged += 1;
    let state = &mut *desk.state;
    let pair =
        state.tokens.issue(&mut state.rng, desk.now, code.account, code.scopes, desk.lifetimes);
    Answer::json(200, &json!({"token_type": "Bearer", "access_token": pair.access}))
}

fn refused(error: &str) -> Answer {
    Answer::json(400, &json!({"error": error}))
}

/// Ends the consent; a repeat does no harm.
pub(super) fn de_authorize(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let token = call.params.get("access_token").unwrap_or_default();
    let Some(account) = desk.state.tokens.owner(token) else {
        return Answer::bare(401);
    };
    desk.state.counts.revoked += desk.state.tokens.revoke(account) as u64;
    Answer::bare(204)
}
