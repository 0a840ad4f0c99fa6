//! The change feed: what happened to records and to connections, in the order of commits.

mod append;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::dsl::max;
use diesel::prelude::*;
use tokio::sync::watch;

pub(in crate::store) use self::append::{NewChange, append, append_connections, take_appended};
use crate::model::{ChangeCause, ChangeKind, Connection, ConnectionId, RecordId, UserId};
use crate::store::connections::ConnectionRow;
use crate::store::records::rows::BATCH;
use crate::store::records::{RecordRow, StoredRecord};
use crate::store::sql::db::Db;
use crate::store::sql::listed::{Listed, listed, octet_length};
use crate::store::sql::schema::{changes, connections, feed, records};
use crate::store::sql::time::from_micros;
use crate::store::{Store, StoreError};

/// One change of one record or connection.
#[derive(Clone, Debug)]
pub struct Change {
    /// Where it stands.
    pub place: Place,
    /// What happened.
    pub change: ChangeKind,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, if that is known: lines of earlier versions do not say it.
    pub cause: Option<ChangeCause>,
    /// The partner whose sync changed a record; the connection's partner.
    pub partner: Option<String>,
    /// What it happened to, as it is now.
    pub of: ChangeOf,
}

/// What changed.
#[derive(Clone, Debug)]
pub enum ChangeOf {
    /// A record.
    Record(Box<StoredRecord>),
    /// A connection.
    Connection(Box<Connection>),
}

/// A place in the feed. It names what stands there, so that one that was given before the database
/// was replaced or set back is noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The feed's name.
    pub feed: String,
    /// The number of the change; each has a greater one than those before it.
    pub seq: i64,
    /// When it happened, in microseconds since 1970.
    pub at: i64,
}

impl Place {
    /// Whether it is the beginning of the feed, before all changes.
    pub fn is_beginning(&self) -> bool {
        (self.seq, self.at) == (0, 0)
    }
}

/// Which changes to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangesOf {
    /// All.
    Both,
    /// Only those of records.
    Records,
    /// Only those of connections.
    Connections,
}

/// Why the feed does not go on after a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAPlace {
    /// It lies beyond the end, which is here; `None` if there are no changes.
    Ahead(Option<Place>),
    /// It is one of another feed, or another change stands there.
    OfAnotherFeed,
}

/// The feed's name.
pub(in crate::store) fn name(db: &mut Db) -> Result<String, StoreError> {
    Ok(feed::table.select(feed::id).first(db)?)
}

/// A line as it is read.
#[derive(Queryable, Selectable)]
#[diesel(table_name = changes)]
pub(in crate::store) struct Row {
    seq: i64,
    change: ChangeKind,
    at: i64,
    record_id: Option<RecordId>,
    connection_id: Option<ConnectionId>,
    cause: Option<ChangeCause>,
    partner: Option<String>,
}

impl Row {
    /// What happened.
    pub(in crate::store) fn change(&self) -> ChangeKind {
        self.change
    }
}

/// What the lines of a page are about.
#[derive(Default)]
pub(in crate::store) struct Changed {
    records: HashMap<RecordId, RecordRow>,
    connections: HashMap<ConnectionId, ConnectionRow>,
}

impl Changed {
    pub(in crate::store) fn load(db: &mut Db, rows: &[Row]) -> QueryResult<Self> {
        let mut changed = Self::default();
        let ids: HashSet<&RecordId> =
            rows.iter().filter_map(|row| row.record_id.as_ref()).collect();
        for ids in ids.into_iter().collect::<Vec<_>>().chunks(BATCH) {
            let found = records::table.filter(records::id.eq_any(ids));
            let found: Vec<RecordRow> = found.select(RecordRow::as_select()).load(db)?;
            changed.records.extend(found.into_iter().map(|row| (row.id().clone(), row)));
        }
        let ids: HashSet<ConnectionId> = rows.iter().filter_map(|row| row.connection_id).collect();
        for ids in ids.into_iter().collect::<Vec<_>>().chunks(BATCH) {
            let found = connections::table.filter(connections::id.eq_any(ids));
            let found: Vec<ConnectionRow> = found.select(ConnectionRow::as_select()).load(db)?;
            changed.connections.extend(found.into_iter().map(|row| (row.id, row)));
        }
        Ok(changed)
    }

    fn has(&self, row: &Row) -> bool {
        row.record_id.as_ref().is_some_and(|id| self.records.contains_key(id))
            || row.connection_id.is_some_and(|id| self.connections.contains_key(&id))
    }

    fn record(&self, id: &RecordId) -> Option<Box<StoredRecord>> {
        self.records.get(id).cloned().map(|row| Box::new(row.into()))
    }

    fn connection(&self, id: ConnectionId) -> Result<Option<Box<Connection>>, StoreError> {
        let row = self.connections.get(&id).cloned();
        Ok(row.map(ConnectionRow::into_model).transpose()?.map(Box::new))
    }
}

/// The first lines after a number, of all users or of one, that are about something that is there.
pub(in crate::store) fn page(
    db: &mut Db,
    mut after: i64,
    of: ChangesOf,
    user: Option<&UserId>,
    limit: i64,
) -> QueryResult<(Listed<Row>, Changed)> {
    loop {
        let (found, changed) = lines(db, after, of, user, limit)?;
        match found.rows.last() {
            // A page of what is not there any more must not look like the end.
            Some(last) if found.more && !found.rows.iter().any(|row| changed.has(row)) => {
                after = last.seq;
            }
            _ => return Ok((found, changed)),
        }
    }
}

fn lines(
    db: &mut Db,
    after: i64,
    of: ChangesOf,
    user: Option<&UserId>,
    limit: i64,
) -> QueryResult<(Listed<Row>, Changed)> {
    let first = |count: i64| {
        let mut query = changes::table
            .filter(changes::seq.gt(after))
            .order(changes::seq)
            .limit(count)
            .into_boxed();
        if let Some(user) = user {
            query = query.filter(changes::user_id.eq(user));
        }
        match of {
            ChangesOf::Both => query,
            ChangesOf::Records => query.filter(changes::record_id.is_not_null()),
            ChangesOf::Connections => query.filter(changes::connection_id.is_not_null()),
        }
    };
    let found: Listed<Row> = listed(
        db,
        limit,
        |db, count| {
            let ids: Vec<Option<RecordId>> = first(count).select(changes::record_id).load(db)?;
            sizes(db, &ids)
        },
        |db, count| first(count).select(Row::as_select()).load(db),
    )?;
    let changed = Changed::load(db, &found.rows)?;
    Ok((found, changed))
}

/// The bytes in the two long texts of these records; none where there is no record.
fn sizes(db: &mut Db, ids: &[Option<RecordId>]) -> QueryResult<Vec<(i32, i32)>> {
    let of_records: HashSet<&RecordId> = ids.iter().flatten().collect();
    let mut sizes: HashMap<RecordId, (i32, i32)> = HashMap::new();
    for ids in of_records.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        let bytes = (octet_length(records::content), octet_length(records::source_id));
        let found = records::table.filter(records::id.eq_any(ids));
        sizes.extend(found.select((records::id, bytes)).load::<(RecordId, (i32, i32))>(db)?);
    }
    let size = |id: &Option<RecordId>| id.as_ref().and_then(|id| sizes.get(id)).copied();
    Ok(ids.iter().map(|id| size(id).unwrap_or_default()).collect())
}

/// Why the feed does not go on there, if it does not.
pub(in crate::store) fn refusal(
    db: &mut Db,
    place: &Place,
    name: &str,
) -> QueryResult<Option<NotAPlace>> {
    if place.feed != name {
        return Ok(Some(NotAPlace::OfAnotherFeed));
    }
    if place.is_beginning() {
        return Ok(None);
    }
    let at = |db: &mut Db, seq: i64| {
        changes::table.find(seq).select(changes::at).first::<i64>(db).optional()
    };
    match at(db, place.seq)? {
        // What is not there was the change of something that changed again since.
        Some(at) => Ok((at != place.at).then_some(NotAPlace::OfAnotherFeed)),
        None => {
            let last: Option<i64> = changes::table.select(max(changes::seq)).first(db)?;
            if last.is_some_and(|last| last > place.seq) {
                return Ok(None);
            }
            let Some(seq) = last else { return Ok(Some(NotAPlace::Ahead(None))) };
            let end = at(db, seq)?.map(|at| Place { feed: name.to_owned(), seq, at });
            Ok(Some(NotAPlace::Ahead(end)))
        }
    }
}

impl Store {
    /// Changes after each commit that appended to the feed. Its value means nothing.
    pub fn feed_moved(&self) -> watch::Receiver<u64> {
        self.feed_moved.subscribe()
    }

    /// Returns the changes after a place, in commit order: at most `limit`, and fewer if they are
    /// large.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes(
        &self,
        after: Option<Place>,
        of: ChangesOf,
        limit: i64,
    ) -> Result<Result<Listed<Change>, NotAPlace>, StoreError> {
        let name = self.feed.clone();
        let found = self.read(move |db| {
            if let Some(place) = &after
                && let Some(refusal) = refusal(db, place, &name)?
            {
                return Ok(Err(refusal));
            }
            page(db, after.map_or(0, |place| place.seq), of, None, limit).map(Ok)
        });
        match found.await? {
            Ok(found) => self.as_they_are(found).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Lines with what they are about, as it is now.
    pub(in crate::store) fn as_they_are(
        &self,
        (Listed { rows, more }, changed): (Listed<Row>, Changed),
    ) -> Result<Listed<Change>, StoreError> {
        Ok(Listed { rows: self.joined(rows, &changed)?, more })
    }

    /// The lines with what they are about.
    pub(in crate::store) fn joined(
        &self,
        rows: Vec<Row>,
        changed: &Changed,
    ) -> Result<Vec<Change>, StoreError> {
        let mut joined = Vec::with_capacity(rows.len());
        for Row { seq, change, at, record_id, connection_id, cause, partner } in rows {
            let of = match (record_id, connection_id) {
                (Some(id), _) => changed.record(&id).map(ChangeOf::Record),
                (None, Some(id)) => changed.connection(id)?.map(ChangeOf::Connection),
                (None, None) => None,
            };
            // What is not there any more must not end the feed.
            let Some(of) = of else { continue };
            let place = Place { feed: self.feed.to_string(), seq, at };
            joined.push(Change { place, change, at: from_micros(at), cause, partner, of });
        }
        Ok(joined)
    }
}
