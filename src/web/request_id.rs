//! A name for every request, in its answer and in what is logged meanwhile: whoever reports a problem
//! can name it, and its lines are found.

use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use tracing::Instrument;
use tracing::field::Empty;
use uuid::Uuid;

use super::{Problem, State};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most bytes of a caller's own.
const LONGEST: usize = 128;

/// The middleware. The id is the caller's, if it sent a sane one.
pub(super) async fn name_requests(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let sent = request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok());
    let id = match sent.filter(|id| is_sane(id)) {
        Some(id) => id.to_owned(),
        None => Uuid::now_v7().to_string(),
    };
    // Of the highest level, so that no filter leaves it out; without the path, which names users.
    let span = tracing::error_span!(
        "request",
        request.id = id,
        http.request.method = Empty,
        http.route = Empty,
        http.response.status_code = Empty
    );
    let metrics = request.app_data::<web::Data<State>>().map(|it| Arc::clone(&it.shared.metrics));
    let began = Instant::now();
    let mut answer = next.call(request).instrument(span.clone()).await?.map_into_boxed_body();
    // Only for the trace, at its end: lines of the log need not repeat it. The pattern names no user.
    span.record("http.request.method", answer.request().method().as_str());
    span.record("http.route", answer.request().match_pattern());
    span.record("http.response.status_code", i64::from(answer.status().as_u16()));
    if let Some(metrics) = metrics {
        metrics.http.answered(answer.status().as_u16(), began.elapsed());
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    let problem = answer.response().error().and_then(|error| error.as_error::<Problem>()).cloned();
    Ok(match problem {
        Some(problem) => answer.map_body(|_, _| BoxBody::new(problem.of_request(id).body())),
        None => answer,
    })
}

/// Whether it can stand in a header, a log and a terminal.
fn is_sane(id: &str) -> bool {
    let is_sane = |letter: char| letter.is_ascii_alphanumeric() || "-_.:".contains(letter);
    (1..=LONGEST).contains(&id.len()) && id.chars().all(is_sane)
}
