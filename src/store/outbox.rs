//! The outbox: enqueues what changed here for push to the user's partners, in the transaction of
//! the change, so that nothing has to be searched for afterwards.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::model::{ConnectionId, Direction, ItemId, RecordId, Status, UserId};
use crate::store::StoreError;
use crate::store::items::{self, Item, NOTHING};
use crate::store::records::rows::{BATCH, INSERTED};
use crate::store::sql::db::{Db, each};
use crate::store::sql::schema::{connections, properties, records, sync_items};
use crate::store::sql::time::to_micros;
use crate::sync::Enqueued;
use crate::sync::items::ItemState;

/// A record that changed or was deleted.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Changed<'a> {
    pub(in crate::store) record: &'a RecordId,
    /// The name of its kind in the users' switches.
    pub(in crate::store) kind: &'a str,
    pub(in crate::store) source_partner: Option<&'a str>,
    pub(in crate::store) deleted: bool,
}

/// A kind whose pushes are switched on at a connection.
#[derive(Queryable)]
struct Switch {
    user: UserId,
    connection: ConnectionId,
    partner: String,
    status: String,
    property: String,
}

/// The connections of a user that take pushes.
pub(in crate::store) type Targets = BTreeMap<ConnectionId, Target>;

/// A connection that takes pushes.
#[derive(Debug)]
pub(in crate::store) struct Target {
    partner: String,
    is_connected: bool,
    kinds: HashSet<String>,
}

/// Enqueues these records for every connection of the user that is or was connected and takes their
/// kinds, except for `except`, from which the change came.
pub(in crate::store) fn enqueue(
    db: &mut Db,
    targets: &Targets,
    except: Option<ConnectionId>,
    changes: &[Changed<'_>],
    now: DateTime<Utc>,
) -> Result<Vec<Enqueued>, StoreError> {
    let others = || targets.iter().filter(|(id, _)| Some(**id) != except);
    if changes.is_empty() || others().next().is_none() {
        return Ok(Vec::new());
    }
    let records: Vec<&RecordId> = changes.iter().map(|change| change.record).collect();
    let known = items::of_records(db, &records)?;
    let known: HashMap<(ConnectionId, &RecordId), &Item> =
        known.iter().map(|item| ((item.connection, &item.record), item)).collect();
    let mut plan = Plan::default();
    for (connection, target) in others() {
        for change in changes.iter().filter(|change| target.kinds.contains(change.kind)) {
            let item = known.get(&(*connection, change.record)).copied();
            // A record that came from a partner is not pushed back to it. One that the partner
            // lost, and that was restored since, has an item and is pushed.
            let is_source = change.source_partner == Some(target.partner.as_str());
            if plan.add(*connection, change, item, is_source) {
                plan.enqueued.insert(*connection);
            }
        }
    }
    plan.write(db, now)?;
    let enqueued =
        others().filter(|(id, target)| target.is_connected && plan.enqueued.contains(*id));
    let enqueued: Vec<Enqueued> = enqueued
        .map(|(id, target)| Enqueued { partner: target.partner.clone(), connection: *id })
        .collect();
    let ids: Vec<ConnectionId> = enqueued.iter().map(|enqueued| enqueued.connection).collect();
    if !ids.is_empty() {
        diesel::update(connections::table.filter(connections::id.eq_any(ids)))
            .set(connections::next_push_at.eq(Some(to_micros(now))))
            .execute(db)?;
    }
    Ok(enqueued)
}

/// The connections to which changes of a user are pushed.
pub(in crate::store) fn targets_of(db: &mut Db, user: &UserId) -> Result<Targets, StoreError> {
    Ok(targets(db, &[user])?.remove(user).unwrap_or_default())
}

/// The connections to which changes of these users are pushed, by user; users without any are left
/// out.
pub(in crate::store) fn targets(
    db: &mut Db,
    users: &[&UserId],
) -> Result<BTreeMap<UserId, Targets>, StoreError> {
    let mut found: BTreeMap<UserId, Targets> = BTreeMap::new();
    for users in users.chunks(BATCH) {
        let rows: Vec<Switch> = connections::table
            .inner_join(properties::table.on(properties::connection_id.eq(connections::id)))
            .filter(connections::user_id.eq_any(users))
            .filter(connections::connected_at.is_not_null())
            .filter(connections::status.ne(Status::Ended.name()))
            .filter(properties::name.like(Direction::Push.property_pattern()))
            // What the daemon switched off is tried again: changes wait for that.
            .filter(properties::value.eq("true").or(properties::reason.is_not_null()))
            .select((
                connections::user_id,
                connections::id,
                connections::partner,
                connections::status,
                properties::name,
            ))
            .load(db)?;
        for switch in rows {
            let of_user = found.entry(switch.user).or_default();
            let target = of_user.entry(switch.connection).or_insert_with(|| Target {
                partner: switch.partner,
                is_connected: switch.status == Status::Connected.name(),
                kinds: HashSet::new(),
            });
            let kind = Direction::Push.kind_of_property(&switch.property);
            target.kinds.extend(kind.map(str::to_owned));
        }
    }
    Ok(found)
}

/// What enqueueing writes, gathered so that it takes few statements.
#[derive(Default)]
struct Plan<'a> {
    /// New items that wait to be created.
    new: Vec<(ConnectionId, &'a RecordId)>,
    /// Items by the state they move to.
    moved: BTreeMap<ItemState, Vec<ItemId>>,
    /// Items in flight: only the time of the change is stored.
    in_flight: Vec<ItemId>,
    /// Items that the partner no longer has and that wait to be created again.
    revived: Vec<ItemId>,
    enqueued: HashSet<ConnectionId>,
}

impl<'a> Plan<'a> {
    /// Adds what a change means for a connection. Returns whether something waits then.
    fn add(
        &mut self,
        connection: ConnectionId,
        change: &Changed<'a>,
        item: Option<&Item>,
        is_source: bool,
    ) -> bool {
        let Some(item) = item else {
            let is_wanted = !change.deleted && !is_source;
            if is_wanted {
                self.new.push((connection, change.record));
            }
            return is_wanted;
        };
        let has_remote = item.external_id.is_some() && item.state != ItemState::Gone;
        let state = item.state.after_change(has_remote, change.deleted);
        match (item.state, state) {
            (_, state) if state.is_in_flight() => self.in_flight.push(item.id),
            (ItemState::Gone, ItemState::Create) => self.revived.push(item.id),
            (ItemState::Gone, ItemState::Gone) => {}
            (_, state) => self.moved.entry(state).or_default().push(item.id),
        }
        state.waits()
    }

    fn write(&self, db: &mut Db, now: DateTime<Utc>) -> Result<(), StoreError> {
        let at = to_micros(now);
        for (state, ids) in &self.moved {
            for ids in ids.chunks(BATCH) {
                diesel::update(sync_items::table.filter(sync_items::id.eq_any(ids)))
                    .set((
                        sync_items::state.eq(state.name()),
                        sync_items::changed_at.eq(Some(at)),
                        sync_items::due_at.eq(state.waits().then_some(at)),
                        sync_items::attempts.eq(0),
                        sync_items::reason.eq(None::<String>),
                    ))
                    .execute(db)?;
            }
        }
        for ids in self.in_flight.chunks(BATCH) {
            diesel::update(sync_items::table.filter(sync_items::id.eq_any(ids)))
                .set(sync_items::changed_at.eq(Some(at)))
                .execute(db)?;
        }
        for id in &self.revived {
            items::cut(db, *id, ItemState::Create, now)?;
            diesel::update(sync_items::table.find(*id))
                .set((sync_items::changed_at.eq(Some(at)), sync_items::attempts.eq(0)))
                .execute(db)?;
        }
        let new: Vec<_> = self
            .new
            .iter()
            .map(|(connection, record)| {
                (
                    sync_items::connection_id.eq(connection),
                    sync_items::record_id.eq(record),
                    sync_items::state.eq(ItemState::Create.name()),
                    sync_items::content_digest.eq(NOTHING),
                    sync_items::agreed_digest.eq(NOTHING),
                    sync_items::echoed.eq(false),
                    sync_items::attempts.eq(0),
                    sync_items::changed_at.eq(Some(at)),
                    sync_items::due_at.eq(Some(at)),
                )
            })
            .collect();
        for rows in new.chunks(INSERTED) {
            each!(db, |db| diesel::insert_into(sync_items::table).values(rows).execute(db))?;
        }
        Ok(())
    }
}

/// Sets a connection's next push: when the first of its items of switched-on kinds is due, but not
/// before `not_before`. Returns that time.
pub(in crate::store) fn reschedule(
    db: &mut Db,
    connection: ConnectionId,
    not_before: DateTime<Utc>,
) -> Result<Option<i64>, StoreError> {
    let due: Vec<(String, Option<String>, Option<i64>)> = sync_items::table
        .inner_join(records::table.on(records::id.eq(sync_items::record_id)))
        .filter(sync_items::connection_id.eq(connection))
        .filter(sync_items::due_at.is_not_null())
        .group_by((records::kind, records::measurement_type))
        .select((records::kind, records::measurement_type, diesel::dsl::min(sync_items::due_at)))
        .load(db)?;
    let mut next = None;
    if !due.is_empty() {
        // What the daemon switched off is tried again from `again_at` on.
        let on: Vec<(String, Option<i64>)> = properties::table
            .filter(properties::connection_id.eq(connection))
            .filter(properties::value.eq("true").or(properties::reason.is_not_null()))
            .select((properties::name, properties::again_at))
            .load(db)?;
        let due = due.into_iter().filter_map(|(kind, measurement, at)| {
            let kind = Some(measurement.as_deref().unwrap_or(&kind));
            let is_it = |name: &str| Direction::Push.kind_of_property(name) == kind;
            let (_, again_at) = on.iter().find(|(name, _)| is_it(name))?;
            Some(at?.max(again_at.unwrap_or(i64::MIN)))
        });
        next = due.min().map(|at| at.max(to_micros(not_before)));
    }
    diesel::update(connections::table.find(connection))
        .set(connections::next_push_at.eq(next))
        .execute(db)?;
    Ok(next)
}
