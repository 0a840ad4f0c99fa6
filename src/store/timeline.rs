//! The timeline.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::value::RawValue;

use crate::model::{Cause, ConnectionId, LineOutcome, UserId};
use crate::store::records::rows::INSERTED;
use crate::store::sql::db::{Backend, Db, each};
use crate::store::sql::listed::{Listed, listed, octet_length};
use crate::store::sql::rows::{Column, Rows};
use crate::store::sql::schema::syncs;
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};

/// One line of the timeline.
#[derive(Clone, Debug)]
pub struct SyncLine {
    /// The connection it is about.
    pub connection: ConnectionId,
    /// Its user.
    pub user_id: UserId,
    /// Its partner.
    pub partner: String,
    /// Why it was written.
    pub cause: Cause,
    /// How it ended.
    pub outcome: LineOutcome,
    /// What happened, in words.
    pub summary: String,
    /// The same as JSON.
    pub detail: String,
    /// Whether it is never counted on an equal line before it.
    pub stands_apart: bool,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
}

/// What a line says about something that was not a sync: a connect, a denial, a disconnect.
#[derive(Debug)]
pub struct Note<'a> {
    /// The connection.
    pub connection: ConnectionId,
    /// Its user.
    pub user: &'a UserId,
    /// Its partner.
    pub partner: &'a str,
    /// What was done.
    pub cause: Cause,
    /// How it ended.
    pub outcome: LineOutcome,
    /// What happened, in words.
    pub summary: String,
}

impl Note<'_> {
    /// The line, with when it began and ended.
    pub fn between(self, started_at: DateTime<Utc>, finished_at: DateTime<Utc>) -> SyncLine {
        SyncLine {
            connection: self.connection,
            user_id: self.user.clone(),
            partner: self.partner.to_owned(),
            cause: self.cause,
            outcome: self.outcome,
            summary: self.summary,
            detail: "null".into(),
            stands_apart: true,
            started_at,
            finished_at,
        }
    }
}

/// A line as it is read.
#[derive(Clone, Debug)]
pub struct StoredLine {
    /// Its position; increases with every line.
    pub id: i64,
    /// The partner.
    pub partner: String,
    /// Why it ran.
    pub cause: Cause,
    /// How it ended.
    pub outcome: LineOutcome,
    /// What happened, in words.
    pub summary: String,
    /// The same as data.
    pub detail: Box<RawValue>,
    /// When it, or the first of its repetitions, began.
    pub started_at: DateTime<Utc>,
    /// When it, or the last of its repetitions, ended.
    pub finished_at: DateTime<Utc>,
    /// How many syncs in a row ended the same way.
    pub times: i32,
}

#[derive(Queryable)]
struct LineRow {
    id: i64,
    partner: String,
    cause: Cause,
    outcome: LineOutcome,
    summary: String,
    detail: String,
    started_at: i64,
    finished_at: i64,
    repeats: i32,
}

impl From<LineRow> for StoredLine {
    fn from(row: LineRow) -> Self {
        Self {
            id: row.id,
            partner: row.partner,
            cause: row.cause,
            outcome: row.outcome,
            summary: row.summary,
            detail: RawValue::from_string(row.detail).unwrap_or_else(|_| RawValue::NULL.to_owned()),
            started_at: from_micros(row.started_at),
            finished_at: from_micros(row.finished_at),
            times: row.repeats,
        }
    }
}

/// Adds lines, at most one per connection. A scheduled sync that ended like the one before is
/// counted on that one's line, so that the timeline stays readable and the table small; what differs
/// each time (calls, waits, where the feeds stand) is then that of the last.
pub(in crate::store) fn add_lines(db: &mut Db, lines: &[&SyncLine]) -> Result<(), StoreError> {
    let counted = count_repeated(db, lines)?;
    let new: Vec<_> = lines
        .iter()
        .filter(|line| !counted.contains(&line.connection))
        .map(|line| {
            (
                syncs::connection_id.eq(line.connection),
                syncs::user_id.eq(&line.user_id),
                syncs::partner.eq(&line.partner),
                syncs::cause.eq(line.cause),
                syncs::outcome.eq(line.outcome),
                syncs::summary.eq(&line.summary),
                syncs::detail.eq(&line.detail),
                syncs::started_at.eq(to_micros(line.started_at)),
                syncs::finished_at.eq(to_micros(line.finished_at)),
                syncs::repeats.eq(1),
            )
        })
        .collect();
    for rows in new.chunks(INSERTED) {
        each!(db, |db| diesel::insert_into(syncs::table).values(rows).execute(db))?;
    }
    Ok(())
}

/// Counts lines on the line before, where they say the same. Returns their connections.
fn count_repeated(db: &mut Db, lines: &[&SyncLine]) -> Result<HashSet<ConnectionId>, StoreError> {
    let may_repeat = |line: &&&SyncLine| line.cause == Cause::Schedule && !line.stands_apart;
    let repeated: Vec<_> = lines
        .iter()
        .filter(may_repeat)
        .map(|line| {
            let at = to_micros(line.finished_at);
            (line.connection, line.cause, line.outcome, &line.summary, &line.detail, at)
        })
        .collect();
    if repeated.is_empty() {
        return Ok(HashSet::new());
    }
    let columns = [
        Column::Integer("connection_id"),
        Column::Text("cause"),
        Column::Text("outcome"),
        Column::Text("summary"),
        Column::Text("detail"),
        Column::Integer("finished_at"),
    ];
    let rows = Rows::new(db, &columns, &repeated)?;
    let count = format!(
        "UPDATE syncs SET repeats = repeats + 1, finished_at = n.finished_at, detail = n.detail \
         FROM {} \
         WHERE syncs.id = \
         (SELECT MAX(last.id) FROM syncs AS last WHERE last.connection_id = n.connection_id) \
         AND syncs.cause = n.cause AND syncs.outcome = n.outcome AND syncs.summary = n.summary \
         RETURNING syncs.connection_id AS connection_id",
        rows.table
    );
    #[derive(QueryableByName)]
    struct Counted {
        #[diesel(sql_type = BigInt)]
        connection_id: ConnectionId,
    }
    let counted: Vec<Counted> = diesel::sql_query(count).bind::<Text, _>(rows.json).load(db)?;
    Ok(counted.into_iter().map(|row| row.connection_id).collect())
}

impl Store {
    /// Adds a line about something that was not a sync: a connect, a denial, a disconnect.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note(&self, line: SyncLine) -> Result<(), StoreError> {
        self.write(move |db| add_lines(db, &[&line])).await
    }

    /// The timeline of a user, newest first, below position `before`: at most `limit` lines, and
    /// fewer if they are large.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn timeline(
        &self,
        user_id: UserId,
        partner: Option<String>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Listed<StoredLine>, StoreError> {
        let found: Listed<LineRow> = self
            .read(move |db| {
                let first = |count: i64| {
                    let mut query = syncs::table
                        .filter(syncs::user_id.eq(&user_id))
                        .filter(syncs::id.lt(before.unwrap_or(i64::MAX)))
                        .order(syncs::id.desc())
                        .limit(count)
                        .into_boxed::<Backend>();
                    if let Some(partner) = &partner {
                        query = query.filter(syncs::partner.eq(partner));
                    }
                    query
                };
                let columns = (
                    syncs::id,
                    syncs::partner,
                    syncs::cause,
                    syncs::outcome,
                    syncs::summary,
                    syncs::detail,
                    syncs::started_at,
                    syncs::finished_at,
                    syncs::repeats,
                );
                let bytes = (octet_length(syncs::summary), octet_length(syncs::detail));
                listed(
                    db,
                    limit,
                    |db, count| first(count).select(bytes).load(db),
                    |db, count| first(count).select(columns).load(db),
                )
            })
            .await?;
        Ok(found.map(StoredLine::from))
    }
}
