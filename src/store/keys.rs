//! API keys, and the check that the vault's key is the right one.

use std::time::Instant;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::secrecy::SecretString;
use serde::Serialize;

use super::db::Db;
use super::schema::{api_keys, vault_keys};
use super::time::{from_micros, to_micros};
use super::{Store, StoreError, digest};
use crate::vault::{AssociatedData, Vault};

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyScope {
    /// The host app's calls.
    App,
    /// Those and the administrator's.
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

/// A key to be kept; only its digest is.
#[derive(Debug)]
pub struct NewKey {
    /// The public id.
    pub id: String,
    /// What it may do.
    pub scope: KeyScope,
    /// What it is for, for people.
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
    /// What it is for, for people.
    pub label: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

type KeyRow = (String, String, String, i64, Option<i64>);

fn key_of((id, scope, label, created_at, revoked_at): KeyRow) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id,
        scope: KeyScope::from_name(&scope)?,
        label,
        created_at: from_micros(created_at),
        revoked_at: revoked_at.map(from_micros),
    })
}

const KEY_COLUMNS: (
    api_keys::id,
    api_keys::scope,
    api_keys::label,
    api_keys::created_at,
    api_keys::revoked_at,
) = (api_keys::id, api_keys::scope, api_keys::label, api_keys::created_at, api_keys::revoked_at);

impl Store {
    /// Keeps a new key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_key(&self, key: NewKey, now: DateTime<Utc>) -> Result<(), StoreError> {
        use partner_sdk::secrecy::ExposeSecret;
        let digest = digest::of_secret(key.key.expose_secret());
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
            .read(|db| api_keys::table.order(api_keys::created_at).select(KEY_COLUMNS).load(db))
            .await?;
        rows.into_iter().map(key_of).collect()
    }

    /// Revokes a key; says whether there was such a key in force. A daemon that runs may take it for
    /// another second.
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

    /// What the key with this id and secret may do, if it is in force. The digests are compared in
    /// constant time. Asks the database once a second at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn scope_of_key(
        &self,
        id: String,
        key: &SecretString,
    ) -> Result<Option<KeyScope>, StoreError> {
        use partner_sdk::secrecy::ExposeSecret;
        let (given, now) = (digest::of_secret(key.expose_secret()), Instant::now());
        if let Some(scope) = self.known_keys.find(&given, now) {
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
        let Some((_, scope)) = found.filter(|(digest, _)| same(digest, &given)) else {
            return Ok(None);
        };
        let scope = KeyScope::from_name(&scope)?;
        self.known_keys.remember(given, scope, now);
        Ok(Some(scope))
    }
}

fn same(left: &[u8], right: &[u8]) -> bool {
    let differences = left.iter().zip(right).fold(0, |bits, (left, right)| bits | (left ^ right));
    left.len() == right.len() && differences == 0
}

const PROBE: &str = "vault_keys.probe";

/// Remembers the key at the first start, and refuses another one at later starts.
pub(super) fn check_vault(db: &mut Db, vault: &Vault) -> Result<(), StoreError> {
    let given = vault.key_id();
    let associated = AssociatedData { column: PROBE, row: &given };
    let known: Option<(String, Vec<u8>)> = vault_keys::table
        .select((vault_keys::id, vault_keys::probe_sealed))
        .first(db)
        .optional()?;
    match known {
        Some((stored, probe)) if stored == given => {
            vault.open(associated, &probe).map(drop).map_err(StoreError::from)
        }
        Some((stored, _)) => Err(StoreError::OtherKey { stored, given }),
        None => {
            let probe = vault.seal(associated, "syncwell")?;
            diesel::insert_into(vault_keys::table)
                .values((vault_keys::id.eq(&given), vault_keys::probe_sealed.eq(probe)))
                .execute(db)?;
            Ok(())
        }
    }
}

/// The id of the key a database is sealed with; `None` for one that is not there yet. Blocks.
///
/// # Errors
/// When there is a database that cannot be opened.
pub fn sealed_with(url: &str) -> Result<Option<String>, StoreError> {
    if !super::connection::database_exists(url)? {
        return Ok(None);
    }
    let mut db = super::connection::open(url)?;
    if super::migrations::has_none(&mut db)? {
        return Ok(None);
    }
    Ok(vault_keys::table.select(vault_keys::id).first(&mut db).optional()?)
}
