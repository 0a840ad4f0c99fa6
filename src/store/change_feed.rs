//! The change feed.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::model::{RecordId, UserId};
use crate::store::records::rows::INSERTED;
use crate::store::records::{RecordRow, StoredRecord};
use crate::store::sql::db::{Db, each};
use crate::store::sql::listed::{Listed, listed, octet_length};
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
    /// Returns the changes after position `seq`, in commit order: at most `limit`, and fewer if they
    /// are large.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes(&self, seq: i64, limit: i64) -> Result<Listed<Change>, StoreError> {
        let found: Listed<(i64, String, i64, RecordRow)> = self
            .read(move |db| {
                let first = |count: i64| {
                    changes::table
                        .inner_join(records::table.on(records::id.eq(changes::record_id)))
                        .filter(changes::seq.gt(seq))
                        .order(changes::seq)
                        .limit(count)
                };
                let columns = (changes::seq, changes::change, changes::at, RecordRow::as_select());
                let bytes = (octet_length(records::content), octet_length(records::source_id));
                listed(
                    db,
                    limit,
                    |db, count| first(count).select(bytes).load(db),
                    |db, count| first(count).select(columns).load(db),
                )
            })
            .await?;
        let change = |(seq, change, at, record): (i64, String, i64, RecordRow)| Change {
            seq,
            change,
            at: from_micros(at),
            record: record.into(),
        };
        Ok(found.map(change))
    }
}
