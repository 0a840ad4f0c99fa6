//! Authentication of callers: `Authorization: Bearer <key>`.
//!
//! The extractors decide by the method what a key must be allowed: whatever is not read by `GET` or `HEAD` changes
//! something. So no new call can forget it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, web};
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::SecretString;

use super::contract::check_query;
use super::rates::Left;
use super::refused_keys::TOLERATED;
use super::{Problem, State, audit};
use crate::keys;
use crate::store::KeyScope;

/// The caller has a valid key that may do such a call. Only made here: whoever holds it has checked.
#[derive(Debug)]
pub(super) struct AppKey(());

/// The same for a call of the administrator.
#[derive(Debug)]
pub(super) struct AdminKey;

/// When a minute with unknown keys is over, and a little more.
const REPORT_AFTER: Duration = Duration::from_secs(61);

/// Checks that the caller has a key for such a call.
async fn check_key(request: HttpRequest, is_admin: bool) -> Result<(), Problem> {
    let refuse = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, "no-key", detail);
    let Some(state) = request.app_data::<web::Data<State>>().cloned() else {
        return Err(refuse("the daemon is not ready"));
    };
    let Some(key) = bearer(&request) else {
        return Err(refuse(
            "send `Authorization: Bearer KEY`; make a key with `syncwell key create --scope app`",
        ));
    };
    let id = keys::id_of(key).unwrap_or_default();
    let known = match id {
        "" => None,
        id => state.store().known_key(id.to_owned(), &SecretString::from(key)).await?,
    };
    let known = known.ok_or_else(|| unknown_key(&request, &state))?;
    if let Some(at) = known.expired(state.now()) {
        return Err(expired_key(id, known.scope, at));
    }
    audit::by_key(&request, id);
    state.store().key_used(id, state.now());
    count_call(id, &request, &state)?;
    let needed = KeyScope::needed(is_admin, !request.method().is_safe());
    if !known.scope.covers(needed) {
        return Err(scope_too_small(known.scope, needed));
    }
    check_request(&request)
}

/// A key that was good until then.
fn expired_key(id: &str, scope: KeyScope, at: DateTime<Utc>) -> Problem {
    let (at, scope) = (at.format("%Y-%m-%d %H:%M"), scope.name());
    let detail = format!(
        "the key {id} expired on {at} UTC; make a new one with `syncwell key create --scope {scope}`"
    );
    Problem::new(StatusCode::UNAUTHORIZED, "expired-key", detail)
}

/// A key that is good, but not for this.
fn scope_too_small(has: KeyScope, needed: KeyScope) -> Problem {
    let name = needed.name();
    // The scope of a key cannot be changed.
    let mend = format!("`syncwell key create --scope {name}`");
    let (kind, detail) = if needed.is_admin() && !has.is_admin() {
        (
            "not-admin",
            format!("this needs a key of scope {name}, and this one has {}: {mend}", has.name()),
        )
    } else {
        let detail = format!(
            "this changes something and needs a key of scope {name}; this one has {}, which only reads: {mend}",
            has.name()
        );
        ("read-only-key", detail)
    };
    Problem::new(StatusCode::FORBIDDEN, kind, detail)
}

/// Counts a call of a good key.
fn count_call(id: &str, request: &HttpRequest, state: &State) -> Result<(), Problem> {
    let Some((left, answer)) = state.call_rates.count(id, state.now()) else { return Ok(()) };
    left.show(request);
    answer.map_err(|wait| {
        let wait = Duration::from_secs(wait.as_secs() + 1);
        let detail = format!(
            "this key has made more than {} calls in a minute; wait for {}, or raise \
             server.requests_per_minute_per_key (SYNCWELL__SERVER__REQUESTS_PER_MINUTE_PER_KEY)",
            state.call_rates.quota(),
            humantime::format_duration(wait)
        );
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-calls", detail).after(wait)
    })
}

/// What the caller identifies itself with.
pub(super) fn bearer(request: &HttpRequest) -> Option<&str> {
    let header = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// What is looked at only once it is known who calls.
pub(super) fn check_request(request: &HttpRequest) -> Result<(), Problem> {
    refuse_encoding(request)?;
    check_query(request)
}

/// Counts a key that is not known; returns how long its sender should wait, if there were too many. Good
/// keys are looked up all the same: callers behind one proxy share an address.
pub(super) fn count_unknown_key(request: &HttpRequest, state: &State) -> Option<Duration> {
    let from = request.peer_addr().map(|address| address.ip());
    let refusal = state.refused_keys.count(from, state.now());
    let (policy, quota) = ("unknown-keys", TOLERATED);
    Left { policy, quota, calls: refusal.left, full_after: refusal.ends_after }.show(request);
    if refusal.begins {
        let state = state.clone();
        actix_web::rt::spawn(async move {
            tokio::time::sleep(REPORT_AFTER).await;
            state.refused_keys.report(state.now());
        });
    }
    refusal.wait
}

fn unknown_key(request: &HttpRequest, state: &State) -> Problem {
    let detail =
        "the key is not known or was revoked; make one with `syncwell key create --scope app`";
    match count_unknown_key(request, state) {
        None => Problem::new(StatusCode::UNAUTHORIZED, "no-key", detail),
        Some(wait) => {
            let detail = format!("{detail}. Too many such keys came from this address; wait");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-keys", detail).after(wait)
        }
    }
}

/// Bodies are never unpacked: a megabyte may stand for a gigabyte.
fn refuse_encoding(request: &HttpRequest) -> Result<(), Problem> {
    let mut encodings = request.headers().get_all(header::CONTENT_ENCODING);
    let is_plain = |value: &header::HeaderValue| {
        value.is_empty() || value.as_bytes().eq_ignore_ascii_case(b"identity")
    };
    if encodings.all(is_plain) {
        return Ok(());
    }
    let detail = "bodies are read as they are; send it without Content-Encoding";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "packed-body", detail))
}

impl FromRequest for AppKey {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { check_key(request, false).await.map(|()| Self(())) })
    }
}

impl FromRequest for AdminKey {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { check_key(request, true).await.map(|()| Self) })
    }
}
