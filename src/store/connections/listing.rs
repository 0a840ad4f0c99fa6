//! The connections of all users, in pages.

use diesel::prelude::*;

use crate::model::{Connection, ConnectionId, Status, UserId};
use crate::store::connections::ConnectionRow;
use crate::store::sql::db::{Backend, Db};
use crate::store::sql::listed::Listed;
use crate::store::sql::schema::connections;
use crate::store::{Store, StoreError};

/// Which connections to return.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFilter {
    /// Only those with this status.
    pub status: Option<Status>,
    /// Only those to this partner.
    pub partner: Option<String>,
    /// Only those after this one, in the order of the list: its partner and its id.
    pub after: Option<(String, ConnectionId)>,
}

impl Store {
    /// Whose these connections are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users_of_connections(
        &self,
        ids: Vec<ConnectionId>,
    ) -> Result<Vec<(ConnectionId, UserId)>, StoreError> {
        self.read(move |db| {
            connections::table
                .filter(connections::id.eq_any(ids))
                .select((connections::id, connections::user_id))
                .load(db)
        })
        .await
    }

    /// The connections that were ever connected, of all users, ordered by partner and id: at most
    /// `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connections(
        &self,
        filter: ConnectionFilter,
        limit: usize,
    ) -> Result<Listed<Connection>, StoreError> {
        let mut rows = self.read(move |db| page(db, &filter, limit.saturating_add(1))).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let rows: Result<Vec<_>, _> = rows.into_iter().map(ConnectionRow::into_model).collect();
        Ok(Listed { rows: rows?, more })
    }
}

/// Two statements rather than one with "or": each continues an index where the page begins.
fn page(db: &mut Db, filter: &ConnectionFilter, count: usize) -> QueryResult<Vec<ConnectionRow>> {
    let mut rows: Vec<ConnectionRow> = Vec::new();
    let left = |rows: &Vec<ConnectionRow>| (count - rows.len()) as i64;
    let select = ConnectionRow::as_select();
    if let Some((partner, id)) = &filter.after {
        let same = chosen(filter)
            .filter(connections::partner.eq(partner))
            .filter(connections::id.gt(id))
            .order(connections::id);
        rows = same.limit(left(&rows)).select(select).load(db)?;
    }
    if rows.len() < count {
        let mut others = chosen(filter).order((connections::partner, connections::id));
        match (&filter.partner, &filter.after) {
            (Some(_), Some(_)) => return Ok(rows),
            (Some(partner), None) => others = others.filter(connections::partner.eq(partner)),
            (None, Some((after, _))) => others = others.filter(connections::partner.gt(after)),
            (None, None) => {}
        }
        rows.extend(others.limit(left(&rows)).select(select).load::<ConnectionRow>(db)?);
    }
    Ok(rows)
}

fn chosen(filter: &ConnectionFilter) -> connections::BoxedQuery<'_, Backend> {
    let query = connections::table.filter(connections::connected_at.is_not_null()).into_boxed();
    match filter.status {
        Some(status) => query.filter(connections::status.eq(status.name())),
        None => query,
    }
}
