//! The settings of connections.

use diesel::prelude::*;

use super::schema::{cursors, properties, property_types};
use super::{Store, StoreError};
use crate::model::{ConnectionId, Properties};

impl Store {
    /// Makes the properties known that partners and the daemon use: name, type and default.
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

    /// What is set for a connection.
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
    /// beginning: what was not wanted before was passed over.
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
            for (name, value) in values {
                diesel::delete(properties::table.find((connection, &name))).execute(db)?;
                diesel::insert_into(properties::table)
                    .values((
                        properties::connection_id.eq(connection),
                        properties::name.eq(name),
                        properties::value.eq(value),
                        properties::reason.eq(&reason),
                    ))
                    .execute(db)?;
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
