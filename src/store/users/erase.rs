//! Erasing a user: everything that is here of one, in chunks, so that nobody waits long for the writer.

use chrono::{DateTime, Utc};
use diesel::dsl::max;
use diesel::prelude::*;

use crate::model::{ChangeCause, ChangeKind, ConnectionId, RecordId, UserId};
use crate::store::audit::forget_subject;
use crate::store::change_feed::append_connections;
use crate::store::records::rows::BATCH;
use crate::store::sql::db::Db;
use crate::store::sql::key_schema::user_keys;
use crate::store::sql::schema::{
    buckets, changes, connect_links, connections, delivered_data, incidents, records,
    subscriptions, sync_items, syncs, webhook_messages,
};
use crate::store::{Store, StoreError};

/// What was deleted of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Connections, also those that never came to be.
    pub connections: usize,
    /// Records, with what partners have of them.
    pub records: usize,
    /// Entries of the timeline.
    pub syncs: usize,
    /// Lines of the change feed.
    pub changes: usize,
    /// Entries of the error log.
    pub incidents: usize,
    /// Webhook messages that waited.
    pub messages: usize,
}

impl Store {
    /// Says in the feed that these connections ended. Returns the number of the last line.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn say_disconnected(
        &self,
        connections: Vec<ConnectionId>,
        now: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        self.write(move |db| {
            let cause = Some(ChangeCause::Disconnect);
            append_connections(db, &connections, ChangeKind::Disconnected, cause, now)?;
            let last: Option<i64> = changes::table.select(max(changes::seq)).first(db)?;
            Ok(last.unwrap_or_default())
        })
        .await
    }

    /// Deletes all that is here of a user. Nobody may sync for the user meanwhile. If it is interrupted,
    /// the next call goes on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_user(&self, user: &UserId) -> Result<Erased, StoreError> {
        let ids = self.connection_ids_of(user.clone()).await?;
        // What belongs to records and connections goes with them; so that no statement takes long,
        // what is much of it goes before.
        let records = self.in_chunks(user, records_of, delete_records).await?;
        let syncs = self.in_chunks(user, syncs_of, delete_syncs).await?;
        let changes = self.in_chunks(user, changes_of, delete_changes).await?;
        let messages = self.forget_messages(user.clone()).await?;
        for id in &ids {
            self.unsaved_tokens.forget(*id);
        }
        let user = user.clone();
        let (incidents, connections) =
            self.write(move |db| delete_connections(db, &user, &ids)).await?;
        let connector = self.connector.clone();
        // Nothing depends on it.
        drop(tokio::task::spawn_blocking(move || connector.empty_the_log()).await);
        Ok(Erased { connections, records, syncs, changes, incidents, messages })
    }

    /// Finds and deletes until there is nothing left. Returns how many rows there were.
    async fn in_chunks<T: Send + 'static>(
        &self,
        user: &UserId,
        find: fn(&mut Db, &UserId) -> QueryResult<Vec<T>>,
        delete: fn(&mut Db, &[T]) -> QueryResult<usize>,
    ) -> Result<usize, StoreError> {
        let mut all = 0;
        loop {
            let of = user.clone();
            let found = self.read(move |db| find(db, &of)).await?;
            if found.is_empty() {
                return Ok(all);
            }
            let deleted = self.write(move |db| Ok(delete(db, &found)?)).await?;
            all += deleted;
            if deleted == 0 {
                // Only what must stay is left.
                return Ok(all);
            }
        }
    }

    /// Deletes the user's messages that wait, and the user's name from messages of many.
    async fn forget_messages(&self, user: UserId) -> Result<usize, StoreError> {
        self.write(move |db| {
            let own = webhook_messages::table.filter(webhook_messages::user_id.eq(user.as_str()));
            let deleted = diesel::delete(own).execute(db)?;
            let named: Vec<(String, String)> = webhook_messages::table
                .filter(webhook_messages::without.is_not_null())
                .select((webhook_messages::id, webhook_messages::without.assume_not_null()))
                .load(db)?;
            for (id, without) in named {
                let mut users: Vec<String> =
                    serde_json::from_str(&without).map_err(|_| StoreError::Corrupt("users"))?;
                let before = users.len();
                users.retain(|name| name != user.as_str());
                if users.len() == before {
                    continue;
                }
                let text = (!users.is_empty()).then(|| serde_json::to_string(&users)).transpose();
                let text = text.map_err(|_| StoreError::Corrupt("users"))?;
                diesel::update(webhook_messages::table.find(id))
                    .set(webhook_messages::without.eq(text))
                    .execute(db)?;
            }
            Ok(deleted)
        })
        .await
    }
}

fn chunk() -> i64 {
    i64::try_from(BATCH).unwrap_or(i64::MAX)
}

fn records_of(db: &mut Db, user: &UserId) -> QueryResult<Vec<RecordId>> {
    let all = records::table.filter(records::user_id.eq(user)).limit(chunk());
    all.select(records::id).load(db)
}

fn delete_records(db: &mut Db, ids: &[RecordId]) -> QueryResult<usize> {
    diesel::delete(sync_items::table.filter(sync_items::record_id.eq_any(ids))).execute(db)?;
    diesel::delete(records::table.filter(records::id.eq_any(ids))).execute(db)
}

fn syncs_of(db: &mut Db, user: &UserId) -> QueryResult<Vec<i64>> {
    let all = syncs::table.filter(syncs::user_id.eq(user)).limit(chunk());
    all.select(syncs::id).load(db)
}

fn delete_syncs(db: &mut Db, ids: &[i64]) -> QueryResult<usize> {
    diesel::delete(syncs::table.filter(syncs::id.eq_any(ids))).execute(db)
}

fn changes_of(db: &mut Db, user: &UserId) -> QueryResult<Vec<i64>> {
    let all = changes::table.filter(changes::user_id.eq(user)).limit(chunk());
    all.select(changes::seq).load(db)
}

/// The last line of the feed stays, emptied: readers that are there would otherwise stand beyond its
/// end. Such lines of earlier are not needed any more.
fn delete_changes(db: &mut Db, seqs: &[i64]) -> QueryResult<usize> {
    let last: Option<i64> = changes::table.select(max(changes::seq)).first(db)?;
    let last = last.unwrap_or_default();
    let emptied = changes::table.filter(changes::user_id.eq("")).filter(changes::seq.ne(last));
    diesel::delete(emptied).execute(db)?;
    let all = changes::table.filter(changes::seq.eq_any(seqs));
    let deleted = diesel::delete(all.filter(changes::seq.ne(last))).execute(db)?;
    if !seqs.contains(&last) {
        return Ok(deleted);
    }
    diesel::update(changes::table.find(last))
        .set((
            changes::user_id.eq(""),
            changes::record_id.eq(None::<String>),
            changes::connection_id.eq(None::<i64>),
        ))
        .execute(db)?;
    Ok(deleted + 1)
}

fn delete_connections(
    db: &mut Db,
    user: &UserId,
    ids: &[ConnectionId],
) -> Result<(usize, usize), StoreError> {
    let noted = incidents::table.filter(incidents::user_id.assume_not_null().eq(user));
    let noted = diesel::delete(noted).execute(db)?;
    // These have no reference to the connection.
    let used = buckets::table.filter(buckets::connection_id.eq_any(ids));
    diesel::delete(used).execute(db)?;
    let asked = subscriptions::table.filter(subscriptions::connection_id.eq_any(ids));
    diesel::delete(asked).execute(db)?;
    let delivered = delivered_data::table.filter(delivered_data::connection_id.eq_any(ids));
    diesel::delete(delivered).execute(db)?;
    diesel::delete(user_keys::table.find(user)).execute(db)?;
    diesel::delete(connect_links::table.filter(connect_links::user_id.eq(user))).execute(db)?;
    forget_subject(db, user)?;
    let own = connections::table.filter(connections::user_id.eq(user));
    Ok((noted, diesel::delete(own).execute(db)?))
}
