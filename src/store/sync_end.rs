//! The end of a sync: stores the connection's new state, cursors and the timeline's line, at once.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use tracing::Instrument;

use crate::incidents::Observed;
use crate::model::{ChangeKind, ConnectionId, Status};
use crate::scheduler::Trust;
use crate::store::change_feed::append_connections;
use crate::store::connections::set_status;
use crate::store::cursors::{self, CursorRow};
use crate::store::incidents::judge::{Ended, judge};
use crate::store::sql::db::Db;
use crate::store::sql::rows::{Column, Rows};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::sql::writer::BatchWrite;
use crate::store::timeline::{SyncLine, add_lines};
use crate::store::{Store, StoreError, notifications, outbox, resume_points};
use crate::sync::{MovedCursor, ResumePoint, Settlement, Turn};

/// What a sync leaves behind.
#[derive(Debug)]
pub struct SyncEnd {
    /// The connection.
    pub connection: ConnectionId,
    /// Its new state.
    pub settlement: Settlement,
    /// Cursors of feeds that had nothing else to store.
    pub cursors: Vec<MovedCursor>,
    /// Feeds that had a wide look, and when.
    pub wide_looks: Vec<(&'static str, DateTime<Utc>)>,
    /// Feeds whose resume points changed.
    pub resume_points: Vec<(&'static str, Option<ResumePoint>)>,
    /// The line for the timeline.
    pub line: SyncLine,
    /// The earliest next push, for a sync that had something to push; otherwise the time of the
    /// next push stays as it is.
    pub push_not_before: Option<DateTime<Utc>>,
    /// What it showed of known scenarios.
    pub observed: Observed,
}

impl Store {
    /// Stores the end of a sync. Returns when the next push is due.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_sync(&self, finish: SyncEnd) -> Result<Option<DateTime<Utc>>, StoreError> {
        let line = &finish.line;
        self.traces().keep_current(&line.user_id, Some(&line.partner));
        let commit = tracing::error_span!("commit");
        self.writer.join(finish).instrument(commit).await
    }
}

impl BatchWrite for SyncEnd {
    type Outcome = Option<DateTime<Utc>>;

    fn store(db: &mut Db, finishes: &[Self]) -> Result<Vec<Self::Outcome>, StoreError> {
        let settled = settle(db, finishes)?;
        // Only what is connected is synced, so a status that stays needs no writing.
        for finish in finishes {
            let Settlement { status, .. } = finish.settlement;
            if status != Status::Connected {
                let (cause, now) = (Some(finish.line.cause.into()), finish.line.finished_at);
                set_status(db, &[finish.connection], status, cause, now)?;
            }
        }
        report_turns(db, finishes)?;
        let mut moved = Vec::new();
        for finish in finishes {
            moved.extend(finish.cursors.iter().map(|MovedCursor { feed, cursor, read_at }| {
                CursorRow(finish.connection, feed, &cursor.0, to_micros(*read_at))
            }));
        }
        cursors::set(db, &moved)?;
        let mut looks = Vec::new();
        for finish in finishes {
            let connection = finish.connection;
            looks.extend(
                finish.wide_looks.iter().map(|(feed, at)| (connection, *feed, to_micros(*at))),
            );
        }
        cursors::note_wide_looks(db, &looks)?;
        let mut points = Vec::new();
        for finish in finishes {
            let changed = finish.resume_points.iter();
            points.extend(changed.map(|(feed, point)| (finish.connection, *feed, point.as_ref())));
        }
        resume_points::change(db, &points)?;
        let lines: Vec<&SyncLine> = finishes.iter().map(|finish| &finish.line).collect();
        add_lines(db, &lines)?;
        let mut next_pushes = Vec::with_capacity(finishes.len());
        let mut ended = Vec::with_capacity(finishes.len());
        for finish in finishes {
            let settled = settled.get(&finish.connection);
            let waits = settled.and_then(|row| row.next_push_at);
            let next = match (waits, finish.push_not_before) {
                (Some(_), Some(not_before)) => {
                    outbox::reschedule(db, finish.connection, not_before)?
                }
                (waits, _) => waits,
            };
            let is_connected = finish.settlement.status == Status::Connected;
            next_pushes.push(next.filter(|_| is_connected).map(from_micros));
            ended.push(Ended {
                connection: finish.connection,
                observed: &finish.observed,
                still_waits: next.is_some(),
                has_incidents: settled.is_some_and(|row| row.has_incidents),
                now: finish.line.finished_at,
            });
        }
        judge(db, &ended)?;
        Ok(next_pushes)
    }
}

/// What the partner announced after a sync had begun, the sync may have missed: then the connection is
/// due since the announcement.
const NEXT_POLL_AT: &str = "CASE WHEN connections.notified_at > n.started_at \
    AND connections.notified_at < n.next_poll_at \
    THEN connections.notified_at ELSE n.next_poll_at END";

/// Tells the feed of connections whose syncs have begun to fail, or to succeed again.
fn report_turns(db: &mut Db, finishes: &[SyncEnd]) -> Result<(), StoreError> {
    for finish in finishes {
        let change = match finish.settlement.turn {
            None => continue,
            Some(Turn::Failing) => ChangeKind::SyncFailing,
            Some(Turn::Recovered) => ChangeKind::SyncRecovered,
        };
        let (cause, now) = (Some(finish.line.cause.into()), finish.line.finished_at);
        append_connections(db, &[finish.connection], change, cause, now)?;
    }
    Ok(())
}

/// What a connection's row says beside what was written.
#[derive(QueryableByName)]
struct Settled {
    #[diesel(sql_type = BigInt)]
    id: ConnectionId,
    /// When it has something to push next.
    #[diesel(sql_type = Nullable<BigInt>)]
    next_push_at: Option<i64>,
    /// Whether it has open incidents that this end may close.
    #[diesel(sql_type = Bool)]
    has_incidents: bool,
}

/// Writes the connections' states.
fn settle(db: &mut Db, finishes: &[SyncEnd]) -> Result<HashMap<ConnectionId, Settled>, StoreError> {
    let mut states = Vec::with_capacity(finishes.len());
    for finish in finishes {
        let settlement = &finish.settlement;
        let error = settlement.last_error.as_ref().map(serde_json::to_string).transpose();
        states.push((
            finish.connection,
            settlement.activity.group,
            to_micros(settlement.activity.since),
            i32::try_from(settlement.failures).unwrap_or(i32::MAX),
            settlement.next_poll_at.map(to_micros),
            settlement.last_poll_at.map(to_micros),
            settlement.refused_since.map(to_micros),
            error.map_err(|_| StoreError::Corrupt("error"))?,
            settlement.trust.as_ref().map(notifications::trust_text).transpose()?,
            settlement.trust.as_ref().and_then(Trust::unheard_since).map(to_micros),
            to_micros(finish.line.started_at),
            settlement.failing_since.map(to_micros),
            settlement.polled_as,
        ));
    }
    let columns = [
        Column::Integer("id"),
        Column::Integer("activity_group"),
        Column::Integer("silent_since"),
        Column::Integer("failures"),
        Column::Integer("next_poll_at"),
        Column::Integer("last_poll_at"),
        Column::Integer("refused_since"),
        Column::Text("last_error"),
        Column::Text("trust"),
        Column::Integer("unheard_since"),
        Column::Integer("started_at"),
        Column::Integer("failing_since"),
        Column::Integer("polled_as"),
    ];
    let rows = Rows::new(db, &columns, &states)?;
    let update = format!(
        "UPDATE connections SET activity_group = n.activity_group, \
         silent_since = n.silent_since, failures = n.failures, next_poll_at = {NEXT_POLL_AT}, \
         last_poll_at = n.last_poll_at, refused_since = n.refused_since, \
         last_error = n.last_error, trust = n.trust, unheard_since = n.unheard_since, \
         failing_since = n.failing_since, polled_as = n.polled_as \
         FROM {} WHERE connections.id = n.id \
         RETURNING connections.id AS id, connections.next_push_at AS next_push_at, \
         connections.has_incidents AS has_incidents",
        rows.table
    );
    let settled: Vec<Settled> = diesel::sql_query(update).bind::<Text, _>(rows.json).load(db)?;
    Ok(settled.into_iter().map(|row| (row.id, row)).collect())
}
