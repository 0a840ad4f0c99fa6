//! The change feed.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::model::{RecordId, UserId};
use crate::store::records::rows::INSERTED;
use crate::store::records::{RecordRow, StoredRecord};
use crate::store::sql::db::{Db, each};
use crate::store::sql::schema::{changes, records};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};

/// One change of one record.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its position in the feed; increases with every change.
    pub seq: i64,
    /// `created`, `updated` or `deleted`.
    pub change: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The record as it is now.
    pub record: StoredRecord,
}

/// A line to append to the feed.
pub(in crate::store) struct NewChange<'a> {
    pub(in crate::store) user: &'a UserId,
    pub(in crate::store) record: RecordId,
    pub(in crate::store) change: &'static str,
    pub(in crate::store) now: DateTime<Utc>,
}

/// Appends lines to the feed.
pub(in crate::store) fn append(db: &mut Db, lines: &[NewChange<'_>]) -> Result<(), StoreError> {
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                changes::user_id.eq(line.user),
                changes::record_id.eq(&line.record),
                changes::change.eq(line.change),
                changes::at.eq(to_micros(line.now)),
            )
        })
        .collect();
    for rows in rows.chunks(INSERTED) {
        each!(db, |db| diesel::insert_into(changes::table).values(rows).execute(db))?;
    }
    Ok(())
}

impl Store {
    /// Returns at most `limit` changes after position `seq`, in commit order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes(&self, seq: i64, limit: i64) -> Result<Vec<Change>, StoreError> {
        let rows: Vec<(i64, String, i64, RecordRow)> = self
            .read(move |db| {
                changes::table
                    .inner_join(records::table.on(records::id.eq(changes::record_id)))
                    .filter(changes::seq.gt(seq))
                    .order(changes::seq)
                    .limit(limit)
                    .select((changes::seq, changes::change, changes::at, RecordRow::as_select()))
                    .load(db)
            })
            .await?;
        let change = |(seq, change, at, record): (i64, String, i64, RecordRow)| Change {
            seq,
            change,
            at: from_micros(at),
            record: record.into(),
        };
        Ok(rows.into_iter().map(change).collect())
    }
}
