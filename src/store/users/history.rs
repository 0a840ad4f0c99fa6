//! What happened to a record.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::model::{ChangeCause, ChangeKind, RecordId, UserId};
use crate::store::sql::listed::Listed;
use crate::store::sql::schema::changes;
use crate::store::sql::time::from_micros;
use crate::store::{Store, StoreError};

/// A change of a record, as the feed has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordChange {
    /// What happened.
    pub change: ChangeKind,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, if that is known.
    pub cause: Option<ChangeCause>,
    /// The partner whose sync it was.
    pub partner: Option<String>,
}

type ChangeRow = (String, i64, Option<String>, Option<String>);

impl Store {
    /// What happened to a record of a user, the latest first: at most `limit` changes. Of old ones only
    /// the last is kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_history(
        &self,
        user: UserId,
        record: RecordId,
        limit: i64,
    ) -> Result<Listed<RecordChange>, StoreError> {
        let mut rows: Vec<ChangeRow> = self
            .read(move |db| {
                changes::table
                    .filter(changes::record_id.assume_not_null().eq(record))
                    .filter(changes::user_id.eq(user))
                    .order(changes::seq.desc())
                    .limit(limit.saturating_add(1))
                    .select((changes::change, changes::at, changes::cause, changes::partner))
                    .load(db)
            })
            .await?;
        let most = usize::try_from(limit).unwrap_or_default();
        let more = rows.len() > most;
        rows.truncate(most);
        let known = rows.into_iter().filter_map(|(change, at, cause, partner)| {
            Some(RecordChange {
                change: ChangeKind::from_name(&change)?,
                at: from_micros(at),
                cause: cause.as_deref().and_then(ChangeCause::from_name),
                partner,
            })
        });
        Ok(Listed { rows: known.collect(), more })
    }
}
