//! Records of the host app: added, replaced and deleted by it, and enqueued for every partner that
//! takes them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::RecordData;

use crate::model::{DeletedBy, RecordId, UserId};
use crate::store::change_feed::{NewChange, append};
use crate::store::outbox::{self, Changed};
use crate::store::records::links::{self, Link};
use crate::store::records::rows::{self, Content, NewRecord, Origin};
use crate::store::records::{RecordRow, StoredRecord};
use crate::store::sql::db::{Db, each};
use crate::store::sql::schema::records;
use crate::store::{Store, StoreError};
use crate::sync::Enqueued;
use crate::sync::items::fingerprint;

/// A record that the host app adds.
#[derive(Clone, Debug)]
pub struct OwnRecord {
    /// The host app's own id of it.
    pub app_id: String,
    /// Its content.
    pub data: RecordData,
}

/// The result of a change by the host app.
#[derive(Clone, Debug)]
pub struct Written<T> {
    /// What is stored now.
    pub outcome: T,
    /// Connections that have something to push because of it.
    pub enqueued: Vec<Enqueued>,
}

/// Why none of the records was added: there is another record with the same id of the host app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppIdConflict {
    /// The place of the record that was to be added.
    pub index: usize,
    /// The record that has its id.
    pub record: RecordId,
    /// Whether that record is deleted; otherwise its content is another.
    pub is_deleted: bool,
}

/// What putting a record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// There was none.
    Added,
    /// It was deleted, and lives again.
    Revived,
    /// It said something else.
    Changed,
    /// It said the same.
    Unchanged,
}

/// The record is of another kind, which it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherKind(pub RecordId);

impl Store {
    /// Adds records, all or none. One that already exists with the same content is left as it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_records(
        &self,
        user: UserId,
        new: Vec<OwnRecord>,
        now: DateTime<Utc>,
    ) -> Result<Result<Written<Vec<StoredRecord>>, AppIdConflict>, StoreError> {
        self.traces().keep_current(&user, None);
        self.write(move |db| add(db, &user, &new, now)).await
    }

    /// Replaces the content of a record; `None` if the user has no such record.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replace_record(
        &self,
        user: UserId,
        id: RecordId,
        data: RecordData,
        now: DateTime<Utc>,
    ) -> Result<Option<Written<StoredRecord>>, StoreError> {
        self.traces().keep_current(&user, None);
        self.write(move |db| {
            let Some(content) = find(db, &user, &id)?.filter(|content| !content.deleted) else {
                return Ok(None);
            };
            let mut enqueued = Vec::new();
            if content.differs_from(&data)? {
                enqueued = rewrite(db, &user, &content, &data, now)?;
            }
            let outcome = load(db, &id)?;
            Ok(Some(Written { outcome, enqueued }))
        })
        .await
    }

    /// Makes the record with an id of the host app say this: adds it, changes it, or lets it live
    /// again if it was deleted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_record(
        &self,
        user: UserId,
        new: OwnRecord,
        now: DateTime<Utc>,
    ) -> Result<Result<(Put, Written<StoredRecord>), OtherKind>, StoreError> {
        self.traces().keep_current(&user, None);
        self.write(move |db| put(db, &user, &new, now)).await
    }

    /// The record with an id of the host app, deleted or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_of_app_id(
        &self,
        user: UserId,
        app_id: String,
    ) -> Result<Option<RecordId>, StoreError> {
        self.read(move |db| of_app_id(&user, &app_id).select(records::id).first(db).optional())
            .await
    }

    /// Deletes a record; `None` if the user has no such record. Deleting it again changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_record(
        &self,
        user: UserId,
        id: RecordId,
        now: DateTime<Utc>,
    ) -> Result<Option<Written<()>>, StoreError> {
        self.traces().keep_current(&user, None);
        self.write(move |db| {
            let Some(content) = find(db, &user, &id)? else { return Ok(None) };
            let mut enqueued = Vec::new();
            if !content.deleted {
                rows::delete(db, &id, DeletedBy::Host, now)?;
                append(db, &[NewChange::of_host(&user, id.clone(), "deleted", now)])?;
                enqueued = enqueue_one(db, &user, &content, content.kind_name(), true, now)?;
            }
            Ok(Some(Written { outcome: (), enqueued }))
        })
        .await
    }

    /// A record of a user, deleted or not, and what partners have of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record(
        &self,
        user: UserId,
        id: RecordId,
    ) -> Result<Option<(StoredRecord, Vec<Link>)>, StoreError> {
        let found = self.read(move |db| {
            let row: Option<(RecordRow, Content)> = records::table
                .find(&id)
                .filter(records::user_id.eq(&user))
                .select((RecordRow::as_select(), Content::as_select()))
                .first(db)
                .optional()?;
            let Some((row, content)) = row else { return Ok(None) };
            let links = links::rows(db, &id)?;
            Ok(Some((row, content, links)))
        });
        let Some((row, content, links)) = found.await? else { return Ok(None) };
        let is = if content.deleted { None } else { Some(fingerprint(&content.data()?)) };
        let links = links.into_iter().map(|link| link.seen_from(is.as_ref())).collect();
        Ok(Some((row.into(), links)))
    }
}

fn add(
    db: &mut Db,
    user: &UserId,
    new: &[OwnRecord],
    now: DateTime<Utc>,
) -> Result<Result<Written<Vec<StoredRecord>>, AppIdConflict>, StoreError> {
    let app_ids: Vec<&str> = new.iter().map(|record| record.app_id.as_str()).collect();
    let mut known = std::collections::HashMap::new();
    for app_ids in app_ids.chunks(rows::BATCH) {
        let rows: Vec<(String, Content)> = records::table
            .filter(records::user_id.eq(user))
            .filter(records::source_partner.is_null())
            .filter(records::source_id.eq_any(app_ids))
            .select((records::source_id, Content::as_select()))
            .load(db)?;
        known.extend(rows);
    }
    let (mut ids, mut added) = (Vec::new(), Vec::new());
    for (index, record) in new.iter().enumerate() {
        match known.get(&record.app_id) {
            Some(content) if content.deleted || content.differs_from(&record.data)? => {
                let (record, is_deleted) = (content.id.clone(), content.deleted);
                return Ok(Err(AppIdConflict { index, record, is_deleted }));
            }
            Some(content) => ids.push(content.id.clone()),
            None => {
                let id = RecordId::generate();
                ids.push(id.clone());
                added.push((id, record));
            }
        }
    }
    let rows: Vec<_> = added
        .iter()
        .map(|(id, record)| {
            let origin = Origin { partner: None, id: &record.app_id };
            NewRecord::new(id.clone(), user, origin, &record.data, now)
        })
        .collect();
    for rows in rows.chunks(rows::INSERTED) {
        each!(db, |db| diesel::insert_into(records::table).values(rows).execute(db))?;
    }
    let change = |(id, _): &(RecordId, _)| NewChange::of_host(user, id.clone(), "created", now);
    append(db, &added.iter().map(change).collect::<Vec<_>>())?;
    let changes: Vec<_> = added
        .iter()
        .map(|(id, record)| Changed {
            record: id,
            kind: record.data.body.kind().name(),
            source_partner: None,
            deleted: false,
        })
        .collect();
    let targets = outbox::targets_of(db, user)?;
    let enqueued = outbox::enqueue(db, &targets, None, &changes, now)?;
    let mut rows: Vec<RecordRow> = Vec::new();
    for ids in ids.chunks(rows::BATCH) {
        let chosen = records::table.filter(records::id.eq_any(ids));
        rows.extend(chosen.select(RecordRow::as_select()).load::<RecordRow>(db)?);
    }
    let mut stored: Vec<StoredRecord> = rows.into_iter().map(StoredRecord::from).collect();
    stored.sort_by_key(|record| ids.iter().position(|id| *id == record.id));
    Ok(Ok(Written { outcome: stored, enqueued }))
}

#[diesel::dsl::auto_type(no_type_alias)]
fn of_app_id<'a>(user: &'a UserId, app_id: &'a str) -> _ {
    records::table
        .filter(records::user_id.eq(user))
        .filter(records::source_partner.is_null())
        .filter(records::source_id.eq(app_id))
}

fn put(
    db: &mut Db,
    user: &UserId,
    new: &OwnRecord,
    now: DateTime<Utc>,
) -> Result<Result<(Put, Written<StoredRecord>), OtherKind>, StoreError> {
    let known = of_app_id(user, &new.app_id).select(Content::as_select()).first(db).optional()?;
    let Some(known): Option<Content> = known else {
        let added = add(db, user, std::slice::from_ref(new), now)?;
        let Written { outcome, enqueued } = added.map_err(|_| StoreError::Corrupt("record"))?;
        let outcome = outcome.into_iter().next().ok_or(StoreError::Corrupt("record"))?;
        return Ok(Ok((Put::Added, Written { outcome, enqueued })));
    };
    if known.kind_name() != new.data.body.kind().name() {
        return Ok(Err(OtherKind(known.id)));
    }
    let (mut put, mut enqueued) = (Put::Unchanged, Vec::new());
    if known.deleted || known.differs_from(&new.data)? {
        enqueued = rewrite(db, user, &known, &new.data, now)?;
        put = if known.deleted { Put::Revived } else { Put::Changed };
    }
    Ok(Ok((put, Written { outcome: load(db, &known.id)?, enqueued })))
}

/// Gives a record other content, tells the feed and enqueues it.
fn rewrite(
    db: &mut Db,
    user: &UserId,
    known: &Content,
    data: &RecordData,
    now: DateTime<Utc>,
) -> Result<Vec<Enqueued>, StoreError> {
    rows::rewrite(db, &known.id, data, now)?;
    append(db, &[NewChange::of_host(user, known.id.clone(), "updated", now)])?;
    enqueue_one(db, user, known, data.body.kind().name(), false, now)
}

fn find(db: &mut Db, user: &UserId, id: &RecordId) -> Result<Option<Content>, StoreError> {
    let chosen = records::table.find(id).filter(records::user_id.eq(user));
    Ok(chosen.select(Content::as_select()).first(db).optional()?)
}

fn load(db: &mut Db, id: &RecordId) -> Result<StoredRecord, StoreError> {
    let row: RecordRow = records::table.find(id).select(RecordRow::as_select()).first(db)?;
    Ok(row.into())
}

fn enqueue_one(
    db: &mut Db,
    user: &UserId,
    content: &Content,
    kind: &str,
    deleted: bool,
    now: DateTime<Utc>,
) -> Result<Vec<Enqueued>, StoreError> {
    let source_partner = content.source_partner.as_deref();
    let change = Changed { record: &content.id, kind, source_partner, deleted };
    let targets = outbox::targets_of(db, user)?;
    outbox::enqueue(db, &targets, None, &[change], now)
}
