//! Where reading a feed goes on that a limit stopped between two pages.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::model::ConnectionId;
use crate::store::StoreError;
use crate::store::sql::db::Db;
use crate::store::sql::rows::{Column, Rows};
use crate::store::sql::schema::resume_points;
use crate::sync::ResumePoint;

/// What became of a feed's resume point: `None` if it has none any more.
pub(in crate::store) type Changed<'a> = (ConnectionId, &'static str, Option<&'a ResumePoint>);

/// The resume points of connections.
pub(in crate::store) fn of(
    db: &mut Db,
    ids: &[ConnectionId],
) -> QueryResult<Vec<(ConnectionId, String, ResumePoint)>> {
    let rows: Vec<(ConnectionId, String, String)> = resume_points::table
        .filter(resume_points::connection_id.eq_any(ids))
        .select((resume_points::connection_id, resume_points::feed, resume_points::state))
        .load(db)?;
    // One that cannot be read costs only that the feed is read from its beginning.
    let read =
        |(id, feed, state): (_, _, String)| Some((id, feed, serde_json::from_str(&state).ok()?));
    Ok(rows.into_iter().filter_map(read).collect())
}

pub(in crate::store) fn change(db: &mut Db, changed: &[Changed<'_>]) -> Result<(), StoreError> {
    let mut gone: BTreeMap<&str, Vec<ConnectionId>> = BTreeMap::new();
    let mut set = Vec::new();
    for (connection, feed, point) in changed {
        match point {
            Some(point) => {
                let state = serde_json::to_string(point);
                let state = state.map_err(|_| StoreError::Corrupt("resume point"))?;
                set.push((*connection, *feed, state));
            }
            None => gone.entry(feed).or_default().push(*connection),
        }
    }
    for (feed, connections) in gone {
        let of_feed = resume_points::table
            .filter(resume_points::connection_id.eq_any(connections))
            .filter(resume_points::feed.eq(feed));
        diesel::delete(of_feed).execute(db)?;
    }
    if set.is_empty() {
        return Ok(());
    }
    let columns = [Column::Integer("connection_id"), Column::Text("feed"), Column::Text("state")];
    let rows = Rows::new(db, &columns, &set)?;
    // SQLite parses `ON` as part of a join unless another clause precedes it.
    let upsert = format!(
        "INSERT INTO resume_points (connection_id, feed, state) \
         SELECT n.connection_id, n.feed, n.state FROM {} WHERE TRUE \
         ON CONFLICT (connection_id, feed) DO UPDATE SET state = excluded.state",
        rows.table
    );
    diesel::sql_query(upsert).bind::<Text, _>(rows.json).execute(db)?;
    Ok(())
}

/// Forgets where these feeds of a connection go on: they are read from their beginning.
pub(in crate::store) fn forget(
    db: &mut Db,
    connection: ConnectionId,
    feeds: Option<&[&'static str]>,
) -> QueryResult<()> {
    let all = resume_points::table.filter(resume_points::connection_id.eq(connection));
    match feeds {
        None => diesel::delete(all).execute(db)?,
        Some(feeds) => diesel::delete(all.filter(resume_points::feed.eq_any(feeds))).execute(db)?,
    };
    Ok(())
}
