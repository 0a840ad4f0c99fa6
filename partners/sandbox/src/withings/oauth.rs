//! Authorization and tokens.

use serde_json::json;

use super::{SCOPES, envelope, signed};
use crate::call::{Answer, Call, Params};
use crate::partner::{App, Consent, Desk};
use crate::tokens::Pair;

/// Codes are valid for 30 seconds only.
const CODE_SECONDS: i64 = 30;

pub(super) fn consent(app: &App, query: &Params) -> Result<Consent, String> {
    let redirect_uri = crate::authorize::checked_request(app, query)?;
    // Required by Withings, unlike in the standard.
    let state = query
        .get("state")
        .filter(|state| !state.is_empty())
        .ok_or("The parameter state is required.")?;
    let asked = query
        .get("scope")
        .filter(|scope| !scope.is_empty())
        .ok_or("The parameter scope is required.")?;
    let mut scopes = Vec::new();
    let mut permissions = Vec::new();
    for scope in asked.split(',') {
        if !SCOPES.contains(&scope) {
            return Err(format!(
                "The scope “{scope}” is not known. Scopes are separated by commas."
            ));
        }
        scopes.push(scope.to_owned());
        permissions.push(match scope {
            "user.metrics" => "See your body measurements",
            "user.activity" => "See your activities, workouts and sleep",
            "user.sleepevents" => "Know when you get into and out of bed",
            _ => "See your profile, devices and goals",
        });
    }
    Ok(Consent { scopes, permissions, redirect_uri, state: Some(state.to_owned()) })
}

pub(super) fn answer(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    match call.params.get("action") {
        Some("requesttoken") => request_token(desk, call),
        Some("revoke") => signed::revoke(desk, call),
        _ => envelope::unknown_action(),
    }
}

fn request_token(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    if call.params.get("client_id") != Some(desk.app.client_id.as_str()) {
        return envelope::invalid("client_id");
    }
    if let Err(refusal) = authenticate(desk, call) {
        return refusal;
    }
    match call.params.get("grant_type") {
        Some("authorization_code") => exchange(desk, call),
        Some("refresh_token") => refresh(desk, call),
        _ => envelope::invalid("grant_type"),
    }
}

/// The secret in the body, or a nonce and a signature instead of it.
fn authenticate(desk: &mut Desk<'_>, call: &Call<'_>) -> Result<(), Answer> {
    match call.params.get("client_secret") {
        Some(secret) if secret == desk.app.client_secret => Ok(()),
        None if call.params.get("signature").is_some() => {
            signed::check_with_nonce(desk, call, "requesttoken")
        }
        _ => Err(envelope::invalid("client_secret")),
    }
}

fn exchange(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let text = call.params.get("code").unwrap_or_default();
    let Some(code) = desk.state.codes.fresh(text, desk.now, CODE_SECONDS).cloned() else {
        return envelope::invalid_code();
    };
    if call.params.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
        return envelope::invalid("redirect_uri");
    }
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
    if state.tokens.was_used(old) {
        state.counts.refresh_token_reuse += 1;
    }
    match state.tokens.rotate(&mut state.rng, desk.now, old, desk.lifetimes) {
        Some(pair) => {
            state.counts.refreshes += 1;
            pair_answer(desk, pair)
        }
        None => envelope::invalid("refresh_token"),
    }
}

fn pair_answer(desk: &Desk<'_>, pair: Pair) -> Answer {
    let user_id = desk.state.accounts.get(pair.account).map_or(0, |account| account.user_id);
    // An integer in the OpenAPI document, text in the examples; half of the accounts get each.
    let user_id = if user_id % 2 == 0 { json!(user_id.to_string()) } else { json!(user_id) };
    envelope::ok(&json!({
        "userid": user_id,
        "access_token": pair.access,
        "refresh_token": pair.refresh,
        "scope": pair.scopes.join(","),
        "expires_in": desk.lifetimes.access,
        "token_type": "Bearer",
    }))
}
