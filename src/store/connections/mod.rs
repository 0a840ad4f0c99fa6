//! Connections: created at the first authorize, filled at the connect, emptied at the disconnect.

mod counts;
mod far_ahead;
mod limited;
mod listing;
mod status;
pub(in crate::store) mod tokens;
pub(in crate::store) mod unsaved;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use partner_sdk::Kind;

pub use self::counts::{ConnectionCounts, CountedConnections};
pub use self::far_ahead::Furthest;
pub use self::listing::ConnectionFilter;
pub(in crate::store) use self::status::set_status;
use crate::model::{
    ChangeCause, ChangeKind, Choice, Connection, ConnectionId, Direction, LastError, Status, UserId,
};
use crate::scheduler::{Activity, ScheduleKey};
use crate::store::change_feed::append_connections;
use crate::store::incidents::connects::{self, Connect};
use crate::store::items::previous_account;
use crate::store::sql::db::Db;
use crate::store::sql::schema::{connections, cursors, unconfirmed_grants};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{
    Store, StoreError, notifications, outbox, properties, resume_points, user_keys,
};
use crate::sync::Tokens;

#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = connections)]
pub(in crate::store) struct ConnectionRow {
    pub(in crate::store) id: ConnectionId,
    pub(in crate::store) user_id: UserId,
    partner: String,
    status: String,
    external_user_id: Option<String>,
    pub(in crate::store) access_token_sealed: Option<Vec<u8>>,
    pub(in crate::store) token_secret_sealed: Option<Vec<u8>>,
    pub(in crate::store) refresh_token_sealed: Option<Vec<u8>>,
    pub(in crate::store) access_expires_at: Option<i64>,
    pub(in crate::store) scopes: Option<String>,
    activity_group: i32,
    silent_since: i64,
    failures: i32,
    last_poll_at: Option<i64>,
    next_poll_at: Option<i64>,
    last_push_at: Option<i64>,
    next_push_at: Option<i64>,
    last_error: Option<String>,
    connected_at: Option<i64>,
    refreshed_at: Option<i64>,
    refused_since: Option<i64>,
    refresh_begun_at: Option<i64>,
    notified_at: Option<i64>,
    trust: Option<String>,
    subscribed_at: Option<i64>,
    pub(in crate::store) delivered_at: Option<i64>,
    failing_since: Option<i64>,
}

impl ConnectionRow {
    pub(in crate::store) fn into_model(self) -> Result<Connection, StoreError> {
        Ok(Connection {
            id: self.id,
            user_id: self.user_id,
            partner: self.partner,
            status: Status::from_name(&self.status).ok_or(StoreError::Corrupt("status"))?,
            external_user_id: self.external_user_id,
            scopes: self.scopes,
            activity: Activity {
                group: usize::try_from(self.activity_group).unwrap_or_default(),
                since: from_micros(self.silent_since),
            },
            failures: u32::try_from(self.failures).unwrap_or_default(),
            last_poll_at: self.last_poll_at.map(from_micros),
            next_poll_at: self.next_poll_at.map(from_micros),
            last_push_at: self.last_push_at.map(from_micros),
            next_push_at: self.next_push_at.map(from_micros),
            last_error: self
                .last_error
                .and_then(|text| serde_json::from_str::<LastError>(&text).ok()),
            connected_at: self.connected_at.map(from_micros),
            refreshed_at: self.refreshed_at.map(from_micros),
            refused_since: self.refused_since.map(from_micros),
            refresh_begun_at: self.refresh_begun_at.map(from_micros),
            notified_at: self.notified_at.map(from_micros),
            // What cannot be read is learned again.
            trust: self.trust.and_then(|text| serde_json::from_str(&text).ok()),
            subscribed_at: self.subscribed_at.map(from_micros),
            failing_since: self.failing_since.map(from_micros),
        })
    }
}

/// What a user granted at the end of a connect.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// The connection it is for.
    pub connection: ConnectionId,
    /// The partner's id of the user.
    pub external_user_id: String,
    /// The tokens.
    pub tokens: Tokens,
    /// What the user chose for it.
    pub choices: Vec<Choice>,
    /// Kinds for which the user granted no scope, with the reason to store.
    pub not_granted: Vec<(Direction, Vec<Kind>, String)>,
    /// The digest of the token that confirmed it, if it was held until then: it is not held any more.
    pub held_as: Option<Vec<u8>>,
}

impl Store {
    /// Returns the connection of a user and a partner; creates it (disconnected) if there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prepare_connection(
        &self,
        user_id: UserId,
        partner: String,
        now: DateTime<Utc>,
    ) -> Result<ConnectionId, StoreError> {
        self.write(move |db| {
            let existing = connections::table
                .filter(connections::user_id.eq(&user_id))
                .filter(connections::partner.eq(&partner))
                .select(connections::id)
                .first(db)
                .optional()?;
            if let Some(id) = existing {
                return Ok(id);
            }
            let id = diesel::insert_into(connections::table)
                .values((
                    connections::user_id.eq(&user_id),
                    connections::partner.eq(&partner),
                    connections::status.eq(Status::Disconnected.name()),
                    connections::activity_group.eq(0),
                    connections::silent_since.eq(to_micros(now)),
                    connections::failures.eq(0),
                    connections::created_at.eq(to_micros(now)),
                ))
                .returning(connections::id)
                .get_result(db)?;
            Ok(id)
        })
        .await
    }

    /// The connections of a user that were ever connected, ordered by partner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connections_of_user(
        &self,
        user_id: UserId,
    ) -> Result<Vec<Connection>, StoreError> {
        self.load_connections(move |db| {
            connections::table
                .filter(connections::user_id.eq(user_id))
                .filter(connections::connected_at.is_not_null())
                .order(connections::partner)
                .select(ConnectionRow::as_select())
                .load(db)
        })
        .await
    }

    /// The connection of a user and a partner, if it was ever connected.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connection(
        &self,
        user_id: UserId,
        partner: String,
    ) -> Result<Option<Connection>, StoreError> {
        let connections = self.connections_of_user(user_id).await?;
        Ok(connections.into_iter().find(|connection| connection.partner == partner))
    }

    /// One connection by its id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connection_by_id(
        &self,
        id: ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        let rows = self
            .load_connections(move |db| {
                connections::table.find(id).select(ConnectionRow::as_select()).load(db)
            })
            .await?;
        Ok(rows.into_iter().next())
    }

    pub(in crate::store) async fn load_connections(
        &self,
        query: impl FnOnce(&mut Db) -> QueryResult<Vec<ConnectionRow>> + Send + 'static,
    ) -> Result<Vec<Connection>, StoreError> {
        self.read(query).await?.into_iter().map(ConnectionRow::into_model).collect()
    }

    /// Returns at most `limit` scheduled connections of a partner that come after `after` in the
    /// order of due times.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn schedule_after(
        &self,
        partner: &'static str,
        after: ScheduleKey,
        limit: usize,
    ) -> Result<Vec<ScheduleKey>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<(i64, ConnectionId)> = self
            .read(move |db| {
                connections::table
                    .filter(connections::partner.eq(partner))
                    // Redundant, but only this condition lets the database use its index.
                    .filter(connections::due_at.ge(after.at))
                    .filter(
                        connections::due_at.gt(after.at).or(connections::id.gt(after.connection)),
                    )
                    .order((connections::due_at, connections::id))
                    .limit(limit)
                    .select((connections::due_at.assume_not_null(), connections::id))
                    .load(db)
            })
            .await?;
        Ok(rows.into_iter().map(|(at, connection)| ScheduleKey { at, connection }).collect())
    }

    /// The connections of a partner that are connected.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connected(&self, partner: &'static str) -> Result<Vec<ConnectionId>, StoreError> {
        self.read(move |db| {
            connections::table
                .filter(connections::partner.eq(partner))
                .filter(connections::status.eq(Status::Connected.name()))
                .order(connections::id)
                .select(connections::id)
                .load(db)
        })
        .await
    }

    /// Whether another connected connection uses the same account of the partner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn shares_account(&self, connection: &Connection) -> Result<bool, StoreError> {
        let (id, partner) = (connection.id, connection.partner.clone());
        let Some(account) = connection.external_user_id.clone() else { return Ok(false) };
        let others: i64 = self
            .read(move |db| {
                connections::table
                    .filter(connections::partner.eq(partner))
                    .filter(connections::external_user_id.eq(account))
                    .filter(connections::status.eq(Status::Connected.name()))
                    .filter(connections::id.ne(id))
                    .count()
                    .get_result(db)
            })
            .await?;
        Ok(others > 0)
    }

    /// The tokens of a connection, for revoking them; `None` if it has none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tokens(&self, id: ConnectionId) -> Result<Option<Tokens>, StoreError> {
        let vault = Arc::clone(&self.vault);
        let row = self
            .read(move |db| {
                let row: Option<ConnectionRow> = connections::table
                    .find(id)
                    .select(ConnectionRow::as_select())
                    .first(db)
                    .optional()?;
                let Some(row) = row else { return Ok(None) };
                let key = user_keys::of_one(db, &vault, &row.user_id)?;
                Ok(Some((row, key)))
            })
            .await?;
        if let Some((tokens, _)) = self.unsaved_tokens.of(id) {
            return Ok(Some(tokens));
        }
        match row.filter(|(row, _)| row.access_token_sealed.is_some()) {
            Some((row, key)) => tokens::open(&self.vault, key.as_ref(), &row).map(Some),
            None => Ok(None),
        }
    }

    /// Stores a grant: the connection works from now on. Another account than before starts from
    /// nothing; the same account continues where it was. Returns whether it is the same account as
    /// before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn adopt(&self, grant: NewGrant, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let id = grant.connection;
        let vault = Arc::clone(&self.vault);
        self.write(move |db| {
            let key = user_keys::ensure_for(db, &vault, id)?;
            let sealed = tokens::seal(&key, id, &grant.tokens)?;
            let before: Option<String> =
                connections::table.find(id).select(connections::external_user_id).first(db)?;
            let other_account =
                before.as_ref().is_some_and(|before| *before != grant.external_user_id);
            if let Some(digest) = &grant.held_as {
                diesel::delete(unconfirmed_grants::table.find(digest)).execute(db)?;
            }
            properties::forget_reasons(db, id)?;
            properties::choose(db, id, &grant.choices)?;
            for (direction, kinds, reason) in grant.not_granted {
                let again_at = now + TimeDelta::days(1);
                properties::not_granted(db, id, direction, &kinds, &reason, again_at)?;
            }
            if other_account {
                previous_account::change_account(
                    db,
                    id,
                    before.as_deref(),
                    &grant.external_user_id,
                )?;
                diesel::delete(cursors::table.filter(cursors::connection_id.eq(id))).execute(db)?;
                resume_points::forget(db, id, None)?;
                notifications::forget(db, id)?;
            }
            diesel::update(connections::table.find(id))
                .set((
                    sealed,
                    connections::status.eq(Status::Connected.name()),
                    connections::external_user_id.eq(Some(&grant.external_user_id)),
                    connections::activity_group.eq(0),
                    connections::silent_since.eq(to_micros(now)),
                    connections::failures.eq(0),
                    connections::last_error.eq(None::<String>),
                    connections::next_poll_at.eq(Some(to_micros(now))),
                    connections::connected_at.eq(Some(to_micros(now))),
                    connections::refreshed_at.eq(None::<i64>),
                    connections::refused_since.eq(None::<i64>),
                    connections::refresh_begun_at.eq(None::<i64>),
                    connections::failing_since.eq(None::<i64>),
                ))
                .execute(db)?;
            outbox::reschedule(db, id, now)?;
            append_connections(db, &[id], ChangeKind::Connected, Some(ChangeCause::Connect), now)?;
            let (before_it, account) = (before.as_deref(), grant.external_user_id.as_str());
            let connect = Connect { connection: id, before: before_it, account };
            connects::connected(db, connect, now)?;
            Ok(before.is_some() && !other_account)
        })
        .await
        .inspect(|_| self.unsaved_tokens.forget(id))
    }
}
