//! Sealed tokens of connections.

use diesel::prelude::*;
use partner_sdk::AccessToken;
use partner_sdk::secrecy::{ExposeSecret, SecretString};

use crate::model::ConnectionId;
use crate::store::StoreError;
use crate::store::connections::ConnectionRow;
use crate::store::sql::schema::connections;
use crate::store::sql::time::{from_micros, to_micros};
use crate::sync::Tokens;
use crate::vault::{AssociatedData, UserKey, Vault};

pub(in crate::store) const ACCESS: &str = "connections.access_token";
pub(in crate::store) const SECRET: &str = "connections.token_secret";
pub(in crate::store) const REFRESH: &str = "connections.refresh_token";

/// The token columns of a connection, ready to write.
#[derive(AsChangeset)]
#[diesel(table_name = connections, treat_none_as_null = true)]
pub(in crate::store) struct SealedTokens {
    access_token_sealed: Option<Vec<u8>>,
    token_secret_sealed: Option<Vec<u8>>,
    refresh_token_sealed: Option<Vec<u8>>,
    access_expires_at: Option<i64>,
    scopes: Option<String>,
}

impl SealedTokens {
    pub(in crate::store) fn none() -> Self {
        Self {
            access_token_sealed: None,
            token_secret_sealed: None,
            refresh_token_sealed: None,
            access_expires_at: None,
            scopes: None,
        }
    }
}

pub(in crate::store) fn seal(
    key: &UserKey,
    id: ConnectionId,
    tokens: &Tokens,
) -> Result<SealedTokens, StoreError> {
    let row = id.to_string();
    let seal = |column, token: &SecretString| {
        key.current.seal(AssociatedData { column, row: &row }, token.expose_secret())
    };
    let seal_if_any =
        |column, token: Option<&SecretString>| token.map(|token| seal(column, token)).transpose();
    Ok(SealedTokens {
        access_token_sealed: Some(seal(ACCESS, &tokens.access.token)?),
        token_secret_sealed: seal_if_any(SECRET, tokens.access.secret.as_ref())?,
        refresh_token_sealed: seal_if_any(REFRESH, tokens.refresh.as_ref())?,
        access_expires_at: tokens.access_expires_at.map(to_micros),
        scopes: tokens.scopes.clone(),
    })
}

pub(in crate::store) fn open(
    vault: &Vault,
    key: Option<&UserKey>,
    connection: &ConnectionRow,
) -> Result<Tokens, StoreError> {
    let row = connection.id.to_string();
    let open = |column, sealed: &[u8]| {
        UserKey::open(key, vault, AssociatedData { column, row: &row }, sealed)
    };
    let access = connection.access_token_sealed.as_deref().ok_or(StoreError::Corrupt("token"))?;
    let open_if_any = |column, sealed: &Option<Vec<u8>>| {
        sealed.as_deref().map(|sealed| open(column, sealed)).transpose()
    };
    let secret = open_if_any(SECRET, &connection.token_secret_sealed)?;
    Ok(Tokens {
        access: AccessToken { token: open(ACCESS, access)?, secret },
        refresh: open_if_any(REFRESH, &connection.refresh_token_sealed)?,
        access_expires_at: connection.access_expires_at.map(from_micros),
        scopes: connection.scopes.clone(),
    })
}
