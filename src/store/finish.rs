//! The end of a sync: the connection's new state and the line of the timeline, at once.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::schema::connections;
use super::syncs::{SyncLine, add_line};
use super::time::{from_micros, to_micros};
use super::{Store, StoreError, marks};
use crate::model::{ConnectionId, Status};
use crate::sync::Settlement;

/// What a sync leaves behind.
#[derive(Debug)]
pub struct Finish {
    /// The connection.
    pub connection: ConnectionId,
    /// Its new state.
    pub settlement: Settlement,
    /// What the timeline says.
    pub line: SyncLine,
    /// When the next push may be, of a sync that had something to push; otherwise the time of the
    /// next push stays as it is.
    pub push_not_before: Option<DateTime<Utc>>,
}

impl Store {
    /// Ends a sync. Gives when the next push is due.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_sync(&self, finish: Finish) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.write(move |db| {
            let Finish { connection, settlement, line, push_not_before } = finish;
            let error = settlement.last_error.as_ref().map(serde_json::to_string).transpose();
            let error = error.map_err(|_| StoreError::Corrupt("error"))?;
            diesel::update(connections::table.find(connection))
                .set((
                    connections::status.eq(settlement.status.name()),
                    connections::activity_group
                        .eq(i32::try_from(settlement.activity.group).unwrap_or_default()),
                    connections::silent_since.eq(to_micros(settlement.activity.since)),
                    connections::failures
                        .eq(i32::try_from(settlement.failures).unwrap_or(i32::MAX)),
                    connections::next_poll_at.eq(settlement.next_poll_at.map(to_micros)),
                    connections::last_poll_at.eq(settlement.last_poll_at.map(to_micros)),
                    connections::last_error.eq(error),
                ))
                .execute(db)?;
            add_line(db, &line)?;
            let next = match push_not_before {
                Some(not_before) => marks::reschedule(db, connection, not_before)?,
                None => connections::table
                    .find(connection)
                    .select(connections::next_push_at)
                    .first(db)?,
            };
            Ok(next.filter(|_| settlement.status == Status::Connected).map(from_micros))
        })
        .await
    }
}
