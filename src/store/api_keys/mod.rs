//! API keys: stored as digests, looked up at most once a second.

pub(in crate::store) mod cache;
pub(in crate::store) mod uses;

use std::time::Instant;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::secrecy::SecretString;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use crate::store::sql::schema::api_keys;
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};
use crate::vault::secret_digest;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyScope {
    /// The host app's calls.
    App,
    /// The host app's calls and the administrator's.
    Admin,
}

impl KeyScope {
    /// The word in keys and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Admin => "admin",
        }
    }

    fn from_name(name: &str) -> Result<Self, StoreError> {
        let known = [Self::App, Self::Admin].into_iter().find(|scope| scope.name() == name);
        known.ok_or(StoreError::Corrupt("key scope"))
    }
}

/// A new key; only its digest is stored.
#[derive(Debug)]
pub struct NewKey {
    /// The public id.
    pub id: String,
    /// What it may do.
    pub scope: KeyScope,
    /// What it is for, as human-readable text.
    pub label: String,
    /// The whole key.
    pub key: SecretString,
}

/// A key as it is listed.
#[derive(Clone, Debug, Serialize)]
pub struct ApiKey {
    /// The public id.
    pub id: String,
    /// What it may do.
    pub scope: KeyScope,
    /// What it is for, as human-readable text.
    pub label: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last used; stored to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What became of a key to revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// It is revoked.
    Done,
    /// There is none in force of that id.
    Unknown,
    /// It is the last of scope admin, and stays.
    LastAdmin,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys)]
struct KeyRow {
    id: String,
    scope: String,
    label: String,
    created_at: i64,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            scope: KeyScope::from_name(&row.scope)?,
            label: row.label,
            created_at: from_micros(row.created_at),
            last_used_at: row.last_used_at.map(from_micros),
            revoked_at: row.revoked_at.map(from_micros),
        })
    }
}

impl Store {
    /// Stores a new key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_key(&self, key: NewKey, now: DateTime<Utc>) -> Result<(), StoreError> {
        use partner_sdk::secrecy::ExposeSecret;
        let digest = secret_digest(key.key.expose_secret());
        self.write(move |db| {
            diesel::insert_into(api_keys::table)
                .values((
                    api_keys::id.eq(key.id),
                    api_keys::scope.eq(key.scope.name()),
                    api_keys::label.eq(key.label),
                    api_keys::digest.eq(digest),
                    api_keys::created_at.eq(to_micros(now)),
                ))
                .execute(db)?;
            Ok(())
        })
        .await
    }

    /// All keys, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<KeyRow> = self
            .read(|db| {
                api_keys::table.order(api_keys::created_at).select(KeyRow::as_select()).load(db)
            })
            .await?;
        let with_use = |key: ApiKey| {
            let last_used_at = key.last_used_at.max(self.key_uses.of(&key.id));
            ApiKey { last_used_at, ..key }
        };
        rows.into_iter().map(|row| ApiKey::try_from(row).map(with_use)).collect()
    }

    /// Revokes a key. Returns whether there was a valid key with this id. A running daemon may
    /// accept it for one more second.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_key(&self, id: String, now: DateTime<Utc>) -> Result<bool, StoreError> {
        self.write(move |db| {
            let key = api_keys::table.find(id).filter(api_keys::revoked_at.is_null());
            let revoked = diesel::update(key)
                .set(api_keys::revoked_at.eq(Some(to_micros(now))))
                .execute(db)?;
            Ok(revoked > 0)
        })
        .await
    }

    /// The same, except that the last key of scope admin in force stays if `keep_admin`: without one
    /// nobody can make keys but by the command line.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_key_unless_last(
        &self,
        id: String,
        keep_admin: bool,
        now: DateTime<Utc>,
    ) -> Result<Revoked, StoreError> {
        let revoked = self.write(move |db| {
            let in_force: Vec<(String, String)> = api_keys::table
                .filter(api_keys::revoked_at.is_null())
                .select((api_keys::id, api_keys::scope))
                .load(db)?;
            let Some((_, scope)) = in_force.iter().find(|(other, _)| *other == id) else {
                return Ok(Revoked::Unknown);
            };
            let admin = KeyScope::Admin.name();
            let admins = in_force.iter().filter(|(_, scope)| scope == admin).count();
            if keep_admin && scope == admin && admins == 1 {
                return Ok(Revoked::LastAdmin);
            }
            let set = api_keys::revoked_at.eq(Some(to_micros(now)));
            diesel::update(api_keys::table.find(id)).set(set).execute(db)?;
            Ok(Revoked::Done)
        });
        let revoked = revoked.await?;
        self.key_cache.clear();
        Ok(revoked)
    }

    /// Returns what the key with this id and secret may do, if it is valid. The digests are
    /// compared in constant time. Asks the database at most once a second per valid key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn scope_of_key(
        &self,
        id: String,
        key: &SecretString,
    ) -> Result<Option<KeyScope>, StoreError> {
        use partner_sdk::secrecy::ExposeSecret;
        let (given, now) = (secret_digest(key.expose_secret()), Instant::now());
        if let Some(scope) = self.key_cache.find(&given, now) {
            return Ok(Some(scope));
        }
        let found: Option<(Vec<u8>, String)> = self
            .read(move |db| {
                api_keys::table
                    .find(id)
                    .filter(api_keys::revoked_at.is_null())
                    .select((api_keys::digest, api_keys::scope))
                    .first(db)
                    .optional()
            })
            .await?;
        let Some((_, scope)) = found.filter(|(digest, _)| bool::from(digest.ct_eq(&given))) else {
            return Ok(None);
        };
        let scope = KeyScope::from_name(&scope)?;
        self.key_cache.remember(given, scope, now);
        Ok(Some(scope))
    }
}
