//! Granting access: the authorize address, the exchange of a code, the refresh of tokens.
//!
//! The protocol is the `oauth2` crate's; what partners do differently stands in their manifests and
//! in [`Partner::token_reply`]. Every call goes through the partner's [`Session`], so it takes a
//! permit and has time limits like any other.

mod exchange;
mod scopes;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use oauth2::basic::BasicClient;
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, Scope, TokenUrl,
};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use partner_sdk::{
    Auth, ClientAuth, Credentials, Endpoints, OAuth2, Partner, PartnerError, Session,
};

use self::exchange::{TokenCalls, read_tokens};
pub use self::scopes::not_granted;
use crate::sync::{Refresher, Tokens};

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// One partner's OAuth 2.0.
#[derive(Clone)]
pub struct OAuth {
    partner: Arc<dyn Partner>,
    spec: OAuth2,
    client: Client,
}

/// A connect that begins.
#[derive(Debug)]
pub struct Authorization {
    /// Where the browser is sent.
    pub url: String,
    /// By which it is recognised when it comes back.
    pub state: SecretString,
    /// The PKCE verifier, where the partner takes PKCE.
    pub verifier: Option<SecretString>,
}

/// What a code was exchanged for.
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
        let Auth::OAuth2(spec) = partner.manifest().auth;
        let bad =
            |key: &'static str| move |error: oauth2::url::ParseError| format!("{key}: {error}");
        let client = BasicClient::new(ClientId::new(credentials.client_id.clone()))
            .set_client_secret(ClientSecret::new(credentials.client_secret.expose_secret().into()))
            .set_auth_type(match spec.client_auth {
                ClientAuth::Body => AuthType::RequestBody,
                ClientAuth::Basic => AuthType::BasicAuth,
            })
            .set_auth_uri(
                AuthUrl::new(endpoints.authorize_url.clone()).map_err(bad("authorize_url"))?,
            )
            .set_token_uri(TokenUrl::new(endpoints.token_url.clone()).map_err(bad("token_url"))?)
            .set_redirect_uri(
                RedirectUrl::new(redirect_url.to_owned()).map_err(bad("server.public_url"))?,
            );
        Ok(Self { partner, spec, client })
    }

    /// Begins a connect.
    pub fn authorize(&self) -> Authorization {
        let mut request = self.client.authorize_url(CsrfToken::new_random);
        if !self.spec.scopes.is_empty() {
            request =
                request.add_scope(Scope::new(self.spec.scopes.join(self.spec.scope_separator)));
        }
        for (name, value) in self.spec.authorize_params {
            request = request.add_extra_param(*name, *value);
        }
        let mut verifier = None;
        if self.spec.pkce {
            let (challenge, secret) = PkceCodeChallenge::new_random_sha256();
            request = request.set_pkce_challenge(challenge);
            verifier = Some(SecretString::from(secret.into_secret()));
        }
        let (url, state) = request.url();
        Authorization {
            url: url.to_string(),
            state: SecretString::from(state.into_secret()),
            verifier,
        }
    }

    /// Exchanges a code and learns whose it is.
    ///
    /// # Errors
    /// When the partner does not accept the code, or fails.
    pub async fn exchange(
        &self,
        session: &Session,
        code: &SecretString,
        verifier: Option<SecretString>,
        now: DateTime<Utc>,
    ) -> Result<Exchanged, PartnerError> {
        let mut request =
            self.client.exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()));
        for (name, value) in self.spec.token_params {
            request = request.add_extra_param(*name, *value);
        }
        if let Some(verifier) = verifier {
            request = request
                .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()));
        }
        let calls = TokenCalls::new(&*self.partner, session);
        let answer = request.request_async(&calls).await;
        let (response, raw) = calls.finish(answer)?;
        let tokens = read_tokens(&response, &raw, None, now);
        let session = session.with_access_token(tokens.access.clone());
        let external_user_id = self.partner.external_user_id(&session, &raw).await?;
        Ok(Exchanged { external_user_id, tokens })
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
        let token = RefreshToken::new(refresh_token.expose_secret().to_owned());
        let mut request = self.client.exchange_refresh_token(&token);
        for (name, value) in self.spec.token_params {
            request = request.add_extra_param(*name, *value);
        }
        let calls = TokenCalls::new(&*self.partner, session);
        let answer = request.request_async(&calls).await;
        let (response, raw) = calls.finish(answer)?;
        Ok(read_tokens(&response, &raw, Some(refresh_token), now))
    }
}

impl std::fmt::Debug for OAuth {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("OAuth")
            .field("partner", &self.partner.manifest().name)
            .finish_non_exhaustive()
    }
}
