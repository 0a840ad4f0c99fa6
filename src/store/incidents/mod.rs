//! The error log. See [`crate::incidents`] for what stands in it.

pub(in crate::store) mod connects;
mod groups;
pub(in crate::store) mod judge;
mod listing;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Text;

pub use self::listing::IncidentFilter;
use crate::incidents::{IncidentCode, NewIncident, Subject};
use crate::model::{ConnectionId, Status};
use crate::store::sql::db::Db;
use crate::store::sql::rows::{Column, Rows};
use crate::store::sql::schema::{connections, incidents};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};

impl Store {
    /// Opens an incident, or counts it on the one that is open for the same subject.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_incident(
        &self,
        mut new: NewIncident,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if let (Subject::Partner(name), None) = (&new.subject, new.users) {
            // Counted by a reader: the writer has more to do.
            let users = self.connection_counts(name).await?.of_status(Status::Connected);
            new.users = Some(u32::try_from(users).unwrap_or(u32::MAX));
        }
        self.write(move |db| open(db, &[(new, now)])).await
    }

    /// Closes the incident that is open for a subject, if one is, and says why. `times` is how often
    /// it was seen since that was last stored.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close_incident(
        &self,
        code: IncidentCode,
        subject: Subject,
        times: u32,
        why: &'static str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |db| end(db, code, &subject, times, why, now)).await
    }

    /// Deletes incidents that were closed before `before`, at most `limit`. Returns whether there may
    /// be more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_old_incidents(
        &self,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<bool, StoreError> {
        let deleted = self.write(move |db| {
            let old: Vec<i64> = incidents::table
                .filter(incidents::closed_at.lt(to_micros(before)))
                .order(incidents::closed_at)
                .limit(limit)
                .select(incidents::id)
                .load(db)?;
            diesel::delete(incidents::table.filter(incidents::id.eq_any(&old))).execute(db)?;
            Ok(old.len())
        });
        Ok(i64::try_from(deleted.await?).is_ok_and(|deleted| deleted >= limit))
    }

    /// What a partner's actor watches and left open: each scenario with its connection, if it is
    /// about one, and when it was last seen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn watched_incidents(
        &self,
        partner: &'static str,
    ) -> Result<Vec<(IncidentCode, Option<ConnectionId>, DateTime<Utc>)>, StoreError> {
        let codes: Vec<&str> = IncidentCode::WATCHED.iter().map(|code| code.name()).collect();
        let rows: Vec<(String, Option<ConnectionId>, i64)> = self
            .read(move |db| {
                incidents::table
                    .filter(incidents::partner.eq(partner))
                    .filter(incidents::closed_at.is_null())
                    .filter(incidents::code.eq_any(codes))
                    .select((incidents::code, incidents::connection_id, incidents::last_at))
                    .load(db)
            })
            .await?;
        let known = rows.into_iter().filter_map(|(code, connection, at)| {
            Some((IncidentCode::from_name(&code)?, connection, from_micros(at)))
        });
        Ok(known.collect())
    }
}

/// Opens these incidents, no two of them the same, or counts them on those that are open.
pub(in crate::store) fn open(
    db: &mut Db,
    new: &[(NewIncident, DateTime<Utc>)],
) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let row = |(new, now): &(NewIncident, DateTime<Utc>)| {
        let (partner, connection, endpoint) = match &new.subject {
            Subject::Partner(name) => (Some(name.clone()), None, None),
            Subject::Connection(id) => (None, Some(*id), None),
            Subject::Account { partner, connection, .. } => {
                (Some(partner.clone()), Some(*connection), None)
            }
            Subject::Endpoint(id) => (None, None, Some(id.clone())),
        };
        (
            (new.code.name(), new.subject.key(), partner, connection, endpoint),
            (new.record.clone(), new.external_id.clone(), new.users, new.detail.clone()),
            (new.times, to_micros(*now)),
        )
    };
    let flat: Vec<_> = new
        .iter()
        .map(row)
        .map(
            |(
                (code, subject, partner, connection, endpoint),
                (record, external, users, detail),
                (times, at),
            )| {
                (
                    code, subject, partner, connection, endpoint, record, external, users, detail,
                    times, at,
                )
            },
        )
        .collect();
    let columns = [
        Column::Text("code"),
        Column::Text("subject"),
        Column::Text("partner"),
        Column::Integer("connection_id"),
        Column::Text("endpoint_id"),
        Column::Text("record_id"),
        Column::Text("external_id"),
        Column::Integer("users"),
        Column::Text("detail"),
        Column::Integer("times"),
        Column::Integer("at"),
    ];
    let rows = Rows::new(db, &columns, &flat)?;
    // A connection that was deleted meanwhile has no incidents.
    let insert = format!(
        "INSERT INTO incidents (code, subject, partner, user_id, connection_id, endpoint_id, \
         record_id, external_id, users, detail, times, first_at, last_at) \
         SELECT n.code, n.subject, COALESCE(n.partner, its.partner), its.user_id, n.connection_id, \
         n.endpoint_id, n.record_id, n.external_id, \
         n.users, n.detail, n.times, n.at, n.at \
         FROM {} LEFT JOIN connections AS its ON its.id = n.connection_id \
         WHERE n.connection_id IS NULL OR its.id IS NOT NULL \
         ON CONFLICT (code, subject) WHERE closed_at IS NULL DO UPDATE SET \
         times = incidents.times + excluded.times, last_at = excluded.last_at, \
         record_id = excluded.record_id, external_id = excluded.external_id, \
         users = excluded.users, detail = excluded.detail, \
         user_id = excluded.user_id, connection_id = excluded.connection_id",
        rows.table
    );
    diesel::sql_query(insert).bind::<Text, _>(rows.json).execute(db)?;
    let judged: Vec<ConnectionId> = new
        .iter()
        .filter(|(new, _)| IncidentCode::JUDGED.contains(&new.code))
        .filter_map(|(new, _)| match &new.subject {
            Subject::Connection(id) => Some(*id),
            _ => None,
        })
        .collect();
    if !judged.is_empty() {
        diesel::update(connections::table.filter(connections::id.eq_any(judged)))
            .set(connections::has_incidents.eq(true))
            .execute(db)?;
    }
    Ok(())
}

/// Closes the incident that is open for a subject, if one is: see [`Store::close_incident`].
pub(in crate::store) fn end(
    db: &mut Db,
    code: IncidentCode,
    subject: &Subject,
    times: u32,
    why: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let it = incidents::table
        .filter(incidents::code.eq(code.name()))
        .filter(incidents::subject.eq(subject.key()))
        .filter(incidents::closed_at.is_null());
    diesel::update(it)
        .set((
            incidents::times.eq(incidents::times + i64::from(times)),
            incidents::closed_at.eq(Some(to_micros(now))),
            incidents::closed_why.eq(Some(why)),
        ))
        .execute(db)?;
    Ok(())
}

/// Closes these incidents.
pub(in crate::store) fn close(
    db: &mut Db,
    ids: &[i64],
    why: &str,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    diesel::update(incidents::table.filter(incidents::id.eq_any(ids)))
        .set((incidents::closed_at.eq(Some(to_micros(now))), incidents::closed_why.eq(Some(why))))
        .execute(db)?;
    Ok(())
}
