//! A data key for each user. The row is looked up wherever the key is used, so that no process uses a key
//! that was deleted; unwrapping takes a microsecond.
//!
//! What readers rely on: they read values first and keys afterwards, and a key that was replaced stays
//! beside the new one until long after its last value is sealed again.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::model::{ConnectionId, UserId};
use crate::store::records::rows::BATCH;
use crate::store::sql::db::Db;
use crate::store::sql::key_schema::user_keys;
use crate::store::sql::schema::connections;
use crate::store::users::Erased;
use crate::store::{Store, StoreError};
use crate::vault::{AssociatedData, DataKey, UserKey, Vault, VaultError};

const WRAPPED: &str = "user_keys.wrapped";

/// The keys of users, by user. A user without one has none here.
pub(in crate::store) fn of(
    db: &mut Db,
    vault: &Vault,
    users: &[UserId],
) -> QueryResult<HashMap<UserId, UserKey>> {
    let mut found = HashMap::new();
    for users in users.chunks(BATCH) {
        let rows: Vec<(UserId, Vec<u8>, Option<Vec<u8>>)> = user_keys::table
            .filter(user_keys::user_id.eq_any(users))
            .select((user_keys::user_id, user_keys::wrapped, user_keys::previous_wrapped))
            .load(db)?;
        for (user, wrapped, previous) in rows {
            match unwrapped(vault, &user, &wrapped, previous.as_deref()) {
                Ok(key) => drop(found.insert(user, key)),
                // What needs it then says that it is missing.
                Err(error) => tracing::error!(%error, "the key of a user cannot be unwrapped"),
            }
        }
    }
    Ok(found)
}

/// The key of one user.
pub(in crate::store) fn of_one(
    db: &mut Db,
    vault: &Vault,
    user: &UserId,
) -> QueryResult<Option<UserKey>> {
    Ok(of(db, vault, std::slice::from_ref(user))?.remove(user))
}

/// The key to seal with for a user; makes it for a user of whom nothing is sealed with one yet.
pub(in crate::store) fn ensure(
    db: &mut Db,
    vault: &Vault,
    user: &UserId,
) -> Result<UserKey, StoreError> {
    let row: Option<(Vec<u8>, Option<Vec<u8>>)> = user_keys::table
        .find(user)
        .select((user_keys::wrapped, user_keys::previous_wrapped))
        .first(db)
        .optional()?;
    if let Some((wrapped, previous)) = row {
        return Ok(unwrapped(vault, user, &wrapped, previous.as_deref())?);
    }
    if has_sealed_values(db, user)? {
        return Err(VaultError::NoUserKey { column: WRAPPED }.into());
    }
    let current = DataKey::generate()?;
    diesel::insert_into(user_keys::table)
        .values((
            user_keys::user_id.eq(user),
            user_keys::master_id.eq(vault.key_id()),
            user_keys::wrapped.eq(wrap(vault, user, &current)?),
        ))
        .execute(db)?;
    Ok(UserKey { current, previous: None })
}

/// The key to seal with for the user of a connection.
pub(in crate::store) fn ensure_for(
    db: &mut Db,
    vault: &Vault,
    connection: ConnectionId,
) -> Result<UserKey, StoreError> {
    let user: UserId =
        connections::table.find(connection).select(connections::user_id).first(db)?;
    ensure(db, vault, &user)
}

/// Replaces the key of a user; the one before stays, to open what it sealed.
pub(in crate::store) fn renew(
    db: &mut Db,
    vault: &Vault,
    user: &UserId,
    key: UserKey,
) -> Result<UserKey, StoreError> {
    let (current, previous) = (DataKey::generate()?, key.current);
    diesel::update(user_keys::table.find(user))
        .set((
            user_keys::master_id.eq(vault.key_id()),
            user_keys::wrapped.eq(wrap(vault, user, &current)?),
            user_keys::previous_wrapped.eq(Some(wrap(vault, user, &previous)?)),
        ))
        .execute(db)?;
    Ok(UserKey { current, previous: Some(previous) })
}

/// Wraps the key of a user with the master key in use.
pub(in crate::store) fn wrap_again(
    db: &mut Db,
    vault: &Vault,
    user: &UserId,
    key: &UserKey,
) -> Result<(), StoreError> {
    let previous = key.previous.as_ref().map(|key| wrap(vault, user, key)).transpose()?;
    let other = user_keys::table.find(user).filter(user_keys::master_id.ne(vault.key_id()));
    diesel::update(other)
        .set((
            user_keys::master_id.eq(vault.key_id()),
            user_keys::wrapped.eq(wrap(vault, user, &key.current)?),
            user_keys::previous_wrapped.eq(previous),
        ))
        .execute(db)?;
    Ok(())
}

fn wrap(vault: &Vault, user: &UserId, key: &DataKey) -> Result<Vec<u8>, VaultError> {
    vault.wrap(AssociatedData { column: WRAPPED, row: user.as_str() }, key)
}

fn unwrapped(
    vault: &Vault,
    user: &UserId,
    wrapped: &[u8],
    previous: Option<&[u8]>,
) -> Result<UserKey, VaultError> {
    let place = AssociatedData { column: WRAPPED, row: user.as_str() };
    Ok(UserKey {
        current: vault.unwrap_key(place, wrapped)?,
        previous: previous.map(|wrapped| vault.unwrap_key(place, wrapped)).transpose()?,
    })
}

type TokenRow = (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);

/// Whether something is sealed with a key of this user.
fn has_sealed_values(db: &mut Db, user: &UserId) -> QueryResult<bool> {
    let rows: Vec<TokenRow> = connections::table
        .filter(connections::user_id.eq(user))
        .select((
            connections::access_token_sealed,
            connections::token_secret_sealed,
            connections::refresh_token_sealed,
        ))
        .load(db)?;
    let sealed = rows.into_iter().flat_map(|(access, secret, refresh)| [access, secret, refresh]);
    Ok(sealed.flatten().any(|value| UserKey::is_needed_for(&value)))
}

impl Store {
    /// The users of whom values are here that only their own key opens, which is not here: they were
    /// erased after the backup that was restored, or the newest keys were not restored with it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users_without_key(&self) -> Result<Vec<UserId>, StoreError> {
        // A restored copy has empty ones where the newest file had none.
        let mut found: Vec<UserId> = self
            .read(|db| {
                let empty = user_keys::table.filter(user_keys::wrapped.eq(Vec::<u8>::new()));
                empty.select(user_keys::user_id).load(db)
            })
            .await?;
        let mut after = 0_i64;
        loop {
            let rows: Vec<(ConnectionId, UserId, Option<Vec<u8>>)> = self
                .read(move |db| {
                    connections::table
                        .filter(connections::id.gt(after))
                        .order(connections::id)
                        .limit(i64::try_from(BATCH).unwrap_or(i64::MAX))
                        .select((
                            connections::id,
                            connections::user_id,
                            connections::access_token_sealed,
                        ))
                        .load(db)
                })
                .await?;
            let Some((last, ..)) = rows.last() else { break };
            after = last.0;
            let needing = rows
                .into_iter()
                .filter(|(.., sealed)| sealed.as_deref().is_some_and(UserKey::is_needed_for));
            let users: Vec<UserId> = needing.map(|(_, user, _)| user).collect();
            let named = users.clone();
            let with_key: Vec<UserId> = self
                .read(move |db| {
                    let theirs = user_keys::table.filter(user_keys::user_id.eq_any(&named));
                    theirs.select(user_keys::user_id).load(db)
                })
                .await?;
            found.extend(users.into_iter().filter(|user| !with_key.contains(user)));
        }
        found.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        found.dedup();
        Ok(found)
    }

    /// Erases the users whose key is missing, as they were erased before. For a restore, while no daemon
    /// runs. Returns what was deleted of each.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_users_without_key(&self) -> Result<Vec<(UserId, Erased)>, StoreError> {
        let mut all = Vec::new();
        for user in self.users_without_key().await? {
            let erased = self.erase_user(&user).await?;
            all.push((user, erased));
        }
        Ok(all)
    }
}
