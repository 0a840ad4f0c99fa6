//! The path of one call through a partner: counted, checked for faults and limits, answered, sent.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::Value;

use crate::authorize;
use crate::call::{Answer, Call, Params};
use crate::clock::Clock;
use crate::connection::{Broken, Line};
use crate::faults::{Fault, Verdict, halve_emoji};
use crate::limits::LimitedBy;
use crate::notifications::{EndedBy, Probe, send};
use crate::pages;
use crate::partner::{Desk, Partner};
use crate::token_calls::TokenCallId;
use crate::under_way::{CallKind, UnderWay};

/// A partner as its routes see it.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub(crate) partner: Arc<Partner>,
    pub(crate) clock: Arc<Clock>,
}

/// The longest time a call hangs.
const LONGEST_HANG: Duration = Duration::from_secs(600);

/// Handles every call to a partner's API.
pub(crate) async fn api(front: Data<Front>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let Some(served) = in_time(&front, &request, &body).await else { return hang_up(&request) };
    let Served { mut answer, verdict, under_way, token_call, probe } = served;
    if let Some(probe) = probe {
        let headers = std::mem::take(&mut answer.headers);
        answer = probed(&front, probe).await;
        answer.headers.extend(headers);
    }
    if verdict.delay_ms > 0 {
        actix_rt::time::sleep(Duration::from_millis(verdict.delay_ms)).await;
    }
    if let Some(call) = token_call {
        front.partner.lock().token_calls.sent(call, front.clock.elapsed());
    }
    let mut response = match verdict.fault {
        Some(Fault::Truncated) => truncated(answer),
        Some(Fault::CutJson) => {
            let half = answer.body.len() / 2;
            let mut answer = answer;
            answer.body.truncate(half);
            respond(answer)
        }
        Some(Fault::HalfEmoji { field }) => {
            let body = halve_emoji(&answer.body, &field);
            respond(Answer { body, ..answer })
        }
        Some(Fault::Preceded { by }) => {
            let body = [by.as_bytes(), &answer.body].concat();
            respond(Answer { body, ..answer })
        }
        Some(Fault::Hang) => {
            actix_rt::time::sleep(LONGEST_HANG).await;
            hang_up(&request)
        }
        Some(Fault::Close) => hang_up(&request),
        _ => respond(answer),
    };
    drop(under_way);
    if let Some(date) = date(front.clock.now()) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

/// Serves a call, later if it lies in a queue: in a task of its own, which goes on if the caller goes.
async fn in_time(front: &Data<Front>, request: &HttpRequest, body: &Bytes) -> Option<Served> {
    let path = below_name(front.partner.wire.name(), request);
    let is_write = !matches!(request.method().as_str(), "GET" | "HEAD");
    let late = if is_write { front.partner.lock().faults.late(path) } else { None };
    let Some(ms) = late else { return Some(serve(front, request, body)) };
    let (front, request, body) = (front.clone(), request.clone(), body.clone());
    let serving = actix_rt::spawn(async move {
        actix_rt::time::sleep(Duration::from_millis(ms)).await;
        serve(&front, &request, &body)
    });
    serving.await.ok()
}

/// The path below the partner's address.
fn below_name<'a>(name: &str, request: &'a HttpRequest) -> &'a str {
    let path = request.path().strip_prefix('/').and_then(|path| path.strip_prefix(name));
    path.unwrap_or_default()
}

/// Asks the application first, as the partner does during some calls.
async fn probed(front: &Front, probe: Probe) -> Answer {
    let mut heard = Vec::with_capacity(probe.requests.len());
    for request in probe.requests {
        heard.push(send(request).await);
    }
    let partner = &*front.partner;
    let mut guard = partner.lock();
    let (state, now) = (&mut *guard, front.clock.now());
    let lifetimes = state.token_rules.of(partner.wire);
    let mut desk = Desk { app: &partner.app, state, lifetimes, now, probe: None };
    let answer = (probe.then)(&mut desk, &heard);
    partner.settle(state, None, EndedBy::Application, now);
    answer
}

/// The `Date` of an answer (RFC 9110 §5.6.7), by the sandbox's clock.
fn date(seconds: i64) -> Option<HeaderValue> {
    let at = chrono::DateTime::from_timestamp(seconds, 0)?;
    HeaderValue::from_str(&at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}

/// A call that has had its effect, and whose answer is not sent yet.
struct Served {
    answer: Answer,
    verdict: Verdict,
    under_way: UnderWay,
    token_call: Option<TokenCallId>,
    probe: Option<Probe>,
}

/// The part that runs under the lock. Order: count, faults, limits, the partner itself.
fn serve(front: &Front, request: &HttpRequest, body: &Bytes) -> Served {
    let partner = &*front.partner;
    let wire = partner.wire;
    let header =
        |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_form = header(CONTENT_TYPE)
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let path = below_name(wire.name(), request);
    let mut call = Call {
        method: request.method().as_str(),
        url: format!("http://{}{}", request.connection_info().host(), request.path()),
        path,
        params: Params::read(request.query_string(), if is_form { body } else { &[] }),
        authorization: header(AUTHORIZATION),
        bearer: header(AUTHORIZATION).and_then(bearer),
        content_type: header(CONTENT_TYPE),
        body,
        accept: header(ACCEPT),
        if_modified_since: header(IF_MODIFIED_SINCE),
        subscriber_id: header(HeaderName::from_static("x-fitbit-subscriber-id")),
    };

    let mut guard = partner.lock();
    let state = &mut *guard;
    // Read under the lock, so that the windows see times in order whichever thread runs first.
    let now = front.clock.now();
    let now_us = front.clock.monotonic_us();
    state.counts.call(wire.route(path));
    let paths = wire.paths();
    let is_for_tokens =
        [Some(paths.token), paths.revoke, paths.request_token].contains(&Some(path));
    if call.method != "GET" && !is_for_tokens {
        state.counts.write(call.method, wire.route(path));
    }
    let app_limit = state.limits.app;
    let app_wait =
        state.calls.count(now_us, app_limit.map_or(60, |limit| limit.seconds), app_limit);
    let caller = wire.caller(&call, state);
    let mut account = caller.and_then(|number| state.accounts.get_mut(number));
    let account_limit = state.limits.account;
    let account_wait = account
        .as_mut()
        .zip(account_limit)
        .and_then(|(account, limit)| account.calls.count(now_us, limit.seconds, Some(limit)));
    let is_read = matches!(call.method, "GET" | "HEAD");
    let standings = state.fixed.count(&state.limits.fixed, now, is_read, caller);
    let under_way = UnderWay::begin(
        &partner.under_way,
        CallKind::of(&call, is_for_tokens),
        account.as_ref().map(|account| account.in_flight.clone()),
        &partner.most_in_flight,
    );
    let name = account.as_ref().map(|account| account.name.as_str());
    let mut verdict = state.faults.judge(path, call.params.get("action"), name);
    verdict.delay_ms = verdict.delay_ms.saturating_add(partner.latency_ms);
    state.counts.faulted += u64::from(verdict.fault.is_some());
    if verdict.fault == Some(Fault::RefuseToken) {
        call.bearer = Some("refused");
    }

    if let Some(answer) = verdict.fault.as_ref().and_then(|fault| instead(partner, fault)) {
        return Served { answer, verdict, under_way, token_call: None, probe: None };
    }
    let fixed_wait = standings.iter().filter(|standing| standing.over).map(|standing| {
        let by = if standing.limit.per_account { LimitedBy::Account } else { LimitedBy::App };
        (by, standing.resets_in.unsigned_abs() * 1_000_000)
    });
    let limited = app_wait
        .map(|wait| (LimitedBy::App, wait))
        .or(account_wait.map(|wait| (LimitedBy::Account, wait)))
        .or(fixed_wait.max_by_key(|(_, wait)| *wait));
    let mut probe = None;
    let mut answer = if let Some((by, wait)) = limited {
        state.counts.rejected += 1;
        wire.limited(by, wait)
    } else {
        let lifetimes = state.token_rules.of(wire);
        let mut desk = Desk { app: &partner.app, state, lifetimes, now, probe: None };
        let answer = wire.answer(&mut desk, &call);
        probe = desk.probe.take();
        partner.settle(state, caller, EndedBy::Application, now);
        answer
    };
    let token_call = if path == paths.token {
        let code = || state.codes.owner(call.params.get("code")?);
        let owner = call.params.get("refresh_token").and_then(|old| state.tokens.owner(old));
        let account = owner.or_else(code);
        account.and_then(|it| state.token_calls.add(it, &call, &answer, front.clock.elapsed()))
    } else {
        state.token_calls.uses(call.bearer);
        None
    };
    answer.headers.extend(wire.limit_headers(&standings));
    if let Some(Fault::TokenFields { fields }) = &verdict.fault {
        set_token_fields(&mut answer, fields);
    }
    Served { answer, verdict, under_way, token_call, probe }
}

/// Replaces members of the object that holds the access token, wherever the partner puts it.
fn set_token_fields(answer: &mut Answer, fields: &serde_json::Map<String, Value>) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return };
    let holds = |value: &Value| value.get("access_token").is_some();
    let nested = body.get("body").is_some_and(holds);
    let target = if nested { body.get_mut("body") } else { Some(&mut body) };
    if let Some(object) = target.and_then(Value::as_object_mut) {
        object.extend(fields.clone());
        answer.body = body.to_string().into_bytes();
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The answer of a fault that prevents the call from being served.
fn instead(partner: &Partner, fault: &Fault) -> Option<Answer> {
    match fault {
        Fault::Status { status, body, content_type, retry_after } => {
            let content_type =
                content_type.clone().unwrap_or_else(|| "text/plain; charset=utf-8".to_owned());
            let answer = Answer::new(*status, content_type, body.as_bytes());
            Some(match retry_after {
                Some(seconds) => answer.with_header("Retry-After", seconds.to_string()),
                None => answer,
            })
        }
        Fault::PartnerError { status, body } => Some(partner.wire.error(*status, body)),
        Fault::Html => Some(pages::outage()),
        Fault::Page { status } => Some(Answer { status: *status, ..pages::outage() }),
        Fault::Empty => Some(Answer::new(200, "application/json", "")),
        Fault::Hang | Fault::Close => Some(Answer::bare(503)),
        Fault::Circle { pages } => {
            let page = pages.first().map(serde_json::Value::to_string).unwrap_or_default();
            Some(Answer::new(200, "application/json", page.as_bytes()))
        }
        Fault::Latency { .. }
        | Fault::Late { .. }
        | Fault::Truncated
        | Fault::CutJson
        | Fault::RefuseToken
        | Fault::TokenFields { .. }
        | Fault::HalfEmoji { .. }
        | Fault::Preceded { .. } => None,
    }
}

pub(crate) fn respond(answer: Answer) -> HttpResponse {
    head(&answer).body(answer.body)
}

fn head(answer: &Answer) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if !answer.content_type.is_empty() {
        response.insert_header((CONTENT_TYPE, answer.content_type.as_ref()));
    }
    for (name, value) in &answer.headers {
        response.insert_header((*name, value.as_str()));
    }
    response
}

/// Promises more bytes than it sends. The pause lets the first half leave before the connection
/// closes.
fn truncated(answer: Answer) -> HttpResponse {
    let promised = answer.body.len() as u64 + 64;
    let mut response = head(&answer);
    let half = answer.body.len() / 2;
    let mut sent = answer.body;
    sent.truncate(half);
    response.body(Broken::new(promised, sent.into())).map_into_boxed_body()
}

/// Closes the connection, so that the answer never arrives.
fn hang_up(request: &HttpRequest) -> HttpResponse {
    if let Some(line) = request.conn_data::<Line>() {
        line.cut();
    }
    HttpResponse::ServiceUnavailable().force_close().finish()
}

/// `GET` on the authorize address.
pub(crate) async fn show_consent(front: Data<Front>, request: HttpRequest) -> HttpResponse {
    respond(authorize::show(&front.partner, &Params::read(request.query_string(), &[])))
}

/// `POST` on the authorize address.
pub(crate) async fn decide_consent(
    front: Data<Front>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    let query = Params::read(request.query_string(), &[]);
    respond(authorize::decide(&front.partner, &front.clock, &query, &Params::read("", &body)))
}
