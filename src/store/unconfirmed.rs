//! Grants that the host app has not confirmed: whoever came back from the partner may be somebody else than
//! the user the link was made for, so nothing is read with them.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use partner_sdk::AccessToken;
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::model::{ConnectionId, Status, UserId};
use crate::store::sql::schema::{connections, unconfirmed_grants};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError, user_keys};
use crate::sync::Tokens;
use crate::vault::{AssociatedData, UserKey, Vault, hex, secret_digest};

pub(in crate::store) const COLUMN: &str = "unconfirmed_grants.grant_sealed";

/// What a user granted at a partner, for a connection.
#[derive(Clone, Debug)]
pub struct HeldGrant {
    /// The connection it is for.
    pub connection: ConnectionId,
    /// The partner's id of the user.
    pub external_user_id: String,
    /// The tokens.
    pub tokens: Tokens,
    /// What the user chose for the connection: names and values of properties.
    pub choices: Vec<(String, String)>,
}

/// Its parts that are sealed, as they are written.
#[derive(Serialize, Deserialize)]
struct Sealed {
    access: String,
    access_secret: Option<String>,
    refresh: Option<String>,
    access_expires_at: Option<DateTime<Utc>>,
    scopes: Option<String>,
    choices: Vec<(String, String)>,
}

/// A grant whose time is over.
#[derive(Debug)]
pub struct ExpiredGrant {
    /// Names it.
    pub digest: Vec<u8>,
    /// The connection it was for.
    pub connection: ConnectionId,
    /// What to revoke, if it can be opened.
    pub grant: Result<HeldGrant, StoreError>,
    /// The partner.
    pub partner: String,
    /// The user whose connection it would have become.
    pub user_id: UserId,
    /// When its time was over.
    pub expired_at: DateTime<Utc>,
    /// Whether somebody is connected to the account all the same: some partners revoke the access of the
    /// account, not of the token.
    pub is_account_in_use: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = unconfirmed_grants)]
struct Row {
    token_digest: Vec<u8>,
    connection_id: ConnectionId,
    external_user_id: String,
    grant_sealed: Vec<u8>,
    expires_at: i64,
    #[diesel(select_expression = connections::partner)]
    partner: String,
    #[diesel(select_expression = connections::user_id)]
    user_id: UserId,
}

impl Store {
    /// Keeps a grant until whoever has `token` confirms it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_grant(
        &self,
        token: &SecretString,
        grant: HeldGrant,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let digest = secret_digest(token.expose_secret());
        let vault = Arc::clone(&self.vault);
        self.write(move |db| {
            let key = user_keys::ensure_for(db, &vault, grant.connection)?;
            let sealed = seal(&key, &digest, &grant)?;
            diesel::insert_into(unconfirmed_grants::table)
                .values((
                    unconfirmed_grants::token_digest.eq(digest),
                    unconfirmed_grants::connection_id.eq(grant.connection),
                    unconfirmed_grants::external_user_id.eq(grant.external_user_id),
                    unconfirmed_grants::grant_sealed.eq(sealed),
                    unconfirmed_grants::expires_at.eq(to_micros(expires_at)),
                    unconfirmed_grants::retry_at.eq(to_micros(expires_at)),
                ))
                .execute(db)?;
            Ok(())
        })
        .await
    }

    /// The grant that `token` confirms for this user at this partner. It stays until the connection has
    /// taken it over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn held_grant(
        &self,
        token: &SecretString,
        user: UserId,
        partner: String,
        now: DateTime<Utc>,
    ) -> Result<Option<HeldGrant>, StoreError> {
        let digest = secret_digest(token.expose_secret());
        let vault = Arc::clone(&self.vault);
        let found = self
            .read(move |db| {
                let row: Option<Row> = unconfirmed_grants::table
                    .inner_join(
                        connections::table
                            .on(connections::id.eq(unconfirmed_grants::connection_id)),
                    )
                    .filter(unconfirmed_grants::token_digest.eq(digest))
                    .filter(unconfirmed_grants::expires_at.gt(to_micros(now)))
                    .filter(connections::user_id.eq(user))
                    .filter(connections::partner.eq(partner))
                    .select(Row::as_select())
                    .first(db)
                    .optional()?;
                let Some(row) = row else { return Ok(None) };
                let key = user_keys::of_one(db, &vault, &row.user_id)?;
                Ok(Some(open(&vault, key.as_ref(), &row)))
            })
            .await?;
        found.transpose()
    }

    /// Grants that nobody has confirmed in time, those that are to be tried first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expired_grants(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<ExpiredGrant>, StoreError> {
        let vault = Arc::clone(&self.vault);
        self.read(move |db| {
            let rows: Vec<Row> = unconfirmed_grants::table
                .inner_join(
                    connections::table.on(connections::id.eq(unconfirmed_grants::connection_id)),
                )
                .filter(unconfirmed_grants::retry_at.le(to_micros(now)))
                .order(unconfirmed_grants::retry_at)
                .limit(limit)
                .select(Row::as_select())
                .load(db)?;
            let users: Vec<UserId> = rows.iter().map(|row| row.user_id.clone()).collect();
            let keys = user_keys::of(db, &vault, &users)?;
            let mut found = Vec::with_capacity(rows.len());
            for row in rows {
                let connected = connections::table
                    .filter(connections::partner.eq(&row.partner))
                    .filter(connections::external_user_id.eq(&row.external_user_id))
                    .filter(connections::status.eq(Status::Connected.name()));
                found.push(ExpiredGrant {
                    is_account_in_use: diesel::select(diesel::dsl::exists(connected))
                        .get_result(db)?,
                    grant: open(&vault, keys.get(&row.user_id), &row),
                    digest: row.token_digest,
                    connection: row.connection_id,
                    partner: row.partner,
                    user_id: row.user_id,
                    expired_at: from_micros(row.expires_at),
                });
            }
            Ok(found)
        })
        .await
    }

    /// Stores a grant again, with the tokens that replace those it had.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replace_held_grant(
        &self,
        digest: Vec<u8>,
        grant: HeldGrant,
    ) -> Result<(), StoreError> {
        let vault = Arc::clone(&self.vault);
        self.write(move |db| {
            let key = user_keys::ensure_for(db, &vault, grant.connection)?;
            let sealed = seal(&key, &digest, &grant)?;
            diesel::update(unconfirmed_grants::table.find(digest))
                .set(unconfirmed_grants::grant_sealed.eq(sealed))
                .execute(db)?;
            Ok(())
        })
        .await
    }

    /// Tries to revoke a grant again only after `until`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_off_grant(
        &self,
        digest: Vec<u8>,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            diesel::update(unconfirmed_grants::table.find(digest))
                .set(unconfirmed_grants::retry_at.eq(to_micros(until)))
                .execute(db)?;
            Ok(())
        })
        .await
    }

    /// Destroys a grant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_grant(&self, digest: Vec<u8>) -> Result<(), StoreError> {
        self.write(move |db| {
            diesel::delete(unconfirmed_grants::table.find(digest)).execute(db)?;
            Ok(())
        })
        .await
    }
}

/// How long a host app has to confirm.
pub const CONFIRM_WITHIN: TimeDelta = TimeDelta::minutes(10);

fn seal(key: &UserKey, digest: &[u8], grant: &HeldGrant) -> Result<Vec<u8>, StoreError> {
    let exposed = |secret: &SecretString| secret.expose_secret().to_owned();
    let tokens = &grant.tokens;
    let parts = Sealed {
        access: exposed(&tokens.access.token),
        access_secret: tokens.access.secret.as_ref().map(exposed),
        refresh: tokens.refresh.as_ref().map(exposed),
        access_expires_at: tokens.access_expires_at,
        scopes: tokens.scopes.clone(),
        choices: grant.choices.clone(),
    };
    let text = serde_json::to_string(&parts).map_err(|_| StoreError::Corrupt("a grant"))?;
    // Wiped when it is dropped, as what it was made of.
    let text = SecretString::from(text);
    let place = AssociatedData { column: COLUMN, row: &hex(digest) };
    Ok(key.current.seal(place, text.expose_secret())?)
}

fn open(vault: &Vault, key: Option<&UserKey>, row: &Row) -> Result<HeldGrant, StoreError> {
    let place = AssociatedData { column: COLUMN, row: &hex(&row.token_digest) };
    let text = UserKey::open(key, vault, place, &row.grant_sealed)?;
    let parts: Sealed = serde_json::from_str(text.expose_secret())
        .map_err(|_| StoreError::Corrupt("a grant that is not confirmed"))?;
    let secret = |text: Option<String>| text.map(SecretString::from);
    Ok(HeldGrant {
        connection: row.connection_id,
        external_user_id: row.external_user_id.clone(),
        tokens: Tokens {
            access: AccessToken { token: parts.access.into(), secret: secret(parts.access_secret) },
            refresh: secret(parts.refresh),
            access_expires_at: parts.access_expires_at,
            scopes: parts.scopes,
        },
        choices: parts.choices,
    })
}
