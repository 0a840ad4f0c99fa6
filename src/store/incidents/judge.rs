//! What the ends of syncs open and close. A sync that met no scenario, of a connection without an open
//! one, costs no statement here.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::{close, open};
use crate::incidents::{
    FORGOTTEN_AFTER, IncidentCode, LONG_WAIT, MANY_ATTEMPTS, NewIncident, Observed, Sighting,
    Subject, switches_in_words,
};
use crate::model::{ConnectionId, ItemId, RecordId};
use crate::store::StoreError;
use crate::store::sql::db::Db;
use crate::store::sql::rows::{Column, Rows};
use crate::store::sql::schema::{connections, incidents, properties, sync_items};
use crate::store::sql::time::{from_micros, to_micros};

/// The end of a sync, as far as incidents are concerned.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Ended<'a> {
    pub(in crate::store) connection: ConnectionId,
    pub(in crate::store) observed: &'a Observed,
    /// Whether something still waits to be pushed.
    pub(in crate::store) still_waits: bool,
    /// Whether the connection has open incidents that are judged here.
    pub(in crate::store) has_incidents: bool,
    pub(in crate::store) now: DateTime<Utc>,
}

impl Ended<'_> {
    fn may_be_stuck(&self) -> bool {
        self.still_waits && self.observed.is_pushed
    }

    fn sees(&self, code: IncidentCode) -> bool {
        self.observed.seen.iter().any(|sighting| sighting.code == code)
    }

    /// Whether this scenario must be looked at in the tables.
    fn concerns(&self, code: IncidentCode) -> bool {
        self.has_incidents || self.sees(code)
    }
}

/// An open incident of a connection.
#[derive(Queryable)]
struct OpenRow {
    id: i64,
    connection: ConnectionId,
    code: String,
    external_id: Option<String>,
    last_at: i64,
}

/// What the tables say about scenarios, by connection.
struct Tables {
    /// A change that still waits although it should not.
    stuck: HashMap<ConnectionId, RecordId>,
    /// A change that the partner refuses.
    refused: HashMap<ConnectionId, RecordId>,
    /// The switches of kinds that were not granted.
    not_granted: HashMap<ConnectionId, Vec<String>>,
}

/// Opens and closes what the ends of these syncs show. No connection is there twice.
pub(in crate::store) fn judge(db: &mut Db, ended: &[Ended<'_>]) -> Result<(), StoreError> {
    let ended: Vec<&Ended<'_>> = ended
        .iter()
        .filter(|it| it.has_incidents || it.may_be_stuck() || !it.observed.seen.is_empty())
        .collect();
    if ended.is_empty() {
        return Ok(());
    }
    let tables = Tables::read(db, &ended)?;
    let flagged: Vec<ConnectionId> =
        ended.iter().filter(|it| it.has_incidents).map(|it| it.connection).collect();
    let known = open_of(db, &flagged)?;
    let mut closing: BTreeMap<(&'static str, i64), Vec<i64>> = BTreeMap::new();
    let mut opening = Vec::new();
    let mut clean = Vec::new();
    for it in ended {
        let new = tables.seen_by(it);
        let mut goes_on = new.iter().any(|(new, _)| IncidentCode::JUDGED.contains(&new.code));
        for row in known.iter().filter(|row| row.connection == it.connection) {
            if new.iter().any(|(new, _)| new.code.name() == row.code) {
                continue;
            }
            match tables.is_over(db, row, it)? {
                Some(why) => closing.entry((why, to_micros(it.now))).or_default().push(row.id),
                None => goes_on = true,
            }
        }
        if it.has_incidents && !goes_on {
            clean.push(it.connection);
        }
        opening.extend(new);
    }
    for ((why, at), ids) in closing {
        close(db, &ids, why, from_micros(at))?;
    }
    if !clean.is_empty() {
        diesel::update(connections::table.filter(connections::id.eq_any(clean)))
            .set(connections::has_incidents.eq(false))
            .execute(db)?;
    }
    open(db, &opening)
}

/// The open incidents of these connections that are judged here.
fn open_of(db: &mut Db, ids: &[ConnectionId]) -> QueryResult<Vec<OpenRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let codes = IncidentCode::JUDGED.map(IncidentCode::name);
    incidents::table
        .filter(incidents::connection_id.assume_not_null().eq_any(ids))
        .filter(incidents::closed_at.is_null())
        .filter(incidents::code.eq_any(codes))
        .select((
            incidents::id,
            incidents::connection_id.assume_not_null(),
            incidents::code,
            incidents::external_id,
            incidents::last_at,
        ))
        .load(db)
}

impl Tables {
    fn read(db: &mut Db, ended: &[&Ended<'_>]) -> Result<Self, StoreError> {
        let of = |is_it: &dyn Fn(&Ended<'_>) -> bool| -> Vec<ConnectionId> {
            ended.iter().filter(|it| is_it(it)).map(|it| it.connection).collect()
        };
        let now = ended.iter().map(|it| it.now).max().unwrap_or_default();
        Ok(Self {
            stuck: stuck(db, &of(&|it| it.has_incidents || it.may_be_stuck()), now)?,
            refused: refused(db, &of(&|it| it.concerns(IncidentCode::PushRefused)))?,
            not_granted: not_granted(db, &of(&|it| it.concerns(IncidentCode::ScopeMissing)))?,
        })
    }

    /// What a sync saw, with what the tables add to it.
    fn seen_by(&self, it: &Ended<'_>) -> Vec<(NewIncident, DateTime<Utc>)> {
        let subject = || Subject::Connection(it.connection);
        let new = |sighting: &Sighting| {
            let Sighting { code, times, external_id, detail } = sighting.clone();
            let new =
                NewIncident { times, external_id, detail, ..NewIncident::new(code, subject()) };
            match code {
                IncidentCode::PushRefused => {
                    NewIncident { record: self.refused.get(&it.connection).cloned(), ..new }
                }
                IncidentCode::ScopeMissing => {
                    let switches = self.not_granted.get(&it.connection);
                    let named = switches.map(|names| switches_in_words(names));
                    NewIncident { detail: named.or(new.detail.clone()), ..new }
                }
                _ => new,
            }
        };
        let mut seen: Vec<_> = it.observed.seen.iter().map(new).collect();
        if it.may_be_stuck()
            && let Some(record) = self.stuck.get(&it.connection)
        {
            let stuck = NewIncident::new(IncidentCode::ItemStillWaiting, subject());
            seen.push(NewIncident { record: Some(record.clone()), ..stuck });
        }
        seen.into_iter().map(|new| (new, it.now)).collect()
    }

    /// Why an incident that was not seen again is over, if it is.
    fn is_over(
        &self,
        db: &mut Db,
        row: &OpenRow,
        it: &Ended<'_>,
    ) -> Result<Option<&'static str>, StoreError> {
        let is_old = it.now - from_micros(row.last_at) >= FORGOTTEN_AFTER;
        Ok(match IncidentCode::from_name(&row.code) {
            Some(IncidentCode::PayloadNotUnderstood) => {
                it.observed.is_read.then_some("a sync understood every answer")
            }
            Some(IncidentCode::ItemStillWaiting) => (!self.stuck.contains_key(&it.connection))
                .then_some("nothing waits any more that should have been sent"),
            Some(IncidentCode::PushRefused) => (!self.refused.contains_key(&it.connection))
                .then_some("no change is refused any more"),
            Some(IncidentCode::ScopeMissing) => (!self.not_granted.contains_key(&it.connection))
                .then_some("everything that is wanted is granted"),
            Some(IncidentCode::NotificationsSilent) if !it.observed.is_notified => {
                Some("notifications are not used any more")
            }
            Some(IncidentCode::NotificationsSilent) => {
                (!it.observed.is_unheard).then_some("a notification has led to new data again")
            }
            Some(IncidentCode::RecordRefused) if is_old => Some("no record was refused for a week"),
            Some(IncidentCode::RecordRefused) => {
                let accepted = is_linked(db, it.connection, row.external_id.as_deref())?;
                accepted.then_some("the record was accepted")
            }
            Some(IncidentCode::AccountChanged) => {
                is_old.then_some("the account is the same for a week")
            }
            _ => None,
        })
    }
}

/// Whether the partner's record with this id is here.
fn is_linked(db: &mut Db, connection: ConnectionId, id: Option<&str>) -> QueryResult<bool> {
    let Some(id) = id else { return Ok(false) };
    let it = sync_items::table
        .filter(sync_items::connection_id.eq(connection))
        .filter(sync_items::external_id.eq(id));
    Ok(it.select(sync_items::id).first::<ItemId>(db).optional()?.is_some())
}

/// A change of each connection that still waits although pushes should have sent it: of a kind that
/// is switched on, and tried often or passed over for long.
fn stuck(
    db: &mut Db,
    ids: &[ConnectionId],
    now: DateTime<Utc>,
) -> Result<HashMap<ConnectionId, RecordId>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    #[derive(QueryableByName)]
    struct Stuck {
        #[diesel(sql_type = BigInt)]
        connection: ConnectionId,
        #[diesel(sql_type = Text)]
        record: RecordId,
    }
    let long_ago = to_micros(now - LONG_WAIT);
    let asked: Vec<_> = ids.iter().map(|id| (*id, MANY_ATTEMPTS, long_ago)).collect();
    let columns = [Column::Integer("id"), Column::Integer("attempts"), Column::Integer("long_ago")];
    let rows = Rows::new(db, &columns, &asked)?;
    let select = format!(
        "SELECT n.id AS connection, MIN(items.record_id) AS record FROM {} \
         JOIN sync_items AS items ON items.connection_id = n.id AND items.due_at IS NOT NULL \
         JOIN records ON records.id = items.record_id \
         JOIN properties AS switch ON switch.connection_id = n.id AND switch.value = 'true' \
         AND switch.name = 'push.' || COALESCE(records.measurement_type, records.kind) \
         WHERE items.attempts >= n.attempts OR items.changed_at < n.long_ago GROUP BY n.id",
        rows.table
    );
    let found: Vec<Stuck> = diesel::sql_query(select).bind::<Text, _>(rows.json).load(db)?;
    Ok(found.into_iter().map(|row| (row.connection, row.record)).collect())
}

/// The latest record of each connection that its partner refuses.
fn refused(db: &mut Db, ids: &[ConnectionId]) -> QueryResult<HashMap<ConnectionId, RecordId>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(ConnectionId, Option<RecordId>)> = sync_items::table
        .filter(sync_items::connection_id.eq_any(ids))
        // As the condition of the index says it, or the index is not used.
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("sync_items.state = 'refused'"))
        .group_by(sync_items::connection_id)
        .select((sync_items::connection_id, diesel::dsl::max(sync_items::record_id)))
        .load(db)?;
    Ok(rows.into_iter().filter_map(|(id, record)| Some((id, record?))).collect())
}

/// The switches of each connection that are off because the user did not grant their kind, although
/// somebody wants it.
pub(in crate::store) fn not_granted(
    db: &mut Db,
    ids: &[ConnectionId],
) -> QueryResult<HashMap<ConnectionId, Vec<String>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(ConnectionId, String)> = properties::table
        .filter(properties::connection_id.eq_any(ids))
        .filter(properties::reason.is_not_null())
        .filter(properties::again_at.is_not_null())
        .order((properties::connection_id, properties::name))
        .select((properties::connection_id, properties::name))
        .load(db)?;
    let mut names: HashMap<ConnectionId, Vec<String>> = HashMap::new();
    for (connection, name) in rows {
        names.entry(connection).or_default().push(name);
    }
    Ok(names)
}
