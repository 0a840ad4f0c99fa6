//! What partners send to us.
//!
//! Anyone can call. Who does not know the last part of the address learns nothing and costs nothing;
//! who knows it is read by the partner's code, which checks signatures. A notification is answered once
//! its hint is stored; one that cannot be stored in the partner's time is answered with 503, so that the
//! partner sends it again, and kept in memory all the same. Nothing of a call is logged.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, get, head, post, web};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use partner_sdk::{About, Callback, Hint, Received};
use tokio::time::Instant;
use tracing::Instrument;

use super::{Problem, State, methods};
use crate::actors::Notified;
use crate::installed::InstalledPartner;
use crate::reception::Reception;
use crate::store::{self, StoreError};
use crate::telemetry::traces::TraceContext;

/// How long before the end of the partner's time the answer leaves.
const MARGIN: Duration = Duration::from_millis(500);

/// How long after a failure a hint in memory is stored again.
const STORE_AGAIN: Duration = Duration::from_secs(1);

/// A part of a handshake of a partner that sends notifications. The last part of the address is a secret;
/// `syncwell partner list` prints the address where it must be entered by hand.
#[utoipa::path(tag = "notifications", operation_id = "answer_handshake", params(
    ("partner" = String, Path, description = "The partner's name"),
    ("secret" = String, Path, description = "The secret part of the address"),
), responses(
    (status = 200, description = "What the partner asks for"),
    (status = 400, description = "Not of the form that the partner documents"),
    (status = 404, description = "There is no such address", body = Problem),
))]
#[get("/notifications/{partner}/{secret}")]
pub(super) async fn shake(
    request: HttpRequest,
    body: web::Payload,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    receive(&request, body, &path, Method::GET, state).await
}

/// Partners check so that the address exists.
#[utoipa::path(tag = "notifications", operation_id = "check_notification_address", params(
    ("partner" = String, Path, description = "The partner's name"),
    ("secret" = String, Path, description = "The secret part of the address"),
), responses(
    (status = 200, description = "It exists"),
    (status = 404, description = "There is no such address", body = Problem),
))]
#[head("/notifications/{partner}/{secret}")]
pub(super) async fn look(
    request: HttpRequest,
    body: web::Payload,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    receive(&request, body, &path, Method::HEAD, state).await
}

/// A partner announces that something changed. It is answered once that is stored; then the users'
/// connections are polled.
#[utoipa::path(tag = "notifications", operation_id = "receive_notification", params(
    ("partner" = String, Path, description = "The partner's name"),
    ("secret" = String, Path, description = "The secret part of the address"),
), responses(
    (status = 200, description = "Taken; some partners want 204"),
    (status = 204, description = "Taken"),
    (status = 400, description = "Not of the form that the partner documents"),
    (status = 404, description = "There is no such address, or the signature is wrong", body = Problem),
    (status = 408, description = "The body took longer to arrive than the partner waits for an answer"),
    (status = 413, description = "The body is longer than any of the partner's"),
    (status = 503, description = "It could not be stored in time: send it again"),
))]
#[post("/notifications/{partner}/{secret}")]
pub(super) async fn notify(
    request: HttpRequest,
    body: web::Payload,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    receive(&request, body, &path, Method::POST, state).await
}

/// The same where a partner appends something to the address.
pub(super) async fn with_tail(
    request: HttpRequest,
    body: web::Payload,
    path: web::Path<(String, String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    let Ok(method) = Method::from_bytes(request.method().as_str().as_bytes()) else {
        return methods::no_such_address(&request);
    };
    let (partner, secret, _) = path.into_inner();
    receive(&request, body, &(partner, secret), method, state).await
}

async fn receive(
    request: &HttpRequest,
    body: web::Payload,
    (partner, secret): &(String, String),
    method: Method,
    state: web::Data<State>,
) -> HttpResponse {
    let came_at = Instant::now();
    let reception = state.shared.receptions.of(partner).filter(|it| it.admits(secret));
    let (Some(reception), Some(spec)) = (reception, state.directory.spec(partner)) else {
        return methods::no_such_address(request);
    };
    let within = reception.rules.answer_within;
    let until = came_at + within.saturating_sub(MARGIN.min(within / 4));
    let metrics = state.shared.metrics.partner(spec.name()).cloned();
    let (answer, outcome) =
        received(request, body, method, spec, reception, state.clone(), until).await;
    if let Some(metrics) = metrics {
        metrics.received(outcome, came_at.elapsed());
    }
    answer
}

/// Answers a call, and says in a word what became of it.
async fn received(
    request: &HttpRequest,
    body: web::Payload,
    method: Method,
    spec: &Arc<InstalledPartner>,
    reception: &Arc<Reception>,
    state: web::Data<State>,
    until: Instant,
) -> (HttpResponse, &'static str) {
    let body = match read(request, body, reception.rules.longest_body, until).await {
        Ok(body) => body,
        Err(status) => {
            let why = "its body was too long or too slow";
            return (refused(spec, reception, status, why), "refused");
        }
    };
    match understood(request, &body, method, spec, reception, &state) {
        Some(Received::Hints(hints)) => {
            take(hints, Arc::clone(spec), Arc::clone(reception), state, until).await
        }
        Some(Received::Handshake(answer)) => {
            reception.counts.handshakes.add();
            let mut response = HttpResponse::build(status_of(answer.status));
            let response = match answer.json {
                Some(json) => response.content_type("application/json").body(json),
                None => response.finish(),
            };
            (response, "handshake")
        }
        Some(Received::Refused { status, why }) => {
            (refused(spec, reception, status_of(status), why), "refused")
        }
        None => {
            let why = "the partner's code panicked; the log has the place";
            (refused(spec, reception, StatusCode::BAD_REQUEST, why), "refused")
        }
    }
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
}

/// Answers a call that is not the partner's. The log folds the lines, and has nothing of the call.
fn refused(
    spec: &InstalledPartner,
    reception: &Reception,
    status: StatusCode,
    why: &'static str,
) -> HttpResponse {
    reception.counts.refused.add();
    tracing::warn!(
        partner.name = spec.name(),
        status = status.as_u16(),
        why,
        "a notification was refused"
    );
    HttpResponse::build(status).finish()
}

/// Reads the body, as long and as slow as the partner's may be.
async fn read(
    request: &HttpRequest,
    mut body: web::Payload,
    longest: usize,
    until: Instant,
) -> Result<Vec<u8>, StatusCode> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > longest) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let read = async {
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| StatusCode::BAD_REQUEST)?;
            if bytes.len() + chunk.len() > longest {
                return Err(StatusCode::PAYLOAD_TOO_LARGE);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout_at(until, read).await.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
}

/// What the partner's code makes of a call; `None` if it panics.
fn understood(
    request: &HttpRequest,
    body: &[u8],
    method: Method,
    spec: &InstalledPartner,
    reception: &Reception,
    state: &State,
) -> Option<Received> {
    let notifier = spec.partner.notifier()?;
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    let issued_secret = reception.issued_secret();
    let callback = Callback {
        method: &method,
        query: &query,
        headers: &headers,
        body,
        client_secret: &spec.credentials.client_secret,
        secret: reception.secret(),
        issued_secret: issued_secret.as_ref(),
        now: state.now(),
    };
    catch_unwind(AssertUnwindSafe(|| notifier.read(&callback))).ok()
}

/// Stores hints and answers, in the partner's time. What is begun goes on if the caller hangs up.
async fn take(
    hints: Vec<Hint>,
    spec: Arc<InstalledPartner>,
    reception: Arc<Reception>,
    state: web::Data<State>,
    until: Instant,
) -> (HttpResponse, &'static str) {
    let taken = status_of(reception.rules.taken);
    if hints.is_empty() {
        reception.counts.take(state.now());
        return (HttpResponse::build(taken).finish(), "taken");
    }
    let counts = Arc::clone(&reception);
    let stored = actix_rt::spawn(store(hints, spec, reception, state).in_current_span());
    match tokio::time::timeout_at(until, stored).await {
        Ok(Ok(Some(outcome))) => (HttpResponse::build(taken).finish(), outcome),
        _ => {
            counts.counts.late.add();
            let mut response = HttpResponse::ServiceUnavailable();
            (response.insert_header((header::RETRY_AFTER, 5)).finish(), "late")
        }
    }
}

/// Stores hints and tells the partner's actor. Returns what became of them in a word, if that worked.
async fn store(
    hints: Vec<Hint>,
    spec: Arc<InstalledPartner>,
    reception: Arc<Reception>,
    state: web::Data<State>,
) -> Option<&'static str> {
    let mut accounts: Vec<String> = hints.iter().map(|it| it.external_user_id.clone()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    match notified(&hints, accounts.clone(), &spec, &state).await {
        Ok(connections) if connections.is_empty() => {
            reception.counts.unknown_user.add();
            Some("unknown_user")
        }
        Ok(_) => {
            reception.counts.take(state.now());
            Some("taken")
        }
        Err(error) => {
            tracing::warn!(partner.name = spec.name(), %error, "a notification could not be stored; it is kept in memory and tried again");
            if reception.keep_unstored(accounts) {
                actix_rt::spawn(store_again(spec, reception, state));
            }
            None
        }
    }
}

async fn notified(
    hints: &[Hint],
    accounts: Vec<String>,
    spec: &InstalledPartner,
    state: &State,
) -> Result<Vec<crate::model::ConnectionId>, StoreError> {
    let (partner, store) = (spec.name(), state.store());
    let mut delivered = Vec::new();
    for hint in hints {
        if let About::Data { feed, payload } = &hint.about {
            delivered.push(store.seal_delivered(partner, &hint.external_user_id, feed, payload)?);
        }
    }
    let unit = store::Notified { partner, accounts, delivered, at: state.now() };
    let connections = store.notified(unit).await?;
    fail::fail_point!("notifications::stored", |_| std::process::abort());
    // An actor that is being restarted finds in the store that they are due.
    if let Some(actor) = state.directory.actor(partner).filter(|_| !connections.is_empty()) {
        let trace = TraceContext::current();
        actor.do_send(Notified { connections: connections.clone(), trace });
    }
    Ok(connections)
}

/// Stores what is kept in memory, until nothing is left.
async fn store_again(
    spec: Arc<InstalledPartner>,
    reception: Arc<Reception>,
    state: web::Data<State>,
) {
    loop {
        actix_rt::time::sleep(STORE_AGAIN).await;
        let accounts = reception.unstored();
        if notified(&[], accounts.clone(), &spec, &state).await.is_ok()
            && !reception.stored(&accounts)
        {
            return;
        }
    }
}
