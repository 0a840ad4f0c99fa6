//! OAuth 1.0a (RFC 5849): a request token before the browser is sent, an access token when it is
//! back.
//!
//! The session signs. This module defines the order of the calls and reads their answers.

use std::sync::Arc;

use partner_sdk::secrecy::{ExposeSecret, SecretString};
use partner_sdk::{AccessToken, Call, OAuth1, Partner, PartnerError, Session, TokenMethod};
use serde_json::Value;
use url::Url;

use super::exchange::{identify, read_fields};
use super::{Authorization, Exchanged};
use crate::model::AuthorizationSecrets;
use crate::sync::Tokens;

/// One partner's OAuth 1.0a.
#[derive(Clone)]
pub struct ThreeLegged {
    partner: Arc<dyn Partner>,
    spec: OAuth1,
    callback: String,
}

impl ThreeLegged {
    pub(super) fn new(
        partner: Arc<dyn Partner>,
        spec: OAuth1,
        redirect_url: &str,
    ) -> Result<Self, String> {
        let callback = Url::parse(redirect_url);
        callback.map_err(|error| format!("server.public_url: {error}"))?;
        Ok(Self { partner, spec, callback: redirect_url.to_owned() })
    }

    /// Fetches the request token from which the authorize URL is built.
    pub(super) async fn authorize(&self, session: &Session) -> Result<Authorization, PartnerError> {
        let malformed = |what: &'static str| PartnerError::Malformed(what.into());
        let endpoints = session.endpoints();
        let url = endpoints.request_token_url.as_deref();
        let url = url.ok_or(malformed("there is no address for request tokens"))?;
        let call = token_call(session, self.spec.request_token_method, url);
        let answer = self.answer(session, call.callback(&self.callback)).await;
        let answer = answer.map_err(|error| match error {
            // There is no user yet: the partner rejects the application.
            PartnerError::Unauthorized(_) => malformed(
                "the client id or secret is not accepted; check client_id and client_secret",
            ),
            error => error,
        })?;
        // RFC 5849 §2.1: with this field a partner promises a verifier. Without a verifier,
        // somebody else could finish the connect that a user began.
        if answer.get("oauth_callback_confirmed").and_then(Value::as_str) != Some("true") {
            return Err(malformed("the request token is not of OAuth 1.0a"));
        }
        let token = read_token(&answer)?;
        let mut url = Url::parse(&endpoints.authorize_url)
            .map_err(|_| malformed("authorize_url is not an address"))?;
        url.query_pairs_mut().append_pair("oauth_token", token.token.expose_secret());
        Ok(Authorization {
            url: url.into(),
            state: token.token,
            secrets: AuthorizationSecrets { request_secret: token.secret, verifier: None },
        })
    }

    pub(super) async fn exchange(
        &self,
        session: &Session,
        token: &SecretString,
        verifier: &SecretString,
        request_secret: Option<SecretString>,
    ) -> Result<Exchanged, PartnerError> {
        let request_token = AccessToken { token: token.clone(), secret: request_secret };
        let requesting = session.with_access_token(request_token);
        let url = &session.endpoints().token_url;
        let call = token_call(&requesting, self.spec.token_method, url);
        let answer = self.answer(session, call.verifier(verifier.clone())).await?;
        let access = read_token(&answer)?;
        let session = session.with_access_token(access.clone());
        let external_user_id = identify(&*self.partner, &session, &answer).await?;
        // RFC 5849 defines no expiry, scopes or refresh.
        let tokens = Tokens { access, refresh: None, access_expires_at: None, scopes: None };
        Ok(Exchanged { external_user_id, tokens })
    }

    /// The answer of a token call, as parsed by the partner's code.
    async fn answer(&self, session: &Session, call: Call) -> Result<Value, PartnerError> {
        let reply = call.send_unchecked().await?;
        read_fields(&*self.partner, session, &reply).map(Value::Object)
    }
}

fn token_call(session: &Session, method: TokenMethod, url: &str) -> Call {
    match method {
        TokenMethod::Get => session.get_url(url),
        TokenMethod::Post => session.post_url(url),
    }
}

fn read_token(answer: &Value) -> Result<AccessToken, PartnerError> {
    let part = |name| {
        let text = answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(SecretString::from)
            .ok_or(PartnerError::Malformed("the token answer has no token and secret".into()))
    };
    Ok(AccessToken::signed(part("oauth_token")?, part("oauth_token_secret")?))
}

impl std::fmt::Debug for ThreeLegged {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ThreeLegged")
            .field("partner", &self.partner.manifest().name)
            .finish_non_exhaustive()
    }
}
