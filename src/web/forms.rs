//! Forms of pages: how they are read, and the token by which a page shows that a form is its own. The token
//! is made from the secret in the browser's cookie, so no other site can send a form.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use super::{Problem, State};
use crate::vault::{hex, secret_digest};

/// The largest form in bytes.
const LARGEST: usize = 64 * 1_024;

/// The name of the field with the token.
const TOKEN: &str = "form_token";

/// What the forms of somebody with this secret carry. `of` is what the secret is for.
pub(super) fn token(of: &str, secret: &SecretString) -> String {
    hex(&secret_digest(&format!("{of} {}", secret.expose_secret())))
}

/// A form's body.
pub(super) struct Form(String);

impl Form {
    /// Reads it, whoever sent it.
    ///
    /// # Errors
    /// When it does not arrive in time, is too large, or is no text.
    pub(super) async fn read(request: &HttpRequest, mut payload: Payload) -> Result<Self, Problem> {
        let state = request.app_data::<web::Data<State>>();
        let state =
            state.ok_or_else(|| Problem::unavailable("starting", "the daemon is not ready"))?;
        let bytes = web::Bytes::from_request(request, &mut payload);
        let bytes = tokio::time::timeout(state.server.body_timeout, bytes).await.map_err(|_| {
            let detail = "the form did not arrive in time; send it again";
            Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", detail)
        })?;
        let bytes = bytes.ok().filter(|bytes| bytes.len() <= LARGEST);
        let text = bytes.and_then(|bytes| String::from_utf8(bytes.into()).ok());
        text.map(Self).ok_or_else(|| {
            Problem::bad_request("bad-form", "the form cannot be read; nothing was done")
        })
    }

    /// Its fields, in their order.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.0.as_bytes()).into_owned().collect()
    }

    /// Whether it carries this token.
    pub(super) fn has(&self, token: &str) -> bool {
        let fields = self.fields();
        let sent = fields.iter().find(|(name, _)| name == TOKEN);
        sent.is_some_and(|(_, sent)| sent.as_bytes().ct_eq(token.as_bytes()).into())
    }

    /// Its fields as a value.
    ///
    /// # Errors
    /// When a field is missing or cannot be read.
    pub(super) fn parsed<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let fields = web::Query::<T>::from_query(&self.0).map_err(|error| {
            let detail = format!("the form cannot be read: {error}; nothing was done");
            Problem::bad_request("bad-form", detail)
        })?;
        Ok(fields.into_inner())
    }
}
