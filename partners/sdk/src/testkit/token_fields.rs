//! Cases of token responses with fields that are empty, null or of another type: none of them is
//! taken for a value.

use std::sync::Arc;

use serde_json::{Value, json};

use super::conformance::TokenFixture;
use super::harness::{Harness, guarded};
use super::mutate::leaves;
use super::report::Report;
use super::server::Canned;
use super::tokens::{SUBJECT, read};
use crate::Auth;

/// Values that say nothing in place of a text.
fn nothing() -> [Value; 5] {
    [json!(""), json!(" "), Value::Null, json!([]), json!({})]
}

pub(super) async fn run(harness: &Harness, fixture: &TokenFixture, report: &mut Report) {
    match harness.partner.manifest().auth {
        Auth::OAuth2(_) => {
            let Ok(answer) = serde_json::from_str::<Value>(&fixture.answer) else { return };
            report.case(SUBJECT, "no access token", no_access_token(harness, &answer).await);
            let left_out = left_out(harness, &answer).await;
            report.case(SUBJECT, "fields without a value are left out", left_out);
        }
        Auth::OAuth1(_) => {
            report.case(SUBJECT, "no token or secret", no_form_token(harness, fixture).await);
        }
    }
}

/// The user's id, from answers in which one field after the other says nothing.
pub(super) async fn users(harness: &Harness, fixture: &TokenFixture, report: &mut Report) {
    let Ok(answer) = serde_json::from_str::<Value>(&fixture.answer) else { return };
    let outcome = no_empty_users(harness, fixture, &answer).await;
    report.case(SUBJECT, "an empty user id is no user id", outcome);
}

/// The places of a field in an answer.
fn places(answer: &Value, name: &str) -> Vec<String> {
    let mut found = leaves(answer);
    found.retain(|pointer| pointer.rsplit('/').next() == Some(name));
    found
}

fn with(answer: &Value, pointer: &str, value: Value) -> Canned {
    let mut changed = answer.clone();
    if let Some(place) = changed.pointer_mut(pointer) {
        *place = value;
    }
    Canned::json(200, changed.to_string())
}

async fn no_access_token(harness: &Harness, answer: &Value) -> Result<(), String> {
    for pointer in places(answer, "access_token") {
        for value in nothing().into_iter().chain([json!(7)]) {
            let canned = with(answer, &pointer, value.clone());
            let error = match read(harness, &canned).await? {
                Ok(_) => return Err(format!("{value} was taken for an access token")),
                Err(error) => error,
            };
            if matches!(error, crate::PartnerError::Unauthorized(_)) {
                return Err(format!("the access token {value} was taken for a dead grant"));
            }
        }
    }
    Ok(())
}

async fn left_out(harness: &Harness, answer: &Value) -> Result<(), String> {
    for name in ["refresh_token", "scope", "token_type", "expires_in"] {
        let other = if name == "expires_in" { json!("soon") } else { json!(7) };
        for pointer in places(answer, name) {
            for value in nothing().into_iter().chain([other.clone()]) {
                let canned = with(answer, &pointer, value.clone());
                let fields = read(harness, &canned).await?;
                let fields = fields.map_err(|error| format!("{name} {value}: {error}"))?;
                if fields.get(name).is_some() {
                    return Err(format!("{value} was taken for a {name}"));
                }
            }
        }
    }
    Ok(())
}

/// Replaces each field of the answers from which the user's id is read.
async fn no_empty_users(
    harness: &Harness,
    fixture: &TokenFixture,
    answer: &Value,
) -> Result<(), String> {
    for pointer in leaves(answer) {
        for value in nothing() {
            let canned = with(answer, &pointer, value);
            if let Ok(token) = read(harness, &canned).await? {
                user(harness, fixture, fixture.further_answers.clone(), token, &pointer).await?;
            }
        }
    }
    let Ok(token) = read(harness, &Canned::json(200, fixture.answer.clone())).await? else {
        return Ok(());
    };
    for (number, further) in fixture.further_answers.iter().enumerate() {
        let Ok(body) = serde_json::from_str::<Value>(&further.body_text()) else { continue };
        for pointer in leaves(&body) {
            for value in nothing() {
                let mut answers = fixture.further_answers.clone();
                if let Some(answer) = answers.get_mut(number) {
                    let mut changed = body.clone();
                    if let Some(place) = changed.pointer_mut(&pointer) {
                        *place = value;
                    }
                    *answer = further.with_body(&changed.to_string());
                }
                user(harness, fixture, answers, token.clone(), &pointer).await?;
            }
        }
    }
    Ok(())
}

async fn user(
    harness: &Harness,
    fixture: &TokenFixture,
    answers: Vec<Canned>,
    token: Value,
    pointer: &str,
) -> Result<(), String> {
    harness.server.prepare(answers);
    let (partner, session) = (Arc::clone(&harness.partner), harness.connected());
    match guarded(async move { partner.external_user_id(&session, &token).await }).await? {
        // The daemon refuses a blank one.
        Ok(found) if found != fixture.user_id && !found.trim().is_empty() => {
            Err(format!("without a value at {pointer}, the user id is {found:?}"))
        }
        _ => Ok(()),
    }
}

async fn no_form_token(harness: &Harness, fixture: &TokenFixture) -> Result<(), String> {
    let form: Vec<(String, String)> =
        url::form_urlencoded::parse(fixture.answer.trim().as_bytes()).into_owned().collect();
    for name in ["oauth_token", "oauth_token_secret"] {
        let mut serializer = url::form_urlencoded::Serializer::new(String::new());
        for (known, value) in &form {
            serializer.append_pair(known, if known == name { "" } else { value });
        }
        let canned = Canned::text(200, serializer.finish());
        if read(harness, &canned).await?.is_ok() {
            return Err(format!("an empty {name} was taken for a value"));
        }
    }
    Ok(())
}
