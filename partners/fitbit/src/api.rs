//! The conventions of every call: failures, tokens, limits, writes.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use partner_sdk::chrono::{DateTime, Timelike};
use partner_sdk::rust_decimal::RoundingStrategy;
use partner_sdk::secrecy::ExposeSecret;
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Counts, Decimal, Grant, HeaderMap, LimitReading, LimitScope, PartnerError, PushRequest, Pushed,
    Reply, Session, Tz, header, standard_token_reply,
};

/// The window of the rate limit.
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// What an answer of the data API means. "Error Messages": a list of errors, each with a type,
/// instead of the single code of RFC 6749; the same at the token address.
pub(crate) fn read_error(reply: &Reply) -> Option<PartnerError> {
    let error = error_type(reply);
    match (reply.status, error.as_deref()) {
        (410, _) => Some(gone()),
        // "Rate Limits": the limit of one user. The answer gives the wait in one of two headers.
        (429, _) => {
            let reset = read_limits(&reply.headers).first().and_then(|limit| limit.resets_in);
            let wait = reply.retry_after().or(reset);
            Some(PartnerError::RateLimited { scope: LimitScope::Connection, wait })
        }
        (401, Some("invalid_client")) => Some(client_not_accepted()),
        (403, Some("insufficient_scope")) => {
            Some(PartnerError::MissingScope("the user has not ticked it on Fitbit's page".into()))
        }
        // "Read-only API client is not authorized to update resources".
        (403, Some("insufficient_permissions")) => {
            Some(PartnerError::MissingScope("the application is registered as read-only".into()))
        }
        _ => None,
    }
}

/// Reads a token answer. "Refresh Token": a refresh token is valid for one call; the same call
/// repeated within about two minutes is said to have the same answer.
pub(crate) fn read_token(reply: &Reply) -> Result<Value, PartnerError> {
    let error = error_type(reply);
    match (reply.status, error.as_deref()) {
        // Also within HTTP 200 (seen in the field).
        (_, Some("invalid_grant" | "invalid_token" | "expired_token")) => Err(
            PartnerError::Unauthorized("the code or refresh token is not valid any more".into()),
        ),
        (_, Some("invalid_client" | "unauthorized_client")) => Err(client_not_accepted()),
        (410, _) => Err(gone()),
        // API description: several clients refresh the same token. The result of the other refresh
        // is available a moment later.
        (409, _) => Err(PartnerError::Transient("the token is being refreshed elsewhere".into())),
        (408 | 425 | 429 | 500.., _) | (_, None) => standard_token_reply(reply),
        (_, Some(_)) => Err(PartnerError::Malformed("the token request was not accepted".into())),
    }
}

fn error_type(reply: &Reply) -> Option<String> {
    let body: Value = reply.json().ok()?;
    body.pointer("/errors/0/errorType")?.as_str().map(ToOwned::to_owned)
}

fn gone() -> PartnerError {
    PartnerError::Gone("the Fitbit Web API was turned off; its successor is Google Health".into())
}

fn client_not_accepted() -> PartnerError {
    PartnerError::Malformed(
        "the client id or secret is not accepted; check client_id and client_secret".into(),
    )
}

/// For a change that Fitbit has no call for.
pub(crate) fn not_taken() -> PartnerError {
    PartnerError::Rejected("Fitbit has no call for such a change".into())
}

/// "Rate Limits": the headers of every answer. They are approximate: the count may lag a little
/// behind the calls.
pub(crate) fn read_limits(headers: &HeaderMap) -> Vec<LimitReading> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    let limits = (number("fitbit-rate-limit-limit"), number("fitbit-rate-limit-remaining"));
    let (Some(calls), Some(remaining)) = limits else { return Vec::new() };
    let seconds = number("fitbit-rate-limit-reset").map(u64::from);
    vec![LimitReading {
        scope: LimitScope::Connection,
        per: HOUR,
        counts: Counts::All,
        calls,
        used: calls.saturating_sub(remaining),
        resets_in: seconds.map(Duration::from_secs),
    }]
}

/// "Revoke Token": RFC 7009 with the client credentials in the header; either token ends the whole
/// grant.
pub(crate) async fn revoke(session: &Session, grant: &Grant) -> Result<(), PartnerError> {
    let Some(url) = &session.endpoints().revoke_url else { return Ok(()) };
    let client = session.credentials();
    let pair = format!("{}:{}", client.client_id, client.client_secret.expose_secret());
    let token = grant.refresh_token.as_ref().unwrap_or(&grant.access_token);
    session
        .post_url(url)
        .anonymous()
        .header(header::AUTHORIZATION, &format!("Basic {}", STANDARD.encode(pair)))
        .form(&[("token", token.expose_secret())])
        .send()
        .await
        .map(drop)
}

/// Deletes the entry `/1/user/-/{log}/{id}.json`, where `id` is the second part of the source id.
pub(crate) async fn delete(
    session: &Session,
    log: &str,
    source_id: &str,
) -> Result<Pushed, PartnerError> {
    let id = source_id.split('/').nth(1).and_then(|id| id.parse::<i64>().ok());
    let id = id.ok_or(PartnerError::Rejected("it is not an entry of Fitbit".into()))?;
    session.delete(&format!("/1/user/-/{log}/{id}.json")).remove().await?;
    Ok(Pushed::Gone)
}

/// Returns when the record began, in the user's wall time and whole seconds, as Fitbit stores it.
pub(crate) fn wall_start(request: &PushRequest) -> DateTime<Tz> {
    let start = request.record.start.at.with_timezone(&request.time_zone);
    start.with_nanosecond(0).unwrap_or(start)
}

/// Returns `value` rounded to at most `places` decimal places.
pub(crate) fn rounded(value: Decimal, places: u32) -> Decimal {
    value.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero).normalize()
}
