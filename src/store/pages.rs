//! Storing a page: records, their ties to the partner, the change feed and the cursor, at once.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use partner_sdk::{Body, Observed};
use uuid::Uuid;

use super::connection::Db;
use super::schema::{changes, cursors, records, sync_items};
use super::time::to_micros;
use super::{StoreError, digest};
use crate::sync::ports::{PageToSave, Saved};

/// The digest of an item whose record is gone: equal to no content's.
const GONE: &[u8] = &[];

/// How many ids one statement names; databases limit the number of parameters.
const BATCH: usize = 500;

#[derive(Queryable, Selectable)]
#[diesel(table_name = sync_items)]
struct Item {
    id: i64,
    record_id: String,
    external_id: String,
    external_group: String,
    content_digest: Vec<u8>,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = records, treat_none_as_null = true)]
struct RecordRow {
    id: String,
    user_id: String,
    kind: &'static str,
    measurement_type: Option<&'static str>,
    source_partner: Option<&'static str>,
    source_id: String,
    start_at: i64,
    start_offset: i32,
    end_at: Option<i64>,
    end_offset: Option<i32>,
    time_basis: &'static str,
    content: String,
    updated_at: i64,
    deleted: bool,
}

impl RecordRow {
    fn new(page: &PageToSave, record: &Observed, id: String, content: String) -> Self {
        let micros = |at: chrono::DateTime<chrono::FixedOffset>| to_micros(at.to_utc());
        let end = record.end.as_ref().map(|end| end.at);
        Self {
            id,
            user_id: page.user_id.clone(),
            kind: record.body.record_kind(),
            measurement_type: match &record.body {
                Body::Measurement(measurement) => Some(measurement.r#type.name()),
                Body::Exercise(_) | Body::Nutrition(_) => None,
            },
            source_partner: Some(page.partner),
            source_id: record.source_id.clone(),
            start_at: micros(record.start.at),
            start_offset: record.start.at.offset().local_minus_utc(),
            end_at: end.map(micros),
            end_offset: end.map(|end| end.offset().local_minus_utc()),
            time_basis: match record.start.basis {
                partner_sdk::TimeBasis::Exact => "exact",
                partner_sdk::TimeBasis::Local => "local",
            },
            content,
            updated_at: to_micros(page.now),
            deleted: false,
        }
    }
}

/// What a page comes to, gathered so that it is written in few statements.
#[derive(Default)]
struct Changes {
    new_records: Vec<RecordRow>,
    /// Ties of the new records: record id, external id, group, digest.
    new_items: Vec<(String, String, String, Vec<u8>)>,
    /// The change feed: record id and what happened.
    feed: Vec<(String, &'static str)>,
    saved: Saved,
}

pub(super) fn save(db: &mut Db, page: &PageToSave) -> Result<Saved, StoreError> {
    let items = load_items(db, page)?;
    let mut changes = Changes::default();
    let mut present: HashSet<&str> = page.present.iter().map(String::as_str).collect();
    let unknown: Vec<&str> = page
        .records
        .iter()
        .map(|record| record.source_id.as_str())
        .filter(|source_id| !items.contains_key(*source_id))
        .collect();
    let untied = load_untied(db, page, &unknown)?;
    for record in &page.records {
        present.insert(&record.source_id);
        let content = record.body.to_json().to_string();
        let digest = digest::of_content(record, &content);
        match items.get(&record.source_id) {
            Some(item) if item.content_digest == digest => changes.saved.unchanged += 1,
            Some(item) => {
                let row = RecordRow::new(page, record, item.record_id.clone(), content);
                diesel::update(records::table.find(&item.record_id)).set(row).execute(db)?;
                set_digest(db, item.id, &digest)?;
                changes.feed.push((item.record_id.clone(), "updated"));
                changes.saved.updated += 1;
            }
            None => {
                let group = record.group.clone().unwrap_or_else(|| record.source_id.clone());
                let tie = |id: &str| (id.to_owned(), record.source_id.clone(), group, digest);
                if let Some(id) = untied.get(&record.source_id) {
                    let row = RecordRow::new(page, record, id.clone(), content);
                    diesel::update(records::table.find(id)).set(row).execute(db)?;
                    changes.new_items.push(tie(id));
                    changes.feed.push((id.clone(), "updated"));
                    changes.saved.updated += 1;
                } else {
                    let id = Uuid::now_v7().to_string();
                    changes.new_items.push(tie(&id));
                    changes.feed.push((id.clone(), "created"));
                    changes.new_records.push(RecordRow::new(page, record, id, content));
                    changes.saved.created += 1;
                }
            }
        }
    }
    let complete: HashSet<&str> = page.complete_groups.iter().map(String::as_str).collect();
    let deleted: HashSet<&str> = page.deleted.iter().map(String::as_str).collect();
    let is_gone = |item: &&Item| {
        let told = deleted.contains(item.external_id.as_str())
            || deleted.contains(item.external_group.as_str());
        let missing = complete.contains(item.external_group.as_str());
        (told || missing)
            && !present.contains(item.external_id.as_str())
            && item.content_digest != GONE
    };
    for item in items.values().filter(is_gone) {
        diesel::update(records::table.find(&item.record_id))
            .set((records::deleted.eq(true), records::updated_at.eq(to_micros(page.now))))
            .execute(db)?;
        set_digest(db, item.id, GONE)?;
        changes.feed.push((item.record_id.clone(), "deleted"));
        changes.saved.deleted += 1;
    }
    write(db, page, &changes)?;
    if let Some(cursor) = &page.cursor {
        set_cursor(db, page, &cursor.0)?;
    }
    Ok(changes.saved)
}

fn load_items(db: &mut Db, page: &PageToSave) -> Result<HashMap<String, Item>, StoreError> {
    let of_record =
        |record: &Observed| record.group.clone().unwrap_or_else(|| record.source_id.clone());
    let mut wanted: Vec<String> = page.records.iter().map(of_record).collect();
    wanted.extend(page.complete_groups.iter().cloned());
    wanted.sort_unstable();
    wanted.dedup();
    let mut items = Vec::new();
    for groups in wanted.chunks(BATCH) {
        let of_connection = sync_items::table.filter(sync_items::connection_id.eq(page.connection));
        items.extend(
            of_connection
                .filter(sync_items::external_group.eq_any(groups))
                .select(Item::as_select())
                .load(db)?,
        );
    }
    for gone in page.deleted.chunks(BATCH) {
        let of_connection = sync_items::table.filter(sync_items::connection_id.eq(page.connection));
        let by_id_or_group =
            sync_items::external_group.eq_any(gone).or(sync_items::external_id.eq_any(gone));
        items.extend(of_connection.filter(by_id_or_group).select(Item::as_select()).load(db)?);
    }
    Ok(items.into_iter().map(|item| (item.external_id.clone(), item)).collect())
}

/// Records of this user and partner whose tie was cut by a change of account: they are tied again
/// rather than doubled.
fn load_untied(
    db: &mut Db,
    page: &PageToSave,
    source_ids: &[&str],
) -> Result<HashMap<String, String>, StoreError> {
    let mut found = HashMap::new();
    for source_ids in source_ids.chunks(BATCH) {
        let rows: Vec<(String, String)> = records::table
            .filter(records::user_id.eq(&page.user_id))
            .filter(records::source_partner.eq(page.partner))
            .filter(records::source_id.eq_any(source_ids))
            .select((records::source_id, records::id))
            .load(db)?;
        found.extend(rows);
    }
    Ok(found)
}

fn set_digest(db: &mut Db, item: i64, digest: &[u8]) -> Result<(), StoreError> {
    diesel::update(sync_items::table.find(item))
        .set(sync_items::content_digest.eq(digest))
        .execute(db)?;
    Ok(())
}

fn write(db: &mut Db, page: &PageToSave, changes: &Changes) -> Result<(), StoreError> {
    for rows in changes.new_records.chunks(BATCH) {
        diesel::insert_into(records::table).values(rows).execute(db)?;
    }
    let items: Vec<_> = changes
        .new_items
        .iter()
        .map(|(record, external_id, group, digest)| {
            (
                sync_items::connection_id.eq(page.connection),
                sync_items::record_id.eq(record),
                sync_items::external_id.eq(external_id),
                sync_items::external_group.eq(group),
                sync_items::content_digest.eq(digest),
            )
        })
        .collect();
    for rows in items.chunks(BATCH) {
        diesel::insert_into(sync_items::table).values(rows).execute(db)?;
    }
    let feed: Vec<_> = changes
        .feed
        .iter()
        .map(|(record, change)| {
            (
                changes::user_id.eq(&page.user_id),
                changes::record_id.eq(record),
                changes::change.eq(change),
                changes::at.eq(to_micros(page.now)),
            )
        })
        .collect();
    for rows in feed.chunks(BATCH) {
        diesel::insert_into(changes::table).values(rows).execute(db)?;
    }
    Ok(())
}

fn set_cursor(db: &mut Db, page: &PageToSave, position: &str) -> Result<(), StoreError> {
    let values = (cursors::position.eq(position), cursors::updated_at.eq(to_micros(page.now)));
    let moved = diesel::update(cursors::table.find((page.connection, page.feed)))
        .set(values)
        .execute(db)?;
    if moved == 0 {
        let key = (cursors::connection_id.eq(page.connection), cursors::feed.eq(page.feed));
        diesel::insert_into(cursors::table).values((key, values)).execute(db)?;
    }
    Ok(())
}
