//! API keys: stored as digests, looked up at most once a second.

pub(in crate::store) mod cache;
pub(in crate::store) mod uses;

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
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
pub enum KeyScope {
    /// The host app's calls.
    #[serde(rename = "app")]
    App,
    /// Those of the host app's calls that change nothing.
    #[serde(rename = "app:read")]
    AppRead,
    /// The host app's calls and the administrator's.
    #[serde(rename = "admin")]
    Admin,
    /// Those of all calls that change nothing.
    #[serde(rename = "admin:read")]
    AdminRead,
}

impl KeyScope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::App, Self::AppRead, Self::Admin, Self::AdminRead];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::AppRead => "app:read",
            Self::Admin => "admin",
            Self::AdminRead => "admin:read",
        }
    }

    /// The word in keys: a colon may not stand in a bearer token (RFC 6750).
    pub fn in_key(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::AppRead => "app-read",
            Self::Admin => "admin",
            Self::AdminRead => "admin-read",
        }
    }

    /// Whether a key of this scope may do what needs that one.
    pub fn covers(self, needed: Self) -> bool {
        let (is_admin, may_change) = self.parts();
        let (needs_admin, changes) = needed.parts();
        (is_admin || !needs_admin) && (may_change || !changes)
    }

    /// Whether it includes the administrator's calls.
    pub fn is_admin(self) -> bool {
        self.parts().0
    }

    /// Whether it includes calls that change something.
    pub fn may_change(self) -> bool {
        self.parts().1
    }

    /// Whether it includes the administrator's calls, and those that change something.
    fn parts(self) -> (bool, bool) {
        match self {
            Self::App => (false, true),
            Self::AppRead => (false, false),
            Self::Admin => (true, true),
            Self::AdminRead => (true, false),
        }
    }

    /// The scope that a call needs: the administrator's or not, a change or not.
    pub fn needed(is_admin: bool, changes: bool) -> Self {
        match (is_admin, changes) {
            (false, true) => Self::App,
            (false, false) => Self::AppRead,
            (true, true) => Self::Admin,
            (true, false) => Self::AdminRead,
        }
    }

    pub(in crate::store) fn from_name(name: &str) -> Result<Self, StoreError> {
        let known = Self::ALL.into_iter().find(|scope| scope.name() == name);
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
    /// From when on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// The whole key.
    pub key: SecretString,
}

/// A key that was not revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// What it may do.
    pub scope: KeyScope,
    /// From when on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
}

impl KnownKey {
    /// When it expired, if it did.
    pub fn expired(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.expires_at.filter(|at| *at <= now)
    }
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
    /// From when on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
}

/// How long before its end a key is warned of.
const WARNED_BEFORE: TimeDelta = TimeDelta::days(14);

impl ApiKey {
    /// Whether calls with it are answered.
    pub fn is_in_force(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| at > now)
    }

    /// Whether it is in force and expires soon.
    pub fn expires_soon(&self, now: DateTime<Utc>) -> bool {
        self.is_in_force(now) && self.expires_at.is_some_and(|at| at - now < WARNED_BEFORE)
    }
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
    expires_at: Option<i64>,
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
            expires_at: row.expires_at.map(from_micros),
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
                    api_keys::expires_at.eq(key.expires_at.map(to_micros)),
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
                .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(to_micros(now))))
                .select((api_keys::id, api_keys::scope))
                .load(db)?;
            let admin = KeyScope::Admin.name();
            let mut admins = in_force.iter().filter(|(_, scope)| scope == admin);
            let is_last =
                matches!((admins.next(), admins.next()), (Some((one, _)), None) if *one == id);
            if keep_admin && is_last {
                return Ok(Revoked::LastAdmin);
            }
            let key = api_keys::table.find(id).filter(api_keys::revoked_at.is_null());
            let set = api_keys::revoked_at.eq(Some(to_micros(now)));
            let revoked = diesel::update(key).set(set).execute(db)?;
            Ok(if revoked > 0 { Revoked::Done } else { Revoked::Unknown })
        });
        let revoked = revoked.await?;
        self.key_cache.clear();
        Ok(revoked)
    }

    /// The key with this id and secret, if there is one that was not revoked; it may have expired. The digests
    /// are compared in constant time. Asks the database at most once a second per valid key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_key(
        &self,
        id: String,
        key: &SecretString,
    ) -> Result<Option<KnownKey>, StoreError> {
        use partner_sdk::secrecy::ExposeSecret;
        let (given, now) = (secret_digest(key.expose_secret()), Instant::now());
        if let Some(known) = self.key_cache.find(&given, now) {
            return Ok(Some(known));
        }
        let found: Option<(Vec<u8>, String, Option<i64>)> = self
            .read(move |db| {
                api_keys::table
                    .find(id)
                    .filter(api_keys::revoked_at.is_null())
                    .select((api_keys::digest, api_keys::scope, api_keys::expires_at))
                    .first(db)
                    .optional()
            })
            .await?;
        let found = found.filter(|(digest, ..)| bool::from(digest.ct_eq(&given)));
        let Some((_, scope, expires_at)) = found else { return Ok(None) };
        let scope = KeyScope::from_name(&scope)?;
        let known = KnownKey { scope, expires_at: expires_at.map(from_micros) };
        self.key_cache.remember(given, known, now);
        Ok(Some(known))
    }
}
