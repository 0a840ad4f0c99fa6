//! Appending to the feed.

use std::cell::Cell;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::model::{ChangeCause, ChangeKind, ConnectionId, RecordId, UserId};
use crate::store::StoreError;
use crate::store::records::rows::INSERTED;
use crate::store::sql::db::{Db, each};
use crate::store::sql::schema::{changes, connections};
use crate::store::sql::time::to_micros;

/// A line to append to the feed.
pub(in crate::store) struct NewChange<'a> {
    pub(in crate::store) user: &'a UserId,
    pub(in crate::store) record: RecordId,
    pub(in crate::store) change: &'static str,
    pub(in crate::store) cause: ChangeCause,
    /// The partner whose sync it was.
    pub(in crate::store) partner: Option<&'a str>,
    pub(in crate::store) now: DateTime<Utc>,
}

impl<'a> NewChange<'a> {
    /// A change by the host app.
    pub(in crate::store) fn of_host(
        user: &'a UserId,
        record: RecordId,
        change: &'static str,
        now: DateTime<Utc>,
    ) -> Self {
        Self { user, record, change, cause: ChangeCause::Host, partner: None, now }
    }
}

thread_local! {
    /// Whether the transaction of this thread has appended something: there is one writer.
    static APPENDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether anything was appended on this thread since the last call. What was rolled back counts,
/// too: readers then look once in vain.
pub(in crate::store) fn take_appended() -> bool {
    APPENDED.replace(false)
}

/// Appends lines to the feed.
pub(in crate::store) fn append(db: &mut Db, lines: &[NewChange<'_>]) -> Result<(), StoreError> {
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                changes::user_id.eq(line.user),
                changes::record_id.eq(line.record.as_str()),
                changes::change.eq(line.change),
                changes::at.eq(to_micros(line.now)),
                changes::cause.eq(Some(line.cause)),
                changes::partner.eq(line.partner),
            )
        })
        .collect();
    for rows in rows.chunks(INSERTED) {
        each!(db, |db| diesel::insert_into(changes::table).values(rows).execute(db))?;
        APPENDED.set(true);
    }
    Ok(())
}

/// Appends a line for each of these connections.
pub(in crate::store) fn append_connections(
    db: &mut Db,
    ids: &[ConnectionId],
    change: ChangeKind,
    cause: Option<ChangeCause>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for ids in ids.chunks(INSERTED) {
        each!(db, |db| {
            connections::table
                .filter(connections::id.eq_any(ids))
                .order(connections::id)
                .select((
                    connections::user_id,
                    connections::id.nullable(),
                    change.name().into_sql::<Text>(),
                    to_micros(now).into_sql::<BigInt>(),
                    cause.map(ChangeCause::name).into_sql::<Nullable<Text>>(),
                    connections::partner.nullable(),
                ))
                .insert_into(changes::table)
                .into_columns((
                    changes::user_id,
                    changes::connection_id,
                    changes::change,
                    changes::at,
                    changes::cause,
                    changes::partner,
                ))
                .execute(db)
        })?;
        APPENDED.set(true);
    }
    Ok(())
}
