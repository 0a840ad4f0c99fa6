//! The timeline.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::db::Db;
use super::schema::syncs;
use super::time::{from_micros, to_micros};
use super::{Store, StoreError};
use crate::model::ConnectionId;

/// One line of the timeline.
#[derive(Clone, Debug)]
pub struct SyncLine {
    /// The connection it is about.
    pub connection: ConnectionId,
    /// Its user.
    pub user_id: String,
    /// Its partner.
    pub partner: String,
    /// Why it ran: `connect`, `request`, `schedule`, `disconnect`, `settings`.
    pub cause: &'static str,
    /// How it ended, one word.
    pub outcome: &'static str,
    /// What happened, in words.
    pub summary: String,
    /// The same as data.
    pub detail: serde_json::Value,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
}

/// A line as it is read.
#[derive(Clone, Debug)]
pub struct StoredLine {
    /// Its place; grows with every line.
    pub id: i64,
    /// The partner.
    pub partner: String,
    /// Why it ran.
    pub cause: String,
    /// How it ended, one word.
    pub outcome: String,
    /// What happened, in words.
    pub summary: String,
    /// The same as data.
    pub detail: serde_json::Value,
    /// When it, or the first of its repetitions, began.
    pub started_at: DateTime<Utc>,
    /// When it, or the last of its repetitions, ended.
    pub finished_at: DateTime<Utc>,
    /// How many syncs in a row ended just so.
    pub times: i32,
}

type LineRow = (i64, String, String, String, String, String, i64, i64, i32);

/// Adds a line. A scheduled sync that ended just as the one before is counted on that one's line,
/// so that the timeline stays readable and the table small.
pub(super) fn add_line(db: &mut Db, line: &SyncLine) -> Result<(), StoreError> {
    // What lost a conflict is kept on a line of its own.
    let has_conflicts = line.detail.to_string().contains("\"conflicts\"");
    if line.cause == crate::model::Cause::Schedule.name() && !has_conflicts {
        type Last = (i64, String, String, String);
        let last: Option<Last> = syncs::table
            .filter(syncs::connection_id.eq(line.connection))
            .order(syncs::id.desc())
            .select((syncs::id, syncs::cause, syncs::outcome, syncs::summary))
            .first(db)
            .optional()?;
        if let Some((id, cause, outcome, summary)) = last
            && cause == line.cause
            && outcome == line.outcome
            && summary == line.summary
        {
            let repeated = (
                syncs::repeats.eq(syncs::repeats + 1),
                syncs::finished_at.eq(to_micros(line.finished_at)),
            );
            diesel::update(syncs::table.find(id)).set(repeated).execute(db)?;
            return Ok(());
        }
    }
    diesel::insert_into(syncs::table)
        .values((
            syncs::connection_id.eq(line.connection),
            syncs::user_id.eq(&line.user_id),
            syncs::partner.eq(&line.partner),
            syncs::cause.eq(line.cause),
            syncs::outcome.eq(line.outcome),
            syncs::summary.eq(&line.summary),
            syncs::detail.eq(line.detail.to_string()),
            syncs::started_at.eq(to_micros(line.started_at)),
            syncs::finished_at.eq(to_micros(line.finished_at)),
            syncs::repeats.eq(1),
        ))
        .execute(db)?;
    Ok(())
}

impl Store {
    /// Adds a line about something that was not a sync: a connect, a denial, a disconnect.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note(&self, line: SyncLine) -> Result<(), StoreError> {
        self.write(move |db| add_line(db, &line)).await
    }

    /// The timeline of a user, newest first, below the place `before`, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn timeline(
        &self,
        user_id: String,
        partner: Option<String>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<StoredLine>, StoreError> {
        let rows: Vec<LineRow> = self
            .read(move |db| {
                let mut query = syncs::table
                    .filter(syncs::user_id.eq(user_id))
                    .filter(syncs::id.lt(before.unwrap_or(i64::MAX)))
                    .order(syncs::id.desc())
                    .limit(limit)
                    .select((
                        syncs::id,
                        syncs::partner,
                        syncs::cause,
                        syncs::outcome,
                        syncs::summary,
                        syncs::detail,
                        syncs::started_at,
                        syncs::finished_at,
                        syncs::repeats,
                    ))
                    .into_boxed();
                if let Some(partner) = partner {
                    query = query.filter(syncs::partner.eq(partner));
                }
                query.load(db)
            })
            .await?;
        let line = |row: LineRow| {
            let (id, partner, cause, outcome, summary, detail, started_at, finished_at, times) =
                row;
            StoredLine {
                id,
                partner,
                cause,
                outcome,
                summary,
                detail: serde_json::from_str(&detail).unwrap_or_default(),
                started_at: from_micros(started_at),
                finished_at: from_micros(finished_at),
                times,
            }
        };
        Ok(rows.into_iter().map(line).collect())
    }
}
