//! Authorization, tokens and the athlete.

use serde_json::{Value, json};

use super::{SCOPES, authorized, fault};
use crate::call::{Answer, Call, Params};
use crate::partner::{App, Consent, Desk};
use crate::tokens::Pair;

/// No lifetime is documented; ten minutes is the most that RFC 6749 recommends.
const CODE_SECONDS: i64 = 600;

/// With more than an hour left, a refresh returns the same access token.
const SAME_TOKEN_SECONDS: i64 = 3_600;

pub(super) fn consent(app: &App, query: &Params) -> Result<Consent, String> {
    let redirect_uri = crate::authorize::checked_request(app, query)?;
    if !matches!(query.get("approval_prompt"), None | Some("auto" | "force")) {
        return Err("The parameter approval_prompt must be “auto” or “force”.".to_owned());
    }
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
            "read" => "View data about your public profile",
            "read_all" => "View data about your private routes and clubs",
            "profile:read_all" => "View your complete Strava profile",
            "profile:write" => "Change your Strava profile",
            "activity:read" => "View data about your activities",
            "activity:read_all" => "View data about your private activities",
            _ => "Upload your activities to Strava",
        });
    }
    let state = query.get("state").map(str::to_owned);
    Ok(Consent { scopes, permissions, redirect_uri, state })
}

pub(super) fn token(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let given = |name| call.params.get(name).unwrap_or_default();
    for (field, registered) in
        [("client_id", &desk.app.client_id), ("client_secret", &desk.app.client_secret)]
    {
        if given(field) != registered {
            return refused("Application", field);
        }
    }
    match given("grant_type") {
        "authorization_code" => exchange(desk, given("code")),
        "refresh_token" => refresh(desk, given("refresh_token")),
        _ => refused("OAuth", "grant_type"),
    }
}

fn refused(resource: &str, field: &str) -> Answer {
    fault(400, "Bad Request", resource, field, "invalid")
}

fn exchange(desk: &mut Desk<'_>, text: &str) -> Answer {
    let Some(code) = desk.state.codes.fresh(text, desk.now, CODE_SECONDS).cloned() else {
        return refused("AuthorizationCode", "code");
    };
    desk.state.codes.use_up(text);
    desk.state.counts.codes_exchanged += 1;
    let state = &mut *desk.state;
    let pair =
        state.tokens.issue(&mut state.rng, desk.now, code.account, code.scopes, desk.lifetimes);
    // The athlete comes only with the first exchange, and the scopes never.
    let athlete = summary(desk, pair.account);
    let mut body = pair_body(desk, pair);
    body["athlete"] = athlete;
    Answer::json(200, &body)
}

fn refresh(desk: &mut Desk<'_>, old: &str) -> Answer {
    let state = &mut *desk.state;
    if let Some(pair) = state.tokens.in_force(old, desk.now, SAME_TOKEN_SECONDS) {
        state.counts.refreshes += 1;
        return Answer::json(200, &pair_body(desk, pair));
    }
    if state.tokens.was_used(old) {
        state.counts.refresh_token_reuse += 1;
    }
    match state.tokens.rotate(&mut state.rng, desk.now, old, desk.lifetimes) {
        Some(pair) => {
            state.counts.refreshes += 1;
            Answer::json(200, &pair_body(desk, pair))
        }
        None => refused("RefreshToken", "refresh_token"),
    }
}

fn pair_body(desk: &Desk<'_>, pair: Pair) -> Value {
    let expires_at = desk.state.tokens.expires_at(&pair.access).unwrap_or(desk.now);
    json!({
        "token_type": "Bearer",
        "expires_at": expires_at,
        "expires_in": expires_at - desk.now,
        "refresh_token": pair.refresh,
        "access_token": pair.access,
    })
}

/// Ends the consent.
pub(super) fn deauthorize(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let token = call.bearer.or_else(|| call.params.get("access_token")).unwrap_or_default();
    let account = match authorized(desk, call, &SCOPES, "read_permission") {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    desk.state.counts.revoked += desk.state.tokens.revoke(account) as u64;
    Answer::json(200, &json!({"access_token": token}))
}

/// The athlete; the weight only with the scope for the full profile.
pub(super) fn athlete(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let account = match authorized(desk, call, &SCOPES, "read_permission") {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let mut body = summary(desk, account);
    body["measurement_preference"] = json!("meters");
    if authorized(desk, call, &["profile:read_all"], "").is_ok() {
        body["resource_state"] = json!(3);
        body["weight"] = json!(72.5);
    }
    Answer::json(200, &body)
}

fn summary(desk: &Desk<'_>, account: usize) -> Value {
    let (id, name) = match desk.state.accounts.get(account) {
        Some(account) => (account.user_id, account.name.as_str()),
        None => (0, ""),
    };
    json!({
        "id": id, "username": name, "resource_state": 2, "firstname": "Simulated", "lastname": "Athlete",
        "weight": null,
    })
}
