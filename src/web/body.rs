//! JSON bodies. An empty body counts as `{}`; unknown fields are refused by name.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use super::Problem;

/// A request's JSON body. Its type must deny unknown fields.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let bytes = bytes.await.map_err(|error| {
                let status = error.as_response_error().status_code();
                let kind =
                    if status == StatusCode::PAYLOAD_TOO_LARGE { "too-large" } else { "bad-body" };
                Problem::new(status, kind, "the body cannot be read: it broke off or is too large")
            })?;
            let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
            let parsed = serde_json::from_slice(bytes).map(Self);
            parsed
                .map_err(|error| Problem::bad_request("bad-body", format!("in the body: {error}")))
        })
    }
}
