//! Storing a page: records, their links to partners, the change feed and the cursor, at once.

mod deletions;
mod preload;
mod recognition;
mod writes;

use std::collections::{HashMap, HashSet};

use partner_sdk::{RecordData, RemoteRecord};

use self::preload::Preloaded;
use self::writes::Writes;
use crate::model::RecordId;
use crate::store::change_feed::NewChange;
use crate::store::cursors::CursorRow;
use crate::store::items::{self, Item, NewLink};
use crate::store::outbox::{self, Changed};
use crate::store::records::rows::{self, Content, NewRecord, Origin};
use crate::store::sql::db::Db;
use crate::store::sql::time::to_micros;
use crate::store::sql::writer::BatchWrite;
use crate::store::{StoreError, delivered};
use crate::sync::items::{
    Fingerprint, ItemState, PushEnd, Sighting, fingerprint, is_echo, merge, sighting,
};
use crate::sync::ports::{Conflict, PageToSave, Saved};

/// A record of the page, and its fingerprint.
struct Seen<'a> {
    remote: &'a RemoteRecord,
    data: RecordData,
    digest: Fingerprint,
}

impl<'a> Seen<'a> {
    fn new(remote: &'a RemoteRecord) -> Self {
        let data = RecordData::from(remote);
        Self { digest: fingerprint(&data), remote, data }
    }

    /// The partner's item that it is a part of, or itself.
    fn group(&self) -> &str {
        self.remote.group.as_ref().unwrap_or(&self.remote.source_id)
    }
}

/// A page while it is being stored.
struct Saving<'a, 'w> {
    page: &'a PageToSave,
    preloaded: &'a Preloaded,
    /// What is written at the end, together with the writes of other pages.
    writes: &'w mut Writes<'a>,
    /// The records that changed, to push to the user's other partners.
    changed: Vec<ChangedRecord>,
    saved: Saved,
}

/// A record that the page changed.
struct ChangedRecord {
    record: RecordId,
    kind: String,
    source_partner: Option<String>,
    change: &'static str,
}

impl BatchWrite for PageToSave {
    type Outcome = Saved;

    fn store(db: &mut Db, pages: &[Self]) -> Result<Vec<Saved>, StoreError> {
        let mut saved = Vec::with_capacity(pages.len());
        for pages in of_different_users(pages) {
            saved.extend(save(db, pages)?);
        }
        Ok(saved)
    }
}

/// Runs of pages in which no user occurs twice: a page must see what an earlier one changed.
fn of_different_users(pages: &[PageToSave]) -> Vec<&[PageToSave]> {
    let mut users = HashSet::new();
    let mut runs = Vec::new();
    let mut from = 0;
    for (place, page) in pages.iter().enumerate() {
        if !users.insert(&page.user_id) {
            runs.extend(pages.get(from..place));
            users = HashSet::from([&page.user_id]);
            from = place;
        }
    }
    runs.extend(pages.get(from..));
    runs
}

fn save(db: &mut Db, pages: &[PageToSave]) -> Result<Vec<Saved>, StoreError> {
    let preloaded = Preloaded::load(db, pages)?;
    let mut writes = Writes::default();
    let mut done = Vec::with_capacity(pages.len());
    for page in pages {
        let (changed, saved) = (Vec::new(), Saved::default());
        let mut saving =
            Saving { page, preloaded: &preloaded, writes: &mut writes, changed, saved };
        saving.sort(db)?;
        done.push((saving.changed, saving.saved));
    }
    writes.write(db)?;
    for page in pages {
        delivered::had(db, page.connection, &page.delivered)?;
    }
    let mut all = Vec::with_capacity(done.len());
    for (page, (changed, mut saved)) in pages.iter().zip(done) {
        if let Some(targets) = preloaded.targets.get(&page.user_id) {
            let changed: Vec<Changed<'_>> = changed.iter().map(ChangedRecord::as_changed).collect();
            let except = Some(page.connection);
            saved.enqueued = outbox::enqueue(db, targets, except, &changed, page.now)?;
        }
        all.push(saved);
    }
    Ok(all)
}

impl ChangedRecord {
    fn as_changed(&self) -> Changed<'_> {
        Changed {
            record: &self.record,
            kind: &self.kind,
            source_partner: self.source_partner.as_deref(),
            deleted: self.change == "deleted",
        }
    }
}

impl<'a> Saving<'a, '_> {
    /// Sorts the page's records into new, changed and gone ones.
    fn sort(&mut self, db: &mut Db) -> Result<(), StoreError> {
        let page = self.page;
        let nothing = HashMap::new();
        let known = self.preloaded.items.get(&page.connection).unwrap_or(&nothing);
        let (mut unknown, mut changed) = (Vec::new(), Vec::new());
        for remote in &page.records {
            let seen = Seen::new(remote);
            match known.get(&remote.source_id) {
                None => unknown.push(seen),
                Some(item) if item.seen == seen.digest => self.saved.unchanged += 1,
                Some(item) => changed.push((item.clone(), seen)),
            }
        }
        let mut gone = deletions::find(self, db, known)?;
        let doubtful = self.doubtful(db)?;
        changed.extend(doubtful);
        if !unknown.is_empty() {
            self.relink(db, &mut unknown, &mut changed)?;
            self.reidentify(db, &mut gone, &mut unknown, &mut changed)?;
            self.recognise(db, &mut unknown, &mut changed)?;
            unknown.into_iter().for_each(|seen| self.create(seen));
        }
        self.apply_changed(db, changed)?;
        let gone = deletions::confirm(self, db, known, gone)?;
        deletions::apply(self, db, gone)?;
        // What is not believed yet must come again: the next sync starts where this one did.
        let cursor = page.cursor.as_ref().filter(|_| self.saved.suspected == 0);
        self.writes.cursors.extend(
            cursor.map(|cursor| {
                CursorRow(page.connection, page.feed, &cursor.0, to_micros(page.now))
            }),
        );
        Ok(())
    }

    fn record_change(&mut self, content: &Content, change: &'static str) {
        self.record_change_of(ChangedRecord {
            record: content.id.clone(),
            kind: content.kind_name().to_owned(),
            source_partner: content.source_partner.clone(),
            change,
        });
    }

    fn record_change_of(&mut self, changed: ChangedRecord) {
        let (record, change) = (changed.record.clone(), changed.change);
        let (user, now) = (&self.page.user_id, self.page.now);
        let (cause, partner) = (self.page.cause.into(), Some(self.page.partner));
        self.writes.changes.push(NewChange { user, record, change, cause, partner, now });
        self.changed.push(changed);
    }

    fn is_day_only(&self, seen: &Seen<'_>) -> bool {
        self.page.day_only.contains(&seen.remote.body.kind())
    }

    fn create(&mut self, seen: Seen<'a>) {
        let group = seen.group().to_owned();
        let Seen { remote, data, digest } = seen;
        let id = RecordId::generate();
        let origin = Origin { partner: Some(self.page.partner), id: &remote.source_id };
        let user = &self.page.user_id;
        self.writes.links.push(NewLink {
            connection: self.page.connection,
            record: id.clone(),
            external_id: remote.source_id.clone(),
            external_group: group,
            seen: digest,
        });
        self.record_change_of(ChangedRecord {
            record: id.clone(),
            kind: remote.body.kind().name().to_owned(),
            source_partner: Some(self.page.partner.to_owned()),
            change: "created",
        });
        self.writes.records.push(NewRecord::new(id, user, origin, &data, self.page.now));
        self.saved.created += 1;
    }

    /// Applies records that the partner shows differently from before.
    fn apply_changed(
        &mut self,
        db: &mut Db,
        changed: Vec<(Item, Seen<'a>)>,
    ) -> Result<(), StoreError> {
        if changed.is_empty() {
            return Ok(());
        }
        let ids: Vec<RecordId> = changed.iter().map(|(item, _)| item.record.clone()).collect();
        let records = rows::load(db, &ids)?;
        let records: HashMap<&RecordId, &Content> =
            records.iter().map(|content| (&content.id, content)).collect();
        for (item, seen) in changed {
            let Some(content) = records.get(&item.record) else { continue };
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
        let own = content.data()?;
        let there = seen.remote.modified.unwrap_or(self.page.last_seen);
        let day_only = self.is_day_only(seen);
        let known = item.known(&own, content.updated_at());
        match sighting(known, &own, &seen.data, &seen.digest, there, day_only) {
            Sighting::Unchanged => self.saved.unchanged += 1,
            Sighting::Echo => {
                items::set_seen(db, item.id, &seen.digest)?;
                items::set_shown(db, item.id, &seen.data)?;
                // The poll reports what the end of the push would have reported.
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
                self.conflict(&item.record, "here", rows::to_value(&seen.data));
                self.saved.unchanged += 1;
            }
            // A deleted record comes back only for new content.
            Sighting::Follows { .. }
                if content.deleted && !is_back(item, content) && is_repeated(&own, &seen.data) =>
            {
                items::set_seen(db, item.id, &seen.digest)?;
                self.saved.unchanged += 1;
            }
            Sighting::Follows { conflict } => {
                if conflict {
                    let lost = (!content.deleted).then(|| rows::to_value(&own));
                    self.conflict(&item.record, "partner", lost.unwrap_or_default());
                }
                let merged = match &item.shown {
                    Some(shown) => merge(&own, shown, &seen.data),
                    None => seen.data.clone(),
                };
                rows::rewrite(db, &item.record, &merged, self.page.now)?;
                items::set_in_step(db, item.id, &seen.digest, &fingerprint(&merged))?;
                if item.shown.is_some() {
                    items::set_shown(db, item.id, &seen.data)?;
                    // A waiting change that is not part of the partner's edit still waits.
                    if item.state.waits() && !is_echo(&merged, &seen.data, day_only) {
                        items::set_state(db, item.id, ItemState::Update, self.page.now)?;
                    }
                }
                self.record_change(content, "updated");
                self.saved.updated += 1;
            }
        }
        Ok(())
    }

    fn conflict(&mut self, record: &RecordId, won: &'static str, lost: serde_json::Value) {
        self.saved.conflicts.push(Conflict { record_id: record.clone(), won, lost });
    }
}

/// Whether both say the same except for the zone in which wall time is read.
fn is_repeated(own: &RecordData, seen: &RecordData) -> bool {
    own.body == seen.body && own.start.at.naive_local() == seen.start.at.naive_local()
}

/// Whether a partner shows again what it no longer had, and nobody else deleted it.
fn is_back(item: &Item, content: &Content) -> bool {
    let was_lost = item.state == ItemState::Gone && item.seen.is_empty();
    was_lost && content.is_lost_at_a_partner()
}
