//! Recognises pushed records: by what was sent, or by their moment if they were edited since.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use partner_sdk::{Kind, RecordData};

use super::{Saving, Seen};
use crate::model::RecordId;
use crate::store::StoreError;
use crate::store::items::previous_account;
use crate::store::items::{self, Item, NewLink};
use crate::store::records::rows::{self, Content};
use crate::store::sql::db::Db;
use crate::store::sql::schema::sync_items;
use crate::sync::items::{ItemState, is_echo, is_edit_of, is_of_same_moment};

impl<'a> Saving<'a, '_> {
    /// Returns the doubtful records that show what was pushed, and rejects the others.
    pub(in crate::store) fn doubtful(
        &mut self,
        db: &mut Db,
    ) -> Result<Vec<(Item, Seen<'a>)>, StoreError> {
        let page = self.page;
        if page.doubtful.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> =
            page.doubtful.iter().map(|(record, _)| record.source_id.clone()).collect();
        let mut known = items::by_external_id(items::of_external_ids(db, page.connection, &ids)?);
        let mut shown = Vec::new();
        for (remote, reason) in &page.doubtful {
            match known.remove(&remote.source_id).filter(|item| item.shown.is_some()) {
                Some(item) => shown.push((item, Seen::new(remote))),
                None => self.saved.refused.push((remote.source_id.clone(), reason.clone())),
            }
        }
        Ok(shown)
    }

    /// Links records again that this connection had before it changed to another account: a partner
    /// may be unable to say that it is the same account.
    pub(in crate::store) fn relink(
        &mut self,
        db: &mut Db,
        unknown: &mut Vec<Seen<'a>>,
        changed: &mut Vec<(Item, Seen<'a>)>,
    ) -> Result<(), StoreError> {
        let page = self.page;
        if !self.preloaded.with_previous_account.contains(&page.connection) {
            return Ok(());
        }
        let ids: Vec<String> = unknown.iter().map(|seen| seen.remote.source_id.clone()).collect();
        let previous = previous_account::of_external_ids(db, page.connection, &ids)?;
        if previous.is_empty() {
            return Ok(());
        }
        let records: Vec<RecordId> = previous.values().map(|was| was.record.clone()).collect();
        let records = rows::load(db, &records)?;
        let records: HashMap<&RecordId, &Content> =
            records.iter().map(|content| (&content.id, content)).collect();
        let mut links = Vec::new();
        for seen in unknown.iter() {
            let Some(was) = previous.get(&seen.remote.source_id) else { continue };
            let Some(content) = records.get(&was.record) else { continue };
            let own = content.data()?;
            // Two accounts may use the same ids, so the content must match, too.
            let shown = was.shown.as_ref().unwrap_or(&own);
            let is_it =
                was.seen == seen.digest || is_echo(shown, &seen.data, self.is_day_only(seen));
            if is_it {
                links.push(NewLink {
                    connection: page.connection,
                    record: was.record.clone(),
                    external_id: seen.remote.source_id.clone(),
                    external_group: seen.group().to_owned(),
                    seen: seen.digest.clone(),
                });
            }
        }
        items::insert_links(db, &links)?;
        previous_account::forget(db, page.connection, &links)?;
        let linked: Vec<String> = links.into_iter().map(|link| link.external_id).collect();
        let linked = items::of_external_ids(db, page.connection, &linked)?;
        let mut linked = items::by_external_id(linked);
        let mut left = Vec::new();
        for seen in std::mem::take(unknown) {
            match linked.remove(&seen.remote.source_id) {
                Some(mut item) => {
                    // A pushed record is compared with what was pushed.
                    let was = previous.get(&seen.remote.source_id);
                    item.shown = was.and_then(|was| was.shown.clone());
                    item.echoed = item.shown.is_none();
                    // What that account had lost is shown again.
                    if was.is_some_and(|was| was.state == ItemState::Gone) {
                        (item.state, item.seen) = (ItemState::Gone, items::NOTHING.to_vec());
                    }
                    changed.push((item, seen));
                }
                None => left.push(seen),
            }
        }
        *unknown = left;
        Ok(())
    }

    /// Handles partners that change a record's id when it is edited: one record is gone and another
    /// of the same kind and moment is new. Where only days are kept, this is not specific enough.
    pub(in crate::store) fn reidentify(
        &mut self,
        db: &mut Db,
        gone: &mut Vec<Item>,
        unknown: &mut Vec<Seen<'a>>,
        changed: &mut Vec<(Item, Seen<'a>)>,
    ) -> Result<(), StoreError> {
        if gone.is_empty() {
            return Ok(());
        }
        let ids: Vec<RecordId> = gone.iter().map(|item| item.record.clone()).collect();
        let records = rows::load(db, &ids)?;
        let records: HashMap<&RecordId, RecordData> = records
            .iter()
            .filter_map(|content| Some((&content.id, content.data().ok()?)))
            .collect();
        let mut left = Vec::new();
        for seen in std::mem::take(unknown) {
            let is_it = |item: &Item| {
                let was = item.shown.as_ref().or(records.get(&item.record));
                was.is_some_and(|was| is_of_same_moment(was, &seen.data))
            };
            match gone.iter().position(is_it).filter(|_| !self.is_day_only(&seen)) {
                None => left.push(seen),
                Some(position) => {
                    let mut item = gone.swap_remove(position);
                    self.rename(db, &mut item, &seen)?;
                    changed.push((item, seen));
                }
            }
        }
        *unknown = left;
        Ok(())
    }

    /// Sets an item's id to the one under which the partner shows it now.
    fn rename(&self, db: &mut Db, item: &mut Item, seen: &Seen<'_>) -> Result<(), StoreError> {
        let group = seen.group();
        diesel::update(sync_items::table.find(item.id))
            .set((
                sync_items::external_id.eq(Some(&seen.remote.source_id)),
                sync_items::external_group.eq(Some(group)),
            ))
            .execute(db)?;
        item.external_id = Some(seen.remote.source_id.clone());
        Ok(())
    }

    /// Finds pushed records, or ones about to be pushed, among records with unknown ids: a partner
    /// may show a record under another id than it returned, or have it from elsewhere already.
    pub(in crate::store) fn recognise(
        &mut self,
        db: &mut Db,
        unknown: &mut Vec<Seen<'a>>,
        changed: &mut Vec<(Item, Seen<'a>)>,
    ) -> Result<(), StoreError> {
        if !self.preloaded.with_expected.contains(&self.page.connection) {
            return Ok(());
        }
        let mut expected = items::expected(db, self.page.connection)?;
        let shown_now: HashSet<&str> =
            self.page.records.iter().map(|record| record.source_id.as_str()).collect();
        expected
            .retain(|item| item.external_id.as_deref().is_none_or(|id| !shown_now.contains(id)));
        let ids: Vec<RecordId> = expected.iter().map(|item| item.record.clone()).collect();
        let mut own: HashMap<RecordId, RecordData> = HashMap::new();
        for content in rows::load(db, &ids)? {
            let data = content.data()?;
            own.insert(content.id, data);
        }
        // By kind and day, so that a record is compared only with possible matches.
        let day = |data: &RecordData| data.start.at.timestamp().div_euclid(86_400);
        let mut places: HashMap<(Kind, i64), Vec<Item>> = HashMap::new();
        for item in expected {
            let Some(said) = item.shown.as_ref().or(own.get(&item.record)) else { continue };
            places.entry((said.body.kind(), day(said))).or_default().push(item);
        }
        let mut left = Vec::new();
        for seen in std::mem::take(unknown) {
            let is_it = |item: &Item| {
                let pushed = item.shown.as_ref().or(own.get(&item.record));
                pushed.is_some_and(|pushed| is_echo(pushed, &seen.data, self.is_day_only(&seen)))
            };
            // Pushed, and edited there before the first poll: its moment identifies it, if nothing
            // else can be it.
            let is_edited = |item: &Item| {
                let is_free = match (&item.external_id, &self.page.complete_range) {
                    (None, _) => item.state == ItemState::Creating,
                    (Some(id), range) => {
                        range.as_ref().is_some_and(|(_, shown)| !shown.contains(id))
                    }
                };
                let sent = item.shown.as_ref().filter(|_| is_free && !self.is_day_only(&seen));
                sent.is_some_and(|sent| is_edit_of(sent, &seen.data))
            };
            let (kind, today) = (seen.remote.body.kind(), day(&seen.data));
            let near = [today, today - 1, today + 1].map(|day| (kind, day));
            let find = |is_meant: &dyn Fn(&Item) -> bool| {
                near.iter().find_map(|place| {
                    let position = places.get(place)?.iter().position(is_meant)?;
                    Some((*place, position))
                })
            };
            let found = find(&is_it).or_else(|| find(&is_edited));
            let found = found
                .and_then(|(place, position)| Some(places.get_mut(&place)?.swap_remove(position)));
            match found {
                None => left.push(seen),
                Some(mut item) => {
                    self.rename(db, &mut item, &seen)?;
                    if item.shown.is_none() {
                        item.shown = Some(seen.data.clone());
                    }
                    changed.push((item, seen));
                }
            }
        }
        *unknown = left;
        Ok(())
    }
}
