//! Granting access: where the browser is sent, what it brings back, and the tokens that are given
//! for it. One file a protocol: `oauth2` and `oauth1`.
//!
//! What partners do differently stands in their manifests and in [`Partner::token_reply`]. Every call
//! goes through the partner's [`Session`], so it takes a permit and has time limits like any other.

mod exchange;
mod oauth1;
mod oauth2;
mod scopes;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::SecretString;
use partner_sdk::{Auth, Credentials, Endpoints, Partner, PartnerError, Session};

pub use self::oauth1::ThreeLegged;
pub use self::oauth2::CodeGrant;
pub use self::scopes::not_granted;
use crate::model::AuthorizationSecrets;
use crate::sync::{Refresher, Tokens};

/// One partner's OAuth.
#[derive(Clone, Debug)]
pub enum OAuth {
    /// Version 2.0: the link is made here, and a code comes back.
    Code(Box<CodeGrant>),
    /// Version 1.0a: the link is made of a request token that the partner gives.
    Signed(ThreeLegged),
}

/// A connect that begins.
#[derive(Debug)]
pub struct Authorization {
    /// Where the browser is sent.
    pub url: String,
    /// By which it is recognised when it comes back: the `state`, or the request token.
    pub state: SecretString,
    /// What stays here until then.
    pub secrets: AuthorizationSecrets,
}

/// What a browser that was granted access brings back.
#[derive(Debug)]
pub enum AuthorizationResponse {
    /// The code of OAuth 2.0.
    Code(SecretString),
    /// The request token of OAuth 1.0a, and what shows that the user has granted it access.
    Verifier {
        /// The request token.
        token: SecretString,
        /// The verifier.
        verifier: SecretString,
    },
}

/// What a proof was exchanged for.
#[derive(Debug)]
pub struct Exchanged {
    /// The partner's id of the user.
    pub external_user_id: String,
    /// The tokens.
    pub tokens: Tokens,
}

impl OAuth {
    /// The OAuth of a partner whose redirect address is `redirect_url`.
    ///
    /// # Errors
    /// When an address is not one, with the setting that holds it.
    pub fn new(
        partner: Arc<dyn Partner>,
        endpoints: &Endpoints,
        credentials: &Credentials,
        redirect_url: &str,
    ) -> Result<Self, String> {
        match partner.manifest().auth {
            Auth::OAuth2(spec) => {
                CodeGrant::new(partner, spec, endpoints, credentials, redirect_url)
                    .map(|flow| Self::Code(Box::new(flow)))
            }
            Auth::OAuth1(spec) => ThreeLegged::new(partner, spec, redirect_url).map(Self::Signed),
        }
    }

    /// Begins a connect; with OAuth 1.0a that takes a call.
    ///
    /// # Errors
    /// When the partner gives no request token.
    pub async fn authorize(&self, session: &Session) -> Result<Authorization, PartnerError> {
        match self {
            Self::Code(flow) => Ok(flow.authorize()),
            Self::Signed(flow) => flow.authorize(session).await,
        }
    }

    /// Exchanges what the browser brought back, and learns whose it is.
    ///
    /// # Errors
    /// When the partner does not accept it, or fails.
    pub async fn exchange(
        &self,
        session: &Session,
        response: &AuthorizationResponse,
        secrets: AuthorizationSecrets,
        now: DateTime<Utc>,
    ) -> Result<Exchanged, PartnerError> {
        match (self, response) {
            (Self::Code(flow), AuthorizationResponse::Code(code)) => {
                flow.exchange(session, code, secrets.verifier, now).await
            }
            (Self::Signed(flow), AuthorizationResponse::Verifier { token, verifier }) => {
                flow.exchange(session, token, verifier, secrets.request_secret).await
            }
            // A connect may be under way while another version of the daemon is started.
            _ => Err(PartnerError::Malformed("the connect was begun by another protocol".into())),
        }
    }
}

#[async_trait]
impl Refresher for OAuth {
    async fn refresh(
        &self,
        session: &Session,
        refresh_token: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Tokens, PartnerError> {
        match self {
            Self::Code(flow) => flow.refresh(session, refresh_token, now).await,
            Self::Signed(_) => {
                Err(PartnerError::Unauthorized("tokens of OAuth 1.0a are not renewed".into()))
            }
        }
    }
}
