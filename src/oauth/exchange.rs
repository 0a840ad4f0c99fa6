//! Token calls of OAuth 2.0: the `oauth2` crate builds the request, the partner's session sends it,
//! the partner's code parses the answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use oauth2::basic::{BasicErrorResponse, BasicTokenResponse};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse, RequestTokenError, TokenResponse};
use partner_sdk::secrecy::SecretString;
use partner_sdk::{Partner, PartnerError, Reply, Session, read_token_reply};
use serde_json::{Map, Value};

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
        let fields = read_fields(self.partner, self.session, &reply)?;
        // Scopes, which partners format differently, are read from the raw answer. Some partners
        // leave out `token_type`, which RFC 6749 §5.1 requires but which has one value in practice.
        let mut standard = Map::from_iter([("token_type".to_owned(), "bearer".into())]);
        for name in ["access_token", "token_type", "expires_in", "refresh_token"] {
            standard.extend(fields.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        let body = serde_json::to_vec(&standard).unwrap_or_default();
        *self.raw.lock().unwrap_or_else(PoisonError::into_inner) = Some(fields.into());
        let response = oauth2::http::Response::builder()
            .header(oauth2::http::header::CONTENT_TYPE, "application/json")
            .body(body);
        response.map_err(|_| PartnerError::Malformed("the token answer".into()))
    }
}

/// The usable fields of a token answer; a limit that it reports is passed on to the buckets.
pub(super) fn read_fields(
    partner: &dyn Partner,
    session: &Session,
    reply: &Reply,
) -> Result<Map<String, Value>, PartnerError> {
    read_token_reply(partner, reply).inspect_err(|error| {
        if let PartnerError::RateLimited { scope, wait } = error {
            session.limited(*scope, *wait);
        }
    })
}

/// The partner's id of the user whose tokens were just issued. If this call is refused, that says
/// nothing about the code, which has been accepted.
pub(super) async fn identify(
    partner: &dyn Partner,
    session: &Session,
    token: &Value,
) -> Result<String, PartnerError> {
    let id = partner.external_user_id(session, token).await.map_err(|error| match error {
        PartnerError::Unauthorized(_) => {
            PartnerError::Transient("it refused the access token that it had just issued".into())
        }
        error => error,
    })?;
    crate::sync::external_user_id(id)
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
