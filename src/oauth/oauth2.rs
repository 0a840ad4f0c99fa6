//! OAuth 2.0 (RFC 6749): the authorize URL, the exchange of a code, the refresh of tokens. The
//! `oauth2` crate implements the protocol.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use oauth2::basic::BasicClient;
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, Scope, TokenUrl,
};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use partner_sdk::{ClientAuth, Credentials, Endpoints, OAuth2, Partner, PartnerError, Session};

use super::exchange::{TokenCalls, identify, read_tokens};
use super::{Authorization, Exchanged};
use crate::model::AuthorizationSecrets;
use crate::sync::Tokens;

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// One partner's OAuth 2.0.
#[derive(Clone)]
pub struct CodeGrant {
    partner: Arc<dyn Partner>,
    spec: OAuth2,
    client: Client,
}

impl CodeGrant {
    pub(super) fn new(
        partner: Arc<dyn Partner>,
        spec: OAuth2,
        endpoints: &Endpoints,
        credentials: &Credentials,
        redirect_url: &str,
    ) -> Result<Self, String> {
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

    /// Whether an answer of this issuer (RFC 9207) is from the server that the browser was sent to: both
    /// have the same origin. Partners publish no issuer of another.
    pub fn is_issuer(&self, issuer: &str) -> bool {
        let origin = |text: &str| Some(oauth2::url::Url::parse(text).ok()?.origin());
        let asked = origin(self.client.auth_uri().as_str());
        asked.is_some() && origin(issuer) == asked
    }

    /// Starts a connect.
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
            secrets: AuthorizationSecrets { verifier, request_secret: None },
        }
    }

    pub(super) async fn exchange(
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
        let external_user_id = identify(&*self.partner, &session, &raw).await?;
        Ok(Exchanged { external_user_id, tokens })
    }

    pub(super) async fn refresh(
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

impl std::fmt::Debug for CodeGrant {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CodeGrant")
            .field("partner", &self.partner.manifest().name)
            .finish_non_exhaustive()
    }
}
