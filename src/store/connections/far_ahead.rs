//! Times that lie further ahead than they can: the clock was ahead when they were stored. Believed as
//! they stand, they would stop a connection's polls for as long as the clock was ahead.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use crate::model::{Cause, ConnectionId, FailureCode, LastError, LineOutcome, Status, UserId};
use crate::store::sql::db::Db;
use crate::store::sql::schema::{connections, sync_items};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::timeline::{Note, add_lines};
use crate::store::{Store, StoreError};

/// How far ahead the times of a connection may lie.
#[derive(Clone, Copy, Debug)]
pub struct Furthest {
    /// The next poll or push of one that works or failed.
    pub usual: TimeDelta,
    /// Of one that a partner asked to wait.
    pub limited: TimeDelta,
}

/// A connection with its times.
type Row = (ConnectionId, UserId, Option<i64>, Option<i64>, Option<String>);

impl Store {
    /// Corrects the connections of a partner whose times lie further ahead than `furthest`: they are
    /// due within `usual` from now, not all at once, and their timeline says so. Returns how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn correct_times_far_ahead(
        &self,
        partner: &'static str,
        furthest: Furthest,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let usual = to_micros(now + furthest.usual);
        let late: Vec<Row> = self
            .read(move |db| {
                connections::table
                    .filter(connections::partner.eq(partner))
                    .filter(connections::status.eq(Status::Connected.name()))
                    .filter(
                        connections::next_poll_at.gt(usual).or(connections::next_push_at.gt(usual)),
                    )
                    .select((
                        connections::id,
                        connections::user_id,
                        connections::next_poll_at,
                        connections::next_push_at,
                        connections::last_error,
                    ))
                    .load(db)
            })
            .await?;
        let limited = to_micros(now + furthest.limited);
        let too_late: Vec<Row> = late
            .into_iter()
            .filter(|(.., poll, push, error)| {
                let latest = if is_limited(error.as_deref()) { limited } else { usual };
                [*poll, *push].into_iter().flatten().any(|at| at > latest)
            })
            .collect();
        if too_late.is_empty() {
            return Ok(0);
        }
        let corrected = too_late.len();
        self.write(move |db| {
            for row in &too_late {
                correct(db, row, partner, furthest, now)?;
            }
            Ok(())
        })
        .await?;
        Ok(corrected)
    }
}

fn is_limited(error: Option<&str>) -> bool {
    let error = error.and_then(|text| serde_json::from_str::<LastError>(text).ok());
    error.is_some_and(|error| error.code == FailureCode::RateLimited)
}

fn correct(
    db: &mut Db,
    (id, user, poll, push, _): &Row,
    partner: &str,
    furthest: Furthest,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let usual = to_micros(now + furthest.usual);
    // Spread by the id, so that a thousand connections do not come in one moment.
    let spread = furthest.usual * i32::try_from(id.0.rem_euclid(1_000)).unwrap_or_default() / 1_000;
    let soon = to_micros(now + spread);
    let corrected = |at: &Option<i64>| at.map(|at| if at > usual { soon } else { at });
    diesel::update(connections::table.find(id))
        .set((
            connections::next_poll_at.eq(corrected(poll)),
            connections::next_push_at.eq(corrected(push)),
        ))
        .execute(db)?;
    let waiting = sync_items::table
        .filter(sync_items::connection_id.eq(id))
        .filter(sync_items::due_at.gt(usual));
    diesel::update(waiting).set(sync_items::due_at.eq(Some(soon))).execute(db)?;
    let latest = [*poll, *push].into_iter().flatten().max().map(from_micros);
    let was = latest.map(|at| at.format("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default();
    let note = Note {
        connection: *id,
        user,
        partner,
        cause: Cause::Schedule,
        outcome: LineOutcome::Corrected,
        summary: format!(
            "the next sync was due at {was}, later than the settings allow: this machine's clock was \
             ahead, or an interval was shortened; it is due soon"
        ),
    };
    add_lines(db, &[&note.between(now, now)])
}
