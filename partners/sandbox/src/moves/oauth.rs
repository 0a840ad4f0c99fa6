//! Authorization and tokens.

use serde_json::json;

use super::SCOPES;
use crate::call::{Answer, Call, Params};
use crate::partner::{App, Consent, Desk};
use crate::tokens::{Pair, TokenStanding};

/// No lifetime is documented; ten minutes is the most that RFC 6749 recommends.
const CODE_SECONDS: i64 = 600;

pub(super) fn consent(app: &App, query: &Params) -> Result<Consent, String> {
    let redirect_uri = crate::authorize::checked_request(app, query)?;
    let asked = query.get("scope").unwrap_or_default();
    let mut scopes = Vec::new();
    let mut permissions = Vec::new();
    for scope in asked.split_ascii_whitespace() {
        if !SCOPES.contains(&scope) {
            return Err(format!(
                "The scope “{scope}” is not known. Scopes are separated by spaces."
            ));
        }
        scopes.push(scope.to_owned());
        permissions.push(if scope == "activity" {
            "See your activities"
        } else {
            "See the places you have been to"
        });
    }
    if scopes.is_empty() {
        return Err("The parameter scope needs at least one scope.".to_owned());
    }
    let state = query.get("state").map(str::to_owned);
    Ok(Consent { scopes, permissions, redirect_uri, state })
}

pub(super) fn token(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let given = |name| call.params.get(name).unwrap_or_default();
    if given("client_id") != desk.app.client_id || given("client_secret") != desk.app.client_secret
    {
        return refused("invalid_client");
    }
    let state = &mut *desk.state;
    let pair = match given("grant_type") {
        "authorization_code" => {
            let text = given("code");
            let fresh = state.codes.fresh(text, desk.now, CODE_SECONDS).cloned();
            let Some(code) = fresh.filter(|code| given("redirect_uri") == code.redirect_uri) else {
                return refused("invalid_grant");
            };
            state.codes.use_up(text);
            state.counts.codes_exchanged += 1;
            state.tokens.issue(&mut state.rng, desk.now, code.account, code.scopes, desk.lifetimes)
        }
        "refresh_token" => {
            let old = given("refresh_token");
            if state.tokens.was_used(old) {
                state.counts.refresh_token_reuse += 1;
            }
            let Some(pair) = state.tokens.rotate(&mut state.rng, desk.now, old, desk.lifetimes)
            else {
                return refused("invalid_grant");
            };
            state.counts.refreshes += 1;
            pair
        }
        _ => return refused("unsupported_grant_type"),
    };
    pair_answer(desk, pair)
}

fn refused(error: &str) -> Answer {
    Answer::json(400, &json!({"error": error}))
}

fn pair_answer(desk: &Desk<'_>, pair: Pair) -> Answer {
    let user_id = desk.state.accounts.get(pair.account).map(|account| account.user_id);
    Answer::json(
        200,
        &json!({
            "access_token": pair.access,
            "token_type": "bearer",
            "expires_in": desk.lifetimes.access,
            "refresh_token": pair.refresh,
            "user_id": user_id,
        }),
    )
}

/// Reports the state of a token.
pub(super) fn token_info(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let token = super::token(call).unwrap_or_default();
    let TokenStanding::Good { account } = desk.state.tokens.use_access(token, desk.now) else {
        return Answer::json(404, &json!({"error": "invalid_token"}));
    };
    let granted = SCOPES.iter().filter(|scope| desk.state.tokens.has_scope(token, scope));
    let scope = granted.copied().collect::<Vec<_>>().join(" ");
    let expires_in = desk.state.tokens.expires_at(token).map(|at| at - desk.now);
    let user_id = desk.state.accounts.get(account).map(|account| account.user_id);
    Answer::json(
        200,
        &json!({
            "client_id": desk.app.client_id, "scope": scope, "expires_in": expires_in, "user_id": user_id,
        }),
    )
}
