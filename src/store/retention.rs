//! Deleting what is old, in small batches: candidates are found on a reader, by an index, and the
//! writer is occupied only while they are deleted.

use std::collections::HashMap;
use std::hash::Hash;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::model::{ConnectionId, RecordId};
use crate::store::records::rows::BATCH;
use crate::store::sql::db::Db;
use crate::store::sql::schema::{changes, feed, syncs};
use crate::store::sql::time::to_micros;
use crate::store::{Store, StoreError};

impl Store {
    /// Deletes entries of the timeline that ended before then, at most `limit`. Returns whether there
    /// may be more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_old_syncs(
        &self,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<bool, StoreError> {
        let before = to_micros(before);
        let old = self.read(move |db: &mut Db| {
            // By when they began, which has an index: when they ended changes with each repetition.
            syncs::table
                .filter(syncs::started_at.lt(before))
                .filter(syncs::finished_at.lt(before))
                .order(syncs::started_at)
                .limit(limit)
                .select(syncs::id)
                .load::<i64>(db)
        });
        let old = old.await?;
        let more = is_full(&old, limit);
        if !old.is_empty() {
            self.write(move |db| {
                for ids in old.chunks(BATCH) {
                    // One may have been repeated meanwhile.
                    let old = syncs::table.filter(syncs::id.eq_any(ids));
                    diesel::delete(old.filter(syncs::finished_at.lt(before))).execute(db)?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(more)
    }

    /// Compacts the part of the change feed that is older than that: of each record and each connection
    /// only the last of those changes is kept. A reader that is behind, or begins, still gets everything
    /// as it is now. Looks at no more than `limit` changes, and at each only once. Returns whether there
    /// may be more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn compact_changes(
        &self,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<bool, StoreError> {
        let found = self.read(move |db: &mut Db| superseded(db, to_micros(before), limit));
        let Some(Superseded { seqs, to, more }) = found.await? else { return Ok(false) };
        self.write(move |db| {
            for seqs in seqs.chunks(BATCH) {
                diesel::delete(changes::table.filter(changes::seq.eq_any(seqs))).execute(db)?;
            }
            diesel::update(feed::table).set(feed::compacted_to.eq(to)).execute(db)?;
            Ok(())
        })
        .await?;
        Ok(more)
    }
}

/// Changes after which the same thing changed again, among those up to the number `to`.
struct Superseded {
    seqs: Vec<i64>,
    to: i64,
    more: bool,
}

/// What the next changes that happened before then supersede.
fn superseded(db: &mut Db, before: i64, limit: i64) -> QueryResult<Option<Superseded>> {
    let from: i64 = feed::table.select(feed::compacted_to).first(db)?;
    let next: Vec<(i64, i64, Option<RecordId>, Option<ConnectionId>)> = changes::table
        .filter(changes::seq.gt(from))
        .order(changes::seq)
        .limit(limit)
        .select((changes::seq, changes::at, changes::record_id, changes::connection_id))
        .load(db)?;
    let old = next.iter().take_while(|(_, at, _, _)| *at < before).count();
    let Some((to, ..)) = old.checked_sub(1).and_then(|last| next.get(last)) else {
        return Ok(None);
    };
    let old = next.iter().take(old);
    let records: Vec<&RecordId> = old.clone().filter_map(|(_, _, id, _)| id.as_ref()).collect();
    let connections: Vec<ConnectionId> = old.filter_map(|(_, _, _, id)| *id).collect();
    let mut seqs = Vec::new();
    for ids in records.chunks(BATCH) {
        let all: Vec<(RecordId, i64)> = changes::table
            .filter(changes::record_id.assume_not_null().eq_any(ids))
            .filter(changes::seq.le(to))
            .select((changes::record_id.assume_not_null(), changes::seq))
            .load(db)?;
        seqs.extend(all_but_the_last(all));
    }
    for ids in connections.chunks(BATCH) {
        let all: Vec<(ConnectionId, i64)> = changes::table
            .filter(changes::connection_id.assume_not_null().eq_any(ids))
            .filter(changes::seq.le(to))
            .select((changes::connection_id.assume_not_null(), changes::seq))
            .load(db)?;
        seqs.extend(all_but_the_last(all));
    }
    seqs.sort_unstable();
    seqs.dedup();
    let more = is_full(&next, limit) && next.last().is_some_and(|(_, at, _, _)| *at < before);
    Ok(Some(Superseded { seqs, to: *to, more }))
}

/// The numbers of all changes of each thing but its last.
fn all_but_the_last<T: Eq + Hash>(all: Vec<(T, i64)>) -> Vec<i64> {
    let mut last: HashMap<T, i64> = HashMap::new();
    let mut others = Vec::new();
    for (of, seq) in all {
        match last.entry(of) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(seq);
            }
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                let kept = seq.max(*entry.get());
                others.push(seq.min(entry.insert(kept)));
            }
        }
    }
    others
}

fn is_full<T>(found: &[T], limit: i64) -> bool {
    i64::try_from(found.len()).unwrap_or(i64::MAX) >= limit
}

#[cfg(test)]
mod tests;
