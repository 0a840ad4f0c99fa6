//! Granting access: where the browser is sent, what it brings back, and the tokens that are
//! exchanged for it. One file per protocol: `oauth2` and `oauth1`.
//!
//! Differences between partners are in their manifests and in [`Partner::token_reply`]. Every call
//! goes through the partner's [`Session`], so it takes a permit and has timeouts like any other.

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
    /// OAuth 2.0: the authorize URL is built locally, and a code comes back.
    Code(Box<CodeGrant>),
    /// OAuth 1.0a: the authorize URL is built from a request token that the partner issues.
    Signed(ThreeLegged),
}

/// The start of a connect.
#[derive(Debug)]
pub struct Authorization {
    /// The URL to which the browser is sent.
    pub url: String,
    /// Identifies the connect when the browser comes back: the `state`, or the request token.
    pub state: SecretString,
    /// Secrets that are kept here until then.
    pub secrets: AuthorizationSecrets,
}

/// What the browser brings back after the user granted access.
#[derive(Debug)]
pub enum AuthorizationResponse {
    /// The code of OAuth 2.0.
    Code(SecretString),
    /// The request token of OAuth 1.0a, and the verifier that shows that the user granted access.
    Verifier {
        /// The request token.
        token: SecretString,
        /// The verifier.
        verifier: SecretString,
    },
}

/// The result of exchanging an [`AuthorizationResponse`].
#[derive(Debug)]
pub struct Exchanged {
    /// The partner's id of the user.
    pub external_user_id: String,
    /// The tokens.
    pub tokens: Tokens,
}

impl OAuth {
    /// The OAuth of a partner whose redirect URL is `redirect_url`.
    ///
    /// # Errors
    /// If a URL is invalid, with the setting that holds it.
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

    /// Starts a connect. OAuth 1.0a needs a call to the partner for this.
    ///
    /// # Errors
    /// If the partner issues no request token.
    pub async fn authorize(&self, session: &Session) -> Result<Authorization, PartnerError> {
        match self {
            Self::Code(flow) => Ok(flow.authorize()),
            Self::Signed(flow) => flow.authorize(session).await,
        }
    }

    /// Exchanges what the browser brought back for tokens, and finds the partner's id of the user.
    ///
    /// # Errors
    /// If the partner does not accept it, or fails.
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
            // A connect may be in progress while another version of the daemon starts.
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
