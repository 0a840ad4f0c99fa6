//! The change feed as endpoints read it.

use chrono::{DateTime, Utc};
use diesel::dsl::{max, min};
use diesel::prelude::*;

use super::PlannedMessage;
use crate::model::{ChangeKind, UserId};
use crate::store::change_feed::{Changed, Row};
use crate::store::sql::db::Db;
use crate::store::sql::schema::changes;
use crate::store::sql::time::to_micros;
use crate::store::{Change, Store, StoreError};

/// A line of the feed, without what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = changes)]
pub struct FeedLine {
    /// Its number.
    pub seq: i64,
    /// The user.
    #[diesel(column_name = user_id)]
    pub user: UserId,
    /// What happened.
    pub change: ChangeKind,
}

/// By how much less a change may be dated than one before it in the feed.
const DATED_BACK: i64 = 60 * 1_000_000;

impl Store {
    /// At most `limit` lines after one and up to another, of one user or of all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn feed_lines(
        &self,
        after: i64,
        until: Option<i64>,
        user: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<FeedLine>, StoreError> {
        self.read(move |db| {
            let mut query = changes::table
                .filter(changes::seq.gt(after))
                .order(changes::seq)
                .limit(limit)
                .into_boxed();
            if let Some(until) = until {
                query = query.filter(changes::seq.le(until));
            }
            if let Some(user) = user {
                query = query.filter(changes::user_id.eq(user));
            }
            query.select(FeedLine::as_select()).load(db)
        })
        .await
    }

    /// The changes in the range of a message that are wanted, each with its user. What is not wanted is
    /// not loaded.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes_of_message(
        &self,
        message: &PlannedMessage,
        wanted: impl Fn(ChangeKind, &UserId) -> bool + Send + 'static,
    ) -> Result<Vec<(UserId, Change)>, StoreError> {
        let (first, last, user) = (message.first, message.last, message.user.clone());
        let without = message.without.clone();
        let (rows, changed) = self
            .read(move |db| {
                let mut query = changes::table
                    .filter(changes::seq.between(first, last))
                    .order(changes::seq)
                    .into_boxed();
                if let Some(user) = user {
                    query = query.filter(changes::user_id.eq(user));
                }
                if !without.is_empty() {
                    query = query.filter(changes::user_id.ne_all(without));
                }
                let mut rows: Vec<(UserId, Row)> =
                    query.select((changes::user_id, Row::as_select())).load(db)?;
                rows.retain(|(user, row)| wanted(row.change(), user));
                let (users, rows): (Vec<UserId>, Vec<Row>) = rows.into_iter().unzip();
                let changed = Changed::load(db, &rows)?;
                Ok((users.into_iter().zip(rows).collect::<Vec<_>>(), changed))
            })
            .await?;
        let mut found = Vec::with_capacity(rows.len());
        for (user, row) in rows {
            let change = self.joined(vec![row], &changed)?;
            found.extend(change.into_iter().map(|change| (user.clone(), change)));
        }
        Ok(found)
    }

    /// The number of the last change before the first one of this time or later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_change_before(&self, time: DateTime<Utc>) -> Result<i64, StoreError> {
        let time = to_micros(time);
        self.read(move |db| before(db, time)).await
    }
}

/// Numbers are in the order of commits, and times in nearly that order: a search by halves comes near,
/// and a few steps lead there.
fn before(db: &mut Db, time: i64) -> QueryResult<i64> {
    // Apart: asked for both at once, SQLite reads the whole table.
    let first: Option<i64> = changes::table.select(min(changes::seq)).first(db)?;
    let last: Option<i64> = changes::table.select(max(changes::seq)).first(db)?;
    let (Some(mut low), Some(mut high)) = (first, last) else { return Ok(0) };
    // The first line from `low` on that is not clearly before the time.
    while low < high {
        let middle = low + (high - low) / 2;
        let at: i64 = changes::table
            .filter(changes::seq.ge(middle))
            .order(changes::seq)
            .select(changes::at)
            .first(db)?;
        if at < time.saturating_sub(DATED_BACK) { low = middle + 1 } else { high = middle }
    }
    let first: Option<i64> = changes::table
        .filter(changes::seq.ge(low))
        .filter(changes::at.ge(time))
        .order(changes::seq)
        .select(changes::seq)
        .first(db)
        .optional()?;
    match first {
        Some(first) => Ok(first - 1),
        None => Ok(changes::table.select(max(changes::seq)).first::<Option<i64>>(db)?.unwrap_or(0)),
    }
}
