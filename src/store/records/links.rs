//! What partners have of a record.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::model::{Direction, LastError, RecordId, WaitingFor};
use crate::store::sql::db::Db;
use crate::store::sql::schema::{connections, properties, records, sync_items};
use crate::store::sql::time::from_micros;
use crate::sync::items::{Fingerprint, ItemState};

/// What a partner has of a record.
#[derive(Clone, Debug)]
pub struct Link {
    /// The partner.
    pub partner: String,
    /// The state of the sync item.
    pub state: ItemState,
    /// Whether the record is as it was when both sides last agreed. If it is not and nothing waits,
    /// the partner does not get the change.
    pub is_current: bool,
    /// The partner's id of it.
    pub external_id: Option<String>,
    /// Pushes that failed in a row.
    pub attempts: i32,
    /// Why it was refused, or was not pushed yet.
    pub reason: Option<String>,
    /// When it was last pushed.
    pub pushed_at: Option<DateTime<Utc>>,
    /// When it is pushed next; `None` if it is under way.
    pub due_at: Option<DateTime<Utc>>,
    /// The limit that this waits for.
    pub waiting_for: Option<WaitingFor>,
}

#[derive(Queryable)]
pub(in crate::store) struct LinkRow {
    partner: String,
    state: ItemState,
    external_id: Option<String>,
    attempts: i32,
    reason: Option<String>,
    pushed_at: Option<i64>,
    due_at: Option<i64>,
    last_error: Option<String>,
    /// Whether its kind is pushed, and why it was switched off if that was not the user's choice.
    switch: Option<String>,
    switched_off: Option<String>,
    agreed_digest: Vec<u8>,
}

impl LinkRow {
    /// What it says about a record that has this fingerprint now; `None` if it is deleted.
    pub(in crate::store) fn seen_from(self, record: Option<&Fingerprint>) -> Link {
        let is_current = record == Some(&self.agreed_digest);
        let row = self;
        let waits = !matches!(row.state, ItemState::InStep | ItemState::Refused | ItemState::Gone);
        if waits && row.switch.as_deref() != Some("true") {
            // It waits for the switch, and not for a time.
            let off = "pushing this kind is switched off";
            let reason = row.switched_off.clone().or_else(|| Some(off.to_owned()));
            return Link { reason, due_at: None, ..Link::of(row, is_current) };
        }
        let error = row.last_error.as_deref().filter(|_| waits);
        let error = error.and_then(|error| serde_json::from_str::<LastError>(error).ok());
        Link { waiting_for: error.and_then(|error| error.waiting_for), ..Link::of(row, is_current) }
    }
}

impl Link {
    fn of(row: LinkRow, is_current: bool) -> Self {
        Self {
            waiting_for: None,
            is_current,
            partner: row.partner,
            state: row.state,
            external_id: row.external_id,
            attempts: row.attempts,
            reason: row.reason,
            pushed_at: row.pushed_at.map(from_micros),
            // What is under way is due at once, which is stored as the beginning of time.
            due_at: row.due_at.filter(|at| *at > 0).map(from_micros),
        }
    }
}

/// What partners have of a record, by their names.
pub(in crate::store) fn rows(db: &mut Db, id: &RecordId) -> QueryResult<Vec<LinkRow>> {
    let (kind, measurement): (String, Option<String>) =
        records::table.find(id).select((records::kind, records::measurement_type)).first(db)?;
    let kind = measurement.as_deref().unwrap_or(&kind);
    let switch = properties::connection_id
        .eq(connections::id)
        .and(properties::name.eq(Direction::Push.property_named(kind)));
    sync_items::table
        .inner_join(connections::table.on(connections::id.eq(sync_items::connection_id)))
        .left_join(properties::table.on(switch))
        .filter(sync_items::record_id.eq(id))
        .order(connections::partner)
        .select((
            connections::partner,
            sync_items::state,
            sync_items::external_id,
            sync_items::attempts,
            sync_items::reason,
            sync_items::pushed_at,
            sync_items::due_at,
            connections::last_error,
            properties::value.nullable(),
            properties::reason.nullable(),
            sync_items::agreed_digest,
        ))
        .load(db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_under_way_has_no_time_at_which_it_is_due() {
        let due_at = |due_at| {
            let (partner, state) = ("withings".to_owned(), ItemState::Creating);
            let row = LinkRow {
                partner,
                state,
                external_id: None,
                attempts: 0,
                reason: None,
                pushed_at: None,
                due_at,
                last_error: None,
                switch: Some("true".to_owned()),
                switched_off: None,
                agreed_digest: Vec::new(),
            };
            row.seen_from(None).due_at
        };
        assert_eq!(due_at(Some(0)), None);
        assert!(due_at(Some(1)).is_some() && due_at(None).is_none());
    }
}
