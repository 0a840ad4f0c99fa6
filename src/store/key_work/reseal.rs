//! The batches: rows whose values are sealed again with the keys in use. What cannot be opened stays as it
//! is: no key opens it, and the place where it is used says so.

use std::collections::HashMap;

use diesel::prelude::*;
use partner_sdk::secrecy::ExposeSecret;

use super::Work;
use crate::model::{ConnectionId, UserId};
use crate::store::connections::tokens;
use crate::store::sql::db::Db;
use crate::store::sql::key_schema::user_keys;
use crate::store::sql::schema::{
    administrators, connections, delivered_data, oauth_attempts, subscriptions, unconfirmed_grants,
    webhook_endpoints,
};
use crate::store::{
    StoreError, administrators as people, delivered, pending_authorizations as pending,
    subscriptions as subscribed, unconfirmed, user_keys as keys, webhooks,
};
use crate::vault::{AssociatedData, UserKey, Vault, VaultError, hex};

/// How many rows one batch has; of users, each with all their connections.
const ROWS: i64 = 100;

/// About how many rows there are.
pub(super) fn count(db: &mut Db) -> QueryResult<i64> {
    let users: i64 = user_keys::table.count().get_result(db)?;
    let connecting: i64 = connections::table
        .filter(connections::access_token_sealed.is_not_null())
        .select(diesel::dsl::count(connections::user_id).aggregate_distinct())
        .get_result(db)?;
    let subscribed: i64 = subscriptions::table.count().get_result(db)?;
    let delivered: i64 = delivered_data::table.count().get_result(db)?;
    let endpoints: i64 = webhook_endpoints::table.count().get_result(db)?;
    let people: i64 = administrators::table.count().get_result(db)?;
    Ok(users.max(connecting) + subscribed + delivered + endpoints + people)
}

/// The position to go on from and how many rows there were, if there were any.
type Found = Result<Option<(String, usize)>, StoreError>;

/// Gives the users their keys who have none yet, by connection.
pub(super) fn users_without(db: &mut Db, vault: &Vault, _: &Work, after: &str) -> Found {
    let rows: Vec<(ConnectionId, UserId, Option<Vec<u8>>)> = connections::table
        .filter(connections::id.gt(after.parse::<i64>().unwrap_or(i64::MIN)))
        .order(connections::id)
        .limit(ROWS)
        .select((connections::id, connections::user_id, connections::access_token_sealed))
        .load(db)?;
    let Some((last, ..)) = rows.last() else { return Ok(None) };
    let last = last.to_string();
    let ids: Vec<ConnectionId> = rows.iter().map(|(id, ..)| *id).collect();
    let begun: Vec<ConnectionId> = oauth_attempts::table
        .filter(oauth_attempts::connection_id.eq_any(ids))
        .select(oauth_attempts::connection_id)
        .load(db)?;
    for (id, user, sealed) in rows {
        if sealed.is_none() && !begun.contains(&id) {
            continue;
        }
        match keys::ensure(db, vault, &user) {
            Err(StoreError::Vault(error @ VaultError::NoUserKey { .. })) => {
                tracing::error!(connection.id = id.0, %error, "values are left as they are");
            }
            other => drop(other?),
        }
    }
    Ok(Some((last, 0)))
}

/// Replaces keys of users, or wraps them again, and seals what is the users'.
pub(super) fn users(db: &mut Db, vault: &Vault, work: &Work, after: &str) -> Found {
    let users = next_users(db, after)?;
    let Some(last) = users.last() else { return Ok(None) };
    let last = last.as_str().to_owned();
    let mut known = keys::of(db, vault, &users)?;
    for user in &users {
        let Some(key) = known.remove(user) else { continue };
        let key = if work.renew {
            keys::renew(db, vault, user, key)?
        } else {
            keys::wrap_again(db, vault, user, &key)?;
            key
        };
        known.insert(user.clone(), key);
    }
    users_tokens(db, vault, &known, &users)?;
    users_attempts(db, vault, &known, &users)?;
    users_grants(db, vault, &known, &users)?;
    Ok(Some((last, users.len())))
}

/// Forgets the keys of users that were replaced.
pub(super) fn previous_keys(db: &mut Db, _: &Vault, _: &Work, after: &str) -> Found {
    let users = next_users(db, after)?;
    let Some(last) = users.last() else { return Ok(None) };
    let replaced = user_keys::table
        .filter(user_keys::user_id.eq_any(&users))
        .filter(user_keys::previous_wrapped.is_not_null());
    diesel::update(replaced).set(user_keys::previous_wrapped.eq(None::<Vec<u8>>)).execute(db)?;
    Ok(Some((last.as_str().to_owned(), 0)))
}

fn next_users(db: &mut Db, after: &str) -> QueryResult<Vec<UserId>> {
    user_keys::table
        .filter(user_keys::user_id.gt(after))
        .order(user_keys::user_id)
        .limit(ROWS)
        .select(user_keys::user_id)
        .load(db)
}

type TokenRow = (ConnectionId, UserId, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);

fn users_tokens(
    db: &mut Db,
    vault: &Vault,
    known: &HashMap<UserId, UserKey>,
    users: &[UserId],
) -> Result<(), StoreError> {
    let rows: Vec<TokenRow> = connections::table
        .filter(connections::user_id.eq_any(users))
        .filter(connections::access_token_sealed.is_not_null())
        .select((
            connections::id,
            connections::user_id,
            connections::access_token_sealed,
            connections::token_secret_sealed,
            connections::refresh_token_sealed,
        ))
        .load(db)?;
    for (id, user, access, secret, refresh) in rows {
        let Some(key) = known.get(&user) else { continue };
        let row = id.to_string();
        let again = |column, sealed: Option<Vec<u8>>| {
            of_user(vault, key, AssociatedData { column, row: &row }, sealed)
        };
        let sealed = (
            connections::access_token_sealed.eq(again(tokens::ACCESS, access)?),
            connections::token_secret_sealed.eq(again(tokens::SECRET, secret)?),
            connections::refresh_token_sealed.eq(again(tokens::REFRESH, refresh)?),
        );
        diesel::update(connections::table.find(id)).set(sealed).execute(db)?;
    }
    Ok(())
}

type AttemptRow = (Vec<u8>, UserId, Option<Vec<u8>>, Option<Vec<u8>>);

fn users_attempts(
    db: &mut Db,
    vault: &Vault,
    known: &HashMap<UserId, UserKey>,
    users: &[UserId],
) -> Result<(), StoreError> {
    let rows: Vec<AttemptRow> = oauth_attempts::table
        .inner_join(connections::table.on(connections::id.eq(oauth_attempts::connection_id)))
        .filter(connections::user_id.eq_any(users))
        .filter(oauth_attempts::taken_at.is_null())
        .select((
            oauth_attempts::state_digest,
            connections::user_id,
            oauth_attempts::verifier_sealed,
            oauth_attempts::request_secret_sealed,
        ))
        .load(db)?;
    for (digest, user, verifier, secret) in rows {
        let Some(key) = known.get(&user) else { continue };
        let row = hex(&digest);
        let again = |column, sealed: Option<Vec<u8>>| {
            of_user(vault, key, AssociatedData { column, row: &row }, sealed)
        };
        let sealed = (
            oauth_attempts::verifier_sealed.eq(again(pending::VERIFIER, verifier)?),
            oauth_attempts::request_secret_sealed.eq(again(pending::REQUEST_SECRET, secret)?),
        );
        diesel::update(oauth_attempts::table.find(digest)).set(sealed).execute(db)?;
    }
    Ok(())
}

fn users_grants(
    db: &mut Db,
    vault: &Vault,
    known: &HashMap<UserId, UserKey>,
    users: &[UserId],
) -> Result<(), StoreError> {
    let rows: Vec<(Vec<u8>, UserId, Vec<u8>)> = unconfirmed_grants::table
        .inner_join(connections::table.on(connections::id.eq(unconfirmed_grants::connection_id)))
        .filter(connections::user_id.eq_any(users))
        .select((
            unconfirmed_grants::token_digest,
            connections::user_id,
            unconfirmed_grants::grant_sealed,
        ))
        .load(db)?;
    for (digest, user, sealed) in rows {
        let Some(key) = known.get(&user) else { continue };
        let place = AssociatedData { column: unconfirmed::COLUMN, row: &hex(&digest) };
        let Some(sealed) = of_user(vault, key, place, Some(sealed))? else { continue };
        diesel::update(unconfirmed_grants::table.find(digest))
            .set(unconfirmed_grants::grant_sealed.eq(sealed))
            .execute(db)?;
    }
    Ok(())
}

/// The value of a user, sealed with the user's key.
fn of_user(
    vault: &Vault,
    key: &UserKey,
    place: AssociatedData<'_>,
    sealed: Option<Vec<u8>>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(value) = sealed.filter(|value| !value.is_empty()) else { return Ok(None) };
    if key.current.sealed(&value) {
        return Ok(Some(value));
    }
    match UserKey::open(Some(key), vault, place, &value) {
        Ok(secret) => Ok(Some(key.current.seal(place, secret.expose_secret())?)),
        Err(_) => Ok(Some(value)),
    }
}

/// A value of the installation, sealed with its key.
fn of_all(vault: &Vault, place: AssociatedData<'_>, value: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    if vault.is_current(&value) {
        return Ok(value);
    }
    match vault.open(place, &value) {
        Ok(secret) => Ok(vault.seal(place, secret.expose_secret())?),
        Err(_) => Ok(value),
    }
}

type SubscriptionRow = (ConnectionId, String, Option<Vec<u8>>, Option<Vec<u8>>);

/// Subscriptions, by connection. Those of applications have no connection's id and come first, together.
pub(super) fn subscriptions(db: &mut Db, vault: &Vault, _: &Work, after: &str) -> Found {
    let after: i64 = after.parse().unwrap_or(i64::MIN);
    let ids: Vec<ConnectionId> = subscriptions::table
        .filter(subscriptions::connection_id.gt(after))
        .order(subscriptions::connection_id)
        .limit(ROWS)
        .select(subscriptions::connection_id)
        .load(db)?;
    let Some(last) = ids.last() else { return Ok(None) };
    let rows: Vec<SubscriptionRow> = subscriptions::table
        .filter(subscriptions::connection_id.gt(after))
        .filter(subscriptions::connection_id.le(last))
        .select((
            subscriptions::connection_id,
            subscriptions::partner,
            subscriptions::state_sealed,
            subscriptions::issued_secret_sealed,
        ))
        .load(db)?;
    let count = rows.len();
    for (connection, partner, state, issued) in rows {
        let row = subscribed::place(&partner, connection);
        let again = |column, sealed: Option<Vec<u8>>| {
            let place = AssociatedData { column, row: &row };
            sealed.map(|value| of_all(vault, place, value)).transpose()
        };
        let sealed = (
            subscriptions::state_sealed.eq(again(subscribed::STATE, state)?),
            subscriptions::issued_secret_sealed.eq(again(subscribed::ISSUED, issued)?),
        );
        let it = subscriptions::table.find((connection, &partner));
        diesel::update(it).set(sealed).execute(db)?;
    }
    Ok(Some((last.to_string(), count)))
}

/// What came with notifications, by its number.
pub(super) fn delivered(db: &mut Db, vault: &Vault, _: &Work, after: &str) -> Found {
    let rows: Vec<(i64, String, Option<String>, Vec<u8>)> = delivered_data::table
        .inner_join(connections::table.on(connections::id.eq(delivered_data::connection_id)))
        .filter(delivered_data::id.gt(after.parse::<i64>().unwrap_or(i64::MIN)))
        .order(delivered_data::id)
        .limit(ROWS)
        .select((
            delivered_data::id,
            connections::partner,
            connections::external_user_id,
            delivered_data::payload_sealed,
        ))
        .load(db)?;
    let Some((last, ..)) = rows.last() else { return Ok(None) };
    let (last, count) = (last.to_string(), rows.len());
    for (id, partner, account, sealed) in rows {
        let row = delivered::place(&partner, account.as_deref().unwrap_or_default());
        let sealed =
            of_all(vault, AssociatedData { column: delivered::COLUMN, row: &row }, sealed)?;
        diesel::update(delivered_data::table.find(id))
            .set(delivered_data::payload_sealed.eq(sealed))
            .execute(db)?;
    }
    Ok(Some((last, count)))
}

type EndpointRow = (String, Vec<u8>, Vec<u8>, Option<Vec<u8>>);

/// Addresses and secrets of webhook endpoints, by id.
pub(super) fn endpoints(db: &mut Db, vault: &Vault, _: &Work, after: &str) -> Found {
    let rows: Vec<EndpointRow> = webhook_endpoints::table
        .filter(webhook_endpoints::id.gt(after))
        .order(webhook_endpoints::id)
        .limit(ROWS)
        .select((
            webhook_endpoints::id,
            webhook_endpoints::url_sealed,
            webhook_endpoints::secret_sealed,
            webhook_endpoints::previous_secret_sealed,
        ))
        .load(db)?;
    let Some((last, ..)) = rows.last() else { return Ok(None) };
    let (last, count) = (last.clone(), rows.len());
    for (id, url, secret, previous) in rows {
        let again = |column, value| of_all(vault, AssociatedData { column, row: &id }, value);
        let previous = previous.map(|value| again(webhooks::SECRET, value)).transpose()?;
        let sealed = (
            webhook_endpoints::url_sealed.eq(again(webhooks::URL, url)?),
            webhook_endpoints::secret_sealed.eq(again(webhooks::SECRET, secret)?),
            webhook_endpoints::previous_secret_sealed.eq(previous),
        );
        diesel::update(webhook_endpoints::table.find(&id)).set(sealed).execute(db)?;
    }
    Ok(Some((last, count)))
}

/// Second factors, by the name of the administrator.
pub(super) fn second_factors(db: &mut Db, vault: &Vault, _: &Work, after: &str) -> Found {
    let rows: Vec<(String, Option<Vec<u8>>)> = administrators::table
        .filter(administrators::name.gt(after))
        .order(administrators::name)
        .limit(ROWS)
        .select((administrators::name, administrators::totp_secret))
        .load(db)?;
    let Some((last, _)) = rows.last() else { return Ok(None) };
    let (last, count) = (last.clone(), rows.len());
    for (name, secret) in rows {
        let Some(secret) = secret else { continue };
        let place = AssociatedData { column: people::SECRET, row: &name };
        let sealed = of_all(vault, place, secret)?;
        diesel::update(administrators::table.find(&name))
            .set(administrators::totp_secret.eq(Some(sealed)))
            .execute(db)?;
    }
    Ok(Some((last, count)))
}
