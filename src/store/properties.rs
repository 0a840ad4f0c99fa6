//! The settings of connections.

use chrono::DateTime;
use diesel::prelude::*;
use partner_sdk::Kind;

use crate::model::{ConnectionId, Direction, Properties};
use crate::store::sql::db::Db;
use crate::store::sql::schema::{cursors, properties, property_types};
use crate::store::{Store, StoreError, outbox};

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
        let rows: Vec<(String, String, Option<String>)> = self
            .read(move |db| {
                properties::table
                    .filter(properties::connection_id.eq(connection))
                    .select((properties::name, properties::value, properties::reason))
                    .load(db)
            })
            .await?;
        let mut known = Properties::default();
        for (name, value, reason) in rows {
            known.reasons.extend(reason.map(|reason| (name.clone(), reason)));
            known.values.insert(name, value);
        }
        Ok(known)
    }

    /// Sets properties of a connection, and makes the next sync of `feeds_to_reread` start from the
    /// beginning: data that was not wanted before was skipped.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_properties(
        &self,
        connection: ConnectionId,
        values: Vec<(String, String)>,
        reason: Option<String>,
        feeds_to_reread: Vec<&'static str>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            let switches_push =
                values.iter().any(|(name, _)| Direction::Push.kind_of_property(name).is_some());
            for (name, value) in values {
                set(db, connection, &name, &value, reason.as_deref())?;
            }
            if switches_push {
                // Changes that waited while their kind was switched off are pushed when it is on
                // again.
                outbox::reschedule(db, connection, DateTime::UNIX_EPOCH)?;
            }
            let of_feeds = cursors::table
                .filter(cursors::connection_id.eq(connection))
                .filter(cursors::feed.eq_any(feeds_to_reread));
            diesel::delete(of_feeds).execute(db)?;
            Ok(())
        })
        .await
    }
}

fn set(
    db: &mut Db,
    connection: ConnectionId,
    name: &str,
    value: &str,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    diesel::delete(properties::table.find((connection, name))).execute(db)?;
    diesel::insert_into(properties::table)
        .values((
            properties::connection_id.eq(connection),
            properties::name.eq(name),
            properties::value.eq(value),
            properties::reason.eq(reason),
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
    let switched_off = || {
        properties::table
            .filter(properties::connection_id.eq(connection))
            .filter(properties::reason.is_not_null())
    };
    // Pushing is off unless somebody switched it on: that choice was only suspended.
    diesel::update(
        switched_off().filter(properties::name.like(Direction::Push.property_pattern())),
    )
    .set((properties::value.eq("true"), properties::reason.eq(None::<String>)))
    .execute(db)?;
    diesel::delete(switched_off()).execute(db)?;
    Ok(())
}

/// Switches off kinds that are on, for another reason than the user's choice.
pub(in crate::store) fn switch_off(
    db: &mut Db,
    connection: ConnectionId,
    direction: Direction,
    kinds: &[Kind],
    reason: &str,
) -> Result<(), StoreError> {
    for kind in kinds {
        let name = direction.property(*kind);
        let chosen: Option<String> = properties::table
            .find((connection, &name))
            .select(properties::value)
            .first(db)
            .optional()?;
        let is_on = match direction {
            Direction::Poll => chosen.as_deref() != Some("false"),
            Direction::Push => chosen.as_deref() == Some("true"),
        };
        if is_on {
            set(db, connection, &name, "false", Some(reason))?;
        }
    }
    Ok(())
}
