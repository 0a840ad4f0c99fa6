//! Storing a page: records, their ties to partners, the change feed and the cursor, at once.

mod gone;
mod recognise;

use std::collections::HashMap;

use diesel::prelude::*;
use partner_sdk::{Draft, Observed};
use uuid::Uuid;

use super::StoreError;
use super::db::{Db, each};
use super::items::{self, Item, NewTie};
use super::marks::{self, Changed};
use super::record_rows::{self, BATCH, Content, NewRecord, Origin};
use super::schema::{changes, cursors, records};
use super::time::to_micros;
use crate::sync::items::{
    Fingerprint, ItemState, PushEnd, Sighting, fingerprint, is_echo, merge, sighting,
};
use crate::sync::ports::{Conflict, PageToSave, Saved};

/// A record of the page, and its fingerprint.
struct Seen<'a> {
    observed: &'a Observed,
    draft: Draft,
    digest: Fingerprint,
}

impl<'a> Seen<'a> {
    fn new(observed: &'a Observed) -> Self {
        let draft = Draft::from(observed);
        Self { digest: fingerprint(&draft), observed, draft }
    }

    /// The partner's item it is a part of, or itself.
    fn group(&self) -> &str {
        self.observed.group.as_ref().unwrap_or(&self.observed.source_id)
    }
}

/// What a page comes to, gathered so that it is written in few statements.
struct Saving<'a> {
    page: &'a PageToSave,
    new_records: Vec<NewRecord<'a>>,
    ties: Vec<NewTie>,
    /// The change feed: record, kind, where it is from, what happened.
    feed: Vec<FeedLine>,
    saved: Saved,
}

struct FeedLine {
    record: String,
    kind: String,
    source_partner: Option<String>,
    change: &'static str,
}

pub(super) fn save(db: &mut Db, page: &PageToSave) -> Result<Saved, StoreError> {
    let known = load_items(db, page)?;
    let mut saving = Saving {
        page,
        new_records: Vec::new(),
        ties: Vec::new(),
        feed: Vec::new(),
        saved: Saved::default(),
    };
    let (mut unknown, mut changed) = (Vec::new(), Vec::new());
    for observed in &page.records {
        let seen = Seen::new(observed);
        match known.get(&observed.source_id) {
            None => unknown.push(seen),
            Some(item) if item.seen == seen.digest => saving.saved.unchanged += 1,
            Some(item) => changed.push((item.clone(), seen)),
        }
    }
    let mut gone = gone::find(&saving, db, &known)?;
    let doubtful = saving.doubtful(db)?;
    changed.extend(doubtful);
    if !unknown.is_empty() {
        saving.retie(db, &mut unknown, &mut changed)?;
        saving.reidentify(db, &mut gone, &mut unknown, &mut changed)?;
        saving.recognise(db, &mut unknown, &mut changed)?;
        unknown.into_iter().for_each(|seen| saving.create(seen));
    }
    saving.apply_changed(db, changed)?;
    gone::apply(&mut saving, db, gone)?;
    saving.write(db)
}

/// The items that the page may be about, by the partner's id.
fn load_items(db: &mut Db, page: &PageToSave) -> Result<HashMap<String, Item>, StoreError> {
    let group =
        |record: &Observed| record.group.clone().unwrap_or_else(|| record.source_id.clone());
    let mut groups: Vec<String> = page.records.iter().map(group).collect();
    groups.extend(page.complete_groups.iter().cloned());
    groups.extend(page.deleted.iter().cloned());
    groups.sort_unstable();
    groups.dedup();
    let mut found = Vec::new();
    if !groups.is_empty() {
        found = items::of_groups(db, page.connection, &groups)?;
    }
    // By their own ids, too: what is told by it, and what may have come into another group.
    let mut ids = page.deleted.clone();
    let grouped = page.records.iter().filter(|record| record.group.is_some());
    ids.extend(grouped.map(|record| record.source_id.clone()));
    if !ids.is_empty() {
        found.extend(items::of_external_ids(db, page.connection, &ids)?);
    }
    Ok(items::by_external_id(found))
}

impl<'a> Saving<'a> {
    fn tell(&mut self, content: &Content, change: &'static str) {
        self.feed.push(FeedLine {
            record: content.id.clone(),
            kind: content.kind_name().to_owned(),
            source_partner: content.source_partner.clone(),
            change,
        });
    }

    fn is_day_only(&self, seen: &Seen<'_>) -> bool {
        self.page.day_only.contains(&seen.observed.body.kind())
    }

    fn create(&mut self, seen: Seen<'a>) {
        let group = seen.group().to_owned();
        let Seen { observed, draft, digest } = seen;
        let id = Uuid::now_v7().to_string();
        let origin = Origin { partner: Some(self.page.partner), id: &observed.source_id };
        let user = &self.page.user_id;
        self.ties.push(NewTie {
            record: id.clone(),
            external_id: observed.source_id.clone(),
            external_group: group,
            seen: digest,
        });
        self.feed.push(FeedLine {
            record: id.clone(),
            kind: observed.body.kind().name().to_owned(),
            source_partner: Some(self.page.partner.to_owned()),
            change: "created",
        });
        self.new_records.push(NewRecord::new(id, user, origin, &draft, self.page.now));
        self.saved.created += 1;
    }

    /// What the partner shows differently from before.
    fn apply_changed(
        &mut self,
        db: &mut Db,
        changed: Vec<(Item, Seen<'a>)>,
    ) -> Result<(), StoreError> {
        if changed.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = changed.iter().map(|(item, _)| item.record.clone()).collect();
        let records = record_rows::load(db, &ids)?;
        let records: HashMap<&str, &Content> =
            records.iter().map(|content| (content.id.as_str(), content)).collect();
        for (item, seen) in changed {
            let Some(content) = records.get(item.record.as_str()) else { continue };
            self.apply_one(db, &item, content, &seen)?;
        }
        Ok(())
    }

    fn apply_one(
        &mut self,
        db: &mut Db,
        item: &Item,
        content: &Content,
        seen: &Seen<'a>,
    ) -> Result<(), StoreError> {
        let own = content.draft()?;
        let there = seen.observed.modified.unwrap_or(self.page.last_seen);
        let day_only = self.is_day_only(seen);
        let known = item.known(&own, content.updated_at());
        match sighting(known, &own, &seen.draft, &seen.digest, there, day_only) {
            Sighting::Unchanged => self.saved.unchanged += 1,
            Sighting::Echo => {
                items::set_seen(db, item.id, &seen.digest)?;
                items::set_shown(db, item.id, &seen.draft)?;
                // The poll tells what the end of the push would have told.
                if matches!(item.state, ItemState::Create | ItemState::Creating) {
                    let sent = item.shown.as_ref().filter(|_| item.state == ItemState::Creating);
                    let agreed = fingerprint(sent.unwrap_or(&own));
                    let changed = agreed != fingerprint(&own);
                    let state = item.state.after_push(PushEnd::There, changed, content.deleted);
                    items::set_in_step(db, item.id, &seen.digest, &agreed)?;
                    items::set_state(db, item.id, state, self.page.now)?;
                }
                self.saved.unchanged += 1;
            }
            Sighting::Agreed => {
                items::set_in_step(db, item.id, &seen.digest, &seen.digest)?;
                self.saved.unchanged += 1;
            }
            Sighting::Overruled => {
                items::set_seen(db, item.id, &seen.digest)?;
                if item.state == ItemState::Creating {
                    items::set_state(db, item.id, ItemState::Update, self.page.now)?;
                }
                self.conflict(&item.record, "here", record_rows::to_value(&seen.draft));
                self.saved.unchanged += 1;
            }
            // A deleted record comes back only for something new.
            Sighting::Follows { .. } if content.deleted && is_retold(&own, &seen.draft) => {
                items::set_seen(db, item.id, &seen.digest)?;
                self.saved.unchanged += 1;
            }
            Sighting::Follows { conflict } => {
                if conflict {
                    let lost = (!content.deleted).then(|| record_rows::to_value(&own));
                    self.conflict(&item.record, "partner", lost.unwrap_or_default());
                }
                let merged = match &item.shown {
                    Some(shown) => merge(&own, shown, &seen.draft),
                    None => seen.draft.clone(),
                };
                record_rows::rewrite(db, &item.record, &merged, self.page.now)?;
                items::set_in_step(db, item.id, &seen.digest, &fingerprint(&merged))?;
                if item.shown.is_some() {
                    items::set_shown(db, item.id, &seen.draft)?;
                    // What waited and is no part of the partner's edit still waits.
                    if item.state.waits() && !is_echo(&merged, &seen.draft, day_only) {
                        items::set_state(db, item.id, ItemState::Update, self.page.now)?;
                    }
                }
                self.tell(content, "updated");
                self.saved.updated += 1;
            }
        }
        Ok(())
    }

    fn conflict(&mut self, record: &str, won: &'static str, lost: serde_json::Value) {
        self.saved.conflicts.push(Conflict { record_id: record.to_owned(), won, lost });
    }

    fn write(mut self, db: &mut Db) -> Result<Saved, StoreError> {
        let page = self.page;
        for rows in self.new_records.chunks(BATCH) {
            each!(db, |db| diesel::insert_into(records::table).values(rows).execute(db))?;
        }
        items::tie(db, page.connection, &self.ties)?;
        let feed = self.feed.iter().map(|line| (line.record.as_str(), line.change)).collect();
        tell(db, &page.user_id, feed, page.now)?;
        let changed: Vec<Changed<'_>> = self
            .feed
            .iter()
            .map(|line| Changed {
                record: &line.record,
                kind: &line.kind,
                source_partner: line.source_partner.as_deref(),
                deleted: line.change == "deleted",
            })
            .collect();
        let marked = marks::fan_out(db, &page.user_id, Some(page.connection), &changed, page.now)?;
        self.saved.marked = marked;
        if let Some(cursor) = &page.cursor {
            set_cursor(db, page, &cursor.0)?;
        }
        Ok(self.saved)
    }
}

/// Whether both say the same but for the zone in which wall time is read.
fn is_retold(own: &Draft, seen: &Draft) -> bool {
    own.body == seen.body && own.start.at.naive_local() == seen.start.at.naive_local()
}

/// Adds to the change feed: records and what happened to them.
pub(super) fn tell(
    db: &mut Db,
    user: &str,
    lines: Vec<(&str, &'static str)>,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), StoreError> {
    let rows: Vec<_> = lines
        .into_iter()
        .map(|(record, change)| {
            (
                changes::user_id.eq(user),
                changes::record_id.eq(record),
                changes::change.eq(change),
                changes::at.eq(to_micros(now)),
            )
        })
        .collect();
    for rows in rows.chunks(BATCH) {
        each!(db, |db| diesel::insert_into(changes::table).values(rows).execute(db))?;
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
