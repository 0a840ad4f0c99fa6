//! The settings of connections.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::Kind;

use crate::model::{ChangeCause, ChangeKind, Choice, ConnectionId, Direction, Properties};
use crate::store::change_feed::append_connections;
use crate::store::incidents::connects::review_scopes;
use crate::store::records::rows::BATCH;
use crate::store::sql::db::Db;
use crate::store::sql::schema::{cursors, properties, property_types};
use crate::store::sql::time::to_micros;
use crate::store::{Store, StoreError, outbox, resume_points};

impl Store {
    /// Registers the properties that partners and the daemon use: name, type and default.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn declare_properties(
        &self,
        types: Vec<(String, &'static str, String)>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            let known: Vec<String> = property_types::table.select(property_types::name).load(db)?;
            for (name, value_type, default_value) in types {
                if known.contains(&name) {
                    continue;
                }
                diesel::insert_into(property_types::table)
                    .values((
                        property_types::name.eq(name),
                        property_types::value_type.eq(value_type),
                        property_types::default_value.eq(default_value),
                    ))
                    .execute(db)?;
            }
            Ok(())
        })
        .await
    }

    /// The properties of a connection.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn properties(&self, connection: ConnectionId) -> Result<Properties, StoreError> {
        let known = self.properties_of(vec![connection]).await?.remove(&connection);
        Ok(known.unwrap_or_default())
    }

    /// The properties of these connections. Those of a connection without any are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn properties_of(
        &self,
        connections: Vec<ConnectionId>,
    ) -> Result<HashMap<ConnectionId, Properties>, StoreError> {
        self.read(move |db| load(db, &connections)).await
    }

    /// Stores the user's choices for a connection, as far as they are new.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn choose(
        &self,
        connection: ConnectionId,
        choices: Vec<Choice>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            choose(db, connection, &choices)?;
            review_scopes(db, connection, false, now)?;
            let cause = Some(ChangeCause::Settings);
            append_connections(db, &[connection], ChangeKind::SettingsChanged, cause, now)
        })
        .await
    }
}

fn load(
    db: &mut Db,
    connections: &[ConnectionId],
) -> QueryResult<HashMap<ConnectionId, Properties>> {
    let mut known: HashMap<ConnectionId, Properties> = HashMap::new();
    for ids in connections.chunks(BATCH) {
        let of_them = properties::table.filter(properties::connection_id.eq_any(ids));
        let rows: Vec<(ConnectionId, String, String, Option<String>)> = of_them
            .select((
                properties::connection_id,
                properties::name,
                properties::value,
                properties::reason,
            ))
            .load(db)?;
        for (connection, name, value, reason) in rows {
            let of_it = known.entry(connection).or_default();
            of_it.reasons.extend(reason.map(|reason| (name.clone(), reason)));
            of_it.values.insert(name, value);
        }
    }
    Ok(known)
}

/// Sets what is new of these choices, and makes the next sync of the feeds that it concerns start
/// from the beginning.
pub(in crate::store) fn choose(
    db: &mut Db,
    connection: ConnectionId,
    choices: &[Choice],
) -> Result<(), StoreError> {
    let known = load(db, &[connection])?.remove(&connection).unwrap_or_default();
    let mut feeds_to_reread: Vec<&'static str> = Vec::new();
    let mut switches_push = false;
    for choice in choices.iter().filter(|choice| !known.has(choice)) {
        set(db, connection, &choice.name, &choice.value, None)?;
        feeds_to_reread.extend(&choice.feeds_to_reread);
        switches_push |= Direction::Push.kind_of_property(&choice.name).is_some();
    }
    if switches_push {
        // Changes that waited while their kind was switched off are pushed when it is on again.
        outbox::reschedule(db, connection, DateTime::UNIX_EPOCH)?;
    }
    resume_points::forget(db, connection, Some(&feeds_to_reread))?;
    let of_feeds = cursors::table
        .filter(cursors::connection_id.eq(connection))
        .filter(cursors::feed.eq_any(feeds_to_reread));
    diesel::delete(of_feeds).execute(db)?;
    Ok(())
}

fn set(
    db: &mut Db,
    connection: ConnectionId,
    name: &str,
    value: &str,
    switched_off: Option<(&str, Option<DateTime<Utc>>)>,
) -> Result<(), StoreError> {
    diesel::delete(properties::table.find((connection, name))).execute(db)?;
    diesel::insert_into(properties::table)
        .values((
            properties::connection_id.eq(connection),
            properties::name.eq(name),
            properties::value.eq(value),
            properties::reason.eq(switched_off.map(|(reason, _)| reason)),
            properties::again_at.eq(switched_off.and_then(|(_, again_at)| again_at).map(to_micros)),
        ))
        .execute(db)?;
    Ok(())
}

/// Switches on again what was switched off for another reason than the user's choice: the partner
/// may grant now what it did not grant before.
pub(in crate::store) fn forget_reasons(
    db: &mut Db,
    connection: ConnectionId,
) -> Result<(), StoreError> {
    let names: Vec<String> = properties::table
        .filter(properties::connection_id.eq(connection))
        .filter(properties::reason.is_not_null())
        .select(properties::name)
        .load(db)?;
    forget(db, connection, &names)
}

/// Switches these kinds on again, as far as it was not the user who switched them off.
pub(in crate::store) fn switch_on(
    db: &mut Db,
    connection: ConnectionId,
    direction: Direction,
    kinds: &[Kind],
) -> Result<(), StoreError> {
    let names: Vec<String> = kinds.iter().map(|kind| direction.property(*kind)).collect();
    forget(db, connection, &names)
}

fn forget(db: &mut Db, connection: ConnectionId, names: &[String]) -> Result<(), StoreError> {
    let switched_off = || {
        properties::table
            .filter(properties::connection_id.eq(connection))
            .filter(properties::name.eq_any(names))
            .filter(properties::reason.is_not_null())
    };
    // Pushing is off unless somebody switched it on: that choice was only suspended. What nobody
    // chose is not tried again.
    diesel::update(
        switched_off()
            .filter(properties::name.like(Direction::Push.property_pattern()))
            .filter(properties::again_at.is_not_null()),
    )
    .set((
        properties::value.eq("true"),
        properties::reason.eq(None::<String>),
        properties::again_at.eq(None::<i64>),
    ))
    .execute(db)?;
    diesel::delete(switched_off()).execute(db)?;
    Ok(())
}

/// Switches off kinds that are on, for another reason than the user's choice, until they are tried
/// again at `again_at`.
pub(in crate::store) fn switch_off(
    db: &mut Db,
    connection: ConnectionId,
    direction: Direction,
    kinds: &[Kind],
    reason: &str,
    again_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    for kind in kinds {
        let name = direction.property(*kind);
        let row: Option<(String, Option<String>, Option<i64>)> = properties::table
            .find((connection, &name))
            .select((properties::value, properties::reason, properties::again_at))
            .first(db)
            .optional()?;
        let is_on = match (&row, direction) {
            // It was off for such a reason before, and has been tried again.
            (Some((_, Some(_), again_at)), _) => again_at.is_some(),
            (Some((value, ..)), _) => value == "true",
            (None, direction) => direction == Direction::Poll,
        };
        if is_on {
            set(db, connection, &name, "false", Some((reason, Some(again_at))))?;
        }
    }
    if direction == Direction::Push {
        outbox::reschedule(db, connection, DateTime::UNIX_EPOCH)?;
    }
    Ok(())
}

/// Switches off what the user did not grant. Of pushes that nobody has chosen yet only the reason is
/// kept: there is nothing to try again.
pub(in crate::store) fn not_granted(
    db: &mut Db,
    connection: ConnectionId,
    direction: Direction,
    kinds: &[Kind],
    reason: &str,
    again_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    switch_off(db, connection, direction, kinds, reason, again_at)?;
    for kind in kinds.iter().filter(|_| direction == Direction::Push) {
        let name = direction.property(*kind);
        let row = properties::table.find((connection, &name)).select(properties::name);
        if row.first::<String>(db).optional()?.is_none() {
            set(db, connection, &name, "false", Some((reason, None)))?;
        }
    }
    Ok(())
}
