//! Authorization: PKCE, client credentials in the header, single-use refresh tokens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{SCOPES, encoded_id, failure};
use crate::call::{Answer, Call, Params};
use crate::partner::{App, Consent, Desk};
use crate::pkce;
use crate::tokens::Pair;

/// Codes are valid for 10 minutes.
const CODE_SECONDS: i64 = 600;

pub(super) fn consent(app: &App, query: &Params) -> Result<Consent, String> {
    let redirect_uri = crate::authorize::checked_request(app, query)?;
    let asked = query.get("scope").filter(|scope| !scope.is_empty());
    let asked = asked.ok_or("The parameter scope is required.")?;
    let mut scopes = Vec::new();
    let mut permissions = Vec::new();
    for scope in asked.split(' ') {
        if !SCOPES.contains(&scope) {
            return Err(format!(
                "The scope “{scope}” is not known. Scopes are separated by spaces."
            ));
        }
        scopes.push(scope.to_owned());
        permissions.push(match scope {
            "activity" => "See and change your activity and exercise",
            "nutrition" => "See and change your food and water",
            "weight" => "See and change your weight and body fat",
            "profile" => "See your profile",
            "settings" => "See your devices and settings",
            "sleep" => "See and change your sleep",
            _ => "See further health data",
        });
    }
    if query.get("code_challenge").is_some() && query.get("code_challenge_method") != Some("S256") {
        return Err("The parameter code_challenge_method must be “S256”.".to_owned());
    }
    let state = query.get("state").map(str::to_owned);
    Ok(Consent { scopes, permissions, redirect_uri, state })
}

pub(super) fn token(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    if !is_the_client(desk.app, call) {
        return invalid_client();
    }
    match call.params.get("grant_type") {
        Some("authorization_code") => exchange(desk, call),
        Some("refresh_token") => refresh(desk, call),
        _ => failure::of(400, "unsupported_grant_type", None, "The grant type is not supported."),
    }
}

/// Server applications send `Authorization: Basic`. Both parts may be form-encoded (RFC 6749
/// §2.3.1).
fn is_the_client(app: &App, call: &Call<'_>) -> bool {
    let basic = call.authorization.and_then(|header| header.strip_prefix("Basic "));
    let pair = basic.and_then(|text| STANDARD.decode(text.trim()).ok());
    let pair = pair.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let Some((id, secret)) = pair.split_once(':') else {
        return false;
    };
    let plain = |text: &str| {
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        pairs.map(|(name, _)| name.into_owned()).next().unwrap_or_default()
    };
    plain(id) == app.client_id && plain(secret) == app.client_secret
}

fn invalid_client() -> Answer {
    failure::of(401, "invalid_client", None, "Invalid authorization header. Client id invalid.")
}

fn exchange(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let text = call.params.get("code").unwrap_or_default();
    let fresh = desk.state.codes.fresh(text, desk.now, CODE_SECONDS).cloned();
    let code = fresh.filter(|code| {
        call.params.get("redirect_uri") == Some(code.redirect_uri.as_str())
            && pkce::verified(&code.asked, call.params.get("code_verifier"))
    });
    let Some(code) = code else {
        let message = "Authorization code invalid or expired.";
        return failure::of(400, "invalid_grant", None, message);
    };
    desk.state.codes.use_up(text);
    desk.state.counts.codes_exchanged += 1;
    let state = &mut *desk.state;
    let pair =
        state.tokens.issue(&mut state.rng, desk.now, code.account, code.scopes, desk.lifetimes);
    pair_answer(desk, pair)
}

fn refresh(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let old = call.params.get("refresh_token").unwrap_or_default();
    let state = &mut *desk.state;
    let again = state.tokens.was_used(old);
    state.counts.refresh_token_reuse += u64::from(again);
    match state.tokens.rotate_once(&mut state.rng, desk.now, old, desk.lifetimes) {
        Some(pair) => {
            state.counts.refreshes += u64::from(!again);
            pair_answer(desk, pair)
        }
        None => failure::of(400, "invalid_grant", None, "Refresh token invalid."),
    }
}

/// `scope` lists what the user left ticked.
fn pair_answer(desk: &Desk<'_>, pair: Pair) -> Answer {
    let user_id = desk.state.accounts.get(pair.account).map(|account| encoded_id(account.user_id));
    Answer::json(
        200,
        &json!({
            "access_token": pair.access,
            "expires_in": desk.lifetimes.access,
            "refresh_token": pair.refresh,
            "scope": pair.scopes.join(" "),
            "token_type": "Bearer",
            "user_id": user_id,
        }),
    )
}

/// Answers 200, also for an unknown token (RFC 7009).
pub(super) fn revoke(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    if !is_the_client(desk.app, call) {
        return invalid_client();
    }
    let owner = call.params.get("token").and_then(|token| desk.state.tokens.owner(token));
    if let Some(account) = owner {
        desk.state.counts.revoked += desk.state.tokens.revoke(account) as u64;
    }
    Answer::bare(200)
}
