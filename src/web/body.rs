//! JSON bodies. An empty body counts as `{}`; unknown fields are refused by name.

use std::fmt;
use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use super::auth::AppKey;
use super::{Problem, State};

/// A request's JSON body, not read yet. Its type must deny unknown fields.
///
/// Extractors run side by side, so an extractor that reads would read for anybody, while the key is
/// still looked up.
pub(super) struct Body<T> {
    request: HttpRequest,
    payload: Payload,
    read_as: PhantomData<T>,
}

impl<T> fmt::Debug for Body<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Body")
    }
}

impl<T> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        ready(Ok(Self { request, payload, read_as: PhantomData }))
    }
}

impl<T: DeserializeOwned> Body<T> {
    /// Reads and parses the body. The key shows that the caller has one: bodies of others are never
    /// read.
    pub(super) async fn read(mut self, _: &AppKey, state: &State) -> Result<T, Problem> {
        let bytes = web::Bytes::from_request(&self.request, &mut self.payload);
        let longest = state.server.body_timeout;
        let bytes = tokio::time::timeout(longest, bytes).await.map_err(|_| {
            let detail = format!(
                "the body had not arrived after {}; send it faster, or raise server.body_timeout \
                 (SYNCWELL__SERVER__BODY_TIMEOUT)",
                humantime::format_duration(longest)
            );
            Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", detail)
        })?;
        let bytes = bytes.map_err(|error| {
            let status = error.as_response_error().status_code();
            let kind =
                if status == StatusCode::PAYLOAD_TOO_LARGE { "too-large" } else { "bad-body" };
            Problem::new(status, kind, "the body cannot be read: it broke off or is too large")
        })?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let parsed = serde_json::from_slice(bytes);
        parsed.map_err(|error| Problem::bad_request("bad-body", format!("in the body: {error}")))
    }
}
