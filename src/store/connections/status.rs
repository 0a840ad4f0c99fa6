//! The status of connections: each change of it stands in the feed.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::tokens::SealedTokens;
use crate::model::{ChangeCause, ConnectionId, Status};
use crate::store::change_feed::append_connections;
use crate::store::incidents::connects;
use crate::store::records::rows::BATCH;
use crate::store::sql::db::Db;
use crate::store::sql::schema::connections;
use crate::store::{Store, StoreError, notifications};

impl Store {
    /// Ends a connection: deletes its tokens, keeps its items.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn disconnect(&self, id: ConnectionId, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |db| {
            set_status(db, &[id], Status::Disconnected, Some(ChangeCause::Disconnect), now)?;
            diesel::update(connections::table.find(id))
                .set((
                    SealedTokens::none(),
                    connections::next_poll_at.eq(None::<i64>),
                    connections::next_push_at.eq(None::<i64>),
                    connections::last_error.eq(None::<String>),
                    connections::failing_since.eq(None::<i64>),
                ))
                .execute(db)?;
            notifications::forget(db, id)?;
            connects::disconnected(db, id, now)
        })
        .await
        .inspect(|()| self.unsaved_tokens.forget(id))
    }

    /// Sets every connected connection of a partner to `ended`: the partner has ended its service.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_partner(
        &self,
        partner: &'static str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            let connected = || {
                connections::table
                    .filter(connections::partner.eq(partner))
                    .filter(connections::status.eq(Status::Connected.name()))
            };
            diesel::update(connected())
                .set((
                    connections::next_poll_at.eq(None::<i64>),
                    connections::next_push_at.eq(None::<i64>),
                ))
                .execute(db)?;
            let ids: Vec<ConnectionId> =
                connected().order(connections::id).select(connections::id).load(db)?;
            set_status(db, &ids, Status::Ended, None, now)?;
            connects::partner_ended(db, partner, now)
        })
        .await
    }
}

/// Sets the status of those that have another, and tells the feed of them.
pub(in crate::store) fn set_status(
    db: &mut Db,
    ids: &[ConnectionId],
    status: Status,
    cause: Option<ChangeCause>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for ids in ids.chunks(BATCH) {
        let others = connections::table
            .filter(connections::id.eq_any(ids))
            .filter(connections::status.ne(status.name()));
        let others: Vec<ConnectionId> = others.select(connections::id).load(db)?;
        append_connections(db, &others, status.into(), cause, now)?;
        diesel::update(connections::table.filter(connections::id.eq_any(others)))
            .set(connections::status.eq(status.name()))
            .execute(db)?;
    }
    Ok(())
}
