//! JSON bodies. An empty body counts as `{}`; all that is wrong in one is found at once.

use std::fmt;
use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use super::auth::AppKey;
use super::contract::Input;
use super::{LARGEST_BODY, Problem, State};

/// A request's JSON body, not read yet. It is checked by the OpenAPI document; a type that denies
/// unknown fields says so there.
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
    pub(super) async fn read(self, key: &AppKey, state: &State) -> Result<T, Problem> {
        self.open(key, state).await?.whole()
    }

    /// The same for a handler that adds mistakes of its own to those that the document shows.
    pub(super) async fn open(mut self, _: &AppKey, state: &State) -> Result<Input, Problem> {
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
            if error.as_response_error().status_code() == StatusCode::PAYLOAD_TOO_LARGE {
                let detail = format!(
                    "the body has more than {LARGEST_BODY} bytes (2 MiB); send fewer records at once"
                );
                return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail);
            }
            Problem::bad_request("bad-body", "the body broke off before its end; send it again")
        })?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        Input::read(&self.request, bytes)
    }
}
