//! The end of a sync: the connection's new state and the line of the timeline, at once.

use diesel::prelude::*;

use super::schema::connections;
use super::syncs::{SyncLine, add_line};
use super::time::to_micros;
use super::{Store, StoreError};
use crate::model::ConnectionId;
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
}

impl Store {
    /// Ends a sync.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_sync(&self, finish: Finish) -> Result<(), StoreError> {
        self.write(move |db| {
            let Finish { connection, settlement, line } = finish;
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
            add_line(db, &line)
        })
        .await
    }
}
