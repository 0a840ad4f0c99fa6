//! Cases of tokens: the response of a token call, the user's id, and the revocation.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::Value;

use super::Expect;
use super::conformance::{Conformance, RevokeFixture, TokenFixture};
use super::feeds::stays_at_the_api;
use super::harness::{ACCESS_TOKEN, CLIENT_SECRET, Harness, REFRESH_TOKEN, guarded};
use super::report::Report;
use super::server::Canned;
use super::token_fields;
use crate::{Auth, Grant, LimitScope, PartnerError, read_token_reply};

pub(super) const SUBJECT: &str = "token";

pub(super) async fn run(harness: &Harness, suite: &Conformance, report: &mut Report) {
    match &suite.token {
        None => {
            let message = "no token answer was given to the suite with `token_reply`".to_owned();
            report.case(SUBJECT, "it has a fixture", Err(message));
        }
        Some(fixture) if fixture.answer.trim().is_empty() => {
            let message = "the token answer is empty: write what the partner answers to a code, by \
                           its documentation (fixtures/token.json), and whose it is beside it";
            report.case(SUBJECT, "it has a fixture", Err(message.to_owned()));
        }
        Some(fixture) => {
            let token = read(harness, &Canned::json(200, fixture.answer.clone())).await;
            let token = token.and_then(|token| token.map_err(|error| error.to_string()));
            let has_token = token.clone().and_then(|token| {
                let wanted: &[&str] = match harness.partner.manifest().auth {
                    Auth::OAuth2(_) => &["access_token"],
                    Auth::OAuth1(_) => &["oauth_token", "oauth_token_secret"],
                };
                match wanted.iter().find(|name| !token.get(**name).is_some_and(Value::is_string)) {
                    Some(missing) => Err(format!("the object has no {missing} text")),
                    None => Ok(()),
                }
            });
            report.case(SUBJECT, "a token answer is read", has_token);
            if let Ok(token) = token {
                let user = user_id(harness, fixture, token).await;
                let is_found = user.is_ok();
                report.case(SUBJECT, "the external user id is found", user);
                if is_found {
                    token_fields::users(harness, fixture, report).await;
                }
            }
            let cut: String =
                fixture.answer.chars().take(fixture.answer.chars().count() / 2).collect();
            let cut = Canned::json(200, cut);
            let outcome = try_failure(harness, &cut, Expect::NotUnderstood).await;
            report.case(SUBJECT, "HTTP 200 with half of the answer", outcome);
            token_fields::run(harness, fixture, report).await;
        }
    }
    for (case, answer, expect) in [
        ("HTTP 429", Canned::json(429, "{}"), Expect::RateLimited(LimitScope::App, None)),
        ("HTTP 500", Canned::json(500, "{}"), Expect::Transient),
        // What names no error says nothing about the grant.
        ("HTTP 400 without a named error", Canned::json(400, "{}"), Expect::Transient),
        ("HTTP 401 without a named error", Canned::json(401, "{}"), Expect::Transient),
        ("HTTP 401 without a body", Canned::text(401, ""), Expect::Transient),
        ("HTTP 400 with a web page", Canned::page(400), Expect::Transient),
        ("HTTP 401 with a web page", Canned::page(401), Expect::Transient),
        ("HTTP 403 with a web page", Canned::page(403), Expect::Transient),
        ("HTTP 410 with a web page", Canned::page(410), Expect::Transient),
        ("HTTP 503 with a web page", Canned::page(503), Expect::Transient),
        ("HTTP 200 with a web page", Canned::page(200), Expect::Transient),
        ("HTTP 200 without a body", Canned::json(200, ""), Expect::NotUnderstood),
    ] {
        report.case(SUBJECT, case, try_failure(harness, &answer, expect).await);
    }
    let dead = suite.token_failures.iter().any(|(_, _, expect)| *expect == Expect::Unauthorized);
    let none = || "no `token_failure` shows the answer to a dead refresh token".to_owned();
    report.case(SUBJECT, "a dead token has a fixture", dead.then_some(()).ok_or_else(none));
    for (case, answer, expect) in &suite.token_failures {
        report.case(SUBJECT, case, try_failure(harness, answer, *expect).await);
    }
    if let Some(fixture) = &suite.revoke {
        report.case(SUBJECT, "a grant is given back", revoke(harness, fixture).await);
    }
}

/// Reads a token response as the daemon does; the outer error is a panic or a hang.
pub(super) async fn read(
    harness: &Harness,
    answer: &Canned,
) -> Result<Result<Value, PartnerError>, String> {
    let (partner, reply) = (Arc::clone(&harness.partner), answer.reply());
    guarded(async move { read_token_reply(&*partner, &reply).map(Value::Object) }).await
}

async fn try_failure(harness: &Harness, answer: &Canned, expect: Expect) -> Result<(), String> {
    let outcome = read(harness, answer).await?;
    expect.check(&outcome)?;
    outcome.err().map_or(Ok(()), |error| harness.check_text(&error.to_string()))
}

async fn user_id(harness: &Harness, fixture: &TokenFixture, token: Value) -> Result<(), String> {
    harness.server.prepare(fixture.further_answers.clone());
    let (partner, session) = (Arc::clone(&harness.partner), harness.connected());
    let found = guarded(async move { partner.external_user_id(&session, &token).await }).await?;
    let found = found.map_err(|error| error.to_string())?;
    harness.server.received().iter().try_for_each(stays_at_the_api)?;
    if found != fixture.user_id {
        return Err(format!("expected {:?}, got {found:?}", fixture.user_id));
    }
    Ok(())
}

async fn revoke(harness: &Harness, fixture: &RevokeFixture) -> Result<(), String> {
    harness.server.prepare(fixture.answers.clone());
    let (partner, session) = (Arc::clone(&harness.partner), harness.connected());
    let grant = Grant {
        external_user_id: "conformance-user".to_owned(),
        access_token: SecretString::from(ACCESS_TOKEN),
        refresh_token: Some(SecretString::from(REFRESH_TOKEN)),
        now: chrono::DateTime::UNIX_EPOCH,
    };
    let outcome = guarded(async move { partner.revoke(&session, &grant).await }).await?;
    outcome.map_err(|error| error.to_string())?;
    let received = harness.server.received();
    if received.len() != fixture.requests.len() {
        let (made, expected) = (received.len(), fixture.requests.len());
        return Err(format!("{made} calls were made instead of {expected}"));
    }
    for (request, text) in received.iter().zip(&fixture.requests) {
        let sent = format!("{} {} {}", request.method, request.target, request.body);
        if !sent.contains(text.as_str()) {
            return Err(format!("expected a call that holds {text:?}, got {sent}"));
        }
        for secret in [ACCESS_TOKEN, REFRESH_TOKEN, CLIENT_SECRET] {
            if request.target.contains(secret) {
                return Err("a call has a secret in its address".to_owned());
            }
        }
    }
    Ok(())
}
