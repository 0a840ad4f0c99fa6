//! Cursors: where each feed's next sync starts.

use diesel::prelude::*;
use diesel::sql_types::Text;
use serde::Serialize;

use crate::model::ConnectionId;
use crate::store::StoreError;
use crate::store::sql::db::Db;
use crate::store::sql::rows::{Column, Rows};

/// A cursor to store: connection, feed, position, and time in microseconds.
#[derive(Debug, Serialize)]
pub(in crate::store) struct CursorRow<'a>(
    pub(in crate::store) ConnectionId,
    pub(in crate::store) &'a str,
    pub(in crate::store) &'a str,
    pub(in crate::store) i64,
);

pub(in crate::store) fn set(db: &mut Db, moved: &[CursorRow<'_>]) -> Result<(), StoreError> {
    if moved.is_empty() {
        return Ok(());
    }
    let columns = [
        Column::Integer("connection_id"),
        Column::Text("feed"),
        Column::Text("position"),
        Column::Integer("updated_at"),
    ];
    let rows = Rows::new(db, &columns, moved)?;
    // SQLite parses `ON` as part of a join unless another clause precedes it.
    let upsert = format!(
        "INSERT INTO cursors (connection_id, feed, position, updated_at) \
         SELECT n.connection_id, n.feed, n.position, n.updated_at FROM {} WHERE TRUE \
         ON CONFLICT (connection_id, feed) \
         DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at",
        rows.table
    );
    diesel::sql_query(upsert).bind::<Text, _>(rows.json).execute(db)?;
    Ok(())
}

/// Stores when feeds had a wide look: connection, feed, and time in microseconds.
pub(in crate::store) fn note_wide_looks(
    db: &mut Db,
    looks: &[(ConnectionId, &str, i64)],
) -> Result<(), StoreError> {
    if looks.is_empty() {
        return Ok(());
    }
    let columns =
        [Column::Integer("connection_id"), Column::Text("feed"), Column::Integer("looked_at")];
    let rows = Rows::new(db, &columns, looks)?;
    let update = format!(
        "UPDATE cursors SET wide_look_at = n.looked_at FROM {} \
         WHERE cursors.connection_id = n.connection_id AND cursors.feed = n.feed",
        rows.table
    );
    diesel::sql_query(update).bind::<Text, _>(rows.json).execute(db)?;
    Ok(())
}
