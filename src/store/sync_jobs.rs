//! Loads everything a batch of syncs starts from, in few statements.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::Cursor;

use crate::model::{Connection, ConnectionId, Properties, Status, UserId};
use crate::store::connections::ConnectionRow;
use crate::store::connections::tokens;
use crate::store::connections::unsaved::UnsavedTokens;
use crate::store::sql::schema::{connections, cursors, properties};
use crate::store::sql::time::from_micros;
use crate::store::{Store, StoreError, delivered, resume_points, user_keys};
use crate::sync::Job;
use crate::vault::{UserKey, Vault};

impl Store {
    /// The jobs of those connections that are connected and whose rows can be read, in no
    /// particular order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load_jobs(&self, ids: Vec<ConnectionId>) -> Result<Vec<Job>, StoreError> {
        let (vault, unsaved) = (Arc::clone(&self.vault), self.unsaved_tokens.clone());
        self.read(move |db| {
            let rows: Vec<ConnectionRow> = connections::table
                .filter(connections::id.eq_any(&ids))
                .filter(connections::status.eq(Status::Connected.name()))
                .select(ConnectionRow::as_select())
                .load(db)?;
            let cursor_rows: Vec<CursorRow> = cursors::table
                .filter(cursors::connection_id.eq_any(&ids))
                .select((
                    cursors::connection_id,
                    cursors::feed,
                    cursors::position,
                    cursors::updated_at,
                    cursors::wide_look_at,
                ))
                .load(db)?;
            let property_rows: Vec<PropertyRow> = properties::table
                .filter(properties::connection_id.eq_any(&ids))
                .select((
                    properties::connection_id,
                    properties::name,
                    properties::value,
                    properties::again_at,
                ))
                .load(db)?;
            let with_data = rows.iter().filter(|row| row.delivered_at.is_some());
            let with_data: Vec<ConnectionId> = with_data.map(|row| row.id).collect();
            let users: Vec<UserId> = rows.iter().map(|row| row.user_id.clone()).collect();
            let keys = user_keys::of(db, &vault, &users)?;
            let mut jobs =
                put_together((&vault, &keys), &unsaved, rows, cursor_rows, property_rows);
            for job in jobs.iter_mut().filter(|job| with_data.contains(&job.connection.id)) {
                let Connection { id, partner, external_user_id, .. } = &job.connection;
                let account = external_user_id.as_deref().unwrap_or_default();
                job.delivered = delivered::of(db, &vault, *id, partner, account)?;
            }
            for (connection, feed, point) in resume_points::of(db, &ids)? {
                if let Some(job) = jobs.iter_mut().find(|job| job.connection.id == connection) {
                    job.resume_points.insert(feed, point);
                }
            }
            Ok(jobs)
        })
        .await
    }
}

type CursorRow = (ConnectionId, String, String, i64, Option<i64>);
type PropertyRow = (ConnectionId, String, String, Option<i64>);

fn put_together(
    (vault, keys): (&Vault, &HashMap<UserId, UserKey>),
    unsaved: &UnsavedTokens,
    rows: Vec<ConnectionRow>,
    cursor_rows: Vec<CursorRow>,
    property_rows: Vec<PropertyRow>,
) -> Vec<Job> {
    let mut cursors: HashMap<ConnectionId, BTreeMap<String, Cursor>> = HashMap::new();
    let mut read_at: HashMap<ConnectionId, BTreeMap<String, DateTime<Utc>>> = HashMap::new();
    let mut wide_look_at: HashMap<ConnectionId, BTreeMap<String, DateTime<Utc>>> = HashMap::new();
    for (connection, feed, position, updated_at, looked_at) in cursor_rows {
        let looked_at = looked_at.map(|at| (feed.clone(), from_micros(at)));
        wide_look_at.entry(connection).or_default().extend(looked_at);
        read_at.entry(connection).or_default().insert(feed.clone(), from_micros(updated_at));
        cursors.entry(connection).or_default().insert(feed, Cursor(position));
    }
    let mut properties: HashMap<ConnectionId, Properties> = HashMap::new();
    for (connection, name, value, again_at) in property_rows {
        let known = properties.entry(connection).or_default();
        known.again_at.extend(again_at.map(|at| (name.clone(), from_micros(at))));
        known.values.insert(name, value);
    }
    let mut jobs = Vec::with_capacity(rows.len());
    for row in rows {
        let id = row.id;
        let key = keys.get(&row.user_id);
        let opened =
            tokens::open(vault, key, &row).and_then(|tokens| Ok((tokens, row.into_model()?)));
        match opened {
            Ok((stored, connection)) => {
                let (tokens, unsaved_since) = match unsaved.of(id) {
                    Some((tokens, came_at)) => (tokens, Some(came_at)),
                    None => (stored, None),
                };
                jobs.push(Job {
                    tokens,
                    unsaved_since,
                    properties: properties.remove(&id).unwrap_or_default(),
                    cursors: cursors.remove(&id).unwrap_or_default(),
                    read_at: read_at.remove(&id).unwrap_or_default(),
                    wide_look_at: wide_look_at.remove(&id).unwrap_or_default(),
                    resume_points: BTreeMap::new(),
                    delivered: BTreeMap::new(),
                    connection,
                })
            }
            // A damaged row must not keep other connections from syncing.
            Err(error) => {
                tracing::error!(connection.id = id.0, %error, "connection cannot be read")
            }
        }
    }
    jobs
}
