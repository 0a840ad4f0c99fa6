//! The access token of calls on a user's behalf.

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::error::PartnerError;

/// A user's access token. Neither part of it is ever printed.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The token, which identifies the grant.
    pub token: SecretString,
    /// The secret that signs calls (OAuth 1.0a); a bearer token has none.
    pub secret: Option<SecretString>,
}

impl AccessToken {
    /// An OAuth 1.0a token and its secret.
    pub fn signed(token: SecretString, secret: SecretString) -> Self {
        Self { token, secret: Some(secret) }
    }

    /// The `Authorization` header of RFC 6750.
    pub(super) fn bearer(&self) -> Result<HeaderValue, PartnerError> {
        let value = HeaderValue::from_str(&format!("Bearer {}", self.token.expose_secret()));
        let mut value = value
            .map_err(|_| PartnerError::Unauthorized("the access token is not sendable".into()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl From<SecretString> for AccessToken {
    fn from(token: SecretString) -> Self {
        Self { token, secret: None }
    }
}
