//! Errors as RFC 9457 problems: a stable type, and a sentence that says what to do.

use std::fmt;
use std::time::Duration;

use actix_web::error::{PathError, QueryPayloadError};
use actix_web::http::{StatusCode, header};
use actix_web::web::{PathConfig, QueryConfig};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::contract::{Mistake, check_query};
use crate::model::RecordId;
use crate::store::StoreError;

/// An error as `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"type": "urn:syncwell:problem:bad-values", "title": "Unprocessable Entity", "status": 422, "detail": "records[7].measurement.value: weight is out of any human range (0.3 to 700 kg)", "errors": [{"pointer": "/records/7/measurement/value", "detail": "weight is out of any human range (0.3 to 700 kg)"}]}))]
pub struct Problem {
    /// The kind of problem; stable, `urn:syncwell:problem:…`.
    #[serde(rename = "type")]
    kind: String,
    /// The HTTP status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened, to what, and what fixes it.
    detail: String,
    #[serde(flatten)]
    members: Box<Members>,
    /// After which time to try again.
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// What a problem may have beside what RFC 9457 names.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(super) struct Members {
    /// All wrong values of the request, the first hundred of more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Mistake>,
    /// The record that is in the way, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    record_id: Option<String>,
    /// The place in the request's list, from 0, of what this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    /// The id of the request, as in `X-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// The longest `detail` in bytes. Some repeat what the caller sent.
const LONGEST_DETAIL: usize = 2_048;

impl Problem {
    /// Creates a problem of type `kind`, a word with hyphens.
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > LONGEST_DETAIL {
            detail.truncate(detail.floor_char_boundary(LONGEST_DETAIL));
            detail.push('…');
        }
        Self {
            kind: format!("urn:syncwell:problem:{kind}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail,
            members: Box::default(),
            retry_after: None,
        }
    }

    /// The same, with the id of its request.
    pub(super) fn of_request(mut self, id: String) -> Self {
        self.members.request_id = Some(id);
        self
    }

    /// It as JSON.
    pub(super) fn body(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The same, with the record that is in the way and the place of the request's own.
    pub(super) fn about(mut self, record: &RecordId, index: Option<usize>) -> Self {
        self.members.record_id = Some(record.to_string());
        self.members.index = index;
        self
    }

    /// The same, with all wrong values of the request.
    pub(super) fn with_errors(mut self, errors: Vec<Mistake>) -> Self {
        self.members.errors = errors;
        self
    }

    /// The same, with the time after which to try again.
    pub(super) fn after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// The HTTP status in words.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// What happened, to what, and what fixes it.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// After which time to try again.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// 400
    pub fn bad_request(kind: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, kind, detail)
    }

    /// 404
    pub fn not_found(kind: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, kind, detail)
    }

    /// 409
    pub fn conflict(kind: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, kind, detail)
    }

    /// 500
    pub(super) fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// 503
    pub fn unavailable(kind: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, detail)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        if self.status == 401 {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if self.status == 415 {
            // RFC 9110 §15.5.16: what would be accepted.
            response.insert_header((header::ACCEPT_ENCODING, "identity"));
        }
        if let Some(wait) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, wait.as_secs().max(1)));
        }
        response.body(self.body())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // The store has already logged this, once.
        if matches!(error, StoreError::Unreachable { .. }) {
            let detail = "the database cannot be reached just now; nothing was done, ask again";
            return Self::unavailable("store", detail);
        }
        // The database's error text helps the administrator, not the host app.
        tracing::error!(%error, "the store failed while answering a request");
        Self::unavailable(
            "store",
            "the database did not do what it was asked; the daemon's log says why",
        )
    }
}

/// Handles invalid path parameters.
pub(super) fn path_config() -> PathConfig {
    PathConfig::default().error_handler(|error, _| {
        let detail = match error {
            PathError::Deserialize(error) => error.to_string(),
            _ => "the address cannot be read".to_owned(),
        };
        Problem::bad_request("bad-address", detail).into()
    })
}

/// Handles invalid query parameters.
pub(super) fn query_config() -> QueryConfig {
    QueryConfig::default().error_handler(|error, request| {
        // The document says it better than a type; the key may still be looked up.
        let by_document = check_query(request).err();
        let problem = by_document.unwrap_or_else(|| {
            let detail = match error {
                QueryPayloadError::Deserialize(error) => format!("in the query: {error}"),
                _ => "the query cannot be read".to_owned(),
            };
            Problem::bad_request("bad-query", detail)
        });
        problem.into()
    })
}
