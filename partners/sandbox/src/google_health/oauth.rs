//! Authorization and tokens.

use serde_json::json;

use super::{SCOPES, service_account};
use crate::call::{Answer, Call, Params};
use crate::partner::{App, Consent, Desk};
use crate::pkce;
use crate::tokens::{Lifetimes, Pair};

/// No lifetime is documented; ten minutes is the most that RFC 6749 recommends.
const CODE_SECONDS: i64 = 600;

/// The prefix of all scopes.
const PREFIX: &str = "https://www.googleapis.com/auth/googlehealth.";

pub(super) fn consent(app: &App, query: &Params) -> Result<Consent, String> {
    let redirect_uri = crate::authorize::checked_request(app, query)?;
    if !matches!(query.get("access_type"), None | Some("online" | "offline")) {
        return Err("The parameter access_type must be “online” or “offline”.".to_owned());
    }
    if !matches!(query.get("code_challenge_method"), None | Some("plain" | "S256")) {
        return Err("The parameter code_challenge_method must be “plain” or “S256”.".to_owned());
    }
    let asked = query
        .get("scope")
        .filter(|scope| !scope.is_empty())
        .ok_or("The parameter scope is required.")?;
    let mut scopes = Vec::new();
    let mut permissions = Vec::new();
    for scope in asked.split(' ') {
        if !SCOPES.contains(&scope) {
            return Err(format!(
                "The scope “{scope}” is not known. Scopes are separated by spaces."
            ));
        }
        scopes.push(scope.to_owned());
        permissions.push(match scope.strip_prefix(PREFIX).unwrap_or_default() {
            "activity_and_fitness.readonly" => "See your activity and fitness data",
            "activity_and_fitness.writeonly" => "Add activity and fitness data, edit or delete it",
            "health_metrics_and_measurements.readonly" => {
                "See your health metrics and measurements"
            }
            "health_metrics_and_measurements.writeonly" => {
                "Add health metrics and measurements, edit or delete them"
            }
            "nutrition.readonly" => "See your nutrition data",
            "nutrition.writeonly" => "Add nutrition data, edit or delete it",
            "profile.readonly" => "See your profile",
            "sleep.readonly" => "See your sleep data",
            _ => "See your settings",
        });
    }
    let state = query.get("state").map(str::to_owned);
    Ok(Consent { scopes, permissions, redirect_uri, state })
}

pub(super) fn token(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let given = |name| call.params.get(name).unwrap_or_default();
    if !is_form(call) {
        return refused(400, "invalid_request", "Could not determine the grant type.");
    }
    if given("grant_type") == service_account::GRANT_TYPE {
        return service_account::token(desk, call);
    }
    if given("client_id") != desk.app.client_id {
        return refused(401, "invalid_client", "The OAuth client was not found.");
    }
    if given("client_secret") != desk.app.client_secret {
        return refused(401, "invalid_client", "Unauthorized");
    }
    match given("grant_type") {
        "authorization_code" => exchange(desk, call),
        "refresh_token" => refresh(desk, given("refresh_token")),
        _ => refused(400, "unsupported_grant_type", "Invalid grant_type."),
    }
}

fn is_form(call: &Call<'_>) -> bool {
    call.content_type.is_some_and(|it| it.starts_with("application/x-www-form-urlencoded"))
}

fn refused(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({"error": error, "error_description": description}))
}

fn exchange(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let text = call.params.get("code").unwrap_or_default();
    let Some(code) = desk.state.codes.fresh(text, desk.now, CODE_SECONDS).cloned() else {
        return refused(400, "invalid_grant", "Malformed auth code.");
    };
    if call.params.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
        return refused(400, "redirect_uri_mismatch", "Bad Request");
    }
    if !pkce::verified(&code.asked, call.params.get("code_verifier")) {
        return refused(400, "invalid_grant", "Invalid code verifier.");
    }
    desk.state.codes.use_up(text);
    desk.state.counts.codes_exchanged += 1;
    // A refresh token is issued for offline access only, and after an earlier consent only when
    // consent is requested again.
    let offline = code.asked.get("access_type") == Some("offline");
    let asked_again =
        code.asked.get("prompt").is_some_and(|it| it.split(' ').any(|it| it == "consent"));
    let new_consent = asked_again || !desk.state.tokens.is_connected(code.account);
    let lifetimes = match desk.lifetimes {
        lifetimes if offline && new_consent => lifetimes,
        lifetimes => Lifetimes { refresh: None, ..lifetimes },
    };
    let state = &mut *desk.state;
    let pair = state.tokens.issue(&mut state.rng, desk.now, code.account, code.scopes, lifetimes);
    pair_answer(desk, pair)
}

/// The refresh token stays the same and is not returned again, unless tokens are to rotate.
fn refresh(desk: &mut Desk<'_>, token: &str) -> Answer {
    let state = &mut *desk.state;
    state.counts.refresh_token_reuse += u64::from(state.tokens.was_used(token));
    match state.tokens.renew(&mut state.rng, desk.now, token, desk.lifetimes) {
        Some(pair) => {
            state.counts.refreshes += 1;
            pair_answer(desk, pair)
        }
        None => refused(400, "invalid_grant", "Token has been expired or revoked."),
    }
}

fn pair_answer(desk: &Desk<'_>, pair: Pair) -> Answer {
    let mut body = json!({
        "access_token": pair.access,
        "expires_in": desk.lifetimes.access.map(|seconds| seconds - 1),
        "scope": pair.scopes.join(" "),
        "token_type": "Bearer",
    });
    if let (Some(refresh), Some(fields)) = (pair.refresh, body.as_object_mut()) {
        fields.insert("refresh_token".to_owned(), json!(refresh));
    }
    Answer::json(200, &body)
}

/// Ends the consent that a token of either kind belongs to.
pub(super) fn revoke(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let token = call.params.get("token").filter(|_| is_form(call)).unwrap_or_default();
    let owner = desk.state.tokens.owner(token);
    let ended = owner.map_or(0, |account| desk.state.tokens.revoke(account));
    desk.state.counts.revoked += ended as u64;
    if ended == 0 {
        return refused(400, "invalid_token", "Token expired or revoked");
    }
    Answer::json(200, &json!({}))
}
