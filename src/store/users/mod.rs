//! Users, who have no table of their own: whoever has a connection, or records, is one.

mod copies;
mod erase;
mod history;
mod points;
mod summary;

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::prelude::*;

pub use self::copies::PartnerCopy;
pub use self::erase::Erased;
pub use self::history::RecordChange;
pub use self::points::{MOST_POINTS, Point, PointFilter, Points, PointsOf};
pub use self::summary::{COUNTED, RecordCount, RecordCounts};
use crate::model::{Connection, ConnectionId, UserId};
use crate::store::connections::ConnectionRow;
use crate::store::records::rows::BATCH;
use crate::store::sql::db::{Backend, Db};
use crate::store::sql::listed::Listed;
use crate::store::sql::schema::{connections, records};
use crate::store::sql::time::from_micros;
use crate::store::{Store, StoreError};

/// Which users to return.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Only those whose ids begin with this.
    pub prefix: String,
    /// Only those after this one, in the order of ids.
    pub after: Option<UserId>,
}

/// A connection that was begun and never came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The partner.
    pub partner: String,
    /// When a connect was begun first.
    pub since: DateTime<Utc>,
}

impl Store {
    /// Users in the order of their ids, at most `limit`. The one whose id is the prefix comes first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users(
        &self,
        filter: UserFilter,
        limit: usize,
    ) -> Result<Listed<UserId>, StoreError> {
        let mut rows = self.read(move |db| page(db, &filter, limit.saturating_add(1))).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        Ok(Listed { rows, more })
    }

    /// Which of these ids are users', in their order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users_among(&self, ids: Vec<UserId>) -> Result<Vec<UserId>, StoreError> {
        self.read(move |db| {
            let mut found = BTreeSet::new();
            for ids in ids.chunks(BATCH) {
                let connected = connections::table.filter(connections::user_id.eq_any(ids));
                found.extend(connected.select(connections::user_id).distinct().load(db)?);
                let with_records = records::table.filter(records::user_id.eq_any(ids));
                let with_records = with_records.select(records::user_id).distinct();
                found.extend(with_records.load::<UserId>(db)?);
            }
            Ok(found.into_iter().collect())
        })
        .await
    }

    /// The users whose ids come next to an id in order: at most `limit` before it and after it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users_around(&self, id: String, limit: i64) -> Result<Vec<UserId>, StoreError> {
        self.read(move |db| {
            let all = || connections::table.select(connections::user_id).distinct();
            let before = all()
                .filter(connections::user_id.lt(&id))
                .order(connections::user_id.desc())
                .limit(limit);
            let mut found: Vec<UserId> = before.load(db)?;
            found.reverse();
            let after = all().filter(connections::user_id.gt(&id));
            found.extend(after.order(connections::user_id).limit(limit).load::<UserId>(db)?);
            Ok(found)
        })
        .await
    }

    /// The connections of these users that were ever connected, ordered by user and partner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connections_of_users(
        &self,
        users: Vec<UserId>,
    ) -> Result<HashMap<UserId, Vec<Connection>>, StoreError> {
        let rows = self.load_connections(move |db| {
            let mut rows = Vec::new();
            for users in users.chunks(BATCH) {
                let chosen = connections::table
                    .filter(connections::user_id.eq_any(users))
                    .filter(connections::connected_at.is_not_null())
                    .order((connections::user_id, connections::partner));
                rows.extend(chosen.select(ConnectionRow::as_select()).load::<ConnectionRow>(db)?);
            }
            Ok(rows)
        });
        let mut by_user: HashMap<UserId, Vec<Connection>> = HashMap::new();
        for connection in rows.await? {
            by_user.entry(connection.user_id.clone()).or_default().push(connection);
        }
        Ok(by_user)
    }

    /// When a user's first connect was begun, and the connects that never came to their end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begun_connects(
        &self,
        user: UserId,
    ) -> Result<(Option<DateTime<Utc>>, Vec<Unfinished>), StoreError> {
        let rows: Vec<(String, i64, Option<i64>)> = self
            .read(move |db| {
                connections::table
                    .filter(connections::user_id.eq(&user))
                    .order(connections::partner)
                    .select((
                        connections::partner,
                        connections::created_at,
                        connections::connected_at,
                    ))
                    .load(db)
            })
            .await?;
        let first = rows.iter().map(|(_, begun, _)| *begun).min().map(from_micros);
        let unfinished = rows.into_iter().filter(|(_, _, connected)| connected.is_none());
        let unfinished =
            unfinished.map(|(partner, begun, _)| Unfinished { partner, since: from_micros(begun) });
        Ok((first, unfinished.collect()))
    }

    /// All connections of a user, also those that never came to be.
    pub(in crate::store) async fn connection_ids_of(
        &self,
        user: UserId,
    ) -> Result<Vec<ConnectionId>, StoreError> {
        self.read(move |db| {
            let all = connections::table.filter(connections::user_id.eq(user));
            all.select(connections::id).load(db)
        })
        .await
    }
}

/// The first `count` users of a filter.
fn page(db: &mut Db, filter: &UserFilter, count: usize) -> QueryResult<Vec<UserId>> {
    let end = next_after(&filter.prefix);
    let limit = i64::try_from(count).unwrap_or(i64::MAX);
    let mut connected = connections::table
        .filter(connections::user_id.ge(&filter.prefix))
        .select(connections::user_id)
        .distinct()
        .order(connections::user_id)
        .limit(limit)
        .into_boxed::<Backend>();
    if let Some(end) = &end {
        connected = connected.filter(connections::user_id.lt(end));
    }
    if let Some(after) = &filter.after {
        connected = connected.filter(connections::user_id.gt(after));
    }
    let connected: Vec<UserId> = connected.load(db)?;
    // Of those with records only, none after the last of a full page is wanted.
    let last = connected.last().filter(|_| connected.len() >= count).cloned();
    let mut found: BTreeSet<UserId> = connected.into_iter().collect();
    let mut after = filter.after.clone();
    for _ in 0..count {
        // One step along the index for each user: a user may have a hundred thousand records.
        let mut next = records::table
            .filter(records::user_id.ge(&filter.prefix))
            .select(records::user_id)
            .order(records::user_id)
            .limit(1)
            .into_boxed::<Backend>();
        if let Some(end) = &end {
            next = next.filter(records::user_id.lt(end));
        }
        if let Some(last) = &last {
            next = next.filter(records::user_id.le(last));
        }
        if let Some(after) = &after {
            next = next.filter(records::user_id.gt(after));
        }
        let Some(user) = next.first::<UserId>(db).optional()? else { break };
        after = Some(user.clone());
        found.insert(user);
    }
    Ok(found.into_iter().take(count).collect())
}

/// The least text that is greater than every text with this beginning; `None` if there is none. Both
/// databases compare texts byte by byte, which is the order of their characters.
fn next_after(prefix: &str) -> Option<String> {
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        if let Some(next) = ((last as u32 + 1)..=(char::MAX as u32)).find_map(char::from_u32) {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests;
