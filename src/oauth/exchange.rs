//! Token calls of OAuth 2.0: the `oauth2` crate builds the request, the partner's session sends it,
//! the partner's code parses the answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use oauth2::basic::{BasicErrorResponse, BasicTokenResponse};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse, RequestTokenError, TokenResponse};
use partner_sdk::secrecy::SecretString;
use partner_sdk::{Number, Partner, PartnerError, Session};
use serde_json::Value;

use crate::sync::Tokens;

/// Sends one token call and keeps the answer as the partner's code parsed it.
pub(super) struct TokenCalls<'a> {
    partner: &'a dyn Partner,
    session: &'a Session,
    raw: Mutex<Option<Value>>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct CallError(PartnerError);

type Answer = Result<BasicTokenResponse, RequestTokenError<CallError, BasicErrorResponse>>;

impl<'a> TokenCalls<'a> {
    pub(super) fn new(partner: &'a dyn Partner, session: &'a Session) -> Self {
        Self { partner, session, raw: Mutex::new(None) }
    }

    /// The answer, as parsed by the crate and by the partner's code.
    pub(super) fn finish(
        self,
        answer: Answer,
    ) -> Result<(BasicTokenResponse, Value), PartnerError> {
        let response = answer.map_err(|error| match error {
            RequestTokenError::Request(CallError(error)) => error,
            // The crate's error texts may hold parts of the answer, and so tokens.
            _ => PartnerError::Malformed("the token answer is not as RFC 6749 has it".into()),
        })?;
        let raw = self.raw.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((response, raw.unwrap_or_default()))
    }

    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, PartnerError> {
        let (parts, body) = request.into_parts();
        let url = &self.session.endpoints().token_url;
        let call = self.session.post_url(url).anonymous().raw(parts.headers, body);
        let reply = call.send_unchecked().await?;
        let mut raw = self.partner.token_reply(&reply).inspect_err(|error| {
            if let PartnerError::RateLimited { scope, wait } = error {
                self.session.limited(*scope, *wait);
            }
        })?;
        if let Some(fields) = raw.as_object_mut() {
            // Some partners leave out `token_type`, which RFC 6749 §5.1 requires but which has one
            // value in practice.
            if !fields.get("token_type").is_some_and(Value::is_string) {
                fields.insert("token_type".into(), "bearer".into());
            }
            normalise_lifetime(fields);
            // Scopes, which partners format differently, are read from the raw answer.
            let known = ["access_token", "token_type", "expires_in", "refresh_token"];
            let standard: serde_json::Map<_, _> = known
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), fields.get(*name)?.clone())))
                .collect();
            let body = serde_json::to_vec(&standard).unwrap_or_default();
            *self.raw.lock().unwrap_or_else(PoisonError::into_inner) = Some(raw);
            let response = oauth2::http::Response::builder()
                .header(oauth2::http::header::CONTENT_TYPE, "application/json")
                .body(body);
            return response.map_err(|_| PartnerError::Malformed("the token answer".into()));
        }
        Err(PartnerError::Malformed("the token answer is not a JSON object".into()))
    }
}

/// RFC 6749 requires a number of seconds; some partners send a string or a fraction. Any other
/// value is dropped: the token is then refreshed when the partner refuses it.
fn normalise_lifetime(fields: &mut serde_json::Map<String, Value>) {
    let lifetime = fields.remove("expires_in");
    let number = lifetime.and_then(|lifetime| serde_json::from_value::<Number>(lifetime).ok());
    if let Some(seconds) = number.and_then(Number::round).filter(|seconds| *seconds >= 0) {
        fields.insert("expires_in".into(), seconds.into());
    }
}

impl<'c> AsyncHttpClient<'c> for TokenCalls<'_> {
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move { self.carry(request).await.map_err(CallError) })
    }
}

/// The tokens of an answer. If a refresh brings no new refresh token, the old one stays valid (RFC
/// 6749 §6).
pub(super) fn read_tokens(
    response: &BasicTokenResponse,
    raw: &Value,
    old_refresh: Option<&SecretString>,
    now: DateTime<Utc>,
) -> Tokens {
    let expires_in = response.expires_in().and_then(|lifetime| TimeDelta::from_std(lifetime).ok());
    let refresh =
        response.refresh_token().map(|token| SecretString::from(token.secret().to_owned()));
    Tokens {
        access: SecretString::from(response.access_token().secret().to_owned()).into(),
        refresh: refresh.or_else(|| old_refresh.cloned()),
        access_expires_at: expires_in.and_then(|lifetime| now.checked_add_signed(lifetime)),
        scopes: raw.get("scope").and_then(Value::as_str).map(str::to_owned),
    }
}
