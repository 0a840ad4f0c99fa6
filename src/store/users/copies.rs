//! What partners have of many records.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::model::RecordId;
use crate::store::records::rows::BATCH;
use crate::store::sql::schema::{connections, sync_items};
use crate::store::sql::time::from_micros;
use crate::store::{Store, StoreError};
use crate::sync::items::ItemState;

/// What a partner has of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerCopy {
    /// The partner.
    pub partner: String,
    /// The partner's id of it.
    pub external_id: Option<String>,
    /// How both relate.
    pub state: ItemState,
    /// When it was last pushed there.
    pub pushed_at: Option<DateTime<Utc>>,
}

type CopyRow = (RecordId, String, Option<String>, ItemState, Option<i64>);

impl Store {
    /// What partners have of these records, by their names.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn partner_copies(
        &self,
        ids: Vec<RecordId>,
    ) -> Result<HashMap<RecordId, Vec<PartnerCopy>>, StoreError> {
        let rows = self.read(move |db| {
            let mut rows: Vec<CopyRow> = Vec::new();
            for ids in ids.chunks(BATCH) {
                let found = sync_items::table
                    .inner_join(
                        connections::table.on(connections::id.eq(sync_items::connection_id)),
                    )
                    .filter(sync_items::record_id.eq_any(ids))
                    .order(connections::partner)
                    .select((
                        sync_items::record_id,
                        connections::partner,
                        sync_items::external_id,
                        sync_items::state,
                        sync_items::pushed_at,
                    ));
                rows.extend(found.load::<CopyRow>(db)?);
            }
            Ok(rows)
        });
        let mut copies: HashMap<RecordId, Vec<PartnerCopy>> = HashMap::new();
        for (record, partner, external_id, state, pushed_at) in rows.await? {
            let pushed_at = pushed_at.map(from_micros);
            let copy = PartnerCopy { partner, external_id, state, pushed_at };
            copies.entry(record).or_default().push(copy);
        }
        Ok(copies)
    }
}
